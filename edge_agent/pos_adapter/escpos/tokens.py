"""A printer's bytes -> text and commands with their parameters, so that no picture is read as text.

Lengths are those of Epson's ESC/POS command reference, which other makers follow. A command that is not known
is taken as having no parameters, and counted; a block whose data is cut off ends with the bytes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

ESC: Final = 0x1B
_PREFIXES: Final = frozenset(b"\x1b\x1c\x1d\x10")
_TEXT: Final = re.compile(rb"[\x20-\x7e\x80-\xff]+")


class Token(NamedTuple):
    """Text (`name` is empty), a control character, or a command by its name with its parameters.

    Of data (pictures, codes) `args` has the first bytes. `start` and `end` say where it stands.
    """

    name: bytes
    args: bytes
    start: int
    end: int
    is_known: bool = True


ARGS_MAX: Final = 64
"""Bytes of a command's parameters and data that are kept."""

_FIXED: Final[Mapping[bytes, int]] = {
    **dict.fromkeys([b"\x1b" + bytes([one]) for one in b"@2<imLSv\x0c"], 0),
    **dict.fromkeys([b"\x1b" + bytes([one]) for one in b"! -=?AEGJKMRTUVXadertujq{%3N9#"], 1),
    **dict.fromkeys([b"\x1b" + bytes([one]) for one in b"$\\cBf"], 2),
    **dict.fromkeys([b"\x1b" + bytes([one]) for one in b"7"], 3),
    b"\x1bW": 8,
    **dict.fromkeys([b"\x1d" + bytes([one]) for one in b":cz"], 0),
    **dict.fromkeys([b"\x1d" + bytes([one]) for one in b"!BHhwfarI/bETxj"], 1),
    **dict.fromkeys([b"\x1d" + bytes([one]) for one in b"WLP$\\"], 2),
    b"\x1d^": 3,
    **dict.fromkeys([b"\x1c" + bytes([one]) for one in b"&."], 0),
    **dict.fromkeys([b"\x1c" + bytes([one]) for one in b"C-!W"], 1),
    **dict.fromkeys([b"\x1c" + bytes([one]) for one in b"Sp?"], 2),
    b"\x10\x05": 1,
}
"""Command -> how many bytes of parameters it always has."""


def tokens(data: bytes) -> Iterator[Token]:
    """Yield what a printer is told, in order; every byte is in one of them."""
    at, size = 0, len(data)
    while at < size:
        text = _TEXT.match(data, at)
        if text is not None:
            yield Token(b"", text[0], at, text.end())
            at = text.end()
        elif data[at] in _PREFIXES and at + 1 < size:
            token = _command(data, at)
            yield token
            at = token.end
        else:
            yield Token(data[at : at + 1], b"", at, at + 1)
            at += 1


def _command(data: bytes, at: int) -> Token:
    name, size = data[at : at + 2], len(data)
    length = _FIXED.get(name)
    is_known = True
    if length is None:
        measure = _MEASURES.get(name)
        is_known = measure is not None
        length = measure(data, at + 2) if measure is not None else 0
    end = min(size, at + 2 + length)
    return Token(name, data[at + 2 : min(end, at + 2 + ARGS_MAX)], at, end, is_known)


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")


def _byte(data: bytes, at: int) -> int:
    return data[at] if at < len(data) else 0


def _until_nul(most: int) -> Callable[[bytes, int], int]:
    def measure(data: bytes, at: int) -> int:
        found = data.find(b"\x00", at, at + most + 1)
        return (found + 1 if found >= 0 else min(len(data), at + most)) - at

    return measure


def _block(width: int) -> Callable[[bytes, int], int]:
    """Measure a function letter, so many bytes of length, and that much data."""
    return lambda data, at: 1 + width + _number(data, at + 1, width)


def _pulse(data: bytes, at: int) -> int:
    """Measure ESC p. Some tills leave its times out: then the next command begins where they should be."""
    for place in (1, 2):
        if _byte(data, at + place) in {0x1B, 0x1D} and 0x40 <= _byte(data, at + place + 1) < 0x7F:
            return place
    return 3


def _bit_image(data: bytes, at: int) -> int:
    dots = _number(data, at + 1, 2)
    return 3 + dots * (3 if _byte(data, at) in {32, 33} else 1)


def _own_letters(data: bytes, at: int) -> int:
    rows, first, last = _byte(data, at), _byte(data, at + 1), _byte(data, at + 2)
    length = 3
    for _ in range(max(0, last - first + 1)):
        length += 1 + rows * _byte(data, at + length)
    return length


def _bar_code(data: bytes, at: int) -> int:
    if _byte(data, at) > 6:
        return 2 + _byte(data, at + 1)
    return 1 + _until_nul(255)(data, at + 1)


def _raster(data: bytes, at: int) -> int:
    return 6 + _number(data, at + 2, 2) * _number(data, at + 4, 2)


def _cut(data: bytes, at: int) -> int:
    return 2 if _byte(data, at) in {65, 66, 97, 98, 103, 104} else 1


def _counter(data: bytes, at: int) -> int:
    return {0x30: 3, 0x31: 7, 0x32: 3}.get(_byte(data, at), 1)


def _stored_pictures(data: bytes, at: int) -> int:
    length = 1
    for _ in range(_byte(data, at)):
        length += 4 + 8 * _number(data, at + length, 2) * _number(data, at + length + 2, 2)
    return length


def _stored_bytes(data: bytes, at: int) -> int:
    return 8 + (_number(data, at + 6, 2) if _byte(data, at) == 0x31 else 0)


def _status(data: bytes, at: int) -> int:
    return 2 if _byte(data, at) in {7, 8, 18} else 1


def _at_once(data: bytes, at: int) -> int:
    return {1: 3, 2: 3, 3: 6, 7: 2, 8: 8}.get(_byte(data, at), 1)


_MEASURES: Final[Mapping[bytes, Callable[[bytes, int], int]]] = {
    b"\x1bp": _pulse,
    b"\x1b*": _bit_image,
    b"\x1b&": _own_letters,
    b"\x1bD": _until_nul(32),
    b"\x1b(": _block(2),
    b"\x1dk": _bar_code,
    b"\x1dv": _raster,
    b"\x1d(": _block(2),
    b"\x1d8": _block(4),
    b"\x1dV": _cut,
    b"\x1dC": _counter,
    b"\x1d*": lambda data, at: 2 + 8 * _byte(data, at) * _byte(data, at + 1),
    b"\x1dQ": _raster,
    b"\x1dg": lambda _data, _at: 4,
    b"\x1c(": _block(2),
    b"\x1cq": _stored_pictures,
    b"\x1cg": _stored_bytes,
    b"\x10\x04": _status,
    b"\x10\x14": _at_once,
}
"""Command -> how its parameters and data are measured."""
