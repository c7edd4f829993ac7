"""JSON lines: one receipt a line, as in the local HTTP API; fields that we do not know are passed over."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec

from edge_agent.pos_adapter.handed_in import decode, without_unknown
from edge_agent.pos_adapter.rows import Here, Row
from loyalty_core.errors import BadInput

LINE_MAX: Final = 4 * 1024 * 1024
"""The longest line, in bytes (in letters where the file is UTF-16): some 30,000 items."""
_UTF8_BOM: Final = b"\xef\xbb\xbf"
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")


def rows(file: BinaryIO, _: Here) -> Iterator[Row]:
    """Yield each line as a row; empty lines are none.

    Raises:
        BadInput: `encoding_wrong`.
    """
    for number, read in enumerate(_lines(file), start=1):
        if line := read.strip():
            yield _row(number, line)


def is_unfinished(file: BinaryIO) -> bool:
    """Tell whether the file looks as if its writer has not finished its last line."""
    begin = file.read(2)
    size = file.seek(0, io.SEEK_END)
    if not size or begin in _UTF16_BOMS:
        return False
    file.seek(max(0, size - LINE_MAX))
    last = file.read(LINE_MAX)
    if last.endswith(b"\n"):
        return False
    try:
        msgspec.json.decode(last[last.rfind(b"\n") + 1 :])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return False


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """Yield each line of the file; one that is too long is cut."""
    begin = file.read(2)
    file.seek(0)
    if begin in _UTF16_BOMS:
        yield from _as_utf8(io.TextIOWrapper(file, "utf-16", newline="\n"))
        return
    begin = file.read(3)
    file.seek(3 if begin == _UTF8_BOM else 0)
    while line := file.readline(LINE_MAX):
        yield line
        while len(line) == LINE_MAX and not line.endswith(b"\n"):
            line = file.readline(LINE_MAX)


def _as_utf8(text: io.TextIOWrapper) -> Iterator[bytes]:
    try:
        while line := text.readline(LINE_MAX):
            yield line.encode()
            while len(line) == LINE_MAX and not line.endswith("\n"):
                line = text.readline(LINE_MAX)
    except UnicodeError:
        raise BadInput(
            "the file begins like UTF-16 but is not: send it as UTF-8", code="encoding_wrong"
        ) from None
    finally:
        text.detach()


def _row(number: int, line: bytes) -> Row:
    place = f"line {number}"
    if len(line) >= LINE_MAX:
        refusal = BadInput(
            f"the line has {LINE_MAX} bytes or more: no receipt is that long, part it", code="line_too_long"
        )
        return Row(place=place, raw=line, refusal=refusal)
    try:
        try:
            receipt = decode(line)
        except BadInput as error:
            if "unknown field" not in str(error):
                raise
            receipt = without_unknown(line)
    except BadInput as error:
        return Row(place=place, raw=line, refusal=error)
    return Row(place=place, raw=line, receipt=receipt)
