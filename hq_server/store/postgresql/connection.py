"""One line to PostgreSQL, and its transactions.

The driver speaks asyncio; what decides is plain functions on the store's threads. So each line has an event
loop of its own, which runs only while an answer is awaited.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl, urlsplit

import asyncpg

from hq_server.store.migrate import migrations
from hq_server.store.postgresql.bulk import bulk_form
from hq_server.store.postgresql.faults import is_broken, refused
from hq_server.store.postgresql.transaction import PostgresqlTransaction, Prepared
from hq_server.store.refusals import CommitUnknown, Refused
from hq_server.store.statements import postgresql_statements
from hq_server.store.transaction import Transaction

CONNECT_S: Final = 10
"""How long it may take to open a line."""
LOCK_S: Final = 30
"""How long a transaction waits for others."""
CHORE_LOCK_S: Final = 2
"""How long one waits that can as well be done later: others queue behind it meanwhile."""
SILENCE_S: Final = 60
"""How long a transaction may do nothing: then its program hangs, or its machine is gone."""
GATE_ALONE: Final = "BEGIN; LOCK TABLE gate IN SHARE ROW EXCLUSIVE MODE"
GATE_OR_LATER: Final = (
    f"BEGIN; SET LOCAL lock_timeout = '{CHORE_LOCK_S}s'; LOCK TABLE gate IN SHARE ROW EXCLUSIVE MODE"
)
GATE_BESIDE: Final = "BEGIN; LOCK TABLE gate IN ROW EXCLUSIVE MODE"
_IDENTITY: Final = """
SELECT system_identifier, oid FROM pg_control_system(), pg_database WHERE datname = current_database()
"""
_READ: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
NAME: Final = "dangol-hq"
_SETTINGS: Final = {
    "application_name": f"{NAME} {migrations('postgresql')[-1].number}",  # see `migrate`
    "TimeZone": "UTC",
    "lock_timeout": f"{LOCK_S}s",
    "idle_in_transaction_session_timeout": f"{SILENCE_S}s",
    "tcp_keepalives_idle": "15",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
    # Statements are meant to look things up by their indexes, and are planned once, maybe on empty tables.
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "enable_material": "off",
    "enable_bitmapscan": "off",
    "jit": "off",
}
_FILES: Final = ("sslrootcert", "sslcert", "sslkey", "sslcrl")
_KEEP_ALIVE: Final = {
    socket.TCP_KEEPIDLE: 15,
    socket.TCP_KEEPINTVL: 5,
    socket.TCP_KEEPCNT: 3,
    # What was sent and is not even received is no longer waited for, either: milliseconds.
    socket.TCP_USER_TIMEOUT: 30_000,
}
"""What our end of a line to another machine does in silence, in seconds: it is cut after some 30."""
_T = TypeVar("_T")


class PostgresqlConnection:
    """A line that is open, and the statements that were prepared on it. Never used by two threads at once."""

    def __init__(self, url: str) -> None:
        self.where = where(url)
        self.url = url
        self._loop = asyncio.new_event_loop()
        self._prepared: dict[str, Prepared] = {}
        try:
            self.line: asyncpg.Connection[asyncpg.Record] = self.wait(_opened, url)
        except BaseException:
            self._end()
            raise

    def wait(self, ask: Callable[..., Coroutine[Any, Any, _T]], *given: object) -> _T:
        """Return what PostgreSQL answers to what `ask` asks.

        Raises:
            LoyaltyError: it refuses, or the line is broken.
        """
        try:
            return self._run(ask(*given))
        except Exception as error:
            if isinstance(error, asyncpg.InternalClientError):  # what it knows of this line is wrong by now
                self.line.terminate()
            told = refused(self.where, error)
            if told is not None:
                raise told from error
            raise

    def prepared(self, name: str) -> Prepared:
        """Return a statement as PostgreSQL knows it on this line."""
        found = self._prepared.get(name)
        if found is None:
            found = self._prepared[name] = self.wait(self._prepare, name)
        return found

    async def _prepare(self, name: str) -> Prepared:
        """Prepare a statement under its name: without one PostgreSQL reads and plans it each time anew."""
        statement, bulk = postgresql_statements()[name], None
        if statement.is_many:
            plain = await self.line.prepare(statement.sql)
            bulk = bulk_form(statement.sql, [parameter.name for parameter in plain.get_parameters()])
        sql = statement.sql if bulk is None else bulk.sql
        return Prepared(statement, await self.line.prepare(sql, name=name), bulk)

    @contextmanager
    def writing(self, *, beside: bool = False, patient: bool = True) -> Iterator[PostgresqlTransaction]:
        """Open a transaction whose every statement sees what was committed before it.

        Alone no other one writes meanwhile; who is not `patient` waits for that a short time only. `beside`
        others it is held to what `beside` says.

        Raises:
            LoyaltyError: as `store.connection.writing`.
            Alone: it must be alone, and is not.
        """
        with self.committed(GATE_BESIDE if beside else GATE_ALONE if patient else GATE_OR_LATER):
            yield PostgresqlTransaction(self, is_alone=not beside)

    @contextmanager
    def committed(self, begin: str) -> Iterator[None]:
        """Open a transaction by these words; it is committed when the block has ended, or leaves nothing."""
        try:
            self.wait(self.line.execute, begin)
            yield
        except BaseException:
            self._undo()
            raise
        self._commit()

    @contextmanager
    def reading(self) -> Iterator[Transaction]:
        """Open a transaction that sees one committed state and writes nothing."""
        self.wait(self.line.execute, _READ)
        try:
            yield PostgresqlTransaction(self, is_alone=True)
        finally:
            self._undo()

    @property
    def is_open(self) -> bool:
        """Whether the line was not cut, as far as is known on this end."""
        return not self.line.is_closed()

    def close(self) -> None:
        """Close the line; what is cut already is left as it is."""
        with suppress(Exception):
            self._run(self.line.close(timeout=1))
        self._end()

    def _end(self) -> None:
        """Close the loop, once it has closed what was cut."""
        self._run(asyncio.sleep(0))
        self._loop.close()

    def _commit(self) -> None:
        try:
            done = self._run(self.line.execute("COMMIT"))
        except Exception as error:
            if is_broken(error):
                raise CommitUnknown from error
            told = refused(self.where, error)
            if told is not None:
                raise told from error
            raise
        if done != "COMMIT":
            raise AssertionError(f"the transaction was to be committed, and PostgreSQL says {done}")

    def _undo(self) -> None:
        """Leave the transaction; where the line is cut, PostgreSQL does by itself."""
        with suppress(Exception):
            self._run(self.line.execute("ROLLBACK"))

    def _run(self, answer: Coroutine[Any, Any, _T]) -> _T:
        if asyncio._get_running_loop() is None:  # noqa: SLF001
            return self._loop.run_until_complete(answer)
        # Whose thread runs a loop of its own waits for another thread.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(self._loop.run_until_complete, answer).result()


def are_one(url: str, other: str) -> bool:
    """Tell whether two URLs, however they are spelled, name one database.

    Raises:
        LoyaltyError: nothing answers there.
    """
    with closing(PostgresqlConnection(url)) as one, closing(PostgresqlConnection(other)) as two:
        found = [tuple(line.wait(line.line.fetchrow, _IDENTITY) or ()) for line in (one, two)]
    return found[0] == found[1]


def where(url: str) -> str:
    """Return host and database of a URL, without the password."""
    parts = urlsplit(url)
    return f"{parts.hostname or 'the local socket'}{f':{parts.port}' if parts.port else ''}{parts.path}"


async def _opened(url: str) -> asyncpg.Connection[asyncpg.Record]:
    for name, path in parse_qsl(urlsplit(url).query):
        if name in _FILES and not os.access(path, os.R_OK):  # of which the driver would not say the name
            raise Refused(
                f"PostgreSQL at {where(url)} cannot be asked: {name} in its URL names {path}, which is not "
                "there or not for this user to read",
                code="config_invalid",
            )
    line = await asyncpg.connect(
        url, timeout=CONNECT_S, statement_cache_size=0, server_settings=dict(_SETTINGS)
    )
    _keep_alive(line)
    return line


def _keep_alive(line: asyncpg.Connection[asyncpg.Record]) -> None:
    """Let the kernel cut a line whose other machine has gone without a word, as PostgreSQL does."""
    own = line._transport.get_extra_info("socket")  # noqa: SLF001  # the driver lends it in no other way
    if own.family == socket.AF_UNIX:
        return
    own.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in _KEEP_ALIVE.items():
        own.setsockopt(socket.IPPROTO_TCP, option, value)
