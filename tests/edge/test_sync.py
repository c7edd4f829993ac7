"""The journal up to headquarters and what comes back, over a real connection to one that may lie."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.config import EdgeConfig
from edge_agent.metrics import render
from edge_agent.recorder import Recorder
from edge_agent.standing import standing
from edge_agent.store import journal, members, outbox, programmes, terminal
from edge_agent.store.database import Connection, Reader, Writer
from edge_agent.store.integrity import verify
from edge_agent.store.outbox import Link
from edge_agent.sync import keys
from edge_agent.sync.exchange import LinkError, open_session
from edge_agent.sync.loop import SyncLoop
from loyalty_core.events import EventId
from loyalty_core.lookups import hashed
from loyalty_core.messages import Incarnation, Page, Refusal
from loyalty_core.units import Seq
from tests.edge.fake_hq import HQ_TIME_MS, OTHER_KEY, FakeHq, Spoil
from tests.edge.made import (
    CARD,
    MOONLIGHT,
    STORE_KEY,
    HeldClock,
    config_of,
    day,
    enrol_till,
    member,
    programme,
    purchase,
    recorded,
    stamp,
    until,
)


class Linked:
    """A till's store with its sync loop, turned by hand."""

    def __init__(self, config: EdgeConfig, hq: FakeHq) -> None:
        self.config = config
        self.hq = hq
        self.clock = HeldClock()
        self.writer = Writer(config.database)
        self.reader = Reader(config.database)
        self.recorder = Recorder(config, self.clock)
        self.session = open_session(config.sync)
        self.loop = self.new_loop()

    def new_loop(self) -> SyncLoop:
        key = keys.private_key(self.config.data_dir)
        return SyncLoop(self.config, self.clock, self.writer, self.reader, self.session, key)

    async def sell(self, *numbers: int, member: str = CARD) -> None:
        def job(conn: Connection) -> None:
            for number in numbers:
                recorded(self.recorder, conn, purchase(str(number), member=member))

        await self.writer.do(job)

    async def turn(self) -> int:
        """Talk with headquarters once; return how many ms to wait."""
        return await self.loop._turn()

    async def link(self) -> Link:
        return await self.reader.do(outbox.link)

    async def waiting(self) -> int:
        return (await self.reader.do(outbox.waiting))[0]

    async def cursor(self, bucket: int) -> int:
        return (await self.reader.do(members.cursors)).get(bucket, 0)

    async def balance(self) -> int:
        def job(conn: Connection) -> int:
            books = self.recorder.books(conn)
            owner = self.recorder.owner(conn, books, CARD)
            assert owner is not None
            return standing(conn, books, owner.account, day("2026-11-20")).balance

        return await self.reader.do(job)

    async def close(self) -> None:
        await self.session.close()
        self.reader.close()
        await asyncio.to_thread(self.writer.close)


@pytest.fixture
async def hq() -> AsyncIterator[FakeHq]:
    async with FakeHq().running() as hq:
        yield hq


@pytest.fixture
async def till(tmp_path: Path, hq: FakeHq) -> AsyncIterator[Linked]:
    config = config_of(tmp_path)
    enrol_till(config, hq_url=hq.url)
    hq.know(keys.private_key(config.data_dir))
    linked = Linked(config, hq)
    yield linked
    await linked.close()


# Up


async def test_what_was_sold_is_kept_by_headquarters_and_acknowledged(till: Linked, hq: FakeHq) -> None:
    await till.sell(1, 2, 3)
    assert await till.waiting() == 3
    assert await till.turn() == 60_000
    assert await till.waiting() == 0
    assert hq.journal().records == [r async for r in _records(till)]
    link = await till.link()
    assert (link.error_code, link.answered_at_ms, link.hq_time_ms) == (None, till.clock.wall, HQ_TIME_MS)


async def _records(till: Linked) -> AsyncIterator[bytes]:
    for record in await till.reader.do(lambda conn: journal.run_from(conn, 1, 1, 10_000)):
        yield record


async def test_what_headquarters_has_is_not_sent_again(till: Linked, hq: FakeHq) -> None:
    await till.sell(1)
    await till.turn()
    await till.sell(2)
    await till.turn()
    assert [len(said.batches) for said in hq.asked] == [1, 1]
    assert (hq.journal().head, hq.kept_batches) == (2, 2)


async def test_a_request_says_where_the_journal_stands_and_what_is_known(till: Linked, hq: FakeHq) -> None:
    await till.sell(1, 2)
    await till.turn()
    (said,) = hq.asked
    head = await till.reader.do(lambda conn: journal.hash_at(conn, 1, 2))
    assert (said.terminal_id, said.epoch, said.head, said.head_hash) == ("S012-T03", 1, 2, head)
    assert said.cursors.programme_version == 7
    assert said.cursors.buckets == (0,) * 64
    assert (said.health.waiting, said.health.quarantined) == (2, 0)


async def test_each_request_has_a_nonce_of_its_own(till: Linked, hq: FakeHq) -> None:
    for _ in range(3):
        await till.turn()
    assert len({said.nonce for said in hq.asked}) == 3


@pytest.mark.parametrize("spoil", ["lose answer", "lose request"])
async def test_a_lost_answer_is_met_by_sending_again_which_is_harmless(
    till: Linked, hq: FakeHq, spoil: Spoil
) -> None:
    await till.sell(1, 2)
    hq.spoil = spoil
    await till.turn()
    assert ((await till.link()).error_code, await till.waiting()) == ("hq_unreachable", 2)
    hq.spoil = None
    await till.sell(3)
    await till.turn()
    assert (await till.waiting(), hq.journal().head) == (0, 3)
    assert hq.journal().records == [r async for r in _records(till)]


async def test_weeks_without_headquarters_are_caught_up_in_bounded_chunks_oldest_first(
    till: Linked, hq: FakeHq
) -> None:
    total = 10_000

    def many(conn: Connection) -> None:
        raw = journal.record_at(conn, first)
        assert raw is not None
        identity, head = terminal.read(conn), journal.head(conn, terminal.read(conn))
        for _ in range(total - 1):
            head = journal.append(conn, identity, head, raw)

    await till.sell(1)
    first = EventId("S012-T03", 1, 0, Seq(1))
    await till.writer.do(many)
    heads, turns = [0], 0
    while await till.waiting():
        wait = await till.turn()
        turns += 1
        heads.append(hq.journal().head)
        assert heads[-1] - heads[-2] <= 4 * 1000
        assert (wait == 0) == (await till.waiting() > 0), "at once while there is more"
        assert turns <= 3
    assert heads[-1] == total
    assert max(len(said.batches) for said in hq.asked) == 4


async def test_a_gap_is_filled_from_where_headquarters_says(till: Linked, hq: FakeHq) -> None:
    await till.sell(1, 2, 3)
    await till.turn()
    hq.journals.clear()
    await till.sell(4)
    await till.turn()
    link = await till.link()
    assert link.error_code == "gap"
    await till.turn()
    assert (hq.journal().head, (await till.link()).error_code) == (4, None)


async def test_a_refusal_that_says_no_seq_is_waited_out(till: Linked, hq: FakeHq) -> None:
    await till.sell(1)
    hq.refuse = Refusal(1, 1, "terminal_revoked", "this till was revoked", 0)
    assert await till.turn() <= till.config.sync.retry_max_ms
    link = await till.link()
    assert (link.error_code, link.error) == ("terminal_revoked", "HQ refuses a batch: this till was revoked")
    await till.sell(2)
    await till.turn()
    assert (await till.link()).error_code is None


# Headquarters absent, slow, lying


LIES: list[tuple[Spoil, str]] = [
    ("nonsense", "hq_nonsense"),
    ("half", "hq_nonsense"),
    ("html", "hq_nonsense"),
    ("huge", "hq_nonsense"),
    ("redirect", "hq_nonsense"),
    ("not found", "hq_nonsense"),
    ("other key", "hq_wrong_key"),
    ("other key on receipts", "hq_wrong_key"),
    ("stale nonce", "hq_stale"),
]


@pytest.mark.parametrize(("spoil", "code"), LIES)
async def test_what_headquarters_did_not_say_to_this_question_is_dropped_and_sales_go_on(
    till: Linked, hq: FakeHq, spoil: Spoil, code: str
) -> None:
    await till.sell(1)
    hq.spoil = spoil
    hq.pages = [Page(3, 0, 5, (member(),))]
    hq.programmes = [programme(8)]
    await till.turn()
    link = await till.link()
    assert (link.error_code, link.answered_at_ms) == (code, None)
    assert "\n" not in (link.error or "")
    assert (await till.waiting(), await till.cursor(3)) == (1, 0)
    assert await till.reader.do(programmes.highest) == 7
    await till.sell(2)
    hq.spoil = None
    await till.turn()
    assert (await till.waiting(), await till.cursor(3)) == (0, 5)


async def test_an_absent_headquarters_is_a_state_and_not_an_error(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    enrol_till(config)
    till = Linked(config, FakeHq())
    for failures in range(1, 4):
        await till.sell(failures)
        await till.turn()
        assert till.loop._failures == failures
    link = await till.link()
    assert (link.error_code, await till.waiting()) == ("hq_unreachable", 3)
    await till.close()


async def test_a_headquarters_that_does_not_answer_is_given_up_after_a_while(
    tmp_path: Path, hq: FakeHq
) -> None:
    config = config_of(tmp_path)
    config = msgspec.structs.replace(config, sync=msgspec.structs.replace(config.sync, timeout_ms=100))
    enrol_till(config, hq_url=hq.url)
    hq.know(keys.private_key(config.data_dir))
    hq.may_answer.clear()
    till = Linked(config, hq)
    await till.turn()
    assert (await till.link()).error_code == "hq_timeout"
    await till.close()


async def test_what_headquarters_says_of_its_trouble_is_shown_and_its_wait_obeyed(
    till: Linked, hq: FakeHq
) -> None:
    hq.problem = (503, {"code": "hq_busy", "detail": "too many tills"}, {"Retry-After": "7"})
    assert await till.turn() == 7000
    link = await till.link()
    assert (link.error_code, link.error) == ("hq_busy", "HQ says: too many tills")
    assert link.next_try_ms == till.clock.wall + 7000


@pytest.mark.parametrize(("code", "most"), [("terminal_pending", 10_000), ("terminal_revoked", 300_000)])
async def test_a_till_that_waits_for_approval_asks_again_soon(
    till: Linked, hq: FakeHq, monkeypatch: pytest.MonkeyPatch, code: str, most: int
) -> None:
    settings = msgspec.structs.replace(till.config.sync, retry_first_ms=1000, retry_max_ms=300_000)
    till.config = till.loop._config = msgspec.structs.replace(till.config, sync=settings)
    monkeypatch.setattr("edge_agent.sync.loop.random.random", lambda: 1.0)
    hq.problem = (403, {"code": code, "detail": "not yet"}, {})
    till.loop._failures = 20
    assert await till.turn() == most


async def test_headquarters_cannot_send_a_till_away_for_more_than_an_hour(till: Linked, hq: FakeHq) -> None:
    hq.problem = (503, {"code": "hq_busy", "detail": "too many tills"}, {"Retry-After": "99999"})
    assert await till.turn() == 3_600_000


async def test_a_refusal_of_the_key_is_told_and_nothing_is_lost(till: Linked, hq: FakeHq) -> None:
    await till.sell(1)
    hq.problem = (403, {"code": "key_unknown", "detail": "this till is not approved"}, {})
    await till.turn()
    assert ((await till.link()).error_code, await till.waiting()) == ("key_unknown", 1)


async def test_a_headquarters_that_acknowledges_nothing_is_not_asked_without_pause(
    till: Linked, hq: FakeHq
) -> None:
    await till.sell(1)
    hq.silent = True
    assert await till.turn() > 0
    hq.next_in_ms = 0
    assert await till.turn() > 0


async def test_more_to_fetch_is_fetched_at_once(till: Linked, hq: FakeHq) -> None:
    hq.next_in_ms = 0
    hq.pages = [Page(3, 0, 5, (member(),))]
    assert await till.turn() == 0


async def test_an_acknowledgement_of_another_journal_is_not_believed(till: Linked, hq: FakeHq) -> None:
    await till.sell(1)
    await till.turn()
    hq.journal().records.append(b"x")
    hq.journal().hashes.append(b"\x07" * 32)
    await till.turn()
    assert (await till.link()).error_code == "acknowledgement_wrong"
    assert await till.reader.do(lambda conn: outbox.acknowledged(conn, 1)) == 1


async def test_an_acknowledgement_to_another_terminal_says_nothing(till: Linked, hq: FakeHq) -> None:
    stranger = hq.journal("S012-T04")
    stranger.records.append(b"x")
    stranger.hashes.append(b"\x07" * 32)
    await till.sell(1)
    await till.turn()
    assert ((await till.link()).error_code, await till.waiting()) == (None, 0)


async def test_heads_only_rise_within_one_life_of_headquarters(till: Linked, hq: FakeHq) -> None:
    await till.sell(1, 2)
    await till.turn()
    kept = hq.journal()
    kept.records.pop()
    kept.hashes.pop()
    await till.turn()
    assert await till.waiting() == 0


# Lives of headquarters


async def test_an_older_headquarters_is_not_listened_to(till: Linked, hq: FakeHq) -> None:
    hq.life = Incarnation(2, b"second")
    await till.turn()
    hq.life = Incarnation(1, b"first")
    hq.pages = [Page(3, 0, 5, (member(),))]
    await till.turn()
    assert ((await till.link()).error_code, await till.cursor(3)) == ("hq_older", 0)


async def test_another_headquarters_of_the_same_count_is_not_listened_to(till: Linked, hq: FakeHq) -> None:
    hq.life = Incarnation(1, b"clone")
    await till.sell(1)
    await till.turn()
    assert ((await till.link()).error_code, await till.waiting()) == ("hq_other", 1)


async def test_a_restored_headquarters_is_filled_again_from_what_it_has(till: Linked, hq: FakeHq) -> None:
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


# Down


async def test_a_page_applies_only_from_where_the_till_stands(till: Linked, hq: FakeHq) -> None:
    hq.pages = [Page(3, 0, 5, (member(balance=100),))]
    await till.turn()
    hq.pages = [Page(3, 0, 9, (member(balance=1),)), Page(3, 4, 9, (member(balance=2),))]
    await till.turn()
    assert (await till.balance(), await till.cursor(3)) == (100, 5)
    hq.pages = [Page(3, 5, 6, (member(balance=103),)), Page(3, 6, 8, (member(balance=104),))]
    await till.turn()
    assert (await till.balance(), await till.cursor(3)) == (104, 8)
    assert hq.asked[-1].cursors.buckets[3] == 5


async def test_a_page_that_comes_twice_changes_nothing(till: Linked, hq: FakeHq) -> None:
    hq.pages = [Page(3, 0, 5, (member(),))] * 2
    await till.turn()
    await till.turn()
    assert (await till.balance(), await till.cursor(3)) == (100, 5)


async def test_the_balance_is_the_same_before_and_after_headquarters_posts(till: Linked, hq: FakeHq) -> None:
    hq.pages = [Page(3, 0, 1, (member(balance=100),))]
    await till.turn()
    await till.sell(1, 2)
    before = await till.balance()
    hq.pages = [Page(3, 1, 2, (member(balance=124, stamp=stamp(2)),))]
    await till.turn()
    assert (before, await till.balance()) == (124, 124)


async def test_an_unknown_card_is_given_to_its_member_by_a_page(till: Linked, hq: FakeHq) -> None:
    await till.sell(1)
    hq.pages = [Page(3, 0, 1, (member(balance=50),))]
    await till.turn()
    assert await till.balance() == 62


async def test_a_member_who_is_gone_is_forgotten(till: Linked, hq: FakeHq) -> None:
    hq.pages = [Page(3, 0, 1, (member(),)), Page(3, 1, 2, (member(gone=True),))]
    await till.turn()
    assert await till.reader.do(members.count) == 0
    look_ups = [hashed(f"card:{CARD}", STORE_KEY)]
    assert await till.reader.do(lambda conn: members.find(conn, look_ups)) is None


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
    till: Linked, hq: FakeHq, changed: dict[str, Any]
) -> None:
    hq.pages = [Page(3, 0, 1, (member(**changed),))]
    await till.turn()
    assert (await till.link()).error_code == "hq_nonsense"
    assert await till.cursor(3) == 0
    await till.sell(1)
    assert await till.balance() == 12


async def test_a_new_programme_is_taken_once_and_rules_from_then_on(till: Linked, hq: FakeHq) -> None:
    double = MOONLIGHT.replace("points = 1\nper", "points = 2\nper")
    hq.programmes = [programme(8, double)]
    await till.turn()
    await till.turn()
    await till.sell(1)
    assert (await till.balance(), await till.reader.do(programmes.highest)) == (24, 8)
    assert hq.asked[-1].cursors.programme_version == 8


@pytest.mark.parametrize("text", ["schema = 99\n" + MOONLIGHT, "not toml", MOONLIGHT + "\nnew_key = 1\n"])
async def test_a_programme_that_cannot_be_read_leaves_the_old_rules(
    till: Linked, hq: FakeHq, text: str
) -> None:
    hq.programmes = [programme(8, text)]
    await till.sell(1)
    await till.turn()
    assert await till.reader.do(programmes.highest) == 7
    assert ((await till.link()).error_code, await till.waiting()) == (None, 0)
    assert await till.balance() == 12


async def test_a_programme_of_another_key_is_refused_with_all_beside_it(till: Linked, hq: FakeHq) -> None:
    hq.programmes = [programme(8, key=OTHER_KEY)]
    hq.pages = [Page(3, 0, 1, (member(),))]
    await till.turn()
    assert ((await till.link()).error_code, await till.cursor(3)) == ("hq_wrong_key", 0)


async def test_a_programme_of_another_name_is_refused(till: Linked, hq: FakeHq) -> None:
    hq.programmes = [programme(8, MOONLIGHT.replace('programme = "moonlight"', 'programme = "sunshine"'))]
    await till.turn()
    assert (await till.link()).error_code == "hq_other"


async def test_the_link_is_up_since_it_came_up(till: Linked, hq: FakeHq) -> None:
    await till.turn()
    up = (await till.link()).since_ms
    till.clock.go_on(1000)
    await till.turn()
    assert (await till.link()).since_ms == up
    hq.spoil = "nonsense"
    till.clock.go_on(1000)
    await till.turn()
    assert (await till.link()).since_ms == till.clock.wall
    text = await till.reader.do(lambda conn: render(conn, till.clock.wall, 0))
    assert "\ndangol_edge_hq_up 0\n" in text
    assert "\ndangol_edge_hq_answer_age_seconds 1\n" in text


# The loop, running


async def test_a_sale_is_sent_soon_without_waiting_for_the_interval(till: Linked, hq: FakeHq) -> None:
    task = asyncio.create_task(till.loop.run())
    await until(lambda: len(hq.asked) == 1)
    await till.sell(1)
    till.loop.nudge()
    await until(lambda: hq.journal().head == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_after_failures_the_loop_tries_again_by_itself(till: Linked, hq: FakeHq) -> None:
    hq.spoil = "lose request"
    await till.sell(1)
    task = asyncio.create_task(till.loop.run())
    await until(lambda: till.loop._failures >= 3)
    hq.spoil = None
    await until(lambda: hq.journal().head == 1)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_slow_headquarters_delays_no_sale(tmp_path: Path, hq: FakeHq) -> None:
    """The exchange hangs from before the first sale to after the last."""
    config = config_of(tmp_path)
    enrol_till(config, hq_url=hq.url)
    hq.know(keys.private_key(config.data_dir))
    hq.may_answer.clear()
    headers = {"Authorization": f"Bearer {keys.token(config.data_dir)}"}
    async with TestClient(TestServer(build_app(config, HeldClock()))) as client:
        await until(lambda: len(hq.asked) == 1)
        for n in range(20):
            response = await client.post("/v1/receipts", json=purchase(str(n)), headers=headers)
            assert response.status == 200
        assert (len(hq.asked), hq.journal().head) == (1, 0)
        hq.may_answer.set()
        await until(lambda: hq.journal().head == 21)


async def test_verify_is_clean_after_all_of_this(till: Linked, hq: FakeHq) -> None:
    await till.sell(1, 2)
    await till.turn()
    await till.sell(3)
    assert await till.reader.do(verify) is None


async def test_what_goes_wrong_is_one_error_with_a_code(till: Linked, hq: FakeHq) -> None:
    hq.spoil = "nonsense"
    with pytest.raises(LinkError) as failed:
        await till.loop.once()
    assert failed.value.code == "hq_nonsense"
