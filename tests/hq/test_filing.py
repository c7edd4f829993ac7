"""Decisions about receipts: claims at headquarters, returns that are matched, events that are placed."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import permutations
from typing import Any

import pytest

from hq_server.evidence import event_named, recorded
from loyalty_core.events import (
    Booted,
    ClockStepped,
    CouponUsed,
    Event,
    EventId,
    MemberPresented,
    PurchaseRecorded,
)
from loyalty_core.units import Seq
from tests.hq.accounts import MEMBERS, entries, net
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, claim, purchase, spent, visit, visit_void, void
from tests.hq.test_audit import run_audit
from tests.hq.test_decisions import refused
from tests.hq.till import NOW_MS

ONE = "S012/T01/2026-11-21/1"
DAY_MS = 86_400_000


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS)
    return Desk(hq)


def test_an_anonymous_purchase_is_claimed_at_headquarters(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, purchase(member=None))
    desk.claim(ONE, "M1")
    assert entries(hq) == [("earn", 12, 12)]
    desk.send(till, back())
    assert hq.balances() == {"M1": 9}
    assert hq.exceptions() == []
    run_audit(hq)


@pytest.mark.parametrize(
    ("receipt", "member", "code"),
    [
        ("S012/T01/2026-11-21/77", "M1", "receipt_not_found"),
        ("S012/T01/2026-11-21/2", "M2", "receipt_owned"),
        ("S012/T01/2026-11-21/2", "M1", "claim_own"),
        ("S012/T01/2026-11-06/3", "M1", "claim_late"),
        ("S012/T01/2026-11-21", "M1", "receipt_malformed"),
        ("S012/T01/yesterday/1", "M1", "receipt_malformed"),
        ("S 12/T01/2026-11-21/1", "M1", "receipt_malformed"),
    ],
)
def test_a_claim_that_cannot_be_is_refused_and_leaves_nothing(
    hq: Hq, desk: Desk, receipt: str, member: str, code: str
) -> None:
    old = purchase("3", member=None, day=DAY - 15, at=NOW_MS - 15 * DAY_MS)
    desk.send(desk.till(), purchase("2", member="card:2000123456782"), old)
    with refused(code):
        desk.claim(receipt, member)
    assert hq.sql("SELECT count(*) FROM decisions") == [(0,)]


def test_the_last_day_of_claims_is_in_time(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase(member=None, day=DAY - 14, at=NOW_MS - 14 * DAY_MS))
    desk.claim("S012/T01/2026-11-07/1", "M1")
    assert hq.balances() == {"M1": 12}


def test_an_earlier_claim_that_arrives_later_wins_over_headquarters(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase(member=None))
    number = desk.claim(ONE, "M1")
    desk.send(desk.till("S099"), claim(member="id:M2", at=NOW_MS - 5))
    assert hq.balances() == {"M1": 0, "M2": 12}
    assert hq.exceptions() == [("claim_lost", f"~hq.1.{number}")]
    run_audit(hq)


def test_an_unlinked_return_takes_back_once_it_is_matched(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase())
    (event,) = desk.send(desk.till("S099"), back(of=None, store="S099"))
    assert hq.exceptions() == [("return_waiting", str(event))]
    desk.match(event, ONE)
    assert entries(hq) == [("earn", 12, 12), ("clawback", -3, -3)]
    assert hq.exceptions() == []
    run_audit(hq)
    with refused("already_matched"):
        desk.match(event, ONE)


def test_a_match_that_cannot_be_is_refused(desk: Desk) -> None:
    till = desk.till()
    bought, linked, free = desk.send(till, purchase(), back(), back("r2", of=None))
    for event, receipt, code in (
        (bought, ONE, "return_linked"),
        (linked, ONE, "return_linked"),
        (free, "S012/T01/2026-11-21/77", "receipt_not_found"),
        (EventId(till.terminal_id, 1, 0, Seq(99)), ONE, "event_not_found"),
        (EventId("S012-T99", 1, 0, Seq(1)), ONE, "event_not_found"),
        ("yesterday", ONE, "event_malformed"),
    ):
        with refused(code):
            desk.match(event, receipt)


def test_a_purchase_of_a_wrong_clock_counts_on_its_placed_date(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    bought, _ = desk.send(till, purchase(member="id:M1"), visit())
    desk.place(bought, DAY - 1)
    rows = "SELECT DISTINCT business_day FROM entries WHERE kind = 'earn' AND redeemable = 12 ORDER BY 1"
    assert hq.sql(rows) == [(DAY - 1,), (DAY,)]
    assert hq.balances() == {"M1": 22}
    desk.place(bought, DAY - 2)
    with refused("already_placed"):
        desk.place(bought, DAY - 2)
    assert [row[2] for row in net(hq) if row[0] == "earn"] == [DAY - 2, DAY]
    desk.place(bought, DAY)
    assert [row[2] for row in net(hq) if row[0] == "earn"] == [DAY, DAY]
    run_audit(hq)


def test_the_placed_instant_is_what_times_of_day_look_at(hq: Hq, desk: Desk) -> None:
    quiet = '[[weight]]\nid = "quiet"\ntimes = "2"\non = "visit"\nuntil = "09:00"\n'
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("[[tier]]", quiet + "[[tier]]", 1))
    (event,) = desk.send(desk.till(), visit())
    assert hq.balances() == {"M1": 10}
    desk.place(event, DAY, NOW_MS - 3 * 3_600_000)
    assert hq.balances() == {"M1": 20}
    with refused("instant_off_date"):
        desk.place(event, DAY, NOW_MS - 3 * DAY_MS)
    with refused("date_ahead"):
        desk.place(event, DAY + 1)
    run_audit(hq)


def test_whatever_moves_points_by_its_date_can_be_placed_and_nothing_else(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    events: list[Event] = [
        purchase("1", 50_000),
        back(),
        purchase("2", 4_000),
        void("2", at=NOW_MS + 4),
        visit(),
        visit_void(5, at=NOW_MS + 5),
        purchase("3", 9_000, None),
        claim("3"),
        spent(5),
        CouponUsed("id:M1", NOW_MS, DAY, "C1", "R2", None),
    ]
    for event in desk.send(till, *events):
        desk.place(event, DAY - 1)
        run_audit(hq)
    assert {row[2] for row in net(hq)} == {DAY - 1}
    shown, free = desk.send(till, MemberPresented("id:M1", NOW_MS, DAY), back("r9", of=None))
    with refused("event_not_placed"):
        desk.place(shown, DAY - 1)
    with refused("event_not_filed"):
        desk.place(free, DAY - 1)
    desk.match(free, ONE)
    desk.place(free, DAY - 1)
    run_audit(hq)


def test_what_was_set_aside_is_neither_matched_nor_placed(desk: Desk) -> None:
    (event,) = desk.send(desk.till(), purchase(store="S099"))
    with refused("event_set_aside"):
        desk.place(event, DAY - 1)


@pytest.mark.parametrize("seed", range(6))
def test_decisions_about_a_receipt_in_any_order_come_to_the_same(hq: Hq, desk: Desk, seed: int) -> None:
    """Whatever of the receipts has come when a decision is made, and whatever comes after it."""
    chance = random.Random(seed)
    found: list[list[Any]] = []
    for place, order in enumerate(chance.sample(list(permutations(range(5))), 3)):
        of = f"{place}"
        first, second = desk.till(), desk.till()
        (base,) = desk.send(first, purchase(f"{of}1", 20_000, None, at=NOW_MS + 1))
        (unlinked,) = desk.send(second, back(f"{of}2", of=None, net=3_000, at=NOW_MS + 2))
        receipt = f"S012/T01/2026-11-21/{of}1"
        hq.members(f"member_id\nN{place}\n")
        steps: list[Callable[[], object]] = [
            partial(desk.claim, receipt, f"N{place}"),
            partial(desk.match, unlinked, receipt),
            partial(desk.place, base, DAY - 2),
            partial(desk.place, base, DAY - 3),
            partial(desk.send, second, back(f"{of}3", of=f"{of}1", net=1_500, at=NOW_MS + 3)),
        ]
        # Of two placings the later stands, so these two keep their order.
        ordered = [step for step in order if step != 3]
        ordered.insert(chance.randrange(ordered.index(2) + 1, len(ordered) + 1), 3)
        for step in ordered:
            steps[step]()
        run_audit(hq)
        rows = net(hq, f"N{place}")
        found.append(sorted((kind, day, points) for (kind, _, day, _), points in rows.items()))
    earned = [("clawback", DAY - 3, (-3, -3)), ("clawback", DAY - 3, (-2, -2)), ("earn", DAY - 3, (20, 20))]
    assert found == [earned] * 3


def test_the_evidence_of_an_event_says_what_is_known_of_its_clock(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    bought = purchase()
    assert isinstance(bought, PurchaseRecorded)
    before, _, after, _, late = desk.send(
        till,
        purchase("0"),
        Booted(None, NOW_MS, DAY, "boot", "1"),
        bought,
        ClockStepped(None, NOW_MS, DAY, 3_600_000),
        visit(),
    )
    known = desk.read(lambda tx, _: recorded(tx, after)).evidence
    assert (known.kind, known.business_date) == ("purchase_recorded", "2026-11-21")
    assert known.likely_at == known.received_at == "2026-11-21T02:31:00Z"
    assert known.clock_steps_ms == (3_600_000,)
    assert desk.read(lambda tx, _: recorded(tx, late)).evidence.clock_steps_ms == ()
    assert desk.read(lambda tx, _: recorded(tx, before)).evidence.likely_at is None


def test_a_journal_that_goes_on_in_another_epoch_goes_on_in_the_same_boot(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, Booted(None, NOW_MS, DAY, "boot", "1"))
    till.begin(2)
    desk.send(till, purchase())
    event = EventId(till.terminal_id, 2, 0, Seq(1))
    assert desk.read(lambda tx, _: recorded(tx, event)).evidence.likely_at == "2026-11-21T02:31:00Z"


def test_an_event_is_named_by_terminal_epoch_branch_and_number() -> None:
    assert event_named("S012-T01.2.42") == EventId("S012-T01", 2, 0, Seq(42))
    assert event_named(str(EventId("S012-T01", 2, 3, Seq(42)))) == EventId("S012-T01", 2, 3, Seq(42))
    for text in ("", "S012-T01", "S012-T01.1", "S012-T01.1.x", "a.1.2.3"):
        with refused("event_malformed"):
            event_named(text)
