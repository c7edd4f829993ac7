"""A repair that is killed: the next one ends it, and nothing is lost that one which was not killed keeps."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from edge_agent.app import build_app
from edge_agent.repair.checking import check_derived
from edge_agent.repair.repairing import repair
from edge_agent.repair.salvage import salvage
from edge_agent.store import copying
from edge_agent.store.database import connect
from edge_agent.store.integrity import verify
from edge_agent.store.migrations import open_database
from hq_server.store.sqlite import sqlite3
from tests.edge.made import purchase
from tests.edge.repair.day import DERIVED, dump, lived
from tests.edge.repair.test_repairing import spoil
from tests.edge.till import Till

TABLES = (*DERIVED, "journal", "member", "member_look_up", "programme", "quarantine", "terminal", "hq_key")
EVERY = 40
"""Of the statements of a transaction so many lie between two kills; all leave the same on the disk."""


def damaged_records(till: Till) -> None:
    """Flip a bit of some records and of some hashes."""
    for column, seq in (("record", 2), ("hash", 5), ("record", 9)):
        found = till.conn.execute(f"SELECT {column} FROM journal WHERE seq = ?", (seq,)).fetchone()[0]  # noqa: S608
        spoilt = found[:3] + bytes([found[3] ^ 16]) + found[4:]
        spoil(till.config.database, f"UPDATE journal SET {column} = ? WHERE seq = ?", spoilt, seq)  # noqa: S608


def lost_page(till: Till) -> None:
    """Write nothing over the page on which the points are: no check misses any."""
    till.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (root,) = till.conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'entry'").fetchone()
    with till.config.database.open("r+b") as file:
        file.seek((root - 1) * 4096)
        file.write(bytes(4096))


def lost_head(till: Till) -> None:
    """Flip a bit of the file's first bytes."""
    till.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with till.config.database.open("r+b") as file:
        file.write(b"sQL")


@pytest.mark.parametrize("damage", [damaged_records, lost_page, lost_head])
def test_a_repair_that_is_killed_at_any_step_is_ended_by_the_next(
    till: Till, damage: Callable[[Till], None]
) -> None:
    booked = dump(lived(till).conn, "entry")
    damage(till)
    till.close()
    data = till.config.data_dir
    kept = data.with_name("damaged")
    shutil.copytree(data, kept)
    assert repair(till.config, till.clock).fault is None
    with closing(connect(till.config.database)) as conn:
        wanted, cursors = dump(conn, *TABLES), dump(conn, "change_cursor", "untold_member")
    assert wanted | booked == wanted
    left = set[tuple[bytes, ...]]()
    for died in deaths(till, data, kept):
        now = tuple(file.read_bytes() for file in sorted(data.iterdir()) if "-shm" not in file.name)
        if now in left:
            continue
        left.add(now)
        done = repair(till.config, till.clock)
        assert done.fault is None, f"killed at step {died}"
        with closing(connect(till.config.database)) as conn:
            assert dump(conn, *TABLES) == wanted, f"killed at step {died}"
            assert dump(conn, "change_cursor", "untold_member") == cursors
            assert (verify(conn), check_derived(conn)) == (None, None)
    assert left


def test_a_till_that_starts_on_a_repair_that_was_cut_off_says_so_sells_and_is_repaired_with_its_sales(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    lived(till)
    lost_page(till)
    till.close()
    salvage(till.config.database)
    build_app(till.config, till.clock)
    assert [said.msg for said in caplog.records] == ["repair_unfinished"]
    till.conn = open_database(till.config.database)
    sold = till.record(purchase("later", member="2000123400000")).event
    assert repair(till.config, till.clock).fault is None
    assert till.record(purchase("later", member="2000123400000")).event == sold
    caplog.clear()
    build_app(till.config, till.clock)
    assert not caplog.records


def deaths(till: Till, data: Path, kept: Path) -> Iterator[int]:
    """Have a repair die before one step after the other; yield which each time, the folder as it left it."""
    for number in count(1):
        shutil.rmtree(data)
        shutil.copytree(kept, data)
        if not died_before(number, till):
            return
        yield number


def died_before(number: int, till: Till) -> bool:
    """Have a process of its own repair, and die by kill -9 before a step; tell whether it came to that."""
    child = os.fork()
    if child:
        _, ended = os.waitpid(child, 0)
        if os.WIFSIGNALED(ended):
            assert os.WTERMSIG(ended) == signal.SIGKILL
            return True
        assert os.waitstatus_to_exitcode(ended) == 0
        return False
    status = 1
    try:
        step = stepping(number)

        class Dying(sqlite3.Connection):
            def execute(self, *words: Any) -> Any:
                step(within=self.in_transaction)
                return super().execute(*words)

            def executemany(self, *words: Any) -> Any:
                step(within=self.in_transaction)
                return super().executemany(*words)

        real = sqlite3.connect
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(sqlite3, "connect", lambda *words, **named: real(*words, **named, factory=Dying))
            for module, name in [
                (os, "fsync"),
                (os, "link"),
                (os, "replace"),
                (os, "unlink"),
                (shutil, "copyfile"),
                (copying, "written_back"),
            ]:
                patch.setattr(module, name, before(getattr(module, name), step))
            repair(till.config, till.clock)
        status = 0
    finally:
        os._exit(status)
    raise AssertionError


def stepping(number: int) -> Callable[..., None]:
    """Return what is called before each step, and ends this process before one of them."""
    inside, passed = count(), count(1)

    def step(*, within: bool = False) -> None:
        if within and next(inside) % EVERY:
            return
        if next(passed) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    return step


def before(real: Callable[..., Any], step: Callable[[], None]) -> Callable[..., Any]:
    def stepped(*words: Any, **named: Any) -> Any:
        step()
        return real(*words, **named)

    return stepped
