"""A chromium for each process of a run, visitors for each test, and a shop of real processes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.debian_parts import part
from tests.e2e.browser.driver import Visitors, browser
from tests.e2e.browser.shop import Shop, open_shop


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """The browser, started once; tests that use it run on the loop of the session."""
    async with browser(part("chromium")) as started:
        yield started


@pytest.fixture(scope="module")
def nothing_left(chromium: Browser) -> Iterator[None]:
    """After the tests of a file no process of theirs is left."""
    before = children()
    yield
    assert children() == before


@pytest_asyncio.fixture(loop_scope="session")
async def visitors(chromium: Browser, nothing_left: None) -> AsyncIterator[Visitors]:
    """Those who come in this test. What they complain of fails it."""
    made = Visitors(chromium)
    yield made
    assert await made.leave() == []


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shop(tmp_path_factory: pytest.TempPathFactory, nothing_left: None) -> AsyncIterator[Shop]:
    """Headquarters, a till that sells, and the line between them, which can be cut; one for a file."""
    async with open_shop(tmp_path_factory.mktemp("shop")) as opened:
        yield opened


def children() -> set[int]:
    """Return the processes that this one has started and that are still there."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdecimal():
            try:
                stat = (folder / "stat").read_text("utf-8", "replace")
            except OSError:
                continue  # ended meanwhile
            parents[int(folder.name)] = int(stat.rpartition(")")[2].split()[1])
    return {pid for pid, parent in parents.items() if parent == os.getpid()}
