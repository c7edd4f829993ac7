"""Backups of headquarters and the way back: which files, in which order, so that a crash loses none of them.

What lies in `data_dir` goes into a backup: the database, those keys of HQ's that are there, and `staff.key`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from hq_server.audit.keys import audit_keys
from hq_server.audit.programmes import audit_programmes
from hq_server.audit.triggers import audit_triggers
from hq_server.backup_keys import MovedKeys, keys_kept, moved_keys
from hq_server.config import HqConfig, without_password
from hq_server.house import load_house
from hq_server.staff import totp
from hq_server.store.copying import put_all
from hq_server.store.database import DatabaseMissing, alone, opened
from hq_server.store.sqlite.connection import connect
from hq_server.store.sqlite.copies import BadBackup, Note, copied_in, copy_out, copy_over
from loyalty_core.units import EpochMs
from loyalty_shell.credentials import write_secret
from loyalty_shell.data_dir import make_durable

NAME: Final = re.compile(r"hq-\d{8}T\d{6}Z\.db")
"""Backups that are kept by their number; with `.new` and more, what is left of one that was cut off."""
PARTS: Final = ("", "-wal", "-shm")
"""What SQLite may need to make sense of a database that was not closed in order."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that is on the disk, and those that were removed for it."""

    file: str
    bytes: int
    holds_key: bool
    removed: tuple[str, ...] = ()


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """A database that stands where the settings say. `set_aside` are files that stood there before."""

    database: str
    made_at_ms: int | None
    incarnation: int
    set_aside: tuple[str, ...]


def back_up(config: HqConfig, file: Path, now_ms: EpochMs) -> Made:
    """Write a backup that is whole and durable, mode 0600, or nothing; a server may run.

    Raises:
        BadBackup: `backup_exists`; `database_damaged`.
        DatabaseMissing: there is nothing to copy.
        BadKeyFile: HQ's key cannot be read.
    """
    if not (config.is_postgresql or config.database_path.is_file()):
        raise DatabaseMissing(f"there is no database at {config.database_path}: run hq-server init")
    if file.exists():
        raise BadBackup(f"{file} exists already: give another name", code="backup_exists")
    keys = keys_kept(config)
    note = Note(now_ms, keys, totp.read_key(config.data_dir))
    fresh = file.with_name(file.name + ".new")
    with _made(fresh):
        if config.is_postgresql:
            with opened(config.place) as connection:
                copy_over(connection, fresh, note)
        else:
            copy_out(config.database_path, fresh, note)
        make_durable(fresh)
        fresh.rename(file)
    make_durable(file.parent)
    return Made(file=str(file), bytes=file.stat().st_size, holds_key=bool(keys))


def back_up_into(config: HqConfig, folder: Path, keep: int, now_ms: EpochMs) -> Made:
    """Write a backup that is named by its time, then remove all but the newest `keep` that are named so.

    A name that is later than the new one's is of a clock that went back since, so it counts as older.
    """
    at = datetime.fromtimestamp(now_ms // 1000, UTC)
    made = back_up(config, folder / f"hq-{at:%Y%m%dT%H%M%SZ}.db", now_ms)
    files = sorted(folder.iterdir(), key=lambda file: (str(file) <= made.file, file))
    removed = [file for file in files if NAME.fullmatch(file.name)][:-keep]
    removed += [
        file for file in files if ".new" in file.name and NAME.fullmatch(file.name.partition(".new")[0])
    ]
    for file in removed:
        file.unlink()
    return msgspec.structs.replace(made, removed=tuple([str(file) for file in removed]))


def restore(config: HqConfig, backup: Path, *, replace: bool, random: bytes, now_ms: EpochMs) -> Restored:
    """Put a backup where the settings want the database, as a new life of it; nothing is deleted.

    With `replace`, what stands there is set aside under another name first.

    Raises:
        InUse: a server or a command runs.
        BadBackup: the file is none, is damaged, or (`database_exists`, `key_differs`) something is there.
        Refused: PostgreSQL has a headquarters (`database_exists`), or does not take it.
        WrongDatabase: a newer release made the backup.
        BadKeyFile: neither the backup nor this machine has HQ's key.
        Difference: the backup is not what HQ's key signed, or its triggers are not this release's.
    """
    if not backup.is_file():
        raise BadBackup(f"{backup} is no regular file: name a backup")
    Path(config.data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    if config.is_postgresql:
        return _into_postgresql(config, backup, replace=replace, random=random, now_ms=now_ms)
    database = config.database_path
    with alone(database):
        if not replace and any(database.with_name(database.name + part).exists() for part in PARTS):
            raise BadBackup(
                f"{database} is there: --replace sets it aside and puts the backup in its place",
                code="database_exists",
            )
        fresh = database.with_name(database.name + ".new")
        _remove(fresh)
        with _made(fresh):
            life = _begun_life(config, backup, fresh, replace=replace, random=random, now_ms=now_ms)
            make_durable(fresh)
            aside = _set_aside((config.database_path, *life.keys.aside), now_ms)
            _write_keys(life)
            fresh.rename(database)
        make_durable(database.parent)
    return Restored(
        database=str(database),
        made_at_ms=life.made_at_ms,
        incarnation=life.counter,
        set_aside=tuple(aside),
    )


def _into_postgresql(
    config: HqConfig, backup: Path, *, replace: bool, random: bytes, now_ms: EpochMs
) -> Restored:
    """Do as `restore` in one transaction of PostgreSQL, by way of a file in `data_dir` that goes again.

    The keys are there before it is committed: cut off in between, the same command brings it to its end.
    """
    from hq_server.store.postgresql.anew import anew

    fresh = Path(config.data_dir) / "restored.db.new"
    schema = f"replaced_{_moment(now_ms).lower()}"
    with alone(fresh), anew(config.database, schema, replace=replace) as (target, stood), _passing(fresh):
        life = _begun_life(config, backup, fresh, replace=replace, random=random, now_ms=now_ms)
        with closing(connect(fresh)) as source:
            put_all(source, target, lambda _: None)
        aside = [f"the schema {schema} in it"] if stood else []
        aside += _set_aside(life.keys.aside, now_ms)
        _write_keys(life)
    return Restored(
        database=without_password(config.database),
        made_at_ms=life.made_at_ms,
        incarnation=life.counter,
        set_aside=tuple(aside),
    )


class _Life(msgspec.Struct, frozen=True):
    """A database that was made of a backup, and has begun its next life; `keys` are still to be written."""

    made_at_ms: int | None
    keys: MovedKeys
    counter: int


def _begun_life(
    config: HqConfig, backup: Path, fresh: Path, *, replace: bool, random: bytes, now_ms: EpochMs
) -> _Life:
    """Make a database of a backup in a file, as `restore` has it before it stands in its place."""
    with copied_in(backup, fresh) as (tx, note):
        keys = moved_keys(config, note, backup, replace=replace)
        audit_triggers(tx)
        audit_programmes(tx, audit_keys(tx, keys.public_key(tx)).programme)
        keys.follow(tx, now_ms)
        tx.run("house.end_all_sessions")  # some had ended since, and nobody knows which
        # Never the number of a life that tills have met, also where one backup is restored twice.
        counter = max(load_house(tx).incarnation.counter + 1, now_ms // 1000)
        tx.run("house.begin_life", incarnation_counter=counter, incarnation_random=random)
    return _Life(note.made_at_ms, keys, counter)


def _write_keys(life: _Life) -> None:
    for path, key in life.keys.written.items():
        write_secret(path, key)


@contextmanager
def _passing(fresh: Path) -> Iterator[None]:
    """Make an empty file that only its owner reads, for so long."""
    _remove(fresh)
    try:
        with _made(fresh):
            yield
    finally:
        _remove(fresh)


def _remove(fresh: Path) -> None:
    """Remove what a restore made, or has left that was cut off."""
    for part in PARTS:
        fresh.with_name(fresh.name + part).unlink(missing_ok=True)


def _moment(now_ms: EpochMs) -> str:
    """Return a time as names of what is set aside have it."""
    at = datetime.fromtimestamp(now_ms // 1000, UTC)
    return f"{at:%Y%m%dT%H%M%S}{now_ms % 1000:03}Z"


def _set_aside(paths: tuple[Path, ...], now_ms: EpochMs) -> list[str]:
    """Give what stands in the way of a restore other names; return these, a database's without its parts."""
    moved = []
    for path in paths:
        parts = [part for part in PARTS if path.with_name(path.name + part).exists()]
        aside = path.with_name(f"{path.name}.replaced-{_moment(now_ms)}")
        aside = _begun(path, parts) or aside
        for part in parts:
            path.with_name(path.name + part).rename(aside.with_name(aside.name + part))
        moved += [str(aside)] if parts else []
    return moved


def _begun(path: Path, parts: list[str]) -> Path | None:
    """Return the name that a restore which was cut off gave a database, and not yet these parts of it."""
    before = sorted(path.parent.glob(f"{path.name}.replaced-*Z"))
    if (
        "" in parts
        or not before
        or any(before[-1].with_name(before[-1].name + part).exists() for part in parts)
    ):
        return None
    return before[-1]


@contextmanager
def _made(path: Path) -> Iterator[None]:
    """Make an empty file that only its owner reads; take it away again when the block fails."""
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise BadBackup(
            f"{path} is there: a backup is being made, or one was cut off; then remove it",
            code="backup_unfinished",
        ) from None
    try:
        yield
    except BaseException:
        for part in (*PARTS, "-journal"):
            path.with_name(path.name + part).unlink(missing_ok=True)
        raise
