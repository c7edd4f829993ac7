"""`hq-server member import` of new members beside raw SQL that writes the same rows into the same schema."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.code import Code
from bench.databases import connect, transaction
from bench.figures import FLOOR, NOW, Figure, figure
from bench.programs import HQ, command, set_up_hq
from bench.turns import in_turns

HEAD: Final = "member_id,lookups,name,phone,joined_on,home_store,birthday"
TABLES: Final = ("members", "look_ups", "member_look_ups", "changes")
"""What an import writes."""


def measure(codes: Sequence[Code], folder: Path, *, count: int, rounds: int) -> list[Figure]:
    """Return the seconds that the whole command takes, from the file to the last commit."""
    folder.mkdir()
    imports = {code.name: Imports(code, folder / code.name, count) for code in codes}
    raw = Raw(imports[NOW].filled())
    runs: dict[str, Callable[[int], float]] = {
        FLOOR: lambda turn: raw.write(folder / f"raw{turn}.db"),
        **{name: partial(Imports.take, one) for name, one in imports.items()},
    }
    what = f"member import, {count:,} new members with card, phone and birthday"
    return [figure(what, "s", in_turns(rounds, runs), floor_what="raw SQL writing the same rows")]


class Imports:
    """A headquarters before an import, and the file that it takes in."""

    def __init__(self, code: Code, folder: Path, count: int) -> None:
        self._code, self._folder = code, folder
        self._config = set_up_hq(code, folder / "before").name
        self._file = folder / "new.csv"
        rows = [
            f"N{n:06},C{n:07}X,K{n},010-{1000 + n // 10_000}-{n % 10_000:04},2026-01-01,S{n % 9},1980-05-17"
            for n in range(count)
        ]
        self._file.write_text("\n".join([HEAD, *rows, ""]), "utf-8")

    def take(self, turn: int) -> float:
        """Import into a copy and return how many seconds that took."""
        own = self._folder / f"turn{turn}"
        shutil.copytree(self._folder / "before", own)
        began = time.perf_counter()
        command(self._code, HQ, own / self._config, "member", "import", str(self._file))
        taken = time.perf_counter() - began
        shutil.rmtree(own)
        return taken

    def filled(self) -> Path:
        """Import into a copy that stays and return its database."""
        own = self._folder / "filled"
        shutil.copytree(self._folder / "before", own)
        command(self._code, HQ, own / self._config, "member", "import", str(self._file))
        return own / "data" / "hq.db"


class Raw:
    """The rows of members in a filled database, and the schema that holds them."""

    def __init__(self, filled: Path) -> None:
        conn = connect(filled)
        objects = conn.execute(
            "SELECT type, tbl_name, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"
        ).fetchall()
        self._schema = [
            sql
            for kind in ("table", "index", "trigger")
            for one, table, _, sql in objects
            if one == kind and table in TABLES
        ]
        self._rows: dict[str, list[tuple[Any, ...]]] = {
            table: conn.execute(f"SELECT * FROM {table}").fetchall() for table in TABLES
        }
        conn.close()

    def write(self, path: Path) -> float:
        """Write all rows into an empty database in one commit and return how many seconds that took."""
        conn = connect(path)
        for statement in self._schema:
            conn.execute(statement)
        began = time.perf_counter()
        with transaction(conn):
            for table, rows in self._rows.items():
                marks = ", ".join("?" * len(rows[0]))
                conn.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)
        taken = time.perf_counter() - began
        conn.close()
        path.unlink()
        return taken
