"""Two members who are one person: whatever comes first, the account is the same; undone, it never was."""

from __future__ import annotations

import random
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hq_server.merging import MERGED_MAX
from hq_server.setup import found_house
from hq_server.store.connection import writing
from hq_server.store.database import create
from loyalty_core.events import Event
from tests.hq.accounts import MEMBERS, net
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, claim, purchase, spent, visit, void
from tests.hq.test_audit import run_audit
from tests.hq.test_decisions import refused
from tests.hq.till import NOW_MS


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS + "M3,,,,,\nM4,,,,,\n")
    return Desk(hq)


def test_everything_of_the_one_counts_as_the_others(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, visit("id:M1"), purchase("1", 5_000, "id:M2"), visit("id:M2", number="9"))
    assert hq.balances() == {"M1": 10, "M2": 15}
    desk.merge("M2", "M1")
    # One visit a day counts, whoever of the two was there.
    assert hq.balances() == {"M1": 15, "M2": 0}
    run_audit(hq)


def test_what_comes_after_the_merge_lands_right_by_either_name(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.merge("M2", "M1")
    desk.send(till, purchase("1", 5_000, "id:M2"), purchase("2", 3_000, "card:2000123456782"))
    desk.send(till, void("1", at=NOW_MS + 1))
    assert hq.balances() == {"M1": 3}
    run_audit(hq)


def test_undone_it_is_as_if_it_had_never_been(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, visit("id:M1"), visit("id:M2", number="9"))
    before = net(hq, "M1"), net(hq, "M2")
    desk.merge("M2", "M1")
    desk.unmerge("M2")
    assert (net(hq, "M1"), net(hq, "M2")) == before
    desk.merge("M1", "M2")
    assert hq.balances() == {"M1": 0, "M2": 10}
    run_audit(hq)


def test_two_names_of_one_receipt_are_no_dispute_while_they_are_one_member(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, purchase("1", 5_000, "id:M1"), purchase("1", 5_000, "id:M2"), claim("1", "id:M2"))
    disputed = ["claim_lost", "member_differs"]
    assert open_kinds(hq) == disputed
    desk.merge("M3", "M4")
    assert open_kinds(hq) == disputed
    desk.merge("M2", "M1")
    assert open_kinds(hq) == []
    desk.send(till, purchase("2", 5_000, "id:M2"), claim("2", "id:M1"))
    assert open_kinds(hq) == []
    desk.unmerge("M2")
    assert open_kinds(hq) == ["claim_lost", "claim_lost", "member_differs"]
    desk.merge("M2", "M3")
    desk.merge("M1", "M4")
    assert open_kinds(hq) == []


def test_a_late_claim_is_no_dispute_while_the_purchase_is_that_members_by_another_name(
    hq: Hq, desk: Desk
) -> None:
    names = ["card:2000123456782", "id:M2", "id:M1"]
    claims = [claim(member=name, at=NOW_MS + n, of_day=DAY - 20) for n, name in enumerate(names)]
    _, card, other, slow = desk.send(desk.till(), purchase(member=None, day=DAY - 20), *claims)
    late = [("claim_late", str(event)) for event in (card, other, slow)]
    assert hq.exceptions() == late
    desk.place(slow, DAY - 10)
    assert hq.exceptions() == [late[1]]
    desk.merge("M2", "M1")
    assert hq.exceptions() == []
    desk.unmerge("M2")
    assert hq.exceptions() == [late[1]]
    desk.place(slow, DAY)
    assert hq.exceptions() == late


def open_kinds(hq: Hq) -> list[str]:
    return [kind for kind, _ in hq.exceptions()]


def test_a_chain_of_merges_ends_at_its_head_and_is_cut_where_it_is_undone(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, *[purchase(str(n), n * 1_000, f"id:M{n}") for n in (1, 2, 3, 4)])
    desk.merge("M3", "M2")
    desk.merge("M2", "M1")
    desk.merge("M4", "M3")
    assert hq.balances() == {"M1": 10, "M2": 0, "M3": 0, "M4": 0}
    run_audit(hq)
    desk.send(till, purchase("9", 5_000, "id:M4"))
    desk.unmerge("M2")
    assert hq.balances() == {"M1": 1, "M2": 14, "M3": 0, "M4": 0}
    run_audit(hq)


def test_a_merge_that_cannot_be_is_refused(desk: Desk) -> None:
    desk.merge("M2", "M1")
    for one, other, code in (
        ("M1", "M1", "merge_self"),
        ("M2", "M3", "already_merged"),
        ("M1", "M2", "merge_circular"),
        ("M9", "M1", "member_not_found"),
    ):
        with refused(code):
            desk.merge(one, other)
    desk.merge("M3", "M2")
    with refused("merge_circular"):
        desk.merge("M1", "M3")
    with refused("not_merged"):
        desk.unmerge("M1")
    desk.erase("M4")
    with refused("member_erased"):
        desk.merge("M4", "M1")
    with refused("member_erased"):
        desk.merge("M1", "M4")


def test_so_many_count_as_one_and_no_more(hq: Hq, desk: Desk) -> None:
    hq.members("member_id\n" + "".join(f"N{n}\n" for n in range(MERGED_MAX)))
    for number in range(MERGED_MAX - 1):
        desk.merge(f"N{number}", "M1")
    with refused("merge_too_many"):
        desk.merge(f"N{MERGED_MAX - 1}", "M1")


def test_every_till_that_knew_either_is_told(hq: Hq, desk: Desk) -> None:
    here, there = desk.till("S012"), desk.till("S099")
    desk.send(there, purchase("1", 5_000, "id:M3", store="S099"))
    desk.send(here, purchase("1", 4_000, "id:M1"))
    assert "M1" not in there.members
    desk.merge("M3", "M1")
    for till in (here, there):
        desk.send(till)
        assert not till.members["M1"].gone
        assert (till.members["M1"].also, till.members["M1"].balance) == (("M3",), 9)
    assert there.members["M3"].gone
    assert there.members["M1"].stamp is not None
    # A store that has heard of the member only while merged hears of both when it is undone.
    desk.send(here, purchase("2", 2_000, "id:M3"))
    desk.unmerge("M3")
    for till in (here, there):
        desk.send(till)
        assert [till.members[name].balance for name in ("M1", "M3")] == [4, 7]
        assert (till.members["M1"].also, till.members["M3"].gone) == ((), False)


def test_a_member_without_a_point_is_forgotten_by_tills_too(desk: Desk) -> None:
    till = desk.till()
    desk.send(till)
    gone = [till.members["M2"].gone]
    desk.merge("M2", "M1")
    desk.send(till)
    gone.append(till.members["M2"].gone)
    desk.unmerge("M2")
    desk.send(till)
    gone.append(till.members["M2"].gone)
    assert gone == [False, True, False]


def test_the_stamp_of_who_stands_for_both_covers_what_is_posted_of_either(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, purchase("1", 4_000, "id:M1"), purchase("2", 4_000, "id:M2"))
    desk.merge("M2", "M1")
    desk.send(till)
    stamp = till.members["M1"].stamp
    assert stamp is not None
    assert stamp.seq == 2


RULES = PROGRAMME.replace(
    "[[tier]]",
    '[[bonus]]\nid = "second"\npoints = 7\nper = "period"\nnth = 2\non = "purchase"\n'
    '[[bonus]]\nid = "welcome"\npoints = 5\nfirst = true\non = "purchase"\n'
    '[[cap]]\nid = "most"\npoints = 60\nper = "period"\n[[tier]]',
    1,
)


def stories(chance: random.Random) -> list[Event]:
    """Return events of three members, some of which undo, claim or spend others."""
    names = ("id:M1", "id:M2", "id:M3")
    events: list[Event] = []
    for number in range(1, 8):
        day = DAY - chance.randrange(3)
        at = NOW_MS + number - 86_400_000 * (DAY - day)
        member = chance.choice((*names, None))
        events.append(purchase(str(number), chance.randrange(1, 30) * 1_000, member, at=at, day=day))
        match chance.randrange(4):
            case 0:
                events.append(back(f"r{number}", of=str(number), at=at + 50, of_day=day))
            case 1 if member is None:
                events.append(claim(str(number), chance.choice(names), at=at + 60, of_day=day))
            case 2:
                events.append(spent(chance.randrange(1, 9), f"R{number}", chance.choice(names), at=at + 70))
    events += [visit(name, at=NOW_MS + 90 + place) for place, name in enumerate(names)]
    return events


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10**6), standing=st.booleans())
def test_merges_and_events_in_any_order_come_to_the_same(
    tmp_path: Path, hq: Hq, seed: int, *, standing: bool
) -> None:
    chance = random.Random(seed)
    events = stories(chance)
    merges: list[tuple[str, ...]] = [("merge", "M2", "M1"), ("merge", "M3", "M2")]
    if not standing:
        merges += [("unmerge", "M3"), ("unmerge", "M2")]
    plain = _account(hq, tmp_path, [*events, *(merges if standing else ())])
    places = sorted(chance.randrange(len(events) + 1) for _ in merges)
    shuffled: list[object] = chance.sample(events, len(events))
    for place, decided in reversed(list(zip(places, merges, strict=True))):
        shuffled.insert(place, decided)
    assert _account(hq, tmp_path, shuffled) == plain


def _account(hq: Hq, folder: Path, steps: list[object]) -> dict[str, object]:
    """Return what a new headquarters posts for three members when all this arrives in this order."""
    fresh = again(hq, folder)
    desk = Desk(fresh)
    fresh.members("member_id\nM1\nM2\nM3\n")
    tills = [desk.till(), desk.till()]
    for step in steps:
        hq.clock.now += 1
        match step:
            case ("merge", str(member), str(into)):
                desk.merge(member, into)
            case ("unmerge", str(member)):
                desk.unmerge(member)
            case Event():
                desk.send(tills[step.occurred_at_ms % 2], step)
    run_audit(fresh)
    return {name: _net_by_kind(fresh, name) for name in ("M1", "M2", "M3")}


def _net_by_kind(hq: Hq, member: str) -> list[tuple[object, ...]]:
    """Return the net points by what moved them.

    Seqs are left out, and the day of what has no event: what corrects it may lie on another day.
    """
    return hq.sql(
        "SELECT coalesce(corrects, kind), earned_day, CASE terminal_id WHEN '' THEN 0 ELSE business_day END,"  # noqa: S608
        f" period_id, rule, sum(redeemable), sum(qualifying) FROM entries WHERE member_id = '{member}' "
        "GROUP BY 1, 2, 3, 4, 5 HAVING sum(redeemable) <> 0 OR sum(qualifying) <> 0 ORDER BY 1, 2, 3, 4, 5"
    )


def again(hq: Hq, folder: Path) -> Hq:
    """Return a new, empty headquarters with the rules of this module."""
    path = folder / f"hq-{len(list(folder.glob('hq-*.db')))}.db"
    config = msgspec.structs.replace(hq.config, database=str(path))
    connection = create(path)
    with writing(connection) as tx:
        found_house(tx, random=b"12345678", now_ms=hq.clock())
    connection.close()
    made = Hq(config, hq.config_path, hq.key, hq.token, hq.clock)
    made.publish(RULES)
    return made


def test_a_merge_after_a_close_keeps_what_was_closed_and_is_undone_as_well(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, visit("id:M1"), visit("id:M2", number="9"), purchase("1", 5_000, "id:M2"))
    for bucket, number in hq.sql("SELECT bucket, change_no FROM buckets"):
        hq.sql(
            "INSERT INTO bucket_closes (bucket, period_id, entry_no)"  # noqa: S608
            f" VALUES ({bucket}, '2026-H2', {number})"
        )
    before = net(hq, "M1"), net(hq, "M2")
    desk.merge("M2", "M1")
    run_audit(hq)
    desk.send(till, purchase("2", 4_000, "id:M2"), void("1", at=NOW_MS + 9))
    run_audit(hq)
    desk.unmerge("M2")
    run_audit(hq)
    assert net(hq, "M1") == before[0]
    assert net(hq, "M2") != before[1]
