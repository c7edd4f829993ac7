"""What the till's own software says it sold on a day: from files and by HTTP; the last one stands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.clock import PLAUSIBLE_FROM
from edge_agent.config import Csv
from edge_agent.pos_adapter.csv_header import NAMES
from edge_agent.sync import keys
from edge_agent.take import take_file
from loyalty_core.calendar import business_day
from loyalty_core.errors import BadInput
from loyalty_core.events import DayTotal
from loyalty_core.units import EpochMs
from tests.edge.adapting import rows_of
from tests.edge.made import HeldClock, at, config_of, day, enrol_till, purchase, quiet_sync
from tests.edge.till import Till

HEADER = ",".join(NAMES)


def total(count: Any = 12, net: Any = 310_000, **changed: Any) -> dict[str, Any]:
    """Return the total of till T03 on 20 November."""
    return {
        "kind": "day_total",
        "receipt": {"store": "S012", "till": "T03", "business_date": "2026-11-20"},
        "count": count,
        "net_minor": net,
    } | changed


def recorded(till: Till) -> list[DayTotal]:
    return [record.event for record in till.records() if isinstance(record.event, DayTotal)]


def taken(till: Till, name: str, text: str) -> list[str]:
    """Hand a file in; return what became of each row, or the code with which it was refused."""
    file = till.config.data_dir / name
    file.write_text(text, "utf-8")
    became = list(take_file(till.config, till.clock, file, dry_run=False))
    return [one.get("code") or one["became"] for one in became]


def refusal(till: Till, said: dict[str, Any]) -> str:
    with pytest.raises(BadInput) as refused:
        till.record(said)
    return refused.value.code


def test_a_total_is_recorded_as_it_was_said_and_moves_no_points(till: Till) -> None:
    outcome = till.record(total())
    (event,) = recorded(till)
    assert (event.store, event.till, event.business_day) == ("S012", "T03", day("2026-11-20"))
    assert (event.count, event.net_minor, event.member) == (12, 310_000, None)
    assert (outcome.account, outcome.redeemable, outcome.repeated) == (None, 0, False)


def test_the_same_total_again_is_known_again(till: Till) -> None:
    first = till.record(total())
    till.clock.go_on(3_600_000)
    again = till.record(total())
    assert (again.repeated, again.event) == (True, first.event)
    assert len(recorded(till)) == 1


def test_another_total_of_the_same_day_is_taken_and_is_the_later_one(till: Till) -> None:
    till.record(total(12))
    till.record(total(13))
    first, second = recorded(till)
    assert (first.count, second.count) == (12, 13)
    assert first.occurred_at_ms == second.occurred_at_ms == at("2026-11-21 05:00") - 1
    assert business_day(EpochMs(first.occurred_at_ms), till.books().terminal.place) == day("2026-11-20")


def test_a_till_that_says_when_may_come_back_to_an_earlier_figure(till: Till) -> None:
    for count, hour in ((12, "21"), (13, "22"), (12, "23"), (13, "22")):
        till.record(total(count, occurred_at=f"2026-11-20T{hour}:00:00+09:00"))
    assert [event.count for event in recorded(till)] == [12, 13, 12]
    assert recorded(till)[-1].occurred_at_ms == at("2026-11-20 23:00")


def test_a_clock_that_is_lost_stops_no_total(till: Till) -> None:
    till.clock.wall = PLAUSIBLE_FROM - 1
    till.record(total())
    assert recorded(till)[0].occurred_at_ms == at("2026-11-21 05:00") - 1


def test_a_day_with_more_returned_than_sold_is_below_zero(till: Till) -> None:
    till.record(total(2, -5_000))
    assert recorded(till)[0].net_minor == -5_000


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (total(-1), "amount_impossible"),
        (total(2**53 + 1), "amount_impossible"),
        (total(1, 2**53 + 1), "amount_impossible"),
        (total(1, -(2**53) - 1), "amount_impossible"),
        (total("12"), "receipt_invalid"),
        (total(currency="USD"), "currency_other"),
        (total(currency="ABC"), "currency_unknown"),
        (total(number="1"), "receipt_invalid"),
        (total(occurred_at="yesterday"), "date_impossible"),
        (total(receipt={"store": "S9", "till": "T03", "business_date": "2026-11-20"}), "receipt_other_store"),
        (total(receipt={"store": "S012", "till": "T 3", "business_date": "2026-11-20"}), "receipt_invalid"),
        (total(receipt={"store": "S012", "till": "T03", "business_date": "2027-11-20"}), "date_in_future"),
        (total(receipt={"store": "S012", "till": "T03", "business_date": "20.11."}), "date_impossible"),
        (total(receipt={"store": "S012", "till": "T03"}), "receipt_invalid"),
    ],
)
def test_a_total_that_cannot_be_is_refused(till: Till, said: dict[str, Any], code: str) -> None:
    assert refusal(till, said) == code
    assert till.records() == []


def test_a_receipt_may_not_name_a_count_nor_go_without_its_number(till: Till) -> None:
    assert refusal(till, purchase(count=3)) == "receipt_invalid"
    assert refusal(till, purchase(receipt={"store": "S012", "till": "T03"})) == "receipt_invalid"


def test_a_receipt_that_only_mentions_day_total_is_a_receipt(till: Till) -> None:
    till.record(purchase("day_total"))
    assert recorded(till) == []


def test_totals_come_in_json_lines_with_fields_that_nobody_knows(till: Till) -> None:
    odd = total(printer="EP-3") | {"receipt": total()["receipt"] | {"number": "Z17", "shift": 2}}
    lines = [json.dumps(one) for one in (purchase(), odd, total(), {"kind": "day_total"})]
    assert taken(till, "day.jsonl", "\n".join([*lines, '{"currency": "day_total", }', ""])) == [
        "recorded",
        "recorded",
        "repeated",
        "receipt_invalid",
        "json_invalid",
    ]
    assert [(event.count, event.net_minor) for event in recorded(till)] == [(12, 310_000)]


def test_totals_come_in_csv_each_row_by_itself(till: Till) -> None:
    rows = [
        "day_total,S012,T03,2026-11-20,,,,,,,12,310000,,",
        "day_total,S012,T03,2026-11-20,Z2,2026-11-20T23:00:00+09:00,,,,,13,320000,,",
        "day_total,S012,T03,2026-11-20,,,,,,,12,310000,,",
        "day_total,S012,T03,2026-11-20,,,,,,,many,310000,,",
        "day_total,S012,T03,2026-11-20,,,,,,,12,much,,",
        "day_total,S012,T03,,,,,,,,12,310000,,",
    ]
    assert taken(till, "day.csv", "\n".join([HEADER, *rows, ""])) == [
        "recorded",
        "recorded",
        "repeated",
        "amount_impossible",
        "amount_impossible",
        "receipt_invalid",
    ]
    assert [event.count for event in recorded(till)] == [12, 13]


def test_totals_in_csv_are_in_the_units_and_forms_of_the_settings() -> None:
    settings = Csv(amounts="major", decimals=2, date_format="%d.%m.%Y", time_format="%d.%m.%Y %H:%M")
    data = f"{HEADER}\nday_total,S012,T03,20.11.2026,,20.11.2026 22:30,,,,,12,3100.50,,\n".encode()
    (row,) = rows_of("csv", data, settings)
    said = row.receipt
    assert said is not None
    assert said.receipt.business_date == "2026-11-20"
    assert (said.net_minor, said.occurred_at) == (310_050, "2026-11-20T22:30:00")


async def test_totals_come_by_http_and_are_described(tmp_path: Path) -> None:
    config = config_of(tmp_path, sync=quiet_sync())
    enrol_till(config)
    async with TestClient(TestServer(build_app(config, HeldClock()))) as client:
        headers = {"Authorization": f"Bearer {keys.token(config.data_dir)}"}
        answers = []
        for _ in range(2):
            response = await client.post("/v1/receipts", json=total(), headers=headers)
            assert response.status == 200, await response.text()
            answers.append(await response.json())
        document = await (await client.get("/openapi.json")).json()
    assert [answer["repeated"] for answer in answers] == [False, True]
    assert answers[0]["event"] == answers[1]["event"]
    assert answers[0]["points"] == {"redeemable": 0, "qualifying": 0}
    body = document["paths"]["/v1/receipts"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert [one["$ref"].rpartition("/")[2] for one in body["oneOf"]] == ["Receipt", "DayTotalIn"]
    assert document["components"]["schemas"]["DayTotalIn"]["required"] == [
        "kind",
        "receipt",
        "count",
        "net_minor",
    ]
