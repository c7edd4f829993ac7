"""A headquarters of its own for each test, on SQLite and on PostgreSQL, both real; a clock that stands."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from hq_server import fleet
from hq_server.app import build_app
from hq_server.backups import Restored, restore
from hq_server.config import HqConfig, load_config
from hq_server.enrolments import found_sealing_key
from hq_server.importing import Imported, import_rows
from hq_server.key_book import Keyring
from hq_server.keys import keys_in_reach, make_key
from hq_server.members_csv import BadRow, NewMember, read_members
from hq_server.programmes import publish
from hq_server.reconcile import open_exceptions
from hq_server.setup import found_house
from hq_server.staff.rights import RIGHTS
from hq_server.store.connection import Connection as AnyConnection
from hq_server.store.connection import Row, Transaction, reading, writing
from hq_server.store.database import create, opened
from hq_server.store.sqlite.connection import Connection
from hq_server.tokens import add_token
from hq_server.web_context import WallClock
from loyalty_core.envelope import public_of
from loyalty_core.messages import Ask, Reply
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import EpochMs
from tests.hq.behind import Behind, OnPostgresql, OnSqlite
from tests.hq.till import NOW_MS, Till
from tests.postgresql import Cluster, name_in

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


OTHER = {"sqlite": "postgresql", "postgresql": "sqlite"}
"""A test that is marked as of one database does not run on the other."""


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
    spare: list[OnPostgresql] = field(default_factory=list)
    """Databases that are as this one's was, for other tests."""
    _lines: list[AnyConnection] = field(default_factory=list)

    @property
    def public_key(self) -> bytes:
        return public_of(self.key)

    @property
    def keyring(self) -> Keyring:
        """The server keys where they lie."""
        return Keyring(lambda: [key for key, _ in keys_in_reach(self.config, "server")])

    @contextmanager
    def opened(self) -> Iterator[AnyConnection]:
        """Lend a connection of a command's; to PostgreSQL one that was lent before, since opening costs."""
        if not self.url:
            with opened(self.config.place) as connection:
                yield connection
            return
        line = self._lines.pop() if self._lines else line_of_a_command(self.config.place)
        try:
            yield line
        finally:
            self._lines.append(line)

    def bring_back(self, backup: Path) -> Restored:
        """Restore it from a backup, while nobody else has it open."""
        self.leave()
        return restore(self.config, backup, replace=True, random=os.urandom(8), now_ms=self.clock())

    def leave(self) -> None:
        """Close what was lent."""
        while self._lines:
            self._lines.pop().close()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Lend one committed state."""
        with self.opened() as connection, reading(connection) as tx:
            yield tx

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        """Lend a transaction that is durable when the block has ended."""
        with self.opened() as connection, writing(connection) as tx:
            yield tx

    def connect(self) -> Connection:
        """Return a connection to the file."""
        return create(self.config.database_path)

    def invite(self, store_id: str = "S012", *, till: str | None = None, preapproved: bool = True) -> str:
        with self.writing() as tx:
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
        with self.writing() as tx:
            return import_rows(tx, rows, self.clock())

    def publish(self, text: str, *, retroactive: bool = True) -> None:
        with self.writing() as tx:
            programme = read_programme(text)
            publish(tx, programme, text, retroactive=retroactive, key=self.key, now_ms=self.clock())

    def set_state(self, terminal_id: str, state: str, reason: str = "") -> None:
        """Approve or revoke a terminal."""
        with self.writing() as tx:
            if state == "approved":
                fleet.approve(tx, terminal_id)
            else:
                fleet.revoke(tx, terminal_id, reason)

    def all(self, statement: str, **parameters: Any) -> list[Row]:
        with self.reading() as tx:
            return tx.all(statement, **parameters)

    @property
    def url(self) -> str:
        """Where PostgreSQL has its database; nothing where it is a file."""
        return self.config.database if "://" in self.config.database else ""

    @functools.cached_property
    def behind(self) -> Behind:
        """The database as one has it who goes to it past the programs."""
        return OnPostgresql(self.url) if self.url else OnSqlite(self.config.database_path)

    def sql(self, text: str) -> list[Row]:
        """Run any SQL, as an attacker or a fault would."""
        return self.behind.run(text)

    def tamper(self, *texts: str) -> None:
        """Run any SQL as one who owns the database: what guards it is not asked."""
        self.behind.unguarded(*texts)

    def tables(self) -> list[str]:
        """Return the names of all tables."""
        return self.behind.tables()

    def balances(self) -> dict[str, int]:
        return dict(self.sql("SELECT member_id, sum(redeemable) FROM totals GROUP BY member_id"))

    def exceptions(self) -> list[tuple[str, str]]:
        """Return (kind, subject) of every open exception."""
        with self.reading() as tx:
            return sorted((one.kind, one.subject) for one in open_exceptions(tx, self.clock()))


def line_of_a_command(place: Path | str) -> AnyConnection:
    """Return a line as a command has it, where no event loop runs.

    Where one runs the line has a thread for each statement, and tests have many statements.
    """
    line = create(place)
    run = line._run  # type: ignore[union-attr]

    def without_loop(answer: Coroutine[Any, Any, Any]) -> object:
        running = asyncio._get_running_loop()
        asyncio._set_running_loop(None)
        try:
            return run(answer)
        finally:
            asyncio._set_running_loop(running)

    setattr(line, "_run", without_loop)  # noqa: B010 - a method, for this one
    return line


def hq_in(folder: Path, url: str = "") -> Hq:
    """Return a headquarters that was set up in a folder; its database is there, or where the URL says."""
    path = folder / "hq.toml"
    path.write_text(f'data_dir = "data"\n{database_line(url)}[listen]\nport = 0\n', "utf-8")
    config = load_config(path)
    Path(config.data_dir).mkdir()
    key = make_key(config.key_path)
    clock = StillClock()
    connection = create(config.place)
    with writing(connection) as tx:
        found_house(tx, random=os.urandom(8), now_ms=clock())
        found_sealing_key(tx, os.urandom(32), clock())
        token = add_token(tx, "admin", os.urandom(32), clock(), scopes=RIGHTS)
    connection.close()
    made = Hq(config, path, key, token, clock)
    made.publish(PROGRAMME)
    made.leave()
    return made


def copy_of(made: Hq, folder: Path, url: str = "") -> Hq:
    """Return a copy, in a folder, of a headquarters at rest: its keys, its token, its time.

    The database is copied with it; or it has been, and the URL says where to.
    """
    shutil.copytree(made.config_path.parent, folder, dirs_exist_ok=True)
    path = folder / made.config_path.name
    if url:
        path.write_text(path.read_text("utf-8").replace(database_line(made.url), database_line(url)), "utf-8")
    copied = Hq(load_config(path), path, made.key, made.token, StillClock())
    copied.clock.now = made.clock.now
    return copied


def database_line(url: str) -> str:
    """Return what settings say of where the database is; nothing where it is a file in its place."""
    return f'database = "{url}"\n' if url else ""


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Hq:
    """A headquarters that was set up once, to be copied."""
    return hq_in(tmp_path_factory.mktemp("founded"))


@pytest.fixture(scope="session")
def founded_on_postgresql(tmp_path_factory: pytest.TempPathFactory, postgresql: Cluster) -> Iterator[Hq]:
    """The same on PostgreSQL; each copy knows how it was."""
    made = hq_in(tmp_path_factory.mktemp("founded"), postgresql.url(postgresql.database()))
    with closing(OnPostgresql(made.url)) as behind:
        behind.remember()
    yield made
    for behind in made.spare:
        behind.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Leave out what is of one database alone where it would run on the other."""
    items[:] = [item for item in items if not item.get_closest_marker(OTHER.get(database_of(item), "none"))]


def database_of(item: pytest.Item) -> str:
    """Return on which database a test is to have its headquarters, if it has one."""
    call = getattr(item, "callspec", None)
    return "" if call is None else str(call.params.get("hq", ""))


@pytest.fixture(params=["sqlite", "postgresql"])
def hq(request: pytest.FixtureRequest, founded: Hq, tmp_path: Path) -> Iterator[Hq]:
    """A headquarters of this test alone, on each database."""
    if request.param == "sqlite":
        yield copy_of(founded, tmp_path)
        return
    cluster: Cluster = request.getfixturevalue("postgresql")
    first: Hq = request.getfixturevalue("founded_on_postgresql")
    if not first.spare:
        first.spare.append(OnPostgresql(cluster.url(cluster.database(name_in(first.url)))))
    behind = first.spare.pop()
    made = copy_of(first, tmp_path, behind.url)
    made.behind = behind
    yield made
    made.leave()
    if behind.made_anew():
        first.spare.append(behind)
    else:
        behind.close()
        cluster.drop(name_in(behind.url))


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
