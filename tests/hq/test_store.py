"""The store: what is posted cannot be changed, migrations only go forward, no write is lost to another."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from hq_server.store.connection import Busy, Values, reading, writing
from hq_server.store.database import Database, DatabaseMissing, create, opened
from hq_server.store.migrate import Dialect, Migration, migrations
from hq_server.store.postgresql import connection as lines
from hq_server.store.refusals import WrongDatabase
from hq_server.store.sqlite import connection as store_connection
from hq_server.store.sqlite import migrate, sqlite3
from hq_server.store.sqlite.connection import WAL_BYTES_MAX, checkpoint, connect
from hq_server.tokens import add_token
from loyalty_core.units import EpochMs
from tests.hq.behind import Guarded, each_change
from tests.hq.conftest import Hq, Tills
from tests.hq.events import DAY, purchase, void
from tests.hq.till import NOW_MS

FOREVER = (
    "UPDATE events SET seq = seq",
    "DELETE FROM events",
    "UPDATE batches SET last_seq = last_seq",
    "DELETE FROM batches",
    "UPDATE entries SET redeemable = redeemable",
    "DELETE FROM entries",
    "UPDATE visiting_facts SET record = record",
    "DELETE FROM visiting_facts",
    "UPDATE programmes SET text = text",
    "DELETE FROM programmes",
    "UPDATE attachments SET member_id = member_id",
    *(
        f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}"  # noqa: S608
        for table in ("events", "batches", "entries", "visiting_facts", "programmes", "attachments")
    ),
    (
        "INSERT OR REPLACE INTO batches (rowid, store_id, terminal_id, epoch, branch, first_seq, last_seq, "
        "last_hash, envelope, received_at_ms) SELECT rowid, 'S', 'T', 1, 0, 1, 1, last_hash, x'', 1 FROM "
        "batches"
    ),
)
REPLACED_BY_OTHERS = ("events", "entries")
"""What a connection of another program may replace; the audit derives both again."""


@pytest.mark.parametrize("change", each_change(FOREVER))
async def test_what_is_kept_is_never_changed_or_deleted(hq: Hq, tills: Tills, change: str) -> None:
    till, visitor = await tills.join(), await tills.join("S099")
    till.record(purchase(member="card:9999"))
    visitor.record(void(store="S099", at=NOW_MS + 1))
    await tills.send(till)
    await tills.send(visitor)
    hq.members("member_id,lookups\nM1,9999\n")
    with pytest.raises(Guarded, match="never"):
        hq.sql(change)


@pytest.mark.parametrize("change", each_change([one for one in FOREVER if "REPLACE" in one]))
async def test_what_is_kept_is_not_replaced_by_another_program_but_where_the_audit_sees_it(
    hq: Hq, tills: Tills, change: str
) -> None:
    await test_what_is_kept_is_never_changed_or_deleted(hq, tills, change)
    connection = sqlite3.connect(hq.config.database_path)
    if change.split()[4] in REPLACED_BY_OTHERS:
        assert connection.execute(change).rowcount > 0
        connection.rollback()
    else:
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            connection.execute(change)
    connection.close()


@pytest.mark.sqlite("tables whose columns take anything")
def test_every_table_is_strict(hq: Hq) -> None:
    loose = "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND strict = 0"
    assert [name for (name,) in hq.sql(loose) if not name.startswith("sqlite_")] == []


@pytest.mark.sqlite("its own settings")
def test_a_commit_is_durable_when_it_returns(hq: Hq) -> None:
    assert hq.sql("PRAGMA synchronous") == [(2,)]
    assert hq.sql("PRAGMA journal_mode") == [("wal",)]
    assert hq.sql("PRAGMA wal_autocheckpoint") == [(0,)]


@pytest.mark.sqlite("its log")
def test_the_log_is_written_back_once_it_has_grown(hq: Hq, monkeypatch: pytest.MonkeyPatch) -> None:
    path = hq.config.database_path
    connection = connect(path)
    checkpoints = []
    monkeypatch.setattr(store_connection, "WAL_BYTES_MAX", 100_000)
    for number in range(30):
        with writing(connection) as tx:
            tx.many(
                "accounts.add_to_total", [(0, f"{number}-{each}", "2026-H2", 1, 1, 1) for each in range(500)]
            )
        size = path.with_name(path.name + "-wal").stat().st_size
        checkpoints.append(size > 100_000)
        checkpoint(connection, path)
    connection.close()
    assert True in checkpoints
    assert not all(checkpoints)
    assert WAL_BYTES_MAX == 32 * 1024 * 1024


def test_a_database_of_a_newer_release_is_not_touched(hq: Hq) -> None:
    hq.sql("INSERT INTO migrations (number, name, checksum) VALUES (9000, '9000_later.sql', 'x')")
    with pytest.raises(WrongDatabase) as caught, opened(hq.config.place):
        pass
    assert caught.value.code == "database_newer"


async def test_a_server_does_not_write_on_in_what_a_newer_release_brought_forward(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    dialect: Dialect = "postgresql" if hq.url else "sqlite"
    server = Database(hq.config.place)
    await server.write(lambda tx: tx.many("house.count_imported", [("before", 1)]))
    later = Migration(9000, "9000_later.sql", "CREATE TABLE later (own INTEGER);")
    with monkeypatch.context() as patch:
        files = (*migrations(dialect), later)
        patch.setattr(f"hq_server.store.{dialect}.migrate.migrations", lambda _: files)
        patch.setitem(lines._SETTINGS, "application_name", f"{lines.NAME} 9000")
        await asyncio.to_thread(lambda: create(hq.config.place).close())
    for _ in range(2):
        with pytest.raises(WrongDatabase, match="9000_later") as caught:
            await server.write(lambda tx: tx.many("house.count_imported", [("after", 1)]))
        assert caught.value.code == "database_newer"
    await asyncio.to_thread(server.close)
    text = "SELECT outcome FROM imported"
    if hq.url:
        assert hq.sql(text) == [("before",)]
        hq.sql("DROP TABLE later")
        return
    with closing(sqlite3.connect(hq.config.place)) as behind:
        assert behind.execute(text).fetchall() == [("before",)]


def test_an_edited_migration_is_refused(hq: Hq) -> None:
    hq.sql("UPDATE migrations SET checksum = 'x' WHERE number = 19")
    with pytest.raises(WrongDatabase) as caught, opened(hq.config.place):
        pass
    assert caught.value.code == "migration_changed"


def test_a_migration_that_fails_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = list(migrate.migrations("sqlite"))
    bad = migrate.Migration(
        9000, "9000_bad.sql", "CREATE TABLE a (b TEXT) STRICT;\nCREATE TABLE a (b TEXT);\n"
    )
    monkeypatch.setattr(migrate, "migrations", lambda _: iter([*good, bad]))
    with pytest.raises(sqlite3.Error):
        create(tmp_path / "x.db")
    monkeypatch.setattr(migrate, "migrations", lambda _: iter(good))
    connection = create(tmp_path / "x.db")
    assert connection.execute("SELECT count(*) FROM migrations").fetchone() == (len(good),)
    assert connection.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'a'").fetchone() == (0,)
    connection.close()


def test_two_that_set_a_database_up_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(create, tmp_path / "x.db") for _ in range(4)]:
            done.result().close()


def test_one_who_comes_while_another_sets_it_up_waits_for_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = sqlite3.connect(tmp_path / "x.db", isolation_level=None)
    first.execute("BEGIN IMMEDIATE")

    class Waiting(sqlite3.Connection):
        def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
            if statement == "BEGIN IMMEDIATE" and first.in_transaction:
                first.execute("COMMIT")
            return super().execute(statement, *values)

    monkeypatch.setattr(sqlite3, "connect", Waiting)
    second = connect(tmp_path / "x.db")
    assert second.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    second.close()
    first.close()


def test_there_is_no_database_before_init(tmp_path: Path) -> None:
    with pytest.raises(DatabaseMissing), opened(tmp_path / "none.db"):
        pass


@pytest.mark.sqlite("its wait for a lock")
def test_a_second_writer_waits_then_is_told_that_the_database_is_busy(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_connection, "BUSY_MS", 50)
    one, other = connect(hq.config.database_path), connect(hq.config.database_path)
    with writing(one), pytest.raises(Busy), writing(other):
        pass
    with writing(other) as tx:
        assert tx.one("house.house") is not None
    one.close()
    other.close()


def test_a_failed_transaction_leaves_nothing(hq: Hq) -> None:
    class Stop(Exception):
        pass

    def fail() -> None:
        with hq.writing() as tx:
            add_token(tx, "gone", bytes(32), EpochMs(0), scopes=["metrics"])
            raise Stop

    with pytest.raises(Stop):
        fail()
    assert [row[0] for row in hq.all("house.tokens")] == ["admin"]


@pytest.mark.sqlite("a connection that only reads")
def test_a_reader_can_not_write(hq: Hq) -> None:
    connection = connect(hq.config.database_path, read_only=True)
    with reading(connection) as tx, pytest.raises(sqlite3.OperationalError, match="readonly"):
        tx.run("house.revoke_token", name="admin", revoked_at_ms=1)
    connection.close()


@pytest.mark.sqlite("its pages")
def test_what_a_till_brings_is_written_into_few_pages_beside_many_years(hq: Hq) -> None:
    def of_day(day: int, first_no: int) -> list[Values]:
        of_all = ("T", 1, 0, 1, "earn", None, day, "2026-H2", 1, 1, 1, "[]" * 40, 1, "")
        return [(0, f"M{each:03}", day, first_no + each, *of_all) for each in range(200)]

    path = hq.config.database_path
    with writing(connection := connect(path)) as tx:
        for month in range(40):
            tx.many("accounts.add_entry", of_day(DAY - 32 * month - 32, 1 + 200 * month))
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with writing(connection) as tx:
        tx.many("accounts.add_entry", of_day(DAY, 9000))
    log = path.with_name(path.name + "-wal").stat().st_size
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    connection.close()
    assert log < 40 * page
