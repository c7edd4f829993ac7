"""The process of the printers as it runs: what it loads, what systemd hears; no receipt is cut in two."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent.printer.endpoints import Tcp, endpoint
from edge_agent.printer.state import FOLDER, read_state
from tests.e2e.disk.faults import small_disk
from tests.edge.made import wait_until, write_config
from tests.edge.printer.room import RECEIPT
from tests.house_sources import ROOT

SCRIPT = """
import sys, threading
from edge_agent.cli import main
import edge_agent.cli.shell, edge_agent.printer.service, loyalty_shell.logs
before = set(sys.modules)
try:
    main()
finally:
    print(*before)
    print(*(set(sys.modules) - before))
"""
HEAVY = {
    "aiohttp",
    "asyncio",
    "cryptography",
    "msgpack",
    "pysqlite3",
    "sqlite3",
    "ssl",
    "watchdog",
    "zoneinfo",
}


class Process:
    """`edge-agent printer`, between the test's till and the test's printer."""

    def __init__(self, folder: Path, *words: str, silence_ms: int = 100, **environment: str) -> None:
        self.printer = socket.create_server(("127.0.0.1", 0))
        self._open = [self.printer]
        self.printer.settimeout(30)
        port = self.printer.getsockname()[1]
        self.data_dir = folder / "data"
        self.data_dir.mkdir(exist_ok=True)
        config = write_config(
            folder,
            f'[[printer]]\nname = "front"\nlisten = "tcp://127.0.0.1:0"\nprinter = "tcp://127.0.0.1:{port}"\n'
            f"silence_ms = {silence_ms}\n[http]\nport = 0\n",
        )
        self.process = subprocess.Popen(
            [sys.executable, *(words or ("-m", "edge_agent")), "--config", str(config), "printer"],
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        wait_until(lambda: read_state(self.data_dir, "front")[1])
        state, _ = read_state(self.data_dir, "front")
        assert state is not None
        where = endpoint(state.listen)
        assert isinstance(where, Tcp)
        self.where = where

    @property
    def listens(self) -> bool:
        """Whether another till may come."""
        with socket.socket() as sock:
            return sock.connect_ex((self.where.host, self.where.port)) == 0

    def pair(self) -> tuple[socket.socket, socket.socket]:
        """Return a till that is connected, and its printer."""
        till = socket.create_connection((self.where.host, self.where.port), timeout=30)
        printer, _ = self.printer.accept()
        printer.settimeout(30)
        self._open += [till, printer]
        return till, printer

    def print_one(self) -> None:
        """Print a receipt on a connection of its own."""
        till, printer = self.pair()
        till.sendall(RECEIPT)
        till.close()
        found = b""
        while data := printer.recv(4096):
            found += data
        printer.close()
        assert found == RECEIPT

    def copies(self) -> list[Path]:
        """Return the copies that there are."""
        return sorted((self.data_dir / FOLDER).glob("*.escpos"))

    def stop(self) -> tuple[str, str]:
        """Tell it to stop; return what it has said on both outputs."""
        self.process.send_signal(signal.SIGTERM)
        said = self.process.communicate(timeout=30)
        assert self.process.returncode == 0, said
        return said

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        for sock in self._open:
            sock.close()


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[list[Process]]:
    """Return where processes are put that end with the test."""
    made: list[Process] = []
    yield made
    for one in made:
        one.close()


def test_it_loads_next_to_nothing_and_nothing_more_once_it_runs(
    tmp_path: Path, processes: list[Process]
) -> None:
    one = Process(tmp_path, "-c", SCRIPT)
    processes.append(one)
    one.print_one()
    wait_until(lambda: len(one.copies()) == 1)
    shutil.rmtree(tmp_path / "data")  # What says that a copy is lost must be there, too.
    one.print_one()
    before, after = one.stop()[0].splitlines()
    assert {name.partition(".")[0] for name in before.split()} & HEAVY == set()
    assert after == ""


def test_systemd_hears_of_it(tmp_path: Path, processes: list[Process]) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        address = f"dangol-test-printer-{os.getpid()}"
        manager.bind(f"\0{address}")
        manager.settimeout(30)
        one = Process(tmp_path, NOTIFY_SOCKET=f"@{address}", WATCHDOG_USEC="30000")
        processes.append(one)
        heard = [manager.recv(4096).decode() for _ in range(3)]
        sentence = "WATCHDOG=1\nSTATUS=0 copies of what was printed, none lost."
        assert heard == ["READY=1", sentence, sentence]
        one.process.send_signal(signal.SIGTERM)
        while (told := manager.recv(4096).decode()) == sentence:
            pass
        assert told == "STOPPING=1"
        one.stop()


def test_what_is_being_printed_comes_to_its_end_when_it_is_told_to_stop(
    tmp_path: Path, processes: list[Process]
) -> None:
    one = Process(tmp_path, silence_ms=1000)
    processes.append(one)
    till, printer = one.pair()
    till.sendall(RECEIPT[:10])
    assert printer.recv(4096) == RECEIPT[:10]
    one.process.send_signal(signal.SIGTERM)
    wait_until(lambda: not one.listens)
    till.sendall(RECEIPT[10:])
    assert printer.recv(4096) == RECEIPT[10:]
    till.close()
    assert printer.recv(1) == b""
    printer.close()
    one.stop()
    (copy,) = one.copies()
    assert (copy.read_bytes(), ".part." in copy.name) == (RECEIPT, False)


def test_an_agent_that_is_killed_costs_neither_paper_nor_copy(
    tmp_path: Path, processes: list[Process]
) -> None:
    one = Process(tmp_path)
    processes.append(one)
    agent = subprocess.Popen(
        [sys.executable, "-m", "edge_agent", "--config", str(tmp_path / "edge.toml"), "run"],
        cwd=ROOT,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until((one.data_dir / "address").exists)
        till, printer = one.pair()
        till.sendall(RECEIPT[:10])
        assert printer.recv(4096) == RECEIPT[:10]
    finally:
        agent.kill()
        agent.wait()
    till.sendall(RECEIPT[10:])
    assert printer.recv(4096) == RECEIPT[10:]
    till.close()
    printer.close()
    one.print_one()
    wait_until(lambda: sum(copy.stat().st_size for copy in one.copies()) == 2 * len(RECEIPT))


def test_killed_itself_it_begins_anew_and_keeps_what_is_there(
    tmp_path: Path, processes: list[Process]
) -> None:
    one = Process(tmp_path)
    processes.append(one)
    one.print_one()
    wait_until(lambda: len(one.copies()) == 1)
    till, printer = one.pair()
    till.sendall(RECEIPT)
    printer.recv(4096)
    one.process.kill()
    one.process.wait()
    assert till.recv(1) == b""
    assert read_state(one.data_dir, "front")[1] is False
    (one.data_dir / FOLDER / ".front.escpos.tmp").write_bytes(b"what it was writing then")
    again = Process(tmp_path)
    processes.append(again)
    again.print_one()
    wait_until(lambda: len(again.copies()) == 2)
    assert {copy.read_bytes() for copy in again.copies()} == {RECEIPT}
    wait_until(lambda: not list((one.data_dir / FOLDER).glob(".front.escpos.tmp")))


def test_a_full_disk_costs_copies_and_no_paper(tmp_path: Path, processes: list[Process]) -> None:
    with small_disk(tmp_path / "data", "64k"):
        one = Process(tmp_path)
        processes.append(one)
        filler = tmp_path / "data" / "filler"
        with filler.open("wb", buffering=0) as file, suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        one.print_one()
        assert one.process.stderr is not None
        lines = (json.loads(line) for line in one.process.stderr)
        assert next(line for line in lines if line["event"] == "copy_lost")["code"] == "disk_full"
        filler.unlink()
        one.print_one()
        wait_until(lambda: len(one.copies()) == 1)
        one.stop()
        state, runs = read_state(one.data_dir, "front")
        assert state is not None
        assert (runs, state.copies, state.copies_lost, state.last_lost_code) == (False, 1, 1, "disk_full")
        one.close()


def test_without_a_printer_in_the_settings_it_says_what_to_do(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "edge_agent", "--config", str(write_config(tmp_path)), "printer"]
    done = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1
    assert done.stderr.startswith("error (printer_missing): the settings name no printer: say [[printer]]")
