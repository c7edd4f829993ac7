"""What comes again: the same answer and no new record, or a conflict."""

from __future__ import annotations

import msgspec
import pytest

from loyalty_core.errors import BadInput
from tests.edge.made import CARD, OTHER_CARD, member, purchase, visit, void
from tests.edge.till import Till


def test_the_same_receipt_again_is_the_same_answer_and_no_new_record(till: Till) -> None:
    first = till.record(purchase())
    again = till.record(purchase())
    assert again == msgspec.structs.replace(first, repeated=True)
    assert len(till.records()) == 1
    assert till.balance() == 12


def test_a_copy_with_its_lines_in_another_order_is_the_same_receipt(till: Till) -> None:
    lines = [{"number": n, "net_minor": 1000 * n, "sku": f"A{n}"} for n in (1, 2)]
    till.record(purchase(lines=lines, net_minor=3000))
    assert till.record(purchase(lines=lines[::-1], net_minor=3000)).repeated


def test_a_copy_that_names_nobody_is_a_copy(till: Till) -> None:
    first = till.record(purchase())
    again = till.record(purchase(member=None))
    assert (again.repeated, again.redeemable, again.account) == (True, 12, first.account)


def test_a_copy_gives_an_anonymous_receipt_its_owner_once(till: Till) -> None:
    assert till.points(purchase(member=None)) == 0
    named = till.record(purchase())
    assert (named.repeated, named.redeemable) == (False, 12)
    assert till.record(purchase()).repeated
    assert till.record(purchase(member=None)).repeated
    assert (till.balance(), len(till.records())) == (12, 2)


def test_a_conflict_names_the_receipt_as_people_do(till: Till) -> None:
    till.record(purchase("000123"))
    with pytest.raises(
        BadInput, match=r"^purchase 000123 of 2026-11-20 at till S012/T03 is recorded already"
    ):
        till.record(purchase("000123", net_minor=1))


def test_the_same_key_with_another_content_is_refused(till: Till) -> None:
    till.record(purchase())
    assert till.refusal(purchase(net_minor=12991)) == "receipt_conflict"
    assert till.refusal(purchase(occurred_at="2026-11-20T10:31:01+09:00")) == "receipt_conflict"
    assert till.refusal(purchase(tax_minor=1)) == "receipt_conflict"
    assert till.balance() == 12


def test_the_same_receipt_for_another_member_is_refused(till: Till) -> None:
    till.record(purchase())
    assert till.refusal(purchase(member=OTHER_CARD)) == "receipt_conflict"
    assert till.balance(OTHER_CARD) == 0


def test_numbers_keep_their_leading_zeros_and_kinds_have_numbers_of_their_own(till: Till) -> None:
    assert [till.points(purchase(number)) for number in ("1", "01", "001")] == [12, 12, 12]
    assert till.points(visit("1", "2026-11-20 10:00")) == 10


def test_the_same_number_on_another_business_day_is_another_receipt(till: Till) -> None:
    assert till.points(purchase(on="2026-11-19")) == 12
    assert till.points(purchase(on="2026-11-20")) == 12


@pytest.mark.parametrize("kind", ["return", "void"])
def test_what_names_a_member_and_moves_no_account_comes_once_too(till: Till, kind: str) -> None:
    """Neither a return nor the void of an unknown purchase has an account here; both may name a member."""
    receipt = purchase("R1", kind=kind) if kind == "return" else void("R1", member=CARD)
    assert not till.record(receipt).repeated
    assert till.record(receipt).repeated
    assert len(till.records()) == 1


def test_a_re_export_is_recognised_after_its_member_left_the_snapshot(till: Till) -> None:
    till.know(member())
    till.record(purchase())
    till.know(member(gone=True))
    assert till.record(purchase()).repeated
    assert len(till.records()) == 1
