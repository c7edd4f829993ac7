"""The operator's commands about webhooks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from hq_server.feed.audience import FEED
from tests.hq.conftest import Hq
from tests.hq.receiver import Receiver, receiving, status
from tests.hq.test_cli import Shell, shell
from tests.hq.test_feed import change
from tests.hq.test_snapshots import rows

__all__ = ["shell"]


@contextmanager
def beside() -> Iterator[Receiver]:
    """Lend a receiver that answers from a thread of its own, as commands have a loop of theirs."""
    ready, lent = threading.Event(), list[tuple[Receiver, asyncio.AbstractEventLoop, asyncio.Event]]()

    async def serve() -> None:
        async with receiving() as receiver:
            over = asyncio.Event()
            lent.append((receiver, asyncio.get_running_loop(), over))
            ready.set()
            await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait()
    ((receiver, loop, over),) = lent
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join()


def test_a_webhook_is_added_tried_paused_and_removed(hq: Hq, shell: Shell) -> None:
    hq.members(rows(3))
    with beside() as receiver:
        made = shell.json("webhook", "add", "crm", receiver.url, "--by", "kim")
        assert made["secret"].startswith("whsec_")
        tried = shell.json("webhook", "test", "crm")
        assert tried == {"webhook": "crm", "outcome": "its receiver answered 200"}
        ((_, body),) = receiver.came
        assert msgspec.json.decode(body)["type"] == "test"
        assert receiver.members() == [[]]
        receiver.answers = [status("500 Internal Server Error")]
        assert shell.refused("webhook", "test", "crm") == "webhook_undelivered"
        (listed,) = shell.json("webhook", "list")
        assert (listed["name"], listed["url"], listed["state"]) == ("crm", receiver.url, "on")
        assert made["secret"] not in shell.run("webhook", "list")[1]
    for word, state in (("pause", "paused"), ("resume", "on")):
        assert shell.json("webhook", word, "crm")["state"] == state
        assert shell.json("webhook", "list")[0]["state"] == state
    assert shell.json("webhook", "remove", "crm")["removed"]
    assert shell.json("webhook", "list") == []
    for word in ("test", "pause", "resume", "remove"):
        assert shell.refused("webhook", word, "crm") == "webhook_not_found"


def test_a_webhook_begins_with_what_changes_from_now_on_or_with_everybody(hq: Hq, shell: Shell) -> None:
    hq.members(rows(3))
    for name, more in (("new", ()), ("all", ("--all",))):
        shell.json("webhook", "add", name, "https://example.com/", "--by", "kim", *more)
    assert hq.sql(f"SELECT count(*) FROM changes WHERE audience = '{FEED}'") == [(3,)]  # noqa: S608
    cursors: dict[str, str] = dict(hq.sql("SELECT name, cursor FROM webhooks"))
    assert (cursors["all"], bool(cursors["new"])) == ("", True)
    change(hq, "M1")
    shell.json("webhook", "add", "later", "https://example.com/", "--by", "kim")
    assert hq.sql("SELECT cursor FROM webhooks WHERE name = 'later'") != [(cursors["new"],)]


def test_a_url_in_the_clear_is_refused_before_anything_is_written(hq: Hq, shell: Shell) -> None:
    hq.members(rows(3))
    assert shell.refused("webhook", "add", "crm", "http://example.com/", "--by", "kim") == (
        "webhook_url_unusable"
    )
    assert hq.sql("SELECT sum(fed) FROM buckets") == [(0,)]
