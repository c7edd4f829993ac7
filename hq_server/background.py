"""Chores of a running server: records that can be read now, days to derive again, lots and holds that end,
hashes that wait for a phone, members to tell again, day totals to compare, closes, upgrades, benefits.

Each step is a bounded transaction that may be cut off anywhere and is found again.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from hq_server.closes.chores import do_tier_work, tier_work
from hq_server.closings import count_earlier
from hq_server.config import ACCESS_LOG_DAYS, CLOCK_TOLERANCE_MS
from hq_server.day_totals import Sold, TillDay, settle_total, sold_at, totals_to_compare
from hq_server.desk.rulings import is_due, post_some
from hq_server.enrolments import found_sealing_key, sealing_public_key
from hq_server.hashes import ATTACHED_AT_ONCE, attach_found, found_in, untried_hashes, were_tried
from hq_server.holds import lapse_some
from hq_server.key_book import Keyring
from hq_server.keys import BadKeyFile
from hq_server.life import Life
from hq_server.read_later import Looked, look, pass_over, take
from hq_server.rederive import expire, expiry_is_due, rederive_some
from hq_server.retelling import retell_some, retelling_is_due
from hq_server.staff.access import forget_some, is_forgetting_due
from hq_server.store.connection import Busy, Transaction
from hq_server.store.database import Database
from hq_server.store.refusals import MAY_PASS, NotKept, Refused, WrongDatabase
from loyalty_core.units import EpochMs

PAUSE_S: Final = 1
BUSY_PAUSE_S: Final = 4
"""After others were in the way: tills that wait behind a chore get through in between."""
log = logging.getLogger(__name__)


async def run_chores(
    database: Database,
    now_ms: Callable[[], EpochMs],
    clock_tolerance_ms: int = CLOCK_TOLERANCE_MS,
    life: Life | None = None,
    *,
    access_log_days: int = ACCESS_LOG_DAYS,
    keys: Keyring | None = None,
) -> None:
    """Take what an earlier release could not read, then do what is due, step by step, until the life ends.

    What tiers give is given where there are `keys` to sign coupons with.
    """
    life, looked = life or Life(), Looked(now_ms())
    while life.beat("chores"):
        try:
            if looked.kind is not None:
                looked, worked = await _read_later(database, looked, now_ms(), clock_tolerance_ms), True
            else:
                worked = await _step(database, now_ms(), access_log_days)
                worked = worked or await _of_tiers(database, now_ms(), keys)
                if not worked and database.trouble is not None:
                    await database.chore(_write_something)  # Does it still refuse?
        except Busy:
            worked = False
            await life.rest(BUSY_PAUSE_S)
        except Refused as error:
            if error.code not in MAY_PASS:
                raise
            log.warning("chores_wait", extra={"code": error.code})
            worked = False
        except (NotKept, WrongDatabase):
            return  # the server ends
        if not worked:
            await life.rest(PAUSE_S)


async def settle(database: Database, now_ms: EpochMs, clock_tolerance_ms: int) -> None:
    """Do all that is due by now, and return."""
    looked = Looked(now_ms)
    while looked.kind is not None:
        looked = await _read_later(database, looked, now_ms, clock_tolerance_ms)
    while await _step(database, now_ms):
        pass


def _write_something(tx: Transaction) -> None:
    for by in (1, -1):
        tx.run("house.write_something", by=by)


async def _step(database: Database, now_ms: EpochMs, access_log_days: int = ACCESS_LOG_DAYS) -> bool:
    """Do one bounded piece; returns whether there was any."""

    def due(tx: Transaction) -> tuple[bool, bool, bool, bool, bool, bool, bool]:
        return (
            sealing_public_key(tx) is None,
            retelling_is_due(tx, now_ms),
            expiry_is_due(tx, now_ms),
            bool(tx.all("accounts.lapsed_holds", now_ms=now_ms, count=1)),
            bool(tx.all("accounts.dirty_days", count=1)),
            bool(tx.all("accounts.untried_hashes")),
            tx.one("arrivals.closing_behind") is not None,
        )

    unfounded, retelling, expiry, holds, days, hashes, journals = await database.read(due)
    if unfounded:  # of a release that had no such key
        await database.chore(lambda tx: found_sealing_key(tx, os.urandom(32), now_ms))
    if retelling:
        await database.chore(lambda tx: retell_some(tx, now_ms))
    if expiry:
        count = await database.chore(lambda tx: expire(tx, now_ms))
        log.info("accounts_expired", extra={"count": count})
    if holds:
        count = await database.chore(lambda tx: lapse_some(tx, now_ms))
        log.info("holds_lapsed", extra={"count": count})
    if days:
        count = await database.chore(lambda tx: rederive_some(tx, now_ms))
        log.info("days_derived", extra={"count": count})
    if hashes:
        count = await _try_hashes(database, now_ms)
        log.info("references_attached", extra={"count": count})
    if journals:
        await database.chore(count_earlier)
    posted = await _post_grants(database, now_ms)
    forgot = await _forget_accesses(database, now_ms, access_log_days)
    worked = unfounded or posted or forgot or expiry or holds or days or hashes or journals or retelling
    return await _compare_total(database, now_ms) or worked


async def _forget_accesses(database: Database, now_ms: EpochMs, days: int) -> bool:
    """Delete some of what the access log need not keep any more; returns whether there was any."""
    if not await database.read(lambda tx: is_forgetting_due(tx, now_ms, days)):
        return False
    await database.chore(lambda tx: forget_some(tx, now_ms, days))
    return True


async def _post_grants(database: Database, now_ms: EpochMs) -> bool:
    """Post the grants of one more bucket where an approval was cut off; returns whether there were any."""
    if not await database.read(is_due):
        return False
    count = await database.chore(lambda tx: post_some(tx, now_ms))
    log.info("grants_posted", extra={"count": count})
    return True


async def _of_tiers(database: Database, now_ms: EpochMs, keys: Keyring | None) -> bool:
    """Go on with a close, this month's upgrades, or what tiers give; returns whether there was any."""
    due = await database.read(lambda tx: tier_work(tx, now_ms))
    if due is None or (due == "benefits" and keys is None):
        return False
    try:
        count = await database.chore(lambda tx: do_tier_work(tx, due, keys, now_ms))
    except BadKeyFile as error:
        log.warning("chores_wait", extra={"code": error.code})
        return False
    if due == "close" and count:
        log.info("bucket_closed")
    if due == "upgrades" and count:
        log.info("members_upgraded", extra={"count": count})
    if due == "benefits" and count:
        log.info("benefits_given", extra={"count": count})
    return True


async def _read_later(database: Database, looked: Looked, now_ms: EpochMs, clock_tolerance_ms: int) -> Looked:
    """Look at the next records that were set aside; returns how far that is.

    Where this release fails on a record, that one is passed over: it would fail at every start.
    """
    try:
        further, takable = await database.read(lambda tx: look(tx, looked, now_ms))
        if takable:
            count = await database.chore(lambda tx: take(tx, looked, now_ms, clock_tolerance_ms))
            log.info("records_read_later", extra={"count": count})
    except (Busy, Refused, NotKept, WrongDatabase):
        raise
    except Exception as error:
        if not looked.singly:
            return msgspec.structs.replace(looked, singly=True)
        log.exception("record_passed_over")
        name = type(error).__name__
        return await database.chore(lambda tx: pass_over(tx, looked, name, now_ms))
    return further


async def _compare_total(database: Database, now_ms: EpochMs) -> bool:
    """Compare the day total that waits longest with what is held for it; returns whether there was any."""

    def compared(tx: Transaction) -> tuple[TillDay, Sold] | None:
        for waiting in totals_to_compare(tx, now_ms):
            return waiting, sold_at(tx, waiting.store_id, waiting.day, waiting.till)
        return None

    found = await database.read(compared)
    if found is not None:
        await database.chore(partial(_settle, found=found, now_ms=now_ms))
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
        attached += await database.chore(partial(attach_found, found=chunk, now_ms=now_ms))
    await database.chore(partial(were_tried, untried=untried))
    return attached
