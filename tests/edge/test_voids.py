"""Voids of purchases and visits at the till."""

from __future__ import annotations

from edge_agent.recorder import Intake, Outcome
from edge_agent.store.database import transaction
from loyalty_core.events import EventId, VisitRecorded, VisitVoided
from tests.edge.made import CARD, at, day, purchase, visit, void
from tests.edge.till import Till


def undo(till: Till, of: EventId) -> Outcome:
    """Undo a visit, as `POST /v1/visits/{event}/void` does."""
    event = till.records()[of.seq - 1].event
    assert isinstance(event, VisitRecorded)
    when = at("2026-11-24 11:40")
    with transaction(till.conn):
        return till.recorder.record(
            till.conn,
            till.books(),
            Intake(
                event=VisitVoided(event.member, when, day("2026-11-24"), of.epoch, of.seq, event.receipt),
                natural_key=f"visit-void/{of.epoch}/{of.seq}",
                content=b"",
                voids=of,
                adapter="http",
                raw_sha256=b"",
            ),
        )


def test_a_void_takes_back_what_its_purchase_gave(till: Till) -> None:
    till.record(purchase())
    assert till.points(void()) == -12
    assert till.balance() == 0
    assert till.record(void()).repeated


def test_a_void_finds_a_purchase_of_another_number_and_day(till: Till) -> None:
    till.record(purchase("1", on="2026-11-20"))
    other = void("9", original=purchase("1", on="2026-11-20")["receipt"])
    other["receipt"] = other["receipt"] | {"business_date": "2026-11-21"}
    other["occurred_at"] = "2026-11-21T09:00:00+09:00"
    assert till.points(other) == -12
    assert till.balance() == 0


def test_a_second_void_of_the_same_purchase_takes_nothing_more(till: Till) -> None:
    till.record(purchase())
    till.record(void())
    assert till.points(void("2", original=purchase()["receipt"])) == 0
    assert till.balance() == 0


def test_a_void_of_a_purchase_that_is_not_known_here_waits_for_headquarters(till: Till) -> None:
    outcome = till.record(void("404"))
    assert (outcome.account, outcome.redeemable) == (None, 0)
    assert "headquarters" in outcome.notices[0]


def test_a_purchase_that_was_voided_before_it_came_earns_nothing(till: Till) -> None:
    till.record(void())
    outcome = till.record(purchase())
    assert "voided" in outcome.notices[0]
    assert till.balance() == 0
    assert till.points(purchase("2")) == 12
    assert till.balance() == 12
    assert till.points(void("3", original=purchase()["receipt"])) == 0


def test_a_voided_anonymous_purchase_earns_nothing_when_a_copy_names_its_owner(till: Till) -> None:
    till.record(purchase(member=None))
    assert till.points(void()) == 0
    assert "voided" in till.record(purchase()).notices[0]
    assert till.balance() == 0


def test_voiding_the_first_visit_lets_the_second_one_count(till: Till) -> None:
    first = till.record(visit("v1", "2026-11-24 11:00"))
    assert till.points(visit("v2", "2026-11-24 11:30")) == 0
    outcome = undo(till, first.event)
    assert outcome.redeemable == 0, "the second visit takes its place"
    assert till.balance() == 15


def test_a_void_names_the_member_for_whom_the_till_booked_the_purchase(till: Till) -> None:
    till.record(purchase("1"))
    till.record(void("1"))
    assert till.records()[-1].event.member == f"card:{CARD}"
    till.record(void("of nobody"))
    assert till.records()[-1].event.member is None
