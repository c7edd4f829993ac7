"""Points that are lost: what is told of them, and that none is shown as spendable after its last day."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

import pytest

from edge_agent.expiring import Left, Own, left
from edge_agent.standing import Standing, standing
from edge_agent.store import members
from edge_agent.store.database import transaction
from loyalty_core.events import RedemptionCommitted
from loyalty_core.messages import Expiring
from loyalty_core.units import Day
from tests.edge.conftest import MakeTill
from tests.edge.counter import Counter
from tests.edge.made import CARD, MOONLIGHT, at, day, member, programme, purchase, returned, stamp
from tests.edge.till import Till

DECEMBER, JUNE, LAST = day("2026-12-31"), day("2027-06-30"), day("2027-12-31")
"""What the documentation's programme gives in the second half of 2026 ends with 2027."""
OLD, NEW = Expiring(60, DECEMBER), Expiring(30, JUNE)


def folded(
    told: Iterable[Expiring] = (OLD, NEW), balance: int = 100, own: Iterable[Own] = (), on: str = "2026-12-05"
) -> tuple[list[tuple[int, int]], int]:
    """Return [(points, last day)] and what has expired; what is earned now ends with 2027."""
    found: Left = left(told, balance, own, lambda _: LAST, day(on))
    return [(one.points, one.last_day) for one in found.expiring], found.expired


def test_what_headquarters_told_is_told_until_its_last_day_and_then_is_gone() -> None:
    assert folded(on="2026-12-31") == ([(60, DECEMBER), (30, JUNE)], 0)
    assert folded(on="2027-01-01") == ([(30, JUNE)], 60)
    assert folded(on="2027-07-01") == ([], 90)


def test_what_does_not_end_never_expires() -> None:
    assert folded((), 100, on="2099-01-01") == ([], 0)
    assert left((), 100, [Own(DECEMBER, 5, 0)], lambda _: None, day("2099-01-01")) == Left((), 0)


def test_own_points_join_the_lot_of_their_period() -> None:
    assert folded(own=[Own(DECEMBER, 7, 0)])[0] == [(60, DECEMBER), (30, JUNE), (7, LAST)]
    assert folded((OLD, Expiring(30, LAST)), own=[Own(DECEMBER, 7, 0)])[0] == [(60, DECEMBER), (37, LAST)]
    assert folded((), 0, own=[Own(DECEMBER, 7, 0)], on="2028-01-01") == ([], 7)


def test_of_lots_beyond_those_that_headquarters_tells_nothing_is_said() -> None:
    three = (OLD, NEW, Expiring(5, day("2027-09-30")))
    assert folded(three, own=[Own(DECEMBER, 7, 0)])[0] == [(60, DECEMBER), (30, JUNE), (5, day("2027-09-30"))]


def test_own_redemptions_take_from_the_oldest_lot_that_can_be_spent_on_their_day() -> None:
    assert folded(own=[Own(DECEMBER, 0, 70)]) == ([(20, JUNE)], 0)
    assert folded(own=[Own(DECEMBER, 0, 70)], on="2027-01-01") == ([(20, JUNE)], 0)
    after = Own(Day(DECEMBER + 1), 0, 20)
    assert folded(own=[after], on="2027-01-01") == ([(10, JUNE)], 60)
    assert folded(own=[after, Own(DECEMBER, 0, 50)], on="2027-01-01") == ([(10, JUNE)], 10)


def test_what_is_spent_beyond_all_lots_is_owed_and_expires_nothing() -> None:
    assert folded((OLD,), 60, own=[Own(DECEMBER, 0, 70)], on="2027-01-01") == ([], 0)
    assert folded((OLD,), 60, own=[Own(DECEMBER, 5, 62)]) == ([(3, LAST)], 0)


def test_a_lot_below_zero_takes_from_the_others() -> None:
    assert folded(own=[Own(DECEMBER, -10, 0)]) == ([(50, DECEMBER), (30, JUNE)], 0)
    assert folded((OLD,), 40)[0] == [(40, DECEMBER)], "headquarters told of a debt besides"


# At the till


def stands(till: Till, today: str) -> tuple[int, list[tuple[int, int]]]:
    """Return the balance on a day, and what is told of its lots."""
    found: Standing = standing(till.conn, till.books(), "id:M1", day("2026-11-20"), day(today))
    return found.balance, [(one.points, one.last_day) for one in found.expiring]


def test_the_balance_never_holds_points_whose_last_day_has_passed(till: Till) -> None:
    till.know(member(balance=100, expiring=(OLD,)))
    assert stands(till, "2026-12-31") == (100, [(60, DECEMBER)])
    assert stands(till, "2027-01-01") == (40, [])


def test_own_points_are_told_with_the_end_of_their_own_lot(till: Till) -> None:
    till.know(member(balance=100, expiring=(OLD,)))
    till.record(purchase())
    assert stands(till, "2026-12-05") == (112, [(60, DECEMBER), (12, LAST)])
    till.record(returned(net_minor=3_990))
    assert stands(till, "2026-12-05") == (109, [(60, DECEMBER), (9, LAST)])
    assert stands(till, "2028-01-01") == (40, [])


def test_a_late_receipt_of_a_period_whose_points_have_expired_adds_nothing_to_spend(
    make_till: MakeTill,
) -> None:
    till = make_till(programme(text=MOONLIGHT.replace("after_periods = 2", "after_periods = 1")))
    till.clock.wall = int(at("2027-07-01 12:00"))
    till.know(member(balance=100))
    till.record(purchase())
    assert stands(till, "2027-06-30") == (112, [(12, JUNE)])
    assert stands(till, "2027-07-01") == (100, [])


def test_what_a_return_takes_is_of_its_own_lot_also_where_only_such_points_were_given(
    make_till: MakeTill,
) -> None:
    spend = 'id = "spend"\n'
    till = make_till(programme(text=MOONLIGHT.replace(spend, spend + 'affects = "redeemable"\n')))
    till.know(member(balance=60, expiring=(OLD,)))
    till.record(purchase())
    till.record(returned(net_minor=3_990))
    assert stands(till, "2026-12-05") == (69, [(60, DECEMBER), (9, LAST)])


def test_a_redemption_leaves_the_lot_of_its_own_period_to_the_last(till: Till) -> None:
    till.know(member(balance=100, expiring=(OLD, Expiring(40, LAST))))
    event = RedemptionCommitted("id:M1", at("2026-12-05 10:00"), day("2026-12-05"), "R1", 50, 50, "", None)
    with transaction(till.conn):
        till.recorder.spend(till.conn, till.books(), "id:M1", event)
    assert stands(till, "2026-12-31") == (50, [(10, DECEMBER), (40, LAST)])


def test_own_redemptions_are_taken_from_what_is_lost_first_until_headquarters_has_them(till: Till) -> None:
    till.know(member(balance=100, expiring=(OLD,)))
    event = RedemptionCommitted("id:M1", at("2026-12-05 10:00"), day("2026-12-05"), "R1", 50, 50, "", None)
    with transaction(till.conn):
        till.recorder.spend(till.conn, till.books(), "id:M1", event)
    assert stands(till, "2026-12-31") == (50, [(10, DECEMBER)])
    assert stands(till, "2027-01-01") == (40, [])
    till.know(member(balance=50, expiring=(Expiring(10, DECEMBER),), stamp=stamp(1)))
    assert stands(till, "2027-01-01") == (40, [])


def test_without_a_programme_what_was_told_still_ends(make_till: MakeTill) -> None:
    till = make_till()
    with transaction(till.conn):
        till.conn.execute("DELETE FROM programme")
    till.know(member(balance=100, expiring=(OLD,)))
    assert stands(till, "2027-01-01") == (40, [])


@pytest.mark.parametrize(("now", "balance"), [("2027-01-01 04:59", 112), ("2027-01-01 05:00", 52)])
async def test_the_day_of_asking_counts_and_not_that_of_the_receipt(
    counter: Counter, now: str, balance: int
) -> None:
    await counter.do(partial(members.put, rows=[member(expiring=(OLD,))]))
    counter.clock.wall = int(at(now))
    answer = await counter.ok("/v1/receipts", purchase())
    assert answer["member"]["balance"] == balance
    told = [{"points": 60, "usable_until": "2026-12-31"}] * (balance == 112)
    assert answer["member"]["expiring"] == [*told, {"points": 12, "usable_until": "2027-12-31"}]
    found = await (await counter.get(f"/v1/members/{CARD}")).json()
    assert (found["balance"], found["expiring"]) == (balance, answer["member"]["expiring"])


async def test_with_a_clock_that_has_lost_its_time_the_day_of_the_receipt_counts(counter: Counter) -> None:
    await counter.do(partial(members.put, rows=[member(expiring=(OLD,))]))
    counter.clock.wall = 0
    assert (await counter.ok("/v1/receipts", purchase()))["member"]["balance"] == 112
