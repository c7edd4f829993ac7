"""Claims at the till: an anonymous purchase becomes a member's, once and in time."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from edge_agent.recorder import Outcome
from edge_agent.store.database import transaction
from loyalty_core.errors import BadInput
from loyalty_core.events import ReceiptClaimed
from loyalty_core.lookups import hashed
from tests.edge.conftest import MakeTill
from tests.edge.counter import Counter, problem
from tests.edge.made import (
    CARD,
    OTHER_CARD,
    PHONE,
    STORE_KEY,
    claimed,
    member,
    purchase,
    returned,
    stamp,
    void,
)
from tests.edge.till import Till

KEY = purchase()["receipt"]
AT = "2026-11-20 12:00"


def claim(
    till: Till, who: str = CARD, receipt: dict[str, Any] = KEY, at: str = AT, key: str = "c1"
) -> Outcome:
    """Claim a purchase as the local HTTP face does."""
    with transaction(till.conn):
        return claimed(till.recorder, till.conn, who, receipt, at, key)


def anonymous(number: str = "1", **changed: Any) -> dict[str, Any]:
    return purchase(number, member=None, **changed)


def test_a_claim_gives_the_purchase_to_its_member_on_its_own_day(till: Till) -> None:
    till.record(anonymous())
    outcome = claim(till, at="2026-11-24 12:00")
    assert (outcome.redeemable, outcome.qualifying, outcome.repeated) == (12, 12, False)
    assert [step.rule for step in outcome.steps] == ["spend"]
    assert till.balance() == 12
    event = till.records()[-1].event
    assert isinstance(event, ReceiptClaimed)
    assert event.member == f"card:{CARD}"


def test_the_record_of_a_claim_claims_the_points_of_its_purchase(till: Till) -> None:
    till.know(member())
    till.record(anonymous())
    claim(till)
    awarded = till.records()[-1].claim
    assert awarded is not None
    assert (awarded.redeemable, awarded.qualifying, awarded.tier) == (12, 12, "SILVER")


def test_the_same_claim_again_is_answered_again(till: Till) -> None:
    till.record(anonymous())
    first = claim(till)
    again = claim(till)
    assert (again.repeated, again.event, again.redeemable) == (True, first.event, 12)
    assert len(till.records()) == 2
    with pytest.raises(BadInput) as caught:
        claim(till, OTHER_CARD)
    assert caught.value.code == "idempotency_conflict"


def test_the_same_member_claiming_again_is_no_conflict_and_is_given_nothing_twice(till: Till) -> None:
    till.record(anonymous())
    claim(till)
    outcome = claim(till, key="c2")
    assert (outcome.redeemable, outcome.repeated) == (0, False)
    assert "already" in outcome.notices[0]
    assert till.balance() == 12
    assert till.records()[-1].claim is None
    assert claim(till, key="c2").redeemable == 0
    assert claim(till, key="c3", at="2027-01-20 12:00").notices == outcome.notices, "late or not"


def test_a_purchase_that_named_its_member_is_theirs_and_nobody_elses(till: Till) -> None:
    till.record(purchase())
    assert claim(till).redeemable == 0
    with pytest.raises(BadInput) as caught:
        claim(till, OTHER_CARD, key="c2")
    assert caught.value.code == "claim_refused"
    assert (till.balance(), till.balance(OTHER_CARD)) == (12, 0)


def test_of_two_who_claim_the_second_is_refused(till: Till) -> None:
    till.record(anonymous())
    claim(till)
    with pytest.raises(BadInput) as caught:
        claim(till, OTHER_CARD, key="c2")
    assert caught.value.code == "claim_refused"
    assert len(till.records()) == 2


@pytest.mark.parametrize(("at", "is_taken"), [("2026-12-05 04:59", True), ("2026-12-05 05:00", False)])
def test_a_purchase_is_claimed_through_the_fourteenth_day(till: Till, at: str, is_taken: bool) -> None:
    till.record(anonymous())
    if is_taken:
        assert claim(till, at=at).redeemable == 12
        return
    with pytest.raises(BadInput, match="until 2026-12-04") as caught:
        claim(till, at=at)
    assert caught.value.code == "claim_late"
    assert till.balance() == 0


def test_who_can_never_be_a_member_claims_nothing(till: Till) -> None:
    till.record(anonymous())
    with pytest.raises(BadInput) as caught:
        claim(till, "***")
    assert caught.value.code == "member_unreadable"


def test_a_claim_of_a_purchase_that_is_not_known_here_waits_and_is_settled_when_it_comes(till: Till) -> None:
    outcome = claim(till)
    assert (outcome.account, outcome.redeemable) == (None, 0)
    assert "headquarters" in outcome.notices[0]
    assert till.points(anonymous()) == 12
    assert till.balance() == 12
    assert till.record(anonymous()).repeated


def test_of_two_claims_that_wait_the_first_in_time_stands(till: Till) -> None:
    claim(till, OTHER_CARD, at="2026-11-20 13:00", key="c1")
    claim(till, CARD, at="2026-11-20 12:00", key="c2")
    till.record(anonymous())
    assert (till.balance(), till.balance(OTHER_CARD)) == (12, 0)


def test_a_claim_that_waits_and_turns_out_to_be_late_gives_nothing(till: Till) -> None:
    claim(till, at="2026-12-05 05:00")
    assert till.points(anonymous()) == 0
    assert (till.balance(), till.records()[-1].event.member) == (0, None)


def test_a_claim_that_waits_goes_before_nobody_who_is_named(till: Till) -> None:
    claim(till, OTHER_CARD)
    till.record(purchase())
    assert (till.balance(), till.balance(OTHER_CARD)) == (12, 0)


def test_a_purchase_of_another_store_is_claimed_by_its_key(till: Till) -> None:
    outcome = claim(till, receipt={**KEY, "store": "S999"})
    assert "headquarters" in outcome.notices[0]
    event = till.records()[-1].event
    assert isinstance(event, ReceiptClaimed)
    assert event.receipt.store == "S999"


def test_what_came_back_before_the_claim_is_not_given(till: Till) -> None:
    till.record(anonymous())
    till.record(returned(net_minor=3_990))
    outcome = claim(till)
    assert outcome.redeemable == 9
    assert "returned before" in outcome.notices[0]
    assert till.balance() == 9


def test_what_comes_back_after_the_claim_is_taken_from_the_claimant(till: Till) -> None:
    till.know(member(balance=0, qualifying=0))
    till.record(anonymous())
    claim(till)
    assert till.points(returned(net_minor=3_990)) == -3
    assert till.records()[-1].event.member == "id:M1"
    assert till.points(void(occurred_at="2026-11-20T12:30:00+09:00")) == -9
    assert till.balance() == 0


def test_what_comes_back_of_a_claim_by_an_unknown_card_names_that_card(till: Till) -> None:
    till.record(anonymous())
    claim(till, PHONE)
    till.record(void())
    assert till.records()[-1].event.member == hashed("phone:+821098765432", STORE_KEY)
    assert till.balance(PHONE) == 0


def test_a_voided_purchase_gives_its_claimant_nothing(till: Till) -> None:
    till.record(anonymous())
    till.record(void())
    outcome = claim(till)
    assert (outcome.redeemable, till.balance()) == (0, 0)
    assert "voided" in outcome.notices[0]


def test_purchase_return_and_claim_come_to_the_same_in_any_order(make_till: MakeTill) -> None:
    balances = []
    for order in itertools.permutations(range(4)):
        till = make_till()
        receipts = [
            anonymous(),
            returned("r1", net_minor=3_990),
            returned("r2", net_minor=1_000, occurred_at="2026-11-20T11:40:00+09:00"),
        ]
        for place in order:
            if place < len(receipts):
                till.record(receipts[place])
            else:
                claim(till)
        balances.append(till.balance())
    assert balances == [8] * 24


def test_a_claim_below_whose_purchase_the_stamp_lies_counts_above_it(till: Till) -> None:
    till.know(member(balance=0, qualifying=0))
    till.record(anonymous())
    till.record(purchase("2"))
    till.know(member(balance=12, qualifying=12, stamp=stamp(2)))
    claim(till)
    assert till.balance() == 24
    till.know(member(balance=24, qualifying=24, stamp=stamp(3)))
    assert till.balance() == 24
    till.record(void())
    assert till.balance() == 12


def test_a_copy_that_names_the_claimant_is_a_copy_and_one_that_names_another_is_refused(till: Till) -> None:
    till.record(anonymous())
    claim(till)
    assert till.record(purchase()).repeated
    with pytest.raises(BadInput) as caught:
        till.record(purchase(member=OTHER_CARD))
    assert caught.value.code == "receipt_conflict"
    assert till.balance() == 12


# Over HTTP


async def test_a_claim_is_answered_like_a_receipt(counter: Counter) -> None:
    await counter.know(CARD)
    await counter.ok("/v1/receipts", anonymous())
    body = {"member": CARD, "receipt": KEY, "occurred_at": "2026-11-20T12:00:00+09:00"}
    answer = await counter.ok("/v1/claims", body, "k1")
    assert answer["points"] == {"redeemable": 12, "qualifying": 12}
    assert answer["member"]["balance"] == 112
    assert answer["message"][0] == "12 points"
    assert await counter.ok("/v1/claims", body, "k1") == answer | {"repeated": True}


async def test_without_a_time_the_claim_is_of_now(counter: Counter) -> None:
    await counter.ok("/v1/receipts", anonymous())
    response = await counter.post("/v1/claims", {"member": CARD, "receipt": KEY}, "k1")
    assert await problem(response) == (422, "claim_late")


async def test_a_refused_claim_leaves_nothing_to_set_aside(counter: Counter) -> None:
    await counter.ok("/v1/receipts", purchase())
    body = {"member": OTHER_CARD, "receipt": KEY}
    assert await problem(await counter.post("/v1/claims", body, "k1")) == (409, "claim_refused")
    assert await counter.refused() == []


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"member": CARD}, "request_invalid"),
        ({"receipt": KEY}, "request_invalid"),
        ({"member": CARD, "receipt": KEY, "point": 1}, "request_invalid"),
        ({"member": CARD, "receipt": {**KEY, "till": "a b"}}, "receipt_invalid"),
        ({"member": CARD, "receipt": {**KEY, "number": ""}}, "receipt_number_invalid"),
        ({"member": CARD, "receipt": {**KEY, "business_date": "yesterday"}}, "date_impossible"),
        ({"member": "", "receipt": KEY}, "member_unreadable"),
        ({"member": "***", "receipt": KEY}, "member_unreadable"),
    ],
)
async def test_a_claim_that_is_none_is_refused(counter: Counter, body: dict[str, Any], code: str) -> None:
    assert await problem(await counter.post("/v1/claims", body, "k1")) == (422, code)


@pytest.mark.parametrize("cards", [(CARD, OTHER_CARD), (CARD, PHONE)])
async def test_of_two_cards_shown_the_cashier_gives_the_receipt_to_one_by_a_claim(
    counter: Counter, cards: tuple[str, str]
) -> None:
    await counter.know(CARD)
    for key, card in zip("ab", cards, strict=True):
        await counter.ok("/v1/presented", {"member": card, "occurred_at": "2026-11-20T10:30:00+09:00"}, key)
    offers = (await counter.ok("/v1/receipts", anonymous()))["offers"]
    assert [offer["masked_name"] for offer in offers] == ["홍*동", None]
    at = "2026-11-20T10:40:00+09:00"
    body = {"member": offers[1]["member"], "receipt": KEY, "occurred_at": at}
    answer = await counter.ok("/v1/claims", body, "k1")
    assert answer["points"]["redeemable"] == 12
    other = {"member": offers[0]["member"], "receipt": KEY, "occurred_at": at}
    assert await problem(await counter.post("/v1/claims", other, "k2")) == (409, "claim_refused")
    found = await counter.ok("/v1/receipts", purchase("2", member=cards[1]))
    assert found["member"]["balance"] == 24, "the card that was shown is the one that was given the receipt"


@pytest.mark.parametrize(
    ("card", "form"),
    [
        ("88887777", "card:88887777"),
        (CARD, f"card:{CARD}"),
        ("AB-12", "id:AB-12"),
        (PHONE, hashed("phone:+821098765432", STORE_KEY)),
    ],
)
async def test_an_offer_to_an_unknown_card_names_what_headquarters_can_attach(
    counter: Counter, card: str, form: str
) -> None:
    for key, shown in zip("ab", (card, OTHER_CARD), strict=True):
        await counter.ok("/v1/presented", {"member": shown, "occurred_at": "2026-11-20T10:30:00+09:00"}, key)
    offers = (await counter.ok("/v1/receipts", anonymous()))["offers"]
    assert offers[0] == {"masked_name": None, "member": form}
    body = {"member": form, "receipt": KEY, "occurred_at": "2026-11-20T10:40:00+09:00"}
    assert (await counter.ok("/v1/claims", body, "k1"))["points"]["redeemable"] == 12
    found = await counter.ok("/v1/receipts", purchase("2", member=card))
    assert found["member"]["balance"] == 24, "it is the account of the card itself"


async def test_a_card_that_was_offered_and_has_become_known_is_its_members(counter: Counter) -> None:
    for key, shown in zip("ab", (CARD, OTHER_CARD), strict=True):
        await counter.ok("/v1/presented", {"member": shown, "occurred_at": "2026-11-20T10:30:00+09:00"}, key)
    offers = (await counter.ok("/v1/receipts", anonymous()))["offers"]
    await counter.know(CARD)
    body = {"member": offers[0]["member"], "receipt": KEY, "occurred_at": "2026-11-20T10:40:00+09:00"}
    assert (await counter.ok("/v1/claims", body, "k1"))["member"]["masked_name"] == "홍*동"


async def test_what_a_shown_card_was_given_nobody_else_claims(counter: Counter) -> None:
    await counter.ok("/v1/presented", {"member": CARD, "occurred_at": "2026-11-20T10:30:00+09:00"}, "a")
    await counter.ok("/v1/receipts", anonymous())
    body = {"member": OTHER_CARD, "receipt": KEY, "occurred_at": "2026-11-20T10:40:00+09:00"}
    assert await problem(await counter.post("/v1/claims", body, "k1")) == (409, "claim_refused")
    again = await counter.ok("/v1/claims", body | {"member": CARD}, "k2")
    assert again["points"]["redeemable"] == 0


async def test_a_name_that_only_looks_like_an_offer_is_nobodys(counter: Counter) -> None:
    await counter.know(CARD)
    for text, code in (
        ("h:1234", "member_unreadable"),
        ("h:" + "0" * 32, "member_unknown"),
        ("id:M9", "member_unknown"),
        ("id:***", "member_unreadable"),
        ("card:5555", "member_unknown"),
        ("card:2000123456789", "member_unreadable"),
        ("phone:+821098765432", "member_unreadable"),
    ):
        assert (await problem(await counter.get(f"/v1/members/{text}")))[1] == code
    assert (await counter.get("/v1/members/id:M1")).status == 200
