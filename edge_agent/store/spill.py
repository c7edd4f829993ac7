"""Rows of a file put together by a key on the disk: a file may be larger than the memory.

The database is nameless: the system removes it with the process, however that ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from edge_agent.store.database import AnyError, StoreError, nameless

CACHE_KIB: Final = 8192
GROUP_MAX: Final = 4 * 1024 * 1024
"""So many letters of one key are given back, each row counted as `_ROW` more: no receipt has as many."""
_ROW: Final = 256


class Group(NamedTuple):
    """What there is of one key: its blocks of rows with their lines, and how many rows more were too many."""

    blocks: list[list[tuple[int, list[str]]]]
    left_out: int


class Spill:
    """Rows by key, in the order in which the keys came first.

    Each raises StoreError `disk_full` where there is no room for them.
    """

    def __init__(self) -> None:
        with _on_disk():
            self._conn = nameless(CACHE_KIB)
            self._conn.execute("CREATE TABLE key (id INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)")
            self._conn.execute(
                "CREATE TABLE row (key INTEGER NOT NULL, block INTEGER NOT NULL, line INTEGER NOT NULL,"
                " cells TEXT NOT NULL, PRIMARY KEY (key, block, line)) WITHOUT ROWID"
            )
        self._open = ("", 0)
        self._block = 0

    def add(self, key: str, line: int, cells: list[str]) -> None:
        """Keep a row; rows of one key that stand together are a block."""
        named, number = self._open
        with _on_disk():
            if key != named or not number:
                self._block += 1
                self._conn.execute("INSERT OR IGNORE INTO key (text) VALUES (?)", (key,))
                (number,) = self._conn.execute("SELECT id FROM key WHERE text = ?", (key,)).fetchone()
                self._open = (key, number)
            self._conn.execute(
                "INSERT INTO row (key, block, line, cells) VALUES (?, ?, ?, ?)",
                (number, self._block, line, json.dumps(cells)),
            )

    def groups(self) -> Iterator[Group]:
        """Yield the rows of each key."""
        rows = self._conn.execute("SELECT key, block, line, cells FROM row ORDER BY key, block, line")
        now, last, size, left_out = None, None, 0, 0
        blocks = list[list[tuple[int, list[str]]]]()
        for key, block, line, cells in rows:
            if key != now:
                if blocks:
                    yield Group(blocks, left_out)
                now, last, size, left_out, blocks = key, None, 0, 0, []
            size += len(cells) + _ROW
            if blocks and size > GROUP_MAX:
                left_out += 1
                continue
            if block != last:
                blocks.append([])
                last = block
            blocks[-1].append((line, json.loads(cells)))
        if blocks:
            yield Group(blocks, left_out)

    def close(self) -> None:
        """Forget all."""
        self._conn.close()


@contextmanager
def _on_disk() -> Iterator[None]:
    try:
        yield
    except (AnyError, OSError) as error:
        raise StoreError(
            f"the disk has no room for the rows of the file while they are put together ({error}): free some "
            "space in /var/tmp",
            code="disk_full",
        ) from error
