"""Tills that were set back, idle copies, and epochs that are over."""

from __future__ import annotations

from hq_server.lineage import Journals
from loyalty_core.lineage import Segment
from loyalty_core.messages import Ask, Directive, Stamp
from tests.hq.branching import audited, codes, detail, everything, journals, selling, stamp
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase

# Tills that were set back, and idle copies


async def test_a_till_that_was_set_back_is_told_so_and_what_it_lacks_and_nothing_is_written(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 3)
    image = till.copied()
    image.records = image.records[:2]
    before = everything(hq)
    reply = await tills.send(image)
    assert codes(reply) == ["journal_behind"]
    assert reply.directives == ()
    assert image.acknowledged(reply) == {1: 2}
    assert image.lacking(reply) == till.hashes()[3]
    assert everything(hq) == before


async def test_it_gets_an_epoch_of_its_own_once_it_names_what_it_lacks(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 3)
    image = till.copied()
    image.records = image.records[:2]
    image.lacks = image.lacking(await tills.exchange(image))
    for _ in range(3):
        reply = await tills.exchange(image)
        assert (codes(reply), reply.directives) == (["journal_behind"], (Directive("epoch", 2),))
    assert hq.exceptions() == [("journal_behind", "S012-T01.2")]
    said = detail(hq, "journal_behind")
    for words in (
        "ends at record 2 of epoch 1",
        "holds 3 of epoch 1",
        "goes on in epoch 2",
        "no second machine",
    ):
        assert words in said
    image.begin(2)
    image.record(purchase("9"))
    assert image.acknowledged(await tills.send(image)) == {2: 1}
    assert journals(hq) == [(1, 0, 3, None, None, None), (2, 0, 1, 1, 0, 2)]
    assert hq.balances() == {"M1": 4 * 12}
    audited(hq)


async def test_what_is_named_as_lacking_must_be_what_headquarters_holds_beyond(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 3)
    image = till.copied()
    image.records = image.records[:2]
    for lacks in (b"x" * 32, till.hashes()[2], till.hashes()[1]):
        image.lacks = lacks
        assert (await tills.exchange(image)).directives == ()
    till.lacks = till.hashes()[3]
    assert (await tills.exchange(till)).directives == ()
    assert hq.sql("SELECT 1 FROM allotted_epochs") == []


async def test_one_that_sold_on_between_question_and_answer_is_a_branch(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 3)
    image = till.copied()
    image.records = image.records[:2]
    image.lacks = image.lacking(await tills.exchange(image))
    assert (await tills.exchange(image)).directives == (Directive("epoch", 2),)
    image.record(purchase("9"))
    image.begin(2)
    image.record(purchase("10"))
    reply = await tills.send(image, image.batch(3, epoch=1), image.batch())
    assert (reply.refusals, reply.directives) == ((), ())
    assert journals(hq) == [(1, 0, 3, None, None, None), (1, 1, 3, 1, 0, 2), (2, 0, 1, 1, 1, 3)]
    assert stamp(image) == Stamp(2, 0, 1)
    assert hq.balances() == {"M1": 5 * 12}
    audited(hq)


async def test_a_till_that_was_set_back_twice_to_one_image_finds_an_epoch_of_its_own(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 3)
    image = till.copied()
    image.records = image.records[:2]
    for number in ("8", "9"):
        again = image.copied()
        while (reply := await tills.exchange(again)).refusals:
            again.lacks = again.lacking(reply)
            for directive in (await tills.exchange(again)).directives:
                again.begin(directive.argument)
        again.record(purchase(number))
        await tills.send(again)
    assert journals(hq) == [(1, 0, 3, None, None, None), (2, 0, 1, 1, 0, 2), (3, 0, 1, 1, 0, 2)]
    assert hq.balances() == {"M1": 5 * 12}
    audited(hq)


async def test_one_set_back_to_the_end_of_an_earlier_epoch_lacks_the_later_one(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 2)
    image = till.copied()
    image.records = image.records[:1]
    image.lacks = image.lacking(await tills.exchange(image))
    await tills.exchange(image)
    later = image.copied()
    later.begin(2)
    later.record(purchase("8"))
    await tills.send(later)
    later.begin(3)
    later.record(purchase("9"))
    hq.sql("UPDATE terminals SET epoch = 3")
    await tills.send(later)
    back_to = later.copied()
    back_to.epoch, back_to.records = 2, back_to.past.pop(2)
    reply = await tills.exchange(back_to)
    assert codes(reply) == ["journal_behind"]
    back_to.lacks = back_to.lacking(reply)
    assert (await tills.exchange(back_to)).directives == (Directive("epoch", 4),)


async def test_an_idle_copy_gets_an_epoch_before_it_sells_and_the_other_goes_on(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(purchase("2"))
    await tills.send(till)
    copy.lacks = copy.lacking(await tills.exchange(copy))
    assert (await tills.exchange(copy)).directives == (Directive("epoch", 2),)
    copy.begin(2)
    assert (await tills.exchange(copy)).refusals == ()
    for number in ("3", "4"):
        till.record(purchase(number))
        assert (await tills.send(till)).refusals == ()
        copy.record(purchase(f"c{number}"))
        assert (await tills.send(copy)).refusals == ()
    assert hq.balances() == {"M1": 6 * 12}
    assert [kind for kind, _ in hq.exceptions()] == ["journal_behind"]
    audited(hq)


async def test_an_old_request_that_somebody_repeats_changes_nothing(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    old = [till.exchange_request([till.batch()], asks=[Ask("R1", "id:M1", 1)])]
    till.record(purchase("2"))
    await tills.send(till)
    image = till.copied()
    image.records = image.records[:1]
    image.lacks = image.lacking(await tills.exchange(image))
    old.append(image.exchange_request())
    await tills.exchange(image)
    image.begin(2)
    image.record(purchase("3"))
    old.append(image.exchange_request([image.batch()]))
    await tills.send(image)
    image.record(purchase("4"))
    await tills.send(image)
    before = everything(hq)
    for body in [*old, *old]:
        assert (await tills.client.post("/v1/exchange", data=body)).status == 200
    assert everything(hq) == before


# Older epochs


async def test_a_fork_in_an_older_epoch_needs_no_new_one(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 2)
    copy = till.copied()
    copy.records = copy.records[:1]
    copy.record(purchase("4"))
    copy.begin(2)
    copy.record(purchase("5"))
    reply = await tills.send(copy, copy.batch(2, epoch=1))
    assert (reply.refusals, reply.directives) == ((), ())
    assert copy.acknowledged(reply) == {1: 2}
    assert hq.exceptions() == [("fork", "S012-T01.1.b1")]
    assert "goes on in epoch 2" in detail(hq, "fork")
    reply = await tills.send(copy)
    assert (reply.directives, copy.acknowledged(reply)) == ((), {2: 1})
    assert journals(hq)[1:] == [(1, 1, 2, 1, 0, 1), (2, 0, 1, 1, 1, 2)]
    assert stamp(copy) == Stamp(2, 0, 1)
    audited(hq)


async def test_a_restored_headquarters_takes_epochs_that_it_forgot_and_allots_later_ones(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 1)
    till.begin(4)
    till.record(purchase("2"))
    assert (await tills.send(till)).refusals == ()
    assert hq.sql("SELECT epoch FROM terminals") == [(4,)]
    copy = till.copied()
    till.record(purchase("3"))
    copy.record(purchase("4"))
    await tills.send(till)
    assert (await tills.send(copy)).directives == (Directive("epoch", 5),)
    assert journals(hq)[1] == (4, 0, 2, 1, 0, 1)
    audited(hq)


async def test_a_till_may_begin_as_many_epochs_as_it_likes(hq: Hq, tills: Tills) -> None:
    await selling(tills, 1)
    epochs = "WITH RECURSIVE e(n) AS (SELECT 2 UNION ALL SELECT n + 1 FROM e WHERE n < 3000)"
    hq.tamper(
        f"{epochs} INSERT INTO heads (store_id, terminal_id, epoch, branch, seq, hash)"
        " SELECT 'S012', 'S012-T01', n, 0, 1, x'" + "00" * 32 + "' FROM e",
        f"{epochs} INSERT INTO journals (store_id, terminal_id, epoch, branch, parent_epoch, parent_branch,"  # noqa: S608
        " parent_seq) SELECT 'S012', 'S012-T01', n, 0, n - 1, 0, 1 FROM e",
    )
    with hq.reading() as tx:
        lineage = Journals(tx, "S012", "S012-T01").lineage(Segment(3000, 0, 1))
    assert lineage == [Segment(epoch, 0, 1) for epoch in range(1, 3001)]
