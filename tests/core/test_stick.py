"""Files on a stick: whoever has the store's key reads them, nobody else reads or changes anything."""

from __future__ import annotations

import re

import pytest

from loyalty_core.errors import BadWire
from loyalty_core.stick import FILE_BYTES_MAX, close_file, file_stem, open_file, parse_file
from loyalty_core.wire import MESSAGE_BYTES_MAX

KEY, SALT = b"k" * 32, b"s" * 32
ENVELOPE = b"an envelope that names card:2000123456782"


def closed(envelope: bytes = ENVELOPE, *, salt: bytes = SALT) -> bytes:
    return close_file(envelope, "S012-T03", KEY, salt)


def damaged(data: bytes, key: bytes = KEY) -> bool:
    with pytest.raises(BadWire) as refused:
        open_file(parse_file(data), key)
    return refused.value.code == "file_damaged"


def test_who_has_the_stores_key_reads_what_was_written() -> None:
    file = parse_file(closed())
    assert (file.terminal_id, open_file(file, KEY)) == ("S012-T03", ENVELOPE)


def test_who_finds_a_stick_reads_the_tills_name_and_nothing_else() -> None:
    assert b"S012-T03" in closed()
    assert b"card" not in closed()
    assert damaged(closed(), b"x" * 32)


def test_the_same_envelope_is_written_in_other_bytes_each_time() -> None:
    assert parse_file(closed()).closed != parse_file(closed(salt=b"t" * 32)).closed


def test_any_changed_byte_is_found() -> None:
    data = closed()
    for place in range(len(data)):
        assert damaged(data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :])


def test_a_file_that_is_cut_anywhere_or_followed_by_more_is_found() -> None:
    data = closed()
    for place in range(len(data)):
        assert damaged(data[:place])
    assert damaged(data + b"\0")


def test_the_largest_message_fits_and_more_is_not_looked_at() -> None:
    data = closed(bytes(MESSAGE_BYTES_MAX))
    assert len(data) <= FILE_BYTES_MAX
    assert len(open_file(parse_file(data), KEY)) == MESSAGE_BYTES_MAX
    assert damaged(bytes(FILE_BYTES_MAX + 1))


def test_a_files_name_tells_people_whose_it_is_and_suits_every_file_system() -> None:
    stem = file_stem("S012-T03", (1, 981), (2, 40), bytes(range(16)))
    assert stem == "dangol_S012-T03_1.000981-2.000040_00010203"
    assert file_stem("S012-T03", None, None, bytes(16)) == "dangol_S012-T03_none_00000000"
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,150}", file_stem("A" * 32, (1, 10**9), (9, 10**9), bytes(16)))
    one, other = file_stem("s1", None, None, bytes(16)), file_stem("S1", None, None, bytes([1] * 16))
    assert one.lower() != other.lower(), "a stick may not tell capitals apart"
