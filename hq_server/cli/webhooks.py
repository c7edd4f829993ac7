"""`webhook add | list | test | pause | resume | remove`: where changes of members are sent by themselves."""

from __future__ import annotations

import asyncio
import os
from typing import Final

import click

from hq_server.cli.lines import table
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.feed.audience import feed_bucket, unfed
from hq_server.feed.changes import cursor_now
from hq_server.feed.cursors import text_of
from hq_server.feed.messages import Outcome, trial
from hq_server.feed.signing import SECRET_BYTES, secret_text
from hq_server.feed.webhooks import (
    Webhook,
    add_webhook,
    check_url,
    find_webhook,
    listed,
    pause_webhook,
    remove_webhook,
    resume_webhook,
)
from hq_server.house import load_house
from hq_server.store.connection import reading, writing
from loyalty_core.errors import LoyaltyError

_NAME: Final = click.argument("name")


class Undelivered(LoyaltyError):
    """A receiver did not take what was sent to try it."""

    code = "webhook_undelivered"


@group("webhook")
def webhook_group() -> None:
    """Other systems that are sent what changes of members."""


@command("add")
@_NAME
@click.argument("url")
@click.option("--all", "everyone", is_flag=True, help="Send how every member stands first.")
@click.option("--by", required=True, metavar="NAME", help="Who wants it.")
def add(shell: Shell, name: str, url: str, *, everyone: bool, by: str) -> None:
    """Send changes to a URL from now on. The secret of its signatures is printed once."""
    check_url(url)
    secret = os.urandom(SECRET_BYTES)
    with shell.database() as connection:
        with reading(connection) as tx:
            buckets = unfed(tx)
        for bucket in buckets:
            with writing(connection) as tx:
                feed_bucket(tx, bucket)
        with writing(connection) as tx:
            cursor = "" if everyone else text_of(cursor_now(tx, load_house(tx)))
            add_webhook(tx, name, url, secret, cursor, by, now_ms())
    shell.show(
        {"webhook": name, "url": url, "secret": secret_text(secret), "everyone": everyone},
        [
            f"Webhook {name} sends to {url}.",
            f"Secret of its signatures, shown only now: {secret_text(secret)}",
            f"Try it: hq-server webhook test {name}",
        ],
    )


@command("list")
def list_command(shell: Shell) -> None:
    """List the webhooks and how they do."""
    with shell.reading() as tx:
        found = listed(tx)
    rows = [
        [one.name, one.url, one.state, one.delivered_at or "", one.failing_since or "", one.outcome]
        for one in found
    ]
    shell.show(found, table(["webhook", "url", "state", "delivered", "failing since", "last"], rows))


@command("test")
@_NAME
def test(shell: Shell, name: str) -> None:
    """Send a message of nothing, once, and say what came of it."""
    with shell.reading() as tx:
        webhook = find_webhook(tx, name)
    outcome = asyncio.run(_try(webhook))
    if not outcome.delivered:
        raise Undelivered(f"webhook {name}: {outcome.words}")
    shell.show({"webhook": name, "outcome": outcome.words}, [f"Webhook {name}: {outcome.words}."])


@command("pause")
@_NAME
def pause(shell: Shell, name: str) -> None:
    """Send nothing until it is resumed; what changes meanwhile is sent then."""
    with shell.writing() as tx:
        pause_webhook(tx, name)
    shell.show({"webhook": name, "state": "paused"}, [f"Webhook {name} is paused."])


@command("resume")
@_NAME
def resume(shell: Shell, name: str) -> None:
    """Send again from where it was left, also one that was set aside because its receiver failed."""
    with shell.writing() as tx:
        resume_webhook(tx, name, now_ms())
    shell.show({"webhook": name, "state": "on"}, [f"Webhook {name} is on."])


@command("remove")
@_NAME
def remove(shell: Shell, name: str) -> None:
    """Send nothing any more, and forget the webhook and its secret."""
    with shell.writing() as tx:
        remove_webhook(tx, name, now_ms())
    shell.show({"webhook": name, "removed": True}, [f"Webhook {name} is removed."])


for _command in (add, list_command, test, pause, resume, remove):
    webhook_group.add_command(_command)
COMMANDS: Final = (webhook_group,)


async def _try(webhook: Webhook) -> Outcome:
    from hq_server.feed.deliveries import ID_BYTES, send, session

    async with session() as own:
        return await send(own, webhook, f"msg_{os.urandom(ID_BYTES).hex()}", trial(now_ms()), now_ms())
