"""A database that SQLite cannot read any more, copied into a new one as far as it can be read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from edge_agent.store import copying, integrity, page_bits
from edge_agent.store.database import StoreError, connect, wal_bytes
from edge_agent.store.migrations import VERSION, migrate, version_of
from loyalty_shell.data_dir import make_durable

_HEAD: Final = b"SQLite format 3\x00" + bytes([16, 0, 2, 2, 0, 64, 32, 32])
"""How every database of a till begins: without this SQLite opens none, however whole the rest is."""

_WRONG_MAX: Final = 4
"""More bytes than this do not flip: what begins otherwise is something else."""


def with_its_head(database: Path) -> Path | None:
    """Give a database its first bytes back; return where the old one is, None where nothing was wrong.

    Cut off anywhere, one of the two is in place, whole.
    """
    if not database.is_file():
        return None
    with database.open("rb") as file:
        found = file.read(len(_HEAD))
    wrong = sum(one != other for one, other in zip(found, _HEAD, strict=False))
    if len(found) < len(_HEAD) or not 0 < wrong <= _WRONG_MAX:
        return None
    fresh = database.with_name(database.name + ".salvaged")
    _forget(fresh)
    shutil.copyfile(database, fresh)
    fresh.chmod(0o600)
    with fresh.open("r+b") as file:
        file.write(_HEAD)
    return _in_place(database, fresh)


def salvage(database: Path) -> Path:
    """Put the database aside and what can be read of it in its place; return where the old one is.

    The old file stays as it is. Cut off anywhere, one of the two is in place, whole.

    Raises:
        StoreError: `store_lost`: not even this till's identity can be read.
    """
    fresh = database.with_name(database.name + ".salvaged")
    _forget(fresh)
    old = connect(database)
    new = connect(fresh)
    try:
        migrate(new, version_of(old) or VERSION)
        copying.written_back(old)
        if not copying.copy_readable(old, new):
            raise lost()
        integrity.begin_repair(new)
        copying.written_back(new)
    finally:
        old.close()
        new.close()
    return _in_place(database, fresh)


def with_its_bit(database: Path) -> Path | None:
    """Give a database the bit back for which nothing of it can be read; return where the old one is.

    None where no single bit is at fault. Cut off anywhere, one of the two is in place, whole.
    """
    fresh = database.with_name(database.name + ".salvaged")
    new = database.with_name(database.name + ".schema")
    _forget(fresh)
    _forget(new)
    if not database.is_file() or wal_bytes(database):
        return None
    shutil.copyfile(database, fresh)
    fresh.chmod(0o600)
    found = page_bits.put_back(fresh, new)
    _forget(new)
    if not found:
        _forget(fresh)
        return None
    return _in_place(database, fresh)


def lost() -> StoreError:
    """Return what is told where nothing can be read."""
    return StoreError(
        "this till's identity cannot be read from its database: replace the till at HQ (hq-server terminal "
        "invite --till) and enrol it again",
        code="store_lost",
    )


def _in_place(database: Path, fresh: Path) -> Path:
    """Put a new database in place of the old one; return where that is."""
    aside = _free_name(database)
    make_durable(fresh)
    os.link(database, aside)
    fresh.replace(database)
    make_durable(database.parent)
    return aside


def _free_name(database: Path) -> Path:
    for number in range(1, 1000):
        aside = database.with_name(f"{database.name}.damaged-{number}")
        if not aside.exists():
            return aside
    raise StoreError("a thousand damaged databases lie here: remove some", code="store_failed")


def _forget(database: Path) -> None:
    for end in ("", "-wal", "-shm"):
        database.with_name(database.name + end).unlink(missing_ok=True)
