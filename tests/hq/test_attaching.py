"""An unknown card or phone is a member's by decision: what waited is theirs, and so is what comes."""

from __future__ import annotations

import pytest

from loyalty_core.lookups import hashed
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.events import purchase
from tests.hq.test_audit import run_audit
from tests.hq.test_decisions import refused


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.members(MEMBERS)
    return Desk(hq)


@pytest.mark.parametrize("said", ["5555", "card:5555"])
def test_a_card_that_nobody_had_is_a_members(hq: Hq, desk: Desk, said: str) -> None:
    till = desk.till()
    desk.send(till, purchase("1", member="card:5555"))
    assert hq.exceptions() == [("member_unknown", "card:5555")]
    desk.attach(said, "M1")
    assert (hq.balances(), hq.exceptions()) == ({"M1": 12}, [])
    desk.send(till, purchase("2", 5_000, "card:5555"))
    assert hq.balances() == {"M1": 17}
    assert till.members["M1"].balance == 17
    assert hashed("card:5555", till.store_key) in till.members["M1"].look_ups
    run_audit(hq)


def test_a_card_with_letters_is_found_as_it_was_typed(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, purchase("1", member="id:AB-12"))
    desk.attach("id:AB-12", "M1")
    desk.send(till, purchase("2", 5_000, "id:AB-12"), purchase("3", 1_000, "card:AB12"))
    assert hq.balances() == {"M1": 18}
    run_audit(hq)


@pytest.mark.parametrize("said", ["AB-12", "AB12", "id:AB-12", "id:AB12", "card:AB12"])
def test_every_spelling_of_the_card_that_waits_is_the_members_at_once(hq: Hq, desk: Desk, said: str) -> None:
    spelled = ["id:AB-12", "id:AB12", "id:A-B-12", "card:AB12"]
    till = desk.till()
    desk.send(till, *[purchase(str(number), member=name) for number, name in enumerate(spelled)])
    desk.attach(said, "M1")
    assert (hq.balances(), hq.exceptions()) == ({"M1": 48}, [])
    run_audit(hq)
    desk.send(till, purchase("9", 1_000, "id:AB1-2"))
    assert hq.balances() == {"M1": 49}
    run_audit(hq)


@pytest.mark.parametrize("said", ["77403134", "0077403134", "card:077403134", "id:00077403134"])
def test_a_card_that_waits_with_more_and_fewer_zeros_is_the_members_at_once(
    hq: Hq, desk: Desk, said: str
) -> None:
    spelled = ["card:77403134", "card:077403134", "card:0077403134"]
    till = desk.till()
    desk.send(till, *[purchase(str(number), member=name) for number, name in enumerate(spelled)])
    desk.attach(said, "M1")
    assert (hq.balances(), hq.exceptions()) == ({"M1": 36}, [])
    run_audit(hq)
    desk.send(till, purchase("9", 1_000, "card:000077403134"))
    assert hq.balances() == {"M1": 37}
    assert hashed("card:77403134", till.store_key) in till.members["M1"].look_ups


def test_who_was_erased_keeps_what_is_typed_with_other_zeros(hq: Hq, desk: Desk) -> None:
    hq.members("member_id,lookups\nM9,0077403134\n")
    desk.erase("M9")
    till = desk.till()
    spelled = ["card:77403134", "card:077403134", "card:00077403134"]
    desk.send(till, *[purchase(str(number), member=name) for number, name in enumerate(spelled)])
    assert hq.balances() == {"M9": 36}
    refusals = hq.members("member_id,lookups\nM8,77403134\n").refused
    assert [bad.code for bad in refusals] == ["look_up_taken"]


def test_a_spelling_of_a_members_own_id_is_not_attached_to_another(hq: Hq, desk: Desk) -> None:
    hq.members("member_id\nAB12\n")
    desk.send(desk.till(), purchase("1", member="card:AB12"), purchase("2", member="id:AB-12"))
    with refused("look_up_taken"):
        desk.attach("id:AB-12", "M1")
    run_audit(hq)


@pytest.mark.parametrize("by_hash", [True, False])
def test_a_phone_is_found_by_its_hash(hq: Hq, desk: Desk, *, by_hash: bool) -> None:
    till = desk.till()
    secret = hashed("phone:+821099998888", till.store_key)
    desk.send(till, purchase("1", member=secret))
    desk.attach(f"h:S012:{secret[2:]}" if by_hash else "010-9999-8888", "M1")
    desk.send(till, purchase("2", 5_000, secret))
    assert hq.balances() == {"M1": 17}
    kept = hq.sql("SELECT subject || detail || reason FROM decisions")[0][0]
    assert "9999" not in kept
    assert secret[2:] not in kept
    run_audit(hq)


def test_an_attachment_that_cannot_be_is_refused(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase("1", member="card:5555"))
    for said, member, code in (
        ("5556", "M1", "nothing_held"),
        ("2000123456782", "M2", "look_up_taken"),
        ("2000123456782", "M1", "nothing_held"),
        ("5555", "M9", "member_not_found"),
    ):
        with refused(code):
            desk.attach(said, member)
    desk.attach("5555", "M1")
    with refused("nothing_held"):
        desk.attach("5555", "M1")
    with refused("look_up_taken"):
        desk.attach("5555", "M2")
    assert hq.sql("SELECT count(*) FROM decisions") == [(1,)]


def test_what_is_attached_to_a_merged_member_follows_the_member(hq: Hq, desk: Desk) -> None:
    desk.send(desk.till(), purchase("1", member="card:5555"))
    desk.merge("M2", "M1")
    desk.attach("5555", "M2")
    assert hq.balances() == {"M1": 12}
    desk.unmerge("M2")
    assert hq.balances() == {"M1": 0, "M2": 12}
    run_audit(hq)
