"""What a command of the agent loads: a till is weak, and a technician waits for `status`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.config import read_config
from edge_agent.store.migrations import open_database
from tests.edge.made import enrol_till, write_config
from tests.house_sources import ROOT

COMMAND = """
import sys
from edge_agent.cli import main
try:
    main()
finally:
    print(*sys.modules)
"""
SERVICE = """
import asyncio, sys
from pathlib import Path
from aiohttp import web
from edge_agent import service
from edge_agent.cli import main
from edge_agent.app import build_app
from edge_agent.clock import MachineClock
from edge_agent.config import read_config

async def start():
    runner = web.AppRunner(build_app(read_config(Path(sys.argv[2])), MachineClock()))
    await runner.setup()
    print(*sys.modules)
    await runner.cleanup()

asyncio.run(start())
"""
HEAVY = {"aiohttp", "asyncio", "cryptography", "phonenumbers", "rich", "sqlite_utils", "watchdog"}


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A till that has joined and watches a folder."""
    (tmp_path / "in").mkdir()
    path = write_config(tmp_path, '[folder]\npath = "in"\n')
    enrol_till(read_config(path))
    open_database(read_config(path).database).close()
    return path


def loaded(program: str, config: Path, *words: str) -> set[str]:
    """Return the packages that are there when a program is done."""
    line = [sys.executable, "-c", program, "--config", str(config), *words]
    done = subprocess.run(line, check=True, capture_output=True, text=True, cwd=ROOT, timeout=60)
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


@pytest.mark.parametrize("words", [["--help"], ["status"], ["quarantine"]])
def test_a_look_at_the_till_loads_neither_network_nor_signatures(config: Path, words: list[str]) -> None:
    assert loaded(COMMAND, config, *words) & HEAVY == set()


def test_verify_loads_no_network(config: Path) -> None:
    assert loaded(COMMAND, config, "verify") & {"aiohttp", "rich", "sqlite_utils", "watchdog"} == set()


def test_the_service_loads_what_it_needs_and_leaves_the_rest_until_it_is_needed(config: Path) -> None:
    # The folder's thread may have loaded its part by now, or not yet.
    assert loaded(SERVICE, config) & HEAVY - {"watchdog"} == {"aiohttp", "asyncio", "cryptography"}
