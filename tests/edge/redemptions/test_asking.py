"""Redemptions by local HTTP, with a headquarters that answers, is slow, refuses, or is not there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from edge_agent.app_keys import READER, SYNC, WRITER
from edge_agent.config import EdgeConfig, Redemptions
from edge_agent.store import outbox, quarantine
from edge_agent.sync.questions import Questions, Told
from loyalty_core.messages import ASKS_MAX, Answer, Ask, Refusal, Reply
from tests.edge.fake_hq import HQ_TIME_MS, FakeHq
from tests.edge.made import CARD, DEADLINE_SECONDS, config_of, purchase, quiet_sync, until
from tests.edge.redemptions.redeeming_counter import LONG_MS, PATH, running
from tests.edge.redemptions.redeeming_till import HOLD, code, rich


def grants(ask: Ask) -> Answer:
    """Answer as a headquarters does that holds what is asked for."""
    return Answer(ask.redemption_id, ask.points, HQ_TIME_MS + HOLD, "")


def refuses(ask: Ask) -> Answer:
    return Answer(ask.redemption_id, 0, 0, "points_missing")


@pytest.fixture
async def hq() -> AsyncIterator[FakeHq]:
    async with FakeHq().running() as hq:
        hq.answer = grants
        yield hq


def linked(folder: Path, hq: FakeHq, ask_ms: int = LONG_MS) -> EdgeConfig:
    """Return the settings of a till that talks with this headquarters, and not by itself again."""
    config = config_of(folder, sync=quiet_sync(), redemptions=Redemptions(ask_ms=ask_ms))
    hq.enrol(config)
    return config


# With headquarters


async def test_headquarters_is_asked_at_once_and_told_all_that_it_must_know(
    tmp_path: Path, hq: FakeHq
) -> None:
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())
        await counter.ok("/v1/receipts", purchase())
        answer = await counter.redeem()
        said = next(said for said in hq.asked if said.asks)
        assert said.asks == (Ask(answer["id"], "id:M1", 1000),)
        assert hq.journal().head >= 2, "the sale went before the question"
        assert answer == {
            "id": answer["id"],
            "state": "authorised",
            "repeated": False,
            "points": 1000,
            "value_minor": 1000,
            "reward": None,
            "coupon": None,
            "online": True,
            "expires_at": "2026-12-05T03:15:00Z",
            "member": answer["member"],
        }
        shown = answer["member"]
        assert (shown["masked_name"], shown["balance"], shown["available"]) == ("홍*동", 5012, 4012)
        assert shown["next"]["ways"]
        done = await counter.ok(f"{PATH}/{answer['id']}/commit")
        assert (done["state"], done["member"]["balance"], done["member"]["available"]) == (
            "committed",
            4012,
            4012,
        )


async def test_what_headquarters_refuses_is_not_spent(tmp_path: Path, hq: FakeHq) -> None:
    hq.answer = refuses
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())
        body = {"member": CARD, "points": 1000}
        assert await counter.refusal(PATH, body) == (422, "points_missing")
        assert await counter.events() == []
        assert await counter.app[WRITER].do(quarantine.open_rows) == []
        hq.answer = grants
        assert (await counter.redeem())["online"] is True


async def test_a_till_that_is_shut_out_spends_nothing(tmp_path: Path, hq: FakeHq) -> None:
    hq.problem = (403, {"code": "terminal_revoked", "detail": "it was stolen"}, {})
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}) == (422, "terminal_revoked")


async def test_a_till_that_was_shut_out_spends_nothing_when_the_line_is_cut(
    tmp_path: Path, hq: FakeHq
) -> None:
    hq.problem = (403, {"code": "terminal_revoked", "detail": "it was stolen"}, {})
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())

        async def noted(code: str | None) -> bool:
            return (await counter.app[READER].do(outbox.link)).error_code == code

        await until(lambda: noted("terminal_revoked"))
        hq.problem, hq.spoil = None, "lose request"
        for body in ({"member": CARD, "points": 1000}, {"coupon": code()}):
            assert await counter.refusal(PATH, body) == (422, "terminal_revoked")
        await until(lambda: noted("hq_unreachable"))
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}) == (422, "terminal_revoked")
        hq.spoil = None
        assert (await counter.redeem())["online"] is True
        await until(lambda: noted(None))
        hq.spoil = "lose request"
        assert (await counter.redeem(key="b"))["online"] is False


async def test_a_till_whose_journal_is_not_taken_spends_nothing(tmp_path: Path, hq: FakeHq) -> None:
    def behind(reply: Reply) -> Reply:
        refusal = Refusal(1, 1, "journal_behind", "HQ holds 9 records, the till 1", 0)
        return msgspec.structs.replace(reply, refusals=(refusal,))

    hq.change_reply = behind
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}) == (422, "journal_behind")


async def test_a_question_does_not_wait_for_the_back_off(tmp_path: Path, hq: FakeHq) -> None:
    hq.problem = (500, {"code": "internal_error", "detail": "x"}, {})
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())
        await until(lambda: len(hq.asked) == 1)
        hq.problem = None
        assert (await counter.redeem())["online"] is True


async def test_a_headquarters_that_asked_to_be_left_alone_is(tmp_path: Path, hq: FakeHq) -> None:
    hq.problem = (503, {"code": "server_busy", "detail": "x"}, {"Retry-After": "600"})
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())

        async def noted() -> bool:
            return (await counter.app[READER].do(outbox.link)).error_code == "server_busy"

        await until(noted)
        assert (await counter.redeem())["online"] is False
        assert len(hq.asked) == 1


# Without


async def test_without_a_line_the_allowance_decides_at_once(alone: EdgeConfig) -> None:
    async with running(alone) as counter:
        await counter.know_row(rich())
        answer = await counter.redeem(3000)
        assert (answer["online"], answer["member"]["available"]) == (False, 2000)
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}, "b") == (
            422,
            "allowance_exceeded",
        )


async def test_a_slow_headquarters_is_not_waited_for_longer_than_told(tmp_path: Path, hq: FakeHq) -> None:
    hq.may_answer.clear()
    async with running(linked(tmp_path, hq, ask_ms=20)) as counter:
        await counter.know_row(rich())
        answer = await counter.redeem()
        assert answer["online"] is False
        hq.may_answer.set()
        again = await counter.redeem()
        assert again == answer | {"repeated": True, "member": again["member"]}
        assert len(await counter.events()) == 1


async def test_no_sale_waits_while_headquarters_is_asked(tmp_path: Path, hq: FakeHq) -> None:
    hq.may_answer.clear()
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())
        asking = [asyncio.create_task(counter.redeem(key=str(number))) for number in range(4)]
        await until(lambda: bool(hq.asked))
        for number in range(20):
            await counter.ok("/v1/receipts", purchase(str(number)))
        assert not any(task.done() for task in asking)
        hq.may_answer.set()
        assert [one["online"] for one in await asyncio.gather(*asking)] == [True] * 4


async def test_a_headquarters_that_leaves_the_question_open_is_as_if_it_were_not_there(
    tmp_path: Path, hq: FakeHq
) -> None:
    hq.answer = lambda ask: None
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())
        assert (await counter.redeem())["online"] is False


async def test_an_answer_that_cannot_be_believed_grants_nothing(tmp_path: Path, hq: FakeHq) -> None:
    hq.spoil = "other key"
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich(allowance=0))
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}) == (422, "allowance_exceeded")


async def test_the_same_request_twice_at_once_is_one_redemption(tmp_path: Path, hq: FakeHq) -> None:
    hq.may_answer.clear()
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich())
        asking = [asyncio.create_task(counter.redeem()) for _ in range(2)]
        await until(lambda: bool(hq.asked))
        hq.may_answer.set()
        one, other = await asyncio.gather(*asking)
        assert one["id"] == other["id"]
        assert [one["repeated"], other["repeated"]].count(True) == 1
        assert len(await counter.events()) == 1


async def test_more_questions_than_an_exchange_holds_go_with_the_next() -> None:
    questions = Questions()
    waiting = [
        asyncio.create_task(questions.put(Ask(str(number), "id:M1", 1), LONG_MS))
        for number in range(2 * ASKS_MAX + 1)
    ]
    await until(lambda: len(questions._waiting) == len(waiting))
    for expected, more in ((ASKS_MAX, True), (ASKS_MAX, True), (1, False), (0, False)):
        taken = questions.take()
        assert (len(taken), questions.new.is_set()) == (expected, more)
        for question in taken:
            question.answer.set_result(Told(granted=int(question.ask.redemption_id)))
    told = await asyncio.gather(*waiting)
    assert [one.granted if one else None for one in told] == list(range(len(waiting)))


async def test_as_many_as_come_at_once_are_all_asked_about(tmp_path: Path, hq: FakeHq) -> None:
    hq.may_answer.clear()
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich(balance=100_000, allowance=0))
        await until(lambda: bool(hq.asked))
        asking = [asyncio.create_task(counter.redeem(key=str(number))) for number in range(ASKS_MAX + 8)]
        await until(lambda: len(counter.app[SYNC]._questions._waiting) == len(asking))
        hq.may_answer.set()
        assert {one["online"] for one in await asyncio.gather(*asking)} == {True}
        assert max(len(said.asks) for said in hq.asked) == ASKS_MAX


async def test_as_many_as_come_at_once_are_all_refused(tmp_path: Path, hq: FakeHq) -> None:
    hq.may_answer.clear()
    hq.answer = refuses
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know_row(rich(balance=100_000))
        await until(lambda: bool(hq.asked))
        body = {"member": CARD, "points": 1000}
        asking = [asyncio.create_task(counter.refusal(PATH, body, str(n))) for n in range(ASKS_MAX + 8)]
        await until(lambda: len(counter.app[SYNC]._questions._waiting) == len(asking))
        hq.may_answer.set()
        async with asyncio.timeout(DEADLINE_SECONDS):
            assert set(await asyncio.gather(*asking)) == {(422, "points_missing")}
