"""A plan carried out, in order of time or shuffled; either leaves headquarters' database for `stands`.

In order: every till closes its day and talks to headquarters each morning, and lots expire when they do.
Shuffled: receipts come to each till in any order of the year, some twice and some at two tills; tills talk to
headquarters when they happen to; the last tenth comes after the first lots have expired.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import msgspec

from bench.year.house import Hq, SetClock
from bench.year.plan import BEGINS, TILLS, ZONE, Handed, Plan, Told, day_of_time
from bench.year.till import ROWS_AN_EXCHANGE, Till
from demo import members
from loyalty_core.calendar import day_of

MORNING: Final = time(7, 30)
"""When a day that is over has been declared so."""
ENDS: Final = datetime.combine(date(2028, 1, 3), time(12))
"""After the points of the year's first half-year have expired."""
LATE_SHARE: Final = 10
COPIES_SHARE: Final = 50
ROUNDS: Final = 60
CLOSE_EVERY: Final = 12
TALKS_IN_TEN: Final = 6


class Ran(msgspec.Struct, frozen=True, kw_only=True):
    """What was handed in, the CPU seconds of each side, and how many balances tills show wrong (`astray`)."""

    handed: int
    till_seconds: float
    hq_seconds: float
    astray: int


def run_in_order(plan: Plan, folder: Path, database: str = "") -> Ran:
    """Carry a plan out as the year went, into a PostgreSQL database if told."""
    days: dict[date, list[Handed]] = defaultdict(list)
    for one in plan.handed:
        days[day_of_time(_local(one.at_ms))].append(one)
    with _opened(plan, folder, database) as (clock, hq, tills):
        for day in sorted(days):
            clock.set(datetime.combine(day + timedelta(days=1), MORNING))
            for till in tills:
                till.take([one for one in days[day] if one.till == till.number])
                till.close_days()
                till.exchange()
            hq.do_chores()
        clock.set(ENDS)
        hq.do_chores()
        return _ended(plan, hq, tills, len(plan.handed))


def run_shuffled(plan: Plan, folder: Path, database: str = "") -> Ran:
    """Carry a plan out in another order, with copies."""
    chance = random.Random(plan.size.seed + 1)
    handed = [*plan.handed, *_copies(plan.handed, chance)]
    chance.shuffle(handed)
    late = len(handed) - len(handed) // LATE_SHARE
    size = -(-len(handed) // ROUNDS)
    with _opened(plan, folder, database) as (clock, hq, tills):
        clock.set(_local(plan.handed[-1].at_ms) + timedelta(days=1))
        for number, first in enumerate(range(0, len(handed), size)):
            if first >= late:
                clock.set(ENDS)
            hq.do_chores()
            for till in chance.sample(tills, len(tills)):
                till.take([one for one in handed[first : first + size] if one.till == till.number])
                if number % CLOSE_EVERY == 0:
                    till.close_days()
                if chance.randrange(10) < TALKS_IN_TEN:
                    till.exchange(5 * ROWS_AN_EXCHANGE)
        return _ended(plan, hq, tills, len(handed))


@contextmanager
def _opened(plan: Plan, folder: Path, database: str) -> Iterator[tuple[SetClock, Hq, list[Till]]]:
    clock = SetClock(BEGINS + timedelta(weeks=plan.size.first_week))
    hq = Hq(folder / "hq", clock, plan, database)
    tills = [Till(folder / f"till{number}", number, hq, clock) for number in range(len(TILLS))]
    try:
        yield clock, hq, tills
    finally:
        for conn in (hq.conn, *[till.conn for till in tills]):
            conn.close()


def _copies(handed: Sequence[Handed], chance: random.Random) -> list[Handed]:
    """Return some receipts once more, those of the store with two tills for either of them."""
    told = [one for one in handed if isinstance(one, Told)]
    copied = chance.sample(told, len(told) // COPIES_SHARE)
    return [
        msgspec.structs.replace(one, till=chance.randrange(2)) if TILLS[one.till][0] == TILLS[0][0] else one
        for one in copied
    ]


def _ended(plan: Plan, hq: Hq, tills: Sequence[Till], handed: int) -> Ran:
    """Send what waits, close the half-years, tell the tills all, and count balances that they show wrong."""
    for till in tills:
        till.close_days()
        till.exchange()
    hq.do_chores()
    hq.close_periods(day_of(day_of_time(_local(plan.handed[-1].at_ms))))
    hq.do_chores()
    for till in tills:
        till.catch_up()
    balances = {members.household_of(name): balance for name, balance in hq.balances().items()}
    shown = [(one, till.balance(one)) for till in tills for one in plan.households]
    return Ran(
        handed=handed,
        till_seconds=sum(till.watch.seconds for till in tills),
        hq_seconds=hq.watch.seconds,
        astray=sum(shows is not None and shows != balances.get(one, 0) for one, shows in shown),
    )


def _local(at_ms: int) -> datetime:
    return datetime.fromtimestamp(at_ms / 1000, ZONE).replace(tzinfo=None)
