"""How long to wait after failures."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sync.backoff import delay_ms


@pytest.mark.parametrize(
    ("failures", "most"), [(1, 1000), (2, 2000), (3, 4000), (9, 256_000), (10, 300_000), (10_000, 300_000)]
)
def test_the_longest_wait_doubles_up_to_the_cap(failures: int, most: int) -> None:
    assert delay_ms(failures, 1000, 300_000, 0.0) == 0
    assert delay_ms(failures, 1000, 300_000, 0.5) == most // 2
    assert most - 2 <= delay_ms(failures, 1000, 300_000, 0.999999) < most


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_tills_that_lost_headquarters_together_spread_over_the_whole_wait(
    failures: int, chance: float
) -> None:
    assert 0 <= delay_ms(failures, 1000, 300_000, chance) < 300_000


@given(st.integers(1, 10**6), st.integers(0, 3_600_000), st.floats(0, 1, exclude_max=True))
def test_those_that_headquarters_sent_away_together_come_back_after_that_and_apart(
    failures: int, after_ms: int, chance: float
) -> None:
    waits = delay_ms(failures, 1000, 300_000, chance, after_ms)
    assert waits == after_ms + delay_ms(failures, 1000, 300_000, chance)
