"""Redemptions between real tills and headquarters: holds, late commits, what is owed, and what comes back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from edge_agent.store import members
from hq_server.audit import audit
from hq_server.coupons import coupons_of, issue
from hq_server.decisions import said
from hq_server.holds import lapse_some
from hq_server.house import load_house
from loyalty_core.messages import MemberRow
from loyalty_core.units import Day, EpochMs
from tests.edge.made import day
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.spending_till import HOLD, RULES, SpendingTill

SPENDING = (
    PROGRAMME.replace("version = 1", "version = 2") + RULES + '[[reward]]\nid = "balls"\npoints = 500\n'
)


@pytest.fixture
def spending(hq: Hq) -> Hq:
    """Return a headquarters of the member M1, who has no points yet."""
    hq.publish(SPENDING)
    hq.members("member_id,name,home_store\nM1,홍길동,S012\n")
    return hq


@pytest.fixture
def tills(spending: Hq, tmp_path: Path) -> tuple[SpendingTill, SpendingTill]:
    """Return two tills that know that M1 has 1,000 points."""
    one, other = SpendingTill(tmp_path, spending, "T01"), SpendingTill(tmp_path, spending, "T02")
    one.sell("first", 1_000_000, "M1")
    one.exchange()
    other.exchange()
    assert spending.balances() == {"M1": 1000}
    return one, other


def row_at(till: SpendingTill) -> MemberRow:
    """Return what headquarters says of M1 now."""
    till.exchange()
    row = members.read(till.conn, "M1")
    assert row is not None
    return row


def holds(hq: Hq) -> list[tuple[int, int]]:
    """Return (points, until) of each hold."""
    return [(row[0], row[1]) for row in hq.sql("SELECT points, until_ms FROM holds ORDER BY points")]


def let_lapse(hq: Hq) -> int:
    """Do the chore that ends holds."""
    with hq.writing() as tx:
        return lapse_some(tx, EpochMs(hq.clock.now))


def check(hq: Hq) -> None:
    """Have headquarters derive everything again."""
    with hq.reading() as tx:
        audit(tx, hq.public_key, lambda *_: None)


# Holds


def test_what_is_held_for_one_till_is_under_way_at_the_other_until_it_is_committed(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, other = tills
    outcome = one.authorise(800, online=True)
    assert (outcome.redemption.allowance, outcome.redemption.until_ms) == (0, one.clock.wall + HOLD)
    assert holds(spending) == [(800, spending.clock.now + HOLD)]
    assert (row_at(one).held, row_at(other).held) == (0, 800)
    assert other.refused(201, online=False) == "points_missing"
    assert spending.balances() == {"M1": 1000}
    one.commit(outcome)
    one.exchange()
    assert holds(spending) == []
    assert spending.balances() == {"M1": 200}
    told = row_at(other)
    assert (told.balance, told.held) == (200, 0)
    assert one.balance("M1") == other.balance("M1") == 200
    check(spending)


def test_what_is_held_is_refused_to_another_who_asks(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, other = tills
    one.told(one.wanted(800))
    wanted = other.wanted(300)
    assert other.redeeming.spendable.available(other.conn, other.books(), "id:M1", 1000) == 1000
    told = other.told(wanted)
    assert (told.granted, told.code) == (0, "points_missing")
    assert other.told(other.wanted(200)).granted == 200


@pytest.mark.parametrize("ending", ["cancelled", "lapsed"])
def test_a_hold_ends_with_the_authorisation(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill], ending: str
) -> None:
    one, other = tills
    outcome = one.authorise(800, online=True)
    if ending == "cancelled":
        one.cancel(outcome)
    else:
        one.clock.go_on(HOLD)
        assert one.lapse() == 1
    one.exchange()
    assert holds(spending) == []
    assert row_at(other).held == 0
    assert other.authorise(1000, online=True).redemption.points == 1000
    assert spending.balances() == {"M1": 1000}


def test_a_hold_of_a_till_that_is_heard_of_no_more_lapses_and_the_others_are_told(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, other = tills
    one.authorise(800, online=True)
    spending.clock.now += HOLD - 1
    assert other.told(other.wanted(900)).code == "points_missing"
    assert let_lapse(spending) == 0
    assert row_at(other).held == 800
    spending.clock.now += 1
    assert let_lapse(spending) == 1
    assert row_at(other).held == 0
    assert other.authorise(900, online=True).redemption.points == 900


def test_the_same_question_is_answered_again_and_holds_once(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, _ = tills
    first = one.told(one.wanted(800, "a"))
    spending.clock.now += 1000
    again = one.told(one.wanted(800, "a"))
    assert again.granted == 800
    assert first.until_monotonic_ms - again.until_monotonic_ms == 1000
    assert len(holds(spending)) == 1


def test_a_question_after_its_hold_is_over_is_a_new_one(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, other = tills
    one.told(one.wanted(800, "a"))
    spending.clock.now += HOLD
    assert one.told(one.wanted(800, "a")).until_monotonic_ms == one.clock.monotonic + HOLD
    assert holds(spending) == [(800, spending.clock.now + HOLD)]
    spending.clock.now += HOLD
    other.told(other.wanted(800))
    assert one.told(one.wanted(800, "a")).code == "points_missing"


def test_a_question_for_more_under_the_same_id_does_not_count_itself(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, _ = tills
    one.told(one.wanted(800, "a"))
    assert one.told(one.wanted(900, "a")).granted == 900
    assert holds(spending) == [(900, spending.clock.now + HOLD)]


def test_what_came_with_the_question_counts(spending: Hq, tills: tuple[SpendingTill, SpendingTill]) -> None:
    one, _ = tills
    one.sell("more", 500_000, "M1")
    assert one.authorise(1500, online=True).redemption.points == 1500


def test_where_points_pay_for_nothing_headquarters_says_so(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, _ = tills
    spending.publish(PROGRAMME.replace("version = 1", "version = 3"))
    assert one.refused(500, online=True) == "redemption_off"


# Without headquarters


def test_two_tills_without_headquarters_lose_at_most_an_allowance_each(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, other = tills
    online = one.authorise(1000, online=True)
    one.commit(online)
    other.spend(300, online=False)
    assert other.refused(100, online=False) == "allowance_exceeded"
    one.exchange()
    other.exchange()
    assert spending.balances() == {"M1": -300}
    assert spending.exceptions() == [("overdrawn", "M1")]
    assert (row_at(one).allowance, row_at(other).allowance) == (0, 0)
    assert one.refused(100, online=False) == "points_missing"
    one.sell("more", 301_000, "M1")
    one.exchange()
    assert spending.balances() == {"M1": 1}
    assert spending.exceptions() == []
    check(spending)


def test_an_online_commit_that_comes_after_its_hold_was_over_posts_into_the_negative(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, other = tills
    outcome = one.authorise(1000, online=True)
    one.commit(outcome)
    for clock in (one.clock, other.clock):
        clock.go_on(HOLD)
    spending.clock.now += HOLD
    let_lapse(spending)
    other.exchange()
    other.spend(700, online=True)
    other.exchange()
    one.exchange()
    assert spending.balances() == {"M1": -700}
    assert spending.exceptions() == [("overdrawn", "M1")]
    assert holds(spending) == []
    check(spending)


def test_the_same_commit_arriving_again_is_posted_once(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, _ = tills
    one.spend(300, online=False)
    one.exchange()
    one.conn.execute("DELETE FROM acknowledged")
    one.exchange()
    assert spending.balances() == {"M1": 700}
    assert one.balance("M1") == 700


# What gives points back


def void_of(one: SpendingTill, other: SpendingTill, number: str) -> None:
    """Void a receipt of the one till at the other, so that the one does not know."""
    said = {"original": one.key_of(number), "occurred_at": "2026-11-21T10:32:00+09:00"}
    other.record({"kind": "void", "receipt": other.key_of("v")} | said)


@pytest.mark.parametrize("order", list(permutations(["sell", "commit", "void"])))
def test_a_void_gives_back_once_whatever_comes_first(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill], order: tuple[str, ...]
) -> None:
    one, other = tills
    outcome = one.authorise(300, online=False)
    steps: dict[str, Callable[[], None]] = {
        "sell": lambda: one.sell("p", 10_000, None),
        "commit": lambda: one.commit(outcome, one.receipt("p")),
        "void": lambda: void_of(one, other, "p"),
    }
    for step in order:
        steps[step]()
        one.exchange()
        other.exchange()
    assert spending.balances() == {"M1": 1000}
    one.exchange()
    assert one.balance("M1") == other.balance("M1") == 1000
    assert [kind for kind, _ in spending.exceptions()] == ["redemption_void"]
    kinds = spending.sql("SELECT kind, redeemable FROM entries WHERE kind LIKE 're%' ORDER BY kind")
    posted = {kind for kind, _ in kinds}
    assert posted in ({"redemption", "redeem_rollback"}, {"redemption", "redeem_rollback", "correction"})
    assert sum(points for _, points in kinds) == 0
    check(spending)


def test_a_receipt_of_one_till_that_is_voided_at_another_gives_the_points_back(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, other = tills
    one.sell("p", 10_000, None)
    one.commit(one.authorise(300, online=False), one.receipt("p"))
    one.exchange()
    void_of(one, other, "p")
    other.exchange()
    one.exchange()
    assert spending.balances() == {"M1": 1000}
    assert one.balance("M1") == other.balance("M1") == 1000


# Coupons


def give_coupon(hq: Hq) -> str:
    """Have headquarters issue a coupon to M1; return its code."""
    days = (Day(day("2026-11-01")), Day(day("2026-11-30")))
    with hq.writing() as tx:
        house, now_ms = load_house(tx), EpochMs(hq.clock.now)
        issue(tx, house, "M1", "balls", days, said("kim", "a gift"), hq.key, now_ms)
        return coupons_of(tx, house, ("M1",), now_ms)[-1].code


def offered(till: SpendingTill) -> list[str]:
    """Return the coupons that a look-up offers."""
    till.exchange()
    spendable, today = till.redeeming.spendable, day("2026-11-21")
    purse = spendable.purse(till.conn, till.books(), "id:M1", till.balance("M1"), today)
    return [one.coupon.coupon_id for one in purse.coupons]


def test_a_coupon_that_is_used_at_two_tills_is_found_and_gone(
    spending: Hq, tills: tuple[SpendingTill, SpendingTill]
) -> None:
    one, other = tills
    code, kept = give_coupon(spending), give_coupon(spending)
    assert kept != code
    assert offered(one) == offered(other) == ["C1", "C2"]
    for till in tills:
        till.commit(till.authorise(None, online=False, coupon=code))
    one.exchange()
    assert spending.exceptions() == []
    other.exchange()
    assert [kind for kind, _ in spending.exceptions()] == ["coupon_used_twice"]
    assert offered(one) == offered(other) == ["C2"]
    assert spending.balances() == {"M1": 1000}
    check(spending)
