"""What a till is told of the rules over a period or a life, so that it promises no more than they give."""

from __future__ import annotations

import msgspec
import pytest

from hq_server import background
from loyalty_core.messages import MemberRow
from tests.hq.accounts import CAPPED, DAY_MS, EXPIRY, JULY, MEMBERS, arrive, chores
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import DAY, purchase, spent, visit
from tests.hq.till import NOW_MS


def tallies(row: MemberRow) -> dict[str, tuple[str, int, int, int]]:
    """Return (period id, matches, redeemable, qualifying) by rule."""
    told = [msgspec.structs.astuple(one) for one in row.tallies]
    assert len({one[0] for one in told}) == len(told)
    return {one[0]: one[1:] for one in told}


async def test_a_cap_that_has_let_nothing_through_is_told_too(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    hq.publish(CAPPED)
    till = await arrive(tills, purchase())
    assert tallies(till.members["M1"]) == {"half-year": ("2026-H2", 0, 12, 12), "welcome": ("", 1, 0, 0)}
    assert tallies(till.members["M2"]) == {"half-year": ("2026-H2", 0, 0, 0)}


async def test_a_cap_of_a_version_that_is_still_to_come_is_told(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    later = CAPPED.replace("effective_from = 2026-07-01", "effective_from = 2026-12-01")
    hq.publish(later)
    till = await arrive(tills, purchase())
    assert tallies(till.members["M1"])["half-year"] == ("2026-H2", 0, 0, 0)


async def test_a_first_that_came_before_its_rule_is_over_though_nothing_was_given_for_it(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    hq.publish(CAPPED.replace("effective_from = 2026-07-01", "effective_from = 2026-11-22"))
    till = await arrive(tills, purchase(), purchase("2", at=NOW_MS + DAY_MS, day=DAY + 1))
    assert tallies(till.members["M1"])["welcome"] == ("", 1, 0, 0)
    assert till.members["M1"].balance == 24


async def test_a_first_that_has_not_been_is_not_told(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    hq.publish(CAPPED)
    till = await arrive(tills, visit())
    assert tallies(till.members["M1"]) == {
        "half-year": ("2026-H2", 0, 10, 10),
        "third-visit": ("2026-H2", 1, 0, 0),
    }


async def test_a_programme_without_such_rules_tells_nothing(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, purchase())
    assert till.members["M1"].tallies == ()
    hq.publish(PROGRAMME.replace("version = 1", "version = 2"))
    await tills.exchange(till)
    assert till.members["M1"].tallies == ()


async def test_what_has_ended_and_is_not_posted_yet_is_told_with_its_last_day(
    hq: Hq, tills: Tills, monkeypatch: pytest.MonkeyPatch
) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + EXPIRY)
    await arrive(tills, purchase(), spent(5))
    with monkeypatch.context() as held:
        held.setattr(background, "expiry_is_due", lambda tx, now_ms: False)
        hq.clock.now += (JULY - DAY) * DAY_MS
        late = await tills.join()
        await tills.exchange(late)
    row = late.members["M1"]
    assert (row.balance, [(one.points, one.last_day) for one in row.expiring]) == (7, [(7, JULY - 1)])
    chores(hq)
    await tills.exchange(late)
    assert (late.members["M1"].balance, late.members["M1"].expiring) == (0, ())


async def test_a_version_that_lets_points_last_otherwise_is_told_before_they_end(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + EXPIRY)
    till = await arrive(tills, purchase())
    await tills.exchange(till)
    assert [one.last_day for one in till.members["M1"].expiring] == [JULY - 1]
    later = PROGRAMME.replace("version = 1", "version = 3").replace("2026-07-01", "2026-12-01")
    hq.publish(later)
    chores(hq)
    await tills.exchange(till)
    assert till.members["M1"].expiring == ()
    assert hq.balances() == {"M1": 12}
