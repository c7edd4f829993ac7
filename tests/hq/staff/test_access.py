"""The access log: who looked at which member's data by which road, and who changed what."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from hq_server.staff.access import (
    DAY_MS,
    FORGOTTEN_AT_ONCE,
    MANY,
    forget_some,
    is_forgetting_due,
    keep_access,
)
from hq_server.store.connection import Transaction
from loyalty_core.units import EpochMs
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.staff.people import Door, People, at, seen
from tests.hq.test_cli import Shell

PHONE = "010-1234-5678"


async def test_a_look_by_http_is_kept_by_the_members_id_and_never_by_what_was_typed(
    door: Door, hq: Hq
) -> None:
    await door.enter("park")
    for look_up in ("M1", "2000123456782"):
        assert (await door.ask("GET", f"members/{look_up}", by="park"))[0] == 200
    assert (await door.ask("GET", "members/M1/entries", by="park"))[0] == 200
    looks = [row for row in seen(door.people.log()) if row[1] == "read"]
    assert looks == [
        ("park", "read", "GET /api/v1/members/{look_up}", "M1"),
        ("park", "read", "GET /api/v1/members/{look_up}", "M1"),
        ("park", "read", "GET /api/v1/members/{look_up}/entries", "M1"),
    ]
    assert "2000123456782" not in repr(door.people.log())


async def test_a_look_at_a_merged_member_is_kept_for_both(door: Door, hq: Hq) -> None:
    Desk(hq).merge("M2", "M1")
    await door.enter("park")
    await door.ask("GET", "members/M2", by="park")
    assert [row[3] for row in seen(door.people.log()) if row[1] == "read"] == ["M2", "M1"]


async def test_a_list_of_many_is_kept_for_each_of_them(door: Door) -> None:
    await door.enter("park")
    await door.ask("GET", "adjustments", by="park")
    assert [row[3] for row in seen(door.people.log(subject="M2"))] == [MANY]


async def test_what_was_refused_or_found_nobody_is_no_look(door: Door) -> None:
    await door.enter("park", "choi")
    assert (await door.ask("GET", "members/M9", by="park"))[0] == 404
    assert (await door.ask("GET", "members/M1", by="choi"))[0] == 403
    assert [row for row in seen(door.people.log()) if row[1] == "read"] == []


async def test_what_tells_of_no_member_is_not_kept(door: Door) -> None:
    await door.enter("park")
    before = len(door.people.log())
    for path in ("terminals", "exceptions", "programmes"):
        assert (await door.ask("GET", path, by="park"))[0] == 200
    assert len(door.people.log()) == before


async def test_where_a_look_cannot_be_kept_nothing_is_told(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    await door.enter("park")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hq_server.api.answers.keep_access", full)
    assert (await door.ask("GET", "members/M1", by="park"))[0] == 500


async def test_a_system_is_kept_by_its_token(door: Door, hq: Hq) -> None:
    await door.ask("GET", "members/M1", by=hq.token)
    assert [row[0] for row in seen(door.people.log())] == ["token:admin"]


async def test_a_change_is_kept_in_its_own_transaction_or_not_at_all(door: Door, hq: Hq) -> None:
    await door.enter("kim")
    ask = {"member": PHONE, "redeemable": 5, "reason_code": "complaint", "reason": "x"}
    assert (await door.ask("POST", "adjustments", ask, by="kim", key="a"))[0] == 201
    assert (await door.ask("POST", "adjustments", ask | {"redeemable": 10**9}, by="kim", key="b"))[0] == 400
    changes = [row for row in seen(door.people.log(who="kim")) if "login" not in row[2]]
    assert changes == [("kim", "change", "POST /api/v1/adjustments", "M1")]


def test_a_look_by_command_is_kept_with_who_has_the_machine(
    people: People, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_USER", "seo")
    shell.json("member", "show", PHONE)
    shell.json("member", "show", "M2", "--by", "park")
    assert shell.refused("member", "show", "M9") == "member_not_found"
    shell.json("period", "status")
    assert seen(people.log()) == [
        ("os:seo", "read", "member show", "M1"),
        ("park", "read", "member show", "M2"),
        ("os:seo", "read", "period status", MANY),
    ]


def test_the_log_is_listed_by_member_person_and_day(people: People, shell: Shell, hq: Hq) -> None:
    shell.json("member", "show", "M1", "--by", "park")
    at(hq, DAY_MS)
    shell.json("member", "show", "M2", "--by", "kim")
    assert [one["who"] for one in shell.json("access", "list", "--member", PHONE)] == ["park"]
    assert [one["subject"] for one in shell.json("access", "list", "--who", "kim")] == ["M2"]
    assert [one["subject"] for one in shell.json("access", "list", "--since", "2026-11-22")] == ["M2"]
    assert [one["number"] for one in shell.json("access", "list", "--before", "2")] == [1]
    assert "park" in shell.run("access", "list")[1]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE access_log SET who = 'x'",
        "DELETE FROM access_log",
        "INSERT INTO access_log VALUES (1, 0, 'x', 'api', 'read', 'x', '')",
        "INSERT INTO access_log VALUES (9, 0, 'x', 'api', 'read', 'x', '')",
    ],
)
def test_the_log_is_neither_changed_nor_cut(people: People, shell: Shell, hq: Hq, statement: str) -> None:
    shell.json("member", "show", "M1")
    with pytest.raises(Exception, match="access log"):
        hq.sql(statement)
    assert len(people.log()) == 1


def test_what_is_older_than_the_settings_keep_is_forgotten_and_nothing_younger(
    people: People, hq: Hq
) -> None:
    def keep(tx: Transaction, count: int) -> None:
        for _ in range(count):
            keep_access(tx, hq.clock(), "park", "api", "read", "x", "M1")

    with hq.writing() as tx:
        keep(tx, FORGOTTEN_AT_ONCE + 5)
    at(hq, 100 * DAY_MS)
    with hq.writing() as tx:
        keep(tx, 3)
        assert not is_forgetting_due(tx, hq.clock(), 101)
        assert is_forgetting_due(tx, hq.clock(), 99)
        assert [forget_some(tx, hq.clock(), 99) for _ in range(3)] == [FORGOTTEN_AT_ONCE, 5, 0]
        assert not is_forgetting_due(tx, EpochMs(hq.clock() + 10_000 * DAY_MS), 99)
    assert [one.number for one in people.log()] == [1008, 1007, 1006]


async def test_a_running_server_forgets_by_itself(door: Door, hq: Hq, tills: Any) -> None:
    with hq.writing() as tx:
        keep_access(tx, EpochMs(hq.clock() - 500 * DAY_MS), "park", "api", "read", "x", "M1")
        keep_access(tx, hq.clock(), "park", "api", "read", "y", "M1")
    await tills.until(lambda: [one.what for one in door.people.log()] == ["y"])


async def test_looks_at_once_are_all_kept(door: Door) -> None:
    await door.enter("park")
    await asyncio.gather(*[door.ask("GET", "members/M1", by="park") for _ in range(8)])
    rows = door.people.log(subject="M1")
    assert [row.number for row in rows] == sorted({row.number for row in rows}, reverse=True)
    assert len(rows) == 8


async def test_the_feed_tells_who_people_are_only_to_who_may_read_members(door: Door, hq: Hq) -> None:
    from hq_server.tokens import add_token

    with hq.writing() as tx:
        plain = add_token(tx, "crm", b"1" * 32, hq.clock(), scopes=["feed"])
        full = add_token(tx, "crm-2", b"2" * 32, hq.clock(), scopes=["feed", "read:members"])
    status, told = await door.ask("GET", "changes", by=plain)
    assert (status, {one["person"] for one in told["changes"]}) == (200, {None})
    assert door.people.log() == []
    assert await door.ask("GET", "changes?persons=true", by=plain) == (403, "not_allowed")
    status, told = await door.ask("GET", "changes?persons=true", by=full)
    assert status == 200
    assert "홍길동" in json.dumps(told, ensure_ascii=False)
    kept = seen(door.people.log())
    assert {row[:3] for row in kept} == {("token:crm-2", "read", "GET /api/v1/changes")}
    assert {row[3] for row in kept} == {one["member_id"] for one in told["changes"]}
    assert len(kept) == MEMBERS.count("\n") - 1
