"""Points held for redemptions under way: HQ's answer to a till that asks whether they may be spent.

A hold lives until the redemption is committed or cancelled, or until its time is over. It moves nothing in
the ledger. Asking again under the same id is answered as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.house import House, load_house
from hq_server.merges import Groups, groups_of
from hq_server.posting import post
from hq_server.references import bucket_of, members_of, places_json, reference_of
from hq_server.store.connection import Transaction
from hq_server.work import Work
from loyalty_core.messages import Answer, Ask
from loyalty_core.units import EpochMs

LAPSED_AT_ONCE: Final = 500


class Hold(msgspec.Struct, frozen=True):
    """One hold as it stands."""

    redemption_id: str
    terminal_id: str
    points: int
    until_ms: int


def answer_asks(
    tx: Transaction, house: House, terminal: Terminal, asks: Sequence[Ask], now_ms: EpochMs
) -> tuple[Answer, ...]:
    """Hold what may be spent, and say so; the reason why not is a stable code."""
    return tuple([_answer(tx, house, terminal, ask, now_ms) for ask in asks])


def holds_of(tx: Transaction, house: House, groups: Groups) -> dict[str, list[Hold]]:
    """Return the holds of these groups of members, by head."""
    head_of = {name: head for head, group in groups.members.items() for name in group}
    keys = places_json(head_of, house.bucket_count)
    found: dict[str, list[Hold]] = {}
    for member, *hold in tx.all("accounts.holds_of", members=keys):
        found.setdefault(head_of[member], []).append(Hold(*hold))
    return found


def release(tx: Transaction, house: House, over: Iterable[tuple[str, str]]) -> None:
    """End the holds of (member, redemption id)."""
    tx.many(
        "accounts.drop_hold", [(bucket_of(member, house.bucket_count), member, id_) for member, id_ in over]
    )


def lapse_some(tx: Transaction, now_ms: EpochMs) -> int:
    """End holds whose time is over, and tell who hears of their members; returns how many there were."""
    house = load_house(tx)
    rows = tx.all("accounts.lapsed_holds", now_ms=now_ms, count=LAPSED_AT_ONCE)
    release(tx, house, rows)
    post(tx, house, Work(renewed={member for member, _ in rows}), now_ms)
    return len(rows)


def _answer(tx: Transaction, house: House, terminal: Terminal, ask: Ask, now_ms: EpochMs) -> Answer:
    redeem = house.newest.redeem
    reference = reference_of(ask.member, terminal.store_id)
    member = members_of(tx, [reference], house.bucket_count).get(reference)
    if redeem is None and not house.newest.rewards:
        return Answer(ask.redemption_id, 0, 0, "redemption_off")
    if member is None:
        return Answer(ask.redemption_id, 0, 0, "member_unknown")
    groups = groups_of(tx, house.bucket_count, [member])
    head = groups.head_of[member]
    holds = holds_of(tx, house, groups).get(head, [])
    alive = {hold.redemption_id: hold for hold in holds if hold.until_ms > now_ms}
    stands = alive.pop(ask.redemption_id, None)
    if stands is not None and stands.points == ask.points:
        return Answer(ask.redemption_id, stands.points, stands.until_ms, "")
    row = tx.one("accounts.balance", bucket=bucket_of(head, house.bucket_count), member_id=head)
    balance = row[0] if row else 0
    held = sum(hold.points for hold in alive.values())
    if ask.points < 1 or ask.points > balance - held:
        return Answer(ask.redemption_id, 0, 0, "points_missing")
    until_ms = now_ms + house.newest.hold_minutes * 60_000
    tx.run(
        "accounts.put_hold",
        bucket=bucket_of(member, house.bucket_count),
        member_id=member,
        redemption_id=ask.redemption_id,
        terminal_id=terminal.terminal_id,
        points=ask.points,
        until_ms=until_ms,
    )
    post(tx, house, Work(renewed={head}), now_ms)
    return Answer(ask.redemption_id, ask.points, until_ms, "")
