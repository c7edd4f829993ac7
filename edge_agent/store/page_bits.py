"""A flipped bit in the few pages without which nothing can be read of a database: found by trying each.

Those are the pages of the schema, and that of the till's identity, which a digest knows. They are small, and
the rest of a page is left alone: a till that is not lost for a bit keeps what it has not handed in.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from edge_agent.store import terminal
from edge_agent.store.database import AnyError, Connection, peek, wal_bytes
from edge_agent.store.migrations import open_database

PAGE: Final = 4096
_SIZES: Final = range(28, 60)
"""What else of the file's head SQLite goes by: how many pages there are, and in which form."""
_HEADER: Final = 100
_BEGINS: Final = b"SQLite format 3\x00"
_SCHEMA: Final = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY 1, 2"


def put_back(copy: Path, fresh: Path) -> bool:
    """Put a flipped bit of a copied database back; tell whether one was found by which it can be read.

    `fresh` is where a new database is made, whose schema it must have. What a log still holds is not looked
    at, so that there must be none.
    """
    if wal_bytes(copy):
        return False
    with closing(open_database(fresh)) as conn:
        wanted = conn.execute(_SCHEMA).fetchall()
    file = os.open(copy, os.O_RDWR)
    try:
        is_ours = os.pread(file, len(_BEGINS), 0) == _BEGINS
        return is_ours and any(_is_right(file, at, copy, wanted) for at in _places(file, copy))
    finally:
        os.close(file)


def _is_right(file: int, at: int, copy: Path, wanted: list[Any]) -> bool:
    """Try the eight bits of a byte; leave the one flipped by which all can be read."""
    was = os.pread(file, 1, at)
    for bit in range(8):
        os.pwrite(file, bytes([was[0] ^ 1 << bit]), at)
        if _can_be_read(copy, wanted):
            return True
    os.pwrite(file, was, at)
    return False


def _can_be_read(copy: Path, wanted: list[Any]) -> bool:
    try:
        with closing(peek(copy)) as conn:
            if conn.execute(_SCHEMA).fetchall() != wanted:
                return False
            if not terminal.is_sealed(conn) or terminal.is_damaged(conn):
                return False
            return bool(conn.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",))
    except (AnyError, TypeError, ValueError):
        return False


def _places(file: int, copy: Path) -> Iterator[int]:
    """Yield the bytes to try: the heads of file and page and where cells are, then these, from the end."""
    for page in _pages(file, copy):
        start = PAGE * (page - 1)
        head = start + (_HEADER if page == 1 else 0)
        said = os.pread(file, 12, head)
        cells, content = int.from_bytes(said[3:5]), int.from_bytes(said[5:7])
        end = min(head + 12 + 2 * cells, start + PAGE)
        yield from _SIZES if page == 1 else ()
        yield from range(head, end)
        yield from range(start + PAGE - 1, max(end, start + content) - 1, -1)


def _pages(file: int, copy: Path) -> list[int]:
    with suppress(AnyError, TypeError), closing(peek(copy)) as conn:
        return [_root(conn)]
    first, count = os.pread(file, PAGE, 0), os.fstat(file).st_size // PAGE
    cells = int.from_bytes(first[103:105])
    named = [int.from_bytes(first[108:112])]
    for cell in range(min(cells, (PAGE - 112) // 2)):
        place = int.from_bytes(first[112 + 2 * cell : 114 + 2 * cell])
        named.append(int.from_bytes(first[place : place + 4]))
    return [1, *sorted({page for page in named if 1 < page <= count})]


def _root(conn: Connection) -> int:
    (page,) = conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'terminal'").fetchone()
    return int(page)
