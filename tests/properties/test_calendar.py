"""Business days and periods, on any instant and any day."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import hypothesis.strategies as st
from hypothesis import given

from loyalty_core.calendar import Place, business_day, date_of, period_after, period_of
from loyalty_core.events import AT_MAX, AT_MIN
from loyalty_core.units import Day, EpochMs, Minute
from tests.core.made import BERLIN, NEW_YORK, SEOUL


@given(
    st.integers(AT_MIN, AT_MAX),
    st.sampled_from([SEOUL, NEW_YORK, BERLIN]),
    st.integers(0, 1439),
)
def test_a_business_day_is_the_wall_date_or_the_day_before(at_ms: int, zone: ZoneInfo, starts: int) -> None:
    wall = datetime.fromtimestamp(at_ms // 1000, zone)
    expected = wall.date() - timedelta(days=wall.hour * 60 + wall.minute < starts)
    assert date_of(business_day(EpochMs(at_ms), Place(zone, Minute(starts)))) == expected


@given(st.integers(10_957, 47_482).map(Day), st.sampled_from([1, 3, 6, 12]))
def test_every_day_lies_in_exactly_one_period(on: Day, months: int) -> None:
    period = period_of(on, months)
    assert period.first <= on <= period.last
    assert period_of(period.first, months) == period_of(period.last, months) == period
    assert period_after(period, months).first == period.last + 1
