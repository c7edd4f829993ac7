"""The pictures of the documentation: small, whole, and each of those that shots.py lists."""

from __future__ import annotations

import struct
import zlib

from tests.house_sources import ROOT
from tests.pictures.png import as_png
from tests.pictures.shots import SHOTS

SIZE_MAX = 120_000


def pixels_of(png: bytes) -> tuple[int, int, list[tuple[int, ...]]]:
    """Return width, height and colours of a PNG with a palette and plain rows."""
    chunks, at = dict[bytes, bytes](), 8
    while at < len(png):
        (length,) = struct.unpack_from(">I", png, at)
        name, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        assert struct.unpack_from(">I", png, at + 8 + length)[0] == zlib.crc32(name + data)
        chunks[name], at = data, at + 12 + length
    width, height = struct.unpack_from(">II", chunks[b"IHDR"])
    rows, palette = zlib.decompress(chunks[b"IDAT"]), chunks[b"PLTE"]
    indices = [index for row in range(height) for index in rows[row * (width + 1) + 1 :][:width]]
    return width, height, [tuple(palette[3 * index : 3 * index + 3]) for index in indices]


def test_a_picture_of_few_colours_keeps_every_pixel() -> None:
    colours = [(r, g, 200) for r in range(0, 160, 10) for g in range(0, 160, 10)]
    rgba = b"".join(bytes([*colour, 255]) for colour in colours)
    assert pixels_of(as_png(32, 8, rgba)) == (32, 8, colours)


def test_in_a_picture_of_many_colours_the_rare_ones_give_way_to_the_nearest() -> None:
    colours = [(r, g, 0) for r in range(16) for g in range(16)] * 2 + [(250, 0, 0), (15, 15, 3), (0, 4, 1)]
    rgba = b"".join(bytes([*colour, 255]) for colour in colours)
    _, _, found = pixels_of(as_png(len(colours), 1, rgba))
    assert found == [*colours[:-3], (15, 0, 0), (15, 15, 0), (0, 4, 0)]


def test_every_picture_of_the_list_is_there_and_small_and_no_other() -> None:
    files = {file.name: file for file in (ROOT / "docs/pictures").iterdir()}
    assert set(files) == {shot.file for shot in SHOTS}
    assert len(SHOTS) == len(files), "two pictures have one name"
    for shot in SHOTS:
        png = files[shot.file].read_bytes()
        assert struct.unpack_from(">II", png, 16) == (shot.screen.width, shot.screen.height)
        assert len(png) < SIZE_MAX
