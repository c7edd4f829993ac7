"""Databases of earlier releases, made by code, and upgrades that are killed or lose power in the middle."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import click
import pytest

from hq_server.store.sqlite import sqlite3

SECTOR = 512
Rows = dict[str, list[tuple[Any, ...]]]


def tables_of(connection: Any) -> dict[str, list[str]]:
    """Return every table with its columns, but for those that SQLite and sqlite-utils keep for themselves."""
    named = (
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' "
        "AND name <> '_sqlite_migrations' ORDER BY name"
    )
    return {
        table: [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        for (table,) in connection.execute(named).fetchall()
    }


def rows_of(connection: Any) -> Rows:
    """Return what every table holds."""
    return {
        table: sorted(connection.execute(f"SELECT {', '.join(columns)} FROM {table}").fetchall(), key=repr)  # noqa: S608
        for table, columns in tables_of(connection).items()
    }


def carry_over(earlier: Any, present: Path) -> Rows:
    """Fill an earlier release's tables with what they have in common with a present database; return that."""
    earlier.execute("ATTACH ? AS present", (str(present),))
    for table, columns in tables_of(earlier).items():
        known = {row[1] for row in earlier.execute(f"PRAGMA present.table_info({table})")}
        same = ", ".join([column for column in columns if column in known])
        if same and table != "migrations":
            earlier.execute(f"INSERT OR IGNORE INTO main.{table} ({same}) SELECT {same} FROM present.{table}")  # noqa: S608
    earlier.execute("DETACH present")
    return rows_of(earlier)


def parts_of(database: Path) -> dict[str, bytes]:
    """Return the bytes of a database and of all that lies beside it by its name."""
    return {file.name: file.read_bytes() for file in sorted(database.parent.glob(database.name + "*"))}


SPELLED = {
    "day": "2026-11-20",
    "from_date": "2026-11-20",
    "until_date": "2026-11-20",
    "event": "S012-T01.1.1",
    "receipt": "S012/T01/2026-11-20/1",
    "period_id": "2026-H1",
    "folder": ".",
}
"""How a command's parameters are typed that are looked at before the database is."""


def typed_of(command: click.Command, before: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Return each command below one as it could be typed, with something for all that it wants."""
    for name, below in sorted(getattr(command, "commands", {}).items()):
        words = (*before, name)
        if not isinstance(below, click.Group) or below.invoke_without_command:
            for one in [one for one in below.params if one.required]:
                option = (one.opts[0],) if isinstance(one, click.Option) else ()
                plain = "1.jsonl" if isinstance(one.type, click.Path) else "1"
                plain = one.type.choices[0] if isinstance(one.type, click.Choice) else plain
                words = (*words, *option, SPELLED.get(one.name or "", plain))
            yield words
        yield from typed_of(below, (*before, name))


def copied(database: Path, to: Path) -> Path:
    """Copy a database that nobody has open, with its log where a kill has left one."""
    for part in ("", "-wal"):
        if database.with_name(database.name + part).exists():
            shutil.copyfile(database.with_name(database.name + part), to.with_name(to.name + part))
    return to


def killed_at_each_statement(database: Path, work: Callable[[Path], Any]) -> Iterator[Path]:
    """Yield a copy of the database as a kill before a statement of `work` leaves it.

    Every one of them is killed before; what leaves the bytes that an earlier kill left is not yielded again.
    """
    left = set[tuple[bytes, ...]]()
    for number in count(1):
        at = copied(database, database.with_name(f"killed-{number}.db"))
        if _killed(number, partial(work, at)):
            return
        kept = tuple(content for name, content in parts_of(at).items() if not name.endswith("-shm"))
        if kept not in left:
            left.add(kept)
            yield at


def killed_when_done(database: Path, work: Callable[[Path], Any]) -> Path:
    """Do it, and leave the database as a kill leaves it that comes when all is done."""
    assert _killed(0, partial(work, database))
    return database


def torn_logs(killed: Path, every: int) -> Iterator[Path]:
    """Yield copies of a database whose log lost its end, or holds nothing there, as a power cut leaves it."""
    log = killed.with_name(killed.name + "-wal").read_bytes()
    for kept in range(0, len(log), every * SECTOR):
        for rest in (b"", bytes(len(log) - kept)):
            if log[:kept] + rest == log:
                continue  # the end of the last page holds nothing, so nothing of it is lost
            at = copied(killed, killed.with_name(f"torn-{kept}-{len(rest)}.db"))
            at.with_name(at.name + "-wal").write_bytes(log[:kept] + rest)
            yield at


def _killed(number: int, work: Callable[[], Any]) -> bool:
    """Have a process of its own do it and die by kill -9 before a statement; tell if it was done before."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        with os.fdopen(reading, "rb") as said:
            finished = said.read() == b"done"
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), "it failed before it could be killed"
        assert os.WTERMSIG(status) == signal.SIGKILL
        return finished
    try:
        passed = count(1)

        class Dying(sqlite3.Connection):
            def execute(self, *words: Any) -> Any:
                if next(passed) == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return super().execute(*words)

        connect = sqlite3.connect
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite3, "connect", lambda *args, **named: connect(*args, **named, factory=Dying))
            opened = work()  # what is closed would write its log back
            os.write(writing, b"done")
            os.kill(os.getpid(), signal.SIGKILL)
            del opened
    finally:
        os._exit(1)
    raise AssertionError
