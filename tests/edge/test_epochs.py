"""A till that goes on in another epoch: what it recorded before is known and counted as if it had not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.store import journal
from edge_agent.store.database import transaction
from edge_agent.store.integrity import verify
from loyalty_core.messages import Stamp
from tests.edge.made import CARD, OTHER_CARD, at, claimed, day, member, purchase, returned, visit, void
from tests.edge.redemptions.redeeming_till import RedeemingTill, receipt
from tests.edge.redemptions.test_points_given_back import voided
from tests.edge.test_closing import boot, look
from tests.edge.test_shown_cards import show
from tests.edge.test_voids import undo
from tests.edge.till import Till


@pytest.fixture
def redeeming(tmp_path: Path) -> Iterator[RedeemingTill]:
    till = RedeemingTill(tmp_path)
    yield till
    till.close()


def test_a_new_journal_begins_and_the_old_one_stays_as_it_is(till: Till) -> None:
    till.record(purchase("1"))
    till.go_on()
    assert till.record(purchase("2")).event.epoch == 2
    assert [journal.last_seq(till.conn, epoch) for epoch in (1, 2)] == [1, 1]
    assert verify(till.conn) is None


def test_what_is_said_again_is_the_event_of_the_epoch_that_it_came_in(till: Till) -> None:
    first = till.record(purchase("1"))
    till.go_on()
    again = till.record(purchase("1"))
    assert (again.repeated, again.event, again.redeemable) == (True, first.event, 12)
    assert till.refusal(purchase("1", net_minor=5)) == "receipt_conflict"


def test_voids_returns_and_claims_move_what_an_older_epoch_gave(till: Till) -> None:
    till.record(purchase("1"))
    till.record(purchase("2"))
    till.record(purchase("3", member=None))
    seen = till.record(visit("v", "2026-11-20 09:00"))
    till.go_on()
    assert till.points(void("1")) == -12
    assert till.points(returned(original=purchase("2")["receipt"], net_minor=2000)) == -2
    with transaction(till.conn):
        claimed(till.recorder, till.conn, CARD, purchase("3")["receipt"], "2026-11-21 10:00", "k")
    assert till.balance() == 10 + 10 + 12
    till.go_on()
    assert undo(till, seen.event).redeemable == -10
    assert till.balance() == 10 + 12


def test_the_balance_counts_what_is_above_the_stamp_in_every_epoch(till: Till) -> None:
    till.know(member(balance=0))
    for epoch in range(3):
        till.record(purchase(f"{epoch}a"))
        till.record(purchase(f"{epoch}b"))
        till.go_on()
    for posted, stamp in enumerate(
        [Stamp(1, 0, 1), Stamp(1, 0, 2), Stamp(2, 0, 1), Stamp(2, 0, 2), Stamp(3, 0, 1), Stamp(3, 0, 2)], 1
    ):
        till.know(member(balance=12 * posted, stamp=stamp))
        assert till.balance() == 72


def test_a_card_that_was_shown_before_gets_the_receipt_that_comes_after(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    till.go_on()
    assert till.points(purchase("1", member=None)) == 12


def test_two_cards_are_offered_in_the_order_in_which_they_were_shown(till: Till) -> None:
    till.record(purchase("0"))
    show(till, CARD, "2026-11-20 10:25")
    show(till, OTHER_CARD, "2026-11-20 10:26")
    till.go_on()
    show(till, OTHER_CARD, "2026-11-20 10:27")
    outcome = till.record(purchase("1", member=None))
    assert [offer.recorded for offer in outcome.offers] == [f"card:{CARD}", f"card:{OTHER_CARD}"]


def test_a_redemption_that_is_open_is_committed_cancelled_or_lapses_in_the_next_epoch(
    redeeming: RedeemingTill,
) -> None:
    spent, let_go, _ = (redeeming.authorise(1000) for _ in range(3))
    redeeming.go_on()
    redeeming.record(purchase("1", on="2026-12-05"))
    assert redeeming.commit(spent, receipt()).redemption.event.epoch == 2
    assert redeeming.commit(spent, receipt()).repeated
    redeeming.cancel(let_go)
    assert redeeming.balance() == 5000 - 1000 + 24
    redeeming.go_on()
    redeeming.clock.go_on(3_600_000)
    assert redeeming.lapse() == 1
    assert not redeeming.redeeming.lapse(redeeming.conn, redeeming.books())
    redeeming.record(voided("1"))
    assert redeeming.balance() == 5000
    assert verify(redeeming.conn) is None


def test_days_go_on_being_closed(till: Till) -> None:
    boot(till)
    till.record(purchase("1", on="2026-12-05"))
    assert look(till, "2026-12-06 07:00") == ["2026-12-05"]
    till.record(purchase("2", on="2026-12-06"))
    till.go_on()
    till.record(purchase("3", on="2026-12-06"))
    assert look(till, "2026-12-06 12:00") == ["2026-12-05"], (
        "the last day that was closed begins the new epoch"
    )
    assert look(till, "2026-12-08 07:00") == ["2026-12-06", "2026-12-07"]
    till.record(purchase("late", on="2026-12-05"))
    assert look(till, "2026-12-08 07:01") == ["2026-12-05"]
    assert look(till, "2026-12-08 07:02") == []
    assert [day("2026-12-05"), at("2026-12-08 07:01")] == [
        till.records(2)[-1].event.business_day,
        till.records(2)[-1].event.occurred_at_ms,
    ]


def test_a_till_that_had_closed_no_day_closes_its_first_one_in_the_new_epoch(till: Till) -> None:
    boot(till)
    assert look(till, "2026-12-05 12:00") == []
    till.go_on()
    till.record(purchase("1", on="2026-12-05"))
    assert look(till, "2026-12-06 07:00") == ["2026-12-05"]
