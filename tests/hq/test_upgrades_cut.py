"""Upgrades of headquarters, killed or without power in the middle; and databases of later releases."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from hq_server.cli import hq_server
from hq_server.store.database import create
from hq_server.store.sqlite import migrate, sqlite3
from hq_server.store.sqlite.connection import connect
from tests.hq.conftest import PROGRAMME, Hq, copy_of
from tests.hq.test_audit import filled_in, run_audit
from tests.upgrading import (
    carry_over,
    copied,
    killed_at_each_statement,
    killed_when_done,
    parts_of,
    rows_of,
    tables_of,
    torn_logs,
    typed_of,
)

pytestmark = pytest.mark.sqlite("its files")

FILES = list(migrate.migrations("sqlite"))
RELEASES = range(1, len(FILES) + 1)


@pytest.fixture(scope="module")
def filled(founded: Hq, tmp_path_factory: pytest.TempPathFactory) -> Hq:
    """A headquarters with everything in its ledger, to be copied."""
    return filled_in(tmp_path_factory.mktemp("filled"), founded)


@pytest.fixture
def traded(filled: Hq, tmp_path: Path) -> Hq:
    return copy_of(filled, tmp_path)


def of_release(number: int, present: Path, patch: pytest.MonkeyPatch) -> Path:
    """Return the database of an earlier release with what it could hold of the present one's trade."""
    path = present.with_name(f"of-{number}.db")
    patch.setattr(migrate, "migrations", lambda _: iter(FILES[:number]))
    with closing(create(path)) as connection:
        carry_over(connection, present)
    patch.setattr(migrate, "migrations", lambda _: iter(FILES))
    return path


@pytest.mark.parametrize("number", RELEASES)
def test_an_upgrade_that_is_killed_at_any_statement_is_done_at_the_next_start(
    traded: Hq, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    old = of_release(number - 1, traded.config.database_path, monkeypatch)
    # A release at a time: how the files after it are cut is seen from the releases after it.
    monkeypatch.setattr(migrate, "migrations", lambda _: iter(FILES[:number]))
    with closing(create(copied(old, old.with_name("whole.db")))) as whole:
        wanted = rows_of(whole)
    for killed in killed_at_each_statement(old, create):
        with closing(create(killed)) as connection:
            assert rows_of(connection) == wanted


@pytest.mark.parametrize("number", [0, len(FILES) - 1])
def test_an_upgrade_that_loses_power_while_it_is_committed_is_whole_or_never_was(
    traded: Hq, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    old = of_release(number, traded.config.database_path, monkeypatch)
    killed = killed_when_done(old, create)
    with closing(create(copied(killed, old.with_name("whole.db")))) as whole:
        wanted = rows_of(whole)
    for torn in torn_logs(killed, every=32):
        with closing(create(torn)) as connection:
            assert rows_of(connection) == wanted


def test_the_books_of_the_release_before_this_stand_after_the_upgrade(
    traded: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    hq = traded
    before, balances = rows_of(hq.connect()), hq.balances()
    old = of_release(len(FILES) - 1, hq.config.database_path, monkeypatch)
    with closing(sqlite3.connect(old)) as connection:
        known = set(tables_of(connection)) - {"migrations"}
    for name in parts_of(hq.config.database_path):
        hq.config.database_path.with_name(name).unlink()
    copied(old, hq.config.database_path)
    run_audit(hq)
    assert hq.balances() == balances
    after = rows_of(hq.connect())
    assert {table: len(after[table]) for table in known} == {table: len(before[table]) for table in known}


FILED = {"member": "member_id\nM1\n", "programme": PROGRAMME.replace("version = 1", "version = 2")}
"""What a file holds that is read before the database is."""
ARCHIVE = ("archive", ".")
PASS, REVOKE = ("technician", "pass", "1"), ("technician", "revoke", "--reason", "1")
WITHOUT = {
    ("restore", "1.jsonl"),
    ("drill", "1.jsonl"),
    ("programme", "check", "1.jsonl"),
    ARCHIVE,
    PASS,
    REVOKE,
}
"""Commands that refuse any database, or look at none."""
WITH = [
    ("period", "close", "2026-H1", "--dry-run"),
    (*ARCHIVE, "--before", "2026-07-01"),
    (*PASS, "--show"),
    (*REVOKE, "1"),
]
"""With what they do not ask for: without it some look at none."""


@pytest.mark.parametrize("words", [*typed_of(hq_server), *WITH], ids=" ".join)
def test_no_command_leaves_a_trace_on_the_database_of_a_later_release(
    hq: Hq, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    if words[0] in FILED:
        (tmp_path / "1.jsonl").write_text(FILED[words[0]], "utf-8")
    path = hq.config.database_path
    with closing(connect(path)) as connection:
        connection.execute("INSERT INTO migrations VALUES (9000, '9000_later.sql', 'x')")
    before = parts_of(path)
    assert list(before) == [path.name]
    refused = CliRunner().invoke(hq_server, ["--config", str(hq.config_path), *words])
    assert ("database_newer" in refused.output) == (words not in WITHOUT), refused.output
    assert parts_of(path) == before
