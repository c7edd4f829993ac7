"""A small till for headquarters' tests: a journal in memory, real keys, real envelopes from loyalty_core."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from loyalty_core.envelope import key_id, open_sealed, peek, public_of, seal
from loyalty_core.events import Claim, Event, MemberEnrolled
from loyalty_core.invite import read_code
from loyalty_core.journal import Record, chain, first_hash, pack_record
from loyalty_core.lookups import hashed
from loyalty_core.messages import (
    Acknowledgement,
    Again,
    Ask,
    Batch,
    Clock,
    Cursors,
    Ended,
    Enrol,
    Enrolled,
    Exchange,
    Health,
    MemberRow,
    Reply,
    Sealed,
    Wanted,
    pack_records,
    store_print,
)
from loyalty_core.sealing import PersonalData, seal_to, sealed_hash
from loyalty_core.wire import pack, unpack

NOW_MS = 1_795_228_260_000
"""2026-11-21 11:31 in Seoul."""


def batch_in(envelope: bytes) -> Batch:
    """Return the batch in an envelope, whoever signed it."""
    return unpack(peek(envelope, "dangol/batch/1")[1], Batch)


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
    now: Callable[[], int] = lambda: NOW_MS
    """What its clock shows; headquarters' own where a test gives it that."""
    past: dict[int, list[bytes]] = field(default_factory=dict)
    """The records of its earlier epochs."""
    programmes: tuple[bytes, ...] = ()
    wants: Wanted | None = None
    sealing_key: bytes | None = None
    """What it seals personal data to."""
    sealed: list[Sealed] = field(default_factory=list)
    """What its enrolments have sealed: it goes with every request."""
    lacks: bytes | None = None
    """The hash of a record of its own that it does not have, once headquarters has named one."""

    def copied(self) -> Till:
        """Return a second machine with a copy of this one's disk."""
        twin = copy.deepcopy(replace(self, now=lambda: NOW_MS))
        twin.now = self.now
        return twin

    def begin(self, epoch: int) -> None:
        """Go on in another epoch."""
        if self.records:
            self.past[self.epoch] = self.records
        self.epoch, self.records, self.lacks = epoch, [], None

    def enrol_request(self, code: str, *, again: bool = False) -> bytes:
        secret, _ = read_code(code)
        who = Again(self.terminal_id, self.epoch, store_print(self.store_key)) if again else None
        request = Enrol(b"n" * 16, secret, public_of(self.key), "test till", who)
        return seal("dangol/enrol/1", pack(request), self.key)

    def enrolled(self, body: bytes, hq_key: bytes) -> Enrolled:
        answer = unpack(open_sealed(body, "dangol/enrolled/1", {key_id(hq_key): hq_key}), Enrolled)
        self.terminal_id, self.store_id = answer.terminal_id, answer.store_id
        self.store_key, self.hq_key, self.epoch = answer.store_key, hq_key, answer.epoch
        self.sealing_key = answer.sealing_public_key
        return answer

    def enrolment(self, person: PersonalData, at: int = NOW_MS, day: int = 20_778) -> MemberEnrolled:
        """Return the enrolment of a person, whose data is sealed from now on beside the journal."""
        assert self.sealing_key is not None
        told = self.terminal_id.encode() + pack([len(self.sealed), at]) + pack(person)
        salt, ephemeral = (hashlib.sha256(kind + told).digest() for kind in (b"salt", b"key"))
        provisional = salt[:8].hex()
        blob = seal_to(self.sealing_key, person, ephemeral)
        self.sealed.append(Sealed(provisional, salt, blob))
        names = [hashed(name, self.store_key) for name in person.look_ups]
        return MemberEnrolled(
            names[0] if person.phone else f"card:{person.cards[0]}",
            at,
            day,
            provisional,
            tuple(names),
            sealed_hash(salt, blob),
            person.consent_version,
            person.consent_language,
        )

    def record(self, event: Event, natural_key: str | None = None, claim: Claim | None = None) -> int:
        """Append an event to the journal and return its seq."""
        written = Record(event=event, adapter="test", natural_key=natural_key, monotonic_ms=1, claim=claim)
        self.records.append(pack_record(written))
        return len(self.records)

    def of(self, epoch: int) -> list[bytes]:
        """Return the records of an epoch."""
        return self.records if epoch == self.epoch else self.past[epoch]

    def hashes(self, epoch: int | None = None) -> list[bytes]:
        epoch = self.epoch if epoch is None else epoch
        first = first_hash(self.terminal_id, epoch)
        return [first, *chain(first, self.of(epoch))]

    def batch(
        self, first: int = 1, last: int | None = None, *, key: bytes | None = None, epoch: int | None = None
    ) -> bytes:
        """Return the signed batch of the records from `first` to `last`."""
        epoch = self.epoch if epoch is None else epoch
        records = self.of(epoch)
        last = len(records) if last is None else last
        batch = Batch(
            self.programme_id,
            self.terminal_id,
            epoch,
            first,
            self.hashes(epoch)[first - 1],
            pack_records(records[first - 1 : last]),
            Clock(self.now(), 1 + max(0, self.now() - NOW_MS), "boot"),
            self.now(),
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
            lacks=self.lacks,
            programmes=self.programmes,
            wants=self.wants,
            older=tuple(
                [
                    Ended(epoch, len(records), self.hashes(epoch)[-1])
                    for epoch, records in self.past.items()
                    if epoch < self.epoch
                ]
            ),
            sealed=tuple(self.sealed),
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
        """Return epoch -> seq of the verified acknowledgements in a reply that are of its own records."""
        found: dict[int, int] = {}
        for held in self.receipts(reply):
            own = self.hashes(held.epoch) if held.epoch == self.epoch or held.epoch in self.past else []
            if held.hash in own:
                assert own[held.seq] == held.hash
                found[held.epoch] = max(held.seq, found.get(held.epoch, 0))
        return found

    def lacking(self, reply: Reply) -> bytes:
        """Return the hash of the one record in the acknowledgements that it does not have."""
        own = {value for epoch in (self.epoch, *self.past) for value in self.hashes(epoch)}
        (lacks,) = {held.hash for held in self.receipts(reply)} - own
        return lacks

    def receipts(self, reply: Reply) -> list[Acknowledgement]:
        """Return the verified acknowledgements in a reply."""
        keys = {key_id(self.hq_key): self.hq_key}
        return [
            unpack(open_sealed(receipt, "dangol/receipt/1", keys), Acknowledgement)
            for receipt in reply.receipts
        ]
