"""The journal up to headquarters: what is sent, and again, and which acknowledgements are believed."""

from __future__ import annotations

import pytest

from edge_agent.store import journal, terminal
from edge_agent.store.database import Connection
from edge_agent.store.integrity import verify
from loyalty_core.messages import Refusal
from tests.edge.fake_hq import HQ_TIME_MS, FakeHq, Spoil
from tests.edge.sync.linked_till import LinkedTill


async def test_what_was_sold_is_kept_by_headquarters_and_acknowledged(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1, 2, 3)
    assert await till.waiting() == 3
    assert await till.turn() == 60_000
    assert await till.waiting() == 0
    assert hq.journal().records == await till.records()
    link = await till.link()
    assert (link.error_code, link.answered_at_ms, link.hq_time_ms) == (None, till.clock.wall, HQ_TIME_MS)


async def test_what_headquarters_has_is_not_sent_again(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1)
    await till.turn()
    await till.sell(2)
    await till.turn()
    assert [len(said.batches) for said in hq.asked] == [1, 1]
    assert (hq.journal().head, hq.kept_batches) == (2, 2)


async def test_a_request_says_where_the_journal_stands_and_what_is_known(
    till: LinkedTill, hq: FakeHq
) -> None:
    await till.sell(1, 2)
    await till.turn()
    (said,) = hq.asked
    head = await till.reader.do(lambda conn: journal.hash_at(conn, 1, 2))
    assert (said.terminal_id, said.epoch, said.head, said.head_hash) == ("S012-T03", 1, 2, head)
    assert said.cursors.programme_version == 7
    assert said.cursors.buckets == (0,) * 64
    assert (said.health.waiting, said.health.quarantined) == (2, 0)


async def test_each_request_has_a_nonce_of_its_own(till: LinkedTill, hq: FakeHq) -> None:
    for _ in range(3):
        await till.turn()
    assert len({said.nonce for said in hq.asked}) == 3


@pytest.mark.parametrize("spoil", ["lose answer", "lose request"])
async def test_a_lost_answer_is_met_by_sending_again_which_is_harmless(
    till: LinkedTill, hq: FakeHq, spoil: Spoil
) -> None:
    await till.sell(1, 2)
    hq.spoil = spoil
    await till.turn()
    assert ((await till.link()).error_code, await till.waiting()) == ("hq_unreachable", 2)
    hq.spoil = None
    await till.sell(3)
    await till.turn()
    assert (await till.waiting(), hq.journal().head) == (0, 3)
    assert hq.journal().records == await till.records()


async def test_weeks_without_headquarters_are_caught_up_in_bounded_chunks_oldest_first(
    till: LinkedTill, hq: FakeHq
) -> None:
    total = 14_000

    def many(conn: Connection) -> None:
        (raw,) = journal.run_from(conn, 1, 1, 1)
        identity, head = terminal.read(conn), journal.head(conn, terminal.read(conn))
        for _ in range(total - 1):
            head = journal.append(conn, identity, head, raw)

    await till.sell(1)
    await till.writer.do(many)
    heads, turns = [0], 0
    while await till.waiting():
        wait = await till.turn()
        turns += 1
        heads.append(hq.journal().head)
        assert (wait == 0) == (await till.waiting() > 0), "at once while there is more"
        assert turns <= 3
    assert heads == [0, 4000, 12_000, total], "more in the next exchange when an answer came soon"
    assert [len(said.batches) for said in hq.asked] == [4, 8, 2]


async def test_a_gap_is_filled_from_where_headquarters_says(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1, 2, 3)
    await till.turn()
    hq.journals.clear()
    await till.sell(4)
    await till.turn()
    link = await till.link()
    assert link.error_code == "gap"
    await till.turn()
    assert (hq.journal().head, (await till.link()).error_code) == (4, None)


async def test_a_refusal_that_says_no_seq_is_waited_out(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1)
    hq.refuse = Refusal(1, 1, "terminal_revoked", "this till was revoked", 0)
    assert await till.turn() <= till.config.sync.retry_max_ms
    link = await till.link()
    assert (link.error_code, link.error) == ("terminal_revoked", "HQ refuses a batch: this till was revoked")
    await till.sell(2)
    await till.turn()
    assert (await till.link()).error_code is None


async def test_verify_is_clean_where_a_part_is_sent_and_a_part_waits(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1, 2)
    await till.turn()
    await till.sell(3)
    assert await till.reader.do(verify) is None


# Acknowledgements.


async def test_an_acknowledgement_to_another_terminal_says_nothing(till: LinkedTill, hq: FakeHq) -> None:
    stranger = hq.journal("S012-T04")
    stranger.records.append(b"x")
    stranger.hashes.append(b"\x07" * 32)
    await till.sell(1)
    await till.turn()
    assert ((await till.link()).error_code, await till.waiting()) == (None, 0)


async def test_heads_only_rise_within_one_life_of_headquarters(till: LinkedTill, hq: FakeHq) -> None:
    await till.sell(1, 2)
    await till.turn()
    kept = hq.journal()
    kept.records.pop()
    kept.hashes.pop()
    await till.turn()
    assert await till.waiting() == 0
