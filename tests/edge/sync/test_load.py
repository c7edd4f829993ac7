"""What an exchange carries: made ready while headquarters is at the one before, less of it on a slow line."""

from __future__ import annotations

import os

import msgspec
import pytest
from aiohttp import ClientSession

from edge_agent.store import journal, terminal
from edge_agent.store.database import Connection
from edge_agent.store.writer import Job, T
from edge_agent.sync.exchange import post
from edge_agent.sync.load import LATE_MS, SOON_MS, Load, batches_next, lacking, load_from, with_next
from loyalty_core.envelope import peek
from loyalty_core.journal import RECORD_BYTES_MAX, unpack_record
from loyalty_core.messages import (
    BATCH_BYTES_MAX,
    BATCHES_MAX,
    EXCHANGE_BYTES_MAX,
    Batch,
    Clock,
    unpack_records,
)
from loyalty_core.wire import unpack
from tests.edge.fake_hq import FakeHq
from tests.edge.sync.linked_till import LinkedTill


@pytest.fixture
def till(till: LinkedTill) -> LinkedTill:
    """Return a till that sends one record a batch, two batches an exchange."""
    sync = msgspec.structs.replace(till.config.sync, batch_records=1, batches=2)
    till.config = msgspec.structs.replace(till.config, sync=sync)
    till.loop = till.new_loop()
    return till


def first_seqs(hq: FakeHq) -> list[int]:
    """Return where the batches of the last exchange begin."""
    return [unpack(peek(data, "dangol/batch/1")[1], Batch).first_seq for data in hq.asked[-1].batches]


async def test_what_goes_next_is_made_ready_while_headquarters_is_at_the_one_before(
    till: LinkedTill, hq: FakeHq
) -> None:
    await till.sell(1, 2, 3, 4, 5)
    assert await till.turn() == 0
    ready = till.loop._ready
    assert ready is not None
    assert (ready.begins, ready.ends, ready.sent) == ({1: 3}, {1: 5}, 2)
    assert await till.turn() == 0
    assert hq.asked[-1].batches == ready.batches
    await till.turn()
    assert (till.loop._ready, await till.waiting(), hq.journal().head) == (None, 0, 5)


async def test_what_was_sold_since_goes_with_what_was_ready(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1, 2, 3)
    await till.turn()
    await till.sell(4)
    await till.turn()
    assert (first_seqs(hq), await till.waiting()) == ([3, 4], 0)


async def test_what_is_ready_is_not_sent_before_what_it_follows_is_acknowledged(
    till: LinkedTill, hq: FakeHq
) -> None:
    await till.sell(1, 2, 3)
    hq.silent = True
    await till.turn()
    assert till.loop._ready is not None
    await till.turn()
    assert first_seqs(hq) == [1, 2]


async def test_nothing_in_a_batch_is_from_later_than_the_clocks_that_it_tells(
    till: LinkedTill, hq: FakeHq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Headquarters counts back from them when something was recorded."""
    await till.sell(1, 2)
    do, asked = till.reader.do, 0

    async def late(job: Job[T]) -> T:
        nonlocal asked
        asked += 1
        if asked == 2:
            till.clock.go_on(5000)
            await till.sell(3)
        return await do(job)

    monkeypatch.setattr(till.reader, "do", late)
    await till.turn()
    await till.turn()
    assert first_seqs(hq) == [3]
    batch = unpack(peek(hq.asked[-1].batches[0], "dangol/batch/1")[1], Batch)
    (record,) = unpack_records(batch.packed)
    assert batch.clock.monotonic_ms >= unpack_record(record).monotonic_ms


async def test_what_headquarters_lacks_goes_before_what_is_ready(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1, 2, 3, 4, 5)
    await till.turn()
    hq.journals.clear()
    await till.turn()
    assert (await till.link()).error_code == "gap"
    await till.turn()
    assert (first_seqs(hq), hq.journal().head) == ([1, 2], 2)


async def test_nothing_is_kept_ready_over_a_pause(till: LinkedTill) -> None:
    """A batch tells the till's clocks: they would be those of before the pause."""
    await till.sell(1, 2, 3)
    await till.turn()
    assert till.loop._ready is not None
    till.loop.nudge()
    await till.loop._pause(1)
    assert till.loop._ready is None


async def test_an_exchange_that_failed_is_made_again_from_the_same_record(
    till: LinkedTill, hq: FakeHq
) -> None:
    await till.sell(1, 2, 3, 4)
    hq.spoil = "lose answer"
    await till.turn()
    hq.spoil = None
    await till.turn()
    assert (first_seqs(hq), await till.waiting()) == ([1, 2], 2)


async def test_a_line_on_which_an_exchange_takes_long_carries_less_until_it_is_quick_again(
    till: LinkedTill, hq: FakeHq, monkeypatch: pytest.MonkeyPatch
) -> None:
    took_ms = LATE_MS + 1

    async def slow(session: ClientSession, url: str, body: bytes) -> bytes:
        till.clock.go_on(took_ms)
        return await post(session, url, body)

    monkeypatch.setattr("edge_agent.sync.loop.exchange.post", slow)
    await till.sell(*range(1, 9))
    carried = []
    for _ in range(3):
        await till.turn()
        carried.append(len(hq.asked[-1].batches))
    took_ms = 0
    for _ in range(2):
        await till.turn()
        carried.append(len(hq.asked[-1].batches))
    assert carried == [2, 1, 1, 1, 2]


@pytest.mark.parametrize(
    ("took_ms", "full", "expected"),
    [
        (SOON_MS - 1, True, 8),
        (SOON_MS - 1, False, 4),
        (SOON_MS, True, 4),
        (LATE_MS, True, 4),
        (LATE_MS + 1, True, 2),
        (LATE_MS + 1, False, 2),
    ],
)
def test_the_next_exchange_carries_more_only_after_a_full_one_that_was_soon_answered(
    took_ms: int, full: bool, expected: int
) -> None:
    assert batches_next(4, 8, took_ms=took_ms, full=full) == expected


def test_an_exchange_carries_one_batch_at_least_and_no_more_than_it_may() -> None:
    assert batches_next(1, 8, took_ms=LATE_MS + 1, full=True) == 1
    assert batches_next(4, 5, took_ms=0, full=True) == 5


async def test_records_that_cannot_be_made_smaller_do_not_outgrow_a_request(till: LinkedTill) -> None:
    def large(conn: Connection) -> None:
        identity, head = terminal.read(conn), journal.head(conn, terminal.read(conn))
        for _ in range(56):
            head = journal.append(conn, identity, head, os.urandom(RECORD_BYTES_MAX))

    await till.writer.do(large)
    sync = msgspec.structs.replace(till.config.sync, batch_records=1000)

    def full(conn: Connection) -> Load:
        identity, load = terminal.read(conn), load_from(lacking(conn))
        for _ in range(BATCHES_MAX):
            load = with_next(conn, identity, sync, load, key=bytes(32), clock=lambda: Clock(1, 1, ""))
        return load

    load = await till.reader.do(full)
    assert len(load.batches) > 1
    assert EXCHANGE_BYTES_MAX - BATCH_BYTES_MAX < load.sent_bytes <= EXCHANGE_BYTES_MAX
