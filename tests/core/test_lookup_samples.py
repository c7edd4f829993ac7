"""Cards and phones as they are written, where a list of them lies beside the project."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import pytest

from loyalty_core.lookups import candidates
from tests.house_sources import ROOT

SAMPLES = ROOT.parent / "shared" / "data" / "member_ids.tsv"


def samples() -> Iterator[tuple[str, str, str, str]]:
    """Yield each spelling, of which form it is, what is expected of it, and why."""
    if SAMPLES.is_file():
        with SAMPLES.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file, delimiter="\t"):
                yield row["value"], row["form"], row["expected"], row["note"] or ""


@pytest.mark.skipif(not SAMPLES.is_file(), reason="the list beside the project is not here")
def test_every_spelling_of_the_list_is_what_it_is_said_to_be() -> None:
    found = list(samples())
    assert len(found) > 20
    for value, form, expected, note in found:
        forms = candidates(value)
        phones = [one for one in forms if one.startswith("phone:")]
        if "masked" in form or "wrong check digit" in note:
            assert forms == (), value
        elif expected == "invalid as phone":
            assert not phones, value
            assert forms, value
        elif form == "phone KR":
            assert phones, value
            if "+821012345678" in note:
                assert phones == ["phone:+821012345678"]
        else:
            assert f"card:{value.lstrip('0') if expected == 'ambiguous' else value}" in forms, value
