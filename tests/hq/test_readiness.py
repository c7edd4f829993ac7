"""Whether headquarters can take work, as `/readyz` says it: each reason by itself, and since when."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from aiohttp.web import Application

from hq_server import background, readiness
from hq_server.app import build_app
from hq_server.fleet_view import at_text
from hq_server.life import Life
from hq_server.store.connection import Row, Transaction
from hq_server.store.database import Database
from hq_server.store.refusals import Refused
from hq_server.web_context import DATABASE, LIFE, LOOKS
from loyalty_core.units import EpochMs
from tests.hq.conftest import Client, Hq, Tills
from tests.hq.till import Till
from tests.prometheus import parsed


@pytest.fixture(autouse=True)
def looked_at_always(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look anew for each who asks."""
    monkeypatch.setattr(readiness, "LOOK_S", 0)


async def ready(client: Client) -> tuple[int, dict[str, str]]:
    """Return the status, and since when each reason holds."""
    answer = await client.get("/readyz")
    said = await answer.json()
    assert said["status"] == ("not_ready" if said["reasons"] else "ready")
    assert all(reason["sentence"] for reason in said["reasons"])
    return answer.status, {reason["code"]: reason["since"] for reason in said["reasons"]}


async def figure(client: Client, hq: Hq) -> float:
    answer = await client.get("/metrics", headers={"Authorization": f"Bearer {hq.token}"})
    return parsed(await answer.text())["dangol_hq_ready"].of()


def later(hq: Hq) -> str:
    """Let a minute pass; return what time it was before."""
    before = at_text(hq.clock())
    hq.clock.now += 60_000
    return before


async def test_a_server_that_can_take_work_says_so_in_one_line(hq: Hq, client: Client) -> None:
    answer = await client.get("/readyz")
    assert (answer.status, await answer.text()) == (200, '{"status":"ready","reasons":[]}')
    assert await figure(client, hq) == 1


async def test_a_house_without_a_programme_is_ready_and_says_what_it_lacks_to_who_needs_one(
    hq: Hq, aiohttp_client: Any
) -> None:
    body = Till(now=hq.clock).enrol_request(hq.invite("S012"))
    hq.tamper("DELETE FROM programmes")
    client = await aiohttp_client(build_app(hq.config, hq.clock))
    assert await ready(client) == (200, {})
    assert await Tills(hq, client).refused("/v1/enrol", body) == (503, "programme_missing")
    assert (await client.get("/openapi.json")).status == 200
    assert await ready(client) == (200, {}), "the chores failed"


async def test_liveness_asks_neither_database_nor_disk(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def asked(*_: object) -> None:
        raise AssertionError("it was asked")

    monkeypatch.setattr(readiness, "free_bytes", asked)
    monkeypatch.setattr(client.app[LOOKS], "look", asked)
    answer = await client.get("/healthz")
    assert (answer.status, await answer.text()) == (200, '{"status":"ok"}')


async def test_too_little_room_is_told_with_its_beginning_until_there_is_enough(
    hq: Hq, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = [readiness.ROOM_BYTES_MIN - 1]
    monkeypatch.setattr(readiness, "free_bytes", lambda _: room[0])
    began = at_text(hq.clock())
    for _ in range(2):
        assert await ready(client) == (503, {"disk_full": began})
        later(hq)
    assert await figure(client, hq) == 0
    room[0] += 1
    assert await ready(client) == (200, {})
    room[0] -= 1
    assert await ready(client) == (503, {"disk_full": at_text(hq.clock())}), "it began anew"


async def test_a_disk_that_does_not_tell_its_room_is_no_good_disk(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(_: object) -> int:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(readiness, "free_bytes", failed)
    status, reasons = await ready(client)
    assert (status, *reasons) == (503, "disk_unreadable")


async def test_a_write_that_was_refused_is_told_until_the_chores_find_that_the_disk_takes_one(
    hq: Hq, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing_due(*_: object) -> bool:
        return False

    monkeypatch.setattr(background, "_step", nothing_due)
    monkeypatch.setattr(background, "_of_tiers", nothing_due)
    database = client.app[DATABASE]
    write, full = database.write, [True]

    async def refused(work: Callable[[Transaction], Any], **_: bool) -> Any:
        if full[0]:
            raise Refused("the disk is full", code="disk_full")
        return await write(work)

    monkeypatch.setattr(database, "write", refused)
    monkeypatch.setattr(database, "trouble", Refused("the disk is full", code="disk_full"))
    before = hq.all("house.house")
    status, reasons = await ready(client)
    assert (status, *reasons) == (503, "disk_full")
    full[0] = False
    for _ in range(1000):
        if (await ready(client))[0] == 200:
            break
        await asyncio.sleep(0.02)
    assert await ready(client) == (200, {})
    assert hq.all("house.house") == before


async def test_a_database_that_another_release_brought_forward_is_not_served_on(
    hq: Hq, client: Client
) -> None:
    hq.sql("INSERT INTO migrations (number, name, checksum) VALUES (9999, '9999_next.sql', 'x')")
    status, reasons = await ready(client)
    assert status == 503
    assert set(reasons) - {"server_stopping"} == {"database_newer"}, "it ends once it is to write"


async def test_a_server_that_was_not_asked_before_knows_its_own_form(hq: Hq) -> None:
    database = await asyncio.to_thread(Database, hq.config.place)
    hq.sql("INSERT INTO migrations (number, name, checksum) VALUES (9999, '9999_next.sql', 'x')")
    found = await readiness.Looks(hq.config, Life(), lambda: EpochMs(1)).look(database)
    await asyncio.to_thread(database.close)
    assert [reason.code for reason in found.reasons] == ["database_newer"]


def looked(client: Client, monkeypatch: pytest.MonkeyPatch, answer: Callable[[], Awaitable[None]]) -> None:
    """Let a look at the database end so; all else reads it as ever."""
    database = client.app[DATABASE]
    read = database.read

    async def reading(work: Callable[[Transaction], Any]) -> Any:
        return await (answer() if work is readiness._form else read(work))

    monkeypatch.setattr(database, "read", reading)


async def test_a_database_that_does_not_answer_is_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(readiness, "READ_S", 0)
    looked(client, monkeypatch, never)
    status, reasons = await ready(client)
    assert (status, *reasons) == (503, "database_slow")


async def test_a_database_that_cannot_be_read_is_told(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def damaged() -> None:
        raise Refused("the database: it is damaged", code="database_damaged")

    looked(client, monkeypatch, damaged)
    status, reasons = await ready(client)
    assert (status, *reasons) == (503, "database_damaged")


async def test_chores_that_hang_are_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client.app[LIFE], "silent_s", lambda: 121.0)
    status, reasons = await ready(client)
    assert (status, *reasons) == (503, "chores_silent")


async def test_a_server_that_is_to_end_says_so_at_once_and_keeps_no_connection(
    hq: Hq, client: Client
) -> None:
    assert (await ready(client))[0] == 200
    client.app[LIFE].end()
    answer = await client.get("/readyz")
    assert answer.headers["Connection"] == "close"
    since = at_text(hq.clock())
    assert await ready(client) == (503, {"server_stopping": since})


async def test_however_many_ask_the_database_is_looked_at_once(
    hq: Hq, aiohttp_client: Callable[[Application], Awaitable[Client]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readiness, "LOOK_S", 3600)
    asked, form = [], readiness._form

    def counted(tx: Transaction) -> list[Row]:
        asked.append(tx)
        return form(tx)

    monkeypatch.setattr(readiness, "_form", counted)
    client = await aiohttp_client(build_app(hq.config, hq.clock))
    for _ in range(5):
        await asyncio.gather(*[ready(client) for _ in range(5)])
    assert len(asked) == 1, "and that was at its start"
