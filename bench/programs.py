"""The two programs as real processes in a directory of their own, set up the way a person would."""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from bench.code import ROOT, Code
from bench.databases import LOOK_SECONDS, Journal
from bench.sales import MEMBERS, PROGRAMME, STORE, card

EDGE, HQ = "edge_agent", "hq_server"
START_SECONDS: Final = 30
STOP_SECONDS: Final = 60
PORTS: Final = range(20_000, 32_000)
"""Below those that the kernel gives to whoever asks for any."""
TICKS: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Running:
    """A service that answers."""

    url: str
    pid: int

    def cpu_seconds(self) -> float:
        """Return the processor time that it has used, in seconds, to a hundredth."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_mb(self) -> float:
        """Return how much memory it holds, in MB, and measure its peak from now on."""
        Path(f"/proc/{self.pid}/clear_refs").write_text("5")
        return self._memory_mb("VmRSS")

    def memory_peak_mb(self) -> float:
        """Return how much memory it held at most, in MB."""
        return self._memory_mb("VmHWM")

    def _memory_mb(self, name: str) -> float:
        told = Path(f"/proc/{self.pid}/status").read_text().split(f"{name}:")[1]
        return int(told.split()[0]) * 1024 / 1e6


def command(code: Code, module: str, config: Path, *words: str) -> str:
    """Run a command of a program and return what it prints.

    Raises:
        RuntimeError: it refused, with what it said.
    """
    done = subprocess.run(
        line(module, config, *words),
        check=False,
        capture_output=True,
        text=True,
        env=code.environment(),
        cwd=code.root,
    )
    if done.returncode:
        raise RuntimeError(f"{module} {words[0]} of {code.name} refused: {done.stderr.strip()[-500:]}")
    return done.stdout


def line(module: str, config: Path, *words: str) -> list[str]:
    """Return the command line of a program."""
    return [sys.executable, "-m", module, "--config", str(config), *words]


@contextmanager
def running(code: Code, module: str, config: Path) -> Iterator[Running]:
    """Run a service whose data is beside its settings file, until the block ends."""
    data = config.parent / "data"
    words = line(module, config, "serve" if module == HQ else "run")
    with (data / f"{module}.log").open("ab") as log, process(words, data / "address", code, log=log) as one:
        yield one


@contextmanager
def process(
    words: Sequence[str], address: Path, code: Code | None = None, *, log: IO[bytes] | None = None
) -> Iterator[Running]:
    """Run a process that writes its address into a file when it answers, until the block ends."""
    address.unlink(missing_ok=True)
    environment = code.environment() if code else None
    where = code.root if code else ROOT
    one = subprocess.Popen(list(words), stderr=log, env=environment, cwd=where)
    try:
        yield Running(_text(address, one), one.pid)
    finally:
        one.send_signal(signal.SIGTERM)
        one.wait(STOP_SECONDS)


def _text(path: Path, process: subprocess.Popen[bytes]) -> str:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(LOOK_SECONDS)
    raise RuntimeError(f"{path} did not appear: the program did not start")


def set_up_hq(code: Code, folder: Path, database: str = "", members: int = MEMBERS) -> Path:
    """Make an HQ with a programme and members, in a PostgreSQL database if told; return its settings file."""
    folder.mkdir(parents=True)
    config = folder / "hq.toml"
    give_port(config, database)
    command(code, HQ, config, "init", "--admin", "bench")
    (folder / "programme.toml").write_text(PROGRAMME)
    rules = str(folder / "programme.toml")
    command(code, HQ, config, "programme", "publish", rules, "--retroactive", "--yes", "--by", "bench")
    rows = [f"M{n:05},{card(n)},Kim {n},,2026-01-01,{STORE}," for n in range(members)]
    heading = "member_id,lookups,name,phone,joined_on,home_store,birthday"
    (folder / "members.csv").write_text("\n".join([heading, *rows, ""]))
    return config


def give_port(hq_config: Path, database: str = "") -> None:
    """Write the settings of an HQ, with a port that is free and that no connection gets by chance."""
    line = f'database = "{database}"\n' if database else ""
    hq_config.write_text(f'data_dir = "data"\n{line}[listen]\nport = {free_port()}\n')


def free_port() -> int:
    """Return a port that nothing uses."""
    while True:
        port = random.choice(PORTS)
        with suppress(OSError), closing(socket.socket()) as one:
            one.bind(("127.0.0.1", port))
            return port


def import_members(code: Code, hq_config: Path) -> None:
    """Let HQ know the members that the sales name."""
    command(code, HQ, hq_config, "member", "import", str(hq_config.parent / "members.csv"))


def set_up_till(
    code: Code, folder: Path, hq_config: Path, hq_url: str, extra: str = "", store: str = STORE
) -> Path:
    """Enrol a till with a running HQ; return its settings file."""
    folder.mkdir(parents=True)
    (folder / "in").mkdir()
    config = folder / "edge.toml"
    config.write_text(f'data_dir = "data"\n{extra}[http]\nport = 0\n')
    words = ("terminal", "invite", "--store", store, "--preapproved", "--json")
    told = json.loads(command(code, HQ, hq_config, *words))
    command(code, EDGE, config, "enrol", "--hq", hq_url, "--code", told["code"])
    return config


def set_up(code: Code, folder: Path, extra: str = "", members: int = MEMBERS) -> tuple[Path, Path]:
    """Make an HQ and a till that has joined it and knows its members; return both settings files."""
    hq = set_up_hq(code, folder / "hq", members=members)
    with running(code, HQ, hq) as served:
        till = set_up_till(code, folder / "till", hq, served.url, extra)
    meet(code, hq, till, members)
    return hq, till


def meet(code: Code, hq: Path, till: Path, members: int = MEMBERS) -> None:
    """Let HQ know the members, among them those that the sales name, and the till meet them."""
    import_members(code, hq)
    with closing(Journal(till.parent / "data")) as journal, running(code, HQ, hq), running(code, EDGE, till):
        while journal.members() < members or journal.acknowledged() < journal.head():
            time.sleep(LOOK_SECONDS)
