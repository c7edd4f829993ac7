"""One terminal on two machines: journals that part, tills that were set back, and who is told what."""

from __future__ import annotations

import pytest

from hq_server.audit import Difference, audit
from hq_server.lineage import Journals
from hq_server.reconcile import Wanted, open_exceptions
from hq_server.store.connection import reading
from hq_server.store.database import opened
from hq_server.store.sqlite import sqlite3
from loyalty_core.lineage import Segment
from loyalty_core.messages import BATCH_RECORDS_MAX, Ask, Directive, Reply, Stamp
from tests.hq.accounts import REDEEM
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import back, purchase, visit, visit_void
from tests.hq.till import NOW_MS, Till

MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n"


def audited(hq: Hq) -> int:
    """Return how many events the audit went over, all as they should be."""
    with opened(hq.config.database_path) as connection, reading(connection) as tx:
        return audit(tx, hq.public_key, lambda part, count: None).events


def everything(hq: Hq) -> dict[str, list[tuple[object, ...]]]:
    """Return all that stands in the database."""
    tables = hq.sql("SELECT name FROM sqlite_schema WHERE type = 'table'")
    return {name: hq.sql(f"SELECT * FROM {name}") for (name,) in tables}  # noqa: S608


def journals(hq: Hq) -> list[tuple[object, ...]]:
    """Return every journal: epoch, branch, its last record, and what it follows."""
    return hq.sql(
        "SELECT epoch, branch, seq, parent_epoch, parent_branch, parent_seq FROM heads JOIN journals"
        " USING (store_id, terminal_id, epoch, branch) ORDER BY terminal_id, epoch, branch"
    )


def codes(reply: Reply) -> list[str]:
    return [one.code for one in reply.refusals]


def detail(hq: Hq, kind: str) -> str:
    """Return what the one exception of a kind says."""
    with opened(hq.config.database_path) as connection, reading(connection) as tx:
        (found,) = open_exceptions(tx, hq.clock(), Wanted(kind=kind))
    return found.detail


def stamp(till: Till) -> Stamp | None:
    return till.members["M1"].stamp


async def selling(tills: Tills, count: int) -> Till:
    """Return a till that has sold so often, twelve points each, all of which is at headquarters."""
    tills.hq.members(MEMBERS)
    till = await tills.join()
    for number in range(1, count + 1):
        till.record(purchase(str(number)))
    await tills.send(till)
    return till


# Forks


async def test_both_stories_of_a_copied_disk_count_and_what_they_share_counts_once(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 2)
    copy = till.copied()
    till.record(purchase("3"))
    copy.record(purchase("4"))
    copy.record(purchase("5"))
    assert (await tills.send(till)).directives == ()
    reply = await tills.send(copy)
    assert (codes(reply), copy.acknowledged(reply)) == ([], {1: 4})
    assert hq.balances() == {"M1": 5 * 12}
    assert journals(hq) == [(1, 0, 3, None, None, None), (1, 1, 4, 1, 0, 2)]
    assert audited(hq) == 5


async def test_a_till_on_a_branch_gets_the_next_epoch_once_however_often_it_asks(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(purchase("2"))
    copy.record(purchase("3"))
    await tills.send(till)
    for _ in range(3):
        assert (await tills.send(copy)).directives == (Directive("epoch", 2),)
    copy.record(purchase("4"))
    assert (await tills.send(copy, copy.batch(3))).directives == (Directive("epoch", 2),)
    assert (await tills.send(till)).directives == ()
    assert hq.sql("SELECT epoch FROM terminals") == [(2,)]
    copy.begin(2)
    copy.record(purchase("5"))
    reply = await tills.send(copy)
    assert (reply.directives, copy.acknowledged(reply)) == ((), {2: 1})
    assert journals(hq)[-1] == (2, 0, 1, 1, 1, 3)
    assert hq.balances() == {"M1": 5 * 12}
    audited(hq)


async def test_a_fork_is_an_exception_that_says_what_happened_and_what_to_look_at(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(purchase("2"))
    copy.record(purchase("3"))
    await tills.send(till)
    await tills.send(copy)
    await tills.send(copy)
    assert hq.exceptions() == [("fork", "S012-T01.1.b1")]
    said = detail(hq, "fork")
    for words in ("from record 2 of epoch 1", "branch 1", "goes on in epoch 2", "two machines"):
        assert words in said


async def test_two_copies_that_talk_by_turns_go_on_each_on_its_own_branch(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 2)
    copy = till.copied()
    for number in range(10, 16):
        one = copy if number % 2 else till
        one.record(purchase(str(number)))
        await tills.send(one, one.batch(len(one.records)))
    assert journals(hq) == [(1, 0, 5, None, None, None), (1, 1, 5, 1, 0, 2)]
    assert hq.balances() == {"M1": 8 * 12}
    audited(hq)


async def test_a_copy_of_a_copy_is_a_branch_of_a_branch(hq: Hq, tills: Tills) -> None:
    first = await selling(tills, 1)
    second = first.copied()
    first.record(purchase("2"))
    second.record(purchase("3"))
    second.record(purchase("4"))
    third = second.copied()
    third.record(purchase("5"))
    second.record(purchase("6"))
    await tills.send(first)
    await tills.send(second)
    assert (await tills.send(third)).directives == (Directive("epoch", 3),)
    assert journals(hq) == [
        (1, 0, 2, None, None, None),
        (1, 1, 4, 1, 0, 1),
        (1, 2, 4, 1, 1, 3),
    ]
    assert hq.balances() == {"M1": 6 * 12}
    audited(hq)


async def test_a_branch_that_leaves_at_the_very_first_record_shares_nothing(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    copy = till.copied()
    till.record(purchase("1"))
    copy.record(purchase("2"))
    for one in (till, copy, till, copy):
        assert one.acknowledged(await tills.send(one)) == {1: 1}
    assert journals(hq) == [(1, 0, 1, None, None, None), (1, 1, 1, None, None, None)]
    assert hq.balances() == {"M1": 24}
    audited(hq)


async def test_a_run_that_parts_in_its_middle_is_kept_from_there_and_acknowledged_whole(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 3)
    copy = till.copied()
    copy.records = copy.records[:2]
    copy.record(purchase("7"))
    copy.record(purchase("8"))
    reply = await tills.send(copy, copy.batch(1, 3), copy.batch(4, 4))
    assert copy.acknowledged(reply) == {1: 4}
    assert hq.sql("SELECT first_seq, last_seq FROM batches WHERE branch = 1") == [(3, 3), (4, 4)]
    audited(hq)


async def test_one_that_parted_earlier_than_it_sends_is_asked_for_ever_earlier_records(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(visit())
    copy = till.copied()
    for each, member in ((till, "id:M1"), (copy, "id:M2")):
        for minute in range(2 * BATCH_RECORDS_MAX + 10):
            each.record(visit(member, at=NOW_MS + minute))
    for first in range(1, len(till.records) + 1, BATCH_RECORDS_MAX):
        await tills.send(till, till.batch(first, min(len(till.records), first + BATCH_RECORDS_MAX - 1)))
    first, asked = len(copy.records), []
    while True:
        last = min(len(copy.records), first + BATCH_RECORDS_MAX - 1)
        reply = await tills.send(copy, copy.batch(first, last))
        if reply.refusals == ():
            break
        assert (codes(reply), reply.pages) == (["fork"], ())
        first = reply.refusals[0].need_seq
        asked.append(first)
    assert asked == [1011, 11, 1]
    assert not [kind for kind, _ in hq.exceptions() if kind == "journal_behind"]
    assert journals(hq)[1][:3] == (1, 1, BATCH_RECORDS_MAX)


async def test_a_copy_whose_head_is_not_held_and_that_brings_nothing_is_asked_for_its_records(
    hq: Hq, tills: Tills
) -> None:
    till = await selling(tills, 3)
    copy = till.copied()
    copy.records = copy.records[:1]
    copy.record(purchase("8"))
    reply = await tills.exchange(copy)
    (refusal,) = reply.refusals
    assert (refusal.code, refusal.epoch, refusal.need_seq, reply.pages) == ("fork", 1, 1, ())
    assert hq.exceptions() == []


async def test_a_copy_that_lost_an_answer_is_acknowledged_again(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 2)
    copy = till.copied()
    till.record(purchase("3"))
    await tills.send(till)
    copy.record(purchase("4"))
    for _ in range(2):
        assert copy.acknowledged(await tills.send(copy, copy.batch(3))) == {1: 3}
    assert till.acknowledged(await tills.send(till, till.batch(1, 2))) == {1: 3}
    assert copy.acknowledged(await tills.send(copy, copy.batch(1, 2))) == {1: 3}
    assert len(hq.sql("SELECT 1 FROM batches")) == 3


async def test_an_epoch_has_so_many_branches_and_no_more(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    image = till.copied()
    refused = []
    for number in range(2, 67):
        copy = image.copied()
        copy.record(purchase(str(number)))
        refused += codes(await tills.send(copy))
    assert refused == ["branches_too_many"]
    assert len(journals(hq)) == 64
    assert hq.balances() == {"M1": 65 * 12}


async def test_a_chain_that_begins_like_no_journal_of_the_terminal_is_refused_whole(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase("1"))
    other = till.copied()
    other.epoch = 7
    forged = till.copied()
    forged.hashes = lambda epoch=None: other.hashes()  # type: ignore[method-assign]
    assert codes(await tills.send(till, forged.batch())) == ["chain_broken"]
    assert hq.sql("SELECT 1 FROM heads") == []


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
        f"{epochs} INSERT INTO heads (store_id, terminal_id, epoch, branch, seq, hash)"  # noqa: S608
        " SELECT 'S012', 'S012-T01', n, 0, 1, zeroblob(32) FROM e",
        f"{epochs} INSERT INTO journals (store_id, terminal_id, epoch, branch, parent_epoch, parent_branch,"  # noqa: S608
        " parent_seq) SELECT 'S012', 'S012-T01', n, 0, n - 1, 0, 1 FROM e",
    )
    with opened(hq.config.database_path) as connection, reading(connection) as tx:
        lineage = Journals(tx, "S012", "S012-T01").lineage(Segment(3000, 0, 1))
    assert lineage == [Segment(epoch, 0, 1) for epoch in range(1, 3001)]


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


# What the audit sees

DAMAGE = {
    "a branch that leaves elsewhere": "UPDATE journals SET parent_seq = 1 WHERE branch = 1",
    "a branch that leaves nothing": "UPDATE journals SET parent_epoch = NULL, parent_branch = NULL, "
    "parent_seq = NULL WHERE branch = 1",
    "a journal that nobody knows of": "DELETE FROM journals WHERE branch = 1",
    "an epoch that follows what is not there": "UPDATE journals SET parent_seq = 99 WHERE epoch = 2",
    "a branch that goes further": "UPDATE heads SET seq = seq + 1 WHERE branch = 1",
    "an event on another branch": "UPDATE events SET branch = 2 WHERE branch = 1",
    "a stamp of a branch that is too high": "UPDATE stamps SET seq = seq + 1 WHERE branch = 1",
    "a stamp of a branch that is missing": "DELETE FROM stamps WHERE branch = 1",
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_the_audit_names_a_branch_that_was_changed(hq: Hq, tills: Tills, damage: str) -> None:
    till = await selling(tills, 2)
    copy = till.copied()
    till.record(purchase("3"))
    copy.record(purchase("4"))
    await tills.send(till)
    await tills.send(copy)
    copy.begin(2)
    copy.record(purchase("5"))
    await tills.send(copy)
    assert audited(hq) == 5
    hq.tamper(DAMAGE[damage])
    with pytest.raises(Difference):
        audited(hq)


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE journals SET parent_seq = 1",
        "DELETE FROM journals",
        "INSERT OR REPLACE INTO journals SELECT * FROM journals",
    ],
)
async def test_what_a_journal_follows_is_never_changed(hq: Hq, tills: Tills, change: str) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(purchase("2"))
    copy.record(purchase("3"))
    await tills.send(till)
    await tills.send(copy)
    with pytest.raises(sqlite3.IntegrityError, match="never"):
        hq.sql(change)
