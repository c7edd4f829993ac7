"""Tills without a line, and a stick."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge_agent.config import Sync
from tests.edge.made import NOW, at
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick
from tests.hq.usb.carrying import MEMBERS, MakeTill


@pytest.fixture
def make_till(hq: Hq, tmp_path: Path) -> MakeTill:
    """Make tills that have joined; each request of theirs carries a few records."""
    hq.clock.now = at(NOW)
    hq.members(MEMBERS)
    made: list[RealTill] = []

    def make(store_id: str = "S012") -> RealTill:
        folder = tmp_path / f"till{len(made)}"
        folder.mkdir()
        till = RealTill(folder, hq, store_id)
        till.config = msgspec.structs.replace(till.config, sync=Sync(batch_records=5, batches=2))
        made.append(till)
        return till

    return make


@pytest.fixture
def till(make_till: MakeTill) -> RealTill:
    return make_till()


@pytest.fixture
def stick(tmp_path: Path) -> Stick:
    return Stick(tmp_path / "stick")
