"""A headquarters with a till, what attacks on it are made of, and the codes by which they are refused."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import msgpack
import msgspec

from hq_server.web_context import METERS
from loyalty_core.envelope import key_id, open_sealed, peek, seal
from loyalty_core.messages import (
    BATCH_BYTES_MAX,
    Batch,
    Exchange,
    Reply,
    pack_records,
)
from loyalty_core.wire import compress, pack, unpack
from tests.hq.branching import everything
from tests.hq.conftest import Hq
from tests.hq.till import Till
from tests.hq.wire import Wire, post

MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n"


CODES = {"wire_malformed", "envelope_invalid", "terminal_unknown", "key_unknown", "epoch_unknown"}
"""Why a message may be refused that is no good in itself."""


TRIES_A_MINUTE = 100_000


@dataclass
class House:
    """Headquarters with two tills, of which one has brought a sale and keeps the next one back."""

    hq: Hq
    wire: Wire
    till: Till
    other: Till

    def content(self) -> dict[str, str]:
        """Return a digest of every table, but for how far chores have come in each bucket."""
        return {
            name: hashlib.sha256(repr(rows).encode()).hexdigest()
            for name, rows in everything(self.hq).items()
        }

    def counted(self) -> Counter[str]:
        """Return how many requests and batches were refused, by code."""
        meters = self.wire.app[METERS]
        counted = Counter[str]()
        for family in (meters.refusals.family(), meters.batches_refused.family()):
            counted.update({one.labels[0][1]: int(one.value) for one in family.samples})
        return +counted

    def exchange(self, *batches: bytes) -> bytes:
        return self.till.exchange_request(batches)

    async def send(self, *batches: bytes) -> Reply:
        status, body = await self.wire.ask(post("/v1/exchange", self.exchange(*batches)))
        assert status == 200, body
        return self.said(body)

    def said(self, body: bytes) -> Reply:
        """Return the reply that headquarters signed."""
        keys = {key_id(self.hq.public_key): self.hq.public_key}
        return unpack(open_sealed(body, "dangol/reply/1", keys), Reply)

    def batch(self) -> bytes:
        """Return the batch that headquarters would take next."""
        return self.till.batch(2)


def payload_of(house: House, **changes: object) -> bytes:
    """Return the payload of the till's request with some fields changed."""
    asked = unpack(peek(house.exchange(house.batch()), "dangol/exchange/1")[1], Exchange)
    return pack(msgspec.structs.replace(asked, **changes))


def in_envelope(house: House, payload: bytes) -> bytes:
    return seal("dangol/exchange/1", payload, house.till.key)


def with_signatures(body: bytes, change: Callable[[list[list[bytes]]], object]) -> bytes:
    """Return an envelope with other signatures around the same payload."""
    version, what, payload, signatures = msgpack.unpackb(body)
    return bytes(msgpack.packb([version, what, payload, change(signatures)]))


def filled(house: House, records: list[bytes] | None = None, **changes: object) -> bytes:
    """Return the batch that comes next with other records or fields, signed by the till."""
    batch = unpack(peek(house.batch(), "dangol/batch/1")[1], Batch)
    packed = {} if records is None else {"packed": pack_records(records)}
    return seal("dangol/batch/1", pack(msgspec.structs.replace(batch, **packed, **changes)), house.till.key)


BOMB = compress(bytes(16 * BATCH_BYTES_MAX))
