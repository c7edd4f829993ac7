"""Bring a PostgreSQL database to this release's form."""

from __future__ import annotations

from typing import Any, Final

import asyncpg

from hq_server.store.migrate import MOVED, Migration, migrations, missing
from hq_server.store.postgresql.connection import NAME, PostgresqlConnection
from hq_server.store.refusals import WrongDatabase
from hq_server.store.transaction import Row

VERSION_MIN: Final = 15
BEGIN_IN_TURN: Final = "BEGIN; SELECT pg_advisory_xact_lock(7061735202)"
"""Of those that bring one database to their form at once, each waits for the one before it."""
_LEDGER: Final = """
CREATE TABLE IF NOT EXISTS migrations (
  number BIGINT NOT NULL PRIMARY KEY,
  name TEXT COLLATE "C" NOT NULL,
  checksum TEXT COLLATE "C" NOT NULL
)
"""
_HAS_LEDGER: Final = "SELECT to_regclass('migrations') IS NOT NULL"
_APPLIED: Final = "SELECT number, name, checksum FROM migrations ORDER BY number"
_APPLY: Final = "INSERT INTO migrations (number, name, checksum) VALUES ($1, $2, $3)"
_HOLD: Final = "LOCK TABLE migrations IN ACCESS EXCLUSIVE MODE"
_ALONE: Final = "LOCK TABLE gate IN SHARE ROW EXCLUSIVE MODE; LOCK TABLE migrations IN ACCESS EXCLUSIVE MODE"
_CUT_OTHERS: Final = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND application_name LIKE $1 || '%'
  AND application_name <> current_setting('application_name')
"""
"""Lines of other releases: who opens one again is told which release it has to be."""
_KIND: Final = "SELECT current_setting('server_version_num'), current_setting('server_encoding')"
_MADE: Final[dict[str, list[Row]]] = {}
_ELSEWHERE: Final = "BEGIN; CREATE SCHEMA dangol_made; SET LOCAL search_path TO dangol_made"


def migrate(connection: PostgresqlConnection) -> None:
    """Apply what is missing, all in one transaction. Doing it twice is harmless.

    Where servers of an earlier release run, nobody writes meanwhile and their lines are cut before it is
    committed: an old program does not go on with a form that it does not know.

    Raises:
        WrongDatabase: made by a newer release, or by files that have been edited since; or PostgreSQL is too
            old, or keeps text in another encoding.
    """
    connection.wait(_migrate, connection.line)


def triggers_made(beside: PostgresqlConnection) -> list[Row]:
    """Return what `house.triggers` tells where the files of this release have been applied to nothing.

    They are applied beside what is there, on a line of their own, in a transaction that is not kept. That is
    long work and always the same for one release of PostgreSQL, so it is done once.
    """
    release = str(beside.line.get_server_version())
    if release not in _MADE:
        connection = PostgresqlConnection(beside.url)
        try:
            connection.wait(_made, connection.line)
            prepared = connection.prepared("house.triggers")
            _MADE[release] = prepared.rows(connection.wait(prepared.statement.fetch))
        finally:
            connection.close()
    return _MADE[release]


def hold(connection: PostgresqlConnection) -> None:
    """Let nobody open this database as headquarters until this transaction ends."""
    if connection.wait(connection.line.fetchval, _HAS_LEDGER):
        connection.wait(connection.line.execute, _HOLD)


def give_up(connection: PostgresqlConnection, moved_to: str) -> None:
    """Let nobody open this database as headquarters any more, once this transaction is committed."""
    connection.wait(connection.line.execute, _APPLY, MOVED, moved_to, "")


async def _migrate(line: asyncpg.Connection[Any]) -> None:
    known = list(migrations("postgresql"))
    if await line.fetchval(_HAS_LEDGER) and not missing(await _applied(line), known):
        return
    await line.execute(BEGIN_IN_TURN)
    try:
        if await line.fetchval(_HAS_LEDGER):
            await line.execute(_ALONE)
            await bring_forward(line)
            await line.execute(_CUT_OTHERS, NAME)
        else:
            await bring_forward(line)
    except BaseException:
        await line.execute("ROLLBACK")
        raise
    await line.execute("COMMIT")


async def bring_forward(line: asyncpg.Connection[Any]) -> None:
    """Apply what is missing, in the transaction that is open; raise as `migrate`."""
    await _check_kind(line)
    await line.execute(_LEDGER)
    for migration in missing(await _applied(line), migrations("postgresql")):
        await _apply(line, migration)


async def _made(line: asyncpg.Connection[Any]) -> None:
    await line.execute(_ELSEWHERE)
    for migration in migrations("postgresql"):
        await line.execute(migration.script)


async def _applied(line: asyncpg.Connection[Any]) -> list[tuple[int, str, str]]:
    return [(number, name, checksum) for number, name, checksum in await line.fetch(_APPLIED)]


async def _apply(line: asyncpg.Connection[Any], migration: Migration) -> None:
    await line.execute(migration.script)
    await line.execute(_APPLY, migration.number, migration.name, migration.checksum)


async def _check_kind(line: asyncpg.Connection[Any]) -> None:
    version, encoding = await line.fetchrow(_KIND)
    if int(version) // 10_000 < VERSION_MIN:
        raise WrongDatabase(
            f"this is PostgreSQL {int(version) // 10_000}: install {VERSION_MIN} or a later one",
            code="database_unusable",
        )
    if encoding != "UTF8":
        raise WrongDatabase(
            f"the database keeps text as {encoding}: make one with "
            "createdb --encoding=UTF8 --template=template0",
            code="database_unusable",
        )
