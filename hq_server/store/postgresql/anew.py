"""A PostgreSQL database that is made anew while what it held is set aside, all of it in one transaction.

What is set aside lies in a schema of its own in the same database, as it was. Nothing of it is removed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final

from hq_server.store.postgresql.connection import PostgresqlConnection
from hq_server.store.postgresql.database import PATIENT, refuse_others
from hq_server.store.postgresql.migrate import BEGIN_IN_TURN, bring_forward, hold
from hq_server.store.refusals import Refused

_STANDS: Final = "SELECT to_regclass('house') IS NOT NULL"
_HOUSES: Final = "SELECT count(*) FROM house"
_OWN: Final = """
SELECT format('ALTER TABLE %s SET SCHEMA %I', CAST(oid AS regclass), CAST($1 AS TEXT)) FROM pg_class
WHERE relnamespace = CAST(CAST(current_schema() AS TEXT) AS regnamespace) AND relkind IN ('r', 'p', 'v')
  AND NOT EXISTS (SELECT 1 FROM pg_depend
    WHERE classid = CAST('pg_class' AS regclass) AND objid = pg_class.oid AND deptype = 'e')
UNION ALL
SELECT format('ALTER ROUTINE %s SET SCHEMA %I', CAST(oid AS regprocedure), CAST($1 AS TEXT)) FROM pg_proc
WHERE pronamespace = CAST(CAST(current_schema() AS TEXT) AS regnamespace)
  AND NOT EXISTS (SELECT 1 FROM pg_depend
    WHERE classid = CAST('pg_proc' AS regclass) AND objid = pg_proc.oid AND deptype = 'e')
"""
"""What takes each table, view and function out of the way; those of extensions stay."""


@contextmanager
def anew(url: str, aside: str, *, replace: bool) -> Iterator[tuple[PostgresqlConnection, bool]]:
    """Lend an empty database in this release's form; whatever stood there stands until the block has ended.

    Also lent is whether a headquarters stood there: with `replace` it lies in the schema `aside` then. Nobody
    else opens the database meanwhile, however long that takes.

    Raises:
        InUse: a server or a command runs.
        Refused: `database_exists`: there is one, and it is not to be replaced; or nothing answers.
        DatabaseMissing: there is no database of this name.
        WrongDatabase: PostgreSQL cannot be used.
        CommitUnknown: the line broke in the last moment.
    """
    with closing(PostgresqlConnection(url)) as connection:
        ask = connection.line.fetchval
        connection.wait(connection.line.execute, PATIENT)
        with connection.committed(BEGIN_IN_TURN):
            hold(connection)
            refuse_others(connection, 1)
            stands = bool(connection.wait(ask, _STANDS) and connection.wait(ask, _HOUSES))
            if stands and not replace:
                raise Refused(
                    f"{connection.where} has a headquarters: --replace sets it aside and puts the backup "
                    "in its place",
                    code="database_exists",
                )
            if stands:
                _set_aside(connection, aside)
            connection.wait(bring_forward, connection.line)
            yield connection, stands


def _set_aside(connection: PostgresqlConnection, aside: str) -> None:
    statements = [row[0] for row in connection.wait(connection.line.fetch, _OWN, aside)]
    connection.wait(connection.line.execute, "; ".join([f"CREATE SCHEMA {aside}", *statements]))
