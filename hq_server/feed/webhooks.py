"""Where changes are sent by themselves: what operators do with the rows of `webhooks`.

Only this module and `messages` write them.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from hq_server.config import is_loopback
from hq_server.exceptions import AccountException, close_accounts
from hq_server.fleet_view import at_text
from hq_server.house import load_house
from hq_server.store.connection import Row, Transaction
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs

WEBHOOKS_MAX: Final = 20
"""The most of them: each is told of every member."""
URL_MAX: Final = 1000
KIND: Final = "webhook_set_aside"
_NAME: Final = re.compile(r"[A-Za-z0-9._-]{1,64}")


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook as operators see it. `outcome` is what came of the last attempt; `attempts` failed since one
    was delivered."""

    name: str
    url: str
    state: str
    outcome: str
    attempts: int
    next_at: str | None
    failing_since: str | None
    delivered_at: str | None
    made_by: str
    made_at: str


class Webhook(msgspec.Struct, frozen=True):
    """A row of the table; `message_id` is "" where nothing waits to be delivered."""

    name: str
    url: str
    secret: bytes
    state: str
    cursor: str
    message_id: str
    body: bytes | None
    body_cursor: str
    attempts: int
    next_at_ms: int
    failing_since_ms: int | None


def add_webhook(
    tx: Transaction, name: str, url: str, secret: bytes, cursor: str, by: str, now_ms: EpochMs
) -> None:
    """Send changes there from now on, those after a cursor.

    Raises:
        BadInput: `webhook_name_malformed`, `webhook_url_unusable`, `webhook_exists`, `webhooks_too_many`.
    """
    if not _NAME.fullmatch(name):
        raise BadInput(
            'a webhook\'s name has 1 to 64 letters, digits, ".", "_" or "-"', code="webhook_name_malformed"
        )
    check_url(url)
    if len(tx.all("house.webhooks")) >= WEBHOOKS_MAX:
        raise BadInput(
            f"there are {WEBHOOKS_MAX} webhooks, and no more are taken: remove one", code="webhooks_too_many"
        )
    if not tx.run(
        "house.add_webhook", name=name, url=url, secret=secret, cursor=cursor, made_by=by, made_at_ms=now_ms
    ):
        raise BadInput(
            f'there is a webhook "{name}": remove it first, or take another name', code="webhook_exists"
        )


def check_url(url: str) -> None:
    """Raise BadInput (`webhook_url_unusable`) unless it is https, or http to this machine."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port, parts = None, None, urlsplit("")
    secure = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host or ""))
    plain = url.isascii() and url.isprintable() and " " not in url and "@" not in parts.netloc
    if not (host and secure and plain and port != 0 and len(url) <= URL_MAX and not parts.fragment):
        raise BadInput(
            "a webhook's URL begins with https:// (http:// on this machine alone), without name, password or "
            f"fragment, in at most {URL_MAX} letters of ASCII",
            code="webhook_url_unusable",
        )


def listed(tx: Transaction) -> list[WebhookView]:
    """Return every webhook."""
    return [_shown(row) for row in tx.all("house.webhooks")]


def find_webhook(tx: Transaction, name: str) -> Webhook:
    """Return a webhook.

    Raises:
        BadInput: `webhook_not_found`.
    """
    row = tx.one("house.webhook", name=name)
    if row is None:
        raise BadInput(f'there is no webhook "{name}": see hq-server webhook list', code="webhook_not_found")
    return Webhook(*row)


def pause_webhook(tx: Transaction, name: str) -> None:
    """Send nothing there until it is resumed; what changes meanwhile is sent then.

    Raises:
        BadInput: `webhook_not_found`.
    """
    tx.run("house.set_webhook_state", name=find_webhook(tx, name).name, state="paused")


def resume_webhook(tx: Transaction, name: str, now_ms: EpochMs) -> None:
    """Send there again, at once, from where it was left.

    Raises:
        BadInput: `webhook_not_found`.
    """
    tx.run("house.set_webhook_state", name=find_webhook(tx, name).name, state="on")
    close_accounts(tx, [exception_of(name)], load_house(tx).bucket_count, now_ms)


def remove_webhook(tx: Transaction, name: str, now_ms: EpochMs) -> None:
    """Forget a webhook; what waits for it is not sent any more.

    Raises:
        BadInput: `webhook_not_found`.
    """
    tx.run("house.drop_webhook", name=find_webhook(tx, name).name)
    close_accounts(tx, [exception_of(name)], load_house(tx).bucket_count, now_ms)


def exception_of(name: str, detail: str = "") -> AccountException:
    """Return the exception of a webhook that was set aside."""
    return AccountException(f"webhook:{name}", KIND, name, detail)


def _shown(row: Row) -> WebhookView:
    name, url, state, attempts, next_ms, since_ms, outcome, delivered_ms, made_by, made_ms = row
    return WebhookView(
        name=name,
        url=url,
        state=state,
        outcome=outcome,
        attempts=attempts,
        next_at=at_text(next_ms) if next_ms and state == "on" else None,
        failing_since=None if since_ms is None else at_text(since_ms),
        delivered_at=None if delivered_ms is None else at_text(delivered_ms),
        made_by=made_by,
        made_at=at_text(made_ms),
    )
