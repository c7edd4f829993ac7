"""A headquarters that moves from one database to another: from a file to PostgreSQL, back, and within a kind.

It is the same headquarters afterwards, in the same life: nothing was set back, so no till has to be told. The
old database is headquarters until all follows from itself in the new one. Then it says where that is, and
nobody opens it any more, also not by settings that somebody forgot; nothing of it is removed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from hq_server.audit import Audited, Progress, audit
from hq_server.config import HqConfig, is_url, without_password
from hq_server.key_book import Keyring
from hq_server.store.connection import Connection, reading
from hq_server.store.copying import copy_all
from hq_server.store.database import alone, create
from hq_server.store.sqlite.copies import in_one_file
from hq_server.store.sqlite.migrate import give_up
from loyalty_core.errors import BadInput
from loyalty_shell.data_dir import make_durable

_IS_DATABASE: Final = re.compile(r"\s*database\s*=")


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """What was moved where, without a password; `settings` tells whether they name that already."""

    database: str
    rows: int
    audited: Audited
    settings: bool


def move(config: HqConfig, settings: Path, to: str, keyring: Keyring, progress: Progress) -> Moved:
    """Copy everything to an empty database, derive everything again there, and have the settings name it.

    Raises:
        InUse: a server or a command runs.
        BadInput: `database_same`.
        Refused: `database_exists`; or nothing answers.
        Difference: what was copied does not follow from itself, so what it was copied from does not.
    """
    if _is_there(config, to):
        raise BadInput("the database is there already", code="database_same")
    with _nobody_else(config) as (source, leave):
        if is_url(to):
            with closing(create(to)) as target:
                rows, audited = _copied(source, target, keyring, progress)
        else:
            rows, audited = _into_file(source, Path(to), keyring, progress)
        leave(without_password(to))
    return Moved(database=without_password(to), rows=rows, audited=audited, settings=_renamed(settings, to))


def _is_there(config: HqConfig, to: str) -> bool:
    """Tell whether a place, however it is spelled, is where the database is."""
    if not (config.is_postgresql and is_url(to)):
        return to == config.database
    from hq_server.store.postgresql.connection import are_one

    return are_one(config.database, to)


def line_of(to: str) -> str:
    """Return the line of the settings that names a database, a password with it."""
    return f"database = {msgspec.json.encode(to).decode()}"


def _copied(
    source: Connection, target: Connection, keyring: Keyring, progress: Progress
) -> tuple[int, Audited]:
    rows = copy_all(source, target, lambda count: progress("rows copied", count))
    with reading(target) as tx:
        return rows, audit(tx, keyring.signing(tx).public_key, progress)


def _into_file(source: Connection, to: Path, keyring: Keyring, progress: Progress) -> tuple[int, Audited]:
    if to.exists():
        raise BadInput(f"{to} exists already: give another name", code="database_exists")
    fresh = to.with_name(to.name + ".new")
    for part in ("", "-wal", "-shm", "-journal"):  # left of one that was cut off
        fresh.with_name(fresh.name + part).unlink(missing_ok=True)
    with closing(create(fresh)) as target:
        found = _copied(source, target, keyring, progress)
        in_one_file(target)
    make_durable(fresh)
    fresh.rename(to)
    make_durable(to.parent)
    return found


@contextmanager
def _nobody_else(config: HqConfig) -> Iterator[tuple[Connection, Callable[[str], None]]]:
    """Lend the database of the settings while nobody else has it open, and what gives it up for another."""
    if not config.is_postgresql:
        with alone(config.database_path), closing(create(config.database_path)) as connection:
            yield connection, partial(give_up, connection)
        return
    from hq_server.store.postgresql.database import held

    with held(config.database) as held_for_us:
        yield held_for_us


def _renamed(settings: Path, to: str) -> bool:
    """Have the settings name a database, whole or not at all; tell whether this user may do that."""
    lines = settings.read_text("utf-8").splitlines()
    named = [number for number, line in enumerate(lines) if _IS_DATABASE.match(line)]
    if named:
        lines[named[0]] = line_of(to)
    else:
        tables = [number for number, line in enumerate(lines) if line.startswith("[")]
        lines.insert(tables[0] if tables else len(lines), line_of(to))
    fresh, of = settings.with_name(settings.name + ".new"), settings.stat()
    try:
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if os.geteuid() == 0:  # which may do this for the service
            os.fchown(descriptor, of.st_uid, of.st_gid)
        file.write("\n".join([*lines, ""]))
        if not is_url(to):
            os.fchmod(file.fileno(), of.st_mode & 0o777)
    make_durable(fresh)
    fresh.rename(settings)
    make_durable(settings.parent)
    return True
