"""What each till gets: the members of its store, and those seen there, in bounded pages.

A page is what changed in one bucket after the till's cursor, in the order of change numbers, so that a cursor
never skips a late commit. Reads only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hq_server.accept import Terminal
from hq_server.house import House
from hq_server.member_rows import Changed, Rows
from hq_server.references import keys_json, places_json
from hq_server.store.connection import Row, Transaction
from loyalty_core.errors import BadWire
from loyalty_core.lineage import Segment, stamp_within
from loyalty_core.messages import Page, Stamp
from loyalty_core.units import EpochMs


def pages(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    lineage: Sequence[Segment],
    look_up_key: bytes,
    cursors: tuple[int, ...],
    now_ms: EpochMs,
    rows_max: int,
) -> tuple[tuple[Page, ...], bool]:
    """Return pages of at most `rows_max` rows in all, and whether there is more.

    `lineage` is what of the terminal's journals the till that asks has written: its stamps are of that alone.

    Raises:
        BadWire: the cursors are not one a bucket.
    """
    if cursors and len(cursors) != house.bucket_count:
        raise BadWire(f"{len(cursors)} cursors came, there are {house.bucket_count} buckets")
    cursors = cursors or (0,) * house.bucket_count
    found, more = _found(tx, terminal, cursors, rows_max)
    members = [row[1] for changed in found.values() for row in changed]
    rows = Rows(tx, house, terminal.terminal_id, look_up_key, members, now_ms)
    stamps = _stamps(tx, house, terminal, lineage, members)
    made = [
        Page(
            bucket=bucket,
            from_cursor=cursors[bucket],
            to_cursor=changed[-1][0],
            rows=tuple(
                [
                    rows.row(Changed(member, name, birthday, bool(erased), stamps.get(member)))
                    for _, member, name, birthday, erased in changed
                ]
            ),
        )
        for bucket, changed in found.items()
        if changed
    ]
    return tuple(made), more


def _found(
    tx: Transaction, terminal: Terminal, cursors: tuple[int, ...], rows_max: int
) -> tuple[dict[int, list[Row]], bool]:
    """Return at most `rows_max` changed members by bucket, and whether there are more.

    A bucket is read no further than it is told of, however much of it has changed.
    """
    heard = keys_json(enumerate(cursors))
    waiting = tx.all("accounts.buckets_to_tell", cursors=heard, audience=terminal.store_id)
    found: dict[int, list[Row]] = {}
    wanted = rows_max + 1
    for (bucket,) in waiting:
        found[bucket] = tx.all(
            "accounts.changed_members",
            bucket=bucket,
            cursor=cursors[bucket],
            audience=terminal.store_id,
            count=wanted,
        )
        wanted -= len(found[bucket])
        if not wanted:
            found[bucket].pop()
            return found, True
    return found, False


def _stamps(
    tx: Transaction, house: House, terminal: Terminal, lineage: Sequence[Segment], members: Sequence[str]
) -> Mapping[str, Stamp | None]:
    """Return how far a till's own events are posted, by member."""
    found: dict[str, dict[tuple[int, int], int]] = {}
    keys = places_json(set(members), house.bucket_count)
    for member, epoch, branch, seq in tx.all(
        "accounts.stamps_of_terminal", members=keys, terminal_id=terminal.terminal_id
    ):
        found.setdefault(member, {})[epoch, branch] = seq
    return {member: stamp_within(lineage, stamps) for member, stamps in found.items()}
