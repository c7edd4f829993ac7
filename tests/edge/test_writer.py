"""The store's one writer: answered means durable, a refused job undoes itself alone, a full disk is told."""

from __future__ import annotations

import asyncio
import errno
import fcntl
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from edge_agent.store import database
from edge_agent.store import writer as store_writer
from edge_agent.store.database import (
    Connection,
    DatabaseError,
    StoreError,
    connect,
    savepoint,
    transaction,
)
from edge_agent.store.turn import give_way
from edge_agent.store.writer import Reader, Writer
from loyalty_core.errors import BadInput
from tests.edge.made import until


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a database with one table of numbers."""
    path = tmp_path / "till.db"
    conn = connect(path)
    conn.execute("CREATE TABLE number (n INTEGER NOT NULL, pad BLOB) STRICT")
    conn.close()
    return path


@pytest.fixture
async def writer(path: Path) -> AsyncIterator[Writer]:
    writer = Writer(path)
    yield writer
    await asyncio.to_thread(writer.close)


def put(conn: Connection, n: int) -> int:
    conn.execute("INSERT INTO number (n) VALUES (?)", (n,))
    return n


def bad(conn: Connection) -> None:
    put(conn, 99)
    raise BadInput("no", code="no_such")


def broken(conn: Connection) -> None:
    put(conn, 98)
    conn.execute("INSERT INTO number (n) VALUES (NULL)")


def numbers(path: Path) -> list[int]:
    """Return what another connection sees: what is committed."""
    conn = connect(path, read_only=True)
    found = [n for (n,) in conn.execute("SELECT n FROM number ORDER BY n")]
    conn.close()
    return found


class Gate:
    """A job that holds the writer until the test lets it go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, conn: Connection) -> None:
        self.entered.set()
        assert self.opened.wait(20)


async def held(writer: Writer) -> tuple[Gate, asyncio.Task[None]]:
    """Return a gate in which the writer stands now."""
    gate = Gate()
    task = asyncio.create_task(writer.do(gate))
    await asyncio.to_thread(gate.entered.wait, 20)
    return gate, task


async def test_who_gives_way_waits_as_long_as_the_writer_works(writer: Writer, path: Path) -> None:
    give_way(path)
    gate, task = await held(writer)
    passed = asyncio.create_task(asyncio.to_thread(give_way, path))
    file = path.with_name("till.db-turn").open("rb")
    with file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    assert not passed.done()
    gate.opened.set()
    await task
    await passed


async def test_the_writer_waits_for_nobody_who_gives_way(writer: Writer, path: Path) -> None:
    with path.with_name("till.db-turn").open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert await writer.do(lambda conn: put(conn, 1)) == 1


async def test_sales_go_on_where_the_file_of_turns_cannot_be_had(path: Path) -> None:
    path.with_name("till.db-turn").mkdir()
    alone = Writer(path)
    assert await alone.do(lambda conn: put(conn, 1)) == 1
    give_way(path)
    await asyncio.to_thread(alone.close)


async def test_sales_and_files_go_on_where_the_disk_knows_no_locks(
    writer: Writer, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(_file: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refused)
    assert await writer.do(lambda conn: put(conn, 1)) == 1
    give_way(path)


async def test_an_answer_comes_only_after_the_commit(writer: Writer, path: Path) -> None:
    for n in range(20):
        assert await writer.do(lambda conn, n=n: put(conn, n)) == n  # type: ignore[misc]
        assert n in numbers(path)


async def test_jobs_that_wait_together_are_committed_together(writer: Writer, path: Path) -> None:
    gate, first = await held(writer)
    seen: list[list[int]] = []

    def job(conn: Connection, n: int) -> None:
        seen.append(numbers(path))
        put(conn, n)

    tasks = [asyncio.create_task(writer.do(lambda conn, n=n: job(conn, n))) for n in range(5)]  # type: ignore[misc]
    await asyncio.sleep(0)
    assert writer.waiting == (5, 0)
    gate.opened.set()
    await asyncio.gather(first, *tasks)
    assert writer.waiting == (0, 0)
    assert seen == [[]] * 5, "none of the group was there before all of it was"
    assert numbers(path) == [0, 1, 2, 3, 4]
    assert (writer.jobs, writer.commits, writer.failures) == (6, 2, 0)


async def test_a_job_that_raises_undoes_itself_alone(writer: Writer, path: Path) -> None:
    gate, first = await held(writer)

    tasks = [
        asyncio.create_task(writer.do(lambda conn: put(conn, 1))),
        asyncio.create_task(writer.do(bad)),
        asyncio.create_task(writer.do(broken)),
        asyncio.create_task(writer.do(lambda conn: put(conn, 2))),
    ]
    await asyncio.sleep(0)
    gate.opened.set()
    one, refused, failed, two = await asyncio.gather(*tasks, return_exceptions=True)
    await first
    assert (one, two) == (1, 2)
    assert isinstance(refused, BadInput)
    assert refused.code == "no_such"
    assert isinstance(failed, StoreError)
    assert numbers(path) == [1, 2]


async def test_a_job_that_is_alone_and_raises_leaves_nothing(writer: Writer, path: Path) -> None:
    with pytest.raises(BadInput, match="no"):
        await writer.do(bad)
    with pytest.raises(StoreError):
        await writer.do(broken)
    assert await writer.do(lambda conn: put(conn, 1)) == 1
    assert numbers(path) == [1]
    assert writer.failures == 0, "the disk is sound"


async def test_sales_go_before_imports(writer: Writer) -> None:
    gate, first = await held(writer)
    order: list[str] = []
    tasks = [
        asyncio.create_task(writer.do(lambda conn: order.append("import"), urgent=False)),
        asyncio.create_task(writer.do(lambda conn: order.append("sale"))),
    ]
    await asyncio.sleep(0)
    gate.opened.set()
    await asyncio.gather(first, *tasks)
    assert order == ["sale", "import"]


async def test_an_answer_that_nobody_waits_for_any_more_harms_nobody(writer: Writer, path: Path) -> None:
    gate, first = await held(writer)
    gone = asyncio.create_task(writer.do(lambda conn: put(conn, 1)))
    await asyncio.sleep(0)
    gone.cancel()
    gate.opened.set()
    await first
    assert await writer.do(lambda conn: put(conn, 2)) == 2
    assert numbers(path) == [1, 2]


async def test_a_closed_writer_has_done_what_waited_and_takes_nothing_more(path: Path) -> None:
    writer = Writer(path)
    gate, first = await held(writer)
    waiting = asyncio.create_task(writer.do(lambda conn: put(conn, 7), urgent=False))
    await asyncio.sleep(0)
    closing = asyncio.create_task(asyncio.to_thread(writer.close))
    gate.opened.set()
    await asyncio.gather(first, closing)
    assert await waiting == 7
    assert numbers(path) == [7]
    with pytest.raises(StoreError) as refused:
        await writer.do(lambda conn: put(conn, 8))
    assert refused.value.code == "stopping"


async def test_a_full_disk_keeps_nothing_and_the_next_sale_after_space_is_back_works(
    writer: Writer, path: Path
) -> None:
    await writer.do(lambda conn: put(conn, 1))

    def pages(conn: Connection, number: int) -> None:
        conn.execute(f"PRAGMA max_page_count={number}")

    def large(conn: Connection) -> None:
        put(conn, 2)
        conn.execute("INSERT INTO number (n, pad) VALUES (3, zeroblob(1000000))")

    (used,) = await writer.do(lambda conn: conn.execute("PRAGMA page_count").fetchone())
    await writer.do(lambda conn: pages(conn, used))
    gate, first = await held(writer)
    tasks = [asyncio.create_task(writer.do(job)) for job in (lambda conn: put(conn, 4), large)]
    await asyncio.sleep(0)
    gate.opened.set()
    await first
    for refused in await asyncio.gather(*tasks, return_exceptions=True):
        assert isinstance(refused, StoreError)
        assert refused.code == "disk_full"
    assert writer.failures == 1
    assert numbers(path) == [1]
    await writer.do(lambda conn: pages(conn, 1_000_000))
    await writer.do(large)
    assert numbers(path) == [1, 2, 3]


async def test_the_writer_waits_for_another_process_that_writes(writer: Writer, path: Path) -> None:
    other = connect(path)
    other.execute("BEGIN IMMEDIATE")
    put(other, 1)
    task = asyncio.create_task(writer.do(lambda conn: put(conn, 2)))
    done, _ = await asyncio.wait([task], timeout=0.05)
    assert not done
    other.execute("COMMIT")
    assert await task == 2
    other.close()
    assert numbers(path) == [1, 2]


async def test_a_checkpoint_that_fails_does_not_end_the_writer(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The WAL stands until one succeeds; a writer that ends would leave every sale waiting for ever."""

    class Damaged:
        def __init__(self, conn: Connection) -> None:
            self._conn = conn
            self.asked = 0

        def __getattr__(self, name: str) -> object:
            return getattr(self._conn, name)

        def execute(self, sql: str, values: tuple[int, ...] = ()) -> object:
            if "wal_checkpoint" in sql:
                self.asked += 1
                raise DatabaseError("database disk image is malformed")
            return self._conn.execute(sql, values)

    await writer.do(lambda conn: put(conn, 1))
    damaged = Damaged(writer._conn)
    writer._conn = damaged  # type: ignore[assignment]
    monkeypatch.setattr(store_writer, "wal_bytes", lambda path: database.CHECKPOINT_BYTES + 1)
    await writer.do(lambda conn: put(conn, 2))
    await until(lambda: damaged.asked > 0)
    assert await asyncio.wait_for(writer.do(lambda conn: put(conn, 3)), 5) == 3


async def test_a_large_wal_is_checkpointed_before_an_import(writer: Writer, path: Path) -> None:
    wal = path.with_name("till.db-wal")

    def large(conn: Connection) -> None:
        conn.execute("INSERT INTO number (n, pad) VALUES (1, zeroblob(?))", (database.CHECKPOINT_BYTES,))

    await writer.do(large, urgent=False)
    await until(lambda: path.stat().st_size > database.CHECKPOINT_BYTES)
    await writer.do(lambda conn: put(conn, 2), urgent=False)
    assert wal.stat().st_size <= database.CHECKPOINT_BYTES, "begun anew, and cut to its limit"


async def test_the_reader_cannot_write_and_sees_one_state(writer: Writer, path: Path) -> None:
    reader = Reader(path)
    try:
        with pytest.raises(StoreError) as refused:
            await reader.do(lambda conn: put(conn, 1))
        assert refused.value.code == "disk_read_only"

        def twice(conn: Connection) -> tuple[int, int]:
            (before,) = conn.execute("SELECT count(*) FROM number").fetchone()
            other = connect(path)
            put(other, 1)
            other.close()
            (after,) = conn.execute("SELECT count(*) FROM number").fetchone()
            return before, after

        assert await reader.do(twice) == (0, 0)
        assert await reader.do(lambda conn: conn.execute("SELECT count(*) FROM number").fetchone()) == (1,)
    finally:
        reader.close()


def test_a_savepoint_inside_a_savepoint_undoes_the_inner_one_alone(path: Path) -> None:
    conn = connect(path)
    with transaction(conn), savepoint(conn):
        put(conn, 1)
        with pytest.raises(DatabaseError), savepoint(conn):
            conn.execute("INSERT INTO number (n) VALUES (2), (NULL)")
        put(conn, 3)
    conn.close()
    assert numbers(path) == [1, 3]


def test_every_connection_that_writes_is_durable_at_commit(path: Path) -> None:
    conn = connect(path)
    assert conn.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert conn.execute("PRAGMA synchronous").fetchone() == (2,), "FULL"
    assert conn.execute("PRAGMA wal_autocheckpoint").fetchone() == (0,)
    conn.close()


def test_a_database_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        connect(tmp_path / "none.db", read_only=True)
    assert refused.value.code == "store_missing"
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_no_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    path = tmp_path / "till.db"
    path.write_bytes(b"not a database, but long enough to be looked at as one" * 100)
    with pytest.raises(StoreError) as refused:
        connect(path)
    assert refused.value.code == "store_damaged"


class Disk:
    """A connection whose disk refuses statements: word of a statement -> SQLite's name of the error."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.refusals: dict[str, str] = {}
        self.refused: list[str] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._conn, name)

    def execute(self, sql: str, values: tuple[int, ...] = ()) -> object:
        for word, name in self.refusals.items():
            if word in sql:
                self.refused.append(word)
                error = DatabaseError("disk I/O error")
                error.sqlite_errorname = name
                raise error
        return self._conn.execute(sql, values)


@pytest.fixture
async def disk(writer: Writer) -> Disk:
    """What the writer's connection stands on."""
    made = Disk(writer._conn)
    writer._conn = made  # type: ignore[assignment]
    return made


@pytest.mark.parametrize("statement", ["COMMIT", "wal_checkpoint"])
async def test_after_what_was_not_kept_nothing_more_is_asked_of_the_disk(
    path: Path, monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    ends: list[bool] = []
    writer = Writer(path, lambda: ends.append(True))
    disk = Disk(writer._conn)
    writer._conn = disk  # type: ignore[assignment]
    monkeypatch.setattr(store_writer, "wal_bytes", lambda path: database.CHECKPOINT_BYTES + 1)
    disk.refusals[statement] = "SQLITE_IOERR"
    if statement == "COMMIT":
        with pytest.raises(StoreError) as refused:
            await writer.do(lambda conn: put(conn, 1))
        assert refused.value.code == "disk_failed"
    else:
        assert await writer.do(lambda conn: put(conn, 1)) == 1
    await until(lambda: writer.lost is not None)
    disk.refusals.clear()
    for _ in range(2):
        with pytest.raises(StoreError) as refused:
            await writer.do(lambda conn: put(conn, 2))
        assert refused.value.code == "disk_failed"
    await asyncio.to_thread(writer.close)
    assert (ends, disk.refused) == ([True], [statement])
    assert disk._conn.total_changes == 1, "it is open still: to close it would be to write"
    disk._conn.close()


async def test_a_disk_that_takes_no_writes_at_all_has_lost_nothing(
    writer: Writer, disk: Disk, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_writer, "is_read_only", lambda folder: folder == path.parent)
    disk.refusals["COMMIT"] = "SQLITE_IOERR"
    with pytest.raises(StoreError) as refused:
        await writer.do(lambda conn: put(conn, 1))
    assert refused.value.code == "disk_read_only"
    disk.refusals.clear()
    assert await writer.do(lambda conn: put(conn, 2)) == 2
    assert numbers(path) == [2]


async def test_what_cannot_be_read_refuses_its_job_alone(writer: Writer, disk: Disk, path: Path) -> None:
    disk.refusals["SELECT n FROM elsewhere"] = "SQLITE_IOERR"
    with pytest.raises(StoreError) as refused:
        await writer.do(lambda conn: conn.execute("SELECT n FROM elsewhere"))
    assert refused.value.code == "disk_unreadable"
    assert await writer.do(lambda conn: put(conn, 1)) == 1
    assert numbers(path) == [1]


async def test_trouble_is_told_until_the_disk_has_taken_something(writer: Writer, disk: Disk) -> None:
    disk.refusals = {"INSERT": "SQLITE_IOERR"}
    with pytest.raises(StoreError) as refused:
        await writer.do(lambda conn: put(conn, 1))
    disk.refusals.clear()
    await writer.do(lambda _: None)
    assert writer.trouble is refused.value, "nothing was written"
    await writer.do(lambda conn: put(conn, 1))
    assert writer.trouble is None
