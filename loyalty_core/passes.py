"""The pass by which a technician logs in to a till that may have no network: signed by HQ, in decimal digits.

A scanner is a keyboard, and digits are what every layout and input method passes on as they are. So a file
and a QR code hold the same one line: the number whose bytes are 1, the envelope, and its CRC-32. The check
tells a line that was cut or mistyped from a pass that somebody changed.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Annotated, Final, Literal

from msgspec import Meta

from loyalty_core.envelope import open_sealed, seal
from loyalty_core.errors import BadEnvelope, BadInput, BadWire, UnknownKey
from loyalty_core.events import AtMs, Identifier, SomeText
from loyalty_core.units import EpochMs
from loyalty_core.wire import Shape, pack, unpack

PASS_MS_MAX: Final = 24 * 3_600_000
"""The longest that a pass is good for."""
PLACES_MAX: Final = 8
"""The most stores, and the most terminals, of one pass: with these it still fits a QR code."""
PASS_BYTES_MAX: Final = 1_500
PASS_DIGITS_MAX: Final = 4_000
"""Above the digits of the largest pass."""
_MARK: Final = b"\x01"
_CHECK_BYTES: Final = 4

Role = Literal["technician", "observer"]
"""A technician does everything, an observer looks and changes nothing."""
Places = Annotated[tuple[Identifier, ...], Meta(max_length=PLACES_MAX)]


class Pass(Shape, frozen=True):
    """Who may log in where: on these terminals and on every terminal of these stores.

    It is good from `from_ms` until before `until_ms`.
    """

    pass_id: Identifier
    programme_id: SomeText
    person: SomeText
    stores: Places
    terminals: Places
    role: Role
    from_ms: AtMs
    until_ms: AtMs


def seal_pass(given: Pass, *private_keys: bytes) -> bytes:
    """Return the envelope of a pass, signed by these keys of HQ's.

    Raises:
        BadInput: `pass_malformed`: for no place, or for longer than a pass is good for.
    """
    _check_form(given)
    return seal("dangol/pass/1", pack(given), *private_keys)


def open_pass(data: bytes, keys: Mapping[bytes, bytes]) -> Pass:
    """Return the pass in an envelope that one of HQ's `keys` (id -> raw public key) signed.

    Raises:
        BadInput: `pass_malformed`, `pass_wrong_key`.
    """
    try:
        payload = open_sealed(data, "dangol/pass/1", keys, bytes_max=PASS_BYTES_MAX)
    except UnknownKey:
        raise BadInput(
            "the pass is signed by another headquarters, or by a key that this till has not been told of: "
            "ask for a new pass",
            code="pass_wrong_key",
        ) from None
    except (BadEnvelope, BadWire):
        raise _malformed("it was changed, or is no pass") from None
    try:
        given = unpack(payload, Pass, bytes_max=PASS_BYTES_MAX)
    except BadWire:
        raise _malformed("it is of another release") from None
    _check_form(given)
    return given


def check_pass(given: Pass, terminal_id: str, store_id: str, now_ms: EpochMs) -> None:
    """Refuse a pass that is not for this till, or not for this time.

    Raises:
        BadInput: `pass_for_another_till`, `pass_not_yet`, `pass_expired`.
    """
    if terminal_id not in given.terminals and store_id not in given.stores:
        raise BadInput(
            f"the pass is not for {terminal_id}: ask for one that names this till or its store",
            code="pass_for_another_till",
        )
    if now_ms < given.from_ms:
        raise BadInput(
            "the pass begins later than this till's clock shows: check the clock, or wait",
            code="pass_not_yet",
        )
    if now_ms >= given.until_ms:
        raise BadInput("the pass has ended: ask for a new one", code="pass_expired")


def pass_digits(data: bytes) -> str:
    """Return the digits of an envelope's bytes."""
    check = zlib.crc32(data).to_bytes(_CHECK_BYTES)
    return str(int.from_bytes(_MARK + data + check))


def bytes_of_digits(digits: str) -> bytes:
    """Return the envelope's bytes in a line of digits as it was scanned, pasted or read from a file.

    White space does not matter.

    Raises:
        BadInput: `pass_malformed`.
    """
    line = "".join(digits.split())
    if not line.isascii() or not line.isdigit() or len(line) > PASS_DIGITS_MAX:
        raise _malformed("it is one line of digits")
    number = int(line)
    data = number.to_bytes((number.bit_length() + 7) // 8)
    mark, envelope, check = data[:1], data[1:-_CHECK_BYTES], data[-_CHECK_BYTES:]
    if line[0] == "0" or mark != _MARK or zlib.crc32(envelope).to_bytes(_CHECK_BYTES) != check:
        raise _malformed("digits are missing or wrong")
    return envelope


def _check_form(given: Pass) -> None:
    if not given.stores and not given.terminals:
        raise _malformed("it names no store and no till")
    if not 0 < given.until_ms - given.from_ms <= PASS_MS_MAX:
        raise _malformed(f"it is good for longer than {PASS_MS_MAX // 3_600_000} hours, or for no time")


def _malformed(why: str) -> BadInput:
    return BadInput(
        f"this pass cannot be used: {why}; scan it again, or ask for a new one", code="pass_malformed"
    )
