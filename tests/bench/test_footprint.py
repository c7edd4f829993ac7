"""The footprint's parts really run, small, and read what strace, Python and the kernel tell."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import footprint
from bench.code import this_code
from bench.footprint import imports, syscalls
from bench.footprint.proc import cpu_ms, is_traced, memory, wakeups

SUMMARY = """\
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ------------------
 60,12    0.012345          41       300           fdatasync
 39.88    0.000345           1        12         3 futex
------ ----------- ----------- --------- --------- ------------------
100.00    0.012690          40       312         3 total
"""
IMPORTS = """\
import time: self [us] | cumulative | imported package
import time:       100 |        100 |   _io
import time:       250 |        350 | json.decoder
import time:      1500 |       1500 |     aiohttp.web
import time:       500 |       2000 |   aiohttp
{"event": "agent_ready"}
import time:        70 |         70 | edge_agent.app
import time:        30 |         30 | loyalty_core
"""


def test_every_footprint_is_measured(tmp_path: Path) -> None:
    figures = footprint.measure([this_code()], tmp_path / "own", count=120, rounds=1, idle_seconds=0.5)
    told = {one.what: one for one in figures}
    missing = {what for what, one in told.items() if not one.values}
    assert missing <= {
        "edge-agent: spawn to READY",
        "hq-server: spawn to READY",
        syscalls.WHAT,
    }
    assert all(told[what].missing for what in missing)
    for start in ("edge-agent: spawn to answering /healthz", "edge-agent: memory at rest, resident"):
        assert min(told[start].values) > 0
        assert min(told[start].floor) > 0
    assert told["till's disk, an event"].values[0] > 0
    assert told["HQ's disk, an event"].values[0] > 0
    assert told["edge-agent status: its own time"].met is not None


def test_a_summary_of_strace_is_read_with_and_without_errors() -> None:
    assert syscalls.read(SUMMARY) == {"fdatasync": 300, "futex": 12}


def test_import_times_are_summed_by_who_is_to_blame() -> None:
    assert imports.read(IMPORTS) == {imports.STANDARD: 350, "aiohttp": 2000, imports.OWN: 100}


def test_system_calls_are_not_counted_where_strace_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(syscalls.CannotTraceError, match="not installed"):
        syscalls.counted(tmp_path, os.getpid(), lambda: None)


def test_the_kernel_tells_of_this_process() -> None:
    held = memory(os.getpid())
    assert held.resident >= held.proportional > 1
    before = cpu_ms(os.getpid())
    sum(range(1_000_000))
    assert cpu_ms(os.getpid()) > before
    assert wakeups(os.getpid()) > 0
    assert not is_traced(os.getpid())
