"""What comes down from headquarters: members' pages and programmes."""

from __future__ import annotations

from functools import partial
from typing import Any

import msgspec
import pytest

from edge_agent.recorder import Recorder
from edge_agent.store import members, programmes
from loyalty_core.lookups import hashed
from loyalty_core.messages import Page
from tests.edge.fake_hq import OTHER_KEY, FakeHq
from tests.edge.made import CARD, MOONLIGHT, STORE_KEY, member, programme, stamp
from tests.edge.sync.linked_till import LinkedTill


async def test_more_to_fetch_is_fetched_at_once(till: LinkedTill, hq: FakeHq) -> None:
    hq.next_in_ms = 0
    hq.pages = [Page(3, 0, 5, (member(),))]
    assert await till.turn() == 0


# Members.


async def test_a_page_applies_only_from_where_the_till_stands(till: LinkedTill, hq: FakeHq) -> None:
    hq.pages = [Page(3, 0, 5, (member(balance=100),))]
    await till.turn()
    hq.pages = [Page(3, 0, 9, (member(balance=1),)), Page(3, 4, 9, (member(balance=2),))]
    await till.turn()
    assert (await till.balance(), await till.cursor(3)) == (100, 5)
    hq.pages = [Page(3, 5, 6, (member(balance=103),)), Page(3, 6, 8, (member(balance=104),))]
    await till.turn()
    assert (await till.balance(), await till.cursor(3)) == (104, 8)
    assert hq.asked[-1].cursors.buckets[3] == 5


async def test_a_page_that_comes_twice_changes_nothing(till: LinkedTill, hq: FakeHq) -> None:
    hq.pages = [Page(3, 0, 5, (member(),))] * 2
    await till.turn()
    await till.turn()
    assert (await till.balance(), await till.cursor(3)) == (100, 5)


async def test_the_balance_is_the_same_before_and_after_headquarters_posts(
    till: LinkedTill, hq: FakeHq
) -> None:
    hq.pages = [Page(3, 0, 1, (member(balance=100),))]
    await till.turn()
    await till.sell(1, 2)
    before = await till.balance()
    hq.pages = [Page(3, 1, 2, (member(balance=124, stamp=stamp(2)),))]
    await till.turn()
    assert (before, await till.balance()) == (124, 124)


async def test_an_unknown_card_is_given_to_its_member_by_a_page(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1)
    hq.pages = [Page(3, 0, 1, (member(balance=50),))]
    await till.turn()
    assert await till.balance() == 62


async def test_a_member_who_is_gone_is_forgotten(till: LinkedTill, hq: FakeHq) -> None:
    hq.pages = [Page(3, 0, 1, (member(),)), Page(3, 1, 2, (member(gone=True),))]
    await till.turn()
    assert await till.reader.do(members.count) == 0
    look_ups = [hashed(f"card:{CARD}", STORE_KEY)]
    assert await till.reader.do(lambda conn: members.find(conn, look_ups)) is None


async def test_of_a_member_who_comes_twice_in_one_answer_the_last_word_stands(
    till: LinkedTill, hq: FakeHq
) -> None:
    first, last = member(gone=True), member(balance=7)
    hq.pages = [Page(3, 0, 1, (first,)), Page(3, 1, 2, (last,)), Page(4, 0, 9, (member("M2", "8801"),))]
    await till.turn()
    assert (await till.balance(), await till.cursor(3), await till.cursor(4)) == (7, 2, 9)
    assert await till.reader.do(members.count) == 2


async def test_a_card_that_is_no_longer_told_of_is_unknown_and_one_that_moves_is_the_others(
    till: LinkedTill, hq: FakeHq
) -> None:
    forms = {name: hashed(f"card:{name}", STORE_KEY) for name in ("8801", "8802", "8803")}
    one = member("M1", look_ups=(forms["8801"], forms["8802"]))
    other = member("M2", look_ups=(forms["8803"],))
    hq.pages = [Page(3, 0, 1, (one, other))]
    await till.turn()
    one = member("M1", look_ups=(forms["8801"],))
    other = member("M2", look_ups=(forms["8802"],))
    hq.pages = [Page(3, 1, 2, (other, one))]
    await till.turn()
    found = [await till.reader.do(partial(members.find, look_ups=[form])) for form in forms.values()]
    assert [row and row.member_id for row in found] == ["M1", "M2", None]


@pytest.mark.parametrize(
    "changed",
    [
        {"period_id": "zzzz"},
        {"balance": 2**63},
        {"qualifying": -(2**63) - 1},
        {"stamp": msgspec.structs.replace(stamp(1), seq=2**53), "balance": 2**64 - 1},
    ],
)
async def test_a_member_row_that_cannot_be_is_not_taken_and_sales_go_on(
    till: LinkedTill, hq: FakeHq, changed: dict[str, Any]
) -> None:
    hq.pages = [Page(3, 0, 1, (member(**changed),))]
    await till.turn()
    assert (await till.link()).error_code == "hq_nonsense"
    assert await till.cursor(3) == 0
    await till.sell(1)
    assert await till.balance() == 12


# Programmes.


async def test_a_new_programme_is_taken_once_and_rules_from_then_on(till: LinkedTill, hq: FakeHq) -> None:
    double = MOONLIGHT.replace("points = 1\nper", "points = 2\nper")
    hq.programmes = [programme(8, double)]
    await till.turn()
    await till.turn()
    await till.sell(1)
    assert (await till.balance(), await till.reader.do(programmes.highest)) == (24, 8)
    assert hq.asked[-1].cursors.programme_version == 8


async def test_a_damaged_programme_is_asked_for_again_while_the_till_sells(
    till: LinkedTill, hq: FakeHq
) -> None:
    hq.programmes = [programme(), programme(8)]
    await till.turn()
    await till.writer.do(lambda conn: conn.execute("UPDATE programme SET envelope = zeroblob(20)"))
    till.recorder = Recorder(till.config, till.clock)
    await till.sell(1)
    assert await till.balance() == 0, "no sale is refused, and no rules are made up"
    hq.programmes = [programme(8)]
    await till.turn()
    link = await till.link()
    assert (link.error_code, await till.waiting()) == ("programme_damaged", 0)
    assert "rules version 7 is damaged" in str(link.error)
    hq.programmes = [programme(), programme(8)]
    await till.turn()
    assert hq.asked[-1].cursors.programme_version == 0
    assert (await till.link()).error_code is None
    await till.turn()
    assert hq.asked[-1].cursors.programme_version == 8
    await till.sell(2)
    assert await till.balance() == 24, "the whole day has its points"


async def test_one_damaged_key_makes_no_programme_a_damaged_one(till: LinkedTill, hq: FakeHq) -> None:
    await till.writer.do(lambda conn: conn.execute("UPDATE hq_key SET public_key = zeroblob(32)"))
    await till.sell(1)
    assert await till.balance() == 12
    await till.turn()
    assert hq.asked[-1].cursors.programme_version == 7


@pytest.mark.parametrize("text", ["schema = 99\n" + MOONLIGHT, "not toml", MOONLIGHT + "\nnew_key = 1\n"])
async def test_a_programme_that_cannot_be_read_leaves_the_old_rules(
    till: LinkedTill, hq: FakeHq, text: str
) -> None:
    hq.programmes = [programme(8, text)]
    await till.sell(1)
    await till.turn()
    assert await till.reader.do(programmes.highest) == 7
    assert ((await till.link()).error_code, await till.waiting()) == (None, 0)
    assert await till.balance() == 12


async def test_a_programme_of_another_key_is_refused_with_all_beside_it(till: LinkedTill, hq: FakeHq) -> None:
    hq.programmes = [programme(8, key=OTHER_KEY)]
    hq.pages = [Page(3, 0, 1, (member(),))]
    await till.turn()
    assert ((await till.link()).error_code, await till.cursor(3)) == ("hq_wrong_key", 0)


async def test_a_programme_of_another_name_is_refused(till: LinkedTill, hq: FakeHq) -> None:
    hq.programmes = [programme(8, MOONLIGHT.replace('programme = "moonlight"', 'programme = "sunshine"'))]
    await till.turn()
    assert (await till.link()).error_code == "hq_other"
