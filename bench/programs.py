"""The two programs as real processes in a directory of their own, set up the way a person would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.sales import MEMBERS, PROGRAMME, STORE, card

START_SECONDS = 20


def command(module: str, config: Path, *words: str) -> str:
    """Run a command of a program and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", module, "--config", str(config), *words],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@contextmanager
def running(module: str, config: Path, data: Path, words: tuple[str, ...]) -> Iterator[str]:
    """Run a service until the block ends; give its address."""
    address = data / "address"
    address.unlink(missing_ok=True)
    with (data / f"{module}.log").open("wb") as log:
        line = [sys.executable, "-m", module, "--config", str(config), *words]
        process = subprocess.Popen(line, stderr=log)
        try:
            yield wait_for_text(address, process)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


def wait_for_text(path: Path, process: subprocess.Popen[bytes]) -> str:
    """Return a file's text as soon as it is there."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        if path.exists() and (text := path.read_text().strip()):
            return text
        time.sleep(0.02)
    raise RuntimeError(f"{path.name} did not appear: the program did not start")


def set_up_hq(folder: Path) -> Path:
    """Make an HQ with a programme and members; return its settings file."""
    folder.mkdir(parents=True)
    config = folder / "hq.toml"
    config.write_text('data_dir = "data"\n[listen]\nport = 0\n')
    command("hq_server", config, "init")
    (folder / "programme.toml").write_text(PROGRAMME)
    rules = str(folder / "programme.toml")
    command("hq_server", config, "programme", "publish", rules, "--retroactive", "--yes", "--by", "bench")
    rows = [f"M{n:05},{card(n)},Kim {n},,2026-01-01,{STORE}," for n in range(MEMBERS)]
    heading = "member_id,lookups,name,phone,joined_on,home_store,birthday"
    (folder / "members.csv").write_text("\n".join([heading, *rows, ""]))
    return config


def set_up_till(folder: Path, hq_config: Path, hq_url: str, extra: str = "") -> Path:
    """Enrol a till with a running HQ; return its settings file."""
    folder.mkdir(parents=True)
    (folder / "in").mkdir()
    config = folder / "edge.toml"
    config.write_text(f'data_dir = "data"\n{extra}[http]\nport = 0\n')
    words = ("terminal", "invite", "--store", STORE, "--preapproved", "--json")
    told = json.loads(command("hq_server", hq_config, *words))
    command("edge_agent", config, "enrol", "--hq", hq_url, "--code", told["code"])
    return config


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0))
