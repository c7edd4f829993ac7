"""JSON lines: one receipt a line, as in the local HTTP API; fields that we do not know are passed over."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.pos_adapter.handed_in import decode, without_unknown
from edge_agent.pos_adapter.rows import Row
from loyalty_core.errors import BadInput

_BOMS = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


def rows(data: bytes) -> Iterator[Row]:
    """Yield each line as a row; empty lines are none."""
    data = _as_utf8(data)
    start, number = 0, 0
    while start < len(data):
        end = data.find(b"\n", start)
        end = len(data) if end < 0 else end
        line = data[start:end].strip()
        start, number = end + 1, number + 1
        if line:
            yield _row(number, line)


def _row(number: int, line: bytes) -> Row:
    place = f"line {number}"
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


def _as_utf8(data: bytes) -> bytes:
    if data.startswith(b"\xef\xbb\xbf"):
        return data[3:]
    encoding = _BOMS.get(data[:2])
    if encoding is None:
        return data
    try:
        return data[2:].decode(encoding).encode()
    except UnicodeError:
        raise BadInput(
            "the file begins like UTF-16 but is not: send it as UTF-8", code="encoding_wrong"
        ) from None
