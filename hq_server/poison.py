"""Records on which this release fails when they come: they are set aside, and hold up no other of their till.

Such a record is kept and acknowledged with its batch, but counts as one that cannot be read: told as
`record_unreadable`, and looked at again at each start (`read_later`). Which one it is tell transactions of
which nothing is kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import msgspec

from hq_server.accept import Opened, Run, TerminalRefused
from hq_server.read_later import failing
from hq_server.store.connection import Transaction
from hq_server.store.database import Database
from hq_server.store.refusals import Busy, NotKept, Refused, WrongDatabase
from loyalty_core.errors import LoyaltyError

POISON_MAX: Final = 10
"""A release that fails on more records of one request is broken: its tills keep what they have."""
_NOT_OF_RECORDS: Final = (Busy, Refused, NotKept, WrongDatabase, TerminalRefused, MemoryError)
_T = TypeVar("_T")
_Places = Sequence[tuple[int, int]]
"""(run, place in it) of records."""
log = logging.getLogger(__name__)


class _Undone(Exception):
    """What was tried went well, and nothing of it is to be kept."""


async def write_without_poison(
    database: Database,
    opened: Opened,
    work: Callable[[Transaction, Opened], _T],
    spent: Callable[[float], None],
) -> _T:
    """Return what `work` makes of a request, durable; records on which it fails count as unreadable.

    Where it fails on what enrolments seal, they wait for that. Where it fails whatever the records say, or on
    more than `POISON_MAX`, its error is raised.
    """
    for _ in range(POISON_MAX):
        try:
            return await database.write(_of(work, opened), spent, beside=True)
        except _NOT_OF_RECORDS:
            raise
        except Exception as error:
            places = [
                (at, place)
                for at, run in enumerate(opened.runs)
                if isinstance(run, Run)
                for place, says in enumerate(run.says)
                if not isinstance(says, LoyaltyError)
            ]
            why = failing(type(error).__name__)
            if not places or await _fails(database, _without(opened, places, why), work, spent):
                unsealed = _unsealed(opened)
                if unsealed is None or await _fails(database, unsealed, work, spent):
                    raise
                opened = unsealed
                log.exception("seals_passed_over")
                continue
            opened = _without(opened, [await _first(database, opened, places, work, spent)], why)
            log.exception("record_passed_over")
    return await database.write(_of(work, opened), spent, beside=True)


def _of(work: Callable[[Transaction, Opened], _T], opened: Opened) -> Callable[[Transaction], _T]:
    return lambda tx: work(tx, opened)


async def _first(
    database: Database,
    opened: Opened,
    places: _Places,
    work: Callable[[Transaction, Opened], object],
    spent: Callable[[float], None],
) -> tuple[int, int]:
    """Return the first record with which, and all before it, `work` fails; without any it does not."""
    good, bad = 0, len(places)
    while bad - good > 1:
        middle = (good + bad) // 2
        if await _fails(database, _without(opened, places[middle:], ""), work, spent):
            bad = middle
        else:
            good = middle
    return places[good]


async def _fails(
    database: Database,
    opened: Opened,
    work: Callable[[Transaction, Opened], object],
    spent: Callable[[float], None],
) -> bool:
    """Tell whether `work` fails on a request; nothing is kept of it."""

    def tried(tx: Transaction) -> None:
        work(tx, opened)
        raise _Undone

    try:
        await database.write(tried, spent, beside=True)
    except _Undone:
        return False
    except _NOT_OF_RECORDS:
        raise
    except Exception:  # noqa: BLE001 - what it fails with is raised or told by who asks
        return True
    raise AssertionError("what was to be undone was kept")


def _unsealed(opened: Opened) -> Opened | None:
    """Return a request without what enrolments seal, which will be brought again; None where it has none."""
    if not opened.exchange.sealed:
        return None
    return msgspec.structs.replace(opened, exchange=msgspec.structs.replace(opened.exchange, sealed=()))


def _without(opened: Opened, places: _Places, why: str) -> Opened:
    """Return a request in which these records cannot be read, because of `why`."""
    runs = list(opened.runs)
    for at in {at for at, _ in places}:
        run = runs[at]
        if isinstance(run, Run):
            gone = {place for other, place in places if other == at}
            error = LoyaltyError(why, code="record_fails")
            says = [error if place in gone else one for place, one in enumerate(run.says)]
            runs[at] = msgspec.structs.replace(run, says=says)
    return msgspec.structs.replace(opened, runs=tuple(runs))
