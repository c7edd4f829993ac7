"""Many rows at once: an INSERT of a row's parameters as one INSERT of arrays.

PostgreSQL takes some 20 us for each statement, and a few for each row of one statement.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from typing import Final

import msgspec

from hq_server.store.statements import array_of
from hq_server.store.transaction import Values

_INSERT: Final = re.compile(
    r"(?s)\s*INSERT INTO \w+ \((?P<columns>[^)]*)\)\s+VALUES \((?P<values>.*?)\)\s*(?P<rest>ON CONFLICT.*|;)"
)
_TARGET: Final = re.compile(r"ON CONFLICT \(([^)]*)\) DO UPDATE")


class Bulk(msgspec.Struct, frozen=True):
    """An INSERT that takes an array for each parameter.

    One statement may not write one row twice: `key` are the parameters that tell the row where it may.
    """

    sql: str
    types: tuple[str, ...]
    key: tuple[int, ...]

    def rounds(self, rows: Collection[Values]) -> Iterator[Collection[Values]]:
        """Yield the rows in their order, in as few parts as have no row twice."""
        if not self.key or len(set(map(itemgetter(*self.key), rows))) == len(rows):
            yield rows
            return
        parts: list[list[Values]] = []
        seen: dict[Values, int] = {}
        for row in rows:
            key = tuple([row[place] for place in self.key])
            number = seen[key] = seen.get(key, -1) + 1
            if number == len(parts):
                parts.append([])
            parts[number].append(row)
        yield from parts


def bulk_form(sql: str, types: Sequence[str]) -> Bulk | None:
    """Return a statement for many rows at once, None where it is no INSERT; `types` are its parameters'."""
    found = _INSERT.fullmatch(sql)
    if found is None:
        return None
    names = [f"p{number}" for number in range(1, len(types) + 1)]
    arrays = ", ".join(array_of(number, kind) for number, kind in enumerate(types, start=1))
    values = found["values"]
    told = re.sub(r"\$(\d+)", r"given.p\1", values)
    key: set[int] = set()
    if target := _TARGET.match(found["rest"]):
        columns = [column.strip() for column in found["columns"].split(",")]
        by_column = dict(zip(columns, _parts(values), strict=True))
        for column in target[1].split(","):
            key.update(int(place) - 1 for place in re.findall(r"\$(\d+)", by_column[column.strip()]))
    head = sql[: found.start("values")].rpartition("VALUES")[0]
    rows = f"unnest({arrays}) AS given ({', '.join(names)})"
    return Bulk(f"{head}SELECT {told} FROM {rows}\n{found['rest']}", tuple(types), tuple(sorted(key)))  # noqa: S608


def _parts(values: str) -> list[str]:
    """Split at the commas that are in no brackets."""
    parts, depth = [""], 0
    for letter in values:
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return parts
