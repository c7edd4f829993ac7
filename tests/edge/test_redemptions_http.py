"""Redemptions by local HTTP, with a headquarters that answers, is slow, refuses, or is not there."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.app_keys import READER, RECORDER, REDEEMING, WRITER
from edge_agent.config import EdgeConfig, Redemptions
from edge_agent.lapsing import Lapsing
from edge_agent.metrics import render
from edge_agent.status import lines, status
from edge_agent.store import journal, members, outbox, quarantine
from edge_agent.store.database import Connection
from edge_agent.sync import keys
from edge_agent.sync.questions import Questions, Told
from loyalty_core.events import Event, RedemptionAuthorised, RedemptionCancelled
from loyalty_core.journal import unpack_record
from loyalty_core.messages import ASKS_MAX, Answer, Ask, MemberRow
from tests.edge.fake_hq import HQ_TIME_MS, FakeHq
from tests.edge.made import CARD, HeldClock, config_of, enrol_till, purchase, quiet_sync, until
from tests.edge.redeeming_till import HOLD, code, coupon_of, rich

PATH = "/v1/redemptions"
LONG_MS = 60_000
"""Longer than any test: what is answered before has not waited for headquarters."""


def grants(ask: Ask) -> Answer:
    """Answer as a headquarters does that holds what is asked for."""
    return Answer(ask.redemption_id, ask.points, HQ_TIME_MS + HOLD, "")


def refuses(ask: Ask) -> Answer:
    return Answer(ask.redemption_id, 0, 0, "points_missing")


class Counter:
    """The till's own software, at a till that knows a member with 5,000 points."""

    def __init__(self, client: TestClient[web.Request, web.Application], config: EdgeConfig) -> None:
        self.client = client
        self.config = config
        self.headers = {"Authorization": f"Bearer {keys.token(config.data_dir)}"}

    @property
    def app(self) -> web.Application:
        assert self.client.app is not None
        return self.client.app

    async def post(self, path: str, body: object = None, key: str | None = None) -> ClientResponse:
        named = self.headers | ({"Idempotency-Key": key} if key else {})
        data = None if body is None else json.dumps(body).encode()
        return await self.client.post(path, data=data, headers=named)

    async def ok(self, path: str, body: object = None, key: str | None = None) -> dict[str, Any]:
        """Return the answer to what is taken."""
        response = await self.post(path, body, key)
        assert response.status == 200, await response.text()
        answer: dict[str, Any] = await response.json()
        return answer

    async def redeem(self, points: int = 1000, key: str = "a") -> dict[str, Any]:
        return await self.ok(PATH, {"member": CARD, "points": points}, key)

    async def refusal(self, path: str, body: object = None, key: str | None = "a") -> tuple[int, str]:
        """Return status and code of what is refused."""
        response = await self.post(path, body, key)
        said = await response.json(content_type="application/problem+json")
        assert said["status"] == response.status
        return response.status, said["code"]

    async def events(self) -> list[Event]:
        """Return the journal without the agent's own events."""

        def read(conn: Connection) -> list[Event]:
            return [unpack_record(data).event for data in journal.run_from(conn, 1, 1, 1000)]

        return [event for event in await self.app[READER].do(read) if event.member is not None]

    async def know(self, row: MemberRow) -> None:
        await self.app[WRITER].do(partial(members.put, row=row))


@asynccontextmanager
async def running(config: EdgeConfig, clock: HeldClock | None = None) -> AsyncIterator[Counter]:
    """Run the agent."""
    async with TestClient(TestServer(build_app(config, clock or HeldClock()))) as client:
        yield Counter(client, config)


@pytest.fixture
def alone(tmp_path: Path) -> EdgeConfig:
    """The settings of a till whose headquarters is not there."""
    config = config_of(tmp_path, sync=quiet_sync(), redemptions=Redemptions(ask_ms=LONG_MS))
    enrol_till(config)
    return config


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
        await counter.know(rich())
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
        await counter.know(rich())
        body = {"member": CARD, "points": 1000}
        assert await counter.refusal(PATH, body) == (422, "points_missing")
        assert await counter.events() == []
        assert await counter.app[WRITER].do(quarantine.open_rows) == []
        hq.answer = grants
        assert (await counter.redeem())["online"] is True


async def test_a_till_that_is_shut_out_spends_nothing(tmp_path: Path, hq: FakeHq) -> None:
    hq.problem = (403, {"code": "terminal_revoked", "detail": "it was stolen"}, {})
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know(rich())
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}) == (422, "terminal_revoked")


async def test_a_question_does_not_wait_for_the_back_off(tmp_path: Path, hq: FakeHq) -> None:
    hq.problem = (500, {"code": "internal_error", "detail": "x"}, {})
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know(rich())
        await until(lambda: len(hq.asked) == 1)
        hq.problem = None
        assert (await counter.redeem())["online"] is True


async def test_a_headquarters_that_asked_to_be_left_alone_is(tmp_path: Path, hq: FakeHq) -> None:
    hq.problem = (503, {"code": "server_busy", "detail": "x"}, {"Retry-After": "600"})
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know(rich())

        async def noted() -> bool:
            return (await counter.app[READER].do(outbox.link)).error_code == "server_busy"

        await until(noted)
        assert (await counter.redeem())["online"] is False
        assert len(hq.asked) == 1


# Without


async def test_without_a_line_the_allowance_decides_at_once(alone: EdgeConfig) -> None:
    async with running(alone) as counter:
        await counter.know(rich())
        answer = await counter.redeem(3000)
        assert (answer["online"], answer["member"]["available"]) == (False, 2000)
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}, "b") == (
            422,
            "allowance_exceeded",
        )


async def test_a_slow_headquarters_is_not_waited_for_longer_than_told(tmp_path: Path, hq: FakeHq) -> None:
    hq.may_answer.clear()
    async with running(linked(tmp_path, hq, ask_ms=20)) as counter:
        await counter.know(rich())
        answer = await counter.redeem()
        assert answer["online"] is False
        hq.may_answer.set()
        again = await counter.redeem()
        assert again == answer | {"repeated": True, "member": again["member"]}
        assert len(await counter.events()) == 1


async def test_no_sale_waits_while_headquarters_is_asked(tmp_path: Path, hq: FakeHq) -> None:
    hq.may_answer.clear()
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know(rich())
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
        await counter.know(rich())
        assert (await counter.redeem())["online"] is False


async def test_an_answer_that_cannot_be_believed_grants_nothing(tmp_path: Path, hq: FakeHq) -> None:
    hq.spoil = "other key"
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know(rich(allowance=0))
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}) == (422, "allowance_exceeded")


async def test_the_same_request_twice_at_once_is_one_redemption(tmp_path: Path, hq: FakeHq) -> None:
    hq.may_answer.clear()
    async with running(linked(tmp_path, hq)) as counter:
        await counter.know(rich())
        asking = [asyncio.create_task(counter.redeem()) for _ in range(2)]
        await until(lambda: bool(hq.asked))
        hq.may_answer.set()
        one, other = await asyncio.gather(*asking)
        assert one["id"] == other["id"]
        assert [one["repeated"], other["repeated"]].count(True) == 1
        assert len(await counter.events()) == 1


async def test_more_questions_than_an_exchange_holds_are_not_put() -> None:
    questions = Questions()
    waiting = [
        asyncio.create_task(questions.put(Ask(str(number), "id:M1", 1), LONG_MS))
        for number in range(ASKS_MAX)
    ]
    await until(lambda: len(questions.take()) == ASKS_MAX)
    assert await questions.put(Ask("one more", "id:M1", 1), LONG_MS) is None
    for question in questions.take():
        question.answer.set_result(Told(granted=1))
    assert {told.granted if told else 0 for told in await asyncio.gather(*waiting)} == {1}
    assert questions.take() == ()


# What is asked for


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"member": CARD}, (422, "request_invalid")),
        ({"points": 1000}, (422, "request_invalid")),
        ({"member": CARD, "points": 1000, "reward": "range-hour"}, (422, "request_invalid")),
        ({"member": CARD, "points": 1000, "coupon": code()}, (422, "request_invalid")),
        ({"member": CARD, "points": "1000"}, (422, "request_invalid")),
        ({"member": CARD, "points": 1000, "surprise": 1}, (422, "request_invalid")),
        ({"member": "2000123456799", "points": 1000}, (404, "member_unknown")),
        (
            {"member": CARD, "points": 1000, "receipt": {"store": "S099", "till": "T1", "number": "1"}},
            (422, "receipt_other_store"),
        ),
        (
            {"member": CARD, "points": 1000, "receipt": {"store": "S012", "till": "T 1", "number": "1"}},
            (422, "receipt_invalid"),
        ),
    ],
)
async def test_a_request_that_means_nothing_is_refused(
    alone: EdgeConfig, body: dict[str, Any], expected: tuple[int, str]
) -> None:
    async with running(alone) as counter:
        await counter.know(rich())
        assert await counter.refusal(PATH, body) == expected
        assert await counter.events() == []


async def test_a_redemption_goes_by_its_id(alone: EdgeConfig) -> None:
    async with running(alone) as counter:
        await counter.know(rich())
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}, None) == (
            400,
            "idempotency_key_missing",
        )
        one = await counter.redeem()
        at = f"{PATH}/{one['id']}"
        assert await counter.refusal(f"{PATH}/nothing/commit") == (404, "redemption_unknown")
        assert await counter.refusal(f"{PATH}/nothing/cancel") == (404, "redemption_unknown")
        assert await counter.refusal(f"{at}/commit", {"receipt": 1}) == (422, "request_invalid")
        paid = {"receipt": {"store": "S012", "till": "T03", "number": "7"}}
        assert (await counter.ok(f"{at}/commit", paid))["repeated"] is False
        assert (await counter.ok(f"{at}/commit", paid))["repeated"] is True
        assert (await counter.ok(f"{at}/commit"))["state"] == "committed"
        assert await counter.refusal(f"{at}/cancel") == (409, "redemption_committed")
        other = await counter.redeem(key="b")
        assert (await counter.ok(f"{PATH}/{other['id']}/cancel"))["state"] == "cancelled"
        assert await counter.refusal(f"{PATH}/{other['id']}/commit") == (409, "redemption_cancelled")


async def test_a_key_of_a_visit_is_no_key_of_a_redemption(alone: EdgeConfig) -> None:
    async with running(alone) as counter:
        await counter.know(rich())
        await counter.ok("/v1/visits", {"member": CARD}, "a")
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}) == (409, "idempotency_conflict")


async def test_a_look_up_offers_what_can_be_spent(alone: EdgeConfig) -> None:
    async with running(alone) as counter:
        await counter.know(rich(coupons=(coupon_of(),), held=500))
        response = await counter.client.get(f"/v1/members/{CARD}", headers=counter.headers)
        found = await response.json()
        assert (found["balance"], found["available"]) == (5000, 4500)
        assert found["rewards"] == [
            {"id": "range-hour", "name": "an hour on the range", "points": 800, "value_minor": 0}
        ]
        assert found["coupons"] == [
            {
                "id": "C1",
                "name": "two thousand off",
                "value_minor": 2000,
                "until": "2026-12-31",
                "code": code(),
            }
        ]
        used = await counter.ok(PATH, {"coupon": found["coupons"][0]["code"]}, "a")
        assert (used["coupon"], used["value_minor"], used["online"]) == ("C1", 2000, False)
        assert await counter.refusal(PATH, {"coupon": code()}, "b") == (409, "coupon_used")


async def test_names_are_in_the_tills_language(alone: EdgeConfig) -> None:
    async with running(msgspec.structs.replace(alone, language="ko")) as counter:
        await counter.know(rich(coupons=(coupon_of(),)))
        response = await counter.client.get(f"/v1/members/{CARD}", headers=counter.headers)
        found = await response.json()
        assert (found["rewards"][0]["name"], found["coupons"][0]["name"]) == ("연습장 1시간", "이천 원 할인")


# The end of an authorisation


async def test_what_is_over_lapses_by_itself_after_having_been_off(alone: EdgeConfig) -> None:
    clock = HeldClock()
    async with running(alone, clock) as counter:
        await counter.know(rich())
        one = await counter.redeem()
    clock.go_on(HOLD)
    async with running(alone, clock) as counter:

        async def lapsed() -> bool:
            return isinstance((await counter.events())[-1], RedemptionCancelled)

        await until(lapsed)
        assert await counter.refusal(f"{PATH}/{one['id']}/commit") == (409, "redemption_lapsed")
        assert (await counter.redeem())["state"] == "lapsed"


async def test_what_lapses_is_sent_soon(alone: EdgeConfig) -> None:
    clock, told = HeldClock(), []
    async with running(alone, clock) as counter:
        await counter.know(rich())
        app = counter.app
        lapsing = Lapsing(
            app[READER], app[WRITER], app[RECORDER], app[REDEEMING], recorded=lambda: told.append(1)
        )
        one = await counter.redeem()
        await lapsing.look()
        assert told == []
        clock.go_on(HOLD)
        again = await counter.redeem()
        assert (again["state"], again["id"]) == ("lapsed", one["id"])
        await lapsing.look()
        assert len(told) == 1
        assert [type(event) for event in await counter.events()] == [
            RedemptionAuthorised,
            RedemptionCancelled,
        ]


async def test_status_and_metrics_count_what_is_open(alone: EdgeConfig) -> None:
    clock = HeldClock()
    async with running(alone, clock) as counter:
        await counter.know(rich())
        await counter.redeem()
        done = await counter.redeem(key="b")
        await counter.ok(f"{PATH}/{done['id']}/commit")
        told = await counter.app[READER].do(lambda conn: status(conn, alone, clock))
        assert told.redemptions_open == 1
        assert "  redemptions   1 open" in lines(told)
        text = await counter.app[READER].do(lambda conn: render(conn, 0, 0))
        assert "\ndangol_edge_redemptions_open 1\n" in text


async def test_the_description_knows_redemptions(alone: EdgeConfig) -> None:
    async with running(alone) as counter:
        document = await (await counter.client.get("/openapi.json")).json()
        assert {path for path in document["paths"] if path.startswith(PATH)} == {
            PATH,
            f"{PATH}/{{id}}/commit",
            f"{PATH}/{{id}}/cancel",
        }
        commit = document["paths"][f"{PATH}/{{id}}/commit"]["post"]
        assert commit["requestBody"]["required"] is False
        answer = commit["responses"]["200"]["content"]["application/json"]["schema"]
        assert answer == {"$ref": "#/components/schemas/RedemptionAnswer"}
        shape = document["components"]["schemas"]["RedemptionAnswer"]
        await counter.know(rich())
        assert (await counter.redeem()).keys() == shape["properties"].keys()
