"""Upgrades of a till: whole or not at all; and databases of later releases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.cli import main
from edge_agent.repair.repairing import repair
from edge_agent.store import journal, terminal
from edge_agent.store.database import Connection, StoreError, connect
from edge_agent.store.integrity import verify
from edge_agent.store.migrations import VERSION, migrate, open_database, open_to_read
from tests.edge.commands.desk import Desk
from tests.edge.made import enrol_till, purchase, returned, visit, void
from tests.edge.till import Till
from tests.upgrading import (
    carry_over,
    copied,
    killed_at_each_statement,
    killed_when_done,
    parts_of,
    rows_of,
    torn_logs,
    typed_of,
)

EARLIER = range(VERSION)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    enrol_till(desk.config)
    return desk


def of_release(version: int, path: Path, till: Till) -> Connection:
    """Return the database of an earlier release, with a few days of trade in it if it could hold any."""
    till.record(purchase())
    till.record(returned(net_minor=3_990))
    till.record(visit("v1", "2026-11-20 11:00"))
    till.record(purchase("2", member=None))
    till.record(void("404"))
    conn = connect(path)
    migrate(conn, version)
    carry_over(conn, till.config.database)
    return conn


@pytest.mark.parametrize("version", EARLIER)
def test_an_upgrade_keeps_every_row_of_every_earlier_release(
    till: Till, tmp_path: Path, version: int
) -> None:
    before = of_release(version, tmp_path / "old.db", till)
    was = rows_of(before)
    before.close()
    conn = open_database(tmp_path / "old.db")
    kept = rows_of(conn)
    assert set(was) <= set(kept)
    assert {table: len(rows) for table, rows in was.items()} == {table: len(kept[table]) for table in was}
    assert kept.get("journal") == rows_of(till.conn)["journal"] or version == 0
    conn.close()


@pytest.mark.parametrize("version", [1, VERSION - 1])
def test_what_can_be_read_of_a_damaged_database_of_an_earlier_release_is_kept(
    till: Till, tmp_path: Path, version: int
) -> None:
    with closing(of_release(version, tmp_path / "old.db", till)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (root,) = conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'source'").fetchone()
    identity, whole = terminal.read(till.conn), list(journal.walk(till.conn, 1, 0))
    till.close()
    data = bytearray((tmp_path / "old.db").read_bytes())
    data[(root - 1) * 4096 : root * 4096] = bytes(4096)
    for end in ("-wal", "-shm"):
        till.config.database.with_name(till.config.database.name + end).unlink(missing_ok=True)
    till.config.database.write_bytes(data)
    assert repair(till.config, till.clock).fault is None
    with closing(connect(till.config.database)) as conn:
        assert terminal.read(conn) == identity
        assert list(journal.walk(conn, 1, 0)) == whole


def test_a_till_of_the_first_release_goes_on_where_it_was(till: Till, tmp_path: Path) -> None:
    of_release(1, tmp_path / "old.db", till).close()
    shown = till.balance()
    till.close()
    copied(tmp_path / "old.db", till.config.database)
    till.conn = open_database(till.config.database)
    assert verify(till.conn, lambda _: None) is None
    assert till.balance() == shown
    assert till.record(purchase()).repeated
    assert not till.record(purchase("3")).repeated


@pytest.mark.parametrize("version", EARLIER)
def test_an_upgrade_that_is_killed_at_any_statement_is_done_at_the_next_start(
    till: Till, tmp_path: Path, version: int
) -> None:
    of_release(version, tmp_path / "old.db", till).close()
    whole = open_database(copied(tmp_path / "old.db", tmp_path / "whole.db"))
    wanted = rows_of(whole)
    whole.close()
    for killed in killed_at_each_statement(tmp_path / "old.db", open_database):
        conn = open_database(killed)
        assert rows_of(conn) == wanted
        assert conn.execute("PRAGMA user_version").fetchone() == (VERSION,)
        conn.close()


@pytest.mark.parametrize("version", EARLIER)
def test_an_upgrade_that_loses_power_while_it_is_committed_is_whole_or_never_was(
    till: Till, tmp_path: Path, version: int
) -> None:
    of_release(version, tmp_path / "old.db", till).close()
    killed = killed_when_done(tmp_path / "old.db", open_database)
    whole = open_database(copied(killed, tmp_path / "whole.db"))
    wanted = rows_of(whole)
    whole.close()
    found = set()
    for torn in torn_logs(killed, every=16):
        conn = connect(torn)
        found.add(conn.execute("PRAGMA user_version").fetchone()[0])
        conn.close()
        conn = open_database(torn)
        assert rows_of(conn) == wanted
        conn.close()
    assert found == {version}


NEED_NO_DATABASE = {"printer", "profile"}
"""Commands that go on whatever release wrote the database: they pass on, or read, what is printed."""


@pytest.mark.parametrize("words", [*typed_of(main), ("take", "--dry-run", "1.jsonl")], ids=" ".join)
def test_no_command_leaves_a_trace_on_the_database_of_a_later_release(
    desk: Desk, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(desk.folder)
    for name in ("1.jsonl", "1.to-till"):
        (desk.folder / name).touch()
    with closing(connect(desk.config.database)) as conn:
        conn.execute(f"PRAGMA user_version={VERSION + 1}")
    before = parts_of(desk.config.database)
    assert list(before) == [desk.config.database.name]
    refused = desk.call(*words)
    if words[0] not in NEED_NO_DATABASE:
        assert refused.exit_code == 1
        assert "store_newer" in refused.output
        assert "install that release again" in refused.output
    assert parts_of(desk.config.database) == before


def test_a_later_release_that_was_killed_is_seen_in_its_log(desk: Desk) -> None:
    conn = connect(desk.config.database)
    conn.execute(f"PRAGMA user_version={VERSION + 1}")
    killed = copied(desk.config.database, desk.folder / "killed.db")
    conn.close()
    log = parts_of(killed)["killed.db-wal"]
    for command in (open_database, open_to_read):
        with pytest.raises(StoreError) as refused:
            command(killed)
        assert refused.value.code == "store_newer"
    assert parts_of(killed)["killed.db-wal"] == log
