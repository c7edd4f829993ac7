"""The feed for other systems: every member that changed, none skipped, whatever is committed late."""

from __future__ import annotations

import asyncio
import base64
import threading
from typing import Any

import msgspec

from hq_server.feed.audience import FEED
from hq_server.feed.cursors import read_cursor, text_of
from hq_server.house import House, load_house
from hq_server.posting import post
from hq_server.store.connection import Transaction
from hq_server.work import Work
from loyalty_core.units import EpochMs
from tests.hq.conftest import Client, Hq, Tills
from tests.hq.desk import Desk
from tests.hq.events import purchase
from tests.hq.test_api import MEMBERS, get
from tests.hq.test_snapshots import rows
from tests.hq.till import NOW_MS

Told = dict[str, Any]


async def ask(client: Client, hq: Hq, after: str = "", **query: str | int) -> Told:
    head = {"Authorization": f"Bearer {hq.token}"}
    answer = await client.get("/api/v1/changes", params={"after": after, **query}, headers=head)
    assert answer.status == 200, await answer.text()
    told: Told = await answer.json()
    return told


async def rest(client: Client, hq: Hq, after: str = "", limit: int = 500) -> tuple[list[Told], str]:
    """Return all changes after a cursor, and the cursor behind them."""
    found: list[Told] = []
    more = True
    while more:
        told = await ask(client, hq, after, limit=limit)
        assert len(told["changes"]) <= limit
        found, after, more = found + told["changes"], told["after"], told["more"]
    return found, after


async def refused(client: Client, hq: Hq, **query: str | int) -> tuple[int, str]:
    head = {"Authorization": f"Bearer {hq.token}"}
    answer = await client.get("/api/v1/changes", params=query, headers=head)
    return answer.status, (await answer.json(content_type="application/problem+json"))["code"]


def names(found: list[Told]) -> list[str]:
    return sorted(one["member_id"] for one in found)


def touch(tx: Transaction, *members: str) -> None:
    """Let these members change."""
    house = load_house(tx)
    post(tx, house, Work(renewed=set(members)), EpochMs(NOW_MS))


def change(hq: Hq, *members: str) -> None:
    Desk(hq).write(lambda tx, _: touch(tx, *members))


async def test_who_asks_first_is_told_of_every_member_once(hq: Hq, client: Client) -> None:
    hq.members(rows(130))
    found, after = await rest(client, hq, limit=7)
    assert names(found) == sorted(f"M{number}" for number in range(1, 131))
    assert await rest(client, hq, after) == ([], after)
    hq.members(rows(3, first=131))
    assert names((await rest(client, hq, after))[0]) == ["M131", "M132", "M133"]


async def test_nobody_pays_for_a_feed_that_nobody_has_asked_for(hq: Hq, client: Client) -> None:
    hq.members(rows(3))
    assert hq.sql(f"SELECT count(*) FROM changes WHERE audience = '{FEED}'") == [(0,)]  # noqa: S608
    await ask(client, hq)
    assert hq.sql(f"SELECT count(*) FROM changes WHERE audience = '{FEED}'") == [(3,)]  # noqa: S608


async def test_a_change_tells_how_the_member_stands_as_the_member_s_own_page_does(
    hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    _, after = await rest(tills.client, hq)
    till = await tills.join()
    till.record(purchase("1"))
    await tills.send(till)
    till.record(purchase("2"))
    await tills.send(till)
    ((told,), _) = await rest(tills.client, hq, after)
    own = await get(tills.client, hq, "/api/v1/members/M1")
    own["next"]["ways"] = []
    assert told == {"member_id": "M1", "state": "present", "into": None, "standing": own, "person": None}
    assert own["balance"] == 24


async def test_who_a_member_is_is_told_only_when_asked_for(hq: Hq, client: Client) -> None:
    hq.members(MEMBERS)
    ((told,), _) = await rest(client, hq)
    assert told["person"] is None
    (told,) = (await ask(client, hq, persons="true"))["changes"]
    assert told["person"] == {
        "name": "홍길동",
        "phone": "+821012345678",
        "joined_on": None,
        "home_store": "S012",
        "birthday": None,
    }


async def test_one_who_counts_as_another_or_was_erased_is_told_as_such_and_no_more(
    hq: Hq, client: Client
) -> None:
    hq.members(rows(3))
    _, after = await rest(client, hq)
    desk = Desk(hq)
    desk.merge("M2", "M1")
    desk.erase("M3")
    found, _ = await rest(client, hq, after)
    told = {one["member_id"]: one for one in found}
    assert (told["M1"]["state"], told["M1"]["standing"]["also"]) == ("present", ["M2"])
    assert told["M2"] == {
        "member_id": "M2",
        "state": "merged",
        "into": "M1",
        "standing": None,
        "person": None,
    }
    assert (told["M3"]["state"], told["M3"]["standing"]) == ("erased", None)


async def test_a_row_committed_late_is_not_skipped(hq: Hq, client: Client) -> None:
    hq.members(rows(40))
    _, after = await rest(client, hq)
    taken, seen = threading.Event(), threading.Event()

    def commit_slowly() -> None:
        with hq.writing() as tx:
            touch(tx, "M7", "M8")
            taken.set()
            seen.wait()

    slow = asyncio.create_task(asyncio.to_thread(commit_slowly))
    await asyncio.to_thread(taken.wait)
    try:
        assert await rest(client, hq, after) == ([], after)
    finally:
        seen.set()
        await slow
    found, _ = await rest(client, hq, after)
    assert names(found) == ["M7", "M8"]


async def test_what_changes_between_two_answers_comes_once_more_and_nothing_is_left_out(
    hq: Hq, client: Client
) -> None:
    hq.members(rows(60))
    seen: list[str] = []
    after, more, changed = "", True, 0
    while more:
        told = await ask(client, hq, after, limit=13)
        after, more = told["after"], told["more"]
        seen += [one["member_id"] for one in told["changes"]]
        if len(seen) < 40:
            change(hq, *seen[:3])
            changed = len(seen)
    assert set(seen) == {f"M{number}" for number in range(1, 61)}
    assert set(seen[:3]) <= set(seen[changed:])


async def test_a_member_who_changes_all_the_time_holds_up_no_other(hq: Hq, client: Client) -> None:
    hq.members(rows(30))
    _, after = await rest(client, hq)
    change(hq, *[f"M{number}" for number in range(1, 31)])
    seen: set[str] = set()
    busy = ""
    for _ in range(60):
        if len(seen) == 30:
            break
        told = await ask(client, hq, after, limit=1)
        after = told["after"]
        ((name,),) = [[one["member_id"] for one in told["changes"]]]
        busy = busy or name
        seen.add(name)
        change(hq, busy)
    assert len(seen) == 30


async def test_who_wants_only_what_comes_begins_with_now(hq: Hq, client: Client) -> None:
    hq.members(rows(5))
    told = await ask(client, hq, "now")
    assert (told["changes"], told["more"]) == ([], False)
    change(hq, "M4")
    assert names((await rest(client, hq, told["after"]))[0]) == ["M4"]


async def test_a_cursor_that_is_none_is_refused(hq: Hq, client: Client) -> None:
    def changed(tx: Transaction, house: House) -> tuple[str, str]:
        cursor = read_cursor("", house)
        short = msgspec.structs.replace(cursor, numbers=cursor.numbers[1:])
        return text_of(short), text_of(msgspec.structs.replace(cursor, turn=house.bucket_count))

    plain = ("x", "%", "kgE", "¹", base64.urlsafe_b64encode(b"\x01").decode())
    for after in (*plain, *Desk(hq).read(changed)):
        assert await refused(client, hq, after=after) == (400, "cursor_malformed")


async def test_a_cursor_of_before_a_restore_has_ended(hq: Hq, client: Client) -> None:
    hq.members(rows(2))
    _, after = await rest(client, hq)
    hq.sql("UPDATE house SET incarnation_counter = incarnation_counter + 1")
    assert await refused(client, hq, after=after) == (410, "feed_cursor_ended")
    assert len((await rest(client, hq))[0]) == 2


async def test_a_query_that_is_wrong_is_refused(hq: Hq, client: Client) -> None:
    wrong: list[dict[str, str | int]] = [{"limit": 0}, {"limit": 501}, {"limit": "x"}, {"since": "1"}]
    for query in wrong:
        assert await refused(client, hq, **query) == (400, "bad_input")


async def test_tills_hear_nothing_of_the_feed(hq: Hq, tills: Tills) -> None:
    hq.members(rows(4) + "X1,other,S099\n")
    await ask(tills.client, hq)
    till = await tills.join()
    await tills.exchange(till)
    assert set(till.members) == {"M1", "M2", "M3", "M4"}
