"""What guidance says is kept, whatever the rules are and however a member goes about it within its words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import hypothesis.strategies as st
import msgspec
from hypothesis import given, settings

from loyalty_core.accrual import derive_day
from loyalty_core.calendar import period_of
from loyalty_core.day_rules import rules_of_day
from loyalty_core.events import EventId
from loyalty_core.guidance import Guide, Progress, Way
from loyalty_core.matching import in_play, matches
from loyalty_core.outlook import Asked
from loyalty_core.programme import Cap, Programme, version_for
from loyalty_core.resolved import Item, Resolved
from loyalty_core.units import Day, EpochMs, Minute, Points, Seq
from tests.core.made import FIVE
from tests.properties import drawn_days, drawn_programmes

MONTH: Final = period_of(drawn_days.TODAY, 1)
LATER: Final = 10**14
_DAY_MINUTES: Final = 1440
_todays = st.integers(drawn_days.TODAY - 2, MONTH.last).map(Day)
_stores = st.sampled_from(["S1", "S2", "S3"])
_goods = st.lists(st.tuples(drawn_days.categories, st.integers(1, 9_000)), max_size=3)
_plain_tenders = st.sampled_from([(), (("cash", 5_000),), (("card", 10**9),), (("voucher", 900),)])
_period_caps = st.builds(
    Cap,
    id=st.just("period-cap"),
    when=drawn_programmes.whens(lines=False, minimum=False),
    affects=drawn_programmes.affects,
    points=st.sampled_from([0, 20, 100, 10_000]).map(Points),
    per=st.just("period"),
)


@st.composite
def schemes(draw: st.DrawFn) -> tuple[Programme, ...]:
    """Draw one or two versions, the second from some day of the month on."""
    found = []
    for version in range(1, draw(st.integers(1, 2)) + 1):
        drawn_one = draw(drawn_programmes.programmes())
        caps = (*drawn_one.caps, *draw(st.lists(_period_caps, max_size=1)))
        since = Day(0) if version == 1 else Day(draw(st.integers(drawn_days.TODAY - 2, MONTH.last)))
        found.append(
            msgspec.structs.replace(
                drawn_one, version=version, effective_from=since, caps=caps, period_months=1
            )
        )
    return tuple(found)


@st.composite
def questions(draw: st.DrawFn) -> tuple[Asked, Progress]:
    """Draw what a till or headquarters may ask."""
    asked = Asked(
        programmes=draw(schemes()),
        period=MONTH,
        today=draw(_todays),
        tiers=draw(st.sampled_from([("BRONZE",), ("GOLD",), ("BRONZE", "GOLD")])),
        store_id=draw(st.sampled_from([None, "S1", "S2", "S2"])),
        starts=FIVE,
    )
    before = [Resolved(asked.today, item, ()) for item in draw(drawn_days.item_lists())]
    progress = Progress(
        missing=draw(st.sampled_from([1, 3, 10, 13, 30, 47])),
        today=before,
        minute=Minute(draw(st.integers(0, 1439))),
        used={"period-cap": draw(st.sampled_from([0, 0, 60]))},
    )
    return asked, progress


def offset(minute: int) -> int:
    return (minute - FIVE) % _DAY_MINUTES


def rightly_done(draw: st.DrawFn, asked: Asked, progress: Progress, way: Way) -> list[tuple[Day, Item]]:
    """Draw one of the many ways of doing what a way says."""
    frame, since = way.frame, offset(progress.minute)
    minutes = [Minute(m) for m in range(0, 1440, 20) if frame.slot is None or frame.slot.holds(Minute(m))]
    first = Day(asked.today + 1) if way.from_tomorrow else asked.today
    days = [Day(day) for day in range(first, asked.period.last + 1) if frame.holds_day(Day(day))]
    if not any(offset(minute) >= since for minute in minutes):
        days = [day for day in days if day != asked.today]
    chosen = draw(
        st.lists(st.sampled_from(days), min_size=way.count, max_size=way.count, unique=way.one_a_day)
    )
    done = []
    for number, day in enumerate(chosen):
        minute = draw(st.sampled_from([m for m in minutes if day != asked.today or offset(m) >= since]))
        store = way.store_id or draw(_stores)
        money: list[tuple[str, int]] = []
        tenders: tuple[tuple[str, int], ...] = ()
        if way.kind == "purchase" and way.only_eligible:
            money = [("", way.minor + draw(st.sampled_from([0, 0, 1, 900, 10**6])))]
        elif way.kind == "purchase":
            money = draw(_goods)
            lacking = way.minor - sum(net for _, net in money)
            money += [(draw(drawn_days.categories), lacking)] if lacking > 0 else []
            tenders = draw(_plain_tenders)
        item = Item(
            EventId("T9", 1, 0, Seq(number + 1)),
            EpochMs(LATER + number),
            "visit" if way.kind == "visits" else "purchase",
            store,
            minute,
            tuple(money),
            tenders,
        )
        done.append((day, item))
    return done


def earned(asked: Asked, progress: Progress, done: Sequence[tuple[Day, Item]], tiers: Sequence[str]) -> int:
    """Return the qualifying points that doing this adds to the period, caps over the period included."""
    used = dict(progress.used)
    whole = 0
    for day in sorted({day for day, _ in done}):
        programme = version_for(asked.programmes, day)
        assert programme is not None
        tier = tiers[day % len(tiers)]
        new = [item for on, item in done if on == day]
        before = progress.today if day == asked.today else ()
        entries = derive_day(
            rules_of_day(programme, day, tier), [*before, *[Resolved(day, item, ()) for item in new]]
        )
        given_by = {entry.event: entry.qualifying for entry in entries}
        for item in new:
            points = given_by[item.id]
            for cap in programme.caps:
                if cap.per != "period" or cap.affects == "redeemable":
                    continue
                if in_play(cap.when, day, tier) and matches(cap.when, item):
                    points = min(points, max(0, cap.points - used.get(cap.id, 0)))
                    used[cap.id] = used.get(cap.id, 0) + points
            whole += points
    return whole


@settings(max_examples=400, deadline=None)
@given(questions(), st.data())
def test_doing_what_a_way_says_always_closes_the_gap(
    question: tuple[Asked, Progress], data: st.DataObject
) -> None:
    asked, progress = question
    for way in Guide().ways(asked, progress):
        done = data.draw(st.composite(rightly_done)(asked, progress, way))
        tiers = data.draw(st.permutations(asked.tiers))
        assert earned(asked, progress, done, tiers) >= progress.missing, way


@settings(max_examples=200, deadline=None)
@given(questions(), st.sampled_from([2, 5, 40]))
def test_what_was_worked_out_for_others_changes_no_answer(
    question: tuple[Asked, Progress], other: int
) -> None:
    asked, progress = question
    guide = Guide()
    for missing in (other, progress.missing):
        guide.ways(asked, Progress(missing=missing, today=(), minute=Minute(600)))
    assert guide.ways(asked, progress) == Guide().ways(asked, progress)


@settings(max_examples=200, deadline=None)
@given(questions())
def test_no_smaller_purchase_is_sure_to_suffice(question: tuple[Asked, Progress]) -> None:
    asked, progress = question
    for way in Guide().ways(asked, progress):
        if way.kind != "purchase" or way.minor == 1 or asked.today == asked.period.last:
            continue
        stores = [asked.store_id] if asked.store_id else ["S1", "S2", "S3"]
        days = [Day(day) for day in range(asked.today + 1, asked.period.last + 1)]
        smaller = [
            earned(
                asked,
                Progress(missing=0, today=(), minute=Minute(0)),
                [
                    (
                        day,
                        Item(
                            EventId("T9", 1, 0, Seq(1)),
                            EpochMs(LATER),
                            "purchase",
                            store,
                            Minute(minute),
                            (("", way.minor - 1),),
                            (),
                        ),
                    )
                ],
                [tier],
            )
            for day in days
            if way.frame.holds_day(day)
            for minute in range(0, 1440, 60)
            if way.frame.holds_minute(Minute(minute))
            for store in stores
            for tier in asked.tiers
        ]
        assert min(smaller) < progress.missing
