"""Programme files for tests: a small one in parts, and what reading it says."""

from __future__ import annotations

import pytest

from loyalty_core.errors import ProgrammeErrors
from loyalty_core.programme import Programme
from loyalty_core.programme_toml import read_programme

HEAD = """\
schema = 1
programme = "shop"
version = 1
effective_from = 2026-07-01
currency = "KRW"
timezone = "Asia/Seoul"
business_day_starts = "05:00"
"""
LADDER = """
[[tier]]
code = "BRONZE"
from = 0
[[tier]]
code = "GOLD"
from = 300
"""


def programme(rules: str = "", head: str = HEAD, ladder: str = LADDER) -> Programme:
    return read_programme(head + rules + ladder, "shop.toml")


def mistakes(rules: str = "", head: str = HEAD, ladder: str = LADDER) -> tuple[str, ...]:
    with pytest.raises(ProgrammeErrors) as caught:
        programme(rules, head, ladder)
    return caught.value.mistakes


def mistake(rules: str = "", head: str = HEAD, ladder: str = LADDER) -> str:
    """Return the only mistake, without the name of the file and the line."""
    (sentence,) = mistakes(rules, head, ladder)
    return sentence.split(": ", 1)[1]


def earn(keys: str) -> str:
    return f'[[earn]]\nid = "e"\npoints = 1\n{keys}\n'


def weight(keys: str) -> str:
    return f'[[weight]]\nid = "w"\ntimes = "2"\n{keys}\n'


def bonus(keys: str) -> str:
    return f'[[bonus]]\nid = "b"\npoints = 5\n{keys}\n'


def reward(keys: str) -> str:
    return f'[[reward]]\nid = "r"\npoints = 300\n{keys}\n'


def cap(keys: str) -> str:
    return f'[[cap]]\nid = "c"\npoints = 5\n{keys}\n'
