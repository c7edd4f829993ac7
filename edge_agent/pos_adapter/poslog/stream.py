"""POSLog bytes -> the bytes of one transaction after the other, in bounded memory.

Transactions are cut out by their tags before anything is parsed: a root may be missing, a file may be one
line of a gigabyte, and a transaction that is broken costs itself alone. Tags are ASCII in every encoding that
tills use but UTF-16, which is turned into UTF-8 first.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from loyalty_core.errors import BadInput

CHUNK: Final = 256 * 1024
TRANSACTION_MAX: Final = 8 * 1024 * 1024
"""The longest transaction, in bytes: some 10,000 lines."""
SHOWN_OF_TOO_LONG: Final = 64 * 1024
HEAD: Final = 4096
"""Where the file says what it is and how it is written."""
_MARK_MAX: Final = 512
_TAG_MAX: Final = 64 * 1024
_SKIPPED_MAX: Final = 1024 * 1024
"""A comment that has no end by then is none."""
_MARK: Final = re.compile(
    rb"(?P<skip><!--|<!\[CDATA\[|<\?)|(?P<dtd><!DOCTYPE)"
    rb"|</(?P<close>(?:[\w.-]{1,200}:)?Transaction)\s{0,99}>|<(?P<open>(?:[\w.-]{1,200}:)?Transaction)(?=[\s/>])"
)
_ENDS: Final = {b"<!--": b"-->", b"<![CDATA[": b"]]>", b"<?": b"?>"}
_DECLARED: Final = re.compile(rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_UTF16: Final = {
    b"\xff\xfe": "utf-16-le",
    b"\xfe\xff": "utf-16-be",
    b"<\x00": "utf-16-le",
    b"\x00<": "utf-16-be",
}


class Piece(NamedTuple):
    """A transaction's bytes; of one that is cut or too long those that there are, or its first ones.

    `encoding` is what the file says that it is written in, "" where it says nothing.
    """

    raw: bytes
    encoding: str = ""
    is_cut: bool = False
    is_too_long: bool = False


def pieces(file: BinaryIO) -> Iterator[Piece]:
    """Yield the transactions of a file.

    Raises:
        BadInput: `xml_dtd`, `poslog_missing`.
    """
    window = _Window(_as_utf8(file))
    window.fill(0)
    head = bytes(window.data)
    declared = _DECLARED.search(head)
    encoding = declared[1].decode("ascii").lower() if declared else ""
    inside, start, last_end, found = b"", 0, 0, False
    for mark in _marks(window):
        if not inside and mark.is_open:
            found, start = True, mark.start
            if mark.is_closed:
                last_end = mark.end
                yield Piece(window.between(start, last_end), encoding)
            else:
                inside, window.keep = mark.name, start
        elif inside and mark.is_open and mark.name == inside and not mark.is_closed:
            yield Piece(window.between(start, mark.start), encoding, is_cut=True)
            start = window.keep = mark.start
            window.lost = b""
        elif not mark.is_open and mark.name == inside:
            raw, last_end = window.lost or window.between(start, mark.end), mark.end
            yield Piece(raw, encoding, is_too_long=bool(window.lost))
            inside, window.keep, window.lost = b"", None, b""
        elif not mark.is_open and not inside:
            found = True
            yield Piece(window.between(last_end, mark.end), encoding, is_cut=True)
            last_end = mark.end
    if inside:
        yield Piece(window.lost or window.between(start, window.end), encoding, is_cut=True)
    elif not found and head.strip() and b"POSLog" not in head:
        raise BadInput(
            "there is no transaction in it, and it does not call itself a POSLog: is it the right file?",
            code="poslog_missing",
        )


def ends_inside(last: bytes) -> bool:
    """Tell whether a file whose end this is stops inside of a tag or of a transaction. Not told of UTF-16."""
    if not last.strip() or last[:2] in _UTF16:
        return False
    marks = [found for found in _MARK.finditer(last) if found["open"] or found["close"]]
    return not last.rstrip().endswith(b">") or bool(marks and marks[-1]["open"])


class _Mark(NamedTuple):
    """A tag of a transaction: the name as it is written, and where it stands from the file's begin."""

    name: bytes
    start: int
    end: int
    is_open: bool
    is_closed: bool


class _Window:
    """The part of a stream that is looked at, by positions from its begin. `keep` is what is needed yet."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self.data = bytearray()
        self.begin = 0
        self.keep: int | None = None
        self.lost = b""
        self._lacks: dict[bytes, int] = {}

    @property
    def end(self) -> int:
        return self.begin + len(self.data)

    def between(self, start: int, end: int) -> bytes:
        """Return what of this is still there."""
        return bytes(self.data[max(0, start - self.begin) : end - self.begin])

    def fill(self, at: int) -> bool:
        """Read on; what is before `at` and not to be kept is forgotten. Tell whether there was more."""
        if self.keep is not None and self.end - self.keep > TRANSACTION_MAX:
            self.lost = self.between(self.keep, self.keep + SHOWN_OF_TOO_LONG)
            self.keep = None
        done = at if self.keep is None else min(at, self.keep)
        del self.data[: max(0, done - self.begin)]
        self.begin = max(self.begin, done)
        more = next(self._chunks, b"")
        self.data += more
        return bool(more)

    def after(self, ending: bytes, at: int, most: int) -> int | None:
        """Return where an ending that is looked for from `at` is over; None where it is not within `most`.

        What was looked at is not looked at again, so that many that never end take no longer than one.
        """
        while True:
            begin = max(at, self._lacks.get(ending, 0) - len(ending) + 1)
            found = self.data.find(ending, begin - self.begin)
            if found >= 0:
                return self.begin + found + len(ending)
            self._lacks[ending] = self.end
            if self.end - at > most or not self.fill(max(0, at - _MARK_MAX)):
                return None


def _marks(window: _Window) -> Iterator[_Mark]:
    at = 0
    while True:
        found = _MARK.search(window.data, at - window.begin)
        if found is None:
            at = max(at, window.end - _MARK_MAX)
            if not window.fill(at):
                return
            continue
        start, at = window.begin + found.start(), window.begin + found.end()
        if found["dtd"]:
            raise BadInput(
                "it has a document type of its own (DOCTYPE), which is not read: export it without one",
                code="xml_dtd",
            )
        if found["skip"]:
            at = window.after(_ENDS[found["skip"]], at, _SKIPPED_MAX) or at
        elif found["close"]:
            yield _Mark(found["close"], start, at, is_open=False, is_closed=True)
        else:
            name, end = found["open"], window.after(b">", at, _TAG_MAX)
            if end is not None:
                at = end
                yield _Mark(name, start, end, is_open=True, is_closed=window.between(end - 2, end) == b"/>")


def _as_utf8(file: BinaryIO) -> Iterator[bytes]:
    """Yield the bytes of the file, those of UTF-16 as UTF-8; what is no letter in it as U+FFFD."""
    first = file.read(HEAD)
    encoding = _UTF16.get(first[:2])
    decoder = codecs.getincrementaldecoder(encoding)("replace") if encoding else None
    while first:
        yield decoder.decode(first).encode("utf-8", "replace") if decoder else first
        first = file.read(CHUNK)
