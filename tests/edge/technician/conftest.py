"""A technician before the pages of a whole agent; PINs cost little to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from loyalty_shell import passwords
from tests.edge.fake_hq import FakeHq
from tests.edge.log_in.gate import Gate, listed
from tests.edge.made import quiet_sync
from tests.edge.technician.bench import Bench, opened


@pytest.fixture(autouse=True)
def cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PINs cost little."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    """Return a till whose HQ is silent since it has said who may log in."""
    gate = Gate(tmp_path, sync=quiet_sync())
    async with opened(gate) as bench:
        gate.hears(listed())
        yield bench
    gate.conn.close()


@pytest.fixture
async def heard(tmp_path: Path, hq: FakeHq) -> AsyncIterator[Bench]:
    """Return a till whose HQ answers."""
    gate = Gate(tmp_path, hq, sync=quiet_sync())
    hq.next_in_ms = quiet_sync().interval_ms
    hq.change_reply = lambda reply: replace(reply, hq_time_ms=gate.clock.wall_ms())
    async with opened(gate) as bench:
        gate.hears(listed())
        yield bench
    gate.conn.close()
