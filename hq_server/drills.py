"""A restore that is practised: a backup is brought back beside headquarters, proven, and taken away again.

What a restored headquarters would do first, its chores, is done there, too; then everything is derived again.
Nothing of the headquarters that serves is read but its settings, and nothing is changed.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from hq_server.audit import Audited, Progress, audit
from hq_server.background import settle
from hq_server.backups import restore
from hq_server.config import HqConfig
from hq_server.key_book import Keyring
from hq_server.keys import keys_in_reach
from hq_server.store.connection import Transaction
from hq_server.store.database import Database
from loyalty_core.errors import LoyaltyError
from loyalty_core.units import EpochMs
from loyalty_shell.data_dir import free_bytes

SCRATCH: Final = "drill"
ROOM: Final = 3
"""How many times the size of a backup must be free: itself, and what its chores and the audit write."""


class DrillRefused(LoyaltyError):
    """A drill that cannot be held; `code` says why."""

    code = "drill_running"


class Drilled(msgspec.Struct, frozen=True, kw_only=True):
    """A backup from which headquarters can be restored; what the audit found right, and what is in it."""

    file: str
    made_at_ms: int | None
    members: int
    decisions: int
    audited: Audited


def drill(
    config: HqConfig, backup: Path, folder: Path, *, random: bytes, now_ms: EpochMs, progress: Progress
) -> Drilled:
    """Restore a backup into a folder in `folder`, audit it there, and leave nothing behind.

    Raises:
        DrillRefused: `drill_running`, `disk_full`.
        LoyaltyError: as `restore`, or as the audit: then nobody can be sure of this backup.
    """
    with _scratch(folder, backup) as scratch:
        beside = _settings_in(config, scratch)
        restored = restore(beside, backup, replace=False, random=random, now_ms=now_ms)
        members, decisions, audited = asyncio.run(_proven(beside, now_ms, progress))
    return Drilled(
        file=str(backup),
        made_at_ms=restored.made_at_ms,
        members=members,
        decisions=decisions,
        audited=audited,
    )


async def _proven(config: HqConfig, now_ms: EpochMs, progress: Progress) -> tuple[int, int, Audited]:
    keyring = Keyring(lambda: [key for key, _ in keys_in_reach(config, "server")])

    def found(tx: Transaction) -> tuple[int, int, Audited]:
        (members,) = tx.one("accounts.member_count") or (0,)
        (decisions,) = tx.one("house.last_decision") or (0,)
        return members, decisions, audit(tx, keyring.signing(tx).public_key, progress)

    database = Database(config.place)
    try:
        await settle(database, now_ms, config.clock_tolerance_ms)
        return await database.read(found)
    finally:
        await asyncio.to_thread(database.close)


def _settings_in(config: HqConfig, scratch: Path) -> HqConfig:
    """Return the settings of a headquarters that is all in one folder; its keys come out of the backup."""
    return msgspec.structs.replace(
        config,
        data_dir=str(scratch),
        database=str(scratch / "hq.db"),
        programme_key=str(scratch / "programme.key"),
    )


@contextmanager
def _scratch(folder: Path, backup: Path) -> Iterator[Path]:
    """Lend an empty folder that nobody else reads; what a drill has left that was cut off goes first."""
    scratch = folder / SCRATCH
    scratch.mkdir(mode=0o700, exist_ok=True)
    held = os.open(scratch, os.O_RDONLY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(held)
        raise DrillRefused(f"a drill is being held in {scratch}: wait until it has ended") from None
    within = scratch / "hq"
    try:
        shutil.rmtree(within, ignore_errors=True)
        if free_bytes(scratch) < ROOM * backup.stat().st_size:
            raise DrillRefused(
                f"{folder} has no room to restore {backup} beside headquarters: give another one with --in",
                code="disk_full",
            )
        within.mkdir(mode=0o700)
        yield within
    finally:
        shutil.rmtree(within, ignore_errors=True)
        scratch.rmdir()
        os.close(held)
