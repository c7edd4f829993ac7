"""Values <-> the one canonical msgpack form: arrays, integers, texts, bytes, nil and booleans only.

What is sent is a `Shape`: positional, every field checked. `pack(unpack(x)) == x` holds for all that is
accepted, which also refuses non-minimal forms, trailing bytes, floats, maps and extensions; of a `Message` of
another release it holds but for the fields at the end that only one of the two knows.

msgspec packs, and reads what is small and of a known shape; messages are unpacked by msgpack, which can be
told how many items to accept. Both write the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final, TypeVar

import msgpack
import msgspec

from loyalty_core.errors import BadWire, said

MESSAGE_BYTES_MAX: Final = 16 * 1024 * 1024
"""The largest message that is unpacked, in bytes after decompression."""
ITEMS_MAX: Final = 200_000
"""The most items and arrays of one message together: by bytes alone it could fill the memory."""


class Shape(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A positional value of the wire. Subclasses name the positions."""


class Message(Shape, frozen=True, forbid_unknown_fields=False):
    """A Shape that grows: later releases add fields at the end, each with a default.

    What a later release has added is not looked at, what an earlier one does not send has its default. So a
    new field may say only what the other side can be without; all else is an envelope of another type.
    """


S = TypeVar("S", bound=msgspec.Struct)
_ENCODE: Final = msgspec.msgpack.Encoder().encode


def pack(value: object) -> bytes:
    """Return the canonical bytes of a Shape, or of plain values of the allowed kinds."""
    return _ENCODE(value)


def unpack(
    data: bytes, shape: type[S], *, bytes_max: int = MESSAGE_BYTES_MAX, items_max: int = ITEMS_MAX
) -> S:
    """Return the value of `shape` that these bytes are the canonical form of.

    Raises:
        BadWire: for anything else.
    """
    plain = unpack_plain(data, bytes_max=bytes_max, items_max=items_max)
    value = shaped(plain, shape)
    if pack(value) != data and not (issubclass(shape, Message) and _is_canonical(plain, data)):
        raise BadWire(f"{shape.__name__}: the bytes are not in canonical form")
    return value


def unpack_plain(data: bytes, *, bytes_max: int = MESSAGE_BYTES_MAX, items_max: int = ITEMS_MAX) -> object:
    """Return the plain value of msgpack bytes; the caller must check its shape and its canonical form.

    Raises:
        BadWire: too large, too many items, not msgpack, with maps or extensions, nested too deeply, or with
            trailing bytes.
    """
    if len(data) > bytes_max:
        raise BadWire(f"{len(data)} bytes are more than the {bytes_max} that are accepted")
    try:
        return msgpack.unpackb(
            data,
            raw=False,
            use_list=True,
            max_map_len=0,
            max_ext_len=0,
            max_array_len=items_max,
            max_str_len=bytes_max,
            max_bin_len=bytes_max,
            # An item is at least a byte, so most messages need no counting.
            list_hook=_counted(items_max) if len(data) > items_max else None,
        )
    except (ValueError, RecursionError) as error:
        raise BadWire(f"not the msgpack that is accepted here ({type(error).__name__})") from None


def _is_canonical(plain: object, data: bytes) -> bool:
    """Tell whether these bytes are the canonical form of a value of the allowed kinds alone."""
    waiting = [plain]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif not isinstance(one, int | str | bytes | None):
            return False
    try:
        return pack(plain) == data
    except RecursionError:
        return False


def _counted(items_max: int) -> Callable[[list[object]], list[object]]:
    seen = 0

    def count(items: list[object]) -> list[object]:
        nonlocal seen
        seen += 1 + len(items)
        if seen > items_max:
            raise BadWire(f"a message of more than {items_max} items is not accepted")
        return items

    return count


def shaped(value: object, shape: type[S]) -> S:
    """Return a plain value as `shape`.

    Raises:
        BadWire: when a field is missing, extra, of another type or out of bounds.
    """
    try:
        return msgspec.convert(value, shape, strict=True, builtin_types=(bytes,))
    except msgspec.ValidationError as error:
        raise BadWire(f"{shape.__name__}: {said(error)}") from None


def compress(data: bytes) -> bytes:
    """Return the zlib form of bytes."""
    return zlib.compress(data, 6)


def decompress(data: bytes, *, bytes_max: int) -> bytes:
    """Return what zlib bytes hold, never more than `bytes_max`.

    Raises:
        BadWire: not zlib, cut short, followed by more bytes, or larger than allowed.
    """
    stream = zlib.decompressobj()
    try:
        # One byte more than allowed, since 0 would mean no bound to zlib.
        plain = stream.decompress(data, bytes_max + 1)
    except zlib.error:
        raise BadWire("the compressed part is damaged") from None
    if len(plain) > bytes_max:
        raise BadWire(f"the compressed part holds more than {bytes_max} bytes")
    if not stream.eof or stream.unused_data:
        raise BadWire("the compressed part is cut short or followed by other bytes")
    return plain
