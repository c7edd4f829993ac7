"""The demo, small: it ends with nothing lost and nothing doubled, also when processes are killed."""

from __future__ import annotations

import re
import subprocess
import sys

from demo.processes import ROOT

TOGETHER = re.compile(r"together\s+([\d,]+)\s+([\d,]+)\s+([\d,]+)\s+(\d+)\s+(\d+)\s")


def test_the_demo_ends_with_nothing_lost_and_nothing_doubled() -> None:
    argv = [sys.executable, "-m", "demo", "--exit", "--baskets", "300", "--kill"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = TOGETHER.search(done.stdout)
    assert found is not None, done.stdout
    recorded, synced, applied, lost, doubled = (int(cell.replace(",", "")) for cell in found.groups())
    assert recorded == synced == applied >= 300
    assert (lost, doubled) == (0, 0)
    assert "Everything agrees." in done.stdout
    assert "kill -9" in done.stdout
