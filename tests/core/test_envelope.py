"""Attacks on an envelope: each is refused, and the payload is handed out only when nothing is wrong."""

from __future__ import annotations

import random
import tracemalloc

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from loyalty_core.envelope import (
    SIGNATURES_MAX,
    PayloadType,
    countersign,
    fingerprint,
    key_id,
    open_sealed,
    peek,
    public_of,
    seal,
)
from loyalty_core.errors import BadEnvelope, BadWire, UnknownKey

TILL, HQ, STRANGER = (bytes([number]) * 32 for number in (1, 2, 3))
PAYLOAD = b"what was said \x00\xff"
BATCH: PayloadType = "dangol/batch/1"


def known(*private_keys: bytes) -> dict[bytes, bytes]:
    return {key_id(public_of(key)): public_of(key) for key in private_keys}


def pae(payload_type: str, payload: bytes) -> bytes:
    """Write DSSE's pre-authentication encoding again, from its specification."""
    return b" ".join(
        (
            b"DSSEv1",
            str(len(payload_type)).encode(),
            payload_type.encode(),
            str(len(payload)).encode(),
            payload,
        )
    )


def signed(private_key: bytes, message: bytes) -> list[bytes]:
    raw = Ed25519PrivateKey.from_private_bytes(private_key)
    return [key_id(public_of(private_key)), raw.sign(message)]


def envelope(*signatures: list[bytes], payload_type: str = BATCH, version: object = 1) -> bytes:
    return msgpack.packb([version, payload_type, PAYLOAD, list(signatures)])


def test_what_is_sealed_opens_for_who_knows_the_key() -> None:
    assert open_sealed(seal(BATCH, PAYLOAD, TILL), BATCH, known(TILL)) == PAYLOAD
    assert open_sealed(seal(BATCH, b"", TILL), BATCH, known(TILL, HQ)) == b""


def test_the_bytes_are_those_of_the_specification() -> None:
    assert seal(BATCH, PAYLOAD, TILL) == envelope(signed(TILL, pae(BATCH, PAYLOAD)))


def test_the_length_of_a_type_is_counted_in_bytes() -> None:
    assert pae("a/1", b"xyz") == b"DSSEv1 3 a/1 3 xyz"
    data = envelope(signed(TILL, pae("달", PAYLOAD).replace(b"DSSEv1 1 ", b"DSSEv1 3 ")), payload_type="달")
    assert open_sealed(data, "달", known(TILL)) == PAYLOAD  # type: ignore[arg-type]


def test_a_signature_for_one_type_never_passes_for_another() -> None:
    data = seal("dangol/receipt/1", PAYLOAD, TILL)
    with pytest.raises(BadEnvelope, match="dangol/batch/1"):
        open_sealed(data, BATCH, known(TILL))
    renamed = envelope(signed(TILL, pae("dangol/receipt/1", PAYLOAD)))
    with pytest.raises(BadEnvelope, match="does not fit"):
        open_sealed(renamed, BATCH, known(TILL))


def test_bytes_cannot_move_between_type_and_payload() -> None:
    data = msgpack.packb([1, BATCH + " 1", b"x", [signed(TILL, pae(BATCH, b"1 x"))]])
    with pytest.raises(BadEnvelope):
        open_sealed(data, BATCH + " 1", known(TILL))  # type: ignore[arg-type]


def test_an_envelope_of_an_unknown_key_is_refused_as_such() -> None:
    with pytest.raises(UnknownKey) as caught:
        open_sealed(seal(BATCH, PAYLOAD, STRANGER), BATCH, known(TILL, HQ))
    assert caught.value.code == "key_unknown"
    with pytest.raises(UnknownKey):
        open_sealed(seal(BATCH, PAYLOAD, TILL), BATCH, {})


def test_a_stranger_who_names_a_known_key_is_refused() -> None:
    named = [key_id(public_of(TILL)), signed(STRANGER, pae(BATCH, PAYLOAD))[1]]
    with pytest.raises(BadEnvelope, match="does not fit") as caught:
        open_sealed(envelope(named), BATCH, known(TILL))
    assert caught.value.code == "envelope_invalid"


def test_a_key_held_under_the_name_of_another_does_not_open() -> None:
    with pytest.raises(BadEnvelope):
        open_sealed(seal(BATCH, PAYLOAD, TILL), BATCH, {key_id(public_of(TILL)): public_of(HQ)})


def test_any_flipped_bit_is_found() -> None:
    data = seal(BATCH, PAYLOAD, TILL)
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises((BadEnvelope, BadWire)):
            open_sealed(bytes(flipped), BATCH, known(TILL))


def test_every_cut_and_every_tail_is_found() -> None:
    data = seal(BATCH, PAYLOAD, TILL)
    for end in range(len(data)):
        with pytest.raises(BadWire):
            open_sealed(data[:end], BATCH, known(TILL))
    with pytest.raises(BadWire):
        open_sealed(data + b"\x00", BATCH, known(TILL))


def test_during_a_rotation_both_keys_sign_and_either_is_enough_to_be_known() -> None:
    message = pae(BATCH, PAYLOAD)
    both = envelope(signed(TILL, message), signed(HQ, message))
    for keys in (known(TILL), known(HQ), known(TILL, HQ)):
        assert open_sealed(both, BATCH, keys) == PAYLOAD


def test_what_another_key_signs_keeps_the_signatures_that_are_named_and_one_of_its_own() -> None:
    message = pae(BATCH, PAYLOAD)
    both = envelope(signed(TILL, message), signed(HQ, message))
    third = countersign(both, BATCH, known(TILL), STRANGER)
    assert third == envelope(signed(TILL, message), signed(STRANGER, message))
    assert countersign(third, BATCH, known(TILL, STRANGER), STRANGER) == third
    with pytest.raises(BadEnvelope):
        countersign(third, "dangol/exchange/1", known(TILL), STRANGER)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_of_two_known_signatures_both_must_hold(order: tuple[int, int]) -> None:
    pair = [signed(TILL, pae(BATCH, PAYLOAD)), signed(HQ, pae(BATCH, b"something else"))]
    with pytest.raises(BadEnvelope, match="does not fit"):
        open_sealed(envelope(*(pair[number] for number in order)), BATCH, known(TILL, HQ))


@pytest.mark.parametrize(
    ("count", "good"), [(0, False), (1, True), (SIGNATURES_MAX, True), (SIGNATURES_MAX + 1, False)]
)
def test_an_envelope_carries_one_to_four_signatures(count: int, good: bool) -> None:
    signatures = [signed(bytes([200 + number]) * 32, pae(BATCH, PAYLOAD)) for number in range(count - 1)]
    data = envelope(*[signed(TILL, pae(BATCH, PAYLOAD)), *signatures][:count])
    if good:
        assert open_sealed(data, BATCH, known(TILL)) == PAYLOAD
    else:
        with pytest.raises(BadEnvelope, match="1 to 4 signatures"):
            open_sealed(data, BATCH, known(TILL))


@pytest.mark.parametrize("signature", [b"", b"x", bytes(63), bytes(64), bytes(65), bytes(10**6)], ids=len)
def test_a_signature_of_nothing_or_of_another_length_is_refused(signature: bytes) -> None:
    with pytest.raises(BadEnvelope if len(signature) == 64 else BadWire):
        open_sealed(envelope([key_id(public_of(TILL)), signature]), BATCH, known(TILL))


@pytest.mark.parametrize("name", [b"", bytes(7), bytes(9), bytes(10**6)], ids=len)
def test_a_key_is_named_by_eight_bytes(name: bytes) -> None:
    with pytest.raises(BadWire):
        peek(envelope([name, bytes(64)]), BATCH)


def test_a_key_signs_an_envelope_once() -> None:
    twice = envelope(*[signed(TILL, pae(BATCH, PAYLOAD))] * 2)
    with pytest.raises(BadEnvelope, match="once"):
        open_sealed(twice, BATCH, known(TILL))


@pytest.mark.parametrize("version", [0, 2, True, "1", None])
def test_another_version_is_refused(version: object) -> None:
    with pytest.raises(BadWire):
        open_sealed(envelope(signed(TILL, pae(BATCH, PAYLOAD)), version=version), BATCH, known(TILL))


def test_an_envelope_larger_than_its_bound_is_refused_before_anything_else() -> None:
    data = seal(BATCH, PAYLOAD, TILL)
    assert open_sealed(data, BATCH, known(TILL), bytes_max=len(data)) == PAYLOAD
    with pytest.raises(BadWire, match="more than"):
        open_sealed(data, BATCH, known(TILL), bytes_max=len(data) - 1)


def test_a_strangers_bytes_cannot_fill_the_memory() -> None:
    """Unpacking comes before verifying, so anybody may send this."""
    bomb = b"\xdc\x00\x10" + msgpack.packb([[]] * 60_000) * 16
    narrow = b"\x94" * 1_000 + b"\x90" * 900_000
    tracemalloc.start()
    for data in (bomb, narrow):
        with pytest.raises(BadWire):
            open_sealed(data, BATCH, known(TILL))
        with pytest.raises(BadWire):
            peek(data, BATCH)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_random_bytes_are_refused_and_nothing_else_happens() -> None:
    chance = random.Random(7)
    for _ in range(3_000):
        with pytest.raises((BadWire, BadEnvelope)):
            open_sealed(b"\x94\x01" + chance.randbytes(chance.randrange(60)), BATCH, known(TILL))


def test_a_key_is_named_by_8_bytes_and_compared_by_people_in_groups() -> None:
    public = public_of(TILL)
    assert len(key_id(public)) == 8
    assert fingerprint(public).replace("-", "") == key_id(public).hex()
    assert [len(group) for group in fingerprint(public).split("-")] == [4, 4, 4, 4]
    assert fingerprint(public) != fingerprint(public_of(HQ))


def test_a_payload_may_hold_any_bytes_and_many_of_them() -> None:
    payload = random.Random(1).randbytes(3_000_000)
    assert open_sealed(seal(BATCH, payload, TILL), BATCH, known(TILL)) == payload


def test_peeking_names_keys_and_payload_without_believing_them() -> None:
    assert peek(seal(BATCH, PAYLOAD, STRANGER), BATCH) == ((key_id(public_of(STRANGER)),), PAYLOAD)
    unsigned = envelope([b"anything", bytes(64)], [b"some/key", bytes(64)])
    assert peek(unsigned, BATCH) == ((b"anything", b"some/key"), PAYLOAD)


def test_peeking_refuses_what_is_no_envelope_of_the_type() -> None:
    data = seal(BATCH, PAYLOAD, TILL)
    with pytest.raises(BadEnvelope, match="dangol/reply/1"):
        peek(data, "dangol/reply/1")
    with pytest.raises(BadEnvelope, match="1 to 4 signatures"):
        peek(envelope(), BATCH)
    with pytest.raises(BadWire):
        peek(data, BATCH, bytes_max=len(data) - 1)
    with pytest.raises(BadWire):
        peek(data + b"x", BATCH)
