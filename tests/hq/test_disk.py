"""Headquarters on a disk that refuses: what may pass is waited for, what was not kept ends the server."""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import pytest

from hq_server import background
from hq_server.background import run_chores
from hq_server.store.connection import Transaction
from hq_server.store.database import Database
from hq_server.store.refusals import NotKept, Refused
from hq_server.store.sqlite import connection as store_connection
from hq_server.store.sqlite import sqlite3
from loyalty_core.units import EpochMs
from tests.hq.conftest import Hq

pytestmark = pytest.mark.sqlite("its files on a disk")

Refusals = dict[str, str]


class Disk(sqlite3.Connection):
    """A connection whose disk refuses statements: word of a statement -> SQLite's name of the error."""

    refusals: ClassVar[Refusals] = {}
    refused: ClassVar[list[str]] = []

    def execute(self, statement: str, *values: Any) -> sqlite3.Cursor:
        for word, name in self.refusals.items():
            if word in statement:
                self.refused.append(word)
                error = sqlite3.OperationalError("disk I/O error")
                error.sqlite_errorname = name
                raise error
        return super().execute(statement, *values)


@pytest.fixture
def refusals(monkeypatch: pytest.MonkeyPatch) -> Refusals:
    """What the disk refuses from now on."""
    monkeypatch.setattr(Disk, "refusals", {})
    monkeypatch.setattr(Disk, "refused", [])
    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **named: connect(*args, factory=Disk, **named))
    return Disk.refusals


def note(tx: Transaction) -> None:
    tx.run("house.revoke_token", name="admin", revoked_at_ms=1)


async def test_what_was_not_kept_ends_all_writing(hq: Hq, refusals: Refusals) -> None:
    ends: list[bool] = []
    database = Database(hq.config.database_path, lambda: ends.append(True))
    refusals["COMMIT"] = "SQLITE_IOERR"
    for _ in range(2):
        with pytest.raises(NotKept):
            await database.write(note)
    assert (ends, Disk.refused) == ([True], ["COMMIT"]), "the disk is asked once"
    refusals.clear()
    with pytest.raises(NotKept):
        await database.write(note)
    assert database.lost
    await asyncio.to_thread(database.close)


async def test_a_write_back_that_was_not_kept_ends_all_writing(
    hq: Hq, refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_connection, "WAL_BYTES_MAX", 0)
    database = Database(hq.config.database_path)
    refusals["wal_checkpoint"] = "SQLITE_IOERR"
    await database.write(note)
    with pytest.raises(NotKept):
        await database.write(note)
    await asyncio.to_thread(database.close)


async def test_a_write_back_for_which_there_is_no_room_waits(
    hq: Hq, refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_connection, "WAL_BYTES_MAX", 0)
    database = Database(hq.config.database_path)
    refusals["wal_checkpoint"] = "SQLITE_FULL"
    await database.write(note)
    await database.write(note)
    assert Disk.refused
    assert (database.lost, database.trouble) == (False, None)
    await asyncio.to_thread(database.close)


@pytest.mark.parametrize(
    ("statement", "name", "code"),
    [("COMMIT", "SQLITE_FULL", "disk_full"), ("UPDATE", "SQLITE_IOERR", "disk_unreadable")],
)
async def test_what_the_disk_refuses_is_told_until_it_takes_something(
    hq: Hq, refusals: Refusals, statement: str, name: str, code: str
) -> None:
    database = Database(hq.config.database_path)
    refusals[statement] = name
    with pytest.raises(Refused) as refused:
        await database.write(note)
    assert refused.value.code == code
    refusals.clear()
    await database.write(lambda _: None)
    assert database.trouble is refused.value, "nothing was written"
    await database.write(note)
    assert [database.trouble, database.lost] == [None, False]
    await asyncio.to_thread(database.close)


async def test_a_disk_that_takes_no_writes_at_all_has_lost_nothing(
    hq: Hq, refusals: Refusals, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = hq.config.database_path.parent
    monkeypatch.setattr(store_connection, "is_read_only", lambda asked: asked == folder)
    database = Database(hq.config.database_path)
    refusals["COMMIT"] = "SQLITE_IOERR"
    with pytest.raises(Refused) as refused:
        await database.write(note)
    assert refused.value.code == "read_only"
    refusals.clear()
    await database.write(note)
    await asyncio.to_thread(database.close)


async def test_chores_wait_for_room_and_end_with_a_disk_that_keeps_nothing(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    errors = [Refused("full", code="disk_full"), Refused("busy", code="database_busy"), NotKept()]

    async def step(*_: object) -> bool:
        raise errors.pop(0)

    monkeypatch.setattr(background, "PAUSE_S", 0)
    monkeypatch.setattr(background, "_step", step)
    database = Database(hq.config.database_path)
    await asyncio.wait_for(run_chores(database, lambda: EpochMs(0)), 20)
    assert errors == []
    errors.append(Refused("damaged", code="database_damaged"))
    with pytest.raises(Refused):
        await run_chores(database, lambda: EpochMs(0))
    await asyncio.to_thread(database.close)
