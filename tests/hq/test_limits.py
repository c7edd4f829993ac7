"""How much one till may have of headquarters, and what is said to one more than there is room for."""

from __future__ import annotations

import asyncio
import json
import resource
import socket
from typing import Any

import msgspec
import pytest

from hq_server import exchange
from hq_server.accept import Terminal
from hq_server.app import UNPACKED_MAX
from hq_server.config import Limits
from hq_server.door import FILES_OF_OUR_OWN, TAKE_MS, connections_that_fit
from hq_server.quotas import KEPT_MAX, MINUTE_S, Quotas, TooMuch
from hq_server.store.database import Database
from hq_server.web_context import METERS, QUOTAS
from loyalty_core.envelope import seal
from tests.hq.conftest import Hq
from tests.hq.events import purchase
from tests.hq.till import Till
from tests.hq.wire import Wire, code_of, joined, listening, post, whole_answer

ONE = Terminal("S012", "S012-T01", "approved", "", b"", 1)
OTHER = msgspec.structs.replace(ONE, terminal_id="S012-T02")
HEAD = b"HTTP/1.1 503 Service Unavailable\r\n"


def quotas(requests: int = 60, size: int = 60_000) -> Quotas:
    return Quotas(Limits(terminal_requests_a_minute=requests, terminal_bytes_a_minute=size))


def heard(
    limits: Quotas, terminal: Terminal, now_s: float, size: int = 0, holds: int = 0, work_s: float = 0
) -> int:
    """Make one request; return 0, or for how many seconds the terminal is sent away."""
    told: tuple[str, str, int] | None = None
    try:
        with limits.visit(now_s) as visit:
            visit.admit(terminal, size)
            visit.add(holds)
            visit.worked(work_s)
    except TooMuch as error:
        told = (error.code, str(error), error.retry_after_s)
    if told is None:
        return 0
    code, sentence, wait_s = told
    assert code == "terminal_over_quota"
    assert f"try again in {wait_s} s" in sentence
    return wait_s


def test_a_till_may_ask_as_often_as_a_minute_lets_it_and_is_told_when_the_next_time_is() -> None:
    limits = quotas(requests=60)
    assert [heard(limits, ONE, 5.0) for _ in range(62)] == [0] * 60 + [1, 1]
    assert heard(limits, ONE, 5.5) == 1
    assert heard(limits, ONE, 6.0) == 0
    assert heard(limits, ONE, 6.0) == 1
    assert [heard(limits, ONE, 6.0 + MINUTE_S) for _ in range(61)] == [0] * 60 + [1]


def test_a_till_may_bring_as_much_as_a_minute_lets_it_as_sent_and_unpacked_together() -> None:
    limits = quotas(size=60_000)
    assert heard(limits, ONE, 0.0, size=1_000, holds=58_000) == 0
    assert heard(limits, ONE, 0.0, size=11_000) == 10
    assert heard(limits, ONE, 0.0, size=1_000, holds=40_000) == 0
    assert heard(limits, ONE, 0.0, size=1) == 41
    assert heard(limits, ONE, 40.0, size=0) == 0


def test_a_till_may_take_as_much_of_the_writer_as_a_minute_lets_it() -> None:
    limits = Quotas(Limits(terminal_work_seconds_a_minute=20))
    assert heard(limits, ONE, 0.0, work_s=19.0) == 0
    assert heard(limits, ONE, 0.0, work_s=21.0) == 0
    assert heard(limits, ONE, 0.0) == 60
    assert heard(limits, OTHER, 0.0) == 0
    assert [heard(limits, ONE, now_s) for now_s in (59.0, 60.0)] == [1, 0]


def test_what_one_till_has_used_is_nobody_elses() -> None:
    limits = quotas(requests=1)
    assert [heard(limits, one, 0.0) for one in (ONE, ONE, OTHER, OTHER)] == [0, 60, 0, 60]


def test_one_request_of_a_till_is_worked_on_at_once() -> None:
    limits = quotas()
    with limits.visit(0.0) as visit:
        visit.admit(ONE, 0)
        with pytest.raises(TooMuch) as told, limits.visit(0.0) as second:
            second.admit(ONE, 0)
        assert told.value.code == "terminal_busy"
        assert heard(limits, OTHER, 0.0) == 0
        with pytest.raises(TooMuch), limits.visit(0.0) as third:
            third.admit(ONE, 0)
    assert heard(limits, ONE, 0.0) == 0


def test_who_was_not_let_in_has_used_nothing() -> None:
    limits = quotas(requests=60)
    with limits.visit(0.0) as visit:
        visit.add(10**9)
        visit.worked(10**9)
    assert [heard(limits, ONE, 0.0) for _ in range(61)] == [0] * 60 + [1]


def test_of_many_tills_those_are_forgotten_that_have_their_whole_minute() -> None:
    limits = quotas(requests=1)
    assert heard(limits, OTHER, 10.0) == 0
    for number in range(KEPT_MAX):
        heard(limits, msgspec.structs.replace(ONE, terminal_id=f"S{number}"), 0.0)
    assert heard(limits, ONE, 61.0) == 0
    assert len(limits._used_until_s) == 2
    assert heard(limits, OTHER, 61.0) == 9


async def told(wire: Wire, data: bytes) -> tuple[int, str, int]:
    """Return the status, the code and for how many seconds a request was sent away."""
    reader, writer = await wire.send(data)
    status, heads, body = await whole_answer(reader)
    writer.close()
    return status, code_of(body), int(heads.get("retry-after", 0))


def refused(wire: Wire, code: str) -> int:
    """Return how many refusals with this code the figures tell of."""
    counted = wire.app[METERS].refusals.family().samples
    return sum(int(one.value) for one in counted if one.labels == (("code", code),))


async def test_a_till_over_its_quota_loses_nothing_and_is_taken_when_it_comes_back(hq: Hq) -> None:
    async with listening(hq, terminal_requests_a_minute=1) as wire:
        till = await joined(wire, hq)
        other = await joined(wire, hq)
        till.record(purchase())
        assert (await wire.ask(post("/v1/exchange", till.exchange_request())))[0] == 200
        brought = post("/v1/exchange", till.exchange_request([till.batch()]))
        status, code, wait_s = await told(wire, brought)
        assert (status, code, refused(wire, code)) == (429, "terminal_over_quota", 1)
        assert 1 <= wait_s <= MINUTE_S
        assert hq.sql("SELECT 1 FROM events") == []
        assert (await wire.ask(post("/v1/exchange", other.exchange_request())))[0] == 200
        wire.app[QUOTAS]._used_until_s.clear()
        status, body = await wire.ask(brought)
        assert (status, till.acknowledged(till.reply(body))) == (200, {1: 1})


async def test_nothing_is_unpacked_of_a_till_that_is_not_let_in(hq: Hq) -> None:
    async with listening(hq, terminal_requests_a_minute=1) as wire:
        till = await joined(wire, hq)
        bomb = post("/v1/exchange", seal("dangol/exchange/1", b"\xc1", till.key))
        assert await told(wire, bomb) == (400, "wire_malformed", 0)
        assert (await told(wire, bomb))[:2] == (429, "terminal_over_quota")
        for state in ("pending", "revoked"):
            hq.sql(f"UPDATE terminals SET state = '{state}'")  # noqa: S608
            assert await told(wire, bomb) == (403, f"terminal_{state}", 0)


async def test_what_the_writer_spends_on_a_till_counts_as_its_own(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that has found what is slow here holds up others for no more than its share."""
    passed_s = 0.0
    monkeypatch.setattr("hq_server.store.database.time.thread_time", lambda: passed_s)

    def slow(*arguments: Any, **named: Any) -> Any:
        nonlocal passed_s
        passed_s += 50.0
        return apply(*arguments, **named)

    apply = exchange.apply
    async with listening(hq) as wire:
        till, other = await joined(wire, hq), await joined(wire, hq)
        monkeypatch.setattr(exchange, "apply", slow)
        first, second = [post("/v1/exchange", one.exchange_request()) for one in (till, other)]
        assert (await wire.ask(first))[0] == 200
        status, code, wait_s = await told(wire, first)
        assert (status, code) == (429, "terminal_over_quota")
        assert 30 <= wait_s <= 40
        assert (await wire.ask(second))[0] == 200


async def test_a_forged_request_uses_up_nothing_of_the_till_that_it_names(hq: Hq) -> None:
    async with listening(hq, terminal_requests_a_minute=1) as wire:
        till = await joined(wire, hq)
        forged = bytearray(till.exchange_request())
        forged[-1] ^= 1
        for _ in range(3):
            status, body = await wire.ask(post("/v1/exchange", bytes(forged)))
            assert (status, code_of(body)) == (400, "envelope_invalid")
        assert (await wire.ask(post("/v1/exchange", till.exchange_request())))[0] == 200


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> asyncio.Event:
    """Return what lets writes go on, which wait from now on once it is cleared."""
    may_write, write = asyncio.Event(), Database.write
    may_write.set()

    async def later(self: Database, *arguments: Any, **named: Any) -> Any:
        await may_write.wait()
        return await write(self, *arguments, **named)

    monkeypatch.setattr(Database, "write", later)
    return may_write


async def test_a_second_request_of_a_till_waits_for_no_place_of_others(hq: Hq, held: asyncio.Event) -> None:
    async with listening(hq) as wire:
        till = await joined(wire, hq)
        held.clear()
        first = asyncio.create_task(wire.ask(post("/v1/exchange", till.exchange_request())))
        await wire.until_held(len(till.exchange_request()))
        await wire.until(lambda: bool(wire.app[QUOTAS]._inside))
        assert await told(wire, post("/v1/exchange", till.exchange_request())) == (429, "terminal_busy", 2)
        held.set()
        assert (await first)[0] == 200


async def test_where_there_is_no_place_nothing_of_a_body_is_read(hq: Hq, held: asyncio.Event) -> None:
    async with listening(hq, exchanges_at_once_max=2) as wire:
        tills = [await joined(wire, hq) for _ in range(3)]
        held.clear()
        bodies = [post("/v1/exchange", till.exchange_request()) for till in tills]
        waiting = [asyncio.create_task(wire.ask(body)) for body in bodies[:2]]
        await wire.until_held(sum(len(till.exchange_request()) for till in tills[:2]))
        for path in ("/v1/exchange", "/v1/enrol"):
            assert await told(wire, post(path, b"", length=1000)) == (503, "server_busy", 2)
        held.set()
        assert [status for status, _ in await asyncio.gather(*waiting)] == [200, 200]
        assert (await wire.ask(bodies[2]))[0] == 200
        assert refused(wire, "server_busy") == 2


async def test_few_requests_are_unpacked_at_once_however_many_wait(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A few bytes may stand for many."""
    inside, most, all_in = 0, 0, asyncio.Event()

    async def counted(*arguments: Any) -> Any:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        if inside == UNPACKED_MAX:
            all_in.set()
        await all_in.wait()
        try:
            return await exchange.exchange(*arguments)
        finally:
            inside -= 1

    monkeypatch.setattr("hq_server.till_api.exchange", counted)
    async with listening(hq, exchanges_at_once_max=20) as wire:
        tills = [await joined(wire, hq) for _ in range(2 * UNPACKED_MAX)]
        answers = [wire.ask(post("/v1/exchange", till.exchange_request())) for till in tills]
        assert [status for status, _ in await asyncio.gather(*answers)] == [200] * len(tills)
    assert most == UNPACKED_MAX


async def test_a_stranger_without_an_invite_does_not_get_to_the_writer(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = Till().enrol_request(hq.invite())
    hq.tamper("DELETE FROM invites")
    monkeypatch.setattr(Database, "write", None)
    async with listening(hq) as wire:
        status, body = await wire.ask(post("/v1/enrol", request))
        assert (status, code_of(body)) == (403, "invite_unknown")


async def test_one_connection_more_than_there_may_be_is_told_to_come_back(hq: Hq) -> None:
    async with listening(hq, connections_max=2) as wire:
        first, second = [await wire.send(b"") for _ in range(2)]
        await wire.until(lambda: len(wire.connections()) == 2)
        reader, writer = await wire.send(b"")
        turned_away = await reader.read()
        head, body = turned_away.split(b"\r\n\r\n")
        assert head.startswith(HEAD)
        assert b"Retry-After: 2" in head
        assert (json.loads(body)["code"], refused(wire, "server_busy")) == ("server_busy", 1)
        first[1].close()
        await wire.until(lambda: len(wire.connections()) == 1)
        assert (await wire.ask(b"GET /healthz HTTP/1.1\r\nHost: hq\r\n\r\n"))[0] == 200
        for _, one in (second, (reader, writer)):
            one.close()


async def test_who_takes_nothing_of_an_answer_is_let_go_by_the_system(hq: Hq) -> None:
    async with listening(hq) as wire:
        _, writer = await wire.send(b"")
        await wire.until(lambda: len(wire.connections()) == 1)
        transport = wire.connections()[0].transport
        assert transport is not None
        ours = transport.get_extra_info("socket")
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == TAKE_MS
        writer.close()


def test_a_server_takes_as_many_connections_as_the_system_gives_it_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given: list[tuple[int, int]] = []
    limits = (1024, 4096)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, both: given.append(both))
    assert connections_that_fit(500) == 500
    assert given == []
    assert connections_that_fit(2000) == 2000
    assert connections_that_fit(8192) == 4096 - FILES_OF_OUR_OWN
    limits = (1024, resource.RLIM_INFINITY)
    assert connections_that_fit(8192) == 8192
    limits = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    assert connections_that_fit(100_000) == 100_000
    assert given == [
        (2000 + FILES_OF_OUR_OWN, 4096),
        (4096, 4096),
        (8192 + FILES_OF_OUR_OWN, resource.RLIM_INFINITY),
    ]
