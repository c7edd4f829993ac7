"""Headquarters on a disk that is full, or does not keep what it is given: it refuses, and nothing is lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from demo.processes import until
from edge_agent.store import outbox
from tests.e2e.disk.faults import calls, injected
from tests.e2e.processes import Founded, House, found, house
from tests.e2e.test_two_processes import PROGRAMME

ENDED_SECONDS = 30


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    """A headquarters that each test copies."""
    return asyncio.run(found(tmp_path_factory.mktemp("founded"), PROGRAMME, {"M1": "CARD1"}))


@pytest.fixture
async def at(tmp_path: Path, founded: Founded) -> AsyncIterator[House]:
    """A house of which both programs run."""
    async with house(tmp_path, founded) as made:
        await made.till.open()
        yield made


async def sell(at: House, *names: str) -> None:
    async with aiohttp.ClientSession() as session:
        for name in names:
            await at.ask(session, name, "/v1/visits", {"member": "CARD1"})


async def ready(at: House) -> tuple[int, list[str]]:
    """Return what headquarters says of itself, and why it takes no work."""
    async with aiohttp.ClientSession() as session, session.get(f"{at.hq.address}/readyz") as response:
        return response.status, [reason["code"] for reason in (await response.json())["reasons"]]


async def until_it_says(at: House, status: int, *reasons: str) -> None:
    """Return once headquarters says so of itself; it looks once a second at most."""
    said = await ready(at)
    for _ in range(600):
        if said == (status, [*reasons]):
            return
        await asyncio.sleep(0.05)
        said = await ready(at)
    raise AssertionError(f"headquarters says {said} of itself")


def link_code(at: House) -> str | None:
    with at.store() as conn:
        return outbox.link(conn).error_code


async def test_a_full_headquarters_refuses_tills_for_a_while_and_takes_all_of_it_when_there_is_room(
    tmp_path: Path, at: House
) -> None:
    await sell(at, "one")
    await at.settled(1)
    pid, wal = at.hq.pid, at.hq.database.with_name("hq.db-wal")
    assert pid is not None
    async with injected(pid, tmp_path / "calls", "pwrite64:error=ENOSPC", at.hq.database, wal):
        await sell(at, "two")
        await until(lambda: link_code(at) == "disk_full", "the till was not told")
        await until_it_says(at, 503, "disk_full")
        tried = len(calls(tmp_path / "calls"))
        await until(lambda: len(calls(tmp_path / "calls")) > tried + 1, "it does not look for room")
        assert await ready(at) == (503, ["disk_full"]), "it says so as long as it is so"
    await at.till.kill()
    await at.till.open()  # It has been told to wait a minute.
    await sell(at, "three")
    await at.settled(3)
    assert at.hq.pid == pid
    await until_it_says(at, 200)
    await at.check_themselves()


async def test_a_headquarters_whose_disk_does_not_keep_a_write_asks_it_nothing_twice_and_begins_anew(
    tmp_path: Path, at: House
) -> None:
    await sell(at, "one")
    await at.settled(1)
    pid, wal = at.hq.pid, at.hq.database.with_name("hq.db-wal")
    assert pid is not None
    process = at.hq._process
    assert process is not None
    fault = "fdatasync,fsync:error=EIO:when=1"
    async with injected(pid, tmp_path / "calls", fault, at.hq.database, wal):
        await sell(at, "two")
        assert await asyncio.wait_for(process.wait(), ENDED_SECONDS) == 1
    made = calls(tmp_path / "calls")
    failed = next(n for n, (_, _, came) in enumerate(made) if "INJECTED" in came)
    assert made[failed + 1 :] == [], "it writes nothing more, and does not ask the disk again"
    assert "error (disk_failed): the database: the disk did not keep" in " ".join(
        at.hq.log.read_text().split()
    )
    await at.hq.serve()
    await at.settled(2)
    await at.check_themselves()
