"""One writer thread with group commit, one reader beside it.

A job is a function of the connection. Jobs that wait together share one transaction, each of several in a
savepoint of its own, and are answered after its commit: answered means durable. Sales go before imports.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from edge_agent.store.database import (
    CHECKPOINT_BYTES,
    NOT_KEPT,
    OWN_FAULTS,
    AnyError,
    Connection,
    StoreError,
    checkpoint,
    connect,
    read_only_error,
    savepoint,
    store_error,
    transaction,
    wal_bytes,
)
from edge_agent.store.turn import Turn
from loyalty_core.errors import LoyaltyError
from loyalty_shell.data_dir import is_read_only

T = TypeVar("T")
Job = Callable[[Connection], T]

GROUP_MAX: Final = 256
"""The most jobs in one transaction."""
WAL_BYTES_MAX: Final = 64 * 1024 * 1024
"""Above this imports wait for a checkpoint; sales never do."""
IDLE_SECONDS: Final = 1.0


class _Waiting:
    """A job and where its answer goes."""

    __slots__ = ("error", "future", "job", "loop", "result")

    def __init__(self, job: Job[Any], future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.job = job
        self.future = future
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None

    def tell(self) -> None:
        if self.future.done():
            return
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)


class Writer:
    """The one thread that writes. Made and closed by the composition root.

    It counts the `commits`, the `jobs` that shared them, and the `failures` of the disk. `trouble` is why the
    disk refused the last job that would have written something.

    Where the disk has not kept something, the writer is `lost`: it writes nothing more and does not even
    close, since that would be one more try. `on_lost` is called then, on its thread.
    """

    def __init__(self, path: Path, on_lost: Callable[[], None] = lambda: None) -> None:
        self._path = path
        self._on_lost = on_lost
        self.trouble: StoreError | None = None
        self.lost: StoreError | None = None
        self._urgent: deque[_Waiting] = deque()
        self._patient: deque[_Waiting] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self.jobs = self.commits = self.failures = 0
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._conn = connect(path)
        self._turn = Turn(path)
        self._thread.start()

    async def do(self, job: Job[T], *, urgent: bool = True) -> T:
        """Return the job's result once its transaction is durable.

        Raises:
            StoreError: when the database refused; nothing of the job was kept.
            LoyaltyError: what the job itself raised; only this job was undone.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(job, loop.create_future(), loop)
        with self._wake:
            if self._closing:
                raise self.lost or StoreError("the agent is stopping", code="stopping")
            (self._urgent if urgent else self._patient).append(waiting)
            self._wake.notify()
        result: T = await waiting.future
        return result

    @property
    def waiting(self) -> tuple[int, int]:
        """How many urgent jobs wait, and how many patient ones."""
        return len(self._urgent), len(self._patient)

    def close(self) -> None:
        """Finish what waits, checkpoint, and close the connection; leave it as it is where it is lost."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join()

    def _run(self) -> None:
        dirty = False
        while True:
            group = self._next_group(wait=IDLE_SECONDS if dirty else None)
            if group is None:
                break
            if not group:
                self._checkpoint()
                dirty = False
                continue
            self._commit(group)
            dirty = self.lost is None
            if wal_bytes(self._path) > CHECKPOINT_BYTES:
                self._checkpoint()
        self._checkpoint()
        if self.lost is None:
            self._conn.close()
        self._turn.close()

    def _checkpoint(self) -> None:
        if self.lost is None:
            try:
                checkpoint(self._conn)
            except StoreError as error:
                self._judged(error)

    def _next_group(self, wait: float | None) -> list[_Waiting] | None:
        """Return the jobs to do together: [] after an idle wait, None when closed and all is done."""
        with self._wake:
            if not self._urgent and not self._patient and not self._closing:
                self._wake.wait(wait)
            if self._urgent:
                return [self._urgent.popleft() for _ in range(min(len(self._urgent), GROUP_MAX))]
            if not self._patient:
                return None if self._closing else []
            job = self._patient.popleft()
        if wal_bytes(self._path) > WAL_BYTES_MAX:
            self._checkpoint()
        return [job]

    def _commit(self, group: list[_Waiting]) -> None:
        if self.lost is not None:
            for waiting in group:
                waiting.error = self.lost
        else:
            with self._turn.taken():
                if len(group) == 1:
                    self._commit_one(group[0])
                else:
                    self._commit_all(group)
        self._count(group)
        for loop in {waiting.loop for waiting in group}:
            answered = [waiting for waiting in group if waiting.loop is loop]
            with suppress(RuntimeError):  # a loop that is gone has nobody left to tell
                loop.call_soon_threadsafe(_tell, answered)

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            before = self._conn.total_changes
            with transaction(self._conn):
                yield
            if self._conn.total_changes > before:
                self.trouble = None
        except StoreError as error:
            raise self._judged(error) from error.__cause__

    def _judged(self, error: StoreError) -> StoreError:
        """Return what is told of an error; on a disk that takes no writes at all nothing was lost."""
        if not _is_of_disk(error):
            return error
        if error.code == NOT_KEPT and is_read_only(self._path.parent):
            error = read_only_error()
        elif error.code == NOT_KEPT:
            self.lost = error
            self._on_lost()
        self.trouble = error
        return error

    def _count(self, group: list[_Waiting]) -> None:
        self.jobs += len(group)
        if any(_is_of_disk(one.error) for one in group):
            self.failures += 1
        else:
            self.commits += 1

    def _commit_one(self, waiting: _Waiting) -> None:
        try:
            with self._transaction():
                waiting.result = waiting.job(self._conn)
        except Exception as error:  # noqa: BLE001 - it is told to the caller, whose job it was
            waiting.error = error

    def _commit_all(self, group: list[_Waiting]) -> None:
        try:
            with self._transaction():
                for waiting in group:
                    try:
                        with savepoint(self._conn):
                            waiting.result = waiting.job(self._conn)
                    except OWN_FAULTS as error:
                        waiting.error = store_error(error)
                    except AnyError:
                        raise
                    except Exception as error:  # noqa: BLE001 - it is told to the caller, whose job it was
                        waiting.error = error
        except LoyaltyError as error:
            for waiting in group:
                waiting.error = error


def _is_of_disk(error: BaseException | None) -> bool:
    """Tell whether the disk has refused, and not a job been at fault."""
    cause = None if error is None else error.__cause__
    return isinstance(cause, AnyError) and not isinstance(cause, OWN_FAULTS)


def _tell(answered: list[_Waiting]) -> None:
    for waiting in answered:
        waiting.tell()


class Reader:
    """One read-only connection on a thread of its own; what runs here should take less than 100 ms."""

    def __init__(self, path: Path) -> None:
        self._conn = connect(path, read_only=True)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-reader")

    async def do(self, job: Job[T]) -> T:
        """Return the job's result, read from one state of the store.

        Raises:
            StoreError: when the database refuses.
        """
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._read, job)

    def close(self) -> None:
        """Finish what runs and close the connection."""
        self._thread.shutdown()
        self._conn.close()

    def _read(self, job: Job[T]) -> T:
        try:
            self._conn.execute("BEGIN")
            try:
                return job(self._conn)
            finally:
                self._conn.execute("ROLLBACK")
        except AnyError as error:
            raise store_error(error) from error
