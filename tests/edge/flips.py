"""Flip the bits of a table's page one after the other, and trade: nobody gets another's points.

`python -m tests.edge.flips [TABLE ...]` tries every bit of these, or of the tables that say who a member is.
"""

from __future__ import annotations

import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Final

from edge_agent.recorder import Recorder
from edge_agent.standing import standing
from edge_agent.status import status
from edge_agent.store.database import Connection, snapshot, transaction
from edge_agent.store.migrations import open_database
from loyalty_core.errors import LoyaltyError
from loyalty_core.lookups import hashed
from tests.edge.made import CARD, OTHER_CARD, STORE_KEY, day, member, purchase, recorded, void
from tests.edge.till import Till

TABLES: Final = ("member", "member_look_up", "member_look_up_by_member")
OWNERS: Final = {CARD: "M1", OTHER_CARD: "M3"}
"""Ids that are one bit apart."""
PAGE: Final = 4096
HEAD: Final = 16
"""Bytes at the beginning of a page that are looked at though they are 0."""


def lived(till: Till) -> bytes:
    """Let a till sell to two members; return its database, which is closed then."""
    till.appear(*[member(owner, card, balance=100) for card, owner in OWNERS.items()])
    for number, card in enumerate(OWNERS, start=1):
        till.record(purchase(str(number), member=card))
    till.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    till.close()
    return till.config.database.read_bytes()


def bits_of(till: Till, whole: bytes, table: str) -> list[int]:
    """Return the bits of the file that are the first page of a table or an index, where it is not empty."""
    query = "SELECT rootpage FROM sqlite_schema WHERE name = ?"
    with closing(open_database(till.config.database)) as conn:
        (page,) = conn.execute(query, (table,)).fetchone()
    places = range(PAGE * (page - 1), PAGE * page)
    return [8 * at + bit for at in places if whole[at] or at < places[HEAD] for bit in range(8)]


def wrongs(till: Till, whole: bytes, bits: list[int], outcomes: Counter[str]) -> Iterator[str]:
    """Yield what goes wrong at the till with each of these bits flipped; count how what was tried ended."""
    for bit in bits:
        data = bytearray(whole)
        data[bit // 8] ^= 1 << bit % 8
        for beside in till.config.database.parent.glob(till.config.database.name + "-*"):
            beside.unlink()
        till.config.database.write_bytes(data)
        yield from [f"bit {bit}: {wrong}" for wrong in _traded(till, outcomes)]


def _traded(till: Till, outcomes: Counter[str]) -> Iterator[str]:
    try:
        conn = open_database(till.config.database)
    except LoyaltyError as error:
        outcomes[error.code] += 1
        return
    with closing(conn):
        recorder = Recorder(till.config, till.clock)
        for card, owner in OWNERS.items():
            theirs = {f"id:{owner}", hashed(f"card:{card}", STORE_KEY)}
            for job in (_shows(recorder, till, card), _sells(recorder, card), _voids(recorder, card)):
                try:
                    account, balance = job(conn)
                except LoyaltyError as error:
                    outcomes[error.code] += 1
                    continue
                outcomes["known" if account == f"id:{owner}" else "unknown" if account else "nobody's"] += 1
                if account is not None and account not in theirs:
                    yield f"{card} is taken for {account}"
                elif account == f"id:{owner}" and balance not in {None, 112}:
                    yield f"{owner} is shown {balance} points"


def _shows(
    recorder: Recorder, till: Till, card: str
) -> Callable[[Connection], tuple[str | None, int | None]]:
    def job(conn: Connection) -> tuple[str | None, int | None]:
        with snapshot(conn):
            books = recorder.books(conn)
            owner = recorder.owner(conn, books, card)
            assert owner is not None
            status(conn, till.config, till.clock)
            return owner.account, standing(conn, books, owner.account, day("2026-11-20")).balance

    return job


def _sells(recorder: Recorder, card: str) -> Callable[[Connection], tuple[str | None, int | None]]:
    def job(conn: Connection) -> tuple[str | None, int | None]:
        with transaction(conn):
            return recorded(recorder, conn, purchase(f"new-{card}", member=card)).account, None

    return job


def _voids(recorder: Recorder, card: str) -> Callable[[Connection], tuple[str | None, int | None]]:
    """Void what was just sold."""

    def job(conn: Connection) -> tuple[str | None, int | None]:
        with transaction(conn):
            return recorded(recorder, conn, void(f"new-{card}")).account, None

    return job


def main(tables: list[str]) -> int:
    """Try every bit; return how many went wrong."""
    failed = 0
    for table in tables or TABLES:
        outcomes: Counter[str] = Counter()
        with tempfile.TemporaryDirectory() as folder:
            till = Till(Path(folder))
            whole = lived(till)
            found = list(wrongs(till, whole, bits_of(till, whole, table), outcomes))
        sys.stdout.write("\n".join([f"{table}: {dict(outcomes)}, wrong: {len(found)}", *found[:20], ""]))
        failed += len(found)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]) > 0)
