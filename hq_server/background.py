"""Chores of a running server: records that can be read now, days to derive again, lots and holds that end,
hashes that wait for a phone, day totals to compare.

Each step is a bounded transaction that may be cut off anywhere and is found again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from hq_server.closings import count_earlier
from hq_server.config import CLOCK_TOLERANCE_MS
from hq_server.day_totals import Sold, TillDay, settle_total, sold_at, totals_to_compare
from hq_server.hashes import ATTACHED_AT_ONCE, attach_found, found_in, untried_hashes, were_tried
from hq_server.holds import lapse_some
from hq_server.read_later import Looked, look, pass_over, take
from hq_server.rederive import expire, expiry_is_due, rederive_some
from hq_server.store.connection import Busy, Transaction
from hq_server.store.database import Database
from hq_server.store.disk import MAY_PASS, NotKept, Refused
from loyalty_core.units import EpochMs

PAUSE_S: Final = 1
log = logging.getLogger(__name__)


async def run_chores(
    database: Database, now_ms: Callable[[], EpochMs], clock_tolerance_ms: int = CLOCK_TOLERANCE_MS
) -> None:
    """Take what an earlier release could not read, then do what is due, again and again, until cancelled."""
    looked = Looked(now_ms())
    while True:
        try:
            if looked.kind is not None:
                looked, worked = await _read_later(database, looked, now_ms(), clock_tolerance_ms), True
            else:
                worked = await _step(database, now_ms())
        except Busy:
            worked = False
        except Refused as error:
            if error.code not in MAY_PASS:
                raise
            log.warning("chores_wait", extra={"code": error.code})
            worked = False
        except NotKept:
            return  # the server ends
        if not worked:
            await asyncio.sleep(PAUSE_S)


async def _step(database: Database, now_ms: EpochMs) -> bool:
    """Do one bounded piece; returns whether there was any."""

    def due(tx: Transaction) -> tuple[bool, bool, bool, bool, bool]:
        return (
            expiry_is_due(tx, now_ms),
            bool(tx.all("accounts.lapsed_holds", now_ms=now_ms, count=1)),
            bool(tx.all("accounts.dirty_days", count=1)),
            bool(tx.all("accounts.untried_hashes")),
            tx.one("arrivals.closing_behind") is not None,
        )

    expiry, holds, days, hashes, journals = await database.read(due)
    if expiry:
        count = await database.write(lambda tx: expire(tx, now_ms))
        log.info("accounts_expired", extra={"count": count})
    if holds:
        count = await database.write(lambda tx: lapse_some(tx, now_ms))
        log.info("holds_lapsed", extra={"count": count})
    if days:
        count = await database.write(lambda tx: rederive_some(tx, now_ms))
        log.info("days_derived", extra={"count": count})
    if hashes:
        count = await _try_hashes(database, now_ms)
        log.info("references_attached", extra={"count": count})
    if journals:
        await database.write(count_earlier)
    return await _compare_total(database, now_ms) or expiry or holds or days or hashes or journals


async def _read_later(database: Database, looked: Looked, now_ms: EpochMs, clock_tolerance_ms: int) -> Looked:
    """Look at the next records that were set aside; returns how far that is.

    Where this release fails on a record, that one is passed over: it would fail at every start.
    """
    try:
        further, takable = await database.read(lambda tx: look(tx, looked, now_ms))
        if takable:
            count = await database.write(lambda tx: take(tx, looked, now_ms, clock_tolerance_ms))
            log.info("records_read_later", extra={"count": count})
    except (Busy, Refused, NotKept):
        raise
    except Exception as error:
        if not looked.singly:
            return msgspec.structs.replace(looked, singly=True)
        log.exception("record_passed_over")
        name = type(error).__name__
        return await database.write(lambda tx: pass_over(tx, looked, name, now_ms))
    return further


async def _compare_total(database: Database, now_ms: EpochMs) -> bool:
    """Compare the day total that waits longest with what is held for it; returns whether there was any."""

    def compared(tx: Transaction) -> tuple[TillDay, Sold] | None:
        for waiting in totals_to_compare(tx, now_ms):
            return waiting, sold_at(tx, waiting.store_id, waiting.day, waiting.till)
        return None

    found = await database.read(compared)
    if found is not None:
        await database.write(partial(_settle, found=found, now_ms=now_ms))
    return found is not None


def _settle(tx: Transaction, found: tuple[TillDay, Sold], now_ms: EpochMs) -> None:
    settle_total(tx, *found, now_ms)


async def _try_hashes(database: Database, now_ms: EpochMs) -> int:
    """Try every known phone on the hashes that came lately; returns how many found their member."""
    untried = await database.read(untried_hashes)
    found: list[tuple[str, str]] = []
    for bucket in range(untried.bucket_count):
        found += await database.read(partial(found_in, bucket=bucket, untried=untried))
    attached = 0
    for first in range(0, len(found), ATTACHED_AT_ONCE):
        chunk = found[first : first + ATTACHED_AT_ONCE]
        attached += await database.write(partial(attach_found, found=chunk, now_ms=now_ms))
    await database.write(partial(were_tried, untried=untried))
    return attached
