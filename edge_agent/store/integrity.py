"""Is what the disk gives back what was written? Reads everything, changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from edge_agent.store import journal, outbox, terminal
from edge_agent.store.database import Connection, DatabaseError, connect, store_error
from loyalty_core.errors import LoyaltyError
from loyalty_core.journal import first_hash, next_hash, unpack_record

TOLD_EVERY: Final = 1000
"""After how many records it is told how far this has come."""


class Fault(msgspec.Struct, frozen=True, kw_only=True):
    """The first thing found wrong. `seq` is None where it is not about one record."""

    code: str
    sentence: str
    epoch: int | None = None
    seq: int | None = None


def verify(conn: Connection, progress: Callable[[int], None] = lambda _: None) -> Fault | None:
    """Return the first fault of database, chain and hashes, or None. `progress` is told records read."""
    try:
        (found,) = conn.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            return Fault(code="database_damaged", sentence=f"SQLite finds the database damaged: {found}")
        if is_in_repair(conn):
            return Fault(code="repair_unfinished", sentence="a repair of this database was cut off")
        return _verify_journal(conn, progress)
    except (DatabaseError, UnicodeDecodeError) as error:  # SQLite quotes what is damaged
        return unreadable(error)


def begin_repair(conn: Connection) -> None:
    """Note that rows were left behind, so that what follows from the journal is to be made anew."""
    conn.execute("PRAGMA application_id=1")


def end_repair(conn: Connection) -> None:
    """Note that it was made anew. Durable with the caller's transaction."""
    conn.execute("PRAGMA application_id=0")


def is_in_repair(conn: Connection) -> bool:
    """Tell whether a repair was begun and has not come to its end."""
    return bool(conn.execute("PRAGMA application_id").fetchone()[0] == 1)


def damaged_pages(path: Path) -> bool:
    """Tell whether SQLite itself finds a database damaged.

    Raises:
        StoreError: it cannot be opened at all.
    """
    conn = connect(path)
    try:
        (found,) = conn.execute("PRAGMA integrity_check(1)").fetchone()
        return bool(found != "ok")
    except UnicodeDecodeError:
        return True
    except DatabaseError as error:
        if store_error(error).code != "store_damaged":
            raise store_error(error) from error
        return True
    finally:
        conn.close()


def unreadable(error: Exception) -> Fault:
    """Return the fault of a database that cannot be read.

    Raises:
        StoreError: it is the disk's or the user's fault.
    """
    if isinstance(error, DatabaseError):
        told = store_error(error)
        if told.code in {"store_unreadable", "disk_read_only", "disk_unreadable"}:
            raise told from None
    return Fault(code="database_damaged", sentence=f"the database cannot be read: {error}")


def _verify_journal(conn: Connection, progress: Callable[[int], None]) -> Fault | None:
    identity = terminal.read(conn)
    if terminal.is_damaged(conn):
        return Fault(code="identity_damaged", sentence="this till's identity is not what was written")
    done = 0
    heads: dict[int, int] = {}
    for epoch, branch in journal.epochs(conn):
        before, expected = first_hash(identity.terminal_id, epoch), 1
        for seq, record, chain_hash in journal.walk(conn, epoch, branch):
            where = {"epoch": epoch, "seq": expected}
            if seq != expected:
                return Fault(
                    code="journal_gap", sentence=f"seq {expected} of epoch {epoch} is missing", **where
                )
            before = next_hash(before, record)
            if before != chain_hash:
                return Fault(
                    code="chain_broken",
                    sentence=f"seq {seq} of epoch {epoch} is not what was written",
                    **where,
                )
            try:
                if not record.startswith(journal.LOST):
                    unpack_record(record)
            except LoyaltyError as error:
                return Fault(
                    code="record_unreadable", sentence=f"seq {seq} of epoch {epoch}: {error}", **where
                )
            expected, done = expected + 1, done + 1
            if done % TOLD_EVERY == 0:
                progress(done)
        heads[epoch] = expected - 1
    progress(done)
    return _verify_references(conn, heads)


def _verify_references(conn: Connection, heads: dict[int, int]) -> Fault | None:
    """What the other tables say of the journal must be there."""
    for epoch, last in heads.items():
        if outbox.acknowledged(conn, epoch) > last:
            return Fault(
                code="journal_behind",
                sentence=f"HQ holds epoch {epoch} beyond seq {last}: this database is older than HQ's",
                epoch=epoch,
                seq=last + 1,
            )
    for table, dangling in _DANGLING.items():
        row = conn.execute(dangling).fetchone()
        if row is not None:
            return Fault(
                code="reference_broken",
                sentence=f"{table} names seq {row[1]} of epoch {row[0]}, which is not in the journal",
                epoch=row[0],
                seq=row[1],
            )
    return None


_DANGLING: Final = {
    "source": "SELECT t.epoch, t.seq FROM source AS t LEFT JOIN journal AS j"
    " ON j.epoch = t.epoch AND j.branch = t.branch AND j.seq = t.seq WHERE j.seq IS NULL LIMIT 1",
    "entry": "SELECT t.epoch, t.seq FROM entry AS t LEFT JOIN journal AS j"
    " ON j.epoch = t.epoch AND j.branch = t.branch AND j.seq = t.seq WHERE j.seq IS NULL LIMIT 1",
    "redemption": "SELECT t.epoch, t.seq FROM redemption AS t LEFT JOIN journal AS j"
    " ON j.epoch = t.epoch AND j.branch = t.branch AND j.seq = t.seq WHERE j.seq IS NULL LIMIT 1",
    "enrolment": "SELECT t.epoch, t.seq FROM enrolment AS t LEFT JOIN journal AS j"
    " ON j.epoch = t.epoch AND j.branch = t.branch AND j.seq = t.seq WHERE j.seq IS NULL LIMIT 1",
    "acknowledged": "SELECT t.epoch, t.seq FROM acknowledged AS t LEFT JOIN journal AS j"
    " ON j.epoch = t.epoch AND j.branch = t.branch AND j.seq = t.seq"
    " WHERE t.seq > 0 AND j.hash IS NOT t.hash LIMIT 1",
}
"""What other tables say of the journal: each statement finds a row that says something untrue."""
