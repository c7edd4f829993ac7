"""The checkout's files as the laws of the house see them; the laws are in test_house.py and test_sides.py."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parents[1]

SQL_START = re.compile(
    r"""\s*(?:
        SELECT\s+\S | INSERT\s+(?:OR\s+\w+\s+)?INTO\s | REPLACE\s+INTO\s | UPDATE\s+\S | DELETE\s+FROM\s
      | (?:CREATE|DROP|ALTER|TRUNCATE)\s+\S | PRAGMA\s+\w | (?:ATTACH|DETACH)\s
      | (?:VACUUM|ANALYZE|REINDEX)\b
      | BEGIN\s*(?:;|$|IMMEDIATE|EXCLUSIVE|DEFERRED|TRANSACTION) | (?:COMMIT|ROLLBACK)\s*(?:;|$|TO\s)
      | (?:SAVEPOINT|RELEASE)\s+\S | WITH\s+(?:RECURSIVE\s+)?\w+.*\bAS\s | EXPLAIN\s | LOCK\s+TABLE\s
      | (?i:SELECT\s.+\sFROM\s | INSERT\s+INTO\s | UPDATE\s+\w+\s+SET\s | DELETE\s+FROM\s
          | CREATE\s+TABLE\s | PRAGMA\s+\w)
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Source:
    """One file, by its path in the checkout."""

    path: PurePosixPath
    text: str

    @property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    def at(self, node: ast.AST, complaint: str) -> str:
        return f"{self.path}:{getattr(node, 'lineno', 1)}: {complaint}"


def example(path: str, text: str) -> Source:
    return Source(PurePosixPath(path), text)


def read(folder: PurePosixPath | str, pattern: str) -> list[Source]:
    """Return the files below a folder of the checkout; finding none is a failure, not a pass."""
    paths = sorted((ROOT / folder).rglob(pattern))
    assert paths, f"no {pattern} below {folder}: this law would hold for want of anything to read"
    return [
        Source(PurePosixPath(path.relative_to(ROOT).as_posix()), path.read_text(encoding="utf-8"))
        for path in paths
    ]


def docstrings(tree: ast.Module) -> set[ast.AST]:
    """Return the constants that are docstrings, or stand alone as a comment would."""
    return {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }


def sql_strings(source: Source) -> Iterator[tuple[ast.Constant, str]]:
    """Yield the string constants that start like a statement."""
    tree = source.tree
    prose = docstrings(tree)
    for node in ast.walk(tree):
        match node:
            case ast.Constant(value=str(text)) if node not in prose and SQL_START.match(text):
                yield node, text
