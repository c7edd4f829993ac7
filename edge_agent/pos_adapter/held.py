"""An adapter of somebody's own, held to what one is: what it does wrong costs its file, not the agent."""

from __future__ import annotations

import io
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import PurePath
from typing import BinaryIO

import msgspec

from edge_agent.pos_adapter.handed_in import decode
from edge_agent.pos_adapter.rows import Adapter, Here, Row
from loyalty_core.errors import BadInput, LoyaltyError


def held(name: str, adapter: Adapter) -> Adapter:
    """Return the adapter of this name, so that all that it gets wrong is an exception.

    It raises `adapter_broken` where it fails, yields what is no row, never comes to an end, or ends the
    process.
    """
    return Adapter(partial(_rows, name, adapter), partial(_is_unfinished, name, adapter))


def _rows(name: str, adapter: Adapter, file: BinaryIO, here: Here) -> Iterator[Row]:
    rows_max = max(1, file.seek(0, io.SEEK_END))
    file.seek(0)
    with _told(name):
        for number, row in enumerate(adapter.rows(file, here), start=1):
            if not _is_row(row):
                raise _broken(
                    name, f"yields, as number {number}, what is no rows.Row with exactly one of three"
                )
            if number > rows_max:
                raise _broken(name, "yields more rows than the file has bytes")
            yield _typed(row)


def _is_unfinished(name: str, adapter: Adapter, file: BinaryIO) -> bool:
    with _told(name):
        return adapter.is_unfinished(file)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Tell what is no word of ours nor the file's fault as a mistake of the adapter, with its place."""
    try:
        yield
    except (LoyaltyError, OSError):
        raise
    except SystemExit:
        raise _broken(name, "ends the process") from None
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        where = f"{PurePath(frame.filename).name} line {frame.lineno}"
        raise _broken(name, f"fails in {where} ({type(error).__name__}: {error})") from error


def _is_row(row: object) -> bool:
    return (
        isinstance(row, Row)
        and (type(row.place), type(row.raw)) == (str, bytes)
        and (row.receipt is not None) + (row.refusal is not None) + bool(row.passed) == 1
    )


def _typed(row: Row) -> Row:
    """Return the row with its receipt as if it had come as JSON: amounts are whole numbers, and so on."""
    if row.receipt is None:
        return row
    try:
        return msgspec.structs.replace(row, receipt=decode(msgspec.json.encode(row.receipt)))
    except BadInput as error:
        return msgspec.structs.replace(row, receipt=None, refusal=error)


def _broken(name: str, what: str) -> BadInput:
    return BadInput(f'the adapter "{name}" {what}: mend its package', code="adapter_broken")
