"""PostgreSQL under headquarters: what its transactions keep, who waits for whom, what is told of faults."""

from __future__ import annotations

import asyncio
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from click.testing import CliRunner

from hq_server.cli import hq_server
from hq_server.setup import found_house
from hq_server.store.connection import Busy, Transaction, reading, writing
from hq_server.store.database import Database, DatabaseMissing, create, opened
from hq_server.store.postgresql import connection as lines
from hq_server.store.postgresql.beside import BESIDE
from hq_server.store.postgresql.connection import PostgresqlConnection
from hq_server.store.postgresql.database import held
from hq_server.store.postgresql.transaction import PostgresqlTransaction
from hq_server.store.refusals import CommitUnknown, Refused, WrongDatabase
from hq_server.store.statements import postgresql_statements
from loyalty_core.units import EpochMs
from tests.house_sources import ROOT
from tests.postgresql import Cluster, Session, name_in

ODD = ("\x00", "\x01", "\x00\x01\x02", "\x01\x01", "a\x00b", "\x02", "a")
TOTAL = ("M1", "2026-H1")


@pytest.fixture(scope="module")
def founded(postgresql: Cluster) -> Iterator[str]:
    """A database with a headquarters that was just set up, to be copied."""
    name = postgresql.database()
    with closing(create(postgresql.url(name))) as connection, writing(connection) as tx:
        found_house(tx, random=bytes(8), now_ms=EpochMs(1), bucket_count=4)
    yield name
    postgresql.drop(name)


@pytest.fixture
def url(postgresql: Cluster, founded: str) -> Iterator[str]:
    name = postgresql.database(founded)
    yield postgresql.url(name)
    postgresql.drop(name)


@pytest.fixture
def line(url: str) -> Iterator[PostgresqlConnection]:
    with closing(PostgresqlConnection(url)) as connection:
        yield connection


def outcome(tx: Transaction, name: str, files: int) -> None:
    tx.many("house.count_imported", [(name, files)])


def test_every_text_comes_back_as_it_was_and_in_its_order(line: PostgresqlConnection) -> None:
    with line.writing() as tx:
        tx.many("house.count_imported", [(text, 1) for text in ODD])
        tx.many("accounts.add_bucket", [(bucket,) for bucket in range(4, 9)])
        for text in ODD:
            tx.run("accounts.add_look_up", bucket=1, look_up=f"id:{text}", member_id=text)
    with line.reading() as tx:
        assert tx.all("house.imported") == [(text, 1) for text in sorted(ODD)]
        keys = '[[1, "id:\\u0000"], [1, "id:a"], [1, "id:b"]]'
        assert tx.all("accounts.members_of_references", keys=keys) == [("id:\x00", "\x00"), ("id:a", "a")]
        assert tx.all("accounts.members_of_references", keys="[]") == []


def test_a_row_that_is_written_twice_at_once_is_written_twice(line: PostgresqlConnection) -> None:
    rows = [(1, *TOTAL, 1, 2, 3), (1, "M2", TOTAL[1], 5, 5, 5), (1, *TOTAL, 10, 20, 30)]
    with line.writing() as tx:
        tx.many("accounts.add_to_total", rows)
        tx.many("accounts.add_to_total", [])
        assert tx.all("accounts.totals_of", bucket=1, member_id="M1") == [(TOTAL[1], 11, 22, 33)]
        assert tx.run("accounts.drop_member_look_ups", bucket=1, member_id="nobody") == 0


def test_a_statement_is_read_and_planned_once_a_line_and_not_each_time(line: PostgresqlConnection) -> None:
    with line.writing() as tx:
        for number in range(12):
            tx.one("arrivals.store", store_id="S001")
            tx.many("house.count_imported", [(str(number), 1), (f"{number}b", 1)])
    planned = "SELECT name, generic_plans > 0 FROM pg_prepared_statements ORDER BY name"
    known = [tuple(row) for row in line.wait(line.line.fetch, planned)]
    assert known == [("arrivals.store", True), ("house.count_imported", True)]


def test_rows_are_lent_one_by_one(line: PostgresqlConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hq_server.store.postgresql.transaction.EACH", 2)
    with line.writing() as tx:
        tx.many("house.count_imported", [(str(number), number) for number in range(5)])
        found = []
        for name, files in tx.each("house.imported"):
            outcome(tx, name, 1)
            found.append((name, files))
        assert found == [(str(number), number) for number in range(5)]


def test_a_transaction_that_fails_keeps_nothing(line: PostgresqlConnection) -> None:
    def fails() -> None:
        with line.writing() as tx:
            outcome(tx, "lost", 1)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with line.reading() as tx:
        assert tx.all("house.imported") == []


def test_a_reader_sees_one_state_and_writes_nothing(url: str, line: PostgresqlConnection) -> None:
    with closing(PostgresqlConnection(url)) as other, other.reading() as tx:
        assert tx.all("house.imported") == []
        with line.writing() as writer:
            outcome(writer, "later", 1)
        assert tx.all("house.imported") == []
        with pytest.raises(Refused) as caught:
            outcome(tx, "mine", 1)
    assert caught.value.code == "read_only"


def test_those_beside_each_other_do_not_wait_and_who_is_alone_does(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(lines._SETTINGS, "lock_timeout", "20ms")
    with closing(PostgresqlConnection(url)) as one, closing(PostgresqlConnection(url)) as other:
        with one.writing(beside=True), other.writing(beside=True) as tx:
            assert tx.one("accounts.any_merge") is None
        with one.writing(beside=True), pytest.raises(Busy), other.writing():
            pass
        with one.writing(), pytest.raises(Busy), other.writing(beside=True):
            pass
        with one.writing(), other.reading() as tx:
            assert tx.one("accounts.any_merge") is None


def test_who_locks_a_bucket_finds_what_was_committed_while_it_waited(url: str) -> None:
    database = Database(url)
    with closing(PostgresqlConnection(url)) as other:
        with other.writing(beside=True) as first:
            first.all("accounts.lock_buckets", buckets="[1]")
            begun: list[bool] = []
            ready = asyncio.Event()

            def second(tx: Transaction) -> list[Any]:
                loop.call_soon_threadsafe(ready.set)
                begun.append(True)
                return tx.all("accounts.lock_buckets", buckets="[1]")

            async def waits() -> asyncio.Task[list[Any]]:
                task = asyncio.create_task(database.write(second, beside=True))
                await ready.wait()
                return task

            loop = asyncio.new_event_loop()
            task = loop.run_until_complete(waits())
            first.many("accounts.set_change_no", [(1, 7)])
        assert loop.run_until_complete(task)[0][1] == 7
        assert begun == [True]
        loop.close()
    database.close()


async def test_what_must_be_alone_begins_again_alone(url: str) -> None:
    database = Database(url)
    begun = []

    def work(tx: Transaction) -> str:
        begun.append(True)
        outcome(tx, "x", 1)
        return "done"

    assert await database.write(work, beside=True) == "done"
    assert await database.read(lambda tx: tx.all("house.imported")) == [("x", 1)]
    assert len(begun) == 2
    database.close()


def test_what_may_be_written_beside_others_is_named_as_statements_are() -> None:
    known = postgresql_statements()
    assert [name for name in BESIDE if name not in known] == []
    assert [name for name in BESIDE if not known[name].sql.startswith(("INSERT", "UPDATE", "DELETE"))] == []


def cut(tx: Transaction, of: Callable[[PostgresqlTransaction], PostgresqlConnection]) -> None:
    """Cut the line of a transaction, as a fault of the network would."""
    assert isinstance(tx, PostgresqlTransaction)
    of(tx).line.terminate()


def line_of(tx: PostgresqlTransaction) -> PostgresqlConnection:
    return tx._connection


async def test_a_line_that_is_cut_before_the_commit_loses_and_doubles_nothing(url: str) -> None:
    database = Database(url)
    begun = []

    def work(tx: Transaction) -> None:
        begun.append(True)
        outcome(tx, "x", 1)
        if len(begun) == 1:
            cut(tx, line_of)
            outcome(tx, "y", 1)

    await database.write(work)
    assert len(begun) == 2
    assert await database.read(lambda tx: tx.all("house.imported")) == [("x", 1)]
    database.close()


async def test_a_line_that_is_cut_in_the_commit_is_told_and_not_tried_again(url: str) -> None:
    database = Database(url)
    begun = []

    def work(tx: Transaction) -> None:
        begun.append(True)
        outcome(tx, "x", 1)
        cut(tx, line_of)

    with pytest.raises(CommitUnknown) as caught:
        await database.write(work)
    assert (caught.value.code, len(begun)) == ("commit_unknown", 1)
    troubles = [database.trouble]
    await database.write(lambda tx: outcome(tx, "z", 1))
    assert [*troubles, database.trouble] == [caught.value, None]
    database.close()


async def test_a_line_that_postgresql_ends_is_opened_again(url: str, postgresql: Cluster) -> None:
    database = Database(url)
    await database.read(lambda tx: tx.one("house.house"))
    with closing(Session(postgresql.url("postgres", "postgres"))) as master:
        master.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dangol-hq%'"
        )
    assert (await database.read(lambda tx: tx.one("house.house"))) is not None
    await database.write(lambda tx: outcome(tx, "x", 1))
    database.close()


def test_nobody_writes_into_what_is_held_however_long_that_takes(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(lines._SETTINGS, "idle_in_transaction_session_timeout", "20ms")
    monkeypatch.setitem(lines._SETTINGS, "lock_timeout", "20ms")
    with closing(Session(url)) as session, held(url) as (connection, _):
        session.run("SELECT pg_sleep(0.1)")
        with closing(PostgresqlConnection(url)) as other, pytest.raises(Busy), other.writing():
            pass
        assert connection.is_open


async def test_a_line_to_another_machine_is_cut_where_that_falls_silent(url: str) -> None:
    """As far as a test can see: the kernel is told to ask, and how long to wait for an answer."""
    (folder,) = parse_qs(urlsplit(url).query)["host"]

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while part := await reader.read(65_536):
            writer.write(part)
        writer.close()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, asked = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        await asyncio.gather(pass_on(reader, asked), pass_on(answers, writer))

    async with await asyncio.start_server(relay, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        place = f"postgresql://dangol@127.0.0.1:{port}/{name_in(url)}"
        line = await asyncio.to_thread(PostgresqlConnection, place)
        own = line.line._transport.get_extra_info("socket")
        asks = own.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        told = [
            own.getsockopt(socket.IPPROTO_TCP, option)
            for option in (
                socket.TCP_KEEPIDLE,
                socket.TCP_KEEPINTVL,
                socket.TCP_KEEPCNT,
                socket.TCP_USER_TIMEOUT,
            )
        ]
        await asyncio.to_thread(line.close)
    assert (asks, told) == (1, [15, 5, 3, 30_000])


def test_what_does_not_answer_or_is_not_there_is_told_in_one_sentence(
    url: str, postgresql: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # where no certificate lies
    nowhere = f"postgresql://dangol:secret@/hq?host={tmp_path}"
    for place, kind, code in (
        (nowhere, Refused, "database_unreachable"),
        (postgresql.url("never_made"), DatabaseMissing, "database_missing"),
        (postgresql.url("postgres"), DatabaseMissing, "database_missing"),
        (url.replace("dangol@", "stranger@"), Refused, "permission_denied"),
        (f"{nowhere}&sslmode=nonsense", Refused, "config_invalid"),
        ("postgresql://dangol:secret@localhost/hq?sslmode=verify-full", Refused, "config_invalid"),
        (f"{nowhere}&sslmode=verify-full&sslrootcert={tmp_path}/none.crt", Refused, "config_invalid"),
    ):
        with pytest.raises(kind) as caught, opened(place):
            pass
        assert isinstance(caught.value, (Refused, DatabaseMissing))
        assert caught.value.code == code
        assert "secret" not in str(caught.value)
        assert "\n" not in str(caught.value)
        assert "none.crt" not in place or "none.crt" in str(caught.value), "which file that is"


def test_two_that_make_one_database_at_once_make_it_once(postgresql: Cluster) -> None:
    name = postgresql.database()
    with ThreadPoolExecutor(2) as threads:
        for connection in threads.map(create, [postgresql.url(name)] * 2):
            connection.close()
    with closing(Session(postgresql.url(name))) as session:
        assert session.run("SELECT count(*) = count(DISTINCT number) FROM migrations") == [(True,)]
    postgresql.drop(name)


def test_a_database_of_a_later_release_is_refused(url: str) -> None:
    with closing(Session(url)) as session:
        session.run("INSERT INTO migrations VALUES (9000, '9000_later.sql', 'x')")
    with pytest.raises(WrongDatabase) as caught, opened(url):
        pass
    assert caught.value.code == "database_newer"


async def test_a_command_may_run_where_a_loop_runs_already(url: str) -> None:
    with opened(url) as connection, reading(connection) as tx:
        assert tx.one("house.house") == (4, 1, bytes(8))


def test_init_writes_the_url_where_only_the_owner_reads_it(postgresql: Cluster, tmp_path: Path) -> None:
    name = postgresql.database()
    (tmp_path / "password").write_text("correct horse battery")
    (tmp_path / "password").chmod(0o600)
    settings = tmp_path / "hq.toml"
    words = ["--config", str(settings), "init", "--password-file", str(tmp_path / "password")]
    words += ["--database", postgresql.url(name)]
    made = CliRunner().invoke(hq_server, words)
    assert made.exit_code == 0, made.output
    assert stat.S_IMODE(settings.stat().st_mode) == 0o600
    again = CliRunner().invoke(hq_server, words)
    assert "already_set_up" in again.output
    differs = CliRunner().invoke(hq_server, [*words[:-1], postgresql.url("another")])
    assert "database_differs" in differs.output
    postgresql.drop(name)


def test_headquarters_on_a_file_loads_no_driver() -> None:
    words = "import sys, hq_server.app, hq_server.cli; print('asyncpg' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", words], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
