"""Screens as small PNG files: at most 256 colours, which is nearly what a quiet page has."""

from __future__ import annotations

import struct
import zlib
from collections import Counter
from typing import Final

COLOURS_MAX: Final = 256


def as_png(width: int, height: int, rgba: bytes) -> bytes:
    """Return a picture of these pixels, opaque, row by row; the same bytes for the same pixels.

    Where there are more colours than a palette holds, each of the rare ones gives way to the nearest.
    """
    pixels = memoryview(rgba).cast("I")
    often = [colour for colour, _ in Counter(pixels).most_common()]
    palette = often[:COLOURS_MAX]
    place = {colour: index for index, colour in enumerate(palette)}
    kept = [(index, *_parts(colour)) for index, colour in enumerate(palette)]
    for colour in often[COLOURS_MAX:]:
        r, g, b = _parts(colour)
        place[colour] = min(kept, key=lambda one: (one[1] - r) ** 2 + (one[2] - g) ** 2 + (one[3] - b) ** 2)[
            0
        ]
    indices = bytes(map(place.__getitem__, pixels))
    rows = b"".join(b"\0" + indices[at : at + width] for at in range(0, width * height, width))
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    colours = b"".join(bytes(_parts(colour)) for colour in palette)
    chunks = ((b"IHDR", head), (b"PLTE", colours), (b"IDAT", zlib.compress(rows, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in chunks)


def _parts(colour: int) -> tuple[int, int, int]:
    r, g, b, _ = colour.to_bytes(4, "little")
    return r, g, b


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
