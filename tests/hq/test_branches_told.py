"""What two machines of one terminal are told of members, and what both of them did."""

from __future__ import annotations

from loyalty_core.messages import Ask, Stamp
from tests.hq.accounts import REDEEM
from tests.hq.branching import audited, codes, selling, stamp
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import back, purchase, visit, visit_void
from tests.hq.till import NOW_MS

# What is told of members


async def test_each_copy_is_told_how_far_its_own_records_are_posted(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 2)
    copy = till.copied()
    for number in ("3", "4", "5"):
        till.record(purchase(number))
    await tills.send(till)
    copy.record(visit("id:M2"))
    await tills.send(copy)
    assert stamp(till) == Stamp(1, 0, 5)
    assert stamp(copy) == Stamp(1, 0, 2)
    copy.record(purchase("6"))
    await tills.send(copy)
    await tills.exchange(till)
    assert (stamp(till), stamp(copy)) == (Stamp(1, 0, 5), Stamp(1, 0, 4))
    assert till.members["M1"].balance == copy.members["M1"].balance == 6 * 12


async def test_a_till_that_was_set_back_counts_nothing_of_what_it_lost_as_its_own(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 3)
    image = till.copied()
    image.records = image.records[:2]
    image.lacks = image.lacking(await tills.exchange(image))
    await tills.exchange(image)
    image.begin(2)
    image.cursors = []
    await tills.exchange(image)
    assert stamp(image) == Stamp(1, 0, 2)
    image.record(purchase("9"))
    await tills.send(image)
    assert stamp(image) == Stamp(2, 0, 1)


async def test_a_till_that_cannot_be_placed_is_told_of_no_members_and_holds_nothing(
    hq: Hq, tills: Tills
) -> None:
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + REDEEM)
    till = await selling(tills, 5)
    till.cursors = []
    unsent = till.copied()
    for number in ("6", "7"):
        unsent.record(purchase(number))
    reply = await tills.exchange(unsent, [unsent.batch(7)], asks=[Ask("R1", "id:M1", 10)])
    assert (codes(reply), reply.pages, reply.answers) == (["gap"], (), ())
    reply = await tills.exchange(unsent, [unsent.batch(6, 6)], asks=[Ask("R1", "id:M1", 10)])
    assert (len(reply.pages), reply.answers[0].granted) == (1, 10)


async def test_a_till_whose_earlier_epoch_is_not_held_is_told_of_no_members(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 2)
    till.cursors = []
    till.begin(2)
    till.past[1].append(till.past[1][0])
    till.record(purchase("3"))
    assert (await tills.send(till)).pages == ()
    assert (await tills.send(till, till.batch(3, epoch=1))).pages
    assert stamp(till) == Stamp(2, 0, 1)


async def test_a_till_of_whose_earlier_epoch_a_part_is_held_is_told_of_no_members(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 2)
    till.cursors = []
    till.begin(2)
    till.past[1] += [till.past[1][0], till.past[1][1]]
    till.record(purchase("3"))
    assert (await tills.send(till)).pages == ()
    assert (await tills.send(till, till.batch(3, 3, epoch=1))).pages == ()
    assert (await tills.send(till, till.batch(4, epoch=1))).pages
    assert stamp(till) == Stamp(2, 0, 1)


# What the copies did both


async def test_a_receipt_that_both_copies_took_counts_once(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    for one in (till, copy):
        one.record(visit("id:M2"))
        one.record(purchase("2", at=NOW_MS + len(one.records)))
        one.record(back("r1", of="1", net=12_990))
    till.record(visit("id:M2"))
    await tills.send(till)
    await tills.send(copy)
    assert hq.balances()["M1"] == 12
    audited(hq)


async def test_a_visit_with_the_same_key_of_the_tills_software_is_one_on_every_branch_and_in_every_epoch(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(purchase("2"))
    till.record(visit(), "visit-1")
    copy.record(visit(), "visit-1")
    await tills.send(till)
    await tills.send(copy)
    copy.begin(2)
    copy.record(visit(), "visit-1")
    await tills.send(copy)
    assert hq.balances() == {"M1": 2 * 12 + 10}
    assert [kind for kind, _ in hq.exceptions()] == ["fork"]
    audited(hq)


async def test_another_visit_with_that_key_is_an_exception_and_the_first_stands(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(visit(at=NOW_MS), "visit-1")
    copy.record(visit(at=NOW_MS + 60_000), "visit-1")
    await tills.send(copy)
    await tills.send(till)
    assert hq.balances() == {"M1": 12 + 10}
    assert ("copy_differs", "S012-T01.1.2") in hq.exceptions() or (
        "copy_differs",
        "S012-T01.1.b1.2",
    ) in hq.exceptions()
    audited(hq)


async def test_a_visit_is_undone_along_the_journal_of_the_till_that_undoes_it(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    till.record(visit())
    await tills.send(till)
    copy = till.copied()
    till.record(purchase("2"))
    copy.record(visit_void(2))
    await tills.send(till)
    await tills.send(copy)
    assert hq.balances() == {"M1": 24}
    copy.record(visit(at=NOW_MS + 5))
    await tills.send(copy)
    assert hq.balances() == {"M1": 34}
    copy.begin(2)
    copy.record(visit_void(4))
    await tills.send(copy)
    assert hq.balances() == {"M1": 24}
    assert [kind for kind, _ in hq.exceptions()] == ["fork"]
    audited(hq)


async def test_what_another_copy_recorded_at_that_place_is_not_undone(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(visit())
    till.record(purchase("2"))
    copy.record(purchase("3"))
    copy.record(visit_void(2))
    await tills.send(till)
    await tills.send(copy)
    assert hq.balances() == {"M1": 3 * 12 + 10}
    assert ("original_missing", "S012-T01.1.b1.3") in hq.exceptions()
    audited(hq)


async def test_a_void_of_a_later_record_undoes_nothing_however_it_arrives(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    till.record(visit_void(3))
    till.record(visit())
    await tills.send(till, till.batch(2, 2), till.batch(3, 3))
    assert hq.balances() == {"M1": 22}
    assert hq.exceptions() == [("original_missing", "S012-T01.1.2")]
    audited(hq)
