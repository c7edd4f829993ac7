"""Whose a receipt is: by card, number or id, known here or not, and when the member appears."""

from __future__ import annotations

import pytest

from loyalty_core.lookups import hashed
from tests.edge.made import CARD, OTHER_CARD, PHONE, STORE_KEY, member, purchase, visit, void
from tests.edge.till import Till


def test_an_unknown_card_is_recorded_as_it_was_read(till: Till) -> None:
    till.record(purchase())
    assert till.records()[0].event.member == f"card:{CARD}"


def test_a_known_card_is_recorded_as_its_member(till: Till) -> None:
    till.know(member())
    till.record(purchase())
    till.record(purchase("2", member="M1"))
    assert [record.event.member for record in till.records()] == ["id:M1", "id:M1"]


def test_what_is_one_members_id_and_anothers_card_is_the_id(till: Till) -> None:
    till.know(member("M1", card="777"))
    till.know(member("777", card=OTHER_CARD))
    till.record(purchase(member="777"))
    assert till.records()[0].event.member == "id:777"


def test_a_phone_number_stands_nowhere_in_the_files_of_the_till(till: Till) -> None:
    for place, spelling in enumerate((PHONE, "+82 10-9876-5432", "01098765432")):
        assert till.points(purchase(str(place), member=spelling)) == 12
    till.record(visit("v", "2026-11-20 10:00", member=PHONE))
    assert till.balance(PHONE) == 46
    till.close()
    written = b"".join(path.read_bytes() for path in till.config.data_dir.iterdir())
    assert hashed("phone:+821098765432", STORE_KEY).encode() in written
    for spelling in (PHONE, "01098765432", "1098765432", "9876-5432", "98765432"):
        assert spelling.encode() not in written


@pytest.mark.parametrize(
    "text", ["0000000000000", "2000123456783", "2000XXXX56782", "2000123xxxxxx", "***", " "]
)
def test_a_masked_or_misread_number_never_matches_anybody(till: Till, text: str) -> None:
    till.know(member(card=text))
    outcome = till.record(purchase(member=text))
    assert (outcome.account, outcome.redeemable) == (None, 0)
    assert till.records()[-1].event.member is None
    assert "cannot be read" in outcome.notices[0]


@pytest.mark.parametrize("member_id", ["M-0001", "3f2c-77", "010CALL"])
def test_an_unknown_member_id_is_recorded_as_it_was_typed(till: Till, member_id: str) -> None:
    till.record(purchase("1", member=member_id))
    assert till.records()[-1].event.member == f"id:{member_id}"
    till.appear(member(member_id, balance=0))
    assert till.standing(member_id).balance == 12


def test_what_an_unknown_card_earned_is_the_members_when_the_member_appears(till: Till) -> None:
    assert till.points(purchase("1")) == 12
    assert till.points(purchase("2", member=PHONE)) == 12
    row = member(
        balance=100,
        look_ups=tuple(hashed(form, STORE_KEY) for form in ("id:M1", f"card:{CARD}", "phone:+821098765432")),
    )
    till.appear(row)
    assert till.balance() == till.balance("M1") == till.balance(PHONE) == 124
    assert till.record(purchase("1")).repeated
    assert till.record(purchase("2", member="M1")).repeated
    assert till.points(void("1")) == -12
    assert till.balance() == 112


@pytest.mark.parametrize(
    ("typed", "member_id", "names"),
    [
        ("CARD00001", "M1", ("card:CARD00001",)),
        ("AB-C123", "M1", ("card:ABC123",)),
        ("20000001", "20000001", ()),
        ("00077403134", "M1", ("card:077403134", "card:77403134")),
        ("77403134", "M1", ("card:077403134", "card:77403134")),
        ("0000123", "00123", ("card:123",)),
        ("0000123", "123", ()),
    ],
)
def test_what_was_typed_for_an_unknown_member_is_found_by_card_and_by_id(
    till: Till, typed: str, member_id: str, names: tuple[str, ...]
) -> None:
    assert till.points(purchase("1", member=typed)) == 12
    row = member(member_id, look_ups=tuple(hashed(form, STORE_KEY) for form in (f"id:{member_id}", *names)))
    till.appear(row)
    assert till.balance(member_id) == till.balance(typed) == row.balance + 12
    assert till.points(void("1")) == -12
    assert till.balance(member_id) == row.balance


def test_what_was_typed_is_whose_id_it_is_before_whose_card_it_is(till: Till) -> None:
    assert till.points(purchase("1", member="ABC-123")) == 12
    card = member("M2", balance=0, look_ups=(hashed("id:M2", STORE_KEY), hashed("card:ABC123", STORE_KEY)))
    own = member("ABC-123", balance=0, look_ups=(hashed("id:ABC-123", STORE_KEY),))
    till.appear(card, own)
    assert (till.balance("ABC-123"), till.balance("M2")) == (12, 0)


def test_zeros_in_front_of_a_number_tell_no_members_apart(till: Till) -> None:
    names = ("id:M1", "card:0077403134", "card:77403134")
    till.know(member(balance=0, look_ups=tuple(hashed(name, STORE_KEY) for name in names)))
    for number, typed in enumerate(("77403134", "077403134", "0077403134", "000000077403134")):
        till.record(purchase(str(number), member=typed))
    assert {record.event.member for record in till.records()} == {"id:M1"}
    assert till.balance("M1") == 48


def test_what_was_typed_with_more_and_with_fewer_zeros_is_all_the_members(till: Till) -> None:
    for number, typed in enumerate(("77403134", "077403134", "000077403134")):
        till.record(purchase(str(number), member=typed))
    names = ("id:M1", "card:0077403134", "card:77403134")
    till.appear(member(balance=0, look_ups=tuple(hashed(name, STORE_KEY) for name in names)))
    assert till.balance("M1") == 36
