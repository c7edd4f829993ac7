"""What HQ has acknowledged, and how the link has been. Written by `sync` only."""

from __future__ import annotations

import msgspec

from edge_agent.store import journal
from edge_agent.store.database import Connection
from edge_agent.store.journal import Head
from loyalty_core.messages import Acknowledgement
from loyalty_core.units import Seq


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """How talking to HQ went. `since_ms` is when the present state, up or down, began.

    `refused_code` is how HQ refused this till altogether, until it takes something from it again. `lacks` is
    the hash of a record that HQ holds and this till has lost; `programmes_above` the last programme version
    that HQ has, where it has lost later ones.
    """

    tried_at_ms: int | None = None
    answered_at_ms: int | None = None
    hq_time_ms: int | None = None
    since_ms: int | None = None
    error_code: str | None = None
    error: str | None = None
    next_try_ms: int | None = None
    refused_code: str | None = None
    lacks: bytes | None = None
    programmes_above: int | None = None


def acknowledged(conn: Connection, epoch: int) -> int:
    """Return up to which seq of an epoch HQ holds the journal."""
    row = conn.execute("SELECT seq FROM acknowledged WHERE epoch = ? AND branch = 0", (epoch,)).fetchone()
    return 0 if row is None else int(row[0])


def held(conn: Connection, epoch: int) -> Head | None:
    """Return the last record of an epoch that HQ said it holds, None for none."""
    row = conn.execute(
        "SELECT seq, hash FROM acknowledged WHERE epoch = ? AND branch = 0", (epoch,)
    ).fetchone()
    return None if row is None else Head(Seq(row[0]), row[1])


def acknowledge(conn: Connection, said: Acknowledgement) -> bool:
    """Note up to where HQ holds this till's journal, and tell whether that is news; it only rises by this."""
    done = conn.execute(
        "INSERT INTO acknowledged (epoch, branch, seq, hash) VALUES (?, 0, ?, ?)"
        " ON CONFLICT (epoch, branch) DO UPDATE SET seq = excluded.seq, hash = excluded.hash"
        " WHERE excluded.seq > acknowledged.seq",
        (said.epoch, said.seq, said.hash),
    )
    return done.rowcount == 1


def resend(conn: Connection, epoch: int, seq: int) -> bool:
    """Take an epoch's records from `seq` on for unsent; tell whether HQ was thought to hold any of them."""
    if acknowledged(conn, epoch) < seq:
        return False
    conn.execute("DELETE FROM acknowledged WHERE epoch = ? AND branch = 0", (epoch,))
    conn.execute(
        "INSERT INTO acknowledged (epoch, branch, seq, hash) SELECT epoch, branch, seq, hash FROM journal"
        " WHERE epoch = ? AND branch = 0 AND seq = ?",
        (epoch, seq - 1),
    )
    return True


def waiting(conn: Connection) -> tuple[int, int | None, int | None]:
    """Return how many records wait to be sent, and the (epoch, seq) of the oldest of them."""
    number, oldest = 0, None
    for epoch, branch in journal.epochs(conn):
        done = acknowledged(conn, epoch)
        more = journal.last_seq(conn, epoch) - done if branch == 0 else 0
        if more > 0:
            number += more
            oldest = oldest or (epoch, done + 1)
    return number, *(oldest or (None, None))


def link(conn: Connection) -> Link:
    """Return how the link has been."""
    row = conn.execute(
        "SELECT tried_at_ms, answered_at_ms, hq_time_ms, since_ms, error_code, error, next_try_ms,"
        " refused_code, lacks, programmes_above FROM link"
    ).fetchone()
    return Link(**dict(zip(Link.__struct_fields__, row, strict=True)))


def set_link(conn: Connection, state: Link) -> None:
    """Note how the last try went."""
    conn.execute(
        "UPDATE link SET tried_at_ms = ?, answered_at_ms = ?, hq_time_ms = ?, since_ms = ?, error_code = ?,"
        " error = ?, next_try_ms = ?, refused_code = ?, lacks = ?, programmes_above = ?",
        msgspec.structs.astuple(state),
    )


def forget_wrong(conn: Connection) -> None:
    """Forget acknowledgements of what is not in the journal: HQ says anew what it holds."""
    conn.execute(
        "DELETE FROM acknowledged WHERE seq > 0 AND NOT EXISTS (SELECT 1 FROM journal AS j WHERE"
        " j.epoch = acknowledged.epoch AND j.branch = acknowledged.branch AND j.seq = acknowledged.seq"
        " AND j.hash = acknowledged.hash)"
    )


def forget(conn: Connection) -> None:
    """Forget what an earlier life of HQ's database acknowledged: it says anew what it holds."""
    conn.execute("DELETE FROM acknowledged")
