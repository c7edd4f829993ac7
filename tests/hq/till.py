"""A small till for headquarters' tests: a journal in memory, real keys, real envelopes from loyalty_core."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, field

from loyalty_core.envelope import key_id, open_sealed, public_of, seal
from loyalty_core.events import Claim, Event
from loyalty_core.invite import read_code
from loyalty_core.journal import Record, chain, first_hash, pack_record
from loyalty_core.messages import (
    Acknowledgement,
    Ask,
    Batch,
    Clock,
    Cursors,
    Enrol,
    Enrolled,
    Exchange,
    Health,
    MemberRow,
    Reply,
    pack_records,
)
from loyalty_core.wire import pack, unpack

NOW_MS = 1_795_228_260_000
"""2026-11-21 11:31 in Seoul."""


@dataclass
class Till:
    """One terminal. `send` by hand what a real agent's sync loop would send by itself."""

    key: bytes = field(default_factory=lambda: os.urandom(32))
    terminal_id: str = ""
    store_id: str = ""
    store_key: bytes = b""
    hq_key: bytes = b""
    programme_id: str = "moonlight"
    epoch: int = 1
    records: list[bytes] = field(default_factory=list)
    cursors: list[int] = field(default_factory=list)
    programme_version: int = 0
    members: dict[str, MemberRow] = field(default_factory=dict)

    def enrol_request(self, code: str) -> bytes:
        secret, _ = read_code(code)
        request = Enrol(b"n" * 16, secret, public_of(self.key), "test till")
        return seal("dangol/enrol/1", pack(request), self.key)

    def enrolled(self, body: bytes, hq_key: bytes) -> Enrolled:
        answer = unpack(open_sealed(body, "dangol/enrolled/1", {key_id(hq_key): hq_key}), Enrolled)
        self.terminal_id, self.store_id = answer.terminal_id, answer.store_id
        self.store_key, self.hq_key, self.epoch = answer.store_key, hq_key, answer.epoch
        return answer

    def record(self, event: Event, natural_key: str | None = None, claim: Claim | None = None) -> int:
        """Append an event to the journal and return its seq."""
        written = Record(event=event, adapter="test", natural_key=natural_key, monotonic_ms=1, claim=claim)
        self.records.append(pack_record(written))
        return len(self.records)

    def hashes(self) -> list[bytes]:
        first = first_hash(self.terminal_id, self.epoch)
        return [first, *chain(first, self.records)]

    def batch(self, first: int = 1, last: int | None = None, *, key: bytes | None = None) -> bytes:
        """Return the signed batch of the records from `first` to `last`."""
        last = len(self.records) if last is None else last
        batch = Batch(
            self.programme_id,
            self.terminal_id,
            self.epoch,
            first,
            self.hashes()[first - 1],
            pack_records(self.records[first - 1 : last]),
            Clock(NOW_MS, 1, "boot"),
            NOW_MS,
        )
        return seal("dangol/batch/1", pack(batch), key or self.key)

    def exchange_request(
        self, batches: Sequence[bytes] = (), *, head: int | None = None, asks: Sequence[Ask] = ()
    ) -> bytes:
        head = len(self.records) if head is None else head
        request = Exchange(
            hashlib.sha256(b"%d" % len(self.records)).digest()[:16],
            self.terminal_id,
            self.epoch,
            head,
            self.hashes()[head],
            Cursors(self.programme_version, tuple(self.cursors)),
            tuple(batches),
            tuple(asks),
            Health("test till", len(self.records), 0, 10**9),
        )
        return seal("dangol/exchange/1", pack(request), self.key)

    def reply(self, body: bytes) -> Reply:
        """Open HQ's reply and take in its pages as an agent would."""
        reply = unpack(open_sealed(body, "dangol/reply/1", {key_id(self.hq_key): self.hq_key}), Reply)
        for page in reply.pages:
            self.cursors = self.cursors or [0] * 64
            assert page.from_cursor == self.cursors[page.bucket]
            assert page.to_cursor > page.from_cursor
            self.cursors[page.bucket] = page.to_cursor
            self.members |= {row.member_id: row for row in page.rows}
        return reply

    def acknowledged(self, reply: Reply) -> dict[int, int]:
        """Return epoch -> seq of the verified acknowledgements in a reply."""
        keys = {key_id(self.hq_key): self.hq_key}
        opened = [
            unpack(open_sealed(receipt, "dangol/receipt/1", keys), Acknowledgement)
            for receipt in reply.receipts
        ]
        for held in opened:
            if held.epoch == self.epoch:
                assert held.hash == self.hashes()[held.seq]
        return {held.epoch: held.seq for held in opened}
