"""Tills on which points are spent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.config import EdgeConfig, Redemptions
from tests.edge.conftest import tills_below
from tests.edge.made import config_of, enrol_till, quiet_sync
from tests.edge.redemptions.redeeming_counter import LONG_MS
from tests.edge.redemptions.redeeming_till import RedeemingTill

MakeTill = Callable[..., RedeemingTill]


@pytest.fixture
def make_till(tmp_path: Path) -> Iterator[MakeTill]:
    """Return what makes a till that knows a member with 5,000 points; each is closed at the end."""
    yield from tills_below(tmp_path, RedeemingTill)


@pytest.fixture
def till(make_till: MakeTill) -> RedeemingTill:
    """Return a till that knows a member with 5,000 points."""
    return make_till()


@pytest.fixture
def alone(tmp_path: Path) -> EdgeConfig:
    """Return the settings of a till whose headquarters is not there."""
    config = config_of(tmp_path, sync=quiet_sync(), redemptions=Redemptions(ask_ms=LONG_MS))
    enrol_till(config)
    return config
