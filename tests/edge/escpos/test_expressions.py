"""Expressions that may take a line for ever are known, and no ready profile has one."""

from __future__ import annotations

import pytest

from edge_agent.pos_adapter.escpos.expressions import is_endless
from edge_agent.pos_adapter.escpos.profile import READY, profile


@pytest.mark.parametrize(
    "expression",
    [
        r"(a+)+$",
        r"(\d+,?)*x",
        r"(?:a|a)*b",
        r"(?P<value>\w+\s?)+:",
        r"((a*)b)*",
        r"(a?){30}",
        r"(?:a{1,3}){5,}",
        r"([)]+)+",
        r"(\)+)*",
        r"(?:(?:a|b)c)*?",
        r"(?=(a+))*",
        r"a.*b.*c.*d.*e",
        r"\S+ [^:]+ .{2,} \D*:",
    ],
)
def test_what_can_part_a_line_in_very_many_ways_is_endless(expression: str) -> None:
    assert is_endless(expression)


@pytest.mark.parametrize(
    "expression",
    [
        r"\d{1,3}(?:,\d{3})*(?:\.\d{2})?$",
        r"[(+]+\d*",
        r"(a+)?",
        r"\(a+\)*",
        r"(?:(a)|b)?c+",
        r"[]a)+]*",
        r"(ab){3}",
        r"(a+){1}",
        r"(?i)(?!a+)a+",
        r"a.*b.*c.*d.{0,20}e.?",
        r"\w+\s+\w+\s+\d+\s+\w+\s*\.*",
    ],
)
def test_what_repeats_one_kind_of_thing_is_not(expression: str) -> None:
    assert not is_endless(expression)


@pytest.mark.parametrize("name", READY)
@pytest.mark.parametrize("letters", [" ", "1", "1 ", ". "])
@pytest.mark.parametrize(
    "begin",
    [
        *("합계", "현금", "신용카드", "부가세", "원거래", "회원", "출력 2026-11-21", "거스름돈", "매출건수"),
        *("TOTAL", "VISA", "CHANGE", "Original", "Loyalty", "total item", "Net sales"),
    ],
)
def test_a_ready_profile_gives_a_line_up_that_only_begins_well(begin: str, letters: str, name: str) -> None:
    # With some runs of spaces beside one another in a pattern this takes minutes.
    line = begin + letters * (800 // len(letters)) + "!"
    chosen = profile(name)
    for patterns in (*chosen.patterns.values(), *chosen.tenders.values()):
        assert not any(len(pattern.findall(line)) > len(line) for pattern in patterns)
