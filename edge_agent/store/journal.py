"""The append-only journal: record bytes as written, the chain hash beside each.

Only the recorder and the terminal's own events append, inside the writer's transaction.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from typing import Final, NamedTuple

from edge_agent.store.database import Connection
from edge_agent.store.terminal import Terminal
from loyalty_core.errors import BadWire, BrokenChain
from loyalty_core.events import EventId
from loyalty_core.journal import Record, first_hash, next_hash, unpack_record
from loyalty_core.units import Seq

LOST: Final = b"\xc1"
"""What a lost record begins with: no msgpack does, so HQ sets it aside with what is left of its bytes."""


class Head(NamedTuple):
    """The last record of an epoch: its seq (0 for none) and hash."""

    seq: Seq
    hash: bytes


def head(conn: Connection, terminal: Terminal, epoch: int | None = None) -> Head:
    """Return the head of the till's epoch, or of an earlier one."""
    epoch = terminal.epoch if epoch is None else epoch
    row = conn.execute(
        "SELECT seq, hash FROM journal WHERE epoch = ? AND branch = 0 ORDER BY seq DESC LIMIT 1", (epoch,)
    ).fetchone()
    return Head(Seq(0), first_hash(terminal.terminal_id, epoch)) if row is None else Head(Seq(row[0]), row[1])


def append(conn: Connection, terminal: Terminal, last: Head, record: bytes) -> Head:
    """Append one record after `last` and return the new head. Durable with the caller's transaction."""
    new = Head(Seq(last.seq + 1), next_hash(last.hash, record))
    conn.execute(
        "INSERT INTO journal (epoch, branch, seq, record, hash) VALUES (?, 0, ?, ?, ?)",
        (terminal.epoch, new.seq, record, new.hash),
    )
    return new


def read_at(conn: Connection, event: EventId) -> Record | None:
    """Return the record of an event of this till, or None."""
    row = conn.execute(
        "SELECT record FROM journal WHERE epoch = ? AND branch = ? AND seq = ?",
        (event.epoch, event.branch, event.seq),
    ).fetchone()
    return None if row is None else readable(row[0])


def readable(data: bytes) -> Record | None:
    """Return a record, None where it was damaged: no sale stops for that, and `verify` says which it is."""
    try:
        return unpack_record(data)
    except BadWire:
        return None


def hash_at(conn: Connection, epoch: int, seq: int) -> bytes | None:
    """Return the chain hash at a seq of this till, or None."""
    row = conn.execute(
        "SELECT hash FROM journal WHERE epoch = ? AND branch = 0 AND seq = ?", (epoch, seq)
    ).fetchone()
    return None if row is None else row[0]


def run_from(conn: Connection, epoch: int, seq: int, count: int) -> list[bytes]:
    """Return up to `count` record bytes from `seq` on."""
    rows = conn.execute(
        "SELECT record FROM journal WHERE epoch = ? AND branch = 0 AND seq >= ? ORDER BY seq LIMIT ?",
        (epoch, seq, count),
    )
    return [record for (record,) in rows]


def newest(conn: Connection, epoch: int, count: int) -> list[tuple[int, bytes]]:
    """Return (seq, record bytes) of up to `count` records of an epoch, the last first."""
    return conn.execute(
        "SELECT seq, record FROM journal WHERE epoch = ? AND branch = 0 ORDER BY seq DESC LIMIT ?",
        (epoch, count),
    ).fetchall()


def before(conn: Connection, epoch: int, seq: int, count: int) -> list[tuple[int, bytes, bytes]]:
    """Return (seq, record bytes, hash) of up to `count` records of an epoch before a seq, the last first."""
    return conn.execute(
        "SELECT seq, record, hash FROM journal WHERE epoch = ? AND branch = 0 AND seq < ?"
        " ORDER BY seq DESC LIMIT ?",
        (epoch, seq, count),
    ).fetchall()


def row_at(conn: Connection, epoch: int, seq: int) -> tuple[bytes, bytes] | None:
    """Return a record's bytes and the hash that was written with them, None where there is none."""
    row = conn.execute(
        "SELECT record, hash FROM journal WHERE epoch = ? AND branch = 0 AND seq = ?", (epoch, seq)
    ).fetchone()
    return None if row is None else (row[0], row[1])


def epochs(conn: Connection) -> list[tuple[int, int]]:
    """Return every (epoch, branch) that has records, in order: a look-up each, however many they have."""
    rows = conn.execute(
        "WITH RECURSIVE of (epoch) AS (SELECT min(epoch) FROM journal UNION ALL"
        " SELECT (SELECT min(epoch) FROM journal WHERE epoch > of.epoch) FROM of WHERE epoch NOTNULL),"
        " found (epoch, branch) AS ("
        "SELECT epoch, (SELECT min(branch) FROM journal WHERE epoch = of.epoch) FROM of UNION ALL"
        " SELECT epoch, (SELECT min(branch) FROM journal WHERE epoch = found.epoch AND branch > found.branch)"
        " FROM found WHERE branch NOTNULL)"
        " SELECT epoch, branch FROM found WHERE branch NOTNULL ORDER BY epoch, branch"
    )
    return list(rows)


def last_seq(conn: Connection, epoch: int, branch: int = 0) -> int:
    """Return the seq of the last record of an epoch, 0 for none."""
    row = conn.execute(
        "SELECT seq FROM journal WHERE epoch = ? AND branch = ? ORDER BY seq DESC LIMIT 1", (epoch, branch)
    ).fetchone()
    return 0 if row is None else int(row[0])


def walk(conn: Connection, epoch: int, branch: int) -> Generator[tuple[int, bytes, bytes], None, None]:
    """Yield (seq, record bytes, hash) of a journal in order."""
    yield from conn.execute(
        "SELECT seq, record, hash FROM journal WHERE epoch = ? AND branch = ? ORDER BY seq", (epoch, branch)
    )


def count(conn: Connection) -> int:
    """Return how many records there are in all: seqs begin at 1 and have no gap."""
    return sum(last_seq(conn, epoch, branch) for epoch, branch in epochs(conn))


def hash_before(conn: Connection, terminal: Terminal, epoch: int, seq: int) -> bytes:
    """Return the chain hash that the record at `seq` of this till follows."""
    found = hash_at(conn, epoch, seq - 1) if seq > 1 else first_hash(terminal.terminal_id, epoch)
    if found is None:
        raise BrokenChain(f"record {seq - 1} of epoch {epoch} is missing")
    return found


class Run(NamedTuple):
    """Records that are what was written, and the seq of the first after them that is not."""

    records: list[bytes]
    damaged: int | None


def sound_run(conn: Connection, terminal: Terminal, epoch: int, seq: int, count: int) -> Run:
    """Return up to `count` records from `seq` on, each verified by its hash as it is read."""
    rows = conn.execute(
        "SELECT seq, record, hash FROM journal WHERE epoch = ? AND branch = 0 AND seq >= ?"
        " ORDER BY seq LIMIT ?",
        (epoch, seq, count),
    ).fetchall()
    before = hash_at(conn, epoch, seq - 1) if seq > 1 else first_hash(terminal.terminal_id, epoch)
    if rows and before is None:
        return Run([], seq - 1)
    records: list[bytes] = []
    for expected, (found, record, record_hash) in enumerate(rows, start=seq):
        before = next_hash(before or b"", record)
        if found != expected or before != record_hash:
            return Run(records, expected)
        records.append(record)
    return Run(records, None)


def rewrite(conn: Connection, epoch: int, rows: Iterable[tuple[int, bytes, bytes]]) -> None:
    """Put (seq, record, hash) where they belong, whatever stood there: for a repair alone.

    The triggers that forbid it to everybody else are back when the caller's transaction is durable.
    """
    guards = conn.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
    for name, _ in guards:
        conn.execute(f"DROP TRIGGER {name}")  # names of our own migrations
    conn.executemany(
        "INSERT OR REPLACE INTO journal (epoch, branch, seq, record, hash) VALUES (?, 0, ?, ?, ?)",
        [(epoch, *row) for row in rows],
    )
    for _, sql in guards:
        conn.execute(sql)
