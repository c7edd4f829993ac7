"""Headquarters restored from a backup, and one that is another."""

from __future__ import annotations

from loyalty_core.messages import Incarnation, Page
from tests.edge.fake_hq import FakeHq
from tests.edge.made import OTHER_CARD, member
from tests.edge.sync.linked_till import LinkedTill


async def test_an_older_headquarters_is_not_listened_to(till: LinkedTill, hq: FakeHq) -> None:
    hq.life = Incarnation(2, b"second")
    await till.turn()
    hq.life = Incarnation(1, b"first")
    hq.pages = [Page(3, 0, 5, (member(),))]
    await till.turn()
    assert ((await till.link()).error_code, await till.cursor(3)) == ("hq_older", 0)


async def test_another_headquarters_of_the_same_count_is_not_listened_to(
    till: LinkedTill, hq: FakeHq
) -> None:
    hq.life = Incarnation(1, b"clone")
    await till.sell(1)
    await till.turn()
    assert ((await till.link()).error_code, await till.waiting()) == ("hq_other", 1)


async def test_a_restored_headquarters_is_filled_again_from_what_it_has(till: LinkedTill, hq: FakeHq) -> None:
    hq.pages = [Page(3, 0, 5, (member(),))]
    await till.sell(1, 2, 3)
    await till.turn()
    kept = hq.journal()
    del kept.records[1:], kept.hashes[2:]
    hq.life = Incarnation(2, b"restored")
    hq.pages = []
    await till.turn()
    assert (await till.cursor(3), (await till.link()).error_code) == (0, None)
    await till.turn()
    assert (hq.journal().head, await till.waiting()) == (3, 0)


async def test_whom_a_restored_headquarters_does_not_tell_of_any_more_is_forgotten_once_it_has_told_all(
    till: LinkedTill, hq: FakeHq
) -> None:
    hq.pages = [Page(3, 0, 5, (member(), member("M2", OTHER_CARD)))]
    await till.turn()
    hq.life, hq.pages = Incarnation(2, b"restored"), []
    await till.turn()
    assert await till.members() == ["M1", "M2"]
    hq.pages, hq.next_in_ms = [Page(3, 0, 4, (member("M2", OTHER_CARD),))], 0
    await till.turn()
    assert await till.members() == ["M1", "M2"]
    hq.pages, hq.next_in_ms = [], 60_000
    await till.turn()
    assert await till.members() == ["M2"]
    await till.turn()
    assert await till.members() == ["M2"]
