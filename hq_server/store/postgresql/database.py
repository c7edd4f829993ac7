"""The PostgreSQL database of a headquarters: opened for a command, or lent to a server's threads.

What was in somebody's way is begun again, and so is what a broken line cut off before it was to be committed.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from typing import Final, TypeVar

from hq_server.store.postgresql.beside import Alone
from hq_server.store.postgresql.connection import NAME, PostgresqlConnection
from hq_server.store.postgresql.faults import is_in_the_way
from hq_server.store.postgresql.migrate import give_up, hold, migrate
from hq_server.store.refusals import Busy, CommitUnknown, DatabaseMissing, InUse, Refused
from hq_server.store.transaction import Transaction

TRIES: Final = 5
"""How often one piece of work is begun."""
TRY_S: Final = 5
"""After this long it is not begun again."""
PAUSE_S: Final = 0.05
"""Half of the longest first pause between two tries; each later one may be twice as long."""
_LINES: Final = """
SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE $1 || '%'
"""
PATIENT: Final = "SET idle_in_transaction_session_timeout = 0"
"""Said on a line that does nothing while others work for it."""
_T = TypeVar("_T")


class PostgresqlLines:
    """The lines of a server's threads: one that writes, and one for each thread that reads."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._own = threading.local()
        self._opened: list[PostgresqlConnection] = []
        self.wrote = False
        with opened(url) as connection:
            version = connection.line.get_server_version()
        self.kind = {"postgresql": f"{version.major}.{version.minor}"}

    def write(self, work: Callable[[Transaction], _T], *, beside: bool, patient: bool) -> _T:
        """Return what `work` returns once it is durable; where it asks to be alone it is begun again so.

        Raises:
            Busy: others were in its way every time.
            CommitUnknown: the line broke while it was being committed.
            Refused: as ever; `database_unreachable` where nothing answers.
        """

        def once() -> _T:
            with self._line().writing(beside=beside, patient=patient) as tx:
                result = work(tx)
            self.wrote = tx.wrote
            return result

        try:
            return _again(once)
        except Alone:
            beside = False
            return _again(once)

    def tidy(self) -> None:
        """Nothing is left to be done."""

    def read(self, work: Callable[[Transaction], _T]) -> _T:
        """Return what `work` returns, seeing one committed state."""

        def once() -> _T:
            with self._line().reading() as tx:
                return work(tx)

        return _again(once)

    def close(self) -> None:
        """Close every line."""
        for connection in self._opened:
            connection.close()

    def _line(self) -> PostgresqlConnection:
        """Return this thread's line, a new one where it was cut."""
        connection: PostgresqlConnection | None = getattr(self._own, "connection", None)
        if connection is not None and not connection.is_open:
            self._own.connection = None  # as opening another may fail
            self._opened.remove(connection)
            connection.close()
            connection = None
        if connection is None:
            connection = self._own.connection = _made(self._url)  # since it was cut, it may have been moved
            self._opened.append(connection)
        return connection


@contextmanager
def opened(url: str) -> Iterator[PostgresqlConnection]:
    """Open the database for one command, brought to this release's form.

    Raises:
        DatabaseMissing: there is none of this name, or nothing in it: `init` has not been run.
        WrongDatabase: it belongs to another release.
        Refused: nothing answers, or not to this user.
    """
    connection = _made(url)
    try:
        yield connection
    finally:
        connection.close()


def _made(url: str) -> PostgresqlConnection:
    """Return a line to a headquarters, brought to this release's form."""
    connection = PostgresqlConnection(url)
    try:
        if not connection.wait(connection.line.fetchval, "SELECT to_regclass('house') IS NOT NULL"):
            raise DatabaseMissing(
                f"PostgreSQL has nothing of headquarters in {connection.where}: run hq-server init"
            )
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def refuse_others(connection: PostgresqlConnection, own: int) -> None:
    """Refuse where more lines of headquarters than one's `own` are open.

    Raises:
        InUse: a server or a command runs.
    """
    if connection.wait(connection.line.fetchval, _LINES, NAME) > own:
        raise InUse(f"{connection.where} is in use: stop hq-server and every command of it first")


@contextmanager
def held(url: str) -> Iterator[tuple[PostgresqlConnection, Callable[[str], None]]]:
    """Lend the database while nobody else has it open or can open it, however long; and what gives it up.

    Raises:
        InUse: a server or a command runs.
        LoyaltyError: as `opened`.
    """
    with opened(url) as connection, opened(url) as gate:
        for one in (connection, gate):
            one.wait(one.line.execute, PATIENT)
        with gate.writing():
            hold(gate)
            refuse_others(connection, 2)
            yield connection, partial(give_up, gate)


def create(url: str) -> PostgresqlConnection:
    """Return a line to a database in this release's form; its tables are made where there are none."""
    connection = PostgresqlConnection(url)
    try:
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _again(once: Callable[[], _T]) -> _T:
    """Return what is returned at last; what may pass is tried `TRIES` times, with growing pauses."""
    began_s = time.monotonic()
    for number in count(1):
        try:
            return once()
        except CommitUnknown:
            raise
        except (Busy, Refused) as error:
            if number == TRIES or time.monotonic() > began_s + TRY_S or not _may_pass(error):
                raise
            time.sleep(random.uniform(0, PAUSE_S * 2**number))
    raise AssertionError  # the count has no end


def _may_pass(error: Busy | Refused) -> bool:
    """Tell whether it is worth a try at once: who waited for a lock has waited long enough."""
    if isinstance(error, Busy):
        return error.__cause__ is not None and is_in_the_way(error.__cause__)
    return error.code == "database_unreachable"
