"""A PostgreSQL of the tests' own: a cluster of this process, which ends with the process.

A small shell holds it. It reads what is to be done from a pipe and stops the cluster when the pipe ends,
which it does however this process ends; then it removes all that there was. It listens on a socket in a
temporary folder and nowhere else. PostgreSQL does not run as root: there the user `postgres` runs it.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import pwd
import subprocess
import tempfile
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import asyncpg

from tests.debian_parts import part

OWNER: Final = "dangol"
"""The role that headquarters has: it owns its database and is nobody else."""
MASTER: Final = "postgres"
"""The role that may do anything, as a fault or a thief would."""
_SETTINGS: Final = """
listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 60
shared_buffers = 32MB
wal_level = minimal
max_wal_senders = 0
autovacuum = off
"""
_FORGETFUL: Final = "fsync = off\nfull_page_writes = off\n"
_HOLD: Final = """
trap '' INT TERM HUP
initdb --no-locale --encoding=UTF8 --auth=trust --username=postgres --no-sync -D "$1/data" >"$1/log" 2>&1
while read -r words; do
  if pg_ctl -D "$1/data" -l "$1/log" -s -w $words >>"$1/log" 2>&1; then echo done; else echo failed; fi
done
pg_ctl -D "$1/data" -s -m immediate stop >>"$1/log" 2>&1
rm -rf "$1"
"""

Row = tuple[Any, ...]
_T = TypeVar("_T")


class Session:
    """A life: a connection to one database, used from any thread, also where an event loop runs."""

    def __init__(self, url: str) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="pg-of-tests")
        self._loop = asyncio.new_event_loop()
        self._connection = self._done(asyncpg.connect(url, statement_cache_size=0))

    def run(self, *statements: str) -> list[Row]:
        """Run statements, each in a transaction of its own, and return the rows of the last."""
        rows: list[Row] = []
        for statement in statements:
            rows = [tuple(row) for row in self._done(self._connection.fetch(statement))]
        return rows

    def close(self) -> None:
        """Leave the server."""
        with suppress(OSError, asyncpg.PostgresError):  # it may have gone before us
            self._done(self._connection.close())
        self._loop.close()
        self._thread.shutdown()

    def _done(self, work: Coroutine[Any, Any, _T]) -> _T:
        return self._thread.submit(self._loop.run_until_complete, work).result()


class Cluster:
    """A life: made, lent to many tests, ended. `durable`: what it commits is on the disk."""

    def __init__(self, programs: Path, *, durable: bool) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="dangol-pg-"))
        self._numbers, self._telling = itertools.count(), threading.Lock()
        user = pwd.getpwnam(MASTER) if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        os.chown(self.folder, user.pw_uid, user.pw_gid)
        as_user: dict[str, Any] = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._shell = subprocess.Popen(
            ["/bin/sh", "-c", _HOLD, "cluster", self.folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={"PATH": f"{programs}:/usr/bin:/bin", "LC_ALL": "C"},
            cwd="/",
            start_new_session=True,
            **(as_user if os.geteuid() == 0 else {}),
        )
        self.told("status")  # fails, and is answered when there is a cluster
        with (self.folder / "data" / "postgresql.conf").open("a", encoding="ascii") as file:
            file.write(_SETTINGS.format(folder=self.folder) + ("" if durable else _FORGETFUL))
        assert self.told("start"), (self.folder / "log").read_text("utf-8")
        self._master = self._as_master()
        self._master.run(f"CREATE ROLE {OWNER} LOGIN")

    def url(self, database: str, user: str = OWNER) -> str:
        """Return where a database is, as settings say it."""
        return f"postgresql://{user}@/{database}?host={self.folder}"

    def database(self, copied: str = "template0") -> str:
        """Return the name of a new database: an empty one, or a copy of one that nobody has open."""
        name = f"hq_{next(self._numbers)}"
        self._master.run(f"CREATE DATABASE {name} OWNER {OWNER} TEMPLATE {copied} STRATEGY file_copy")
        return name

    def drop(self, database: str) -> None:
        """Remove a database, whoever has it open."""
        self._master.run(f"DROP DATABASE {database} WITH (FORCE)")

    def restart(self) -> None:
        """End the server as a crash of it would, and start it again; who was connected is cut off."""
        self._master.close()
        assert self.told("restart -m immediate"), (self.folder / "log").read_text("utf-8")
        self._master = self._as_master()

    def told(self, words: str) -> bool:
        """Tell pg_ctl something, and return whether it did it."""
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        with self._telling:
            self._shell.stdin.write(f"{words}\n")
            answer: str = self._shell.stdout.readline()
        return answer == "done\n"

    def end(self) -> None:
        """Stop the server and remove what it had."""
        self._master.close()
        self._shell.communicate()

    def _as_master(self) -> Session:
        return Session(self.url("postgres", MASTER))


def as_master(url: str) -> str:
    """Return the URL by which the same database is open to who may do anything."""
    return url.replace(f"//{OWNER}@", f"//{MASTER}@")


@contextmanager
def cluster(*, durable: bool = False) -> Iterator[Cluster]:
    """Lend a cluster; without PostgreSQL the test is skipped, and fails where CI is set."""
    made = Cluster(Path(part("pg_ctl")).resolve().parent, durable=durable)
    try:
        yield made
    finally:
        made.end()


def name_in(url: str) -> str:
    """Return the name of the database."""
    return urlsplit(url).path.removeprefix("/")
