"""The exact bytes of each version of the wire: this release writes the present one and reads all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty_core.envelope import key_id, open_sealed, public_of
from loyalty_core.events import EVENT_CODES
from loyalty_core.journal import unpack_record
from loyalty_core.messages import unpack_records
from loyalty_core.sealing import unseal
from loyalty_core.stick import open_file, parse_file
from loyalty_core.wire import Message, unpack
from tests.core.vectors import (
    EVENTS,
    GOLDEN,
    PACKED,
    PAYLOADS,
    PERSON,
    PRESENT,
    RECORDS,
    SEALED_TO,
    STORE_KEY,
    kept,
    payload_types,
    signing_key,
    written,
)

FILES = sorted(GOLDEN.glob("*.txt"))


def test_this_release_writes_the_present_version_byte_for_byte() -> None:
    now, then = written(), kept(PRESENT)
    assert list(now) == list(then)
    for name, data in now.items():
        assert data.hex() == then[name].hex(), name


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_this_release_reads_records_of_every_version(file: Path) -> None:
    for name, data in kept(file).items():
        kind, _, what = name.partition(" ")
        if kind == "record":
            assert unpack_record(data) == RECORDS[what]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_this_release_reads_and_believes_envelopes_of_every_version(file: Path) -> None:
    vectors = kept(file)
    for of, value in PAYLOADS.items():
        public = public_of(signing_key(of))
        payload = open_sealed(vectors[f"envelope {of}"], of, {key_id(public): public})
        assert payload == vectors[f"payload {of}"]
        assert unpack(payload, type(value)) == value


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_this_release_opens_files_on_sticks_of_every_version(file: Path) -> None:
    vectors = kept(file)
    assert open_file(parse_file(vectors["stick"]), STORE_KEY) == vectors["envelope dangol/exchange/1"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_this_release_unseals_personal_data_of_every_version(file: Path) -> None:
    assert unseal(SEALED_TO, kept(file)["sealed"]) == PERSON


def test_there_is_a_vector_of_everything_that_is_said() -> None:
    assert set(EVENT_CODES) == {type(event) for event in EVENTS}
    assert payload_types() == set(PAYLOADS)
    assert unpack_records(PACKED) == (b"first", b"second")


def test_every_field_of_every_message_is_told_with_something_in_it() -> None:
    """An empty part would not show how it is written."""
    seen: set[type] = set()

    def walk(value: object) -> None:
        if isinstance(value, Message):
            seen.add(type(value))
            for name in value.__struct_fields__:
                walk(getattr(value, name))
        elif isinstance(value, tuple):
            assert value
            for one in value:
                walk(one)

    for payload in (*PAYLOADS.values(), PERSON):
        walk(payload)
    assert seen == set(Message.__subclasses__()) - {
        one for one in Message.__subclasses__() if not one.__module__.startswith("loyalty_core")
    }
