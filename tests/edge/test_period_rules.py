"""The rules over a period or a life at the till: what it tells and books, and what it does not promise."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.ahead import Ahead
from edge_agent.recorder import Outcome
from edge_agent.standing import Standing
from edge_agent.store.database import transaction
from edge_agent.store.integrity import verify
from loyalty_core.messages import MemberRow, Tally
from tests.edge.conftest import MakeTill
from tests.edge.counter import Counter
from tests.edge.made import (
    CARD,
    MOONLIGHT,
    OTHER_CARD,
    PHONE,
    at,
    claimed,
    day,
    member,
    programme,
    purchase,
    returned,
    stamp,
    visit,
    void,
)
from tests.edge.till import Till

THIRD_VISIT = '[[bonus]]\nid = "third-visit"\non = "visit"\npoints = 7\nper = "period"\nnth = 3\n'
WELCOME = '[[bonus]]\nid = "welcome"\non = "purchase"\npoints = 5\nfirst = true\n'
BIRTHDAY = '[[bonus]]\nid = "birthday"\non = "visit"\npoints = 9\nbirthday = true\n'
HALF_YEAR = '[[cap]]\nid = "half-year"\npoints = 30\nper = "period"\n'
Steps = list[tuple[str, int, int]]


def ruled(make_till: MakeTill, *rules: str) -> Till:
    """Return a till whose programme has these rules besides."""
    return make_till(programme(text=MOONLIGHT + "\n" + "\n".join(rules)))


def nobody_yet(**changed: Any) -> MemberRow:
    """Return the row of a member who has nothing."""
    return member(**{"balance": 0, "qualifying": 0, **changed})


def told(*tallies: tuple[str, int, int], period: str = "2026-H2") -> tuple[Tally, ...]:
    """Return tallies: of each rule its matches, and the points that it let through."""
    return tuple(Tally(rule, period, matches, points, points) for rule, matches, points in tallies)


def been(till: Till, number: int, **changed: Any) -> Outcome:
    """Record the visit of one more day of October, of 10 points."""
    return till.record(visit(f"v{number}", f"2026-10-{number:02} 13:00", **changed))


def steps(outcome: Outcome) -> Steps:
    return [(one.rule, one.before, one.after) for one in outcome.steps]


def shown(till: Till, on: str = "2026-11-20") -> tuple[int, int]:
    standing = till.standing(on=on)
    return standing.balance, standing.qualifying


# Bonuses


def test_the_nth_visit_of_the_period_is_told_with_its_bonus_and_counts_in_the_balance(
    make_till: MakeTill,
) -> None:
    till = ruled(make_till, THIRD_VISIT)
    till.know(nobody_yet())
    assert [been(till, number).redeemable for number in (1, 2)] == [10, 10]
    third = been(till, 3)
    assert (third.redeemable, third.qualifying) == (17, 17)
    assert steps(third) == [("visit", 0, 10), ("third-visit", 10, 17)]
    assert been(till, 4).redeemable == 10
    assert shown(till) == (47, 47)
    assert verify(till.conn) is None


def test_the_record_claims_the_days_own_award_without_the_bonus(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT)
    till.know(nobody_yet(tallies=told(("third-visit", 2, 0))))
    assert been(till, 3).redeemable == 17
    claim = till.records()[-1].claim
    assert claim is not None
    assert (claim.redeemable, claim.qualifying) == (10, 10)


def test_what_headquarters_has_counted_is_counted_on(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT)
    till.know(nobody_yet(tallies=told(("third-visit", 1, 0))))
    assert [been(till, number).redeemable for number in (1, 2, 3)] == [10, 17, 10]


def test_the_same_visit_again_is_answered_with_its_bonus_again(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT)
    till.know(nobody_yet(tallies=told(("third-visit", 2, 0))))
    first, again = been(till, 3), been(till, 3)
    assert again.repeated
    assert (again.redeemable, again.steps) == (first.redeemable, first.steps)


def test_a_visit_that_is_voided_takes_its_bonus_along(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT.replace("visit", "purchase"))
    till.know(nobody_yet(tallies=told(("third-purchase", 2, 0))))
    assert till.record(purchase()).redeemable == 19
    undone = till.record(void())
    assert undone.redeemable == -19
    assert steps(undone) == [("void", 12, 0), ("third-purchase", -12, -19)]
    assert shown(till) == (0, 0)


def test_the_nth_that_is_voided_hands_its_bonus_to_the_next(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT.replace("visit", "purchase"))
    till.know(nobody_yet(tallies=told(("third-purchase", 2, 0))))
    till.record(purchase("1"))
    till.record(purchase("2"))
    assert till.record(void()).redeemable == -12, "the second has become the third"
    assert shown(till) == (19, 19)


def test_a_late_visit_before_the_nth_moves_the_bonus_and_gives_none_twice(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT)
    till.know(nobody_yet(tallies=told(("third-visit", 1, 0))))
    assert been(till, 10).redeemable == 10
    assert been(till, 12).redeemable == 17
    assert been(till, 5).redeemable == 10
    assert shown(till) == (37, 37)


def test_the_first_purchase_in_life_is_given_once(make_till: MakeTill) -> None:
    till = ruled(make_till, WELCOME)
    till.know(nobody_yet())
    first = till.record(purchase("1"))
    assert steps(first) == [("spend", 0, 12), ("welcome", 12, 17)]
    assert till.record(purchase("2")).redeemable == 12
    assert till.record(void("1")).redeemable == -12, "the second is the first that stands"
    assert shown(till) == (17, 17)


def test_a_first_of_another_period_that_is_not_posted_is_the_first(make_till: MakeTill) -> None:
    till = ruled(make_till, WELCOME)
    till.clock.wall = int(at("2027-01-05 12:00"))
    till.know(nobody_yet())
    assert till.record(purchase("1", on="2026-12-31")).redeemable == 29, "twelve, twice in December, and five"
    assert till.record(purchase("2", on="2027-01-02")).redeemable == 12


def test_a_first_that_headquarters_calls_over_is_over(make_till: MakeTill) -> None:
    till = ruled(make_till, WELCOME)
    till.know(nobody_yet(tallies=told(("welcome", 1, 0), period="")))
    assert till.record(purchase()).redeemable == 12


def test_a_birthday_is_known_from_the_row(make_till: MakeTill) -> None:
    till = ruled(make_till, BIRTHDAY)
    till.know(nobody_yet(birthday=day("2026-10-03")))
    assert [been(till, number).redeemable for number in (2, 3, 4)] == [10, 19, 10]
    till.know(nobody_yet(birthday=day("2027-10-03"), stamp=stamp(3)))
    assert till.record(visit("late", "2026-10-03 12:00")).redeemable == 19, "it was this year's too"


@pytest.mark.parametrize(
    ("birthday", "date", "points"),
    [
        ("2027-02-28", "2027-02-28", 19),
        ("2027-02-28", "2028-02-28", 10),
        ("2028-02-28", "2028-02-28", 19),
        ("2028-02-29", "2027-02-28", 19),
        ("2028-02-29", "2028-02-29", 19),
        ("2028-02-29", "2028-02-28", 10),
        ("2027-02-27", "2028-02-27", 19),
    ],
)
def test_a_birthday_at_the_end_of_february_is_promised_only_where_it_is_sure(
    make_till: MakeTill, birthday: str, date: str, points: int
) -> None:
    till = ruled(make_till, BIRTHDAY)
    till.clock.wall = int(at("2028-06-01 12:00"))
    till.know(nobody_yet(birthday=day(birthday), period_id="2026-H2"))
    assert till.record(visit("v1", f"{date} 13:00")).redeemable == points


# Caps


def test_a_cap_over_the_period_cuts_what_exceeds_it_and_says_so(make_till: MakeTill) -> None:
    till = ruled(make_till, HALF_YEAR)
    till.know(nobody_yet(balance=25, qualifying=25, tallies=told(("half-year", 0, 25))))
    outcome = till.record(purchase())
    assert (outcome.redeemable, outcome.qualifying) == (5, 5)
    assert steps(outcome) == [("spend", 0, 12), ("half-year", 12, 5)]
    assert [one.saw for one in outcome.steps] == ["12990", "30"]
    claim = till.records()[-1].claim
    assert claim is not None
    assert claim.redeemable == 12
    assert till.record(purchase("2")).redeemable == 0
    assert shown(till) == (30, 30)


def test_what_comes_back_makes_room_below_a_cap(make_till: MakeTill) -> None:
    till = ruled(make_till, HALF_YEAR)
    till.know(nobody_yet(balance=25, qualifying=25, tallies=told(("half-year", 0, 25))))
    till.record(purchase("1"))
    till.record(purchase("2"))
    assert till.record(void("1")).redeemable == 0, "the second takes its room"
    assert shown(till) == (30, 30)
    assert till.record(void("x2", original=purchase("2")["receipt"])).redeemable == -5
    assert shown(till) == (25, 25)


def test_below_a_full_cap_what_comes_back_of_a_posted_purchase_is_taken_in_full(make_till: MakeTill) -> None:
    till = ruled(make_till, HALF_YEAR)
    till.know(nobody_yet())
    till.record(purchase("1"))
    till.know(nobody_yet(balance=30, qualifying=30, tallies=told(("half-year", 0, 30)), stamp=stamp(1)))
    assert till.record(void("1")).redeemable == -12, "what else was cut only headquarters knows"
    assert till.record(purchase("2")).redeemable == 12
    assert shown(till) == (30, 30)


def test_a_cap_on_qualifying_points_alone_leaves_the_others(make_till: MakeTill) -> None:
    till = ruled(make_till, HALF_YEAR + 'affects = "qualifying"\n')
    till.know(nobody_yet(tallies=told(("half-year", 0, 25))))
    outcome = till.record(purchase())
    assert (outcome.redeemable, outcome.qualifying) == (12, 5)
    assert [(one.rule, one.affects, one.after) for one in outcome.steps][1:] == [
        ("half-year", "redeemable", 12),
        ("half-year", "qualifying", 5),
    ]


# What passes below the stamp


def test_nothing_is_doubled_or_lost_as_the_stamp_passes_event_by_event(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT, HALF_YEAR)
    till.know(nobody_yet())
    for number in (1, 2, 3, 4):
        been(till, number)
    assert shown(till) == (37, 37), "thirty after the cap, and the bonus"
    rows = [(10, 1), (20, 2), (37, 3), (37, 4)]
    for seq, (balance, visits) in enumerate(rows, start=1):
        through = min(balance, 30)
        tallies = told(("half-year", 0, through), ("third-visit", visits, 0))
        till.know(nobody_yet(balance=balance, qualifying=balance, stamp=stamp(seq), tallies=tallies))
        assert shown(till) == (37, 37), seq
    assert been(till, 5).redeemable == 0
    assert shown(till) == (37, 37)


def test_a_bonus_that_was_posted_is_not_taken_back_by_the_next_event_of_its_day(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT.replace("visit", "purchase"))
    till.know(nobody_yet(tallies=told(("third-purchase", 2, 0))))
    till.record(purchase("1"))
    tallies = told(("third-purchase", 3, 0))
    till.know(nobody_yet(balance=19, qualifying=19, stamp=stamp(1), tallies=tallies))
    assert till.record(purchase("2")).redeemable == 12
    assert shown(till) == (31, 31)


def test_a_claim_of_a_purchase_below_the_stamp_counts_as_one_more(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT.replace("visit", "purchase").replace("nth = 3", "nth = 4"))
    till.know(nobody_yet())
    till.record(purchase("1", member=None))
    till.record(purchase("2"))
    tallies = told(("third-purchase", 2, 0))
    till.know(nobody_yet(balance=24, qualifying=24, stamp=stamp(2), tallies=tallies))
    with transaction(till.conn):
        key, when = purchase("1")["receipt"], "2026-11-20 12:00"
        outcome = claimed(till.recorder, till.conn, CARD, key, when, "c1")
    assert (outcome.redeemable, till.record(purchase("3")).redeemable) == (12, 19)
    assert shown(till) == (55, 55)


def test_a_visit_whose_points_went_to_an_earlier_one_is_answered_as_it_stands(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT)
    till.know(nobody_yet(tallies=told(("third-visit", 1, 0))))
    late = visit("v1", "2026-10-03 14:00")
    assert till.record(late).redeemable == 10
    assert till.record(visit("v2", "2026-10-03 13:00")).redeemable == 17, (
        "it takes the points, and is one more"
    )
    again = till.record(late)
    assert (again.repeated, again.redeemable) == (True, 7), "without it there would be no third"


def test_what_other_tills_used_up_corrects_the_shown_balance_with_the_next_event(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT)
    till.know(nobody_yet(tallies=told(("third-visit", 2, 0))))
    assert been(till, 10).redeemable == 17
    till.know(nobody_yet(balance=17, qualifying=17, tallies=told(("third-visit", 3, 0))))
    assert been(till, 11).redeemable == 10
    assert shown(till) == (37, 37), "another till had the third; this one's own is not posted yet"


def test_a_posted_visit_that_was_the_nth_takes_its_bonus_back_when_it_is_voided(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT.replace("visit", "purchase"))
    till.know(nobody_yet())
    till.record(purchase())
    row = {"balance": 39, "qualifying": 39, "stamp": stamp(1)}
    till.know(nobody_yet(tallies=told(("third-purchase", 3, 0)), **row))
    assert till.record(void()).redeemable == -19
    assert shown(till) == (20, 20)
    till.know(nobody_yet(tallies=told(("third-purchase", 4, 0)), **row))
    again = ruled(make_till, THIRD_VISIT.replace("visit", "purchase"))
    again.know(nobody_yet(tallies=told(("third-purchase", 2, 0))))
    again.record(purchase())
    again.know(nobody_yet(tallies=told(("third-purchase", 4, 0)), **row))
    assert again.record(void()).redeemable == -12, "another one is the third then"


# What is not known


@pytest.mark.parametrize("who", [OTHER_CARD, PHONE])
def test_one_without_a_row_is_promised_no_bonus(make_till: MakeTill, who: str) -> None:
    till = ruled(make_till, THIRD_VISIT, WELCOME, BIRTHDAY)
    assert [been(till, number, member=who).redeemable for number in (1, 2, 3)] == [10, 10, 10]
    assert till.record(purchase(member=who)).redeemable == 12


def test_of_one_without_a_row_a_cap_counts_what_this_till_gave(make_till: MakeTill) -> None:
    till = ruled(make_till, HALF_YEAR)
    given = [till.record(purchase(str(number), member=PHONE)).redeemable for number in (1, 2, 3, 4)]
    assert given == [12, 12, 6, 0]


def test_in_a_period_before_the_rows_nothing_is_promised(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT, HALF_YEAR)
    till.clock.wall = int(at("2027-01-05 12:00"))
    till.know(nobody_yet(period_id="2027-H1"))
    late = been(till, 3)
    assert (late.redeemable, steps(late)) == (0, [("visit", 0, 10), ("half-year", 10, 0)])
    assert [been(till, number).redeemable for number in (4, 5)] == [0, 0]


def test_a_period_after_the_rows_begins_at_nothing(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT, HALF_YEAR)
    till.clock.wall = int(at("2027-01-15 12:00"))
    till.know(nobody_yet(tallies=told(("third-visit", 2, 0), ("half-year", 0, 30))))
    dates = [f"2027-01-{number:02} 13:00" for number in (5, 6, 7, 8)]
    given = [till.record(visit(when, when)).redeemable for when in dates]
    assert given == [10, 10, 17, 0]


def test_each_period_has_its_own_counts(make_till: MakeTill) -> None:
    till = ruled(make_till, THIRD_VISIT)
    till.clock.wall = int(at("2027-01-15 12:00"))
    till.know(nobody_yet())
    been(till, 1)
    been(till, 2)
    assert till.record(visit("n1", "2027-01-05 13:00")).redeemable == 10
    assert been(till, 3).redeemable == 17
    assert till.record(visit("n2", "2027-01-06 13:00")).redeemable == 10
    assert till.standing(on="2026-11-20").balance == 57


def test_what_a_claim_or_a_copy_brings_counts_too(make_till: MakeTill) -> None:
    till = ruled(make_till, WELCOME, HALF_YEAR)
    till.know(nobody_yet(tallies=told(("half-year", 0, 25))))
    till.record(purchase(member=None))
    till.record(returned(net_minor=3_990))
    outcome = till.record(purchase())
    assert outcome.redeemable == 10, "nine are left of it, five fit below the cap, and five for the first"
    assert shown(till) == (10, 10)


def test_ways_ahead_know_what_a_cap_leaves(make_till: MakeTill) -> None:
    till = ruled(make_till, HALF_YEAR.replace("30", "120"))

    def ways(through: int) -> int:
        till.know(nobody_yet(qualifying=200, tallies=told(("half-year", 0, through))))
        stands: Standing = till.standing(on="2026-12-05")
        found = Ahead().look(till.conn, till.books(), "id:M1", stands, at("2026-12-05 12:00"))
        return len(found.ways)

    assert (ways(20), ways(21)) == (2, 0), "a hundred are missing"


async def test_a_bonus_that_became_due_is_in_the_answer(counter: Counter) -> None:
    text = MOONLIGHT.replace("version = 7", "version = 8") + "\n" + WELCOME
    await counter.publish(8, programme(8, text))
    await counter.know(CARD)
    answer = await counter.ok("/v1/receipts", purchase())
    assert answer["points"] == {"redeemable": 17, "qualifying": 17}
    assert answer["steps"][1] == {"rule": "welcome", "kind": "bonus", "saw": "1", "before": 12, "after": 17}
    assert (answer["member"]["balance"], answer["message"][0]) == (117, "17 points")
