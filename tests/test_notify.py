"""What both programs tell systemd: to a socket with or without a file, and only while they answer."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loyalty_shell import notify
from tests.e2e.manager import FakeManager

OFTEN_MS = 3
"""A watchdog that wants a sign of life each millisecond."""


@pytest.fixture(params=["file", "abstract"])
async def manager(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FakeManager]:
    """A manager at an address of each kind."""
    address = str(tmp_path / "notify") if request.param == "file" else f"\0dangol-test-{os.getpid()}"
    made = FakeManager(address, OFTEN_MS)
    yield made
    made.close()


async def well() -> str:
    """Say that all is well, in more words than a line may have."""
    return "All is well.\nWATCHDOG=trigger"


async def test_a_service_says_that_it_is_ready_then_alive_then_stopping(manager: FakeManager) -> None:
    async with notify.Manager(manager.environment).informed(well):
        await manager.hear("WATCHDOG=1")
        await manager.hear("WATCHDOG=1")
        stopped = asyncio.create_task(manager.hear("STOPPING=1"))
        await asyncio.sleep(0)
    await stopped
    heard = manager.heard
    assert heard[0] == "READY=1"
    assert heard[1:3] == ["WATCHDOG=1", "STATUS=All is well. WATCHDOG=trigger"]
    assert heard[-2] == "STOPPING=1"
    assert {line.partition("=")[0] for line in heard} == {"READY", "WATCHDOG", "STATUS", "STOPPING"}


async def test_without_an_answer_there_is_no_sign_of_life(manager: FakeManager) -> None:
    answer = asyncio.Event()
    asked = asyncio.Event()

    async def slow() -> str:
        asked.set()
        await answer.wait()
        return "Here again."

    async with notify.Manager(manager.environment).informed(slow):
        await asked.wait()
        for _ in range(20):
            await asyncio.to_thread(os.sched_yield)
        assert manager.heard == ["READY=1"]
        answer.set()
        await manager.hear("WATCHDOG=1")


async def test_what_fails_gives_no_sign_of_life_and_is_asked_again(manager: FakeManager) -> None:
    times = 0

    async def failing() -> str:
        nonlocal times
        times += 1
        if times < 3:
            raise ValueError("no disk")
        return "Here again."

    async with notify.Manager(manager.environment).informed(failing):
        await manager.hear("WATCHDOG=1")
        assert times == 3
    assert manager.heard[:3] == ["READY=1", "WATCHDOG=1", "STATUS=Here again."]


async def test_a_service_that_no_manager_runs_tells_nobody() -> None:
    async def never() -> str:
        raise AssertionError("nobody asked")

    async with notify.Manager({}).informed(never):
        await asyncio.sleep(0)


async def test_a_manager_that_is_gone_stops_nothing(manager: FakeManager) -> None:
    manager.close()
    asked = asyncio.Event()

    async def well() -> str:
        asked.set()
        return "All is well."

    async with notify.Manager(manager.environment).informed(well):
        await asked.wait()


def test_a_watchdog_for_another_process_sets_no_pace() -> None:
    mine = notify.Manager({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid())})
    others = notify.Manager({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"})
    assert mine.every_s == 1
    assert others.every_s == notify.EVERY_S
