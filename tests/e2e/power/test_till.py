"""The power goes at any write of a scripted day: no answered sale is lost, and the chain holds."""

from __future__ import annotations

import pytest

from loyalty_core.errors import LoyaltyError
from tests.e2e.power.recording import Step
from tests.e2e.power.replay import FATES, Day, Fate
from tests.e2e.power.tills import Broken, after, recorded_day

RECEIPTS = 70
SEED = 20261122
CUTS_MIN = 2000


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    """What a day at a till asked of the disk."""
    return recorded_day(tmp_path_factory.mktemp("day"), RECEIPTS)


def two_of_them(number: int) -> tuple[Fate, ...]:
    """Behind each step any sectors are lost, and by turns one of the other things happens."""
    return "any", FATES[number % len(FATES)]


def all_lost_at_times(number: int) -> tuple[Fate, ...]:
    return () if number % 50 else ("lost",)


def is_sync_of(name: str, step: Step) -> bool:
    return step.kind == "sync" and step.file.endswith(name)


def test_no_answered_sale_is_lost_by_a_cut_at_any_write_and_no_chain_breaks(day: Day) -> None:
    assert sum(is_sync_of("till.db", step) for step in day.steps) > 5, "it is written back while they sell"
    found = after(day.cuts(two_of_them, SEED))
    assert found.missing == []
    assert found.cuts >= CUTS_MIN
    assert found.disks > found.cuts / 4


def test_a_till_that_did_not_wait_for_the_disk_would_be_seen_to_lose_sales(day: Day) -> None:
    found = after(day.cuts(all_lost_at_times, SEED, lambda step: is_sync_of("-wal", step)))
    assert found.missing


def test_a_till_that_did_not_wait_for_what_it_writes_back_would_be_seen_to_break(day: Day) -> None:
    with pytest.raises((Broken, LoyaltyError)):
        after(day.cuts(two_of_them, SEED, lambda step: is_sync_of("till.db", step)))
