"""Several writers on one PostgreSQL: what is committed late is not skipped, who fails begins again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from hq_server.store.connection import Busy
from hq_server.store.database import Database
from hq_server.store.postgresql import connection
from hq_server.store.postgresql.connection import PostgresqlConnection
from loyalty_core.events import TechnicianAction
from loyalty_core.sealing import PersonalData
from tests.hq.conftest import Hq, Tills
from tests.hq.events import DAY, purchase
from tests.hq.test_audit import run_audit
from tests.hq.test_feed import names, rest, touch
from tests.hq.test_snapshots import rows
from tests.hq.till import NOW_MS, Till

pytestmark = pytest.mark.postgresql("writers beside each other")

FAILS_ONCE = (
    "CREATE SEQUENCE tries",
    # What a sequence gave stays given when the transaction is undone.
    (
        "CREATE FUNCTION fail_once() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "IF nextval('tries') = 1 THEN RAISE EXCEPTION 'in the way' USING ERRCODE = '{code}'; END IF; "
        "RETURN NEW; END $$"
    ),
    "GRANT ALL ON SEQUENCE tries TO PUBLIC",
    "CREATE TRIGGER fail_once BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION fail_once()",
)


@pytest.fixture
def beside(hq: Hq) -> Iterator[PostgresqlConnection]:
    """A line of another server."""
    with closing(PostgresqlConnection(hq.url)) as line:
        yield line


def in_two_buckets(hq: Hq) -> tuple[str, str]:
    """Return two members that lie in different buckets."""
    (one, first), *others = hq.sql("SELECT member_id, bucket FROM members ORDER BY member_id")
    return one, next(name for name, bucket in others if bucket != first)


async def told_of(tills: Tills, till: Till) -> list[str]:
    """Return the members of whom a till is told until there is nothing more to tell."""
    told: list[str] = []
    while pages := (await tills.exchange(till)).pages:
        told += [row.member_id for page in pages for row in page.rows]
    return told


async def test_what_a_technician_did_waits_for_no_other_writer(
    hq: Hq, tills: Tills, beside: PostgresqlConnection
) -> None:
    till = await tills.join()
    till.record(TechnicianAction(None, NOW_MS, DAY, "kim", "P1", "verify", "", "ok"))
    with beside.writing(beside=True):
        assert till.acknowledged(await tills.send(till)) == {1: 1}
    assert hq.sql("SELECT person FROM technician_actions") == [("kim",)]


async def test_a_change_that_is_committed_late_is_told_after_later_ones_were(
    hq: Hq, tills: Tills, beside: PostgresqlConnection
) -> None:
    hq.members(rows(40))
    late, early = in_two_buckets(hq)
    till, other = await tills.join(), await tills.join("S013")
    await told_of(tills, till)
    _, after = await rest(tills.client, hq)
    with beside.writing(beside=True) as tx:
        touch(tx, late)  # its number is taken, and nobody can see it yet
        other.record(purchase(member=f"id:{early}", store="S013"))
        await tills.send(other)
        assert await told_of(tills, till) == [early]
        fed, after = await rest(tills.client, hq, after)
        assert names(fed) == [early]
    assert await told_of(tills, till) == [late]
    fed, after = await rest(tills.client, hq, after)
    assert names(fed) == [late]
    assert await told_of(tills, till) == []
    assert hq.balances()[early] == 12
    run_audit(hq)


async def test_a_chore_gives_way_where_a_transaction_stays_open_and_tills_go_on(
    hq: Hq, tills: Tills, beside: PostgresqlConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(connection._SETTINGS, "lock_timeout", "0")  # who is patient waits for ever
    hq.members(rows(40))
    late, early = in_two_buckets(hq)
    till = await tills.join()
    till.record(purchase(member=f"id:{early}"))
    database = Database(hq.url)
    with beside.writing(beside=True) as tx:
        touch(tx, late)
        chore = asyncio.create_task(database.chore(lambda tx: tx.run("house.write_something", by=0)))
        await tills.send(till)  # behind the chore, until that has given way
        with pytest.raises(Busy):
            await chore
    await database.write(lambda tx: tx.run("house.write_something", by=0))
    await asyncio.to_thread(database.close)
    assert hq.balances() == {early: 12}


async def test_an_exchange_waits_for_another_ones_member_and_posts_on_what_that_left(
    hq: Hq, tills: Tills, beside: PostgresqlConnection
) -> None:
    hq.members(rows(1))
    till = await tills.join()
    till.record(purchase(member="id:M1"))
    with beside.writing(beside=True) as tx:
        touch(tx, "M1")
        sending = asyncio.create_task(tills.send(till))
        await tills.until(lambda: waits(hq))
        assert not sending.done()
    await sending
    assert hq.balances() == {"M1": 12}
    run_audit(hq)


async def test_an_exchange_that_makes_a_member_is_alone(
    hq: Hq, tills: Tills, beside: PostgresqlConnection
) -> None:
    """Whatever another holds for the new member's card meanwhile would stay held."""
    hq.members(rows(1))
    till, other = await tills.join(), await tills.join("S013")
    till.record(till.enrolment(PersonalData("김철수", "", ("A77",), None, 0, "", NOW_MS)))
    other.record(purchase(member="card:A77", store="S013"))
    with beside.writing(beside=True) as tx:
        touch(tx, "M1")
        sending = asyncio.create_task(tills.send(till))
        await tills.until(lambda: waits(hq))
        assert not sending.done()
    await asyncio.gather(sending, tills.send(other))
    assert list(hq.balances().values()) == [12]
    assert hq.exceptions() == []
    run_audit(hq)


def waits(hq: Hq) -> bool:
    """Tell whether anybody waits for another's lock."""
    return hq.sql("SELECT count(*) FROM pg_locks WHERE NOT granted") != [(0,)]


@pytest.mark.parametrize("code", ["40001", "40P01"])
@pytest.mark.parametrize("table", ["batches", "entries"])
async def test_an_exchange_that_was_in_anothers_way_is_done_again_and_counts_once(
    hq: Hq, tills: Tills, code: str, table: str
) -> None:
    hq.members(rows(1))
    till = await tills.join()
    for text in FAILS_ONCE:
        hq.sql(text.format(code=code, table=table))
    till.record(purchase(member="id:M1"))
    reply = await tills.send(till)
    assert till.acknowledged(reply) == {1: 1}
    assert hq.sql("SELECT last_value > 1 FROM tries") == [(True,)], "it failed, and was done again"
    hq.sql(f"DROP TRIGGER fail_once ON {table}")
    assert hq.balances() == {"M1": 12}
    run_audit(hq)


async def test_a_server_that_has_closed_leaves_nobody_at_postgresql(hq: Hq) -> None:
    database = Database(hq.url)
    await database.write(touch)
    await database.read(lambda tx: tx.one("house.house"))
    await asyncio.to_thread(database.close)
    hq.leave()
    others = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    for _ in range(1000):
        if hq.sql(others) == []:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("somebody is still there")
