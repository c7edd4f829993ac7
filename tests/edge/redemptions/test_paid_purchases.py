"""What the answer to a purchase says of the points that paid for it: nothing; their own steps tell it."""

from __future__ import annotations

from typing import Any

from edge_agent.store.database import transaction
from tests.edge.made import CARD, claimed, purchase, void
from tests.edge.redemptions.redeeming_till import RedeemingTill, receipt

VOIDED = 1000 - 22
"""What a void gives back and takes back: 11,990 won in December, when points are double, had earned 22."""
AT = "2026-12-05 11:40"


def paid(member: str | None = CARD) -> dict[str, Any]:
    """Return a purchase of today, 1,000 won of it paid with points."""
    tenders = [{"type": "points", "amount_minor": 1000}, {"type": "card", "amount_minor": 11_990}]
    return purchase(on="2026-12-05", member=member, tenders=tenders)


def voided() -> dict[str, Any]:
    key = paid()["receipt"]
    return void(original=key, occurred_at="2026-12-05T11:00:00+09:00") | {"receipt": key | {"number": "v"}}


def told(till: RedeemingTill, what: dict[str, Any]) -> tuple[int, list[str]]:
    """Return the points of an answer and the kinds of its steps; the same again says the same."""
    outcome = till.record(what)
    again = till.record(what)
    assert (again.redeemable, again.steps) == (outcome.redeemable, outcome.steps)
    return outcome.redeemable, [step.kind for step in outcome.steps]


def test_a_purchase_after_its_commit_says_what_it_earned(till: RedeemingTill) -> None:
    till.commit(till.authorise(1000), receipt())
    assert told(till, paid()) == (22, ["earn", "weight"])
    assert till.balance() == 5000 - 1000 + 22


def test_a_purchase_before_its_commit_says_the_same_when_it_comes_again(till: RedeemingTill) -> None:
    till.record(paid())
    till.commit(till.authorise(1000), receipt())
    assert told(till, paid()) == (22, ["earn", "weight"])


def test_a_claim_of_what_its_member_has_paid_says_what_it_earned(till: RedeemingTill) -> None:
    till.commit(till.authorise(1000), receipt())
    till.record(paid(None))
    with transaction(till.conn):
        claim = claimed(till.recorder, till.conn, CARD, paid()["receipt"], AT, "c1")
    assert (claim.redeemable, [step.kind for step in claim.steps]) == (22, ["earn", "weight"])


def test_a_void_says_what_it_gives_back_and_the_purchase_not_once_more(till: RedeemingTill) -> None:
    till.commit(till.authorise(1000), receipt())
    till.record(paid())
    assert told(till, voided()) == (VOIDED, ["clawback", "redeem_rollback"])
    assert till.record(paid()).redeemable == 0
    assert till.balance() == 5000


def test_a_claim_does_not_say_what_the_void_before_it_gave_back(till: RedeemingTill) -> None:
    till.commit(till.authorise(1000), receipt())
    till.record(paid(None))
    till.record(voided())
    with transaction(till.conn):
        claim = claimed(till.recorder, till.conn, CARD, paid()["receipt"], AT, "c1")
    assert claim.redeemable == 0
    assert till.balance() == 5000


def test_a_purchase_for_which_its_void_has_waited_says_what_is_given_back(till: RedeemingTill) -> None:
    till.commit(till.authorise(1000), receipt())
    assert told(till, voided()) == (0, [])
    assert till.balance() == 4000
    assert told(till, paid())[0] == 1000
    assert till.balance() == 5000


def test_a_copy_that_names_the_buyer_after_the_void_does_not_say_what_that_gave_back(
    till: RedeemingTill,
) -> None:
    till.commit(till.authorise(1000), receipt())
    till.record(paid(None))
    till.record(voided())
    assert told(till, paid())[0] == 0
    assert till.balance() == 5000
