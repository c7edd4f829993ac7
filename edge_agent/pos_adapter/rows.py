"""What an adapter is: a file's bytes -> rows, each a receipt, its mistake, or why it counts nothing.

An adapter reads the file as a stream, in bounded memory, and nothing beside it: no clock, no settings but its
own, no store. Whoever writes one of their own needs this file and `receipt`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO, NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from edge_agent.pos_adapter.handed_in import HandedIn
from loyalty_core.errors import BadInput


class Here(msgspec.Struct, frozen=True, kw_only=True):
    """What an adapter may take as given: this till's store and zone, and the programme's currency.

    `currency` is None while no programme is known. `source` is the file's name as it is shown, `options` what
    `folder.options` says to an adapter of somebody's own.
    """

    store_id: str
    zone: ZoneInfo
    currency: str | None
    source: str = ""
    options: Mapping[str, Any] = {}


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One receipt or day's total (`receipt`), what is wrong with it (`refusal`), or why it counts nothing.

    It has exactly one of the three. `passed` is a word for what is neither a visit nor a purchase, nor a
    mistake: `control`, `training`, `aborted`. `place` says where in the file it stands, for a person, and
    stays as it is when the file grows at its end. `raw` is the input of this row alone, which the same
    adapter can read again. `notices` are sentences on what looked odd. `is_copy` is a reprint: where its
    receipt is known it is that one, whatever it says.
    """

    place: str
    raw: bytes
    receipt: HandedIn | None = None
    refusal: BadInput | None = None
    passed: str = ""
    notices: tuple[str, ...] = ()
    is_copy: bool = False


def never(_: BinaryIO) -> bool:
    """Return False: no file of this kind looks unfinished."""
    return False


class Adapter(NamedTuple):
    """How files of one kind are read.

    `rows` yields the rows of a file, in order; bad ones among them do not stop the others. It raises
    `BadInput` when nothing (more) of the file can be read. `is_unfinished` tells whether the file looks as if
    its writer has more to say; it may seek.
    """

    rows: Callable[[BinaryIO, Here], Iterator[Row]]
    is_unfinished: Callable[[BinaryIO], bool] = never


def shown(name: str) -> str:
    """Return a file's name as it can be printed and stored, whatever bytes it is made of on the disk."""
    return name.encode("utf-8", "backslashreplace").decode()
