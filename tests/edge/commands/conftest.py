"""Technicians at tills."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import pytest

from tests.edge.commands.desk import Desk
from tests.edge.made import enrol_till


@pytest.fixture(autouse=True)
def last_catch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what nobody catches told as before, after `run` was called within the test's own process."""
    for place, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    enrol_till(desk.config)
    return desk
