"""A headquarters on the first business day after its half-year."""

from __future__ import annotations

import pytest

from tests.hq.closes.half_year import HalfYear
from tests.hq.conftest import Hq


@pytest.fixture
def half(hq: Hq) -> HalfYear:
    return HalfYear(hq)
