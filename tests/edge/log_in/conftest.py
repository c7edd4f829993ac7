"""A till at which technicians log in; PINs cost little to look at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from loyalty_shell import passwords
from tests.edge.log_in.gate import Gate, listed


@pytest.fixture(autouse=True)
def cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PINs cost little."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)


@pytest.fixture
async def gate(tmp_path: Path) -> AsyncIterator[Gate]:
    """Return a till that has heard who may log in."""
    gate = Gate(tmp_path)
    await gate.start()
    gate.hears(listed())
    yield gate
    gate.stop()
    gate.conn.close()
