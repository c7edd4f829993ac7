"""What is printed between two cuts -> its lines of text, columns where they stand on the paper.

The end of a paper is a cut, or the end of the bytes (the till closed, or fell silent). What follows a cut
without printing anything (the drawer, an empty line, a second cut) belongs to the paper before it.
"""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from edge_agent.pos_adapter.escpos.tokens import Token, tokens

CODE_PAGES: Final[Mapping[int, str]] = {
    0: "cp437",
    1: "cp437",
    2: "cp850",
    3: "cp860",
    4: "cp863",
    5: "cp865",
    13: "cp857",
    14: "cp737",
    15: "iso8859_7",
    16: "cp1252",
    17: "cp866",
    18: "cp852",
    19: "cp858",
    21: "cp874",
    26: "cp874",
    32: "cp720",
    33: "cp775",
    34: "cp855",
    35: "cp861",
    36: "cp862",
    37: "cp864",
    38: "cp869",
    39: "iso8859_2",
    40: "iso8859_15",
    45: "cp1250",
    46: "cp1251",
    47: "cp1253",
    48: "cp1254",
    49: "cp1255",
    50: "cp1256",
    51: "cp1257",
    52: "cp1258",
}
"""`ESC t n` -> the code page, as Epson numbers them; a profile may say otherwise."""
LINES_MAX: Final = 2000
"""Lines of a paper that are read: some ten metres."""
LINE_MAX: Final = 200
"""Letters of a line that are read; no printer has as many columns."""
CUTS: Final = frozenset({b"\x1dV", b"\x1bi", b"\x1bm"})
PICTURES: Final = frozenset({b"\x1b*", b"\x1dv", b"\x1d/", b"\x1cp", b"\x1dQ"})
_FEEDS: Final = frozenset({b"\x1bd", b"\x1bJ", b"\x1be", b"\x1bK", b"\x0c"})
_TAB_EVERY: Final = 8


class Printer(msgspec.Struct, frozen=True, kw_only=True):
    """How a printer reads bytes: its two-byte letters where it has them, and how wide a column is in dots."""

    multibyte: str = "cp949"
    is_multibyte_at_first: bool = True
    dots_per_column: int = 12
    code_pages: Mapping[int, str] = {}


class Paper(msgspec.Struct, frozen=True, kw_only=True):
    """One paper: its lines without those that are empty, how many pictures, the bytes; `unknown` commands.

    It `is_cropped` where something is left out that was typed: lines or papers without end.
    """

    lines: tuple[str, ...]
    pictures: int
    raw: bytes
    is_cut: bool
    unknown: int = 0
    is_cropped: bool = False

    @property
    def is_blank(self) -> bool:
        """Whether nothing was printed on it."""
        return not self.lines and not self.pictures


def papers(data: bytes, printer: Printer) -> Iterator[Paper]:
    """Yield the papers that these bytes print; where nothing is printed at all, one blank one."""
    typewriter = _Typewriter(printer)
    begin = start = 0
    last: Paper | None = None
    for token in tokens(data):
        typewriter.take(token)
        if token.name in CUTS:
            paper = typewriter.tear(is_cut=True)
            if last is None or not paper.is_blank:
                if last is not None:
                    yield msgspec.structs.replace(last, raw=data[begin:start])
                last, begin = paper, start
            start = token.end
    rest = typewriter.tear(is_cut=False)
    if last is not None:
        end = len(data) if rest.is_blank else start
        yield msgspec.structs.replace(last, raw=data[begin:end])
    if last is None or not rest.is_blank:
        yield msgspec.structs.replace(rest, raw=data[start:])


class _Typewriter:
    """Types text at the place of the paper where the printer would."""

    def __init__(self, printer: Printer) -> None:
        self._printer = printer
        self._pages = {**CODE_PAGES, **printer.code_pages}
        self._lines: list[str] = []
        self._line: list[str] = []
        self._column = 0
        self._decoder = codecs.getincrementaldecoder(printer.multibyte or "ascii")("replace")
        self._pictures = self._unknown = 0
        self._is_cropped = False
        self._ended_by = b""
        self._reset()

    def _reset(self) -> None:
        self._is_multibyte = bool(self._printer.multibyte) and self._printer.is_multibyte_at_first
        self._page = 0
        self._wide = 1
        self._tabs: list[int] = []

    def tear(self, *, is_cut: bool) -> Paper:
        """Return the paper as it is now, but for its bytes, and begin a new one."""
        self._end_line()
        paper = Paper(
            lines=tuple(self._lines),
            pictures=self._pictures,
            raw=b"",
            is_cut=is_cut,
            unknown=self._unknown,
            is_cropped=self._is_cropped,
        )
        self._lines, self._pictures, self._unknown, self._is_cropped = [], 0, 0, False
        return paper

    def take(self, token: Token) -> None:
        """Do what a printer is told."""
        name, args = token.name, token.args
        self._unknown += not token.is_known
        ended_by, self._ended_by = self._ended_by, b""
        if not name:
            self._type(args)
        elif name in {b"\n", b"\r"}:
            if ended_by in {b"", name}:
                self._end_line()
                self._ended_by = name
        elif name == b"\t":
            self._move_to(next((tab for tab in self._tabs if tab > self._column), self._next_tab()))
        elif name in _FEEDS:
            self._end_line()
        elif name in PICTURES or (name in {b"\x1d(", b"\x1d8"} and args[:1] == b"L"):
            self._pictures += name[1:] not in {b"(", b"8"} or len(args) > 7
        elif name == b"\x1b$":
            self._move_to(int.from_bytes(args, "little") // self._printer.dots_per_column)
        elif name == b"\x1b\\":
            self._move_by(int.from_bytes(args, "little", signed=True))
        else:
            self._set(name, args)

    def _set(self, name: bytes, args: bytes) -> None:
        value = args[0] if args else 0
        match name:
            case b"\x1b@":
                self._end_line()
                self._reset()
            case b"\x1bt":
                self._page = value
            case b"\x1c&":
                self._is_multibyte = bool(self._printer.multibyte)
            case b"\x1c.":
                self._is_multibyte = False
                self._decoder.reset()
            case b"\x1d!":
                self._wide = (value >> 4 & 7) + 1
            case b"\x1b!":
                self._wide = 2 if value & 0x20 else 1
            case b"\x1bD":
                self._tabs = [tab for tab in args if tab]
            case _:
                pass

    def _type(self, data: bytes) -> None:
        for letter in self._decoded(data):
            if len(self._line) >= LINE_MAX:
                self._is_cropped |= not letter.isspace()
                continue
            if not (letter.isprintable() or letter.isspace()):
                continue
            self._line.append(" " if letter.isspace() else letter)
            wide = 2 if unicodedata.east_asian_width(letter) in "WF" else 1
            self._column += wide * self._wide

    def _decoded(self, data: bytes) -> str:
        if not self._is_multibyte:
            return data.decode(self._pages.get(self._page, "cp437"), "replace")
        return self._decoder.decode(data)

    def _next_tab(self) -> int:
        return self._column + 1 if self._tabs else (self._column // _TAB_EVERY + 1) * _TAB_EVERY

    def _move_to(self, column: int) -> None:
        """Go to a column; what is typed there never touches what stands before it."""
        if not self._line and column <= self._column:
            return
        spaces = max(1, column - self._column)
        self._line += " " * min(spaces, LINE_MAX - len(self._line))
        self._column = max(self._column + 1, column)

    def _move_by(self, dots: int) -> None:
        if dots > 0:
            columns = round(dots / self._printer.dots_per_column)
            if columns or self._line:
                self._move_to(self._column + max(1, columns))
        elif dots < 0 and self._line and self._line[-1] != " ":
            self._move_to(self._column)

    def _end_line(self) -> None:
        line = "".join(self._line).rstrip()
        if line.strip():
            if len(self._lines) < LINES_MAX:
                self._lines.append(line)
            else:
                self._is_cropped = True
        self._line, self._column = [], 0
        self._decoder.reset()
