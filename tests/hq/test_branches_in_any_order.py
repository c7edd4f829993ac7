"""Whatever two machines with one disk's data bring, in whatever order it arrives: one ledger."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import hypothesis.strategies as st
from hypothesis import HealthCheck, given, settings

from loyalty_core.events import Event
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.events import back, purchase, spent, visit, void
from tests.hq.test_audit import run_audit
from tests.hq.test_merging import again
from tests.hq.till import NOW_MS, Till


def stories(chance: random.Random, start: int, count: int) -> list[Event]:
    """Return what one machine sees, of receipts that the other may see too; no two at one instant."""
    found: list[Event] = []
    for place in range(start, start + count):
        at, number = NOW_MS + place * 1000 + chance.randrange(1000), str(chance.randrange(6))
        member = chance.choice(["id:M1", "id:M2"])
        found.append(
            chance.choice(
                [
                    purchase(number, 10_000 + 1_000 * int(number), f"id:M{1 + int(number) % 2}", at=at),
                    purchase(f"own-{place}", 5_000, member, at=at),
                    visit(member, at=at),
                    back(f"r{number}", of=number, net=3_000, at=at),
                    void(number, at=at),
                    spent(2, f"R{number}", member, at=at),
                ]
            )
        )
    return found


def told(till: Till, events: Sequence[Event]) -> Till:
    for event in events:
        till.record(event)
    return till


def ledger(hq: Hq, folder: Path, chance: random.Random, shared: list[Event], *own: list[Event]) -> object:
    """Return what a new headquarters posts when the machines bring all this, by turns that chance decides."""
    fresh = again(hq, folder)
    desk = Desk(fresh)
    fresh.members("member_id\nM1\nM2\n")
    first = told(desk.till(), shared)
    tills = [told(first.copied(), events) for events in own]
    sent = [0 for _ in tills]
    while any(sent[which] < len(till.records) for which, till in enumerate(tills)):
        which = chance.randrange(len(tills))
        till, begin = tills[which], max(0, sent[which] - chance.randrange(3))
        end = min(len(till.records), begin + 1 + chance.randrange(4))
        if begin < end:
            refused = {one.code for one in desk.exchange(till, till.batch(begin + 1, end)).refusals}
            assert refused <= {"journal_behind"}
            sent[which] = max(sent[which], end)
    run_audit(fresh)
    for till in tills:
        till.cursors = []
        desk.exchange(till)
        row = till.members.get("M1")
        assert row is None or row.balance == fresh.balances().get("M1", 0)
    return fresh.sql(
        "SELECT member_id, coalesce(corrects, kind), earned_day, business_day, period_id, rule, "
        "sum(redeemable), sum(qualifying) FROM entries GROUP BY 1, 2, 3, 4, 5, 6 "
        "HAVING sum(redeemable) <> 0 OR sum(qualifying) <> 0 ORDER BY 1, 2, 3, 4, 5, 6"
    )


@settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6))
def test_branches_that_arrive_in_any_order_come_to_the_same_ledger(tmp_path: Path, hq: Hq, seed: int) -> None:
    chance = random.Random(seed)
    shared = stories(chance, 0, chance.randrange(4))
    own = [stories(chance, 10 * (1 + which), 1 + chance.randrange(6)) for which in range(3)]
    first = ledger(hq, tmp_path, random.Random(seed + 1), shared, *own)
    assert ledger(hq, tmp_path, random.Random(seed + 2), shared, *own) == first
