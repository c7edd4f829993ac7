"""What each till gets: the members of its store, and those seen there, in bounded pages.

A page is what changed in one bucket after the till's cursor, in the order of change numbers, so that a cursor
never skips a late commit. Reads only.
"""

from __future__ import annotations

from collections import defaultdict

import msgspec

from hq_server.accept import Terminal
from hq_server.house import House, tier_in_force
from hq_server.references import bucket_of, keys_json
from hq_server.store.connection import Row, Transaction
from loyalty_core.calendar import period_of
from loyalty_core.errors import BadWire
from loyalty_core.lookups import hashed, masked_name
from loyalty_core.messages import MemberRow, Page, Stamp
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
    today = house.today(now_ms)
    programme = house.in_force(today)
    period_id = period_of(today, programme.period_months).id
    found = tx.all(
        "accounts.changed_members",
        cursors=msgspec.json.encode(cursors).decode(),
        audience=terminal.store_id,
        period_id=period_id,
        terminal_id=terminal.terminal_id,
        count=rows_max + 1,
    )
    more, found = len(found) > rows_max, found[:rows_max]
    hashes = _hashes(tx, house, [row[2] for row in found], look_up_key)
    by_bucket: dict[int, list[Row]] = defaultdict(list)
    for row in found:
        by_bucket[row[0]].append(row)
    tier = tier_in_force(programme)
    made = [
        Page(
            bucket=bucket,
            from_cursor=cursors[bucket],
            to_cursor=rows[-1][1],
            rows=tuple([_member_row(row, hashes[row[2]], tier, period_id) for row in rows]),
        )
        for bucket, rows in by_bucket.items()
    ]
    return tuple(made), more


def _member_row(row: Row, look_ups: list[str], tier: str, period_id: str) -> MemberRow:
    _, _, member_id, name, balance, qualifying, epoch, branch, seq = row
    return MemberRow(
        member_id=member_id,
        gone=False,
        masked_name=masked_name(name),
        look_ups=tuple(look_ups),
        tier=tier,
        balance=balance or 0,
        period_id=period_id,
        qualifying=qualifying or 0,
        stamp=None if epoch is None else Stamp(epoch, branch, seq),
    )


def _hashes(tx: Transaction, house: House, members: list[str], look_up_key: bytes) -> dict[str, list[str]]:
    """Return member id -> every way to name the member, hashed under the store's key; the id is one."""
    hashes = {member: [hashed(f"id:{member}", look_up_key)] for member in members}
    keys = keys_json((bucket_of(member, house.bucket_count), member) for member in members)
    for member, look_up in tx.all("accounts.look_ups_of", members=keys):
        hashes[member].append(hashed(look_up, look_up_key))
    return hashes
