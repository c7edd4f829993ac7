"""A CSV's bytes -> rows of cells with the lines on which they begin, in the encoding that it is found to be.

The file is read as a stream. A line that is broken costs that line; what it has swallowed is read again.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Final

from loyalty_core.errors import BadInput

AUTO: Final = "auto"
LINE_MAX: Final = 1024 * 1024
"""The longest line, in letters."""
ROW_MAX: Final = 2 * LINE_MAX
"""The longest row, in letters: a quote that never ends swallows no more."""
BROKEN_MAX: Final = 1000
"""Lines that are no CSV: beyond this many it is the file or its settings that are wrong."""
_SAMPLE: Final = 1024 * 1024
_CHUNK: Final = 256 * 1024
_HEAD: Final = 4096
_BOMS: Final = {b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_UTF8: Final = frozenset({"utf-8", "utf8", "utf_8"})


def encoding_of(file: BinaryIO, wanted: str) -> str:
    """Return the encoding of a file: by its mark, as the settings want it, or for `auto` as it is found.

    It is UTF-8 if all of it is, then CP949, then whichever of the two has fewer letters that are none. The
    file stands at its begin afterwards.

    Raises:
        BadInput: `encoding_wrong`: nobody knows the encoding of the settings.
    """
    head = file.read(_SAMPLE)
    file.seek(0)
    if head[:2] in _BOMS:
        return "utf-16"
    if wanted.lower() in _UTF8:
        return "utf-8-sig"
    if wanted.lower() != AUTO:
        try:
            codecs.lookup(wanted)
        except LookupError:
            raise BadInput(
                f"nobody knows the encoding {wanted}: set folder.csv.encoding to one, or to auto",
                code="encoding_wrong",
            ) from None
        return wanted
    # In UTF-16 every digit and comma has a zero at its one side; elsewhere a zero is a broken letter.
    ends, begins = head[1:_HEAD:2].count(0), head[:_HEAD:2].count(0)
    if abs(ends - begins) > len(head[:_HEAD]) // 20:
        return "utf-16-le" if ends > begins else "utf-16-be"
    if _is_all(file, "utf-8"):
        return "utf-8-sig"
    if _is_all(file, "cp949"):
        return "cp949"
    wrong = {name: head.decode(name, "replace").count("\ufffd") for name in ("utf-8", "cp949")}
    return "utf-8-sig" if wrong["utf-8"] <= wrong["cp949"] else "cp949"


def _is_all(file: BinaryIO, encoding: str) -> bool:
    """Tell whether the whole file is text of an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while chunk := file.read(_CHUNK):
            decoder.decode(chunk)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True


def escapes(encoding: str) -> str:
    """Return how letters that stand for undecodable bytes become bytes again."""
    return "surrogatepass" if encoding.lower().startswith("utf-16") else "surrogateescape"


class Lines:
    """The lines of a text, which may be given back; `taken` are those since the row began."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        # Each file is read once and closed by whoever opened it.
        self._text = io.TextIOWrapper(file, encoding, "surrogateescape", newline="")
        self._ahead: deque[str] = deque()
        self.taken: list[str] = []
        self.number = 0
        self._letters = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._ahead.popleft() if self._ahead else self._read()
        if not line:
            raise StopIteration
        self.taken.append(line)
        self._letters += len(line)
        if len(line) >= LINE_MAX:
            raise csv.Error(f"it has {LINE_MAX} letters or more")
        if self._letters > ROW_MAX:
            raise csv.Error("it goes on over too many lines: is a quote not closed?")
        return line

    def done(self) -> None:
        """Have a new row begin with the next line."""
        self.number += len(self.taken)
        self.taken.clear()
        self._letters = 0

    def give_back(self) -> str:
        """Give all lines but the first back; return that one."""
        first, *rest = self.taken
        self._ahead.extendleft(reversed(rest))
        self.taken = [first]
        self.done()
        return first

    def peek(self, count: int) -> list[str]:
        """Return the next lines, which stay."""
        while len(self._ahead) < count and (line := self._read()):
            self._ahead.append(line)
        return list(self._ahead)[:count]

    def close(self) -> None:
        """Leave the file to whoever opened it."""
        self._text.detach()

    def _read(self) -> str:
        """Return the next line; of one that is too long its beginning."""
        try:
            line = self._text.readline(LINE_MAX)
            more = line
            while len(more) == LINE_MAX and not more.endswith(("\n", "\r")):
                more = self._text.readline(LINE_MAX)
        except UnicodeError:
            raise BadInput(
                "the file begins like UTF-16 but is not: save it as UTF-8", code="encoding_wrong"
            ) from None
        return line


def table(lines: Lines, delimiter: str) -> Iterator[tuple[int, list[str] | BadInput, str]]:
    """Yield each row with the line on which it begins; a broken line as what is wrong with it, and its text.

    Raises:
        BadInput: `csv_invalid`, when so much is broken that this is no CSV.
    """
    broken = 0
    while True:
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        try:
            for cells in reader:
                begins = lines.number + 1
                lines.done()
                yield begins, cells, ""
            return
        except csv.Error as error:
            broken += 1
            refusal = BadInput(f"line {lines.number + 1} is not CSV: {error}", code="csv_invalid")
            if broken > BROKEN_MAX:
                raise refusal from None
            begins = lines.number + 1
            yield begins, refusal, lines.give_back()


_SEP: Final = re.compile(r"sep=(.)\s*", re.IGNORECASE)


def sep_of(line: str) -> str | None:
    """Return the delimiter that a spreadsheet's first line names (`sep=;`), None where it names none."""
    found = _SEP.fullmatch(line.strip("\r\n"))
    return found[1] if found else None
