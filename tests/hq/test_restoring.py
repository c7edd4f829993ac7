"""A backup brought back into PostgreSQL in one command: all of it or nothing, wherever that is cut off."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from hq_server import backups
from hq_server.audit import audit
from hq_server.backups import Restored, back_up, restore
from hq_server.config import HqConfig
from hq_server.keys import make_key
from hq_server.store.connection import reading
from hq_server.store.database import DatabaseMissing, opened
from hq_server.store.postgresql.connection import PostgresqlConnection
from hq_server.store.refusals import CommitUnknown, Refused
from tests.hq.conftest import Hq
from tests.postgresql import Cluster, Session

pytestmark = pytest.mark.postgresql("how it is brought back there")


class CutOff(BaseException):
    """The program ends here."""


@pytest.fixture
def backup(hq: Hq, tmp_path: Path) -> Path:
    """A backup of a headquarters that knew one member; it knows two by now, and its first key is another."""
    hq.members("member_id,lookups\nM1,2000123456782\n")
    file = tmp_path / "backup.db"
    back_up(hq.config, file, hq.clock())
    hq.members("member_id\nM2\n")
    return file


def members(hq: Hq) -> list[str]:
    return [row[0] for row in hq.sql("SELECT member_id FROM members ORDER BY member_id")]


def files(hq: Hq) -> set[str]:
    return {path.name for path in Path(hq.config.data_dir).iterdir()}


def at_stage(stage: str, patch: pytest.MonkeyPatch) -> None:
    """Have the next restore be cut off there."""
    if stage == "commit":
        committed = PostgresqlConnection._commit

        def commits(self: PostgresqlConnection) -> None:
            if self.line.is_in_transaction():
                raise CutOff
            committed(self)

        patch.setattr(PostgresqlConnection, "_commit", commits)
        return
    own: Callable[..., object] = getattr(backups, stage)

    def cut(*words: object, **named: object) -> None:
        own(*words, **named)
        raise CutOff

    patch.setattr(backups, stage, cut)


@pytest.mark.parametrize("stage", ["_begun_life", "put_all", "_set_aside", "_write_keys", "commit"])
def test_a_restore_that_is_cut_off_anywhere_leaves_what_stood_and_is_given_again(
    hq: Hq, backup: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    hq.config.key_path.unlink()
    other = make_key(hq.config.key_path)
    stood, tables = hq.sql("SELECT * FROM house"), hq.tables()
    with monkeypatch.context() as patch:
        at_stage(stage, patch)
        with pytest.raises(CutOff):
            hq.bring_back(backup)
    assert (members(hq), hq.sql("SELECT * FROM house"), hq.tables()) == (["M1", "M2"], stood, tables)
    assert hq.sql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replaced%'") == []
    (Path(hq.config.data_dir) / "restored.db.new").write_bytes(b"left of one that was killed")
    hq.clock.now += 1
    done = hq.bring_back(backup)
    assert (members(hq), hq.config.key_path.read_bytes()) == (["M1"], hq.key)
    (aside,) = files(hq) - {"hq.key"}
    assert (Path(hq.config.data_dir) / aside).read_bytes() == other, "no key is lost on the way"
    assert done.set_aside[0].startswith("the schema replaced_")
    with opened(hq.config.place) as connection, reading(connection) as tx:
        audit(tx, hq.public_key, lambda *_: None)


def test_what_was_set_aside_is_whole_and_can_be_put_back(hq: Hq, backup: Path) -> None:
    before = hq.tables()
    schema = hq.bring_back(backup).set_aside[0].split()[2]
    named = hq.sql("SELECT tablename, schemaname FROM pg_tables ORDER BY tablename")
    assert [name for name, place in named if place == schema] == before
    with closing(Session(hq.url.replace("//dangol@", "//postgres@"))) as session:
        session.run("ALTER SCHEMA public RENAME TO replaced_later", f"ALTER SCHEMA {schema} RENAME TO public")
    assert members(hq) == ["M1", "M2"]
    with opened(hq.config.place) as connection, reading(connection) as tx:
        audit(tx, hq.public_key, lambda *_: None)


def test_a_line_that_breaks_in_the_commit_is_told_and_the_command_given_again(
    hq: Hq, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        wrote: Callable[..., None] = backups._write_keys

        def cut(life: backups._Life) -> None:
            wrote(life)
            hq.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state LIKE 'idle in%'")

        patch.setattr(backups, "_write_keys", cut)
        with pytest.raises(CommitUnknown):
            hq.bring_back(backup)
    assert members(hq) == ["M1", "M2"]
    hq.bring_back(backup)
    assert members(hq) == ["M1"]


def test_a_database_of_a_later_release_or_a_broken_one_gives_way(hq: Hq, backup: Path) -> None:
    hq.tamper("INSERT INTO migrations VALUES (9000, '9000_later.sql', 'x')")
    hq.bring_back(backup)
    assert members(hq) == ["M1"]
    hq.clock.now += 1
    hq.sql("DROP TABLE totals")
    hq.bring_back(backup)
    assert members(hq) == ["M1"]


def test_what_is_empty_is_filled_and_what_is_not_there_is_told(
    hq: Hq, backup: Path, postgresql: Cluster, tmp_path: Path
) -> None:
    def into(url: str) -> Restored:
        data = tmp_path / "elsewhere"
        config = HqConfig(data_dir=str(data), database=url, programme_key=str(data / "programme.key"))
        return restore(config, backup, replace=False, random=os.urandom(8), now_ms=hq.clock())

    with pytest.raises(DatabaseMissing):
        into(postgresql.url("never_made"))
    name = postgresql.database()
    with closing(Session(postgresql.url(name))) as session:
        session.run("CREATE TABLE kept (own INTEGER)")
        assert into(postgresql.url(name)).set_aside == ()
        assert session.run("SELECT member_id FROM members") == [("M1",)]
        assert session.run("SELECT count(*) FROM kept") == [(0,)]
    with pytest.raises(Refused, match="--replace") as told:
        into(postgresql.url(name))
    assert told.value.code == "database_exists"
    postgresql.drop(name)
