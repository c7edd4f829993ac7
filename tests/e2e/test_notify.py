"""Both programs under a service manager, as real processes.

Ready when they answer, alive while their stores do; told to stop, they finish what was begun.
"""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import aiohttp
import pytest

from demo.processes import Hq, Program, Till
from tests.e2e.manager import FakeManager, manager
from tests.e2e.processes import STORE, Founded, House, found, house
from tests.e2e.test_two_processes import PROGRAMME

MEMBERS = {"M1": "CARD1"}
OFTEN_MS = 15
"""A watchdog that wants a sign of life every 5 ms."""
REQUESTS = 30


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    """A headquarters that each test copies."""
    return asyncio.run(found(tmp_path_factory.mktemp("founded"), PROGRAMME, MEMBERS))


@pytest.fixture
async def at(tmp_path: Path, founded: Founded) -> AsyncIterator[House]:
    """A house whose headquarters answers and whose till is shut."""
    async with house(tmp_path, founded) as made:
        yield made


async def answers(program: Program) -> bool:
    """Tell whether a program answers at the address that it names."""
    assert program.address is not None
    async with aiohttp.ClientSession() as session, session.get(program.address + "/healthz") as response:
        return response.status == 200


async def ready(program: Program, told: FakeManager, *words: str) -> None:
    """Start a program; return at the moment in which it says that it is ready."""
    starting = asyncio.create_task(program.start(*words))
    await told.hear("READY=1")
    assert await answers(program)
    await starting


async def goodbye(program: Program) -> int:
    """Ask a program to stop; return its exit status."""
    process = program._process
    assert process is not None
    process.send_signal(signal.SIGTERM)
    return await process.wait()


@contextmanager
def held(database: Path) -> Iterator[None]:
    """Write in a database, so that nobody else can."""
    with closing(sqlite3.connect(database, isolation_level=None)) as conn:
        conn.execute("BEGIN IMMEDIATE")
        yield


@pytest.mark.parametrize(
    ("side", "word", "status"),
    [
        ("till", "run", "Online since "),
        ("hq", "serve", "Answering at {address}. 1 of 1 tills were heard in the last hour."),
    ],
)
async def test_a_program_is_ready_when_it_answers_and_says_how_it_goes(
    at: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str, word: str, status: str
) -> None:
    program: Hq | Till = getattr(at, side)
    await program.stop()
    async with manager(tmp_path, monkeypatch, OFTEN_MS) as told:
        await ready(program, told, word)
        await told.hear("STATUS=" + status.format(address=program.address))
        assert told.heard[told.heard.index("READY=1") + 1] == "WATCHDOG=1"
        stopping = asyncio.create_task(goodbye(program))
        await told.hear("STOPPING=1")
        assert await stopping == 0


@pytest.mark.parametrize(("side", "word"), [("till", "run"), ("hq", "serve")])
async def test_a_program_whose_writer_is_stuck_gives_no_sign_of_life_although_it_answers(
    at: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side: str, word: str
) -> None:
    program: Hq | Till = getattr(at, side)
    await program.stop()
    async with manager(tmp_path, monkeypatch, OFTEN_MS) as told:
        await ready(program, told, word)
        await told.hear("WATCHDOG=1")
        with held(program.database):
            assert (await signs_of_life(program, told)) <= 1
        await told.hear("WATCHDOG=1")


async def signs_of_life(program: Program, told: FakeManager) -> int:
    """Return how many signs of life come while a program answers requests that need no writer.

    One may have been on its way.
    """
    known = len(told.heard)
    for _ in range(REQUESTS):
        assert await answers(program)
    return told.heard[known:].count("WATCHDOG=1")


async def test_a_sale_that_was_begun_is_answered_when_the_till_is_told_to_stop(
    at: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sale = {
        "kind": "purchase",
        "receipt": {"store": STORE, "till": "T01", "number": "1"},
        "member": "CARD1",
        "occurred_at": "2026-07-01T10:00:00+09:00",
        "net_minor": 5000,
    }
    async with manager(tmp_path, monkeypatch, OFTEN_MS) as told, aiohttp.ClientSession() as session:
        await ready(at.till, told, "run")
        with held(at.till.database):
            asking = asyncio.create_task(at.ask(session, "1", "/v1/receipts", sale))
            await asyncio.sleep(0)
            assert await answers(at.till)  # and the sale, which came before, waits for the store
            stopping = asyncio.create_task(goodbye(at.till))
            await told.hear("STOPPING=1")
        await asking
        assert await stopping == 0
    assert at.answers["1"]["points"]["redeemable"] == 5
    assert at.recorded == {"1": 1}
