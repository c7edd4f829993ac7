"""Redemptions by local HTTP: what is asked for, what it is called by, and how it ends."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from edge_agent.app_keys import READER, RECORDER, REDEEMING, WRITER
from edge_agent.config import EdgeConfig
from edge_agent.lapsing import Lapsing
from edge_agent.metrics import of_till
from edge_agent.status import lines, status
from edge_agent.store import programmes
from edge_agent.store.database import transaction
from edge_agent.store.migrations import open_database
from loyalty_core.calendar import date_of
from loyalty_core.events import RedemptionAuthorised, RedemptionCancelled, RedemptionCommitted
from loyalty_core.units import Day
from loyalty_shell.exposition import expose
from tests.edge.made import CARD, MOONLIGHT, HeldClock, programme, purchase, until
from tests.edge.redemptions.redeeming_counter import PATH, RedeemingCounter, running
from tests.edge.redemptions.redeeming_till import HOLD, code, coupon_of, rich


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
        await counter.know_row(rich())
        assert await counter.refusal(PATH, body) == expected
        assert await counter.events() == []


async def test_a_redemption_goes_by_its_id(alone: EdgeConfig) -> None:
    async with running(alone) as counter:
        await counter.know_row(rich())
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


UNDATED: dict[str, str] = {"store": "S012", "till": "T03", "number": "7"}
OVERNIGHT = 17 * 3_600_000


async def paid_on(counter: RedeemingCounter) -> list[str]:
    """Return the business dates of the receipts that redemptions were committed for."""
    paid = [event.receipt for event in await counter.events() if isinstance(event, RedemptionCommitted)]
    return [date_of(Day(key.business_day)).isoformat() for key in paid if key is not None]


@pytest.fixture
def overnight(alone: EdgeConfig) -> EdgeConfig:
    """Return the settings of a till where redemptions stay open until the next day."""
    text = MOONLIGHT.replace("hold_minutes = 15", "hold_minutes = 1440")
    conn = open_database(alone.database)
    with transaction(conn):
        programmes.put(conn, 8, programme(8, text))
    conn.close()
    return alone


async def test_a_receipt_without_a_date_stays_the_same_receipt_when_the_day_is_over(
    overnight: EdgeConfig,
) -> None:
    async with running(overnight) as counter:
        await counter.know_row(rich())
        one = await counter.redeem()
        two = await counter.ok(
            PATH, {"member": CARD, "points": 1000, "receipt": UNDATED | {"number": "8"}}, "b"
        )
        assert (await counter.ok(f"{PATH}/{one['id']}/commit", {"receipt": UNDATED}))["repeated"] is False
        counter.clock.go_on(OVERNIGHT)
        assert (await counter.ok(f"{PATH}/{one['id']}/commit", {"receipt": UNDATED}))["repeated"] is True
        named = {"receipt": UNDATED | {"number": "8"}}
        assert (await counter.ok(f"{PATH}/{two['id']}/commit", named))["repeated"] is False
        assert await paid_on(counter) == ["2026-12-05", "2026-12-05"]
        assert await counter.refusal(f"{PATH}/{one['id']}/commit", named) == (409, "receipt_conflict")


@pytest.mark.parametrize(
    ("sold_on", "expected"),
    [
        ([], "2026-12-06"),
        (["2026-12-05"], "2026-12-05"),
        (["2026-12-06"], "2026-12-06"),
        (["2026-12-05", "2026-12-06"], "2026-12-06"),
        (["2026-12-04"], "2026-12-06"),
    ],
)
async def test_a_receipt_without_a_date_that_nobody_named_before_is_the_one_that_was_sold(
    overnight: EdgeConfig, sold_on: list[str], expected: str
) -> None:
    async with running(overnight) as counter:
        await counter.know_row(rich())
        one = await counter.redeem()
        counter.clock.go_on(OVERNIGHT)
        for on in sold_on:
            await counter.ok("/v1/receipts", purchase("7", on=on, occurred_at=f"{on}T05:10:00+09:00"))
        await counter.ok(f"{PATH}/{one['id']}/commit", {"receipt": UNDATED})
        assert await paid_on(counter) == [expected]


async def test_a_receipt_without_a_date_is_never_one_that_was_sold_before_it_was_to_be_paid_with_points(
    overnight: EdgeConfig,
) -> None:
    async with running(overnight) as counter:
        await counter.know_row(rich())
        await counter.ok(
            "/v1/receipts", purchase("7", on="2026-12-05", occurred_at="2026-12-05T05:10:00+09:00")
        )
        one = await counter.redeem()
        counter.clock.go_on(OVERNIGHT)
        await counter.ok(f"{PATH}/{one['id']}/commit", {"receipt": UNDATED})
        assert await paid_on(counter) == ["2026-12-06"]


async def test_a_key_of_a_visit_is_no_key_of_a_redemption(alone: EdgeConfig) -> None:
    async with running(alone) as counter:
        await counter.know_row(rich())
        await counter.ok("/v1/visits", {"member": CARD}, "a")
        assert await counter.refusal(PATH, {"member": CARD, "points": 1000}) == (409, "idempotency_conflict")


async def test_a_look_up_offers_what_can_be_spent(alone: EdgeConfig) -> None:
    async with running(alone) as counter:
        await counter.know_row(rich(coupons=(coupon_of(),), held=500))
        found = await (await counter.get(f"/v1/members/{CARD}")).json()
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
        await counter.know_row(rich(coupons=(coupon_of(),)))
        found = await (await counter.get(f"/v1/members/{CARD}")).json()
        assert (found["rewards"][0]["name"], found["coupons"][0]["name"]) == ("연습장 1시간", "이천 원 할인")


async def test_what_is_over_lapses_by_itself_after_having_been_off(alone: EdgeConfig) -> None:
    clock = HeldClock()
    async with running(alone, clock) as counter:
        await counter.know_row(rich())
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
        await counter.know_row(rich())
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
        await counter.know_row(rich())
        await counter.redeem()
        done = await counter.redeem(key="b")
        await counter.ok(f"{PATH}/{done['id']}/commit")
        told = await counter.app[READER].do(lambda conn: status(conn, alone, clock))
        assert told.redemptions_open == 1
        assert "  redemptions   1 open" in lines(told)
        text = expose(of_till(told))
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
        await counter.know_row(rich())
        assert (await counter.redeem()).keys() == shape["properties"].keys()
