"""The till's schema: append-only where it must be, and brought up to date whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.store import migrations, terminal
from edge_agent.store.database import Connection, DatabaseError, StoreError, connect
from edge_agent.store.migrations import VERSION, migrate, open_database, open_to_read
from tests.edge.made import config_of, enrol_till, purchase, void
from tests.edge.till import Till


@pytest.mark.parametrize("statement", ["UPDATE journal SET record = x'00'", "DELETE FROM journal"])
def test_nobody_changes_or_cuts_the_journal(till: Till, statement: str) -> None:
    till.record(purchase())
    with pytest.raises(DatabaseError, match="append-only"):
        till.conn.execute(statement)
    assert len(till.records()) == 1


def test_one_who_comes_while_another_makes_the_database_waits_for_that_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Connection(tmp_path / "edge.db", isolation_level=None)
    first.execute("BEGIN IMMEDIATE")

    class Waiting(Connection):
        def execute(self, statement: str, *values: Any) -> Any:
            if statement == "BEGIN IMMEDIATE" and first.in_transaction:
                first.execute("COMMIT")
            return super().execute(statement, *values)

    monkeypatch.setattr("edge_agent.store.database.sqlite3.connect", Waiting)
    second = connect(tmp_path / "edge.db")
    assert second.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    second.close()
    first.close()


def test_of_two_who_open_a_new_database_at_once_one_brings_it_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Connection):
        def execute(self, statement: str, *values: Any) -> Any:
            if statement == "BEGIN IMMEDIATE":
                monkeypatch.undo()
                open_database(tmp_path / "till.db").close()
            return super().execute(statement, *values)

    monkeypatch.setattr("edge_agent.store.database.sqlite3.connect", Slow)
    slow = open_database(tmp_path / "till.db")
    assert slow.execute("PRAGMA user_version").fetchone() == (VERSION,)
    slow.close()


def test_a_database_of_a_later_release_is_refused_and_left_alone(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    enrol_till(config)
    conn = connect(config.database)
    conn.execute(f"PRAGMA user_version={VERSION + 1}")
    with pytest.raises(StoreError) as refused:
        open_database(config.database)
    assert refused.value.code == "store_newer"
    assert conn.execute("PRAGMA user_version").fetchone() == (VERSION + 1,)
    conn.close()
    with pytest.raises(StoreError) as refused:
        open_to_read(config.database)
    assert refused.value.code == "store_newer"


def test_a_database_of_an_earlier_release_is_not_read_before_it_is_brought_up_to_date(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    enrol_till(config)
    conn = connect(config.database)
    conn.execute(f"PRAGMA user_version={VERSION - 1}")
    with pytest.raises(StoreError) as refused:
        open_to_read(config.database)
    assert refused.value.code == "store_older"
    conn.execute(f"PRAGMA user_version={VERSION}")
    conn.close()
    open_to_read(config.database).close()


def test_a_void_of_the_first_schema_still_waits_for_its_purchase(till: Till) -> None:
    till.record(void("404", original=purchase()["receipt"]))
    steps = [one for one in migrations.statements(migrations.SCRIPTS[1]) if "voided/" in one]
    till.conn.execute("DELETE FROM receipt_fact")
    till.conn.execute(
        "INSERT INTO source SELECT 'voided/purchase/S012/T03/20777/1', content, account, epoch, branch, seq,"
        " raw_sha256 FROM source"
    )
    for step in steps:
        till.conn.execute(step)
    assert till.record(purchase()).redeemable == 0
    assert till.conn.execute("SELECT count(*) FROM source WHERE natural_key LIKE 'voided%'").fetchone() == (
        0,
    )


def test_a_disk_that_fills_up_during_a_migration_is_told_and_leaves_no_half_schema(tmp_path: Path) -> None:
    conn = connect(tmp_path / "till.db")
    conn.execute("PRAGMA max_page_count=10")
    with pytest.raises(StoreError) as refused:
        migrate(conn)
    assert refused.value.code == "disk_full"
    conn.execute("PRAGMA max_page_count=100000")
    migrate(conn)
    assert not terminal.is_enrolled(conn)
    conn.close()
