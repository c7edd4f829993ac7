"""What comes from a stranger, a thief of a till's key or a broken line: refused, counted, nothing written."""

from __future__ import annotations

import hashlib
import os
import random
import tracemalloc
import zlib
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial

import msgpack
import msgspec
import pytest

from hq_server.accept import open_exchange
from hq_server.enrol import ENROL_BYTES_MAX, open_enrol
from hq_server.exchange import exchange
from hq_server.quotas import Quotas
from hq_server.store.connection import Transaction
from hq_server.store.database import opened
from hq_server.web_context import ANSWERING, CONFIG, DATABASE, METERS
from loyalty_core.envelope import SIGNATURES_MAX, PayloadType, key_id, open_sealed, peek, public_of, seal
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import LINES_MAX, Claim, Line
from loyalty_core.journal import RECORD_BYTES_MAX, Record, pack_record
from loyalty_core.messages import (
    ASKS_MAX,
    BATCH_BYTES_MAX,
    BATCH_RECORDS_MAX,
    EXCHANGE_BYTES_MAX,
    Ask,
    Batch,
    Enrol,
    Exchange,
    Health,
    Refusal,
    Reply,
    pack_records,
)
from loyalty_core.units import EpochMs
from loyalty_core.wire import ITEMS_MAX, MESSAGE_BYTES_MAX, compress, pack, unpack
from tests import hostile
from tests.hostile import damaged
from tests.hq.conftest import Hq
from tests.hq.events import purchase, spent, visit
from tests.hq.till import NOW_MS, Till
from tests.hq.wire import Wire, code_of, joined, listening, post

MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\n"
MUTANTS = 10_000
LINE_SHARE = 10
"""One of so many goes over a socket through all of the server; of the others it is asked what it would do."""
CODES = {"wire_malformed", "envelope_invalid", "terminal_unknown", "key_unknown", "epoch_unknown"}
"""Why a message may be refused that is no good in itself."""
MEMORY_BYTES_MAX = 5 * MESSAGE_BYTES_MAX
"""What the largest request may take while it is looked at, itself included."""
TRIES_A_MINUTE = 100_000


@dataclass
class House:
    """Headquarters with two tills, of which one has brought a sale and keeps the next one back."""

    hq: Hq
    wire: Wire
    till: Till
    other: Till

    def content(self) -> dict[str, str]:
        """Return a digest of every table."""
        with opened(self.hq.config.database_path) as connection:
            names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
            rows = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for (name,) in names}  # noqa: S608
        return {
            name: hashlib.sha256(repr(sorted(all_, key=repr)).encode()).hexdigest()
            for name, all_ in rows.items()
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


@pytest.fixture
async def house(hq: Hq) -> AsyncIterator[House]:
    hq.members(MEMBERS)
    async with listening(
        hq, terminal_requests_a_minute=TRIES_A_MINUTE, terminal_bytes_a_minute=1 << 40
    ) as wire:
        till, other = await joined(wire, hq), await joined(wire, hq)
        for one in (till, other):
            one.record(purchase(one.terminal_id))
            assert (await wire.ask(post("/v1/exchange", one.exchange_request([one.batch()]))))[0] == 200
            one.record(visit())
        assert (await wire.ask(post("/v1/exchange", till.exchange_request())))[0] == 200
        yield House(hq, wire, till, other)


def mutant(house: House, honest: dict[str, bytes], chance: random.Random) -> tuple[str, bytes]:
    """Return one forged request and where it goes."""
    what: PayloadType = chance.choice(
        ("dangol/exchange/1", "dangol/exchange/1", "dangol/batch/1", "dangol/enrol/1")
    )
    body = honest[what]
    if chance.random() < 0.6:
        body = damaged(chance, body)
    else:
        payload = chance.choice(hostile.MUTATIONS)(chance, peek(body, what)[1])
        body = seal(what, payload, house.till.key)
    if what == "dangol/batch/1":
        body = house.exchange(body)
    return "/v1/enrol" if what == "dangol/enrol/1" else "/v1/exchange", body


def opened_as(path: str, body: bytes, tx: Transaction) -> set[str]:
    """Look at a request as the server does before it writes; return the codes by which it is refused."""
    try:
        if path == "/v1/enrol":
            open_enrol(body)
            return {"nothing"}
        runs = open_exchange(tx, body, "moonlight", EpochMs(NOW_MS)).runs
    except LoyaltyError as error:
        return {error.code}
    return {run.code if isinstance(run, Refusal) else "nothing" for run in runs} or {"nothing"}


async def test_ten_thousand_mutants_are_refused_and_counted_and_nothing_is_written(house: House) -> None:
    chance = random.Random(2026)
    honest = {
        "dangol/exchange/1": house.exchange(house.batch()),
        "dangol/batch/1": house.batch(),
        "dangol/enrol/1": house.till.enrol_request(house.hq.invite()),
    }
    before, told = house.content(), Counter[str]()
    async with house.wire.line() as ask:
        for number in range(MUTANTS):
            path, body = mutant(house, honest, chance)
            if number % LINE_SHARE:
                assert await house.wire.app[DATABASE].read(partial(opened_as, path, body)) <= CODES
                continue
            status, answer = await ask(post(path, body))
            if status == 200:
                told.update(one.code for one in house.said(answer).refusals)
            else:
                assert 400 <= status < 500
                told[code_of(answer)] += 1
    assert told.total() == MUTANTS // LINE_SHARE
    assert set(told) <= CODES | {"body_too_large", "enrol_too_many"}
    assert house.counted() == told
    assert house.content() == before
    reply = await house.send(house.batch())
    assert house.till.acknowledged(reply) == {1: 2}, "what was kept back is taken as if nothing had been"


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


def named(body: bytes, what: str) -> bytes:
    """Return an envelope that says that it is of another type."""
    version, _, payload, signatures = msgpack.unpackb(body)
    return bytes(msgpack.packb([version, what, payload, signatures]))


def stranger(house: House) -> Till:
    """Return somebody who says to be the till, and has another key."""
    forger = Till(terminal_id=house.till.terminal_id)
    forger.records = house.till.records
    return forger


ATTACKS: dict[str, tuple[Callable[[House], bytes], int, str]] = {
    "a batch sent as a request": (House.batch, 400, "envelope_invalid"),
    "a request signed as a batch": (
        lambda house: seal("dangol/batch/1", payload_of(house), house.till.key),
        400,
        "envelope_invalid",
    ),
    "a batch that says it is a request": (
        lambda house: named(house.batch(), "dangol/exchange/1"),
        400,
        "envelope_invalid",
    ),
    "a request to join sent as a request": (
        lambda house: house.till.enrol_request(house.hq.invite()),
        400,
        "envelope_invalid",
    ),
    "headquarters' own acknowledgement": (
        lambda house: seal("dangol/receipt/1", b"\xc0", house.hq.key),
        400,
        "envelope_invalid",
    ),
    "a request that headquarters' key signed": (
        lambda house: seal("dangol/exchange/1", payload_of(house), house.hq.key),
        403,
        "terminal_unknown",
    ),
    "a stranger's request in the till's name": (
        lambda house: stranger(house).exchange_request([stranger(house).batch(2)]),
        403,
        "terminal_unknown",
    ),
    "another till's request in the till's name": (
        lambda house: seal("dangol/exchange/1", payload_of(house), house.other.key),
        403,
        "terminal_unknown",
    ),
    "a stranger's signature under the till's key id": (
        lambda house: with_signatures(
            house.exchange(), lambda own: [[own[0][0], peeked_signature(stranger(house).exchange_request())]]
        ),
        400,
        "envelope_invalid",
    ),
    "no signature": (
        lambda house: with_signatures(house.exchange(), lambda own: []),
        400,
        "envelope_invalid",
    ),
    "one signature too many": (
        lambda house: with_signatures(
            house.exchange(),
            lambda own: [*own, *([bytes([number] * 8), bytes(64)] for number in range(SIGNATURES_MAX))],
        ),
        400,
        "envelope_invalid",
    ),
    "as many signatures as fit into a message": (
        lambda house: with_signatures(house.exchange(), lambda own: own * 200_000),
        400,
        "wire_malformed",
    ),
    "one key twice": (
        lambda house: with_signatures(house.exchange(), lambda own: own * 2),
        400,
        "envelope_invalid",
    ),
    "a key id of a megabyte": (
        lambda house: with_signatures(house.exchange(), lambda own: [[bytes(1 << 20), own[0][1]]]),
        400,
        "wire_malformed",
    ),
    "a signature of a megabyte": (
        lambda house: with_signatures(house.exchange(), lambda own: [[own[0][0], bytes(1 << 20)]]),
        400,
        "wire_malformed",
    ),
    "a type of a megabyte": (lambda house: named(house.exchange(), "x" * (1 << 20)), 400, "wire_malformed"),
    "arrays in arrays without end": (lambda house: b"\x91" * 1_000_000, 400, "wire_malformed"),
    "an array of four billion items": (lambda house: b"\xdd\xff\xff\xff\xff", 400, "wire_malformed"),
    "four gigabytes announced": (lambda house: b"\x94\x01\xc6\xff\xff\xff\xff", 400, "wire_malformed"),
    "a map that collides": (lambda house: b"\xdf\x00\xff\xff\xff" + b"\x00\x00" * 100, 400, "wire_malformed"),
    "text that is none": (lambda house: b"\x94\x01\xa2\xff\xfe\xc0\x90", 400, "wire_malformed"),
    "signed arrays in arrays": (lambda house: in_envelope(house, b"\x91" * 1_000_000), 400, "wire_malformed"),
    "signed items without end": (
        lambda house: in_envelope(house, payload_of(house, batches=(b"",) * (ITEMS_MAX + 1))),
        400,
        "wire_malformed",
    ),
    "more questions than there may be": (
        lambda house: house.till.exchange_request(asks=[Ask("r", "id:M1", 1)] * (ASKS_MAX + 1)),
        400,
        "wire_malformed",
    ),
    "a member of a megabyte": (
        lambda house: house.till.exchange_request(asks=[Ask("r", "id:" + "M" * (1 << 20), 1)]),
        400,
        "wire_malformed",
    ),
    "a release of a megabyte": (
        lambda house: in_envelope(house, payload_of(house, health=Health("x" * (1 << 20), 0, 0, 0))),
        400,
        "wire_malformed",
    ),
    "a byte after the end": (lambda house: house.exchange() + b"\x00", 400, "wire_malformed"),
    "half of it": (lambda house: house.exchange()[: len(house.exchange()) // 2], 400, "wire_malformed"),
    "nothing": (lambda house: b"", 400, "wire_malformed"),
}


def peeked_signature(body: bytes) -> bytes:
    return bytes(msgpack.unpackb(body)[3][0][1])


async def test_a_request_that_is_an_attack_is_refused_and_counted_and_writes_nothing(house: House) -> None:
    before, told = house.content(), Counter[str]()
    for attack, (made, status, code) in ATTACKS.items():
        answered, said = await house.wire.ask(post("/v1/exchange", made(house)))
        assert (answered, code_of(said)) == (status, code), attack
        told[code] += 1
        assert house.counted() == told, attack
    del before["invites"]
    assert before.items() <= house.content().items()


def filled(house: House, records: list[bytes] | None = None, **changes: object) -> bytes:
    """Return the batch that comes next with other records or fields, signed by the till."""
    batch = unpack(peek(house.batch(), "dangol/batch/1")[1], Batch)
    packed = {} if records is None else {"packed": pack_records(records)}
    return seal("dangol/batch/1", pack(msgspec.structs.replace(batch, **packed, **changes)), house.till.key)


def largest() -> bytes:
    """Return the record of the receipt that takes most memory for its bytes."""
    lines = (Line(0, "", "", 0, 0),) * LINES_MAX
    event = msgspec.structs.replace(purchase("large"), lines=lines)
    return pack_record(Record(event=event, adapter="test", monotonic_ms=1))


BOMB = compress(bytes(16 * BATCH_BYTES_MAX))
BATCHES: dict[str, Callable[[House], bytes]] = {
    "another till's": lambda house: house.other.batch(2),
    "another till's under this till's key": lambda house: house.other.batch(2, key=house.till.key),
    "a stranger's": lambda house: house.till.batch(2, key=os.urandom(32)),
    "headquarters'": lambda house: house.till.batch(2, key=house.hq.key),
    "a request": lambda house: house.exchange(),
    "of another programme": lambda house: filled(house, programme_id="sunshine"),
    "of an epoch that has not begun": lambda house: filled(house, epoch=9),
    "a bomb": lambda house: filled(house, packed=BOMB),
    "a bomb of bombs": lambda house: filled(house, packed=compress(BOMB)),
    "cut short": lambda house: filled(house, packed=pack_records(house.till.records[1:])[:-4]),
    "followed by more": lambda house: filled(house, packed=pack_records(house.till.records[1:]) + b"x"),
    "two streams": lambda house: filled(house, packed=pack_records(house.till.records[1:]) * 2),
    "packed by raw deflate": lambda house: filled(house, packed=zlib.compress(b"x")[2:-4]),
    "of no record": lambda house: filled(house, packed=compress(pack([[]]))),
    "of too many records": lambda house: filled(house, [b"\xc0"] * (BATCH_RECORDS_MAX + 1)),
    "of arrays in arrays": lambda house: filled(house, packed=compress(b"\x91" * 1_000_000)),
    "of a record that is too large": lambda house: filled(house, [bytes(RECORD_BYTES_MAX + 1)]),
    "not minimal": lambda house: filled(house, packed=compress(b"\x91\xdc\x00\x01\xc4\x01\xc0")),
}


async def test_a_batch_that_is_an_attack_is_refused_and_counted_and_writes_nothing(house: House) -> None:
    before, told = house.content(), Counter[str]()
    for attack, made in BATCHES.items():
        (refusal,) = (await house.send(made(house))).refusals
        assert refusal.code in CODES, attack
        assert len(refusal.sentence) < 200, attack
        told[refusal.code] += 1
        assert house.counted() == told, attack
    assert house.content() == before


FAR = 2**64 - 1
NUMBERS: dict[str, dict[str, object]] = {
    "an earlier epoch that no table holds": {"older": ((FAR, 1, bytes(32)),)},
    "a record of it": {"older": ((1, FAR, bytes(32)),)},
    "records that it wants": {"wants": (1, 1, FAR)},
}


async def test_numbers_that_no_table_holds_are_refused_before_anything_looks_for_them(house: House) -> None:
    before = house.content()
    for attack, changes in NUMBERS.items():
        status, said = await house.wire.ask(
            post("/v1/exchange", in_envelope(house, payload_of(house, **changes)))
        )
        assert (status, code_of(said)) == (400, "wire_malformed"), attack
    (refusal,) = (await house.send(filled(house, first_seq=FAR))).refusals
    assert refusal.code == "wire_malformed"
    assert house.content() == before


async def test_points_beyond_all_that_an_event_moves_are_set_aside_and_hold_up_nothing(house: House) -> None:
    """Two such records of one till made a balance that no till can read, and so no till any reply."""
    house.till.record(spent(2**53, "R1"))
    house.till.record(spent(2**53, "R2"))
    house.till.record(purchase("2"), claim=Claim(7, "SILVER", 2**63, 0))
    house.till.record(purchase("3"))
    assert not (await house.send(house.till.batch(2))).refusals
    unreadable = [subject for kind, subject in house.hq.exceptions() if kind == "record_unreadable"]
    assert len(unreadable) == 3
    assert house.hq.balances()["M1"] > 0


async def test_of_batches_that_unpack_to_more_than_an_exchange_holds_those_beyond_are_refused(
    house: House,
) -> None:
    """A few bytes may stand for many: eight batches of as many small lines as they hold."""
    count = BATCH_BYTES_MAX // (len(largest()) + 8)
    batches = [filled(house, [largest()] * count, first_seq=100 + number) for number in range(8)]
    assert sum(map(len, batches)) < EXCHANGE_BYTES_MAX // 100
    codes = [one.code for one in (await house.send(*batches)).refusals]
    assert Counter(codes) == {"gap": 2, "wire_malformed": 6}


BOMBS: dict[str, Callable[[House], bytes]] = {
    "arrays in arrays": lambda house: b"\x91" * MESSAGE_BYTES_MAX,
    "empty arrays": lambda house: b"\xdd\x00\xff\xff\xff" + b"\x90" * (MESSAGE_BYTES_MAX - 5),
    "signed empty arrays": lambda house: in_envelope(house, b"\x90" * (MESSAGE_BYTES_MAX - 200)),
    "signed items": lambda house: in_envelope(house, b"\xdc\xff\xff" + b"\x01" * (MESSAGE_BYTES_MAX - 200)),
    "a text": lambda house: in_envelope(house, payload_of(house, health=Health("x" * 16_000_000, 0, 0, 0))),
    "signatures": lambda house: with_signatures(house.exchange(), lambda own: own * 200_000),
    "batches": lambda house: house.exchange(*[filled(house, packed=BOMB)] * 8),
    "large batches": lambda house: house.exchange(*[filled(house, packed=bytes(2_000_000))] * 8),
}


async def test_what_the_largest_request_takes_of_the_memory_is_bounded(house: House) -> None:
    app = house.wire.app
    for bomb, made in BOMBS.items():
        body = made(house)
        assert len(body) <= MESSAGE_BYTES_MAX, bomb
        tracemalloc.start()
        try:
            with Quotas(app[CONFIG].limits).visit(0.0) as visit_:
                _, outcome = await exchange(app[DATABASE], app[ANSWERING], body, house.hq.clock(), visit_)
            refused = {one.code for one in outcome.refusals}
        except LoyaltyError as error:
            refused = {error.code}
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert refused <= CODES, bomb
        assert refused, bomb
        assert peak < MEMORY_BYTES_MAX, bomb


async def test_the_requests_of_two_tills_do_not_pass_for_each_other(house: House) -> None:
    """A batch that somebody took from the line is the other till's, whoever brings it; its own is its own."""
    taken = house.other.batch(2)
    before = house.content()
    assert [one.code for one in (await house.send(taken)).refusals] == ["key_unknown"]
    assert house.content() == before


async def test_a_request_that_comes_again_changes_nothing(house: House) -> None:
    body = post("/v1/exchange", house.exchange(house.batch()))
    assert (await house.wire.ask(body))[0] == 200
    before = house.content()
    for _ in range(3):
        assert (await house.wire.ask(body))[0] == 200
    assert house.content() == before


async def test_who_guesses_at_invites_learns_and_writes_nothing(house: House) -> None:
    house.hq.invite()
    before = house.content()
    for _ in range(5):
        guess = Enrol(bytes(16), os.urandom(8), public_of(house.other.key), "")
        body = seal("dangol/enrol/1", pack(guess), house.other.key)
        status, told = await house.wire.ask(post("/v1/enrol", body))
        assert (status, code_of(told)) == (403, "invite_unknown")
    stolen = house.till.enrol_request(house.hq.invite())
    payload = peek(stolen, "dangol/enrol/1")[1]
    status, told = await house.wire.ask(post("/v1/enrol", seal("dangol/enrol/1", payload, os.urandom(32))))
    assert (status, code_of(told)) == (400, "key_unknown"), "the key in it is not the one that signed"
    assert house.counted() == Counter({"invite_unknown": 5, "key_unknown": 1})
    del before["invites"]
    assert before.items() <= house.content().items()


def test_a_request_to_join_is_small_before_anything_of_it_is_read() -> None:
    tracemalloc.start()
    with pytest.raises(LoyaltyError):
        open_enrol(b"\x91" * MESSAGE_BYTES_MAX)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < MESSAGE_BYTES_MAX + 100 * ENROL_BYTES_MAX
