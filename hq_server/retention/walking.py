"""The walk through all members, once a day: a page is read, then those who are due are erased.

Where it is cut off it begins anew; a page is looked at again before anything is done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import msgspec

from hq_server.config import Retention
from hq_server.house import House, load_house
from hq_server.life import Life
from hq_server.retention.idle import ERASED_AT_ONCE, MONTH_DAYS, Idle, Place, erase_idle, idle_after
from hq_server.store.connection import Transaction
from hq_server.store.database import Database
from hq_server.store.refusals import MAY_PASS, Busy, NotKept, Refused, WrongDatabase
from loyalty_core.units import Day, EpochMs

PAUSE_S: Final = 1.0
"""Between two steps, so that tills are not kept waiting."""
LOOK_S: Final = 60.0
_DAY_MS: Final = 86_400_000
log = logging.getLogger(__name__)


class _Walk(msgspec.Struct, frozen=True):
    """How far today's walk is; `place` None when it is done."""

    today: Day
    place: Place | None = Place()


def today_at(now_ms: EpochMs) -> Day:
    """Return the day in Greenwich: retention is a matter of months."""
    return Day(now_ms // _DAY_MS)


def due_before(retention: Retention, today: Day) -> Day:
    """Return the day on or after which a member must have been seen to be kept."""
    return Day(today - retention.members_idle_months * MONTH_DAYS)


def who_is_due(tx: Transaction, house: House, before: Day, today: Day) -> Iterator[Idle]:
    """Yield everyone who would be erased if retention walked now."""
    place: Place | None = Place()
    while place is not None:
        found, place = idle_after(tx, house, place, before, today)
        yield from found


async def run_retention(
    database: Database, now_ms: Callable[[], EpochMs], retention: Retention, life: Life
) -> None:
    """Walk once a day until the life ends, where the settings want it."""
    walk = _Walk(Day(-1), None)
    while retention.members_idle_months and life.beat("retention"):
        today = today_at(now_ms())
        if walk.today != today:
            walk = _Walk(today)
        if walk.place is None:
            await life.rest(LOOK_S)
            continue
        try:
            walk = await _step(database, retention, walk, walk.place, now_ms())
        except (NotKept, WrongDatabase):
            return  # the server ends
        except (Busy, Refused) as error:
            if error.code not in MAY_PASS:
                raise
        await life.rest(PAUSE_S)


async def _step(
    database: Database, retention: Retention, walk: _Walk, place: Place, now_ms: EpochMs
) -> _Walk:
    before = due_before(retention, walk.today)

    def look(tx: Transaction) -> tuple[list[Idle], Place | None]:
        return idle_after(tx, load_house(tx), place, before, walk.today)

    found, further = await database.read(look)
    due = [idle.member_id for idle in found]
    erased = 0
    for first in range(0, len(due), ERASED_AT_ONCE):
        some = due[first : first + ERASED_AT_ONCE]
        work = partial(_erase, names=some, retention=retention, walk=walk, now_ms=now_ms)
        erased += await database.chore(work)
    if erased:
        log.info("members_forgotten", extra={"count": erased})
    return msgspec.structs.replace(walk, place=further)


def _erase(tx: Transaction, names: list[str], retention: Retention, walk: _Walk, now_ms: EpochMs) -> int:
    months, before = retention.members_idle_months, due_before(retention, walk.today)
    return erase_idle(tx, load_house(tx), names, months, before, walk.today, now_ms)
