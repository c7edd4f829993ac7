"""How a span of time is told: by its largest unit, and no finer than an open page need be sent again for."""

from __future__ import annotations

from datetime import UTC
from pathlib import Path

import pytest

from edge_agent.pages import rooms
from edge_agent.pages.words import Words
from loyalty_shell.pages.catalogues import translations

LOCALE = Path(rooms.__file__).parent / "locale"


@pytest.mark.parametrize(
    ("ms", "english", "korean"),
    [
        (-5, "a few seconds", "몇 초"),
        (9_999, "a few seconds", "몇 초"),
        (10_000, "10 s", "10초"),
        (59_999, "50 s", "50초"),
        (60_000, "1 min", "1분"),
        (3_599_999, "59 min", "59분"),
        (3_600_000, "1 h", "1시간"),
        (11_100_000, "3 h 5 min", "3시간 5분"),
        (86_400_000, "1 day", "1일"),
        (172_800_000, "2 days", "2일"),
    ],
)
def test_an_age_is_told_by_its_largest_unit(ms: int, english: str, korean: str) -> None:
    told = [
        Words(language, translations(language, [LOCALE]), lambda: UTC).age(ms) for language in ("en", "ko")
    ]
    assert told == [english, korean]
