"""Tills of wrong clocks, and the desk that decides about them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.made import at
from tests.hq.clock_till import ClockTill
from tests.hq.clocks.placing import MEMBERS, Open
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk


@pytest.fixture
def desk(hq: Hq) -> Desk:
    return Desk(hq)


@pytest.fixture
def opened(hq: Hq, tmp_path: Path) -> Open:
    """Open a till at an hour at which its clock is right, and headquarters' too."""

    def open_at(now: str) -> ClockTill:
        hq.clock.now = int(at(now))
        hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2026-01-01"))
        hq.members(MEMBERS)
        (tmp_path / "till").mkdir()
        return ClockTill(tmp_path / "till", hq, now)

    return open_at
