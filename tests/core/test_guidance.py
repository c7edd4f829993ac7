"""Ways to the next tier: the fewest visits, the smallest purchase, and what is left out as not sure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec
import pytest

from loyalty_core import guidance
from loyalty_core.calendar import period_of
from loyalty_core.guidance import Guide, Progress, Way
from loyalty_core.outlook import SCENES_MAX, Asked
from loyalty_core.programme import Bonus, Cap, Programme, Slot, When
from loyalty_core.resolved import Resolved
from loyalty_core.units import MinorUnits, Minute, Points
from loyalty_core.ways_words import way_text, ways_text
from tests.core.days import bought, standing, visited
from tests.core.made import FIVE, FRIDAY, TUESDAY, day
from tests.core.programmes import (
    BEEN_THERE,
    DECEMBER,
    PURCHASE,
    SPEND,
    VISIT,
    earn,
    moonlight,
    programme,
    weight,
)

NOON = Minute(12 * 60)
WEEKDAY_MORNINGS = weight(
    "1.5", "quiet", when=When(on=VISIT, weekdays=frozenset(range(5)), slot=Slot(FIVE, NOON))
)


def ways(
    *versions: Programme,
    missing: int = 13,
    on: str = FRIDAY,
    at: str = "15:00",
    before: Iterable[Resolved] = (),
    tiers: tuple[str, ...] = ("BRONZE",),
    store: str | None = None,
    used: Mapping[str, int] | None = None,
) -> tuple[Way, ...]:
    today = day(on)
    asked = Asked(
        programmes=versions,
        period=period_of(today, 6),
        today=today,
        tiers=tiers,
        store_id=store,
        starts=FIVE,
    )
    hours, minutes = map(int, at.split(":"))
    progress = Progress(
        missing=missing, today=list(before), minute=Minute(hours * 60 + minutes), used=used or {}
    )
    return Guide().ways(asked, progress)


def said(found: Iterable[Way], language: str = "en") -> list[str]:
    return [way_text(way, "KRW", "ko" if language == "ko" else "en") for way in found]


# What is promised


def test_the_fewest_visits_any_visits_and_a_purchase_are_named() -> None:
    found = ways(programme(weights=[WEEKDAY_MORNINGS]), missing=25)
    assert said(found) == [
        "two weekday-morning visits (one a day)",
        "three visits (one a day)",
        "a purchase of 25,000 won",
    ]
    assert said(found, "ko") == [
        "평일 오전 방문 2회(하루 1회)",
        "방문 3회(하루 1회)",
        "25,000원 이상 구매 1회",
    ]
    assert ways_text(found, "KRW", "en") == (
        "two weekday-morning visits (one a day), or a purchase of 25,000 won"
    )
    assert ways_text(found, "KRW", "ko") == "평일 오전 방문 2회(하루 1회) 또는 25,000원 이상 구매 1회"


def test_one_visit_is_said_without_how_often_a_day() -> None:
    assert said(ways(moonlight(), missing=10)) == ["one visit", "a purchase of 10,000 won"]


def test_what_can_be_done_now_goes_before_what_has_to_wait_for_a_date() -> None:
    fewest, plain, _ = ways(moonlight(), missing=30, on="2026-07-02")
    assert (fewest.count, fewest.frame.weekdays, fewest.frame.from_day) == (2, frozenset(range(4)), None)
    assert plain.count == 3
    only_december = programme(
        earns=[msgspec.structs.replace(BEEN_THERE, when=When(on=VISIT, from_day=day("2026-12-10")))]
    )
    assert said(ways(only_december, missing=30)) == ["three visits from 10 December on (one a day)"]


def test_no_time_is_promised_that_only_rules_speak_of_which_do_not_count() -> None:
    """Such a time may begin before the rule that counts: its first hour would give nothing."""
    noonday = earn("noonday", 10, when=When(on=VISIT, slot=Slot(NOON, Minute(20 * 60))))
    early = When(on=VISIT, slot=Slot(Minute(11 * 60), Minute(14 * 60)))
    of_gold = earn("gold", 100, when=msgspec.structs.replace(early, tiers=frozenset({"GOLD"})))
    assert said(ways(programme(earns=[of_gold, noonday]), missing=20)) == ["two visits from 12:00 to 19:59"]

    double = weight("2", "double", when=When(on=VISIT, slot=Slot(NOON, Minute(16 * 60))))
    more = weight("1.5", "more", when=When(on=VISIT, slot=Slot(Minute(9 * 60), Minute(14 * 60))))
    fifth = Bonus(id="fifth", when=early, points=Points(500), per="period", nth=5)
    happy = programme(earns=[noonday], weights=[double, more], bonuses=[fifth], combine="product")
    assert said(ways(happy, missing=30)) == ["two visits from 12:00 to 15:59"]


def test_more_visits_than_days_are_left_are_no_way() -> None:
    assert [way.kind for way in ways(moonlight(), missing=60, on="2026-12-28")] == ["visits", "purchase"]
    assert [way.kind for way in ways(moonlight(), missing=61, on="2026-12-28")] == ["purchase"]


def test_a_cap_a_day_bounds_every_visit_and_every_purchase() -> None:
    capped = programme(caps=[Cap(id="daily", when=When(), points=Points(12), per="day")])
    assert said(ways(capped, missing=12)) == ["two visits (one a day)", "a purchase of 12,000 won"]
    assert said(ways(capped, missing=13)) == ["two visits (one a day)"]


def test_a_version_that_is_published_for_later_counts_for_its_days() -> None:
    meaner = programme(earns=[earn("spend", 1, per=2000)], version=8, effective="2026-12-01")
    assert said(ways(programme(), meaner)) == [
        "two visits by 30 November (one a day)",
        "a purchase of 26,000 won",
    ]


def test_points_that_only_can_be_spent_close_no_gap() -> None:
    assert ways(programme(earns=[earn(per=1000, affects="redeemable")])) == ()


def test_bonuses_of_the_day_count_and_those_of_the_period_do_not() -> None:
    daily = Bonus(id="b", when=When(on=VISIT), points=Points(5), per="day")
    assert said(ways(programme(earns=[BEEN_THERE], bonuses=[daily]), missing=15)) == ["one visit"]
    third = msgspec.structs.replace(daily, per="period", nth=1)
    assert ways(programme(earns=[BEEN_THERE], bonuses=[third]), missing=15)[0].count == 2


# What is left out


def test_a_visit_of_today_that_is_used_up_is_promised_from_tomorrow() -> None:
    found = ways(moonlight(), missing=10, before=standing(visited()))
    assert said(found) == ["one visit from tomorrow", "a purchase of 10,000 won"]
    assert said(found, "ko") == ["내일부터 방문 1회", "10,000원 이상 구매 1회"]


def test_a_morning_that_is_over_needs_no_word_about_today() -> None:
    before = standing(visited(f"{TUESDAY} 10:00"))
    morning, plain, _ = ways(moonlight(), on=TUESDAY, at="12:00", before=before)
    assert (morning.morning, morning.from_tomorrow, plain.from_tomorrow) == (True, False, True)
    morning, *_ = ways(moonlight(), on=TUESDAY, at="11:59", before=before)
    assert morning.from_tomorrow


def test_a_day_cap_that_is_partly_used_moves_the_purchase_to_tomorrow() -> None:
    capped = programme(earns=[SPEND], caps=[Cap(id="daily", when=When(), points=Points(20), per="day")])
    assert said(ways(capped, before=standing(bought(7_000)))) == ["a purchase of 13,000 won"]
    assert said(ways(capped, before=standing(bought(8_000)))) == ["a purchase of 13,000 won from tomorrow"]


def test_on_the_last_day_there_is_what_is_left_of_it() -> None:
    last = "2026-12-31"
    plain = programme()
    assert said(ways(plain, missing=10, on=last)) == ["one visit", "a purchase of 10,000 won"]
    assert said(ways(plain, missing=11, on=last)) == ["a purchase of 11,000 won"]
    visit_made = standing(visited(f"{last} 10:00"))
    assert said(ways(plain, missing=10, on=last, before=visit_made)) == ["a purchase of 10,000 won"]
    mornings = programme(earns=[earn("v", 10, when=When(on=VISIT, slot=Slot(FIVE, NOON)))])
    assert said(ways(mornings, missing=10, on=last, at="11:59")) == ["one morning visit"]
    assert ways(mornings, missing=10, on=last, at="12:00") == ()


def test_a_guide_of_the_last_day_looks_at_the_minute_every_time() -> None:
    mornings = programme(earns=[earn("v", 10, when=When(on=VISIT, slot=Slot(FIVE, NOON)))])
    today = day("2026-12-31")
    asked = Asked(
        programmes=(mornings,),
        period=period_of(today, 6),
        today=today,
        tiers=("BRONZE",),
        store_id=None,
        starts=FIVE,
    )
    guide = Guide()
    kinds = [
        [way.kind for way in guide.ways(asked, Progress(missing=10, today=(), minute=Minute(minute)))]
        for minute in (11 * 60, 13 * 60, 11 * 60)
    ]
    assert kinds == [["visits"], [], ["visits"]]


def test_a_period_that_is_over_and_a_gap_that_is_closed_need_no_way() -> None:
    asked = Asked(
        programmes=(moonlight(),),
        period=period_of(day("2026-06-30"), 6),
        today=day("2026-07-01"),
        tiers=("BRONZE",),
        store_id=None,
        starts=FIVE,
    )
    assert Guide().ways(asked, Progress(missing=1, today=(), minute=NOON)) == ()
    assert ways(moonlight(), missing=0) == ()


def test_before_any_version_nothing_is_promised() -> None:
    assert ways(programme(effective="2027-01-01")) == ()
    tomorrow = programme(effective="2026-11-21")
    assert said(ways(tomorrow, missing=10)) == [
        "one visit from tomorrow",
        "a purchase of 10,000 won from tomorrow",
    ]
    later = programme(effective="2026-12-10")
    assert said(ways(later, missing=10)) == [
        "one visit from 10 December on",
        "a purchase of 10,000 won from 10 December on",
    ]


@pytest.mark.parametrize(("used", "kinds"), [(0, 2), (87, 2), (88, 1), (100, 1), (None, 1)])
def test_a_cap_over_the_period_leaves_room_or_no_promise(used: int | None, kinds: int) -> None:
    capped = programme(caps=[Cap(id="half", when=When(on=VISIT), points=Points(100), per="period")])
    found = ways(capped, used={} if used is None else {"half": used})
    assert len(found) == kinds
    redeemable = Cap(id="half", when=When(), affects="redeemable", points=Points(0), per="period")
    assert len(ways(programme(caps=[redeemable]))) == 2


def test_every_tier_that_the_member_may_come_to_hold_is_thought_of() -> None:
    gold = weight("2", when=When(on=PURCHASE, tiers=frozenset({"GOLD"})))
    of = programme(earns=[SPEND], weights=[gold])
    assert said(ways(of, missing=12, tiers=("GOLD",))) == ["a purchase of 6,000 won"]
    assert said(ways(of, missing=12, tiers=("GOLD", "BRONZE"))) == ["a purchase of 12,000 won"]


# Where, with what, and when it is safe to say so


def test_what_holds_in_one_store_is_said_to_hold_there() -> None:
    here = weight("2", when=When(on=PURCHASE, stores=frozenset({"S1"})))
    of = programme(earns=[SPEND], weights=[here])
    assert said(ways(of, missing=12, store="S1")) == ["a purchase of 6,000 won here"]
    assert said(ways(of, missing=12, store="S1"), "ko") == ["이 매장에서 6,000원 이상 구매 1회"]
    assert said(ways(of, missing=12, store="S2")) == ["a purchase of 12,000 won here"]
    assert said(ways(of, missing=12)) == ["a purchase of 12,000 won"]


@pytest.mark.parametrize(
    "when",
    [
        When(on=PURCHASE, exclude_categories=frozenset({"tobacco"})),
        When(on=PURCHASE, exclude_tenders=frozenset({"voucher"})),
        When(on=PURCHASE, categories=frozenset({""})),
    ],
)
def test_where_some_goods_or_payments_do_not_count_the_way_says_so(when: When) -> None:
    found = ways(programme(earns=[earn(per=1000, when=when)]))
    assert said(found) == ["a purchase of 13,000 won that counts"]
    assert said(found, "ko") == ["적립 대상 13,000원 이상 구매 1회"]


def test_a_weight_on_some_goods_lowers_what_is_promised_only_if_it_is_below_1() -> None:
    golf = When(on=PURCHASE, categories=frozenset({"golf"}))
    (more,) = ways(programme(earns=[SPEND], weights=[weight("2", when=golf)]))
    (less,) = ways(programme(earns=[SPEND], weights=[weight("0.5", when=golf)]))
    assert (more.only_eligible, less.only_eligible) == (False, True)


def test_the_amount_is_one_from_which_on_more_is_never_less() -> None:
    halved = weight("0.5", when=When(on=PURCHASE, minimum=MinorUnits(20_000)))
    of = programme(earns=[SPEND], weights=[halved])
    assert said(ways(of, missing=10)) == ["a purchase of 10,000 won"]
    assert said(ways(of, missing=11)) == ["a purchase of 22,000 won"]


def test_after_what_was_done_today_larger_purchases_are_looked_at_too() -> None:
    halved = weight("0", when=When(on=PURCHASE, minimum=MinorUnits(30_000)))
    extra = Bonus(
        id="extra",
        when=When(on=PURCHASE, minimum=MinorUnits(30_000)),
        points=Points(20),
        per="day",
    )
    of = programme(earns=[SPEND], weights=[halved], bonuses=[extra])
    assert said(ways(of)) == ["a purchase of 13,000 won"]
    assert said(ways(of, before=standing(bought(30_000)))) == ["a purchase of 13,000 won from tomorrow"]


def test_visits_without_a_limit_may_be_made_on_one_day() -> None:
    free = earn("v", 10, when=When(on=VISIT))
    assert said(ways(programme(earns=[free]))) == ["two visits"]
    twice = msgspec.structs.replace(free, limit_per_day=2)
    assert said(ways(programme(earns=[twice]))) == ["two visits (one a day)"]


def test_a_purchase_that_earns_at_some_time_only_names_it() -> None:
    weekend = earn(per=1000, when=When(on=PURCHASE, weekdays=frozenset({5, 6})))
    found = ways(programme(earns=[weekend]))
    assert said(found) == ["a purchase of 13,000 won on a weekend"]
    assert said(found, "ko") == ["주말 13,000원 이상 구매 1회"]


@pytest.mark.parametrize(
    ("slot", "english"),
    [
        (Slot(Minute(14 * 60), Minute(18 * 60)), ["one visit from 14:00 to 17:59"]),
        (Slot(Minute(22 * 60), Minute(2 * 60)), ["one visit from 22:00 to 01:59 the next day"]),
        (Slot(Minute(22 * 60), Minute(6 * 60)), ["one visit from 22:00 to 04:59 the next day"]),
        (Slot(Minute(4 * 60), Minute(12 * 60)), ["one morning visit"]),
        (Slot(Minute(0), Minute(4 * 60)), []),
    ],
)
def test_a_time_of_day_is_said_as_far_as_it_belongs_to_one_business_day(
    slot: Slot, english: list[str]
) -> None:
    found = ways(programme(earns=[earn("v", 10, when=When(on=VISIT, slot=slot))]), missing=10)
    assert said(found) == english


def test_a_programme_with_too_many_cases_is_not_promised_on() -> None:
    many = [
        earn(
            f"e{n}", 1, when=When(on=VISIT, stores=frozenset({f"S{n}"}), slot=Slot(Minute(n), Minute(n + 1)))
        )
        for n in range(70)
    ]
    assert len(many) ** 2 > SCENES_MAX
    assert ways(programme(earns=[*many, BEEN_THERE])) == ()
    assert ways(programme(earns=[*many[:20], BEEN_THERE])) != ()


def test_a_guide_forgets_what_new_versions_overtake() -> None:
    today = day(FRIDAY)
    guide = Guide()

    def least(*versions: Programme) -> list[int]:
        asked = Asked(
            programmes=versions,
            period=period_of(today, 6),
            today=today,
            tiers=("BRONZE",),
            store_id=None,
            starts=FIVE,
        )
        return [way.minor for way in guide.ways(asked, Progress(missing=12, today=(), minute=NOON))]

    assert least(programme(earns=[SPEND])) == [12_000]
    doubled = programme(earns=[SPEND], weights=[weight("2")], version=8)
    assert least(programme(earns=[SPEND]), doubled) == [6_000]


@pytest.mark.parametrize("bound", ["PLANS_KEPT", "OUTLOOKS_KEPT"])
def test_a_guide_that_has_kept_enough_starts_again(monkeypatch: pytest.MonkeyPatch, bound: str) -> None:
    monkeypatch.setattr(guidance, bound, 1)
    guide = Guide()
    for store_id, missing, minor in (("S1", 5, 5_000), ("S1", 7, 7_000), ("S2", 5, 5_000)):
        asked = Asked(
            programmes=(programme(earns=[SPEND]),),
            period=period_of(day(FRIDAY), 6),
            today=day(FRIDAY),
            tiers=("BRONZE",),
            store_id=store_id,
            starts=FIVE,
        )
        (way,) = guide.ways(asked, Progress(missing=missing, today=(), minute=NOON))
        assert way.minor == minor


def test_a_rule_whose_dates_are_past_is_no_time_to_come() -> None:
    past = weight("3", when=When(on=VISIT, until_day=day("2026-08-31")))
    assert said(ways(programme(earns=[BEEN_THERE], weights=[past]))) == ["two visits (one a day)"]


# Words


@pytest.mark.parametrize(
    ("weekdays", "english", "korean"),
    [
        ({1}, "one Tuesday visit", "화요일 방문 1회"),
        ({0, 1, 2, 3}, "one Monday-to-Thursday visit", "월~목요일 방문 1회"),
        ({0, 2, 4}, "one Monday, Wednesday or Friday visit", "월·수·금요일 방문 1회"),
        ({5, 6}, "one weekend visit", "주말 방문 1회"),
        ({0, 1, 2, 3, 4}, "one weekday visit", "평일 방문 1회"),
    ],
)
def test_weekdays_are_said_as_a_shop_would(weekdays: set[int], english: str, korean: str) -> None:
    of = programme(earns=[earn("v", 10, when=When(on=VISIT, weekdays=frozenset(weekdays)))])
    found = ways(of, missing=10)
    assert (said(found), said(found, "ko")) == ([english], [korean])


@pytest.mark.parametrize(
    ("first", "last", "english", "korean"),
    [
        (None, "2026-12-10", "one visit by 10 December", "12월 10일까지 방문 1회"),
        ("2026-12-10", None, "one visit from 10 December on", "12월 10일부터 방문 1회"),
        (
            "2026-12-01",
            "2026-12-10",
            "one visit from 1 December to 10 December",
            "12월 1일부터 12월 10일까지 방문 1회",
        ),
        ("2026-12-25", "2026-12-25", "one visit on 25 December", "12월 25일 방문 1회"),
    ],
)
def test_dates_are_said_where_they_narrow_the_days_left(
    first: str | None, last: str | None, english: str, korean: str
) -> None:
    when = When(
        on=VISIT,
        from_day=None if first is None else day(first),
        until_day=None if last is None else day(last),
    )
    found = ways(programme(earns=[earn("v", 10, when=when)]), missing=10)
    assert (said(found), said(found, "ko")) == ([english], [korean])


def test_more_than_ten_visits_are_said_in_figures() -> None:
    assert said(ways(programme(earns=[BEEN_THERE]), missing=100)) == ["ten visits (one a day)"]
    assert said(ways(programme(earns=[BEEN_THERE]), missing=101)) == ["11 visits (one a day)"]


def test_a_purchase_in_the_morning_and_at_hours_is_said_in_both_languages() -> None:
    morning = When(on=PURCHASE, weekdays=frozenset(range(5)), slot=Slot(FIVE, NOON))
    hours = When(on=PURCHASE, weekdays=frozenset({1}), slot=Slot(NOON, Minute(14 * 60)))
    any_morning = When(on=PURCHASE, slot=Slot(FIVE, NOON))
    found = [ways(programme(earns=[earn(per=1000, when=when)]))[0] for when in (morning, hours, any_morning)]
    assert said(found) == [
        "a purchase of 13,000 won on a weekday morning",
        "a purchase of 13,000 won on a Tuesday from 12:00 to 13:59",
        "a purchase of 13,000 won in the morning",
    ]
    assert said(found, "ko") == [
        "평일 오전 13,000원 이상 구매 1회",
        "화요일 12:00~13:59 13,000원 이상 구매 1회",
        "오전 13,000원 이상 구매 1회",
    ]


def test_december_that_has_begun_is_not_waited_for() -> None:
    found = ways(programme(weights=[DECEMBER]), missing=20, on="2026-11-30")
    assert said(found) == ["one visit from tomorrow", "a purchase of 10,000 won from tomorrow"]
