"""One terminal on two machines: where their journals part, and what the audit sees of it."""

from __future__ import annotations

import pytest

from hq_server.audit import Difference
from loyalty_core.messages import BATCH_RECORDS_MAX, Directive
from tests.hq.behind import Guarded, each_change
from tests.hq.branching import MEMBERS, audited, codes, detail, journals, selling
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase, visit
from tests.hq.till import NOW_MS

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
    each_change(
        (
            "UPDATE journals SET parent_seq = 1",
            "DELETE FROM journals",
            "INSERT OR REPLACE INTO journals SELECT * FROM journals",
        )
    ),
)
async def test_what_a_journal_follows_is_never_changed(hq: Hq, tills: Tills, change: str) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(purchase("2"))
    copy.record(purchase("3"))
    await tills.send(till)
    await tills.send(copy)
    with pytest.raises(Guarded, match="never"):
        hq.sql(change)
