"""A file's rows: each a receipt or the reason why it is none, with its place and raw text for a person."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePath

import msgspec

from edge_agent.config import Csv
from edge_agent.pos_adapter.handed_in import HandedIn
from loyalty_core.errors import BadInput


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt or day's total of a file, or what is wrong with it (`refusal`)."""

    place: str
    raw: bytes
    receipt: HandedIn | None = None
    refusal: BadInput | None = None


ADAPTERS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
"""File ending -> adapter."""


def shown(name: str) -> str:
    """Return a file's name as it can be printed and stored, whatever bytes it is made of on the disk."""
    return name.encode("utf-8", "backslashreplace").decode()


def adapter_of(name: str) -> str:
    """Return the adapter that reads a file of this name.

    Raises:
        BadInput: `file_kind_unknown`.
    """
    adapter = ADAPTERS.get(PurePath(name).suffix.lower())
    if adapter is None:
        raise BadInput(
            f"{name}: files must end in {', '.join(ADAPTERS)}: rename it or export another form",
            code="file_kind_unknown",
        )
    return adapter


def rows_of(adapter: str, data: bytes, csv: Csv) -> Iterator[Row]:
    """Yield the rows of a file's bytes, in order; bad ones among them do not stop the others.

    Raises:
        BadInput: when nothing of the file can be read.
    """
    if adapter == "csv":
        from edge_agent.pos_adapter import csv_rows

        return csv_rows.rows(data, csv)
    from edge_agent.pos_adapter import json_lines

    return json_lines.rows(data)


def is_unfinished(adapter: str, data: bytes) -> bool:
    """Tell whether the file looks as if its writer has not finished its last line."""
    if not data or data.endswith(b"\n") or data[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return False
    if adapter == "csv":
        return True
    try:
        msgspec.json.decode(data[data.rfind(b"\n") + 1 :])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return False
