"""What is sent to webhooks, and what came of it: bounded steps that another server may take over.

One message at a time: its members in the order in which they changed. It is kept before it is sent, and the
cursor moves once its receiver has said that it is there. So after a crash the same message is sent again.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hq_server.exceptions import open_accounts
from hq_server.feed.changes import Change, changed, views
from hq_server.feed.cursors import Cursor, from_start, read_cursor, text_of
from hq_server.feed.webhooks import Webhook, exception_of
from hq_server.fleet_view import at_text
from hq_server.house import House, load_house
from hq_server.store.connection import Transaction
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs

MESSAGE_MAX: Final = 100
"""The most members of one message."""
SENDING_MS: Final = 60_000
"""So long one server may send a message before another one takes over: several times what it waits."""
FIRST_WAIT_MS: Final = 5_000
WAIT_MS_MAX: Final = 3_600_000
"""After the first failure, and after many: of this a part by chance is waited."""
GIVEN_UP_MS: Final = 3 * 86_400_000
"""A receiver that has failed for so long is set aside until a person looks."""


class Fresh(msgspec.Struct, frozen=True):
    """A message that is not kept yet: what comes after one cursor, and up to which."""

    after: str
    body: bytes
    up_to: str


class Payload(msgspec.Struct, frozen=True, kw_only=True):
    """The body of a message, in the form of Standard Webhooks."""

    type: str
    timestamp: str
    data: dict[str, tuple[Change, ...]]


class Outcome(msgspec.Struct, frozen=True):
    """What came of an attempt, in words. `gone`: its receiver wants no more; `wait_ms`: what it asked for."""

    delivered: bool
    words: str
    gone: bool = False
    wait_ms: int = 0


def trial(now_ms: EpochMs) -> bytes:
    """Return the body of a message of nothing, with which an operator tries a receiver."""
    return _body("test", (), now_ms)


def due(tx: Transaction, now_ms: EpochMs) -> list[str]:
    """Return which webhooks may be sent to now; there may be nothing for them."""
    return [name for (name,) in tx.all("house.webhooks_due", now_ms=now_ms)]


def waiting(tx: Transaction, name: str, now_ms: EpochMs) -> Webhook | Fresh | None:
    """Return what a webhook is to be sent: one with its message, or a message made of what has changed."""
    row = tx.one("house.webhook", name=name)
    if row is None:
        return None
    webhook = Webhook(*row)
    if webhook.state != "on" or webhook.next_at_ms > now_ms:
        return None
    if webhook.message_id:
        return webhook
    house = load_house(tx)
    found = changed(tx, house, _cursor_of(webhook, house), MESSAGE_MAX)
    if not found.members:
        return None
    changes = views(tx, house, found, now_ms, persons=False)
    return Fresh(webhook.cursor, _body("members.changed", changes, now_ms), text_of(found.cursor))


def take_message(
    tx: Transaction, name: str, fresh: Fresh | None, random: bytes, now_ms: EpochMs
) -> Webhook | None:
    """Return a webhook with the message that this server is to send it now; None where another one does.

    A fresh message is kept first, unless something else has been since it was made.
    """
    if fresh is not None:
        tx.run(
            "house.put_message",
            name=name,
            cursor=fresh.after,
            message_id=f"msg_{random.hex()}",
            body=fresh.body,
            body_cursor=fresh.up_to,
        )
    row = tx.one("house.webhook", name=name)
    if row is None or not (webhook := Webhook(*row)).message_id:
        return None
    taken = tx.run(
        "house.take_message",
        name=name,
        message_id=webhook.message_id,
        now_ms=now_ms,
        until_ms=now_ms + SENDING_MS,
    )
    return msgspec.structs.replace(webhook, attempts=webhook.attempts + 1) if taken else None


def settle(tx: Transaction, sent: Webhook, outcome: Outcome, chance: float, now_ms: EpochMs) -> None:
    """Note what came of sending a message; `chance` from 0 to 1 is how much of the longest wait is waited.

    Of several servers that sent the same one the first is heard.
    """
    named = {"name": sent.name, "message_id": sent.message_id}
    if outcome.delivered:
        tx.run("house.message_delivered", **named, outcome=outcome.words, now_ms=now_ms)
        return
    longest_ms = min(WAIT_MS_MAX, FIRST_WAIT_MS * 2 ** min(sent.attempts - 1, 20))
    next_at_ms = now_ms + max(outcome.wait_ms, round(chance * longest_ms))
    failed = tx.run(
        "house.message_failed", **named, outcome=outcome.words, now_ms=now_ms, next_at_ms=next_at_ms
    )
    since_ms = now_ms if sent.failing_since_ms is None else sent.failing_since_ms
    given_up = failed and (outcome.gone or now_ms - since_ms >= GIVEN_UP_MS)
    if given_up and tx.run("house.set_webhook_aside", **named):
        sentence = f"{outcome.words}: mend its receiver, then hq-server webhook resume {sent.name}"
        open_accounts(tx, [exception_of(sent.name, sentence)], load_house(tx).bucket_count, now_ms)


def _body(kind: str, changes: tuple[Change, ...], now_ms: EpochMs) -> bytes:
    payload = Payload(type=kind, timestamp=at_text(now_ms), data={"changes": changes})
    return msgspec.json.encode(payload)


def _cursor_of(webhook: Webhook, house: House) -> Cursor:
    """Return how far its receiver was told; from the start where headquarters was restored since."""
    try:
        return read_cursor(webhook.cursor, house)
    except BadInput:
        return from_start(house)
