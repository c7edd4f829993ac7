"""Versions that reach back: what they move is shown first; claims and lots are judged anew with the days."""

from __future__ import annotations

import pytest

from hq_server.decisions import said
from hq_server.house import load_house
from hq_server.programmes import Consent, Moves, preview, publish
from loyalty_core.events import PurchaseRecorded
from loyalty_core.programme_toml import read_programme
from tests.hq.accounts import EXPIRY, JULY, MEMBERS, REDEEM, chores
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY, claim, purchase, spent, void
from tests.hq.test_audit import run_audit
from tests.hq.till import NOW_MS

DAY_MS = 86_400_000


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS)
    return Desk(hq)


def version(number: int, changes: str) -> str:
    """Return the programme of these tests under another number, with more lines at its head."""
    return PROGRAMME.replace("version = 1", f"version = {number}\n{changes}")


def old(number: str, net: int) -> PurchaseRecorded:
    """Return an anonymous purchase of 16 days ago."""
    return purchase(number, net, None, day=DAY - 16, at=NOW_MS - 16 * DAY_MS)


def shown(hq: Hq, text: str) -> Moves:
    with hq.reading() as tx:
        return preview(tx, load_house(tx), read_programme(text), hq.clock())


def test_claims_are_judged_by_the_version_that_reaches_back(hq: Hq, desk: Desk) -> None:
    one, far = desk.till(), desk.till("S099")
    desk.send(one, old("1", 9_000))
    desk.send(far, claim(of_day=DAY - 16))
    assert hq.balances() == {}
    longer = version(2, "claim_days = 20")
    assert shown(hq, longer) == Moves(0, 0, 0, 0, 0, 1)
    hq.publish(longer)
    desk.derive()
    assert hq.balances() == {"M1": 9}
    assert hq.exceptions() == []
    run_audit(hq)
    hq.publish(version(3, "claim_days = 15"))
    desk.derive()
    assert hq.balances() == {"M1": 0}
    assert [kind for kind, _ in hq.exceptions()] == ["claim_late"]
    run_audit(hq)


def test_a_claim_at_headquarters_is_judged_anew_too(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase(member=None, day=DAY - 10, at=NOW_MS - 10 * DAY_MS))
    desk.claim("S012/T01/2026-11-11/1", "M1")
    hq.publish(version(2, "claim_days = 9"))
    desk.derive()
    assert hq.balances() == {"M1": 0}
    run_audit(hq)


def test_what_comes_before_or_after_the_version_comes_to_the_same(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, old("1", 9_000), claim("1", of_day=DAY - 16))
    hq.publish(version(2, "claim_days = 20"))
    desk.send(till, old("2", 8_000), claim("2", of_day=DAY - 16))
    desk.derive()
    assert hq.balances() == {"M1": 17}
    run_audit(hq)


def test_the_preview_counts_points_that_expire_otherwise(hq: Hq, desk: Desk) -> None:
    text = PROGRAMME.replace("version = 1", "version = 2")
    hq.publish(text.replace("[tier_policy]", REDEEM + EXPIRY + "[tier_policy]"))
    till = desk.till()
    desk.send(till, purchase("1", 30_000, day=DAY - 143, at=NOW_MS - 143 * DAY_MS), spent(10))
    hq.clock.now = NOW_MS + (JULY - DAY) * DAY_MS
    chores(hq)
    assert hq.balances() == {"M1": 0}
    # It begins after the last purchase, and says of that period's last day that points last longer.
    later = text.replace("version = 2", "version = 3").replace("2026-07-01", "2026-12-01")
    later = later.replace("[tier_policy]", REDEEM + EXPIRY.replace("1", "2") + "[tier_policy]")
    assert shown(hq, later) == Moves(1, 20, 0, 0, 0)
    hq.publish(later)
    desk.derive()
    assert hq.balances() == {"M1": 20}
    run_audit(hq)


def test_the_preview_counts_points_that_have_expired_by_rules_that_begin_with_the_version(
    hq: Hq, desk: Desk
) -> None:
    desk.send(desk.till(), purchase("1", 30_000))
    hq.clock.now = NOW_MS + (JULY - DAY) * DAY_MS
    text = version(2, "").replace("[tier_policy]", EXPIRY + "[tier_policy]")
    assert shown(hq, text) == Moves(1, 0, -30, 0, 0)
    hq.publish(text)
    chores(hq)
    assert hq.balances() == {"M1": 0}
    run_audit(hq)


def test_the_consent_is_kept_with_what_was_shown(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase())
    text = version(2, "").replace("per = 1000", "per = 500")
    moves = shown(hq, text)
    assert moves == Moves(1, 13, 0, 13, 0)
    with hq.writing() as tx:
        consent = Consent(said("kim", "the flyer said so"), moves)
        publish(
            tx,
            read_programme(text),
            text,
            retroactive=True,
            key=hq.key,
            now_ms=hq.clock(),
            consent=consent,
        )
    kept = desk.decision(1)
    assert (kept.kind, kept.subject, kept.made_by, kept.state) == ("programme", "version 2", "kim", "stands")
    assert '"redeemable_up":13' in kept.detail
    desk.derive()
    run_audit(hq)


def test_a_merged_account_is_derived_again_by_the_version(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(
        till, purchase("1"), purchase("2", 5_000, "id:M2"), purchase("3", 7_000), void("3", at=NOW_MS + 9)
    )
    desk.merge("M2", "M1")
    text = version(2, "").replace("per = 1000", "per = 500")
    assert shown(hq, text) == Moves(1, 25, -7, 25, -7)
    hq.publish(text)
    desk.derive()
    assert hq.balances() == {"M1": 35, "M2": 0}
    run_audit(hq)
