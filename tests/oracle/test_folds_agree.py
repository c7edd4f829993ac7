"""The folds of `loyalty_core` and the oracle give the same figures of every world, however facts arrive."""

from __future__ import annotations

import random
from dataclasses import replace

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from tests.oracle import folded
from tests.oracle.reading import figures
from tests.oracle.world import World
from tests.oracle.worlds import worlds

WORLDS = given(worlds(), st.randoms(use_true_random=False))


def agree(world: World, chance: random.Random) -> None:
    """Compare every figure of a world whose facts arrive as chance has it."""
    facts = [*world.facts, *world.facts[:2]]
    chance.shuffle(facts)
    receipts = folded.receipts(world, facts)
    wholes = folded.accounts(world, receipts)
    read = figures(world).accounts
    entries = {member: folded.as_read(whole.entries) for member, whole in wholes.items()}
    assert entries == {member: account.entries for member, account in read.items()}
    for member, account in read.items():
        lots = wholes[member].lots
        assert {lot.period_id: lot.points for lot in lots.lots} == account.lots
        assert sum(lot.points for lot in lots.lots) - lots.debt == account.balance
    # Conflicts are found before members are merged.
    conflicts = {(one.kind, one.event) for receipt in receipts for one in receipt.conflicts}
    assert conflicts == figures(replace(world, merges=())).conflicts


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@WORLDS
def test_the_folds_and_the_oracle_agree_on_every_figure(world: World, chance: random.Random) -> None:
    agree(world, chance)
