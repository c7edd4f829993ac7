"""What each till gets: the members of its store, and those seen there, in bounded pages.

A page is what changed in one bucket after the till's cursor, in the order of change numbers, so that a cursor
never skips a late commit. Reads only.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from hq_server.accept import Terminal
from hq_server.house import House
from hq_server.member_rows import Changed, Rows
from hq_server.store.connection import Row, Transaction
from loyalty_core.errors import BadWire
from loyalty_core.messages import Page, Stamp
from loyalty_core.units import EpochMs


def pages(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    look_up_key: bytes,
    cursors: tuple[int, ...],
    now_ms: EpochMs,
    rows_max: int,
) -> tuple[tuple[Page, ...], bool]:
    """Return pages of at most `rows_max` rows in all, and whether there is more.

    Raises:
        BadWire: the cursors are not one a bucket.
    """
    if cursors and len(cursors) != house.bucket_count:
        raise BadWire(f"{len(cursors)} cursors came, there are {house.bucket_count} buckets")
    cursors = cursors or (0,) * house.bucket_count
    found = tx.all(
        "accounts.changed_members",
        cursors=msgspec.json.encode(cursors).decode(),
        audience=terminal.store_id,
        terminal_id=terminal.terminal_id,
        count=rows_max + 1,
    )
    more, found = len(found) > rows_max, found[:rows_max]
    rows = Rows(tx, house, terminal.terminal_id, look_up_key, [row[2] for row in found], now_ms)
    by_bucket: dict[int, list[Row]] = defaultdict(list)
    for row in found:
        by_bucket[row[0]].append(row)
    made = [
        Page(
            bucket=bucket,
            from_cursor=cursors[bucket],
            to_cursor=changed[-1][1],
            rows=tuple([rows.row(_changed(row)) for row in changed]),
        )
        for bucket, changed in by_bucket.items()
    ]
    return tuple(made), more


def _changed(row: Row) -> Changed:
    _, _, member_id, name, birthday, erased, epoch, branch, seq = row
    stamp = None if epoch is None else Stamp(epoch, branch, seq)
    return Changed(member_id, name, birthday, bool(erased), stamp)
