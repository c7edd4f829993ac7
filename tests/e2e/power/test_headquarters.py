"""The power goes at any write of headquarters' day: what it acknowledged is there, and the ledger follows."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.power.headquarters import after, recorded_day
from tests.e2e.power.replay import FATES, Fate

ROUNDS = 8
SEED = 20261122
CUTS_MIN = 300


def one_of_them(number: int) -> tuple[Fate, ...]:
    """Behind every third step, by turns."""
    return () if number % 3 else (FATES[number // 3 % len(FATES)],)


def all_lost_at_times(number: int) -> tuple[Fate, ...]:
    return () if number % 50 else ("lost",)


def test_nothing_that_was_acknowledged_is_lost_by_a_cut_at_any_write_and_the_ledger_follows(
    tmp_path: Path,
) -> None:
    day, public_key = recorded_day(tmp_path, ROUNDS)
    assert sum(step.kind == "sync" and step.file.endswith("hq.db") for step in day.steps) > 3, "written back"
    found = after(day.cuts(one_of_them, SEED), public_key)
    assert found.missing == []
    assert found.cuts >= CUTS_MIN
    unsynced = day.cuts(
        all_lost_at_times,
        SEED,
        lambda step: step.kind == "sync" and step.file.endswith("-wal"),
    )
    assert after(unsynced, public_key).missing, "without waiting for the disk it would be seen to lose"
