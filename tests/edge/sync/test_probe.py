"""The connection test names the step that fails, and what to do about it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from edge_agent.store import terminal
from edge_agent.store.database import Connection
from edge_agent.sync.probe import STEPS, Step, probe
from tests.edge.fake_hq import HQ_TIME_MS, FakeHq
from tests.edge.made import config_of
from tests.edge.sync.linked_till import LinkedTill
from tests.edge.sync.test_tls import authority, served_with


@pytest.fixture
async def still(tmp_path: Path, hq: FakeHq) -> AsyncIterator[LinkedTill]:
    """Return a till whose loop is turned by hand, in step with headquarters' clock."""
    config = config_of(tmp_path)
    hq.enrol(config)
    till = LinkedTill(config, hq)
    till.clock.wall = HQ_TIME_MS
    yield till
    await till.close()


@pytest.fixture
async def till(still: LinkedTill) -> AsyncIterator[LinkedTill]:
    """Return a till that asks headquarters when somebody wants it, and at no other time."""

    async def turning() -> None:
        while True:
            await still.wanted()
            await still.turn()

    running = asyncio.create_task(turning())
    yield still
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def steps_of(till: LinkedTill) -> list[Step]:
    async with asyncio.timeout(30):
        return [step async for step in probe(till.config.sync, till.clock, till.reader, till.loop)]


def states(steps: list[Step]) -> dict[str, str]:
    assert tuple(step.name for step in steps) == STEPS
    return {step.name: step.state for step in steps if step.state != "skipped"}


async def at(till: LinkedTill, url: str) -> None:
    """Have the till look for headquarters there."""

    def job(conn: Connection) -> None:
        terminal.set_hq_url(conn, url)

    await till.writer.do(job)


async def test_where_all_is_well_every_step_says_so(till: LinkedTill) -> None:
    steps = await steps_of(till)
    assert states(steps) == dict.fromkeys(("name", "tcp", "answer", "key", "approval", "clock"), "ok")
    assert {step.name: step.code for step in steps if step.state == "skipped"} == {"tls": "same_machine"}


async def test_a_name_that_nobody_knows(till: LinkedTill) -> None:
    await at(till, "https://hq.invalid")
    (name, *rest) = await steps_of(till)
    assert (name.state, name.code) == ("failed", "hq_name_unknown")
    assert {step.state for step in rest} == {"skipped"}


async def test_a_port_where_nobody_listens(till: LinkedTill) -> None:
    await at(till, "http://127.0.0.1:1")
    steps = await steps_of(till)
    assert states(steps) == {"name": "ok", "tcp": "failed"}
    assert "port 1" in steps[1].sentence


@pytest.mark.parametrize("wrong", ["stranger", "host", "expired"])
async def test_a_certificate_that_is_not_trusted(till: LinkedTill, tmp_path: Path, wrong: str) -> None:
    by = authority()
    until = datetime.now(UTC) + timedelta(days=-1 if wrong == "expired" else 1)
    context = served_with(by, tmp_path, host="127.0.0.2" if wrong == "host" else "127.0.0.1", until=until)
    pinned = (authority() if wrong == "stranger" else by).pinned(tmp_path)
    till.config = msgspec.structs.replace(
        till.config, sync=msgspec.structs.replace(till.config.sync, ca_file=pinned)
    )
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        await at(till, f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        steps = await steps_of(till)
    assert states(steps) == {"name": "ok", "tcp": "ok", "tls": "failed"}
    assert steps[2].code == "hq_certificate"


async def test_what_answers_without_being_headquarters(till: LinkedTill) -> None:
    till.hq.spoil = "html"
    steps = await steps_of(till)
    assert states(steps) == {"name": "ok", "tcp": "ok", "answer": "failed"}
    assert steps[3].code == "hq_nonsense"


async def test_headquarters_with_another_key(till: LinkedTill) -> None:
    till.hq.spoil = "other key"
    steps = await steps_of(till)
    assert states(steps) == {"name": "ok", "tcp": "ok", "answer": "ok", "key": "failed"}
    assert steps[4].code == "hq_wrong_key"


@pytest.mark.parametrize("code", ["terminal_pending", "terminal_revoked", "terminal_unknown"])
async def test_a_till_that_headquarters_does_not_let_in(till: LinkedTill, code: str) -> None:
    till.hq.problem = (403, {"code": code, "detail": "not this one"}, {})
    steps = await steps_of(till)
    assert states(steps) == {"name": "ok", "tcp": "ok", "answer": "ok", "key": "ok", "approval": "failed"}
    assert steps[5].code == code


async def test_a_clock_that_is_wrong(till: LinkedTill) -> None:
    till.clock.wall += 3_600_000
    steps = await steps_of(till)
    assert steps[-1].state == "failed"
    assert (steps[-1].offset_ms, steps[-1].code) == (3_600_000, "clock_off")
    assert "3600 s ahead" in steps[-1].sentence


async def test_a_headquarters_that_asked_to_be_left_alone_is_left_alone(still: LinkedTill) -> None:
    still.hq.problem = (503, {"code": "server_busy", "detail": "later"}, {"Retry-After": "60"})
    probed = asyncio.create_task(steps_of(still))
    await still.wanted()
    await still.turn()
    first, second = await probed, await steps_of(still)
    assert [step.code for step in (first[3], second[3])] == ["server_busy", "hq_away"]
    assert "60 s" in second[3].sentence
    assert len(still.hq.asked) == 1


async def test_a_try_waits_for_no_back_off_and_its_outcome_is_noted(still: LinkedTill) -> None:
    still.hq.spoil = "html"
    await still.turn()
    assert (await still.link()).error_code == "hq_nonsense"
    still.hq.spoil = None
    trying = asyncio.create_task(still.loop.try_now())
    async with asyncio.timeout(30):
        await still.loop._pause(3_600_000)
    await still.turn()
    assert await trying is None
    assert (await still.link()).error_code is None
