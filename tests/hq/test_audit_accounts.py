"""The audit of what is derived beside days: dates and versions of entries, returns, awards that differ."""

from __future__ import annotations

from pathlib import Path

import pytest

from hq_server.audit import Difference
from loyalty_core.events import Claim
from tests.hq.accounts import DAY_MS, EXPIRY, JULY, MEMBERS, REDEEM, chores, close
from tests.hq.conftest import PROGRAMME, Hq, copy_of
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, claim, purchase, spent, void
from tests.hq.test_audit import run_audit
from tests.hq.till import NOW_MS

CAP = '[[cap]]\nid = "half"\npoints = 15\nper = "period"\n'
BONUS = '[[bonus]]\nid = "second"\non = "purchase"\npoints = 30\nper = "period"\nnth = 2\n'
RULES = PROGRAMME.replace("version = 1", "version = 2") + REDEEM + EXPIRY + CAP + BONUS
LATER = RULES.replace("version = 2", "version = 3").replace("2026-07-01", "2027-01-01")


@pytest.fixture
def desk(hq: Hq) -> Desk:
    return desk_of(hq)


def desk_of(hq: Hq) -> Desk:
    """Return the desk of a headquarters that these rules and members are made known to."""
    hq.members(MEMBERS)
    hq.publish(RULES)
    return Desk(hq)


def fill(hq: Hq, desk: Desk) -> None:
    """Make every kind of entry that follows from a whole account, and two returns of one key."""
    till, other = desk.till(), desk.till()
    desk.send(
        till,
        purchase("1", 10_000, day=DAY - 9, at=NOW_MS - 9 * DAY_MS),
        purchase("2", 10_000),
        purchase("9", 4_000, None),
        back("r1", of="9", net=1_000),
        back("r2", of="9", net=1_000, at=NOW_MS + 5),
        spent(5),
    )
    desk.send(other, back("r1", of="9", net=1_000, at=NOW_MS + 9))
    desk.send(till, purchase("3", 5_000), claim=Claim(2, "BRONZE", 99, 99))
    desk.send(till, void("3", at=NOW_MS + 9))
    desk.approve(desk.propose("M1", 7, 7, day=DAY - 4))
    close(hq, "2026-H2")
    desk.send(till, void("2", at=NOW_MS + 3))
    hq.publish(LATER)
    hq.clock.now += (JULY - DAY) * DAY_MS
    chores(hq)


def test_the_audit_finds_no_difference_in_what_follows_from_whole_accounts(hq: Hq, desk: Desk) -> None:
    fill(hq, desk)
    kinds = hq.sql("SELECT DISTINCT kind FROM entries WHERE earned_day = 0 ORDER BY kind")
    assert [kind for (kind,) in kinds] == ["adjustment", "bonus", "cap", "correction", "expiry"]
    assert hq.sql("SELECT count(*) FROM returned_receipts") == [(2,)]
    assert hq.sql("SELECT count(*) FROM award_differences") > [(2,)]
    run_audit(hq)


DAMAGE = {
    "an expiry on another day": "UPDATE entries SET business_day = business_day + 1 WHERE kind = 'expiry'",
    "a cap in another period": "UPDATE entries SET business_day = business_day - 300 WHERE kind = 'cap'",
    "a cap on an empty day": "UPDATE entries SET business_day = business_day - 1 WHERE kind = 'cap'",
    "a cap on the day of an adjustment": "UPDATE entries SET business_day = business_day - 4 "
    "WHERE kind = 'cap'",
    "a correction of a cap on another day": "UPDATE entries SET business_day = business_day + 1 "
    "WHERE corrects = 'cap'",
    "a kept total on another day": "UPDATE entries SET business_day = business_day - 1 "
    "WHERE rule = 'closed-total'",
    "a kept total by a version": "UPDATE entries SET programme_version = 1 WHERE rule = 'closed-total'",
    "a cap by a version that is not known": "UPDATE entries SET programme_version = 99 WHERE kind = 'cap'",
    "an expiry by a version that is not known": "UPDATE entries SET programme_version = 99 "
    "WHERE kind = 'expiry'",
    "an expiry by a version without one": "UPDATE entries SET programme_version = 1 WHERE kind = 'expiry'",
    "a bonus by an unknown version": "UPDATE entries SET programme_version = 99 WHERE kind = 'bonus'",
    "a redemption by a version that is not known": "UPDATE entries SET programme_version = 99 "
    "WHERE kind = 'redemption'",
    "a redemption by a later version": "UPDATE entries SET programme_version = 3 WHERE kind = 'redemption'",
    "a redemption by no version": "UPDATE entries SET programme_version = 0 WHERE kind = 'redemption'",
    "an adjustment by a version that is not known": "UPDATE entries SET programme_version = 99 "
    "WHERE kind = 'adjustment' AND rule = ''",
    "a return of more": "UPDATE returned_receipts SET net_minor = net_minor + 1",
    "a return at another time": "UPDATE returned_receipts SET occurred_at_ms = occurred_at_ms - 1",
    "a return by a later event": "UPDATE returned_receipts SET terminal_id = 'S012-T02', seq = 1, "
    "occurred_at_ms = occurred_at_ms + 8 WHERE number = 'r1'",
    "a return that is gone": "DELETE FROM returned_receipts WHERE number = 'r2'",
    "a return too many": "INSERT INTO returned_receipts SELECT store_id, business_day, till, 'r3', "
    "net_minor, occurred_at_ms, terminal_id, epoch, branch, seq FROM returned_receipts WHERE number = 'r1'",
    "awards that agree": "DELETE FROM award_differences",
    "an award with another cause": "UPDATE award_differences SET cause = 'tier' WHERE cause = 'unexplained'",
    "an award that was answered otherwise": "UPDATE award_differences SET claimed_redeemable = 98 "
    "WHERE claimed_redeemable = 99",
    "an award of nobody": "INSERT INTO award_differences SELECT bucket, 'M2', business_day, terminal_id, "
    "epoch, branch, seq, 1, 1, 0, 0, cause, 1 FROM award_differences LIMIT 1",
}


@pytest.fixture(scope="module")
def filled(founded: Hq, tmp_path_factory: pytest.TempPathFactory) -> Hq:
    """Such a ledger, to be copied."""
    made = copy_of(founded, tmp_path_factory.mktemp("filled"))
    fill(made, desk_of(made))
    run_audit(made)
    return made


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_audit_names_what_of_a_whole_account_was_changed(filled: Hq, tmp_path: Path, damage: str) -> None:
    hq = copy_of(filled, tmp_path)
    hq.tamper(DAMAGE[damage])
    with pytest.raises(Difference, match=r"member M|returned receipts|event S012"):
        run_audit(hq)


def test_a_cap_may_stand_on_a_day_from_which_what_it_cut_has_moved_away(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    _, event = desk.send(
        till, purchase("1", 10_000, day=DAY - 2, at=NOW_MS - 2), purchase("2", 10_000, day=DAY - 1)
    )
    desk.place(event, DAY - 3)
    assert hq.sql("SELECT business_day FROM entries WHERE kind = 'cap'") == [(DAY - 1,)]
    assert hq.sql("SELECT count(*) FROM entries WHERE corrects = 'cap'") == [(0,)]
    run_audit(hq)


def test_an_entry_may_stand_by_the_version_of_its_day_when_it_was_posted(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase("1", 20_000), spent(5))
    hq.publish(RULES.replace("version = 2", "version = 3"))
    desk.derive()
    assert hq.sql("SELECT DISTINCT programme_version FROM entries") == [(2,)]
    run_audit(hq)


def test_of_two_claims_the_first_is_kept_as_the_answer_whenever_it_comes(hq: Hq, desk: Desk) -> None:
    """Of two claims of one purchase the first in canonical order names the member and its till answered."""
    one, other = desk.till(), desk.till()
    desk.send(one, purchase("1", 20_000, None))
    desk.send(one, claim("1", at=NOW_MS + 9), claim=Claim(2, "BRONZE", 7, 7))
    desk.send(other, claim("1", at=NOW_MS + 5), claim=Claim(2, "BRONZE", 9, 9))
    assert hq.sql("SELECT claimed_redeemable FROM award_differences") == [(9,)]
    run_audit(hq)
