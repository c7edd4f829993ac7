"""Unknown cards and phones: what they bring is held, and given to the member when the member appears."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from hq_server.store.connection import Transaction, Value
from hq_server.store.postgresql.transaction import PostgresqlTransaction
from hq_server.store.sqlite.connection import SqliteTransaction
from loyalty_core.lookups import hashed
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase, visit, void
from tests.hq.till import NOW_MS

CARD = "card:2000123456782"
MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n"
PHONE = "phone:+821012345678"


async def test_points_of_an_unknown_card_are_held_then_given_to_its_member_with_the_stamp(
    hq: Hq, tills: Tills
) -> None:
    till = await tills.join()
    till.record(purchase(member=CARD))
    till.record(visit(member=CARD))
    await tills.send(till)
    assert hq.balances() == {}
    assert hq.exceptions() == [("member_unknown", CARD)]
    assert hq.members(MEMBERS).attached == 1
    assert hq.balances() == {"M1": 22}
    assert hq.exceptions() == []
    await tills.exchange(till)
    row = till.members["M1"]
    assert row.balance == 22
    assert row.stamp is not None
    assert row.stamp.seq == 2
    assert hq.sql("SELECT reference, member_id FROM attachments") == [(CARD, "M1")]


async def test_a_store_hears_of_a_member_of_another_store_who_was_seen_there(hq: Hq, tills: Tills) -> None:
    hq.members("member_id,name,home_store\nM1,A,S012\nM2,B,S012\n")
    visitor = await tills.join("S099")
    visitor.record(purchase(member="id:M1", store="S099"))
    await tills.send(visitor)
    assert set(visitor.members) == {"M1"}


async def test_what_comes_after_the_attachment_goes_straight_to_the_member(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1", member=CARD))
    await tills.send(till)
    hq.members(MEMBERS)
    till.record(purchase("2", member=CARD))
    till.record(void("1", at=NOW_MS + 1000))
    await tills.send(till)
    assert hq.balances() == {"M1": 12}
    assert hq.sql("SELECT 1 FROM held_receipts") == []


async def test_a_void_of_what_is_held_is_held_with_it(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1", member=CARD))
    await tills.send(till)
    till.record(void("1", at=NOW_MS + 1000))
    await tills.send(till)
    hq.members(MEMBERS)
    assert hq.balances().get("M1", 0) == 0


async def test_a_receipt_that_changes_hands_leaves_what_is_held(hq: Hq, tills: Tills) -> None:
    hq.members("member_id,name\nM2,B\n")
    one, other = await tills.join(), await tills.join()
    other.record(purchase(member=CARD, at=NOW_MS))
    await tills.send(other)
    one.record(purchase(member="id:M2", at=NOW_MS))
    await tills.send(one)
    assert hq.balances() == {"M2": 12}
    hq.members(MEMBERS)
    assert hq.balances().get("M1", 0) == 0
    assert hq.exceptions() == [("member_differs", "S012-T02.1.1")]


async def test_an_unknown_card_is_no_exception_once_nothing_waits_for_it(hq: Hq, tills: Tills) -> None:
    hq.members("member_id,name\nM2,B\n")
    one, other = await tills.join(), await tills.join()
    other.record(purchase("1", member=CARD))
    other.record(purchase("2", member=CARD))
    await tills.send(other)
    one.record(purchase("1", member="id:M2"))
    await tills.send(one)
    assert ("member_unknown", CARD) in hq.exceptions()
    one.record(purchase("2", member="id:M2"))
    await tills.send(one)
    assert ("member_unknown", CARD) not in hq.exceptions()
    other.record(purchase("3", member=CARD))
    await tills.send(other)
    assert ("member_unknown", CARD) in hq.exceptions()


async def test_a_dispute_of_a_card_and_a_hashed_phone_ends_when_the_phone_is_found(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    one, other = await tills.join(), await tills.join()
    one.record(purchase(member=CARD))
    other.record(purchase(member=hashed(PHONE, other.store_key)))
    await tills.send(one)
    await tills.send(other)
    assert ("member_differs", "S012-T02.1.1") in hq.exceptions()
    await tills.until(lambda: hq.exceptions() == [])
    assert hq.balances() == {"M1": 12}


async def test_a_dispute_ends_when_both_names_turn_out_to_be_one_member(hq: Hq, tills: Tills) -> None:
    hq.members("member_id,name\nM1,A\n")
    one, other = await tills.join(), await tills.join()
    one.record(purchase(member="id:M1"))
    other.record(purchase(member=CARD))
    await tills.send(one)
    await tills.send(other)
    assert hq.exceptions() == [("member_differs", "S012-T02.1.1")]
    hq.members(MEMBERS)
    assert hq.exceptions() == []
    assert hq.balances() == {"M1": 12}


async def test_a_card_that_is_a_members_id_names_that_member(hq: Hq, tills: Tills) -> None:
    hq.members("member_id,name\n77001,A\n")
    till = await tills.join()
    till.record(purchase(member="card:77001"))
    await tills.send(till)
    assert hq.balances() == {"77001": 12}


async def test_a_hashed_phone_of_a_known_member_is_found_in_the_background(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase(member=hashed(PHONE, till.store_key)))
    await tills.send(till)
    await tills.until(lambda: hq.balances() == {"M1": 12})
    assert hq.exceptions() == []
    till.record(purchase("2", member=hashed(PHONE, till.store_key)))
    await tills.send(till)
    assert hq.balances() == {"M1": 24}


async def test_a_hashed_phone_is_found_when_its_member_is_imported_later(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase(member=hashed(PHONE, till.store_key)))
    await tills.send(till)
    await tills.until(lambda: hq.sql("SELECT tried FROM held_hashes") == [(1,)])
    assert hq.members(MEMBERS).attached == 1
    assert hq.balances() == {"M1": 12}


async def test_a_hash_means_nothing_under_another_stores_key(hq: Hq, tills: Tills) -> None:
    one, other = await tills.join("S012"), await tills.join("S099")
    other.record(purchase(member=hashed(PHONE, one.store_key), store="S099"))
    await tills.send(other)
    assert hq.members(MEMBERS).attached == 0
    assert hq.balances() == {}


async def test_known_phones_are_tried_by_readers_while_tills_go_on_writing(
    hq: Hq, tills: Tills, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[str] = set()
    kind = PostgresqlTransaction if hq.url else SqliteTransaction
    each, all_rows = kind.each, kind.all

    def noted(real: Callable[..., Any]) -> Callable[..., Any]:
        def run(tx: Transaction, statement: str, **parameters: Value) -> Any:
            if statement == "accounts.phone_look_ups":
                threads.add(threading.current_thread().name)
            return real(tx, statement, **parameters)

        return run

    monkeypatch.setattr(kind, "each", noted(each))
    monkeypatch.setattr(kind, "all", noted(all_rows))
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase(member=hashed(PHONE, till.store_key)))
    await tills.send(till)
    await tills.until(lambda: hq.balances() == {"M1": 12})
    assert {name.rstrip("_0123456789") for name in threads} == {"hq-reader"}
