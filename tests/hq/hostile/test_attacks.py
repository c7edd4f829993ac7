"""Requests and batches that are attacks, one by one: refused with a code, and nothing is written."""

from __future__ import annotations

import os
import tracemalloc
import zlib
from collections import Counter
from collections.abc import Callable

import msgpack
import pytest

from hq_server.enrol import ENROL_BYTES_MAX, open_enrol
from loyalty_core.envelope import SIGNATURES_MAX, peek, public_of, seal
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import Claim
from loyalty_core.journal import RECORD_BYTES_MAX
from loyalty_core.messages import (
    ASKS_MAX,
    BATCH_RECORDS_MAX,
    Ask,
    Enrol,
    Health,
    pack_records,
)
from loyalty_core.wire import ITEMS_MAX, MESSAGE_BYTES_MAX, compress, pack
from tests.hq.events import purchase, spent
from tests.hq.hostile.attacked import BOMB, CODES, House, filled, in_envelope, payload_of, with_signatures
from tests.hq.till import Till
from tests.hq.wire import code_of, post


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
