"""A receipt whose copies name its owner in different ways lies in one account, once, whatever came first."""

from __future__ import annotations

from itertools import permutations

import pytest

from hq_server.work import Version, Work
from loyalty_core.events import EventId
from loyalty_core.lookups import hashed
from loyalty_core.resolved import Item, Resolved
from loyalty_core.units import Day, EpochMs, Minute, Seq
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase, void
from tests.hq.test_audit import run_audit
from tests.hq.till import NOW_MS

ONE, OTHER, THIRD = "card:2000123456782", "card:2000123456799", "card:77001"
CARDS = ("2000123456782", "2000123456799", "77001")
PHONE = "phone:+821012345678"


def row(*cards: str) -> str:
    return f"member_id,lookups,phone,home_store\nM1,{';'.join(cards)},010-1234-5678,S012\n"


async def test_a_receipt_that_a_known_card_loses_to_a_new_one_of_its_member_is_not_lost(
    hq: Hq, tills: Tills
) -> None:
    hq.members(row(CARDS[0]))
    one, other = await tills.join(), await tills.join()
    other.record(purchase(member=ONE))
    await tills.send(other)
    one.record(purchase(member=OTHER))
    await tills.send(one)
    assert hq.balances() == {"M1": 0}
    hq.members(row(*CARDS))
    assert hq.balances() == {"M1": 12}
    run_audit(hq)


@pytest.mark.parametrize("cards", list(permutations(CARDS)))
async def test_a_receipt_of_two_unknown_cards_is_kept_in_whatever_order_one_row_names_them(
    hq: Hq, tills: Tills, cards: tuple[str, ...]
) -> None:
    one, other = await tills.join(), await tills.join()
    other.record(purchase(member=ONE))
    await tills.send(other)
    one.record(purchase(member=OTHER))
    await tills.send(one)
    hq.members(row(*cards))
    assert hq.balances() == {"M1": 12}
    run_audit(hq)


@pytest.mark.parametrize("names", list(permutations((ONE, OTHER, THIRD))))
@pytest.mark.parametrize("imported_after", range(4))
async def test_three_names_of_one_member_earn_once_in_any_order_of_arrival_and_import(
    hq: Hq, tills: Tills, names: tuple[str, ...], imported_after: int
) -> None:
    joined = {name: await tills.join() for name in (ONE, OTHER, THIRD)}
    for count, name in enumerate(names):
        if count == imported_after:
            hq.members(row(*CARDS[:2]))
        joined[name].record(purchase(member=name))
        await tills.send(joined[name])
    hq.members(row(*reversed(CARDS)))
    assert hq.balances() == {"M1": 12}
    run_audit(hq)
    joined[ONE].record(void(at=NOW_MS + 1))
    await tills.send(joined[ONE])
    assert hq.balances() == {"M1": 0}


async def test_a_receipt_that_goes_from_a_card_to_the_hashed_phone_of_its_member_is_not_lost(
    hq: Hq, tills: Tills
) -> None:
    hq.members(row(CARDS[0]))
    one, other = await tills.join(), await tills.join()
    other.record(purchase(member=ONE))
    await tills.send(other)
    one.record(purchase(member=hashed(PHONE, one.store_key)))
    await tills.send(one)
    await tills.until(lambda: hq.balances() == {"M1": 12})
    run_audit(hq)


@pytest.mark.parametrize("gone_first", [True, False])
def test_of_one_version_the_receipt_that_stands_stays_in_the_work(gone_first: bool) -> None:
    item = Item(EventId("T", 1, 0, Seq(1)), EpochMs(0), "visit", "S012", Minute(0), (), ())
    stands = Version(2, Resolved(Day(1), item, ()), b"x")
    gone = Version(2, None, None)
    work = Work()
    for version in (gone, stands) if gone_first else (stands, gone):
        work.put("M1", 1, "r", version)
    assert work.days == {("M1", 1): {"r": stands}}


@pytest.mark.parametrize("statement", ["accounts.put_resolved", "accounts.hold_receipt"])
@pytest.mark.parametrize("gone_first", [True, False])
def test_of_one_version_the_receipt_that_stands_stays_in_the_tables(
    hq: Hq, statement: str, gone_first: bool
) -> None:
    held = statement.endswith("hold_receipt")
    for blob in (None, b"x") if gone_first else (b"x", None):
        values = (0, "card:1", "r", 1, 2, blob) if held else (0, "M1", 1, "r", 2, blob, 0)
        with hq.writing() as tx:
            tx.many(statement, [values])
    kept = "SELECT version, resolved FROM member_receipts UNION SELECT version, resolved FROM held_receipts"
    assert hq.sql(kept) == [(2, b"x")]
