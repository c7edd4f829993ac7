"""Accounts over their periods: caps and bonuses, lots that expire, and what comes after a close."""

from __future__ import annotations

from loyalty_core.events import Event
from tests.hq.accounts import (
    CAPPED,
    DAY_MS,
    EXPIRY,
    JULY,
    MEMBERS,
    REDEEM,
    arrive,
    audited,
    chores,
    close,
    entries,
    net,
)
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import DAY, back, purchase, spent, visit, void
from tests.hq.till import NOW_MS


async def test_period_rules_are_entries_of_their_own_and_tell_the_tills_how_far_they_are(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    hq.publish(CAPPED)
    visits = [visit(at=NOW_MS + day * DAY_MS) for day in range(3)]
    visits = [
        type(one)(one.member, one.occurred_at_ms, DAY + n, "till", None) for n, one in enumerate(visits)
    ]
    till = await arrive(tills, purchase(), *visits)
    assert net(hq) == {
        ("earn", "S012-T01.1", DAY, "2026-H2"): (12, 12),
        ("earn", "S012-T01.2", DAY, "2026-H2"): (10, 10),
        ("earn", "S012-T01.3", DAY + 1, "2026-H2"): (10, 10),
        ("earn", "S012-T01.4", DAY + 2, "2026-H2"): (10, 10),
        ("cap", ".0", 0, "2026-H2half-year"): (-12, -12),
        ("bonus", "S012-T01.4", 0, "2026-H2third-visit"): (7, 7),
        ("bonus", "S012-T01.1", 0, "2026-H2welcome"): (5, 5),
        ("bonus", "S012-T01.1", 0, "2026-H2birthday"): (9, 9),
    }
    row = till.members["M1"]
    assert row.balance == 30 + 21
    tallies = {one.rule: (one.matches, one.redeemable) for one in row.tallies}
    assert (tallies["half-year"], tallies["third-visit"], tallies["welcome"]) == ((0, 30), (3, 0), (1, 0))
    assert row.birthday == DAY
    audited(hq)


async def test_period_rules_move_by_diff_when_an_earlier_visit_comes_or_the_first_purchase_goes(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    hq.publish(CAPPED)
    late: list[Event] = [purchase(), purchase("2", 3_000, at=NOW_MS + DAY_MS, day=DAY + 1)]
    till = await arrive(tills, *late)
    assert net(hq)["bonus", "S012-T01.1", 0, "2026-H2welcome"] == (5, 5)
    till.record(void(at=NOW_MS + 2 * DAY_MS))
    await tills.send(till)
    assert ("bonus", "S012-T01.1", 0, "2026-H2welcome") not in net(hq)
    assert net(hq)["bonus", "S012-T01.2", 0, "2026-H2welcome"] == (5, 5)
    assert hq.balances() == {"M1": 8}
    audited(hq)


async def test_points_expire_by_lot_and_a_late_redemption_restores_what_it_would_have_spent(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM + EXPIRY)
    till = await arrive(tills, purchase("1", 50_000), spent(20))
    hq.clock.now = NOW_MS + 222 * DAY_MS
    chores(hq)
    assert hq.balances() == {"M1": 0}
    assert entries(hq)[-1] == ("expiry", -30, 0)
    till.record(spent(25, "R2", at=NOW_MS + 5))
    await tills.send(till)
    assert hq.balances() == {"M1": 0}
    assert entries(hq)[-2:] == [("correction", 25, 0), ("redemption", -25, 0)]
    audited(hq)
    chores(hq)
    assert len(entries(hq)) == 5


async def test_points_given_back_into_a_lot_that_has_expired_expire_with_it(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM + EXPIRY)
    till = await arrive(tills, purchase("1", 50_000), purchase("2", 20_000), spent(60, paid="2"))
    hq.clock.now = NOW_MS + 222 * DAY_MS
    chores(hq)
    till.record(back("r1", of="2", net=20_000, at=hq.clock.now, day=JULY))
    await tills.send(till)
    assert hq.balances() == {"M1": 0}
    assert net(hq)["redeem_rollback", "S012-T01.4", DAY, "2027-H2R1"] == (60, 0)
    assert net(hq)["expiry", ".0", 0, "2026-H22026-H2"] == (-50, 0)
    audited(hq)


async def test_after_the_close_gains_count_beside_and_late_clawbacks_take_them_first(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, purchase("1", 50_000), purchase("2", 9_000, at=NOW_MS + DAY_MS, day=DAY + 1))
    close(hq, "2026-H2")
    january = DAY + 50
    till.record(purchase("3", 4_000, at=NOW_MS + 2 * DAY_MS, day=DAY + 2))
    till.record(back("r1", of="1", net=10_000, at=NOW_MS + 50 * DAY_MS, day=january))
    await tills.send(till)
    totals: dict[str, int] = dict(hq.sql("SELECT period_id, qualifying FROM totals"))
    assert totals == {"2026-H2": 59, "2027-H1": -6}
    assert hq.balances() == {"M1": 53}
    till.record(purchase("4", 8_000, at=NOW_MS + 3 * DAY_MS, day=DAY + 3))
    await tills.send(till)
    totals = dict(hq.sql("SELECT period_id, qualifying FROM totals"))
    assert totals == {"2026-H2": 61, "2027-H1": 0}
    audited(hq)


async def test_late_clawbacks_keep_their_turn_whenever_points_were_spent_on_what_they_take_back(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, purchase("1", 20_000), purchase("2", 20_000))
    close(hq, "2026-H2")
    till.record(purchase("3", 12_000, at=NOW_MS + 5))
    first = till.record(void("1", at=NOW_MS + 10))
    second = till.record(back("r1", of="2", net=5_000, at=NOW_MS + 20))
    till.record(spent(5, paid="1", at=NOW_MS + 30))
    await tills.send(till)
    rows = hq.sql("SELECT seq, period_id, qualifying FROM entries WHERE kind = 'clawback' ORDER BY 1, 2")
    assert rows == [
        (first, "2026-H2", -12),
        (first, "2027-H1", -8),
        (second, "2026-H2", 0),
        (second, "2027-H1", -5),
    ]
    audited(hq)


async def test_a_closed_total_never_falls_whatever_is_taken_back(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await arrive(tills, purchase("1", 50_000))
    close(hq, "2026-H2")
    till.record(void(at=NOW_MS + 50 * DAY_MS))
    await tills.send(till)
    totals: dict[str, int] = dict(hq.sql("SELECT period_id, qualifying FROM totals"))
    assert totals["2026-H2"] == 50
    assert hq.balances() == {"M1": 0}
    audited(hq)
