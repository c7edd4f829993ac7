"""Bytes that no honest till sends, from a seed: damaged ones, and such as are well signed and ill formed."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator
from typing import Any, Final

import msgpack

Mutation = Callable[[random.Random, bytes], bytes]
FOREIGN: Final[tuple[object, ...]] = (
    1.5,
    float("nan"),
    {},
    {"a": 1},
    {1: 2},
    msgpack.ExtType(5, b"x"),
    msgpack.Timestamp(1, 0),
)
"""Kinds that no message may hold, whatever its shape."""
DEEP: Final = 2_000
_WIDER: Final = {
    "positive": [(b"\xcc", ">B"), (b"\xcd", ">H"), (b"\xce", ">I"), (b"\xcf", ">Q")],
    "negative": [(b"\xd0", ">b"), (b"\xd1", ">h"), (b"\xd2", ">i"), (b"\xd3", ">q")],
    "text": [(b"\xd9", ">B"), (b"\xda", ">H"), (b"\xdb", ">I")],
    "bytes": [(b"\xc4", ">B"), (b"\xc5", ">H"), (b"\xc6", ">I")],
    "array": [(b"\xdc", ">H"), (b"\xdd", ">I")],
}
"""The heads of msgpack's forms with a length or number of its own, narrow ones first."""


def damaged(chance: random.Random, data: bytes) -> bytes:
    """Return bytes with some changed, left out, put in or cut off: never the same ones."""
    found = bytearray(data)
    while bytes(found) == data:
        for _ in range(chance.choice([1, 1, 1, 2, 5])):
            place = chance.randrange(len(found) or 1)
            how = chance.randrange(6)
            if how == 0:
                found[place : place + 1] = bytes([chance.randrange(256)])
            elif how == 1:
                found[place : place + 1] = bytes([found[place] ^ 1 << chance.randrange(8)]) if found else b"x"
            elif how == 2:
                del found[place : place + chance.choice([1, 1, 4, 64])]
            elif how == 3:
                found[place:place] = chance.randbytes(chance.choice([1, 1, 4, 64]))
            elif how == 4:
                del found[place:]
            else:
                found += chance.randbytes(chance.choice([1, 1, 64]))
    return bytes(found)


def not_minimal(chance: random.Random, data: bytes) -> bytes:
    """Return another form of the same message: at some place a length or a number is written wider."""
    value = msgpack.unpackb(data)
    return _wide(chance, value, chance.randrange(_places(value)))


def foreign(chance: random.Random, data: bytes) -> bytes:
    """Return the message with something in it of a kind that no message may hold."""
    return bytes(msgpack.packb(_put(chance, msgpack.unpackb(data), chance.choice(FOREIGN))))


def deep(chance: random.Random, data: bytes) -> bytes:
    """Return the message with arrays in arrays at some place."""
    mark = chance.randbytes(16)
    packed = bytes(msgpack.packb(_put(chance, msgpack.unpackb(data), mark)))
    return packed.replace(msgpack.packb(mark), b"\x91" * chance.choice([DEEP, 20 * DEEP]) + b"\x90")


def shorter(chance: random.Random, data: bytes) -> bytes:
    """Return the message without fields that it must have."""
    value = msgpack.unpackb(data)
    return bytes(msgpack.packb(chance.choice([value[1:], value[:2], [], [value]])))


MUTATIONS: Final[tuple[Mutation, ...]] = (not_minimal, foreign, deep, shorter)
"""Those of a message that is then signed as it should be: only its form is wrong."""


def heads(value: Any) -> Iterator[Any]:
    """Yield all values inside a value, and itself."""
    yield value
    if isinstance(value, list):
        for one in value:
            yield from heads(one)


def _places(value: Any) -> int:
    return sum(_kind(one) is not None for one in heads(value))


def _put(chance: random.Random, value: list[Any], what: object) -> list[Any]:
    """Return a copy with something else in one place."""
    place = chance.randrange(len(value))
    inner = value[place]
    deeper = isinstance(inner, list) and inner and chance.random() < 0.7
    return [*value[:place], _put(chance, inner, what) if deeper else what, *value[place + 1 :]]


def _wide(chance: random.Random, value: Any, place: int) -> bytes:
    """Return the bytes of a value with the one at this place, counted as `heads` does, in a wider form."""
    seen = -1

    def packed(one: Any) -> bytes:
        nonlocal seen
        kind = _kind(one)
        seen += kind is not None
        wide = kind is not None and seen == place
        if not isinstance(one, list):
            return _wider(chance, kind, one) if wide and kind else bytes(msgpack.packb(one))
        head = _wider(chance, "array", one) if wide else bytes(msgpack.Packer().pack_array_header(len(one)))
        return head + b"".join([packed(inner) for inner in one])

    return packed(value)


def _kind(value: Any) -> str | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return "positive" if value >= 0 else "negative"
    return "text" if isinstance(value, str) else "bytes" if isinstance(value, bytes) else "array"


def _wider(chance: random.Random, kind: str, value: Any) -> bytes:
    """Return a value in a form that is wider than it must be; of an array only the head."""
    rest = value.encode() if isinstance(value, str) else value if isinstance(value, bytes) else b""
    number = value if isinstance(value, int) else len(rest) if kind != "array" else len(value)
    least = len(msgpack.packb(value)) if kind != "array" else len(msgpack.Packer().pack_array_header(number))
    made = [head + struct.pack(form, number) + rest for head, form in _WIDER[kind] if _fits(form, number)]
    wider = [one for one in made if len(one) > least]
    # The widest form of all has no wider one: something after it is as wrong.
    return chance.choice(wider) if wider else made[-1] + b"\xc0"


def _fits(form: str, number: int) -> bool:
    try:
        struct.pack(form, number)
    except struct.error:
        return False
    return True
