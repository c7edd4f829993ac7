"""Headquarters and tills as real processes: started, killed, restarted, always by their own pid.

Each takes any free port and says in a file which; whoever talks to one reads that file anew.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
READY_SECONDS: Final = 30
GOODBYE_SECONDS: Final = 15
LOG_TAIL_LINES: Final = 8


class DemoFailed(Exception):
    """One sentence: what did not happen."""


class Program:
    """One of the two programs with its folder: its service and its commands."""

    def __init__(self, module: str, name: str, folder: Path, settings: str) -> None:
        self.module, self.name, self.folder = module, name, folder
        self.config = folder / f"{name}.toml"
        self.log = folder / f"{name}.log"
        self.inside: tuple[str, ...] = ()
        """Begins the command line: a program that starts it in surroundings of its own."""
        self._process: asyncio.subprocess.Process | None = None
        self._address_file = folder / "data" / "address"
        folder.mkdir(parents=True, exist_ok=True)
        self.config.write_text(settings, "utf-8")

    @property
    def address(self) -> str | None:
        """The address that the running service answers at, None while there is none."""
        if not self.is_running:
            return None
        with suppress(FileNotFoundError):
            text = self._address_file.read_text("utf-8")
            if text.endswith("\n"):
                return text.strip()
        return None

    @property
    def pid(self) -> int | None:
        """The process that runs the service."""
        return self._process.pid if self._process is not None and self.is_running else None

    @property
    def is_running(self) -> bool:
        """Tell whether the service's process lives."""
        return self._process is not None and self._process.returncode is None

    async def start(self, *words: str) -> None:
        """Start the service and return once it answers."""
        self._address_file.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = await self._spawn(words, log)
        await until(lambda: not self.is_running or self.address is not None, f"{self.name} did not start")
        if not self.is_running:
            raise DemoFailed(f"{self.name} ended at once:\n{tail(self.log)}")

    async def kill(self) -> None:
        """Kill the service where it stands: nothing is flushed, nobody is told."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """Ask the service to stop; one that does not is killed."""
        await self._end(signal.SIGTERM)

    async def run(self, *words: str | Path) -> tuple[int, str, str]:
        """Run one command; return its exit status and what it said on both outputs."""
        process = await self._spawn(words, asyncio.subprocess.PIPE)
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            with suppress(ProcessLookupError):
                process.kill()
            raise
        return process.returncode or 0, out.decode(), err.decode()

    async def told(self, *words: str | Path) -> Any:
        """Run one command with --json and return what it said.

        Raises:
            DemoFailed: it refused.
        """
        status, out, err = await self.run(*words, "--json")
        if status != 0:
            raise DemoFailed(
                f"{self.name}: {' '.join(map(str, words))} refused: {err.strip() or out.strip()}"
            )
        return json.loads(out)

    async def _spawn(self, words: tuple[str | Path, ...], out: int | IO[bytes]) -> asyncio.subprocess.Process:
        argv = [
            *self.inside,
            sys.executable,
            "-m",
            self.module,
            "--config",
            str(self.config),
            *map(str, words),
        ]
        # A session of its own, so that Ctrl-C in the terminal reaches only the demo, which stops it in order.
        return await asyncio.create_subprocess_exec(
            *argv,
            cwd=ROOT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,
        )

    async def _end(self, kind: signal.Signals) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(kind)
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                await process.wait()
        except TimeoutError:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()


class Hq(Program):
    """Headquarters in a folder of its own. `token` is an API token that looks and changes nothing.

    Tills that have nothing to say ask again after `next_in_ms`.
    """

    def __init__(self, folder: Path, next_in_ms: int = 1000) -> None:
        settings = 'data_dir = "data"\nlanguage = "en"\nphone_region = "US"\n[listen]\nport = 0\n'
        super().__init__("hq_server", "hq", folder, settings + f"[limits]\nnext_in_ms = {next_in_ms}\n")
        self.database = folder / "data" / "hq.db"
        self.token = ""

    async def set_up(self, programme: Path) -> None:
        """Make the database and publish a programme."""
        await self.told("init", "--admin", "kim")
        scopes = ("--scope", "read:members", "--scope", "read:house", "--scope", "metrics")
        self.token = (await self.told("token", "add", "demo", *scopes, "--by", "kim"))["token"]
        await self.told("programme", "publish", programme, "--retroactive", "--yes", "--by", "kim")

    async def invite(self, store_id: str) -> str:
        """Return a code with which one till of a store joins without further approval."""
        invited = await self.told("terminal", "invite", "--store", store_id, "--preapproved")
        return str(invited["code"])

    async def serve(self) -> None:
        """Start answering."""
        await self.start("serve")


class Till(Program):
    """A till in a folder of its own, with its watched folder."""

    def __init__(self, folder: Path, store_id: str) -> None:
        settings = (
            'data_dir = "data"\nlanguage = "en"\nphone_region = "US"\n[http]\nport = 0\n'
            '[folder]\npath = "receipts"\nsettle_ms = 200\nrescan_ms = 1000\n'
            "[sync]\nafter_sale_ms = 200\nretry_first_ms = 200\nretry_max_ms = 1500\n"
        )
        super().__init__("edge_agent", "till", folder, settings)
        self.store_id = store_id
        self.terminal_id = ""
        self.receipts = folder / "receipts"
        self.receipts.mkdir()
        self.database = folder / "data" / "till.db"
        self.token_file = folder / "data" / "http.token"

    async def enrol(self, hq_url: str, code: str) -> None:
        """Join headquarters."""
        self.terminal_id = (await self.told("enrol", "--hq", hq_url, "--code", code))["terminal"]

    async def open(self) -> None:
        """Start selling."""
        await self.start("run")

    @property
    def token(self) -> str:
        """What the shop's own software shows the till."""
        return self.token_file.read_text("ascii").strip()


async def until(happened: Callable[[], bool], otherwise: str, seconds: float = READY_SECONDS) -> None:
    """Return once something has happened.

    Raises:
        DemoFailed: it has not, in that time.
    """
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise DemoFailed(f"{otherwise} within {seconds:g} seconds")
        await asyncio.sleep(0.02)


def tail(log: Path) -> str:
    """Return the last lines of a log."""
    return "\n".join(log.read_text("utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:])
