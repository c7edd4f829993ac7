"""The database behind the back of headquarters: what an attacker, a fault or a curious test does with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Protocol

import asyncpg
import pytest

from hq_server.store.connection import Row
from hq_server.store.database import opened
from hq_server.store.sqlite import sqlite3
from tests.postgresql import Session, as_master


class Guarded(Exception):
    """A guard of the database refused a change."""


def each_change(texts: Iterable[str]) -> list[Any]:
    """Return changes as parameters of a test; only SQLite has words for putting a row in another's place."""
    replaces = pytest.mark.sqlite("INSERT OR REPLACE")
    return [pytest.param(text, marks=replaces) if " OR REPLACE " in text else text for text in texts]


class Behind(Protocol):
    """Either database."""

    def run(self, text: str) -> list[Row]:
        """Run one statement; raise `Guarded` where a guard refuses it."""

    def unguarded(self, *texts: str) -> None:
        """Run statements as the owner, whom no guard holds up."""

    def tables(self) -> list[str]:
        """Return the names of all tables."""

    def close(self) -> None:
        """Have nothing open any more."""


class OnSqlite:
    """The file, by a connection as headquarters has it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def run(self, text: str) -> list[Row]:
        with opened(self._path) as connection:
            try:
                return connection.execute(text).fetchall()
            except sqlite3.IntegrityError as error:
                raise Guarded(str(error)) from None

    def unguarded(self, *texts: str) -> None:
        """Take the triggers away, and put them back."""
        with opened(self._path) as connection:
            guards = list(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"))
            for name, _ in guards:
                connection.execute(f"DROP TRIGGER {name}")
            for text in texts:
                connection.execute(text)
            for _, sql in guards:
                connection.execute(sql)

    def tables(self) -> list[str]:
        named = self.run("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
        return [name for (name,) in named if not name.startswith("sqlite_")]

    def close(self) -> None:
        pass


_DEFINES: Final = re.compile(r"\s*(CREATE|ALTER|DROP)\b", re.IGNORECASE)
_CUT_OFF: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_REMEMBER: Final = "CREATE TABLE remembered.{0} AS SELECT * FROM {0}"
_PUT_BACK: Final = r"""
DO $$ DECLARE name TEXT; BEGIN
FOR name IN SELECT nspname FROM pg_namespace WHERE nspname LIKE 'replaced\_%' LOOP
  EXECUTE format('DROP SCHEMA %I CASCADE', name);
END LOOP;
FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
  EXECUTE format('DELETE FROM public.%I', name);
END LOOP;
FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'remembered' LOOP
  EXECUTE format('INSERT INTO public.%1$I SELECT * FROM remembered.%1$I', name);
END LOOP;
END $$
"""
_BYTES: Final = re.compile(r"\bx'([0-9A-Fa-f]*)'")


class OnPostgresql:
    """A database by a line of its master's, who may do what he likes; opened when first needed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._line: Session | None = None
        self._is_whole = True

    def run(self, text: str) -> list[Row]:
        """Run one statement; bytes may be written in it as SQLite writes them."""
        if _DEFINES.match(text):
            self._is_whole = False
        try:
            rows = self._session().run(_BYTES.sub(r"'\\x\1'::bytea", text))
        except (asyncpg.RaiseError, asyncpg.IntegrityConstraintViolationError) as error:
            raise Guarded(str(error)) from None
        return [tuple([_plain(value) for value in row]) for row in rows]

    def unguarded(self, *texts: str) -> None:
        """Be a replica for so long: no trigger is asked."""
        for text in ("SET session_replication_role = replica", *texts, "RESET session_replication_role"):
            self.run(text)

    def tables(self) -> list[str]:
        named = self.run("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename")
        return [name for (name,) in named]

    def remember(self) -> None:
        """Keep what every table holds, for `made_anew`; copies of the database remember it, too."""
        names = [name for name in self.tables() if self.run(f"SELECT 1 FROM {name} LIMIT 1")]  # noqa: S608
        self._session().run("CREATE SCHEMA remembered", *[_REMEMBER.format(name) for name in names])

    def made_anew(self) -> bool:
        """Put back what was remembered, with nobody there; tell if it can be, since only rows were changed.

        A copy of a database costs fifty times as much.
        """
        if self._is_whole:
            self._session().run(_CUT_OFF, "SET session_replication_role = replica", _PUT_BACK)
            self._session().run("RESET session_replication_role")
        return self._is_whole

    def close(self) -> None:
        """Leave the server."""
        if self._line is not None:
            self._line.close()

    def _session(self) -> Session:
        if self._line is None:
            self._line = Session(as_master(self.url))
        return self._line


def _plain(value: Any) -> Any:
    """Return a sum as the integer that it is."""
    return int(value) if isinstance(value, Decimal) else value
