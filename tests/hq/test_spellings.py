"""What a till typed for a member it does not know: HQ finds the member by id or card, imported when ever."""

from __future__ import annotations

import pytest

from loyalty_core.events import Event
from loyalty_core.lookups import hashed, unknown_form
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase
from tests.hq.test_audit import run_audit
from tests.hq.till import Till

IDS = (
    "M1",
    "M-0001",
    "550e8400-e29b-41d4-a716-446655440000",
    "01012345678",
    "15881234",
    "20000001",
    "0000123",
    "0000-0123",
    "02000123456782",
    "a.b_c",
)


def typed(till: Till, text: str, number: str = "1") -> Event:
    """Return a purchase as a till that knows nobody records it for this text."""
    form = unknown_form(text)
    assert form is not None
    return purchase(number, member=hashed(form, till.store_key) if form.startswith("phone:") else form)


@pytest.mark.parametrize("member_id", IDS)
async def test_a_member_id_that_the_till_does_not_know_is_found_once_its_member_is_imported(
    hq: Hq, tills: Tills, member_id: str
) -> None:
    till = await tills.join()
    till.record(typed(till, member_id))
    await tills.send(till)
    assert hq.members(f"member_id\n{member_id}\n").attached == 1
    assert hq.balances() == {member_id: 12}
    assert hq.exceptions() == []
    assert hq.sql("SELECT 1 FROM held_spellings") == []
    run_audit(hq)


@pytest.mark.parametrize("member_id", IDS)
async def test_a_member_id_that_only_headquarters_knows_is_found_at_once(
    hq: Hq, tills: Tills, member_id: str
) -> None:
    hq.members(f"member_id\n{member_id}\n")
    till = await tills.join()
    till.record(typed(till, member_id))
    await tills.send(till)
    await tills.until(lambda: hq.balances() == {member_id: 12})
    assert hq.exceptions() == []
    run_audit(hq)


@pytest.mark.parametrize("look_up", ["ABC-123", "ABC123", "AB-C123"])
@pytest.mark.parametrize("text", ["ABC-123", "ABC123"])
@pytest.mark.parametrize("known_before", [True, False])
async def test_a_card_with_letters_is_found_however_its_hyphens_are_typed(
    hq: Hq, tills: Tills, look_up: str, text: str, known_before: bool
) -> None:
    till = await tills.join()
    if known_before:
        hq.members(f"member_id,lookups\nM1,{look_up}\n")
    till.record(typed(till, text))
    await tills.send(till)
    if not known_before:
        assert hq.exceptions() == [("member_unknown", f"id:{text}")]
        assert hq.members(f"member_id,lookups\nM1,{look_up}\n").attached == 1
    assert hq.balances() == {"M1": 12}
    assert hq.exceptions() == []
    run_audit(hq)


@pytest.mark.parametrize("known_before", [True, False])
async def test_two_member_ids_that_differ_by_a_hyphen_are_two_members(
    hq: Hq, tills: Tills, known_before: bool
) -> None:
    members = "member_id\nM0001\nM-0001\n"
    if known_before:
        hq.members(members)
    till = await tills.join()
    till.record(typed(till, "M-0001"))
    await tills.send(till)
    hq.members(members)
    assert hq.balances() == {"M-0001": 12}


async def test_of_two_rows_the_member_whose_id_it_is_gets_what_was_held(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(typed(till, "ABC-123"))
    await tills.send(till)
    found = hq.members("member_id,lookups\nABC-123,\nM2,ABC123\n")
    assert (found.added, found.attached) == (2, 1)
    assert hq.balances() == {"ABC-123": 12}


async def test_a_member_id_that_reads_as_the_phone_of_another_member_leaves_it_there(
    hq: Hq, tills: Tills
) -> None:
    assert hq.members("member_id,phone\nM1,010-1234-5678\n01012345678,\n").added == 2
    till = await tills.join()
    till.record(typed(till, "010-1234-5678"))
    till.record(purchase("2", member="id:01012345678"))
    await tills.send(till)
    await tills.until(lambda: hq.balances() == {"M1": 12, "01012345678": 12})


def test_a_member_id_that_reads_as_a_phone_is_imported_again_without_a_change(hq: Hq) -> None:
    hq.members("member_id\n15881234\n")
    assert hq.members("member_id\n15881234\n").unchanged == 1
    assert hq.sql("SELECT look_up FROM member_look_ups") == [("phone:+8215881234",)]


@pytest.mark.parametrize("members", ["M1,0077403134", "M1,77403134", "077403134,", "77403134,"])
@pytest.mark.parametrize("text", ["77403134", "077403134", "0077403134", "0000000000000000000077403134"])
@pytest.mark.parametrize("known_before", [True, False])
async def test_zeros_that_were_lost_or_added_in_front_find_the_member(
    hq: Hq, tills: Tills, members: str, text: str, known_before: bool
) -> None:
    till = await tills.join()
    if known_before:
        hq.members(f"member_id,lookups\n{members}\n")
    till.record(typed(till, text))
    await tills.send(till)
    if not known_before:
        assert hq.members(f"member_id,lookups\n{members}\n").attached == 1
        assert hq.sql("SELECT 1 FROM held_spellings") == []
    assert hq.balances() == {members.partition(",")[0]: 12}
    assert hq.exceptions() == []
    assert hq.members(f"member_id,lookups\n{members}\n").unchanged == 1
    run_audit(hq)


async def test_all_that_waits_under_more_and_fewer_zeros_is_the_members_at_once(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    for number, text in enumerate(("77403134", "077403134", "0077403134")):
        till.record(typed(till, text, str(number)))
    await tills.send(till)
    assert hq.members("member_id,lookups\nM1,00077403134\n").attached == 3
    assert hq.balances() == {"M1": 36}
    run_audit(hq)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("M1,00123", "M2,123"),
        ("M1,123", "M2,00123"),
        ("M1,0123", "M2,00123"),
        ("00123,", "123,"),
        ("123,", "00123,"),
        ("0123,", "00123,"),
        ("00123,", "M2,0123"),
        ("M1,0123", "00123,"),
    ],
)
@pytest.mark.parametrize("apart", [True, False])
def test_no_two_members_differ_by_zeros_in_front(hq: Hq, first: str, second: str, apart: bool) -> None:
    head = "member_id,lookups\n"
    if apart:
        assert hq.members(f"{head}{first}\n").added == 1
    found = hq.members(f"{head}{second}\n" if apart else f"{head}{first}\n{second}\n")
    assert [bad.code for bad in found.refused] == ["look_up_taken"]
    assert f"names member {first.partition(',')[0]} already" in found.refused[0].sentence
    assert (found.added, found.updated) == (0, 0)
