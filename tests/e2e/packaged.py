"""Both Debian packages for a test: built, and used on a machine by the commands of the documentation."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.e2e.debian_machine import Machine
from tests.house_sources import ROOT

OLD = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
NEW = "99.0.0"
STORE, CARD = "S012", "2000123456782"
EPOCH = "1790000000"
SOURCES = ("loyalty_core", "loyalty_shell", "edge_agent", "hq_server", "deb", "systemd")
SOURCE_FILES = ("pyproject.toml", "constraints.txt", "CHANGELOG.md", "README.md")


@dataclass(frozen=True, slots=True)
class Packages:
    """Both packages of this checkout, and of a later release."""

    edge: Path
    hq: Path
    newer_edge: Path
    newer_hq: Path


def build(checkout: Path, out: Path, **changed: Any) -> tuple[Path, Path]:
    """Build both packages of a checkout as `make deb` does; return the till's and headquarters'."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": EPOCH, "PYTHONPATH": str(checkout)}
    words = [sys.executable, "-m", "deb", "--out", str(out)]
    done = subprocess.run(
        words, cwd=checkout, env=environment, capture_output=True, text=True, check=False, **changed
    )
    assert done.returncode == 0, done.stderr
    edge, hq = done.stdout.split()
    return Path(edge), Path(hq)


def copy_of_checkout(folder: Path) -> Path:
    """Return a checkout with the same sources in another place."""
    for name in SOURCES:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in SOURCE_FILES:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "build/wheels", folder / "build/wheels")
    return folder


def say(machine: Machine, text: str, also: dict[str, str] | None = None) -> str:
    """Run commands of the documentation with the names of this test in the place of its examples."""
    names = {
        "_0.2.0_amd64": f"_{NEW}_{architecture()}",
        "_0.1.0_amd64": f"_{OLD}_{architecture()}",
        "https://hq.example": "http://127.0.0.1:8470",
        "moonlight.toml": "moonlight.toml --retroactive --by admin --yes",
        **(also or {}),
    }
    for example, name in names.items():
        text = text.replace(example, name)
    return machine.run(f"cd /srv\nset -x\n{text}")


def architecture() -> str:
    return subprocess.run(
        ["dpkg", "--print-architecture"], capture_output=True, text=True, check=True
    ).stdout.strip()


def told(machine: Machine, command: str) -> Any:
    """Return what a command says with --json."""
    return json.loads(machine.run(f"{command} --json"))


def sell(machine: Machine, number: str) -> None:
    """Sell something to the member, and return once headquarters has it."""
    now = datetime.now(UTC).replace(microsecond=0)
    receipt = {
        "kind": "purchase",
        "receipt": {"store": STORE, "till": "T01", "number": number},
        "member": CARD,
        "currency": "KRW",
        "occurred_at": now.isoformat(),
        "net_minor": 10_000,
    }
    machine.write(f"/tmp/{number}.jsonl", json.dumps(receipt).encode() + b"\n")
    machine.run(f"edge-agent take /tmp/{number}.jsonl")
    machine.until("edge-agent status --json | grep -q '\"queue\": 0,'")


def receipts_at_hq(machine: Machine) -> int:
    """Return how many purchases of the member the ledger has, which headquarters checks."""
    machine.run("hq-server audit")
    return len(told(machine, "hq-server member show M1 --explain")["history"])


def pid(machine: Machine, unit: str) -> str:
    """Return the pid of a service, seen from inside; 0 where it does not run."""
    return machine.run(f"systemctl show --property MainPID --value {unit}").strip()


def running(machine: Machine) -> str:
    """Return the release of the till's agent, and make sure that the service runs just that."""
    command = f"tr '\\0' '\\n' </proc/{pid(machine, 'dangol-edge')}/cmdline | head -n 1"
    environment = machine.run("readlink --canonicalize /usr/lib/dangol-edge/venv").strip()
    assert machine.run(command).strip() == f"{environment}/bin/python"
    return machine.run("edge-agent --version").split()[-1]


def change(machine: Machine, database: str, statement: str) -> None:
    """Change a database as its owner."""
    code = f"import sqlite3\nwith sqlite3.connect({database!r}) as conn:\n    conn.execute({statement!r})\n"
    machine.write("/tmp/change.py", code.encode())
    owner = f"$(stat --format %U {database})"
    machine.run(f"setpriv --reuid={owner} --regid={owner} --clear-groups python3 /tmp/change.py")
