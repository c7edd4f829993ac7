"""Headquarters moves to another database and is the same there; a backup of either kind is one file."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hq_server import moving
from hq_server.cli import hq_server
from hq_server.config import load_config
from hq_server.store.connection import Row
from hq_server.store.copying import copy_all, tables
from hq_server.store.database import Database, create
from hq_server.store.refusals import WrongDatabase
from hq_server.store.sqlite.connection import peek
from tests.hq.conftest import Client, Hq, Tills, database_line
from tests.hq.test_audit import fill, run_audit
from tests.postgresql import Cluster

Rows = dict[str, list[tuple[object, ...]]]
APART = {"access_log", "imported"}
"""What a command itself writes to, and what PostgreSQL keeps in other letters."""


def command(hq: Hq, *words: str) -> Result:
    hq.leave()
    return CliRunner().invoke(hq_server, ["--config", str(hq.config_path), *words])


def moved(hq: Hq) -> Hq:
    """Return the headquarters that the settings name now."""
    return Hq(load_config(hq.config_path), hq.config_path, hq.key, hq.token, hq.clock)


def at_rest(hq: Hq, text: str) -> list[Row]:
    """Return rows without opening the database as headquarters."""
    if hq.url:
        return hq.sql(text)
    with closing(peek(hq.config.database_path)) as connection:
        return connection.execute(text).fetchall()


def rows_of(hq: Hq) -> Rows:
    return {**rows_at_rest(hq), "imported": hq.all("house.imported")}


def rows_at_rest(hq: Hq) -> Rows:
    """Return what is there without opening it as headquarters."""
    found: Rows = {}
    for table, columns, key in tables():
        if table not in APART:
            named = ", ".join(f'"{column}"' for column in columns)
            found[table] = [
                tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
                for row in at_rest(hq, f"SELECT {named} FROM {table} ORDER BY {key}")  # noqa: S608
            ]
    return found


def beside(file: Path) -> list[str]:
    return sorted(found.name for found in file.parent.glob(file.name + "*"))


async def test_headquarters_is_the_same_in_another_database_and_back(
    hq: Hq, tills: Tills, client: Client, postgresql: Cluster, tmp_path: Path
) -> None:
    await fill(hq, tills)
    with hq.writing() as tx:
        tx.many("house.count_imported", [("odd \x00\x01", 1)])
    await client.close()
    before, proven = rows_of(hq), run_audit(hq)
    first, name = hq.config.place, postgresql.database()
    settings = hq.config_path.read_bytes()
    out = command(hq, "move", "--to", postgresql.url(name))
    assert out.exit_code == 0, out.output
    other = moved(hq)
    assert (other.config.database, rows_of(other), run_audit(other)) == (postgresql.url(name), before, proven)
    imported = before.pop("imported")
    assert (rows_at_rest(hq), hq.config.place) == (before, first), "nothing of the old one is removed"
    before["imported"] = imported
    named = hq.config_path.read_bytes()
    hq.config_path.write_bytes(settings)
    for words in (["audit"], ["backup", str(tmp_path / "b.db")], ["move", "--to", str(tmp_path / "c")]):
        refused = command(hq, *words)
        assert refused.exit_code == 1
        assert "database_moved" in refused.output
        assert f"/{name}" in refused.output, "it says where to"
    hq.config_path.write_bytes(named)
    back = tmp_path / "back.db"
    out = command(other, "move", "--to", str(back))
    assert out.exit_code == 0, out.output
    file = moved(hq)
    assert (file.config.place, rows_of(file), run_audit(file)) == (back, before, proven)
    assert stat.S_IMODE(back.stat().st_mode) == 0o600
    other.leave()
    other.behind.close()
    postgresql.drop(name)


async def test_nothing_is_moved_under_a_server_or_onto_another_headquarters(
    hq: Hq, client: Client, postgresql: Cluster
) -> None:
    name = postgresql.database()
    settings = hq.config_path.read_bytes()
    taken = postgresql.database()
    with hq.opened() as own, closing(create(postgresql.url(taken))) as other:
        copy_all(own, other, lambda _: None)
    assert (await client.get("/healthz")).status == 200
    assert "database_in_use" in command(hq, "move", "--to", postgresql.url(name)).output
    await client.close()
    assert "database_same" in command(hq, "move", "--to", hq.config.database).output
    if hq.url:  # by another of its spellings
        assert "database_same" in command(hq, "move", "--to", f"{hq.url}&application_name=x").output
    assert hq.config_path.read_bytes() == settings
    assert "database_exists" in command(hq, "move", "--to", postgresql.url(taken)).output
    assert hq.config_path.read_bytes() == settings
    assert command(hq, "move", "--to", postgresql.url(name)).exit_code == 0, (
        "who was refused has changed nothing"
    )
    back = command(hq, "move", "--to", hq.config.database).output
    assert ("database_moved" if hq.url else "database_exists") in back, "nobody moves into what was left"
    postgresql.drop(name)
    postgresql.drop(taken)


@pytest.mark.postgresql("a line that is cut")
async def test_a_server_that_lost_its_line_does_not_go_on_with_what_was_moved(
    hq: Hq, postgresql: Cluster
) -> None:
    server, name = Database(hq.url), postgresql.database()
    await server.write(lambda tx: tx.run("house.write_something", by=0))
    hq.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dangol-hq%'")
    out = command(hq, "move", "--to", postgresql.url(name))
    assert out.exit_code == 0, out.output
    with pytest.raises(WrongDatabase, match=f"/{name}") as told:
        await server.write(lambda tx: tx.run("house.write_something", by=0))
    assert told.value.code == "database_moved"
    await asyncio.to_thread(server.close)
    postgresql.drop(name)


@pytest.mark.parametrize("may", [True, False])
def test_no_password_is_told_where_headquarters_moves(
    hq: Hq, postgresql: Cluster, monkeypatch: pytest.MonkeyPatch, may: bool
) -> None:
    name = postgresql.database()
    secret = postgresql.url(name).replace("@", ":geheim-1@") + "&password=geheim-2"
    settings = hq.config_path.read_text("utf-8")
    if not may:
        monkeypatch.setattr(moving, "_renamed", lambda *_: False)
    shown = command(hq, "move", "--to", secret, *(["--json"] if may else []))
    assert shown.exit_code == 0, shown.output
    assert f"/{name}" in shown.output
    assert "geheim" not in shown.output
    assert (secret in hq.config_path.read_text("utf-8")) == may
    assert "geheim" not in str(at_rest(hq, "SELECT name FROM migrations"))
    hq.config_path.write_text(settings, "utf-8")
    assert "database_moved" in command(hq, "serve").output
    postgresql.drop(name)


@pytest.mark.parametrize("kind", ["file", "postgresql"])
async def test_a_backup_of_either_kind_is_one_file_that_can_be_restored_into_either(
    hq: Hq, tills: Tills, client: Client, tmp_path: Path, postgresql: Cluster, kind: str
) -> None:
    await fill(hq, tills)
    before = rows_of(hq)
    out = command(hq, "backup", str(tmp_path / "backup.db"))
    assert out.exit_code == 0, out.output
    assert beside(tmp_path / "backup.db") == ["backup.db"]
    await client.close()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    url = postgresql.url(postgresql.database()) if kind == "postgresql" else ""
    (elsewhere / "hq.toml").write_text(f'data_dir = "data"\n{database_line(url)}', "utf-8")
    other = Hq(load_config(elsewhere / "hq.toml"), elsewhere / "hq.toml", hq.key, hq.token, hq.clock)
    restored = command(other, "restore", str(tmp_path / "backup.db"))
    assert restored.exit_code == 0, restored.output
    after = rows_of(other)
    assert after.pop("house") != before.pop("house"), "it is another life of it"
    assert after == before
    assert run_audit(other) == run_audit(hq)
    assert beside(Path(other.config.data_dir) / "restored.db") == []
    other.leave()
    other.behind.close()


@pytest.mark.parametrize("line", ["", 'database = "x.db"\n', '  database = "x.db"\n'])
def test_settings_that_name_the_place_keep_all_else(hq: Hq, line: str, tmp_path: Path) -> None:
    if hq.config.is_postgresql:
        pytest.skip("its settings have the line anyhow")
    text = hq.config_path.read_text("utf-8")
    (Path(hq.config.data_dir) / "hq.db").rename(
        tmp_path / "x.db" if line else Path(hq.config.data_dir) / "hq.db"
    )
    hq.config_path.write_text(text.replace("[listen]", f"{line}[listen]"), "utf-8")
    if os.geteuid() == 0:
        os.chown(hq.config_path, 1, 1)
    before = hq.config_path.stat()
    made = moved(hq)
    out = command(made, "move", "--to", str(tmp_path / "y.db"))
    assert out.exit_code == 0, out.output
    after = hq.config_path.stat()
    assert (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid)
    named = f'database = "{tmp_path / "y.db"}"\n'
    assert hq.config_path.read_text("utf-8") == text.replace("[listen]", f"{named}[listen]")
