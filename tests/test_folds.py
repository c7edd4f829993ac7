"""Every branch of the folds is run by tests/core alone; this file comes after it."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from tests.conftest import WATCH
from tests.folds import unrun, watch

HALVED = """\
def halved(number):
    if number % 2:
        number -= 1
    return number // 2
"""
UNUSED = """\
def unused():
    return 1
"""


def test_every_branch_of_the_folds_is_run_by_the_tests_of_core(pytestconfig: pytest.Config) -> None:
    watched = pytestconfig.stash.get(WATCH, None)
    if watched is None:
        pytest.skip("only a run of all tests can tell")
    left_out = list(unrun(watched))
    if left_out:
        pytest.fail("\n".join(["tests/core leaves branches unrun:", *left_out]), pytrace=False)


def test_what_was_not_run_is_named_with_its_lines(tmp_path: Path) -> None:
    half, whole, never = (tmp_path / f"{name}.py" for name in ("half", "whole", "never"))
    half.write_text(f"{HALVED}halved(3)\n{UNUSED}")
    whole.write_text(f"{HALVED}halved(3)\nhalved(4)\n")
    never.write_text("number = 1\n")
    watched = watch([half, whole, never])
    for path in (half, whole):
        runpy.run_path(str(path))
    watched.stop()
    assert list(unrun(watched, [half, whole, never])) == [
        "half.py: never run: 7; not all ways: 2",
        "never.py: never run: 1",
    ]
