"""A headquarters that may lie, and a till linked to it over a real connection."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.edge.fake_hq import FakeHq
from tests.edge.made import config_of
from tests.edge.sync.linked_till import LinkedTill


@pytest.fixture
async def till(tmp_path: Path, hq: FakeHq) -> AsyncIterator[LinkedTill]:
    config = config_of(tmp_path)
    hq.enrol(config)
    linked = LinkedTill(config, hq)
    yield linked
    await linked.close()
