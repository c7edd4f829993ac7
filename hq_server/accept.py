"""Bytes -> verified: who asks, and what is in each batch.

It decides nothing about what is kept, and needs no write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from hq_server.store.connection import Transaction
from loyalty_core.envelope import open_sealed, peek
from loyalty_core.errors import BadWire, BrokenChain, LoyaltyError
from loyalty_core.journal import Record, chain, first_hash, unpack_record
from loyalty_core.messages import (
    BATCHES_MAX,
    EXCHANGE_BYTES_MAX,
    Batch,
    Clock,
    Exchange,
    Refusal,
    unpack_records,
)
from loyalty_core.units import EpochMs
from loyalty_core.wire import unpack

EPOCH_CLAIMED_MAX: Final = 2**40
"""The highest epoch in which a till may say that it is by itself: there are always later ones to allot."""

ENDED: Final = {
    "key_retired": "{terminal} has a new key, this one is over: edge-agent rotate-key, or replace the till",
    "terminal_replaced": "another till has taken the place of this one as {terminal}: HQ takes no more of it",
}
"""What is said of a key that has ended, by why it has."""


class TerminalRefused(LoyaltyError):
    """A terminal that HQ does not talk to: `terminal_unknown`, `terminal_pending`, `terminal_revoked`.

    Or one whose key has ended: `terminal_replaced`, `key_retired`.
    """

    code = "terminal_unknown"


class Terminal(msgspec.Struct, frozen=True):
    """One terminal as HQ knows it; `key_id` is its present key."""

    store_id: str
    terminal_id: str
    state: str
    reason: str
    key_id: bytes
    epoch: int


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """A batch whose signature and form hold: records, hashes, and what each says or why it cannot."""

    epoch: int
    first_seq: int
    before: bytes
    hashes: Sequence[bytes]
    records: Sequence[bytes]
    says: Sequence[Record | LoyaltyError]
    envelope: bytes
    signed_by: bytes
    clock: Clock

    @property
    def last_seq(self) -> int:
        """The seq of the last record."""
        return self.first_seq + len(self.records) - 1


class Opened(msgspec.Struct, frozen=True):
    """A verified request, the key of the terminal's that signed it, and its batches, each read or refused."""

    terminal: Terminal
    signed_by: bytes
    exchange: Exchange
    runs: tuple[Run | Refusal, ...]


def open_exchange(
    tx: Transaction,
    body: bytes,
    programme_id: str,
    now_ms: EpochMs,
    admit: Callable[[Terminal, int], None] | None = None,
) -> Opened:
    """Return the request that these bytes are, verified, with every batch verified and unpacked.

    Nothing is unpacked before `admit` has let the terminal in with so many bytes, by raising nothing.

    Raises:
        BadWire, BadEnvelope: not a request that was signed by the key it names.
        TerminalRefused: signed by nobody we know or by a key that is over, or the terminal is not approved.
    """
    key_ids, _ = peek(body, "dangol/exchange/1")
    terminal, signed_by = signer_of(tx, key_ids)
    keys = keys_of(tx, terminal)
    payload = open_sealed(body, "dangol/exchange/1", {signed_by: keys[signed_by]})
    check_key(tx, terminal, signed_by, now_ms)
    check_approved(terminal)
    if admit is not None:
        admit(terminal, len(body))
    exchange = unpack(payload, Exchange)
    if exchange.terminal_id != terminal.terminal_id:
        raise TerminalRefused("the request names another terminal than the key that signed it")
    if len(exchange.batches) > BATCHES_MAX:
        raise BadWire(f"an exchange carries at most {BATCHES_MAX} batches, this one {len(exchange.batches)}")
    epoch_max = epoch_of(terminal, exchange)
    runs = tuple(_runs(exchange.batches, terminal, keys, programme_id, epoch_max))
    return Opened(terminal, signed_by, exchange, runs)


def epoch_of(terminal: Terminal, exchange: Exchange) -> int:
    """Return the epoch in which the till says it is, as far as it is believed."""
    return min(exchange.epoch, max(EPOCH_CLAIMED_MAX, terminal.epoch))


def check_approved(terminal: Terminal) -> None:
    """Raise TerminalRefused unless the terminal is approved."""
    if terminal.state == "pending":
        raise TerminalRefused(
            f"{terminal.terminal_id} waits for approval: hq-server terminal approve {terminal.terminal_id}",
            code="terminal_pending",
        )
    if terminal.state == "revoked":
        raise TerminalRefused(
            f"{terminal.terminal_id} was revoked: {terminal.reason}", code="terminal_revoked"
        )


def check_key(tx: Transaction, terminal: Terminal, key_id: bytes, now_ms: EpochMs) -> None:
    """Raise TerminalRefused where a key of the terminal's is not good any more."""
    if ended := ended_of(tx, terminal, key_id, now_ms):
        raise TerminalRefused(ENDED[ended].format(terminal=terminal.terminal_id), code=ended)


def terminal_of_key(tx: Transaction, key_id: bytes) -> Terminal | None:
    """Return the terminal that has or had this key."""
    row = tx.one("arrivals.terminal_by_key", key_id=key_id)
    return None if row is None else Terminal(*row)


def signer_of(tx: Transaction, key_ids: Sequence[bytes]) -> tuple[Terminal, bytes]:
    """Return the terminal that has or had one of these keys, and the id of that key.

    Raises:
        TerminalRefused: `terminal_unknown`.
    """
    for key_id in key_ids:
        terminal = terminal_of_key(tx, key_id)
        if terminal is not None:
            return terminal, key_id
    raise TerminalRefused("this terminal is not known here: enrol it with a new invite code")


def keys_of(tx: Transaction, terminal: Terminal) -> dict[bytes, bytes]:
    """Return key id -> public key for all keys that the terminal ever had: old batches need old ones."""
    rows = tx.all("arrivals.terminal_keys", store_id=terminal.store_id, terminal_id=terminal.terminal_id)
    return dict(rows)


def open_batch(
    envelope: bytes,
    terminal: Terminal,
    keys: Mapping[bytes, bytes],
    programme_id: str,
    epoch_max: int,
    bytes_max: int,
) -> Run | Refusal:
    """Return the run in an envelope, or why it is refused whole; nothing of it has been written.

    `epoch_max` is the epoch that the till says it is in. Records of more than `bytes_max` together are too
    many for the exchange.
    """
    epoch = first_seq = 0
    try:
        batch = unpack(open_sealed(envelope, "dangol/batch/1", keys), Batch)
        epoch, first_seq = batch.epoch, batch.first_seq
        if batch.terminal_id != terminal.terminal_id:
            raise BadWire("the batch names another terminal than the key that signed it")
        if batch.programme_id != programme_id:
            raise BadWire(f'the batch is of programme "{batch.programme_id}", this is "{programme_id}"')
        if not 1 <= epoch <= epoch_max:
            raise BadWire(f"epoch {epoch} of {terminal.terminal_id} has not begun", code="epoch_unknown")
        if first_seq == 1 and batch.before != first_hash(terminal.terminal_id, epoch):
            raise BrokenChain(
                f"the chain of epoch {epoch} does not begin as a journal's of this terminal does"
            )
        records = unpack_records(batch.packed)
        if sum(map(len, records)) > bytes_max:
            raise BadWire(f"the batches of an exchange hold at most {EXCHANGE_BYTES_MAX} bytes, these more")
    except LoyaltyError as error:
        return Refusal(epoch, first_seq, error.code, str(error), 0)
    return Run(
        epoch=epoch,
        first_seq=first_seq,
        before=batch.before,
        hashes=chain(batch.before, records),
        records=records,
        says=[_said(record) for record in records],
        envelope=envelope,
        signed_by=next(one for one in peek(envelope, "dangol/batch/1")[0] if one in keys),
        clock=batch.clock,
    )


def _runs(
    envelopes: Sequence[bytes],
    terminal: Terminal,
    keys: Mapping[bytes, bytes],
    programme_id: str,
    epoch_max: int,
) -> Iterator[Run | Refusal]:
    """Yield what is in each batch; a few bytes may stand for many, so all together are bounded."""
    left = EXCHANGE_BYTES_MAX
    for envelope in envelopes:
        run = open_batch(envelope, terminal, keys, programme_id, epoch_max, left)
        left -= sum(map(len, run.records)) if isinstance(run, Run) else 0
        yield run


def ended_of(tx: Transaction, terminal: Terminal, key_id: bytes, now_ms: EpochMs) -> str:
    """Return why a key of the terminal's is not good any more, '' while it is."""
    if key_id == terminal.key_id:
        return ""
    until_ms, ended = tx.one(
        "arrivals.key_end", store_id=terminal.store_id, terminal_id=terminal.terminal_id, key_id=key_id
    ) or (0, "key_retired")
    return str(ended) if until_ms is not None and now_ms >= until_ms else ""


def _said(record: bytes) -> Record | LoyaltyError:
    try:
        return unpack_record(record)
    except LoyaltyError as error:
        return error
