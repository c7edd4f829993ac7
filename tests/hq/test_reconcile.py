"""Exceptions as people and other systems see them: in pages, explained by name; and the totals of a day."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from aiohttp.test_utils import TestClient

from hq_server.reconcile import Wanted, by_kind, exceptions_page, explain, open_exceptions
from loyalty_core.errors import BadInput
from tests.hq.conftest import Client, Hq, Tills
from tests.hq.events import DAY, purchase, void
from tests.hq.test_api import get
from tests.hq.test_cli import Shell, shell
from tests.hq.test_closings import DAY_MS, changed, close, day_closed
from tests.hq.test_day_totals import compared, total
from tests.hq.till import NOW_MS

__all__ = ["shell"]
HOUR_MS = 3_600_000


async def both_sides(hq: Hq, tills: Tills, count: int = 3) -> None:
    """Open exceptions of both sides, some in the same millisecond, others an hour later."""
    till = await tills.join()
    for number in range(count):
        till.record(purchase(f"a{number}", member=f"card:20{number}"))
        till.record(purchase(f"b{number}", store="S2"))
    await tills.send(till)
    hq.clock.now += HOUR_MS
    for number in range(count):
        till.record(purchase(f"c{number}", member=f"card:29{number}"))
        till.record(purchase(f"d{number}", store="S2"))
    await tills.send(till)


def pages(hq: Hq, count: int, **wanted: Any) -> list[list[str]]:
    """Return the subjects of each page until there are no more."""
    found: list[list[str]] = []
    after = ""
    with hq.reading() as tx:
        while page := exceptions_page(tx, Wanted(**wanted), hq.clock(), after=after, count=count):
            found.append([one.subject for one in page])
            after = page[-1].cursor
    return found


def explained(hq: Hq, kind: str, subject: str, cause: str = "a test", by: str = "kim") -> None:
    with hq.writing() as tx:
        explain(tx, kind, subject, cause, by, hq.clock())


@pytest.mark.parametrize("count", [1, 2, 5, 11, 12, 1000])
async def test_pages_hold_every_exception_of_both_sides_once_the_oldest_first(
    hq: Hq, tills: Tills, count: int
) -> None:
    await both_sides(hq, tills)
    with hq.reading() as tx:
        whole = open_exceptions(tx, hq.clock())
    assert len(whole) == 12
    assert [one.age_ms for one in whole] == [HOUR_MS] * 6 + [0] * 6
    cut = pages(hq, count)
    assert [subject for page in cut for subject in page] == [one.subject for one in whole]
    assert all(len(page) == count for page in cut[:-1])


async def test_the_list_can_be_cut_by_kind_age_state_and_cause(hq: Hq, tills: Tills) -> None:
    await both_sides(hq, tills, 1)
    explained(hq, "member_unknown", "card:200", "A guest's card")
    assert pages(hq, 9, kind="member_unknown") == [["card:200", "card:290"]]
    assert pages(hq, 9, older_than_ms=HOUR_MS) == [["S012-T01.1.2", "card:200"]]
    assert pages(hq, 9, older_than_ms=HOUR_MS + 1) == []
    assert pages(hq, 9, state="explained") == [["card:200"]]
    assert pages(hq, 9, state="open") == [["S012-T01.1.2", "S012-T01.1.4", "card:290"]]
    assert pages(hq, 9, cause="guest") == [["card:200"]]
    assert pages(hq, 9, cause="guests") == []
    assert pages(hq, 9, state="closed") == []
    hq.members("member_id,lookups\nM1,290\nM2,200\n")
    assert pages(hq, 9, state="closed") == [["card:200", "card:290"]]
    assert pages(hq, 1, state="closed", kind="member_unknown") == [["card:200"], ["card:290"]]
    assert pages(hq, 9) == [["S012-T01.1.2", "S012-T01.1.4"]]
    hq.clock.now += HOUR_MS
    with hq.reading() as tx:
        first, second = open_exceptions(tx, hq.clock(), Wanted(state="closed"))
    assert (first.age_ms, second.age_ms) == (HOUR_MS, 0), "a closed one grows no older"


@pytest.mark.parametrize("side", ["arrival", "account"])
async def test_an_explained_exception_stays_until_it_ends_and_begins_anew_unexplained(
    hq: Hq, tills: Tills, side: str
) -> None:
    till = await tills.join()
    kind, subject = "original_missing", "S012-T01.1.1"
    till.record(void("1"))
    if side == "account":
        kind, subject = "member_unknown", "card:7"
        till.record(purchase("2", member="card:7"))
    await tills.send(till)
    explained(hq, kind, subject, "  a till that was stolen ", " kim ")
    with hq.reading() as tx:
        (found,) = open_exceptions(tx, hq.clock(), Wanted(kind=kind))
    assert (found.state, found.cause, found.explained_by) == ("explained", "a till that was stolen", "kim")
    assert found.explained_at == found.opened_at == "2026-11-21T02:31:00Z"
    assert found.owner == ("store" if side == "arrival" else "member desk")
    table, other = ("arrival_exceptions", "1") if side == "arrival" else ("account_exceptions", "2")
    hq.sql(f"UPDATE {table} SET closed_at_ms = {NOW_MS}")  # noqa: S608 - both are words of this test
    with pytest.raises(BadInput, match="is open"):
        explained(hq, kind, subject)
    till.record(void("1", at=NOW_MS + 1) if other == "1" else purchase("3", member="card:7"))
    await tills.send(till)
    with hq.reading() as tx:
        found = open_exceptions(tx, hq.clock(), Wanted(kind=kind))[0]
    assert (found.state, found.cause, found.explained_by, found.explained_at) == ("open", "", "", None)


@pytest.mark.parametrize(
    ("kind", "subject", "cause", "by", "code"),
    [
        ("member_unknown", "card:201", "x", "kim", "exception_not_found"),
        ("member_differs", "card:200", "x", "kim", "exception_not_found"),
        ("member_unknown", "card:200", " ", "kim", "cause_missing"),
        ("member_unknown", "card:200", "x" * 1001, "kim", "cause_missing"),
        ("member_unknown", "card:200", "x", " ", "name_missing"),
        ("member_unknown", "card:200", "x", "k" * 101, "name_missing"),
    ],
)
async def test_what_is_no_explanation_is_refused(
    hq: Hq, tills: Tills, kind: str, subject: str, cause: str, by: str, code: str
) -> None:
    await both_sides(hq, tills, 1)
    with pytest.raises(BadInput) as refused:
        explained(hq, kind, subject, cause, by)
    assert refused.value.code == code
    assert pages(hq, 9, state="explained") == []


async def test_kinds_are_counted_with_their_age_and_what_is_explained(hq: Hq, tills: Tills) -> None:
    await both_sides(hq, tills, 2)
    explained(hq, "member_unknown", "card:201")
    hq.clock.now += DAY_MS - HOUR_MS
    with hq.reading() as tx:
        first, second = by_kind(tx, hq.clock())
    assert (first.kind, first.owner, first.count, first.explained) == ("member_unknown", "member desk", 4, 1)
    assert (second.kind, second.owner, second.count, second.explained) == (
        "receipt_other_store",
        "store",
        4,
        0,
    )
    assert (first.last_day, first.oldest_ms) == (2, DAY_MS)


async def test_the_command_line_lists_and_explains(shell: Shell, hq: Hq, tills: Tills) -> None:
    assert shell.run("exceptions")[1] == "Nothing is open.\n"
    await both_sides(hq, tills, 1)
    assert len(shell.json("exceptions")) == len(shell.json("exceptions", "list")) == 4
    assert (
        "is explained"
        in shell.run(
            "exceptions", "explain", "member_unknown", "card:200", "--cause", "A guest", "--by", "kim"
        )[1]
    )
    (found,) = shell.json("exceptions", "list", "--state", "explained", "--kind", "member_unknown")
    assert (found["subject"], found["cause"], found["explained_by"]) == ("card:200", "A guest", "kim")
    assert "A guest (kim)" in shell.run("exceptions", "--cause", "guest")[1]
    assert len(shell.json("exceptions", "--kind", "member_unknown")) == 2
    for hours in ("-1", "1000001", "9" * 20):
        assert shell.run("exceptions", "list", "--older-than", hours)[0] == 2
    assert shell.run("exceptions", "list", "--state", "nonsense")[0] == 2
    words = ("exceptions", "explain", "member_unknown", "card:201", "--cause", "x", "--by", "kim")
    assert shell.refused(*words) == "exception_not_found"
    assert "1 of 4 differences have a cause (25 %)." in shell.run("reconcile")[1]


async def test_a_day_is_shown_terminal_by_terminal(shell: Shell, hq: Hq, tills: Tills) -> None:
    till, silent = await tills.join(), await tills.join("S2")
    for event in (purchase("1", 10_000), purchase("2", 5_000), void("2"), total(1, 10_000)):
        till.record(event)
    hq.clock.now += DAY_MS
    close(till, DAY)
    await tills.send(till)
    found = shell.json("reconcile", "--day", "2026-11-21")
    assert found["day"] == "2026-11-21"
    first, second = found["terminals"]
    assert first == {
        "store_id": "S012",
        "terminal_id": till.terminal_id,
        "branch": None,
        "closed_at": "2026-11-22T02:31:00Z",
        "software": {"receipts": 1, "net_minor": 10_000},
        "standing": {"receipts": 1, "net_minor": 10_000},
        "journal": {"records": 4, "receipts": 2, "net_minor": 15_000, "redeemable": 0, "qualifying": 0},
        "held": {"records": 4, "receipts": 2, "net_minor": 15_000, "redeemable": 0, "qualifying": 0},
        "awards": {},
        "differs": [],
    }
    assert (second["terminal_id"], second["journal"], second["software"]) == (silent.terminal_id, None, None)
    assert second["held"]["records"] == 0
    till.record(purchase("3", 700))
    await tills.send(till)
    (later, _) = shell.json("reconcile", "--day", "2026-11-21")["terminals"]
    assert later["differs"] == []
    assert (later["held"]["net_minor"], later["standing"]["net_minor"]) == (15_700, 10_700)
    text = shell.run("reconcile", "--day", "2026-11-21")[1]
    assert "1 / 10000" in text
    assert "2 / 15000" in text
    assert "_differs" not in text
    assert shell.refused("reconcile", "--day", "21.11.") == "date_malformed"


async def test_a_day_differs_as_long_as_it_has_an_exception(shell: Shell, hq: Hq, tills: Tills) -> None:
    def shown() -> list[str]:
        (found,) = shell.json("reconcile", "--day", "2026-11-21")["terminals"]
        differs: list[str] = found["differs"]
        assert sorted(kind for kind, _ in hq.exceptions()) == differs
        return differs

    till = await tills.join()
    till.record(purchase("1", 10_000, None))
    till.record(total(1, 10_000))
    hq.clock.now += DAY_MS
    till.record(changed(day_closed(till), 4, count=3))
    await tills.send(till)
    assert shown() == ["day_closed_differs"]
    name = ("day_closed_differs", f"{till.terminal_id}.1/2026-11-21")
    shell.run("exceptions", "explain", *name, "--cause", "the shop's mistake", "--by", "kim")
    till.record(purchase("2", 500, None))
    await tills.send(till)
    assert shown() == ["day_closed_differs"]
    await compared(hq, tills)
    assert shown() == ["day_closed_differs", "day_total_differs"]
    close(till, DAY)
    await tills.send(till)
    assert shown() == ["day_total_differs"]
    till.record(purchase("3", 700, None))
    till.record(total(3, 11_200, at=NOW_MS + 1))
    await tills.send(till)
    await compared(hq, tills)
    assert shown() == []


async def test_the_watermark_is_shown_wherever_a_terminal_is(shell: Shell, hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase("1", member=None))
    await tills.send(till)
    assert shell.json("terminal", "list")[0]["watermark"] is None
    hq.clock.now += DAY_MS
    close(till, DAY)
    await tills.send(till)
    assert shell.json("terminal", "list")[0]["watermark"] == "2026-11-21"
    assert shell.json("period", "status", "2026-H2")["terminals"][0]["watermark"] == "2026-11-21"
    assert "closed to" in shell.run("terminal", "list")[1]
    assert "closed to" in shell.run("period", "status", "2026-H2", "--language", "en")[1]
    assert (await get(tills.client, hq, "/api/v1/terminals"))[0]["watermark"] == "2026-11-21"


async def test_the_api_answers_pages_by_kind_age_state_and_cause(hq: Hq, tills: Tills) -> None:
    await both_sides(hq, tills, 2)
    explained(hq, "member_unknown", "card:201", "A guest")
    path = "/api/v1/exceptions"
    whole = await get(tills.client, hq, path)
    assert len(whole) == 8
    first = await get(tills.client, hq, f"{path}?limit=3")
    rest = await get(tills.client, hq, f"{path}?after={first[-1]['cursor']}")
    assert first + rest == whole
    (found,) = await get(tills.client, hq, f"{path}?state=explained&cause=guest&kind=member_unknown")
    assert (found["subject"], found["owner"], found["state"]) == ("card:201", "member desk", "explained")
    assert len(await get(tills.client, hq, f"{path}?older_than_hours=1")) == 4


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("state=lost", "bad_input"),
        ("limit=0", "bad_input"),
        ("limit=1001", "bad_input"),
        ("limit=x", "bad_input"),
        ("older_than_hours=-1", "bad_input"),
        ("colour=red", "bad_input"),
        ("after=nonsense", "cursor_malformed"),
        ("after=!", "cursor_malformed"),
        ("after=WzFd", "cursor_malformed"),
        *[
            (f"after={base64.urlsafe_b64encode(place.encode()).decode()}", "cursor_malformed")
            for place in (
                '[99999999999999999999,0,"S","k","s"]',
                '[9223372036854775807,1,5,"k","s"]',
                '[0,99999999999999999999,"S","k","s"]',
                '[0,1,99999999999999999999,"k","s"]',
                '[0,1,-99999999999999999999,"k","s"]',
                '[0,0,"\\ud800","k","s"]',
            )
        ],
    ],
)
async def test_a_query_that_means_nothing_is_refused(hq: Hq, client: Client, query: str, code: str) -> None:
    answer = await client.get(f"/api/v1/exceptions?{query}", headers={"Authorization": f"Bearer {hq.token}"})
    problem = await answer.json(content_type="application/problem+json")
    assert (answer.status, problem["code"]) == (400, code)


async def test_the_query_is_described(client: TestClient[Any, Any]) -> None:
    document = await (await client.get("/openapi.json")).json()
    parameters = document["paths"]["/api/v1/exceptions"]["get"]["parameters"]
    assert [one["name"] for one in parameters] == [
        *("kind", "state", "cause", "older_than_hours", "after", "limit")
    ]
    assert all(one["in"] == "query" and one["description"] for one in parameters)
