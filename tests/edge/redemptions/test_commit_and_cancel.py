"""What becomes of an authorisation: asked for again, committed, cancelled, of a member who is another."""

from __future__ import annotations

from edge_agent.config import Redemptions
from edge_agent.store import redemptions
from edge_agent.store.database import transaction
from edge_agent.store.integrity import verify
from edge_agent.sync.questions import Told
from loyalty_core.events import RedemptionCancelled, RedemptionCommitted
from tests.edge.made import CARD, member
from tests.edge.redemptions.conftest import MakeTill
from tests.edge.redemptions.redeeming_till import HOLD, MINUTES, TODAY, RedeemingTill, receipt, refused, rich

# The same request again


def test_the_same_request_again_is_answered_again(till: RedeemingTill) -> None:
    first = till.authorise(1000, key="a")
    again = till.authorise(1000, key="a")
    assert (first.repeated, again.repeated) == (False, True)
    assert again.redemption == first.redemption
    till.commit(first)
    assert till.authorise(1000, key="a").redemption.state == "committed"
    assert len(till.events()) == 2


def test_a_key_is_one_request_whatever_it_asks_for(till: RedeemingTill) -> None:
    till.authorise(1000, key="a")
    with refused("idempotency_conflict"):
        till.authorise(1100, key="a")
    with refused("idempotency_conflict"):
        till.authorise(reward="range-hour", key="a")
    assert len(till.events()) == 1


def test_what_was_refused_may_be_asked_again_under_its_key(till: RedeemingTill) -> None:
    with refused("points_missing"):
        till.authorise(1000, key="a", told=Told(code="points_missing"))
    assert till.authorise(1000, key="a").repeated is False


# Commit and cancel


def test_a_commit_spends_the_points_once(till: RedeemingTill) -> None:
    outcome = till.authorise(1500)
    till.clock.go_on(MINUTES)
    first, again = till.commit(outcome), till.commit(outcome)
    assert (first.repeated, again.repeated) == (False, True)
    assert (first.redemption.state, again.redemption.state) == ("committed", "committed")
    assert till.events()[1:] == [
        RedemptionCommitted(
            "id:M1", till.clock.wall, TODAY, outcome.redemption.redemption_id, 1500, 1500, "", None
        )
    ]
    assert till.balance() == 3500
    assert till.purse().available == 3500
    assert verify(till.conn) is None


def test_a_redemption_pays_for_the_receipt_that_was_named_last(till: RedeemingTill) -> None:
    first = till.authorise(1000, receipt=receipt("1"))
    assert till.commit(first).redemption.receipt == receipt("1")
    second = till.authorise(1000, receipt=receipt("1"))
    assert till.commit(second, receipt("2")).redemption.receipt == receipt("2")
    paid = [event.receipt for event in till.events() if isinstance(event, RedemptionCommitted)]
    assert paid == [receipt("1"), receipt("2")]
    assert till.commit(second, receipt("2")).repeated
    with refused("receipt_conflict"):
        till.commit(second, receipt("3"))


def test_what_was_cancelled_is_over(till: RedeemingTill) -> None:
    outcome = till.authorise(1500)
    first, again = till.cancel(outcome), till.cancel(outcome)
    assert (first.redemption.state, first.repeated, again.repeated) == ("cancelled", False, True)
    assert till.events()[1:] == [
        RedemptionCancelled("id:M1", till.clock.wall, TODAY, outcome.redemption.redemption_id, "cancelled")
    ]
    with refused("redemption_cancelled"):
        till.commit(outcome)
    assert till.balance() == 5000
    assert till.purse().available == 5000


def test_what_was_committed_cannot_be_cancelled(till: RedeemingTill) -> None:
    outcome = till.authorise(1500)
    till.commit(outcome)
    with refused("redemption_committed"):
        till.cancel(outcome)
    assert till.balance() == 3500


def test_another_tills_redemption_is_not_known(till: RedeemingTill, make_till: MakeTill) -> None:
    elsewhere = make_till().authorise(1000)
    with refused("redemption_unknown"):
        till.commit(elsewhere)
    with refused("redemption_unknown"):
        till.cancel(elsewhere)


def test_no_more_are_open_than_there_may_be(make_till: MakeTill) -> None:
    till = make_till(redemptions=Redemptions(open_max=2))
    till.know(rich(balance=9000, allowance=9000))
    first = till.authorise(1000)
    till.authorise(1000)
    with refused("redemptions_full"):
        till.authorise(1000)
    till.commit(first)
    till.authorise(1000)
    till.clock.go_on(HOLD)
    till.authorise(1000)
    assert redemptions.count_authorised(till.conn) == 1


def test_a_table_that_names_what_the_journal_does_not_have_is_found(till: RedeemingTill) -> None:
    till.authorise(1000)
    assert verify(till.conn) is None
    till.conn.execute("UPDATE redemption SET seq = 7")
    fault = verify(till.conn)
    assert fault is not None
    assert (fault.code, fault.seq) == ("reference_broken", 7)


# Members who turn out to be one


def test_a_redemption_follows_its_member_into_another(till: RedeemingTill) -> None:
    outcome = till.authorise(1000)
    with transaction(till.conn):
        redemptions.merge(till.conn, "id:M1", "id:M7")
    row = rich(member_id="M7", card=CARD, look_ups=rich().look_ups)
    till.know(member("M1", gone=True))
    till.know(row)
    assert till.redeeming.spendable.available(till.conn, till.books(), "id:M7", 5000) == 4000
    till.commit(outcome)
    assert till.events()[1].member == "id:M1"
    assert till.balance() == 4000
