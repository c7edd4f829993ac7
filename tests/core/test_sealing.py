"""Only headquarters can open what a till seals, and only unchanged."""

from __future__ import annotations

import pytest

from loyalty_core.errors import BadWire
from loyalty_core.events import AT_MIN
from loyalty_core.sealing import (
    CARDS_MAX,
    SEALED_BYTES_MAX,
    BadSeal,
    PersonalData,
    seal_to,
    sealed_hash,
    sealing_public_of,
    unseal,
)
from loyalty_core.wire import pack, unpack

HQ_KEY, OTHER_KEY, EPHEMERAL = (bytes([number]) * 32 for number in (5, 6, 7))
HQ_PUBLIC = sealing_public_of(HQ_KEY)
PERSON = PersonalData("홍길동", "+821012345678", ("2000123456782",), 3_000, 2, "ko", AT_MIN)


def test_what_was_sealed_comes_back_at_headquarters_alone() -> None:
    blob = seal_to(HQ_PUBLIC, PERSON, EPHEMERAL)
    assert unseal(HQ_KEY, blob) == PERSON
    assert "홍길동".encode() not in blob
    assert b"1234" not in blob
    with pytest.raises(BadSeal):
        unseal(OTHER_KEY, blob)


def test_its_bytes_are_those_of_the_first_version() -> None:
    blob = seal_to(HQ_PUBLIC, PERSON, EPHEMERAL)
    assert sealed_hash(bytes(32), blob).hex() == (
        "c0f004770e100ffeaac0b9f49620f6b56a2a0a6d6c6823aef300fd45dbb6c921"
    )


@pytest.mark.parametrize("at", [0, 31, 32, 60, -1])
def test_a_changed_byte_is_noticed(at: int) -> None:
    blob = bytearray(seal_to(HQ_PUBLIC, PERSON, EPHEMERAL))
    blob[at] ^= 1
    with pytest.raises(BadSeal):
        unseal(HQ_KEY, bytes(blob))


@pytest.mark.parametrize(
    "blob",
    [b"", bytes(31), bytes(32), bytes(100), HQ_PUBLIC, HQ_PUBLIC + bytes(16), bytes(SEALED_BYTES_MAX + 1)],
)
def test_what_nobody_sealed_is_refused(blob: bytes) -> None:
    with pytest.raises(BadSeal):
        unseal(HQ_KEY, blob)


def test_nothing_is_sealed_to_a_key_that_everybody_knows() -> None:
    with pytest.raises(BadSeal):
        seal_to(bytes(32), PERSON, EPHEMERAL)


def test_the_largest_person_fits() -> None:
    cards = tuple([f"{number}" + "X" * 63 for number in range(CARDS_MAX)])
    person = PersonalData("홍" * 64, "+" + "8" * 63, cards, None, 2**53, "en", AT_MIN)
    blob = seal_to(HQ_PUBLIC, person, EPHEMERAL)
    assert len(blob) <= SEALED_BYTES_MAX
    assert unseal(HQ_KEY, blob).look_ups[0] == "phone:+" + "8" * 63
    assert len(unseal(HQ_KEY, blob).look_ups) == CARDS_MAX + 1


def test_the_hash_depends_on_salt_and_blob() -> None:
    assert (
        len({sealed_hash(bytes(32), b"a"), sealed_hash(b"\x01" * 32, b"a"), sealed_hash(bytes(32), b"b")})
        == 3
    )


def test_personal_data_is_checked() -> None:
    with pytest.raises(BadWire):
        unpack(pack(["", "", [], None, 0, "", AT_MIN]), PersonalData)
    with pytest.raises(BadWire):
        unpack(pack(["Kim", "", [], None, 0, "fr", AT_MIN]), PersonalData)
