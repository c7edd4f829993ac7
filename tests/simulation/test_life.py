"""Chains that live through anything, each from its seed, come to the oracle's figures."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from functools import lru_cache
from pathlib import Path
from typing import Final

import pytest

from tests.limits import TEST_S, within
from tests.simulation.__main__ import lived, main
from tests.simulation.faults import CLOCKS
from tests.simulation.life import Life
from tests.simulation.road import FATES

SEEDS: Final = range(200)
PART: Final = 10
KEPT: Final = Path(__file__).with_name("seeds.txt")
SOMETIMES: Final = (
    *[f"road: {fate}" for fate in FATES],
    *CLOCKS,
    *("clock right", "clock stepped", "road gone", "road back", "days passed", "a month passed"),
    *("power cut at a till", "power cut at a till that talks", "power cut at headquarters"),
    *("agent killed", "machine off", "answer lost at the till's counter"),
    *("headquarters killed", "headquarters killed between two steps", "headquarters restored"),
    *("key changed", "change of key cut off", "till shut out", "till replaced"),
    *("next server key", "next programme key", "server key dropped", "programme key dropped"),
    *("key kept that is believed", "power cut at headquarters that changes its key"),
    *("key of a copied disk changed", "copied till replaced", "refused: key_retired"),
    *("refused: terminal_replaced", "copies parted while headquarters was set back", "refused: fork"),
    *("stick: file of a till", "stick emptied", "power cut at headquarters that reads a stick"),
    *[f"stick at headquarters: {became}" for became in ("kept", "known", "asked", "repeated")],
    *[f"stick at a till: {became}" for became in ("installed", "known", "left")],
    *("disk set back", "disk cloned", "directive: epoch", "directive: programmes"),
    *("asked: held", "asked: unanswered", "period closed", "till left out of a close", "closed total moved"),
    *("close cut off between buckets", "power cut at headquarters that closes a period"),
    *("period over", "looked at by month"),
)
"""Everything that is to have happened in one life or another."""


@lru_cache(maxsize=len(SEEDS))
def life(seed: int) -> dict[str, int]:
    """Return what happened how often in a life, which is lived once."""
    return lived(seed)


@pytest.mark.parametrize("first", SEEDS[::PART])
def test_chains_come_to_the_oracles_figures(first: int) -> None:
    for seed in range(first, first + PART):
        assert life(seed)


def test_each_fault_has_happened_in_one_life_or_another() -> None:
    seen: Counter[str] = Counter()
    for seed in SEEDS:
        with within(TEST_S):  # each life, lest all together be too long where none has been lived yet
            seen.update(life(seed))
    assert [name for name in SOMETIMES if not seen[name]] == []


def test_lives_that_once_failed_do_so_no_more() -> None:
    for line in KEPT.read_text("ascii").splitlines():
        if not line.startswith("#"):
            lived(*map(int, line.split()))


def test_a_seed_gives_one_life_whatever_the_process(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--seed", "3", "12"])
    here = capsys.readouterr().out
    there = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--seed", "3", "12"],
        env=os.environ | {"PYTHONHASHSEED": "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"},
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    assert here == there
    assert "healing 0" in here


def test_a_life_that_fails_is_told_with_the_command_that_shows_it_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def disagree(self: Life) -> None:
        raise AssertionError("they differ")

    monkeypatch.setattr(Life, "agree", disagree)
    with pytest.raises(AssertionError, match="they differ") as failed:
        lived(7, 3)
    assert failed.value.__notes__ == ["see it again: python -m tests.simulation --seed 7 3"]
