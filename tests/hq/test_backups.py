"""Backups: whole, of one state, while the server writes; and the way back, in which nothing is deleted."""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
from contextlib import closing
from pathlib import Path

import pytest

from hq_server.audit import Difference, audit
from hq_server.backups import Restored, back_up, back_up_into, restore
from hq_server.config import HqConfig, load_config
from hq_server.house import load_house
from hq_server.keys import BadKeyFile, make_key
from hq_server.staff import totp
from hq_server.staff.accounts import account_named, add_account, set_totp
from hq_server.staff.sessions import begin_session, session_of
from hq_server.store.connection import reading
from hq_server.store.database import Database, DatabaseMissing, InUse, opened
from hq_server.store.refusals import Refused, WrongDatabase
from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.connection import Connection, connect
from hq_server.store.sqlite.copies import BadBackup
from loyalty_core.envelope import public_of
from loyalty_core.units import EpochMs
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase
from tests.hq.till import NOW_MS
from tests.postgresql import Session

OF_FILES = pytest.mark.sqlite("its files")
DAY_MS = 86_400_000
AT = EpochMs(NOW_MS)


@pytest.fixture
def backup(hq: Hq, tmp_path: Path) -> Path:
    """A backup of a headquarters that knows a member."""
    hq.members("member_id,lookups,home_store\nM1,2000123456782,S012\n")
    file = tmp_path / "backup.db"
    back_up(hq.config, file, AT)
    return file


@pytest.fixture
def elsewhere(tmp_path: Path) -> HqConfig:
    """The settings of a machine on which there is nothing yet."""
    path = tmp_path / "elsewhere" / "hq.toml"
    path.parent.mkdir()
    path.write_text('data_dir = "data"\n', "utf-8")
    return load_config(path)


def brought_back(at: Hq | HqConfig, backup: Path, *, replace: bool = False, at_ms: EpochMs = AT) -> Restored:
    if isinstance(at, Hq):
        at.leave()
    config = at.config if isinstance(at, Hq) else at
    return restore(config, backup, replace=replace, random=os.urandom(8), now_ms=at_ms)


def members(config: HqConfig) -> list[str]:
    text = "SELECT member_id FROM members ORDER BY member_id"
    if config.is_postgresql:
        with closing(Session(config.database)) as session:
            return [row[0] for row in session.run(text)]
    with opened(config.database_path) as connection:
        return [row[0] for row in connection.execute(text)]


def files(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def refused(code: str) -> pytest.RaisesExc[BadBackup | Refused]:
    return pytest.RaisesExc((BadBackup, Refused), check=lambda error: error.code == code)


def test_a_backup_is_one_file_that_only_its_owner_reads(backup: Path) -> None:
    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    assert files(backup.parent) >= {"backup.db"}
    assert not [name for name in files(backup.parent) if name.startswith("backup.db") and name != "backup.db"]


def test_a_backup_brings_everything_back_where_nothing_was(hq: Hq, backup: Path, elsewhere: HqConfig) -> None:
    done = brought_back(elsewhere, backup)
    assert (done.made_at_ms, done.set_aside) == (NOW_MS, ())
    assert members(elsewhere) == ["M1"]
    assert elsewhere.key_path.read_bytes() == hq.key
    assert stat.S_IMODE(elsewhere.key_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(elsewhere.database_path.stat().st_mode) == 0o600
    assert stat.S_IMODE(Path(elsewhere.data_dir).stat().st_mode) == 0o700
    assert files(Path(elsewhere.data_dir)) == {"hq.db", "hq.key"}
    with opened(elsewhere.database_path) as connection, reading(connection) as tx:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        audit(tx, public_of(hq.key), lambda *_: None)
    assert backup.exists()


@OF_FILES
async def test_a_backup_holds_all_that_was_acknowledged_before_it(
    hq: Hq, tills: Tills, elsewhere: HqConfig, tmp_path: Path
) -> None:
    hq.members("member_id\nM1\n")
    till = await tills.join()
    till.record(purchase())
    await tills.send(till)
    assert hq.config.database_path.with_name("hq.db-wal").stat().st_size, (
        "all of it stood in the file already"
    )
    file = tmp_path / "backup.db"
    await asyncio.to_thread(back_up, hq.config, file, AT)
    till.record(purchase("2"))
    await tills.send(till)
    brought_back(elsewhere, file)
    with opened(elsewhere.database_path) as connection:
        assert connection.execute("SELECT count(*) FROM events").fetchone() == (1,)


@OF_FILES
async def test_a_server_writes_on_while_it_is_copied(hq: Hq, tmp_path: Path) -> None:
    database = Database(hq.config.database_path)
    reader = connect(hq.config.database_path, read_only=True)
    try:
        with reading(reader) as copying:  # as a long copy does, it stays in the state of its beginning
            load_house(copying)
            await database.write(
                lambda tx: tx.run("house.begin_life", incarnation_counter=7, incarnation_random=b"8" * 8)
            )
            back_up(hq.config, tmp_path / "backup.db", AT)
            assert load_house(copying).incarnation.counter == 1
        assert await database.read(lambda tx: load_house(tx).incarnation.counter) == 7
    finally:
        reader.close()
        await asyncio.to_thread(database.close)


@OF_FILES
def test_what_was_erased_is_not_in_a_later_backup(hq: Hq, tmp_path: Path) -> None:
    hq.members(
        "member_id,lookups,name\n" + "".join(f"M{n},20001234567{n:03},Secret{n}\n" for n in range(200))
    )
    hq.sql("DELETE FROM members")
    with opened(hq.config.database_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    assert b"Secret7" in hq.config.database_path.read_bytes()
    back_up(hq.config, tmp_path / "backup.db", AT)
    assert b"Secret7" not in (tmp_path / "backup.db").read_bytes()


def test_nothing_is_written_over(hq: Hq, backup: Path) -> None:
    before = backup.read_bytes()
    with refused("backup_exists"):
        back_up(hq.config, backup, AT)
    assert backup.read_bytes() == before


def test_a_backup_that_fails_leaves_nothing(hq: Hq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hq_server.backups.make_durable", full)
    (tmp_path / "backups").mkdir()
    with pytest.raises(OSError, match="No space"):
        back_up(hq.config, tmp_path / "backups" / "one.db", AT)
    assert files(tmp_path / "backups") == set()


def test_a_backup_that_was_cut_off_is_not_taken_for_one_that_is_being_made(hq: Hq, tmp_path: Path) -> None:
    (tmp_path / "one.db.new").touch()
    with refused("backup_unfinished"):
        back_up(hq.config, tmp_path / "one.db", AT)
    assert (tmp_path / "one.db.new").exists()


@OF_FILES
def test_of_damaged_data_no_backup_is_made(hq: Hq, tmp_path: Path) -> None:
    with opened(hq.config.database_path) as connection:
        connection.execute("PRAGMA ignore_check_constraints = ON")
        connection.execute("UPDATE house SET bucket_count = 5000")
    with refused("database_damaged"):
        back_up(hq.config, tmp_path / "backup.db", AT)
    assert "backup.db" not in files(tmp_path)


def test_without_a_database_there_is_nothing_to_back_up(elsewhere: HqConfig, tmp_path: Path) -> None:
    with pytest.raises(DatabaseMissing):
        back_up(elsewhere, tmp_path / "backup.db", AT)


@OF_FILES
def test_the_newest_are_kept_and_nothing_else_is_removed(hq: Hq, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "hq-20200101T000000Z.db.new").touch()  # cut off
    (folder / "hq-2020.db").touch()  # somebody's own
    made = [back_up_into(hq.config, folder, 3, EpochMs(NOW_MS + day * DAY_MS)) for day in range(5)]
    assert files(folder) == {"hq-2020.db", *(Path(one.file).name for one in made[2:])}
    assert made[0].removed == (str(folder / "hq-20200101T000000Z.db.new"),)
    assert [one.removed for one in made[1:]] == [(), (), (made[0].file,), (made[1].file,)]


@OF_FILES
def test_a_clock_that_went_back_does_not_cost_the_backup_that_was_just_made(hq: Hq, tmp_path: Path) -> None:
    ahead = [back_up_into(hq.config, tmp_path, 2, EpochMs(NOW_MS + day * DAY_MS)) for day in (8, 9)]
    right = [back_up_into(hq.config, tmp_path, 2, EpochMs(NOW_MS + day * DAY_MS)) for day in (0, 1)]
    assert [one.removed for one in right] == [(one.file,) for one in ahead]
    assert {Path(one.file).name for one in right} <= files(tmp_path)


def test_a_credential_stays_out_of_backups_and_is_needed_to_come_back(
    hq: Hq, elsewhere: HqConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "credentials").mkdir()
    hq.config.key_path.rename(tmp_path / "credentials" / "dangol-hq.key")
    file = tmp_path / "backup.db"
    with monkeypatch.context() as own:
        own.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
        assert not back_up(hq.config, file, AT).holds_key
        assert hq.key not in file.read_bytes()
    with pytest.raises(BadKeyFile) as caught:
        brought_back(elsewhere, file)
    assert caught.value.code == "key_missing"
    assert files(Path(elsewhere.data_dir)) == set()
    with monkeypatch.context() as own:
        own.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "credentials"))
        brought_back(elsewhere, file)
    assert files(Path(elsewhere.data_dir)) == {"hq.db"}


def test_what_stands_there_is_set_aside_only_when_asked(hq: Hq, backup: Path) -> None:
    hq.members("member_id\nM2\n")
    with refused("database_exists"):
        brought_back(hq, backup)
    assert members(hq.config) == ["M1", "M2"]
    done = brought_back(hq, backup, replace=True)
    assert members(hq.config) == ["M1"]
    (aside,) = done.set_aside
    if hq.url:
        schema = aside.split()[2]
        assert hq.sql(f"SELECT count(*) FROM {schema}.members") == [(2,)]  # noqa: S608
        return
    with opened(Path(aside)) as connection:
        assert connection.execute("SELECT count(*) FROM members").fetchone() == (2,)


@OF_FILES
def test_a_log_that_a_crash_left_goes_aside_with_its_database(hq: Hq, backup: Path) -> None:
    log = hq.config.database_path.with_name("hq.db-wal")
    hq.config.database_path.unlink()
    log.write_bytes(b"of another life")
    with refused("database_exists"):
        brought_back(hq, backup)
    done = brought_back(hq, backup, replace=True)
    (aside,) = done.set_aside
    assert Path(f"{aside}-wal").read_bytes() == b"of another life"
    assert members(hq.config) == ["M1"]


async def test_nothing_is_restored_under_a_server_or_a_command(hq: Hq, backup: Path) -> None:
    database = Database(hq.config.place)
    await database.write(load_house)
    with pytest.raises(InUse):
        brought_back(hq, backup, replace=True)
    await asyncio.to_thread(database.close)
    with opened(hq.config.place), pytest.raises(InUse):
        brought_back(hq, backup, replace=True)
    brought_back(hq, backup, replace=True)


def test_each_restore_begins_another_life(hq: Hq, backup: Path) -> None:
    first = brought_back(hq, backup, replace=True)
    again = brought_back(hq, backup, replace=True, at_ms=EpochMs(NOW_MS + 1000))
    assert 1 < first.incarnation < again.incarnation
    with hq.reading() as tx:
        assert load_house(tx).incarnation.counter == again.incarnation


def test_the_codes_of_people_are_good_after_a_restore_on_another_machine(
    hq: Hq, elsewhere: HqConfig, tmp_path: Path
) -> None:
    key, secret = totp.make_key(hq.config.data_dir, bytes(range(32))), b"s" * totp.SECRET_BYTES
    with hq.writing() as tx:
        add_account(tx, "kim", ["approver"], "kept", hq.clock())
        set_totp(tx, "kim", totp.sealed(key, "kim", secret, bytes(12)))
    back_up(hq.config, tmp_path / "backup.db", AT)
    brought_back(elsewhere, tmp_path / "backup.db")
    path = Path(elsewhere.data_dir) / totp.KEY_NAME
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with opened(elsewhere.database_path) as connection, reading(connection) as tx:
        sealed = account_named(tx, "kim").totp
        assert sealed is not None
        assert totp.opened(totp.read_key(elsewhere.data_dir), "kim", sealed) == secret
    restored = elsewhere.database_path.read_bytes()
    assert key not in restored
    assert hq.key not in restored


def test_another_key_of_codes_is_set_aside_only_when_asked(
    hq: Hq, elsewhere: HqConfig, tmp_path: Path
) -> None:
    key = totp.make_key(hq.config.data_dir, bytes(range(32)))
    other = b"o" * totp.KEY_BYTES
    back_up(hq.config, tmp_path / "backup.db", AT)
    Path(elsewhere.data_dir).mkdir()
    totp.make_key(elsewhere.data_dir, other)
    with refused("key_differs"):
        brought_back(elsewhere, tmp_path / "backup.db")
    assert totp.read_key(elsewhere.data_dir) == other
    (aside,) = brought_back(elsewhere, tmp_path / "backup.db", replace=True).set_aside
    assert (Path(aside).read_bytes(), totp.read_key(elsewhere.data_dir)) == (other, key)


def test_a_key_of_codes_stays_where_a_backup_has_none(backup: Path, elsewhere: HqConfig) -> None:
    Path(elsewhere.data_dir).mkdir()
    totp.make_key(elsewhere.data_dir, b"o" * totp.KEY_BYTES)
    brought_back(elsewhere, backup)
    assert totp.read_key(elsewhere.data_dir) == b"o" * totp.KEY_BYTES


def test_nobody_is_logged_in_after_a_restore(hq: Hq, tmp_path: Path) -> None:
    with hq.writing() as tx:
        add_account(tx, "kim", ["viewer"], "kept", hq.clock())
        secret = begin_session(tx, "kim", bytes(32), hq.clock(), with_totp=False)
    back_up(hq.config, tmp_path / "backup.db", AT)
    brought_back(hq, tmp_path / "backup.db", replace=True)
    with hq.reading() as tx:
        assert session_of(tx, secret, hq.clock()) is None
        assert account_named(tx, "kim").disabled_at_ms is None


def test_a_clock_that_went_back_still_begins_another_life(hq: Hq, tmp_path: Path, backup: Path) -> None:
    first = brought_back(hq, backup, replace=True)
    back_up(hq.config, tmp_path / "later.db", AT)
    again = brought_back(hq, tmp_path / "later.db", replace=True, at_ms=EpochMs(1000))
    assert again.incarnation == first.incarnation + 1


@OF_FILES
def test_a_plain_copy_of_a_database_is_restored_with_the_key_that_is_there(hq: Hq, backup: Path) -> None:
    copy = backup.with_name("copy.db")
    with opened(hq.config.database_path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        shutil.copy(hq.config.database_path, copy)
    done = brought_back(hq, copy, replace=True)
    assert done.made_at_ms is None
    assert hq.config.key_path.read_bytes() == hq.key
    assert members(hq.config) == ["M1"]


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\0" + b"x" * 4096])
def test_what_is_no_database_is_refused(elsewhere: HqConfig, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with refused("backup_unusable"):
        brought_back(elsewhere, tmp_path / "x")
    assert files(Path(elsewhere.data_dir)) == set()


@pytest.mark.parametrize("kind", ["pipe", "folder", "nothing"])
def test_a_pipe_is_no_backup_and_is_not_waited_for(elsewhere: HqConfig, tmp_path: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(tmp_path / "b.db")
    elif kind == "folder":
        (tmp_path / "b.db").mkdir()
    with refused("backup_unusable"):
        brought_back(elsewhere, tmp_path / "b.db")
    assert not Path(elsewhere.data_dir).exists()


def test_a_full_disk_is_not_taken_for_a_bad_backup(
    elsewhere: HqConfig, backup: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def on_a_small_disk(path: Path) -> Connection:
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 20")
        return connection

    monkeypatch.setattr("hq_server.store.sqlite.copies.connect", on_a_small_disk)
    with refused("disk_full"):
        brought_back(elsewhere, backup)
    assert files(Path(elsewhere.data_dir)) == set()


def test_another_programs_database_is_refused(elsewhere: HqConfig, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "other.db")
    other.execute("CREATE TABLE house (only INTEGER)")
    other.close()
    with refused("backup_unusable"):
        brought_back(elsewhere, tmp_path / "other.db")


def test_a_backup_of_a_newer_release_is_refused(elsewhere: HqConfig, backup: Path) -> None:
    changed = sqlite3.connect(backup)
    with changed:
        changed.execute("INSERT INTO migrations (number, name, checksum) VALUES (9999, '9999_x.sql', '')")
    changed.close()
    with pytest.raises(WrongDatabase):
        brought_back(elsewhere, backup)
    assert files(Path(elsewhere.data_dir)) == set()


def test_a_damaged_backup_is_refused_and_what_stands_stays(hq: Hq, backup: Path) -> None:
    with backup.open("r+b") as file:
        file.seek(4096 * 5)
        file.write(os.urandom(4096 * 3))
    with pytest.raises(BadBackup):
        brought_back(hq, backup, replace=True)
    assert members(hq.config) == ["M1"]
    assert files(Path(hq.config.data_dir)) == ({"hq.key"} if hq.url else {"hq.db", "hq.key"})


def test_a_backup_whose_guards_were_taken_away_is_refused(hq: Hq, backup: Path) -> None:
    changed = sqlite3.connect(backup)
    changed.execute("DROP TRIGGER programme_is_never_changed")
    changed.close()
    with pytest.raises(Difference, match="programme_is_never_changed"):
        brought_back(hq, backup, replace=True)
    assert members(hq.config) == ["M1"]


def test_the_backup_of_another_headquarters_takes_its_key_only_where_none_is(
    hq: Hq, backup: Path, elsewhere: HqConfig
) -> None:
    Path(elsewhere.data_dir).mkdir()
    other = make_key(elsewhere.key_path)
    with refused("key_differs"):
        brought_back(elsewhere, backup)
    assert elsewhere.key_path.read_bytes() == other
    done = brought_back(elsewhere, backup, replace=True)
    assert elsewhere.key_path.read_bytes() == hq.key
    assert [Path(path).read_bytes() for path in done.set_aside] == [other]


@OF_FILES
def test_a_restore_that_was_cut_off_between_a_database_and_its_log_keeps_them_together(
    hq: Hq, backup: Path
) -> None:
    data = Path(hq.config.data_dir)
    hq.config.database_path.rename(data / "hq.db.replaced-20260101T000000000Z")
    (data / "hq.db-wal").write_bytes(b"log")
    done = brought_back(hq, backup, replace=True)
    assert done.set_aside == (str(data / "hq.db.replaced-20260101T000000000Z"),)
    assert (data / "hq.db.replaced-20260101T000000000Z-wal").read_bytes() == b"log"
    (data / "hq.db").unlink()
    (data / "hq.db-wal").write_bytes(b"another")
    brought_back(hq, backup, replace=True, at_ms=EpochMs(AT + 1))
    assert (data / "hq.db.replaced-20260101T000000000Z-wal").read_bytes() == b"log"


@OF_FILES
def test_what_is_left_of_a_backup_that_was_cut_off_goes_with_the_next(hq: Hq, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    folder.mkdir()
    for name in ("hq-20260101T000000Z.db.new", "hq-20260101T000000Z.db.new-journal", "mine.db.new-journal"):
        (folder / name).write_bytes(b"half")
    made = back_up_into(hq.config, folder, 3, AT)
    assert files(folder) == {Path(made.file).name, "mine.db.new-journal"}
