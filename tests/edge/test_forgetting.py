"""What was set aside and nobody mended is forgotten, by headquarters' time and by no other."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest

from edge_agent.forgetting import DAY_MS, Forgetting
from edge_agent.store import outbox, quarantine
from edge_agent.store.database import Connection, transaction
from edge_agent.store.quarantine import Refused
from edge_agent.store.writer import Reader, Writer
from tests.edge.till import Till

NOW = 1_800_000_000_000
KEPT_MS = 90 * DAY_MS


def refused(at_ms: int, raw: bytes = b"010-1234-5678") -> Refused:
    return Refused(
        adapter="jsonl", source="a", place=f"line {at_ms}", code="x", sentence="s", raw=raw, at_ms=at_ms
    )


@pytest.fixture
async def forgetting(till: Till) -> AsyncIterator[Forgetting]:
    with transaction(till.conn):
        quarantine.put(till.conn, refused(NOW - KEPT_MS - 1), 10)
        quarantine.put(till.conn, refused(NOW - KEPT_MS), 10)
    writer, reader = Writer(till.config.database), Reader(till.config.database)
    yield Forgetting(till.config, reader, writer)
    writer.close()
    reader.close()


def hq_said(conn: Connection, at_ms: int) -> None:
    with transaction(conn):
        outbox.set_link(conn, msgspec.structs.replace(outbox.link(conn), hq_time_ms=at_ms))


async def test_what_is_older_than_it_may_be_is_forgotten_and_the_rest_stays(
    till: Till, forgetting: Forgetting
) -> None:
    hq_said(till.conn, NOW)
    assert await forgetting.look() == 1
    assert [one.at_ms for one in quarantine.open_rows(till.conn)] == [NOW - KEPT_MS]
    (gone,) = quarantine.settled(till.conn, 10)
    assert (gone.state, gone.reason) == ("discarded", "expired")
    raw = till.conn.execute("SELECT raw FROM quarantine WHERE state = 'discarded'").fetchone()
    assert raw == (b"",)
    assert await forgetting.look() == 0


async def test_a_till_that_headquarters_never_answered_forgets_nothing(
    till: Till, forgetting: Forgetting
) -> None:
    till.clock.wall = NOW + 1000 * DAY_MS
    assert await forgetting.look() == 0
    assert quarantine.count_open(till.conn) == 2


async def test_a_clock_that_ran_ahead_forgets_nothing(till: Till, forgetting: Forgetting) -> None:
    hq_said(till.conn, NOW - DAY_MS)
    till.clock.wall = NOW + 1000 * DAY_MS
    assert await forgetting.look() == 0
