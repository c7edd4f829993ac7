"""Webhooks: signed, in order, at least once, one server at a time, whatever their receivers do."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import pytest
from aiohttp import ClientSession

from hq_server.app import build_app
from hq_server.feed import deliveries
from hq_server.feed.audience import FEED, feed_bucket, unfed
from hq_server.feed.messages import GIVEN_UP_MS, SENDING_MS, WAIT_MS_MAX
from hq_server.feed.webhooks import (
    WEBHOOKS_MAX,
    add_webhook,
    check_url,
    pause_webhook,
    remove_webhook,
    resume_webhook,
)
from hq_server.metrics import Meters
from hq_server.store.connection import Transaction
from hq_server.store.database import Database
from loyalty_core.errors import BadInput
from tests.house_sources import ROOT
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.receiver import HANGS, OK, Receiver, receiving, status
from tests.hq.test_feed import change
from tests.hq.test_snapshots import rows

SECRET: Final = bytes(range(32))
SHORT_S: Final = 0.2
"""How long a receiver that hangs is waited for here."""


@dataclass
class Sender:
    """A server's part that sends to webhooks, one step at a time."""

    hq: Hq
    database: Database
    session: ClientSession
    meters: Meters

    async def deliver(self, name: str = "crm") -> bool:
        return await deliveries.deliver(self.database, self.session, self.meters, name, self.hq.clock)

    def row(self, column: str, name: str = "crm") -> Any:
        ((value,),) = self.hq.sql(f"SELECT {column} FROM webhooks WHERE name = '{name}'")  # noqa: S608
        return value


@pytest.fixture
async def sender(hq: Hq) -> AsyncIterator[Sender]:
    database = Database(hq.config.place)
    async with deliveries.session() as session:
        yield Sender(hq, database, session, Meters())
    database.close()


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as receiver:
        yield receiver


def add(hq: Hq, url: str, name: str = "crm") -> None:
    """Add a webhook that is told of everybody from the start."""

    def work(tx: Transaction) -> None:
        for bucket in unfed(tx):
            feed_bucket(tx, bucket)
        add_webhook(tx, name, url, SECRET, "", "kim", hq.clock())

    Desk(hq).write(lambda tx, _: work(tx))


def verifier() -> Callable[[str, dict[str, str], bytes, float], None]:
    """Return the check of docs/feed.md, as a reader would copy it."""
    text = (ROOT / "docs" / "feed.md").read_text("utf-8")
    code = text.partition("```python\n")[2].partition("```")[0]
    names: dict[str, Any] = {}
    exec(compile(code, "docs/feed.md", "exec"), names)  # noqa: S102
    check: Callable[[str, dict[str, str], bytes, float], None] = names["check"]
    return check


async def test_every_member_comes_in_signed_messages_and_then_nothing(
    hq: Hq, sender: Sender, receiver: Receiver
) -> None:
    hq.members(rows(130))
    add(hq, receiver.url)
    assert [await sender.deliver() for _ in range(3)] == [True, True, False]
    told = receiver.members()
    assert [len(one) for one in told] == [100, 30]
    assert receiver.everyone() == sorted(f"M{number}" for number in range(1, 131))
    check, secret = verifier(), "whsec_" + base64.b64encode(SECRET).decode()
    for head, body in receiver.came:
        check(secret, head, body, hq.clock() / 1000)
        with pytest.raises(ValueError, match="signature"):
            check(secret, head, body + b" ", hq.clock() / 1000)
        with pytest.raises(ValueError, match="signature"):
            check(secret, head | {"webhook-timestamp": str(hq.clock() // 1000 + 1)}, body, hq.clock() / 1000)
        with pytest.raises(ValueError, match="old"):
            check(secret, head, body, hq.clock() / 1000 + 301)
    assert len(set(receiver.ids())) == 2
    body = msgspec.json.decode(receiver.came[0][1])
    assert (body["type"], body["timestamp"]) == ("members.changed", "2026-11-21T02:31:00Z")
    assert body["data"]["changes"][0]["person"] is None


def test_the_check_of_the_manual_takes_the_example_of_standard_webhooks() -> None:
    """Source: the symmetric signature that the specification's own libraries test against."""
    head = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    verifier()("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", head, b'{"test": 2432232314}', 1614265330)


async def test_a_message_that_failed_is_sent_again_as_it_was_and_later_ones_wait(
    hq: Hq, sender: Sender, receiver: Receiver
) -> None:
    hq.members(rows(3))
    add(hq, receiver.url)
    receiver.answers = [status("500 Internal Server Error"), status("503 Unavailable", "Retry-After: 90")]
    assert not await sender.deliver()
    change(hq, "M1")
    assert 0 <= sender.row("next_at_ms") - hq.clock() <= 5_000
    hq.clock.now += 5_000
    assert not await sender.deliver()
    assert sender.row("next_at_ms") - hq.clock() == 90_000
    hq.clock.now += 89_999
    assert not await sender.deliver()
    assert len(receiver.came) == 2
    hq.clock.now += 1
    assert await sender.deliver()
    assert len(set(receiver.ids())) == 1
    assert len({body for _, body in receiver.came}) == 1
    assert await sender.deliver()
    assert receiver.members()[-1] == ["M1"]
    stamps = [head["webhook-timestamp"] for head, _ in receiver.came]
    assert len(set(stamps)) == 3, "each attempt has its own time"


async def test_a_receiver_that_hangs_redirects_or_talks_nonsense_has_not_got_it(
    hq: Hq, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "ANSWER_S", SHORT_S)
    hq.members(rows(1))
    add(hq, receiver.url)
    database = Database(hq.config.place)
    async with deliveries.session() as session:
        sender = Sender(hq, database, session, Meters())
        for answer, words in (
            (HANGS, "did not answer within"),
            (status("302 Found", "Location: http://127.0.0.1:1/elsewhere"), "answered 302"),
            (status("307 Temporary Redirect", "Location: http://169.254.169.254/"), "answered 307"),
            (b"220 mail.example ESMTP\r\n", "talks nonsense"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100_000 + b"\r\n\r\n", "talks nonsense"),
            (status("999 Whatever"), "answered 999"),
            (b"HTTP/1.1 404 Not Found\r\nContent-Length: 10\r\n\r\n", "answered 404"),
        ):
            receiver.answers = [answer]
            assert not await sender.deliver()
            assert words in sender.row("outcome")
            hq.clock.now += WAIT_MS_MAX
        assert await sender.deliver()
    database.close()
    assert len(receiver.came) == 8
    assert len(set(receiver.ids())) == 1


async def test_what_a_receiver_says_after_its_yes_is_not_read(
    hq: Hq, sender: Sender, receiver: Receiver
) -> None:
    hq.members(rows(1))
    add(hq, receiver.url)
    for answer in (
        b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nxyz",
        b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b\r\n\r\n",
        OK,
    ):
        receiver.answers = [answer]
        assert await sender.deliver()
        change(hq, "M1")
    assert receiver.members() == [["M1"]] * 4
    assert not any("cookie" in head for head, _ in receiver.came)


async def test_nobody_at_the_other_end_is_a_failure_like_others(hq: Hq, sender: Sender) -> None:
    hq.members(rows(1))
    add(hq, "http://127.0.0.1:1/hook")
    assert not await sender.deliver()
    assert "cannot be reached" in sender.row("outcome")


async def test_a_server_that_dies_before_it_notes_the_delivery_leaves_it_to_be_sent_again(
    hq: Hq, sender: Sender, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    hq.members(rows(1))
    add(hq, receiver.url)

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(deliveries, "settle", dies)
        with pytest.raises(KeyboardInterrupt):
            await sender.deliver()
    assert len(receiver.came) == 1
    assert not await sender.deliver(), "another server waits until the first has had its time"
    hq.clock.now += SENDING_MS
    assert await sender.deliver()
    assert receiver.came[0][1] == receiver.came[1][1]
    assert len(set(receiver.ids())) == 1
    assert not await sender.deliver()


async def test_of_two_servers_one_sends_a_message(hq: Hq, sender: Sender, receiver: Receiver) -> None:
    hq.members(rows(301))
    add(hq, receiver.url)
    other = Database(hq.config.place)
    twin = Sender(hq, other, sender.session, Meters())
    while any(await asyncio.gather(*[one.deliver() for one in (sender, twin, sender, twin)])):
        pass
    other.close()
    assert len(receiver.came) == len(set(receiver.ids())) == 4
    assert receiver.everyone() == sorted(f"M{number}" for number in range(1, 302))


async def test_a_receiver_that_hangs_holds_up_no_other_and_no_stop_of_the_server(
    hq: Hq, receiver: Receiver
) -> None:
    hq.members(rows(2))
    receiver.answers = [HANGS]
    add(hq, receiver.url, "hangs")
    async with receiving() as good:
        add(hq, good.url, "takes")
        database = Database(hq.config.place)
        running = asyncio.create_task(deliveries.run_deliveries(database, Meters(), hq.clock))
        await receiver.held.wait()
        await good.arrived.wait()
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await asyncio.to_thread(database.close)
    assert len(receiver.came) == len(good.came) == 1


async def test_after_days_of_failing_a_webhook_is_set_aside_and_a_person_is_told(
    hq: Hq, sender: Sender, receiver: Receiver
) -> None:
    hq.members(rows(1))
    add(hq, receiver.url)
    receiver.answers = [status("500 Internal Server Error")] * 1000
    began = hq.clock()
    while sender.row("state") == "on":
        assert not await sender.deliver()
        wait = sender.row("next_at_ms") - hq.clock()
        assert 0 <= wait <= WAIT_MS_MAX
        hq.clock.now += GIVEN_UP_MS // 6
    assert len(receiver.came) == 7
    assert hq.clock() - began > GIVEN_UP_MS
    assert hq.exceptions() == [("webhook_set_aside", "crm")]
    assert not await sender.deliver()
    receiver.answers = []
    Desk(hq).write(lambda tx, _: resume_webhook(tx, "crm", hq.clock()))
    assert hq.exceptions() == []
    assert await sender.deliver()
    assert len(set(receiver.ids())) == 1


async def test_a_receiver_that_says_it_is_gone_is_set_aside_at_once(
    hq: Hq, sender: Sender, receiver: Receiver
) -> None:
    hq.members(rows(1))
    add(hq, receiver.url)
    receiver.answers = [status("410 Gone")]
    assert not await sender.deliver()
    assert (sender.row("state"), hq.exceptions()) == ("set_aside", [("webhook_set_aside", "crm")])


async def test_while_paused_nothing_is_sent_and_then_everything(
    hq: Hq, sender: Sender, receiver: Receiver
) -> None:
    hq.members(rows(2))
    add(hq, receiver.url)
    Desk(hq).write(lambda tx, _: pause_webhook(tx, "crm"))
    assert not await sender.deliver()
    change(hq, "M1")
    Desk(hq).write(lambda tx, _: resume_webhook(tx, "crm", hq.clock()))
    assert await sender.deliver()
    assert [sorted(one) for one in receiver.members()] == [["M1", "M2"]]


async def test_one_that_is_removed_while_it_is_sent_to_is_forgotten(
    hq: Hq, sender: Sender, receiver: Receiver
) -> None:
    hq.members(rows(1))
    add(hq, receiver.url)
    receiver.answers = [HANGS]
    sending = asyncio.create_task(sender.deliver())
    await receiver.held.wait()
    Desk(hq).write(lambda tx, _: remove_webhook(tx, "crm", hq.clock()))
    sending.cancel()
    with suppress(asyncio.CancelledError):
        await sending
    assert hq.sql("SELECT count(*) FROM webhooks") == [(0,)]
    assert not await sender.deliver()


async def test_after_a_restore_everybody_is_told_of_again(hq: Hq, sender: Sender, receiver: Receiver) -> None:
    hq.members(rows(2))
    add(hq, receiver.url)
    assert await sender.deliver()
    hq.sql("UPDATE house SET incarnation_counter = incarnation_counter + 1")
    assert await sender.deliver()
    assert [sorted(one) for one in receiver.members()] == [["M1", "M2"], ["M1", "M2"]]
    assert not await sender.deliver()


async def test_a_running_server_sends_what_changes(hq: Hq, receiver: Receiver, aiohttp_client: Any) -> None:
    add(hq, receiver.url)
    await aiohttp_client(build_app(hq.config, hq.clock))
    hq.members(rows(2))
    await receiver.arrived.wait()
    assert [sorted(one) for one in receiver.members()] == [["M1", "M2"]]
    assert hq.sql(f"SELECT count(*) FROM changes WHERE audience = '{FEED}'") == [(2,)]  # noqa: S608


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook",
        "http://10.0.0.1/hook",
        "ftp://example.com/",
        "https://",
        "https://user:secret@example.com/",
        "https://example.com/#here",
        "https://example.com/a b",
        "https://example.com:0/",
        "https://example.com:99999/",
        "https://[::1/",
        "https://exämple.com/",
        "https://example.com/" + "x" * 1000,
        "//example.com",
        "",
    ],
)
def test_changes_are_sent_nowhere_in_the_clear(url: str) -> None:
    with pytest.raises(BadInput) as caught:
        check_url(url)
    assert caught.value.code == "webhook_url_unusable"


@pytest.mark.parametrize(
    "url", ["https://crm.example.com:8443/a?b=c", "http://localhost/", "http://[::1]:1/"]
)
def test_https_is_taken_and_http_on_this_machine(url: str) -> None:
    check_url(url)


def test_names_are_plain_used_once_and_few(hq: Hq) -> None:
    def refused(name: str) -> str:
        with pytest.raises(BadInput) as caught:
            add(hq, "https://example.com/", name)
        return caught.value.code

    assert refused("") == refused("a b") == refused("x" * 65) == "webhook_name_malformed"
    add(hq, "https://example.com/", "0")
    assert refused("0") == "webhook_exists"
    for number in range(1, WEBHOOKS_MAX):
        add(hq, "https://example.com/", str(number))
    assert refused("one-more") == "webhooks_too_many"
