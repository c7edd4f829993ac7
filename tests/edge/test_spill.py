"""Rows put together on the disk, however many there are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.store.spill import Spill

MANY = """
import resource, sys
from edge_agent.store.database import StoreError
from edge_agent.store.spill import Spill

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024

spill, before = Spill(), peak()
for line in range(60_000):
    spill.add(f"{line % 30_000}", line, ["x" * 1000])
groups = sum(len(group.blocks) == 2 for group in spill.groups())
print(groups, peak() - before < 40, sep=",")
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
spill = Spill()
try:
    for line in range(60_000):
        spill.add(f"{line}", line, ["x" * 1000])
except StoreError as error:
    print(error.code)
"""


def test_many_rows_take_no_memory_and_no_room_is_told() -> None:
    done = subprocess.run([sys.executable, "-c", MANY], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["30000,True", "disk_full"]


def test_nothing_of_it_is_left_however_the_process_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []
    unlink = Path.unlink

    def seen(path: Path) -> None:
        made.append(path)
        unlink(path)

    monkeypatch.setattr(Path, "unlink", seen)
    spill = Spill()
    spill.add("a", 1, ["x"])
    assert [path.exists() for path in made] == [False]
    assert list(spill.groups()) == [([[(1, ["x"])]], 0)]
    spill.close()
