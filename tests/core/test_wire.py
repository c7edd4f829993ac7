"""One canonical form, few kinds of values, and a bound on everything."""

from __future__ import annotations

import random
import tracemalloc
import zlib

import msgpack
import pytest

from loyalty_core.errors import BadWire
from loyalty_core.wire import (
    ITEMS_MAX,
    MESSAGE_BYTES_MAX,
    Message,
    Shape,
    compress,
    decompress,
    pack,
    shaped,
    unpack,
    unpack_plain,
)


class Inner(Shape, frozen=True):
    name: str
    flag: bool


class Sample(Shape, frozen=True):
    number: int
    text: str
    blob: bytes
    inner: tuple[Inner, ...]
    maybe: int | None


SAMPLE = Sample(300, "홍", b"\x00\xff", (Inner("a", True), Inner("b", False)), None)


class Loose(Shape, frozen=True):
    items: list[object]


def test_a_value_comes_back_as_it_went() -> None:
    assert unpack(pack(SAMPLE), Sample) == SAMPLE
    assert pack(unpack(pack(SAMPLE), Sample)) == pack(SAMPLE)


def test_the_form_is_a_plain_array() -> None:
    assert msgpack.unpackb(pack(SAMPLE)) == [300, "홍", b"\x00\xff", [["a", True], ["b", False]], None]


@pytest.mark.parametrize("number", [0, 127, 128, 255, 256, 2**16, 2**32, 2**64 - 1, -1, -32, -33, -(2**63)])
def test_integers_of_every_width_have_one_form(number: int) -> None:
    assert unpack(pack(Sample(number, "", b"", (), 1)), Sample).number == number


@pytest.mark.parametrize(
    "first",
    [
        b"\xcc\x07",
        b"\xcd\x00\x07",
        b"\xce\x00\x00\x00\x07",
        b"\xcf" + b"\x00" * 7 + b"\x07",
        b"\xd0\x07",
        b"\xd3" + b"\x00" * 7 + b"\x07",
    ],
    ids=["uint8", "uint16", "uint32", "uint64", "int8", "int64"],
)
def test_an_integer_wider_than_it_need_be_is_refused(first: bytes) -> None:
    good = pack(Sample(7, "", b"", (), None))
    assert good[:2] == b"\x95\x07"
    with pytest.raises(BadWire, match="canonical"):
        unpack(b"\x95" + first + good[2:], Sample)


@pytest.mark.parametrize(
    "whole",
    [
        b"\xdc\x00\x05\x07\xa0\xc4\x00\x90\xc0",
        b"\xdd\x00\x00\x00\x05\x07\xa0\xc4\x00\x90\xc0",
        b"\x95\x07\xd9\x00\xc4\x00\x90\xc0",
        b"\x95\x07\xda\x00\x00\xc4\x00\x90\xc0",
        b"\x95\x07\xa0\xc5\x00\x00\x90\xc0",
        b"\x95\x07\xa0\xc6\x00\x00\x00\x00\x90\xc0",
    ],
    ids=["array16", "array32", "str8", "str16", "bin16", "bin32"],
)
def test_a_length_wider_than_it_need_be_is_refused(whole: bytes) -> None:
    assert unpack(b"\x95\x07\xa0\xc4\x00\x90\xc0", Sample).number == 7
    with pytest.raises(BadWire, match="canonical"):
        unpack(whole, Sample)


@pytest.mark.parametrize(
    "value",
    [
        [1.0, "", b"", [], None],
        [float("nan"), "", b"", [], None],
        [float("inf"), "", b"", [], None],
        [True, "", b"", [], None],
        ["1", "", b"", [], None],
        [1, b"", b"", [], None],
        [1, "", "", [], None],
        [1, "", b"", None, None],
        [1, "", b"", [["a", 1]], None],
        [1, "", b"", [["a"]], None],
        [1, "", b"", []],
        [1, "", b"", [], None, None],
        [],
        None,
        7,
        "text",
        b"bytes",
    ],
    ids=str,
)
def test_a_field_that_is_missing_extra_or_of_another_kind_is_refused(value: object) -> None:
    with pytest.raises(BadWire, match="Sample"):
        unpack(msgpack.packb(value), Sample)


@pytest.mark.parametrize(
    "data",
    [
        b"\x81\x01\x01",
        b"\x81\xa1a\x01",
        b"\x91\x81\x01\x01",
        b"\x82\x01\x01\x01\x02",
        b"\xde\x00\x01\x01\x01",
        b"\xd4\x05\x00",
        b"\xd6\xff\x00\x00\x00\x00",
        b"\xc7\x01\x05\x00",
        b"\xc7\x00\xff",
        b"\xc1",
        b"",
        b"\x91",
        b"\xa5abc",
        b"\xd9\x01\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\x01\x01",
    ],
    ids=[
        "map",
        "map of text",
        "map inside",
        "duplicate keys",
        "map16",
        "ext",
        "timestamp",
        "ext8",
        "empty timestamp",
        "unused byte",
        "nothing",
        "cut array",
        "cut text",
        "no UTF-8",
        "endless bytes",
        "endless array",
        "trailing byte",
    ],
)
def test_bytes_of_another_language_are_refused_before_their_shape_is_looked_at(data: bytes) -> None:
    with pytest.raises(BadWire):
        unpack_plain(data)


@pytest.mark.parametrize(
    "field",
    [b"\x80", b"\xc7\x00\x05", b"\xcb" + b"\x00" * 8, b"\xca" + b"\x00" * 4],
    ids=["empty map", "empty ext", "double", "float"],
)
def test_what_the_unpacker_lets_through_no_shape_takes(field: bytes) -> None:
    for place in range(5):
        parts = [b"\x07", b"\xa0", b"\xc4\x00", b"\x90", b"\xc0"]
        parts[place] = field
        with pytest.raises(BadWire):
            unpack(b"\x95" + b"".join(parts), Sample)
    with pytest.raises(BadWire):
        unpack(field, Sample)


def test_trailing_bytes_are_refused() -> None:
    for tail in (b"\x00", b"\xc0", pack(SAMPLE)):
        with pytest.raises(BadWire):
            unpack(pack(SAMPLE) + tail, Sample)


def test_every_cut_is_refused() -> None:
    data = pack(SAMPLE)
    for end in range(len(data)):
        with pytest.raises(BadWire):
            unpack(data[:end], Sample)


def test_what_is_nested_too_deeply_is_refused_not_a_crash() -> None:
    for depth in (2_000, 1_000_000):
        with pytest.raises(BadWire):
            unpack_plain(b"\x91" * depth + b"\xc0")


def test_a_message_may_be_as_large_as_its_bound_and_no_larger() -> None:
    data = pack(SAMPLE)
    assert unpack(data, Sample, bytes_max=len(data)) == SAMPLE
    with pytest.raises(BadWire, match=f"{len(data)} bytes are more than the {len(data) - 1}"):
        unpack(data, Sample, bytes_max=len(data) - 1)


def test_the_default_bound_is_16_mebibytes() -> None:
    head = len(pack(Loose([bytes(70_000)]))) - 70_000
    assert unpack_plain(pack(Loose([bytes(MESSAGE_BYTES_MAX - head)])))
    with pytest.raises(BadWire, match="more than"):
        unpack_plain(pack(Loose([bytes(MESSAGE_BYTES_MAX - head + 1)])))


def test_one_array_may_hold_as_many_items_as_its_bound_and_no_more() -> None:
    assert unpack_plain(msgpack.packb([1] * (ITEMS_MAX - 1))) == [1] * (ITEMS_MAX - 1)
    with pytest.raises(BadWire):
        unpack_plain(msgpack.packb([1] * ITEMS_MAX))


def test_many_arrays_together_hold_no_more_items_than_one() -> None:
    rows = [[1, 2, 3]] * (ITEMS_MAX // 5 - 1)  # three items, the row, and its place in the outer array
    assert unpack_plain(msgpack.packb(rows)) == rows
    with pytest.raises(BadWire, match="items"):
        unpack_plain(msgpack.packb([[[1]] * 1_000] * 200))


def test_a_small_bound_on_items_holds_for_small_messages() -> None:
    data = msgpack.packb([[1, 2], [3, 4]])
    assert unpack_plain(data, items_max=len(data)) == [[1, 2], [3, 4]]
    with pytest.raises(BadWire):
        unpack_plain(data, items_max=3)


def test_a_message_of_empty_arrays_does_not_fill_the_memory() -> None:
    inner = msgpack.packb([[]] * 150_000)
    bomb = b"\xdc\x00\x50" + inner * 80
    assert len(bomb) < MESSAGE_BYTES_MAX
    tracemalloc.start()
    with pytest.raises(BadWire, match="items"):
        unpack_plain(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 64 * 1024 * 1024


def test_random_bytes_are_refused_or_come_back_the_same() -> None:
    chance = random.Random(20261121)
    for _ in range(3_000):
        data = chance.randbytes(chance.randrange(40))
        try:
            value = unpack(b"\x95" + data, Sample)
        except BadWire:
            continue
        assert pack(value) == b"\x95" + data


def test_a_plain_value_with_a_field_too_many_is_no_shape() -> None:
    with pytest.raises(BadWire):
        shaped([1, "", b"", [], None, None], Sample)


def test_a_shape_says_which_field_was_wrong() -> None:
    with pytest.raises(BadWire, match=r"Sample: .*\$\[3\]\[0\]\[1\]"):
        shaped([1, "", b"", [["a", "no"]], None], Sample)


@pytest.mark.parametrize("size", [0, 1, 1_000, 65_536, 1_000_000])
@pytest.mark.parametrize("filling", [b"x", None], ids=["even", "random"])
def test_compressed_bytes_come_back_up_to_exactly_the_bound(size: int, filling: bytes | None) -> None:
    plain = random.Random(size).randbytes(size) if filling is None else filling * size
    assert decompress(compress(plain), bytes_max=max(size, 1)) == plain
    if size > 1:
        with pytest.raises(BadWire, match=f"more than {size - 1} bytes"):
            decompress(compress(plain), bytes_max=size - 1)


def test_a_bound_of_nothing_lets_nothing_through() -> None:
    assert decompress(compress(b""), bytes_max=0) == b""
    with pytest.raises(BadWire):
        decompress(compress(b"x"), bytes_max=0)


def test_a_zlib_bomb_stops_at_the_bound() -> None:
    bomb = compress(bytes(50_000_000))
    assert len(bomb) < 60_000
    tracemalloc.start()
    with pytest.raises(BadWire, match="more than 1000000 bytes"):
        decompress(bomb, bytes_max=1_000_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8_000_000


def test_cut_compressed_bytes_are_refused_wherever_they_are_cut() -> None:
    data = compress(b"the same words again and the same words again" * 20)
    for end in range(len(data)):
        with pytest.raises(BadWire):
            decompress(data[:end], bytes_max=10_000)


def test_bytes_after_the_compressed_part_are_refused() -> None:
    with pytest.raises(BadWire, match="followed by other bytes"):
        decompress(compress(b"x") + b"\x00", bytes_max=100)
    with pytest.raises(BadWire):
        decompress(compress(b"x") + compress(b"y"), bytes_max=100)


def test_a_flipped_bit_in_the_compressed_part_never_gives_other_bytes() -> None:
    plain = b"the same words again and the same words again"
    data = compress(plain)
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        try:
            assert decompress(bytes(flipped), bytes_max=10_000) == plain
        except BadWire:
            continue


@pytest.mark.parametrize(
    "data",
    [b"", b"no zlib", zlib.compress(b"x")[2:], b"\x1f\x8b" + bytes(10)],
    ids=["empty", "text", "raw", "gzip"],
)
def test_what_is_no_zlib_is_refused(data: bytes) -> None:
    with pytest.raises(BadWire):
        decompress(data, bytes_max=100)


class Growing(Message, frozen=True):
    number: int
    text: str = ""


@pytest.mark.parametrize("value", [[1.0], [1.0, ""], [True], [1, "", 0.0], [1, "", [{}]], [1, 2]], ids=str)
def test_what_a_message_says_is_of_the_allowed_kinds_in_whatever_place(value: object) -> None:
    with pytest.raises(BadWire):
        unpack(pack(value), Growing)


def test_what_is_nested_beyond_reason_at_the_end_of_a_message_is_refused() -> None:
    with pytest.raises(BadWire):
        unpack(b"\x93\x07\xa0" + b"\x91" * 1000 + b"\xc0", Growing)
