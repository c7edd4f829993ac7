"""What becomes part of a sentence of what a decoder says."""

from __future__ import annotations

import pytest

from loyalty_core.errors import SAID_MAX, said


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Expected `int`, got `str`", "Expected `int`, got `str`"),
        ("x" * SAID_MAX, "x" * SAID_MAX),
        ("a" + "x" * SAID_MAX, f"a{'x' * 99}...{'x' * 100}"),
        ("two\nlines\x00", "two?lines?"),
    ],
)
def test_it_is_one_line_and_as_long_as_a_person_reads(text: str, part: str) -> None:
    assert said(ValueError(text)) == part
