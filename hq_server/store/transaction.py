"""What decisions see of a database, whichever it is: named statements, run in one transaction."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator
from typing import Any

Row = tuple[Any, ...]
Value = str | int | bytes | None
Values = tuple[Value, ...]


class Transaction(ABC):
    """What decisions may do with the database: run named statements. Reads and writes are one moment.

    Rows are tuples in the order of the statement's columns; who reads them gives them their types.
    """

    __slots__ = ()

    @abstractmethod
    def one(self, statement: str, **parameters: Value) -> Row | None:
        """Return the first row, or None."""

    @abstractmethod
    def all(self, statement: str, **parameters: Value) -> list[Row]:
        """Return all rows."""

    @abstractmethod
    def each(self, statement: str, **parameters: Value) -> Iterator[Row]:
        """Return the rows one by one, for results that do not fit in memory."""

    @abstractmethod
    def run(self, statement: str, **parameters: Value) -> int:
        """Write, and return how many rows it touched."""

    @abstractmethod
    def many(self, statement: str, rows: Collection[Values]) -> None:
        """Write once for each of the rows, which hold the statement's parameters in declared order."""

    @abstractmethod
    def triggers_made(self) -> list[Row]:
        """Return what `house.triggers` would tell of a new database of this release."""
