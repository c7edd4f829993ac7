"""A connection to a database, whichever it is, and the transactions that are opened on it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, TypeAlias, Union

from hq_server.store.refusals import Busy
from hq_server.store.sqlite import connection as sqlite
from hq_server.store.transaction import Row, Transaction, Value, Values

if TYPE_CHECKING:
    from hq_server.store.postgresql.connection import PostgresqlConnection

__all__ = ["Busy", "Connection", "Row", "Transaction", "Value", "Values", "reading", "writing"]

Connection: TypeAlias = Union[sqlite.Connection, "PostgresqlConnection"]


def writing(connection: Connection) -> AbstractContextManager[Transaction]:
    """Open a transaction that sees and makes one state: committed, and durable, when the block has ended.

    Nobody else writes meanwhile.

    Raises:
        Busy: another process has been writing for too long.
        Refused: there is no room, or the disk can only be read, or not even that; or nothing answers.
        CommitUnknown: the line to the database broke in the last moment.
        NotKept: the disk did not make it durable.
    """
    return sqlite.writing(connection) if isinstance(connection, sqlite.Connection) else connection.writing()


def reading(connection: Connection) -> AbstractContextManager[Transaction]:
    """Open a transaction that sees one committed state and writes nothing."""
    return sqlite.reading(connection) if isinstance(connection, sqlite.Connection) else connection.reading()
