"""A command that the power goes in: what it asked of the disk, cut anywhere; what its user then does."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from aiohttp.test_utils import TestServer
from click.testing import CliRunner, Result

from edge_agent.cli import main as edge_agent
from hq_server.app import build_app
from hq_server.cli import hq_server
from loyalty_core.errors import LoyaltyError
from tests.e2e.power.replay import Cut, Day, Fate
from tests.e2e.power.tills import Broken, scratch_disk
from tests.hq.conftest import Hq

WAIT_SECONDS: Final = 60


@dataclass(frozen=True)
class Sweep:
    """A command as it was recorded, and what is tried on each disk that a cut in it leaves.

    `after` raises what it raises where something that must be there is not, or does not end well.
    """

    day: Day
    after: Callable[[Path, Cut], None]

    def run(self, chosen: Callable[[int], Iterable[Fate]], seed: int) -> int:
        """Try every disk once; return how many there were.

        Raises:
            Broken: on one of them something was lost, or the command could not be brought to its end.
        """
        seen = set()
        with scratch_disk() as disk:
            for cut in self.day.cuts(chosen, seed):
                told = (cut.digest, cut.answered, cut.asked)
                if told in seen:
                    continue
                seen.add(told)
                cut.lay_out(disk)
                try:
                    self.after(disk, cut)
                except (AssertionError, LoyaltyError, OSError) as error:
                    raise Broken(f"{error!r}, after step {cut.after}, {cut.fate}") from error
        return len(seen)


Command = Callable[[Path], AbstractContextManager[Sweep]]
"""Records a command in a folder, and lends what is tried."""


def at_till(folder: Path, *words: str | Path) -> Result:
    """Run a command of the till whose files are in a folder."""
    return _run(edge_agent, folder / "edge.toml", words)


def at_hq(folder: Path, *words: str | Path) -> Result:
    """Run a command of the headquarters whose files are in a folder."""
    return _run(hq_server, folder / "hq.toml", words)


def done(result: Result) -> str:
    """Return what a command that went well has said."""
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def refused(result: Result, code: str) -> None:
    """Check that a command was refused for this reason."""
    assert result.exit_code == 1, (result.output, result.exception)
    assert f"error ({code})" in result.stderr, result.output


def _run(program: click.Command, settings: Path, words: tuple[str | Path, ...]) -> Result:
    return CliRunner().invoke(program, ["--config", str(settings), *map(str, words)])


@contextmanager
def served(hq: Hq) -> Iterator[str]:
    """Let a headquarters answer on a thread of its own; yields its address."""
    loop, address, failed = asyncio.new_event_loop(), list[str](), list[BaseException]()
    is_up, may_end = threading.Event(), asyncio.Event()

    async def serve() -> None:
        async with TestServer(build_app(hq.config, hq.clock)) as server:
            address.append(f"http://127.0.0.1:{server.port}")
            is_up.set()
            await may_end.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except BaseException as error:
            failed.append(error)
            raise
        finally:
            is_up.set()

    thread = threading.Thread(target=run, name="headquarters")
    thread.start()
    try:
        assert is_up.wait(WAIT_SECONDS)
        assert not failed, failed
        yield address[0]
    finally:
        loop.call_soon_threadsafe(may_end.set)
        thread.join(WAIT_SECONDS)
        loop.close()
