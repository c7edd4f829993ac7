"""A till whose disk was set back or copied goes on as headquarters says: from where, and in which epoch."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
import pytest

from edge_agent.status import lines, status
from edge_agent.store import closings, journal, outbox, programmes, terminal
from edge_agent.store.closings import State
from edge_agent.store.integrity import verify
from edge_agent.sync.loop import STEPS_AT_ONCE
from loyalty_core.envelope import seal
from loyalty_core.journal import first_hash
from loyalty_core.messages import Acknowledgement, Directive, Refusal, Reply
from loyalty_core.wire import pack
from tests.edge.fake_hq import FakeHq
from tests.edge.made import programme
from tests.edge.sync.linked_till import LinkedTill

LOST = b"\x07" * 32
SET_BACK = Refusal(1, 1, "journal_behind", "HQ holds 9 records of epoch 1, the till 2: it was set back", 0)


def says(
    hq: FakeHq, *directives: Directive, held: Iterable[bytes] = (), refused: Refusal | None = None
) -> None:
    """Let headquarters say this beside what it says anyhow."""

    def change(reply: Reply) -> Reply:
        return msgspec.structs.replace(
            reply,
            directives=directives,
            receipts=(*reply.receipts, *held),
            refusals=reply.refusals if refused is None else (refused,),
        )

    hq.change_reply = change


def held(hq: FakeHq, epoch: int, seq: int, chain_hash: bytes, branch: int = 0) -> bytes:
    """Return headquarters' word that it holds a record."""
    said = Acknowledgement("S012-T03", epoch, branch, seq, chain_hash, hq.life)
    return seal("dangol/receipt/1", pack(said), hq.key)


async def epoch(till: LinkedTill) -> int:
    return (await till.reader.do(terminal.read)).epoch


# A new epoch.


async def test_a_till_goes_on_in_a_new_epoch_and_what_waits_in_the_old_one_goes_up_first(
    till: LinkedTill, hq: FakeHq
) -> None:
    await till.sell(1, 2)
    says(hq, Directive("epoch", 4))
    hq.silent = True
    await till.turn()
    assert await epoch(till) == 4
    await till.sell(3)
    hq.silent = False
    hq.journals.clear()
    says(hq)
    await till.turn()
    assert (hq.journal().records, hq.journal(epoch=4).records) == (
        await till.records(1),
        await till.records(4),
    )
    assert [len(await till.records(one)) for one in (1, 4)] == [2, 1]
    assert hq.journal(epoch=4).hashes[0] == first_hash("S012-T03", 4)
    assert (hq.asked[-1].epoch, hq.asked[-1].head) == (4, 1)
    assert (await till.waiting(), await till.balance()) == (0, 36)
    assert await till.reader.do(verify) is None


@pytest.mark.parametrize("number", [4, 3, 1, 0, -1])
async def test_an_epoch_that_has_begun_already_or_is_over_does_not_begin_again(
    till: LinkedTill, hq: FakeHq, number: int
) -> None:
    says(hq, Directive("epoch", 4), Directive("epoch", 2))
    assert await till.turn() == 0, "headquarters is told at once"
    await till.sell(1)
    says(hq, Directive("epoch", number))
    await till.turn()
    assert (await epoch(till), hq.journal(epoch=4).head) == (4, 1)


async def test_what_came_under_the_old_epoch_is_known_in_the_new_one(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1, 2)
    says(hq, Directive("epoch", 2))
    await till.turn()
    await till.sell(1, 2)
    assert (await till.records(2), await till.balance()) == ([], 24)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (State(2, 100, 120), State(0, 100, 119)),
        (State(2, 100, None), State(0, 100, None)),
        (State(), State()),
    ],
)
async def test_days_are_declared_without_one_missing_between_two_epochs(
    till: LinkedTill, hq: FakeHq, before: State, after: State
) -> None:
    await till.writer.do(lambda conn: closings.put_state(conn, 1, before))
    says(hq, Directive("epoch", 2))
    await till.turn()
    assert await till.reader.do(lambda conn: closings.state(conn, 2)) == after


async def test_a_directive_that_is_not_known_is_told_in_few_letters_and_nothing_comes_of_it(
    till: LinkedTill, hq: FakeHq, caplog: pytest.LogCaptureFixture
) -> None:
    says(hq, Directive("dance", 2), Directive("Kim 010-9876-5432", 2), Directive("x" * 40, 2))
    await till.sell(1)
    await till.turn()
    told = [record.__dict__["code"] for record in caplog.records if record.msg == "directive_unknown"]
    assert told == ["dance", "unreadable", "unreadable"]
    assert (await epoch(till), await till.waiting()) == (1, 0)


# A till that was set back.


async def test_a_till_that_was_set_back_says_what_it_lacks_and_goes_on_in_a_new_epoch(
    till: LinkedTill, hq: FakeHq
) -> None:
    await till.sell(1, 2)
    await till.turn()
    says(hq, held=[held(hq, 1, 9, LOST)], refused=SET_BACK)
    assert await till.turn() == 0
    link = await till.link()
    assert (link.error_code, link.refused_code, link.lacks) == ("journal_behind", "journal_behind", LOST)
    says(hq, Directive("epoch", 2))
    await till.turn()
    assert [asked.lacks for asked in hq.asked[-2:]] == [None, LOST]
    link = await till.link()
    assert (await epoch(till), link.lacks, link.refused_code, link.error_code) == (2, None, None, None)


async def test_a_till_that_hears_again_only_that_it_was_set_back_asks_with_pauses(
    till: LinkedTill, hq: FakeHq
) -> None:
    says(hq, held=[held(hq, 1, 9, LOST)], refused=SET_BACK)
    await till.turn()
    before = till.loop._failures
    await till.turn()
    assert till.loop._failures == before + 1
    assert (await till.link()).lacks == LOST
    await till.sell(1)
    says(hq)
    await till.turn()
    assert ((await till.link()).lacks, await till.waiting()) == (None, 0)


async def test_what_a_till_lacks_is_the_last_record_that_is_held_and_not_its_own(
    till: LinkedTill, hq: FakeHq
) -> None:
    await till.sell(1)
    await till.turn()
    stranger = Acknowledgement("S012-T04", 9, 0, 9, LOST, hq.life)
    words = [held(hq, 2, 3, bytes(32)), held(hq, 2, 4, LOST), held(hq, 1, 8, bytes(32))]
    for order in (words, words[::-1]):
        says(hq, held=[*order, seal("dangol/receipt/1", pack(stranger), hq.key)], refused=SET_BACK)
        await till.turn()
        assert (await till.link()).lacks == LOST
    says(hq, held=[seal("dangol/receipt/1", pack(stranger), hq.key)], refused=SET_BACK)
    await till.turn()
    assert (await till.link()).lacks is None


async def test_status_says_what_a_technician_can_do_about_a_disk_that_was_set_back(
    till: LinkedTill, hq: FakeHq
) -> None:
    await till.sell(1)
    says(hq, held=[held(hq, 1, 9, LOST)], refused=SET_BACK)
    await till.turn()
    told = await till.reader.do(lambda conn: status(conn, till.config, till.clock))
    assert lines(told)[0].startswith("This till's disk was set back to an older copy: leave it on")
    assert not any("earlier" in line for line in lines(told))
    says(hq, Directive("epoch", 2))
    await till.turn()
    told = await till.reader.do(lambda conn: status(conn, till.config, till.clock))
    assert lines(told)[0].startswith("Online since")
    (row,) = [line for line in lines(told) if line.startswith("  journal ")]
    assert "epoch 2" in row
    assert "let one machine only run as S012-T03" in row


# A journal of which headquarters holds another.


async def test_only_what_is_in_the_own_journal_counts_as_acknowledged(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1, 2)
    await till.turn()
    await till.sell(3)
    hq.silent = True
    own = await till.reader.do(lambda conn: journal.hash_at(conn, 1, 3))
    assert own is not None
    says(hq, held=[held(hq, 1, 3, LOST), held(hq, 1, 5, LOST), held(hq, 2, 3, own)])
    await till.turn()
    assert (await till.waiting(), (await till.link()).error_code) == (1, None)
    says(hq, held=[held(hq, 1, 3, own, branch=7)])
    await till.turn()
    assert await till.waiting() == 0


@pytest.mark.parametrize(("need", "waiting"), [(1, 3), (2, 2), (3, 1), (4, 0), (9, 0), (0, 0)])
async def test_what_headquarters_wants_again_waits_again_and_no_more(
    till: LinkedTill, hq: FakeHq, monkeypatch: pytest.MonkeyPatch, need: int, waiting: int
) -> None:
    monkeypatch.setattr("edge_agent.sync.loop.random.random", lambda: 1.0)
    await till.sell(1, 2, 3)
    await till.turn()
    hq.silent = True
    says(hq, refused=Refusal(1, 1, "gap", "some are missing", need))
    assert (await till.turn() == 0) == (waiting > 0)
    assert await till.waiting() == waiting
    assert await till.reader.do(verify) is None
    hq.silent = False
    says(hq)
    await till.turn()
    assert await till.waiting() == 0


async def test_where_two_journals_part_is_found_in_few_steps_without_a_pause(
    till: LinkedTill, hq: FakeHq
) -> None:
    """Headquarters goes back a batch of one record at a time; the records up to seq 7 are the same."""
    await till.sell(*range(1, 1001))
    own = await till.reader.do(lambda conn: journal.hash_at(conn, 1, 1000))
    assert own is not None
    hq.silent = True
    says(hq, held=[held(hq, 1, 1000, own)])
    await till.turn()
    await till.sell(1001)
    asked: list[int] = []

    def parted(reply: Reply) -> Reply:
        (first, *_) = asked[-1:]
        refusal = Refusal(1, first, "fork", "record 8 says something else", max(1, first - 1))
        return msgspec.structs.replace(reply, refusals=(refusal,) if first > 8 else ())

    hq.change_reply = parted
    hq._keep = lambda data: None  # type: ignore[method-assign]
    while not asked or asked[-1] > 8:
        asked.append(await till.reader.do(lambda conn: outbox.acknowledged(conn, 1)) + 1)
        assert await till.turn() == 0 or asked[-1] <= 8
    assert len(asked) < STEPS_AT_ONCE / 3
    assert await till.reader.do(verify) is None


async def test_one_who_is_sent_back_for_ever_is_not_asked_without_pause(
    till: LinkedTill, hq: FakeHq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.sync.loop.random.random", lambda: 1.0)
    await till.sell(1, 2)
    says(hq, refused=Refusal(1, 1, "gap", "record 1 is missing", 1))
    waits = [await till.turn() for _ in range(STEPS_AT_ONCE + 1)]
    assert set(waits[:-1]) == {0}
    assert waits[-1] > 0


# Programmes that headquarters lost.


async def test_programmes_that_headquarters_lost_are_handed_back_a_few_at_a_time(
    till: LinkedTill, hq: FakeHq
) -> None:
    hq.programmes = [programme(version) for version in range(8, 20)]
    await till.turn()
    hq.programmes = []
    says(hq, Directive("programmes", 8))
    assert await till.turn() == 0
    assert hq.asked[-1].programmes == ()
    says(hq, Directive("programmes", 16))
    assert await till.turn() == 0
    assert hq.asked[-1].programmes == tuple(programme(version) for version in range(9, 17))
    says(hq)
    await till.turn()
    assert hq.asked[-1].programmes == tuple(programme(version) for version in range(17, 20))
    await till.turn()
    assert hq.asked[-1].programmes == ()
    assert await till.reader.do(programmes.highest) == 19


async def test_a_headquarters_that_takes_no_programme_back_is_not_asked_without_pause(
    till: LinkedTill, hq: FakeHq
) -> None:
    says(hq, Directive("programmes", 0))
    assert await till.turn() == 0
    assert await till.turn() > 0
    assert len(hq.asked[-1].programmes) == 1


async def test_a_programme_that_headquarters_does_not_take_back_holds_up_no_sale(
    till: LinkedTill, hq: FakeHq
) -> None:
    refused = Refusal(0, 0, "programme_unlike", "the programme is another's", 0)
    says(hq, Directive("programmes", 0), refused=refused)
    await till.turn()
    await till.sell(1)
    assert await till.turn() == 60_000
    assert ((await till.link()).error_code, await till.waiting()) == (None, 0)
    hq.silent = True
    await till.sell(2)
    await till.turn()
    assert (await till.link()).error_code == "programme_unlike", "it may as well be of a batch"
    lost = Refusal(1, 2, "chain_broken", "this batch is damaged", 0)
    hq.change_reply = lambda reply: msgspec.structs.replace(reply, refusals=(refused, lost))
    await till.turn()
    assert (await till.link()).error_code == "chain_broken"
