"""What a reader must know of the machine and the programs' foundations to compare two runs."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path
from typing import Final

from bench.databases import SQLITE_VERSION

PACKAGES: Final = ("aiohttp", "cryptography", "msgpack", "msgspec")


def machine(folder: Path) -> dict[str, str]:
    """Return what the machine is, and on which file system `folder` is."""
    return {
        "cores": str(len(os.sched_getaffinity(0))),
        "processor": _field(Path("/proc/cpuinfo"), "model name"),
        "memory": _gib(_field(Path("/proc/meminfo"), "MemTotal")),
        "kernel": platform.release(),
        "file system": _file_system(folder),
    }


def versions() -> dict[str, str]:
    """Return which Python, SQLite and packages both programs ran with."""
    return {
        "Python": platform.python_version(),
        "SQLite": SQLITE_VERSION,
        **{name: version(name) for name in PACKAGES},
    }


def _field(path: Path, name: str) -> str:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _gib(told: str) -> str:
    return f"{int(told.split(maxsplit=1)[0]) / 2**20:.1f} GiB" if told != "unknown" else told


def _file_system(folder: Path) -> str:
    done = subprocess.run(
        ["stat", "--file-system", "--format=%T", str(folder)], capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
