"""A till brings its next key, proven by the one that it has: both are good for a while, then the new one."""

from __future__ import annotations

from typing import Final

import msgspec

from hq_server.accept import ENDED, Terminal, TerminalRefused, check_approved, keys_of, signer_of
from hq_server.key_book import Signing
from hq_server.store.connection import Transaction
from loyalty_core.envelope import key_id, open_sealed, peek, seal
from loyalty_core.errors import BadEnvelope, BadInput
from loyalty_core.messages import Rotate, Rotated
from loyalty_core.units import EpochMs
from loyalty_core.wire import pack, unpack

ROTATE_BYTES_MAX: Final = 4096
HOUR_MS: Final = 3_600_000


class Rotating(msgspec.Struct, frozen=True):
    """A verified request: both keys have signed it."""

    terminal: Terminal
    old_key_id: bytes
    asked: Rotate


def open_rotate(tx: Transaction, body: bytes) -> Rotating:
    """Return the request that these bytes are, signed by a key that a terminal has or had and by the new one.

    Raises:
        BadWire, BadEnvelope: they are not.
        TerminalRefused: `terminal_unknown`, replaced, or another key has followed this one (`key_retired`).
    """
    key_ids, payload = peek(body, "dangol/rotate/1", bytes_max=ROTATE_BYTES_MAX)
    asked = unpack(payload, Rotate, bytes_max=ROTATE_BYTES_MAX)
    new_key_id = key_id(asked.public_key)
    open_sealed(body, "dangol/rotate/1", {new_key_id: asked.public_key}, bytes_max=ROTATE_BYTES_MAX)
    terminal, old_key_id = signer_of(tx, [one for one in key_ids if one != new_key_id])
    old = {old_key_id: keys_of(tx, terminal)[old_key_id]}
    open_sealed(body, "dangol/rotate/1", old, bytes_max=ROTATE_BYTES_MAX)
    if asked.terminal_id != terminal.terminal_id:
        raise BadEnvelope("the request names another terminal than the key that signed it")
    _check_first_to_follow(tx, terminal, old_key_id, asked)
    return Rotating(terminal, old_key_id, asked)


def apply(tx: Transaction, rotating: Rotating, *, overlap_hours: int, now_ms: EpochMs) -> Rotated:
    """Make the new key the terminal's; asked again, answer the same.

    Raises:
        TerminalRefused: not approved, replaced, or another key has followed this one (`key_retired`).
        BadInput: `key_in_use`.
    """
    terminal, asked = rotating.terminal, rotating.asked
    named = {"store_id": terminal.store_id, "terminal_id": terminal.terminal_id}
    stands = Terminal(*(tx.one("arrivals.terminal", **named) or ()))
    until_ms, _ = _end_of(tx, stands, rotating.old_key_id)
    new_key_id = key_id(asked.public_key)
    _check_first_to_follow(tx, stands, rotating.old_key_id, asked)
    check_approved(stands)
    if stands.key_id != new_key_id:
        if tx.one("arrivals.terminal_by_key", key_id=new_key_id) is not None:
            raise BadInput("this key belongs to a terminal already: make another one", code="key_in_use")
        until_ms = now_ms + overlap_hours * HOUR_MS
        tx.run("arrivals.end_terminal_keys", **named, until_ms=until_ms, ended="key_retired")
        tx.run("arrivals.set_terminal_key", **named, key_id=new_key_id)
        tx.run("arrivals.add_terminal_key", **named, key_id=new_key_id, public_key=asked.public_key)
    return Rotated(asked.nonce, terminal.terminal_id, asked.public_key, max(until_ms or 0, now_ms))


def _check_first_to_follow(tx: Transaction, terminal: Terminal, old_key_id: bytes, asked: Rotate) -> None:
    """Raise TerminalRefused where another key than the one that is asked for has followed the old one."""
    _, ended = _end_of(tx, terminal, old_key_id)
    if ended and terminal.key_id != key_id(asked.public_key):
        raise TerminalRefused(ENDED[ended].format(terminal=terminal.terminal_id), code=ended)


def _end_of(tx: Transaction, terminal: Terminal, old_key_id: bytes) -> tuple[int | None, str]:
    """Return until when a key of a terminal is good and why it ends, nothing of one that does not end."""
    row = tx.one(
        "arrivals.key_end",
        store_id=terminal.store_id,
        terminal_id=terminal.terminal_id,
        key_id=old_key_id,
    )
    return (None, "") if row is None else (row[0], str(row[1]))


def answer(rotated: Rotated, signing: Signing) -> bytes:
    """Return the signed answer."""
    return seal("dangol/rotated/1", pack(rotated), *signing.to_anybody())
