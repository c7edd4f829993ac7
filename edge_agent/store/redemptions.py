"""Redemptions and coupons that this till has authorised, and what became of each.

Written by `redeeming` only; `merge` and `give` by the installer. A row is what the journal says last of a
redemption, whose place there it names.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from edge_agent.store.database import Connection
from loyalty_core.events import EventId, ReceiptKey
from loyalty_core.messages import Stamp

State = Literal["authorised", "committed", "cancelled", "lapsed"]
read_key: Final = msgspec.json.Decoder(ReceiptKey).decode
"""Return the receipt key that a column holds."""


class Redemption(msgspec.Struct, frozen=True, kw_only=True):
    """One redemption. `member` is the form that is recorded, `account` whose points it moves at this till.

    It is open while it is authorised: through `until_monotonic_ms` while the machine stays up as `boot_id`,
    through `until_ms` after that.
    """

    redemption_id: str
    state: State
    member: str
    account: str
    points: int
    value_minor: int
    reward: str
    coupon: str
    allowance: int
    receipt: ReceiptKey | None
    at_ms: int
    until_ms: int
    until_monotonic_ms: int
    boot_id: str
    event: EventId


def find(conn: Connection, redemption_id: str, terminal_id: str) -> Redemption | None:
    """Return a redemption of this till, or None."""
    row = conn.execute(
        "SELECT state, member, account, points, value_minor, reward, coupon, allowance, receipt, at_ms,"
        " until_ms, until_monotonic_ms, boot_id, epoch, branch, seq FROM redemption WHERE redemption_id = ?",
        (redemption_id,),
    ).fetchone()
    if row is None:
        return None
    return Redemption(
        redemption_id=redemption_id,
        state=row[0],
        member=row[1],
        account=row[2],
        points=row[3],
        value_minor=row[4],
        reward=row[5],
        coupon=row[6],
        allowance=row[7],
        receipt=None if row[8] is None else read_key(row[8]),
        at_ms=row[9],
        until_ms=row[10],
        until_monotonic_ms=row[11],
        boot_id=row[12],
        event=EventId(terminal_id, row[13], row[14], row[15]),
    )


def of_coupon(conn: Connection, coupon_id: str, terminal_id: str) -> Redemption | None:
    """Return what holds a coupon or has used it up, or None."""
    row = conn.execute(
        "SELECT redemption_id FROM redemption WHERE coupon = ? AND coupon <> ''"
        " AND state IN ('authorised', 'committed')",
        (coupon_id,),
    ).fetchone()
    return None if row is None else find(conn, row[0], terminal_id)


def authorised(conn: Connection, terminal_id: str, account: str | None = None) -> list[Redemption]:
    """Return those that are authorised and no more, of an account or of all."""
    rows = conn.execute(
        "SELECT redemption_id FROM redemption WHERE state = 'authorised' AND account = coalesce(?, account)"
        " ORDER BY redemption_id",
        (account,),
    ).fetchall()
    found = [find(conn, redemption_id, terminal_id) for (redemption_id,) in rows]
    return [one for one in found if one is not None]


def allowance_committed(conn: Connection, account: str, stamp: Stamp) -> int:
    """Return how much allowance is used by what was committed for an account after HQ's stamp."""
    (used,) = conn.execute(
        "SELECT coalesce(sum(allowance), 0) FROM redemption WHERE account = ? AND state = 'committed'"
        " AND (epoch, branch, seq) > (?, ?, ?)",
        (account, stamp.epoch, stamp.branch, stamp.seq),
    ).fetchone()
    return int(used)


def put(conn: Connection, one: Redemption) -> None:
    """Keep a redemption as it stands now. Durable with the caller's transaction."""
    conn.execute(
        "INSERT OR REPLACE INTO redemption (redemption_id, state, member, account, points, value_minor,"
        " reward, coupon, allowance, receipt, at_ms, until_ms, until_monotonic_ms, boot_id, epoch, branch,"
        " seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            one.redemption_id,
            one.state,
            one.member,
            one.account,
            one.points,
            one.value_minor,
            one.reward,
            one.coupon,
            one.allowance,
            None if one.receipt is None else msgspec.json.encode(one.receipt),
            one.at_ms,
            one.until_ms,
            one.until_monotonic_ms,
            one.boot_id,
            one.event.epoch,
            one.event.branch,
            one.event.seq,
        ),
    )


def merge(conn: Connection, merged: str, account: str) -> None:
    """Give a member's redemptions to the one who stands for both by HQ's decision."""
    conn.execute("UPDATE redemption SET account = ? WHERE account = ?", (account, merged))


def of_account(conn: Connection, account: str, terminal_id: str) -> list[Redemption]:
    """Return all redemptions of an account."""
    rows = conn.execute("SELECT redemption_id FROM redemption WHERE account = ?", (account,)).fetchall()
    found = [find(conn, redemption_id, terminal_id) for (redemption_id,) in rows]
    return [one for one in found if one is not None]


def give(conn: Connection, redemption_id: str, account: str) -> None:
    """Give one redemption to another account."""
    conn.execute("UPDATE redemption SET account = ? WHERE redemption_id = ?", (account, redemption_id))


def count_authorised(conn: Connection) -> int:
    """Return how many are authorised and no more."""
    (count,) = conn.execute("SELECT count(*) FROM redemption WHERE state = 'authorised'").fetchone()
    return int(count)
