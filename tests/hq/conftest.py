"""A headquarters of its own for each test: real SQLite in tmp_path, a clock that stands still."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from hq_server import fleet
from hq_server.app import build_app
from hq_server.config import HqConfig, load_config
from hq_server.key_book import Keyring
from hq_server.keys import keys_in_reach, make_key
from hq_server.members import Imported, import_rows
from hq_server.members_csv import BadRow, NewMember, read_members
from hq_server.programmes import publish
from hq_server.reconcile import open_exceptions
from hq_server.setup import found_house
from hq_server.store.connection import Connection, Row, reading, writing
from hq_server.store.database import create, opened
from hq_server.tokens import add_token
from hq_server.web_context import WallClock
from loyalty_core.envelope import public_of
from loyalty_core.messages import Ask, Reply
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import EpochMs
from tests.hq.till import NOW_MS, Till

Client = TestClient[Request, Application]
PROGRAMME = """
schema = 1
programme = "moonlight"
version = 1
effective_from = 2026-07-01
currency = "KRW"
timezone = "Asia/Seoul"
business_day_starts = "05:00"

[names]
ko = "달빛 멤버십"
en = "Moonlight"

[period]
months = 6

[[earn]]
id = "spend"
on = "purchase"
points = 1
per = 1000

[[earn]]
id = "visit"
on = "visit"
points = 10
limit_per_day = 1

[[tier]]
code = "BRONZE"
from = 0
[[tier]]
code = "SILVER"
from = 100
[[tier]]
code = "GOLD"
from = 300

[tier_policy]
near_miss = 10
"""


class StillClock(WallClock):
    """A clock that shows what a test sets."""

    def __init__(self) -> None:
        self.now = NOW_MS

    def __call__(self) -> EpochMs:
        return EpochMs(self.now)


@dataclass
class Hq:
    """A headquarters at rest, and what tests do with it behind its back."""

    config: HqConfig
    config_path: Path
    key: bytes
    token: str
    clock: StillClock

    @property
    def public_key(self) -> bytes:
        return public_of(self.key)

    @property
    def keyring(self) -> Keyring:
        """The server keys where they lie."""
        return Keyring(lambda: [key for key, _ in keys_in_reach(self.config, "server")])

    def connect(self) -> Connection:
        return create(self.config.database_path)

    def invite(self, store_id: str = "S012", *, till: str | None = None, preapproved: bool = True) -> str:
        with opened(self.config.database_path) as connection, writing(connection) as tx:
            return fleet.invite(
                tx,
                store_id,
                till=till,
                preapproved=preapproved,
                hours=24,
                secret=os.urandom(8),
                look_up_key=os.urandom(32),
                hq_public_key=self.public_key,
                now_ms=self.clock(),
            ).code

    def members(self, text: str) -> Imported:
        """Import CSV text."""
        rows: list[tuple[int, NewMember]] = []
        for line, row in read_members(text.splitlines(keepends=True), "KR"):
            assert not isinstance(row, BadRow), row
            rows.append((line, row))
        with opened(self.config.database_path) as connection, writing(connection) as tx:
            return import_rows(tx, rows, self.clock())

    def publish(self, text: str, *, retroactive: bool = True) -> None:
        with opened(self.config.database_path) as connection, writing(connection) as tx:
            programme = read_programme(text)
            publish(tx, programme, text, retroactive=retroactive, key=self.key, now_ms=self.clock())

    def set_state(self, terminal_id: str, state: str, reason: str = "") -> None:
        """Approve or revoke a terminal."""
        with opened(self.config.database_path) as connection, writing(connection) as tx:
            if state == "approved":
                fleet.approve(tx, terminal_id)
            else:
                fleet.revoke(tx, terminal_id, reason)

    def all(self, statement: str, **parameters: Any) -> list[Row]:
        with opened(self.config.database_path) as connection, reading(connection) as tx:
            return tx.all(statement, **parameters)

    def sql(self, text: str) -> list[Row]:
        """Run any SQL, as an attacker or a fault would."""
        with opened(self.config.database_path) as connection:
            return connection.execute(text).fetchall()

    def tamper(self, *texts: str) -> None:
        """Run any SQL as one who owns the file: the triggers are taken away and put back."""
        with opened(self.config.database_path) as connection:
            guards = list(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"))
            for name, _ in guards:
                connection.execute(f"DROP TRIGGER {name}")
            for text in texts:
                connection.execute(text)
            for _, sql in guards:
                connection.execute(sql)

    def balances(self) -> dict[str, int]:
        return dict(self.sql("SELECT member_id, sum(redeemable) FROM totals GROUP BY member_id"))

    def exceptions(self) -> list[tuple[str, str]]:
        """Return (kind, subject) of every open exception."""
        with opened(self.config.database_path) as connection, reading(connection) as tx:
            return sorted((one.kind, one.subject) for one in open_exceptions(tx, self.clock()))


def hq_in(folder: Path) -> Hq:
    """Return a headquarters that was just set up in a folder."""
    path = folder / "hq.toml"
    path.write_text('data_dir = "data"\n[listen]\nport = 0\n', "utf-8")
    config = load_config(path)
    Path(config.data_dir).mkdir()
    key = make_key(config.key_path)
    clock = StillClock()
    connection = create(config.database_path)
    with writing(connection) as tx:
        found_house(tx, random=os.urandom(8), now_ms=clock())
        token = add_token(tx, "admin", os.urandom(32), clock())
    connection.close()
    made = Hq(config, path, key, token, clock)
    made.publish(PROGRAMME)
    return made


def copy_of(made: Hq, folder: Path) -> Hq:
    """Return a copy, in a folder, of a headquarters at rest: its keys, its token, its time."""
    shutil.copytree(made.config_path.parent, folder, dirs_exist_ok=True)
    path = folder / made.config_path.name
    copied = Hq(load_config(path), path, made.key, made.token, StillClock())
    copied.clock.now = made.clock.now
    return copied


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Hq:
    """A headquarters that was set up once, to be copied."""
    return hq_in(tmp_path_factory.mktemp("founded"))


@pytest.fixture
def hq(founded: Hq, tmp_path: Path) -> Hq:
    return copy_of(founded, tmp_path)


@pytest.fixture
async def client(hq: Hq, aiohttp_client: Callable[[Application], Awaitable[Client]]) -> Client:
    return await aiohttp_client(build_app(hq.config, hq.clock))


@dataclass
class Tills:
    """Makes tills that have joined, and carries what they say."""

    hq: Hq
    client: Client

    async def join(self, store_id: str = "S012", *, preapproved: bool = True) -> Till:
        till = Till(now=self.hq.clock)
        body = till.enrol_request(self.hq.invite(store_id, preapproved=preapproved))
        answer = await self.client.post("/v1/enrol", data=body)
        assert answer.status == 200, await answer.text()
        till.enrolled(await answer.read(), self.hq.public_key)
        return till

    async def send(self, till: Till, *batches: bytes) -> Reply:
        """Send these batches; without any, the whole journal as one."""
        if not batches and till.records:
            batches = (till.batch(),)
        return await self.exchange(till, batches)

    async def exchange(self, till: Till, batches: Sequence[bytes] = (), asks: Sequence[Ask] = ()) -> Reply:
        answer = await self.client.post("/v1/exchange", data=till.exchange_request(batches, asks=asks))
        assert answer.status == 200, await answer.text()
        return till.reply(await answer.read())

    async def until(self, done: Callable[[], bool]) -> None:
        """Wait until the server's chores have brought something about."""
        for _ in range(1000):
            if done():
                return
            await asyncio.sleep(0.02)
        raise AssertionError("it did not come about")

    async def refused(self, path: str, body: bytes | BytesIO) -> tuple[int, str]:
        """Send bytes that are to be refused; return the status and the code."""
        answer = await self.client.post(path, data=body)
        problem = await answer.json(content_type="application/problem+json")
        assert problem["status"] == answer.status
        assert problem["title"]
        return answer.status, problem["code"]


@pytest.fixture
def tills(hq: Hq, client: Client) -> Tills:
    return Tills(hq, client)
