"""Records and messages as bytes: read back whole, or refused."""

from __future__ import annotations

import operator

import hypothesis.strategies as st
import msgpack
from hypothesis import example, given, settings

from loyalty_core.envelope import key_id, open_sealed, peek, public_of, seal
from loyalty_core.errors import BadEnvelope, BadWire
from loyalty_core.events import Fact, content_hash
from loyalty_core.journal import Record, pack_record, unpack_record
from loyalty_core.messages import Exchange, Reply, unpack_records
from loyalty_core.wire import compress, decompress, pack, unpack
from tests.properties.drawn_days import receipt_facts
from tests.properties.drawn_records import records


@given(records)
def test_a_record_and_its_bytes_are_one(record: Record) -> None:
    data = pack_record(record)
    assert unpack_record(data) == record
    assert pack_record(unpack_record(data)) == data


@given(records, st.data())
def test_damaged_record_bytes_are_refused_or_are_the_canonical_form_of_another(
    record: Record, data: st.DataObject
) -> None:
    damaged = bytearray(pack_record(record))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(damaged) - 1))
        how = data.draw(st.integers(0, 2))
        if how == 0:
            damaged[place] = data.draw(st.integers(0, 255))
        elif how == 1:
            damaged[place:place] = data.draw(st.binary(max_size=3))
        elif len(damaged) > 1:
            del damaged[place]
    try:
        other = unpack_record(bytes(damaged))
    except BadWire:
        return
    assert pack_record(other) == bytes(damaged)


# About the lengths at which the form becomes a wider one.
lengths = st.sampled_from([0, 1, 15, 16, 31, 32, 255, 256, 65_535, 65_536])
flat = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.builds(operator.mul, st.sampled_from(["x", "홍"]), lengths),
    st.builds(operator.mul, st.just(b"\xff"), lengths),
    st.builds(operator.mul, st.sampled_from([[7], (None,)]), lengths),
)
wire_values = st.recursive(flat, lambda inner: st.lists(inner, max_size=20), max_leaves=6)


@given(wire_values)
def test_whoever_packs_a_value_it_has_the_same_bytes(value: object) -> None:
    assert pack(value) == msgpack.packb(value)


# Arrays, integers and texts of all kinds, so that more than the first byte is looked at.
plain_values = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.text(max_size=8),
        st.binary(max_size=40),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=10),
        st.dictionaries(st.one_of(st.integers(0, 9), st.text(max_size=3)), inner, max_size=2),
    ),
    max_leaves=12,
)
any_bytes = st.one_of(
    st.binary(max_size=200),
    plain_values.map(msgpack.packb),
    st.lists(plain_values, min_size=7, max_size=10).map(msgpack.packb),
)
TILL = b"\x01" * 32
KEYS = {key_id(public_of(TILL)): public_of(TILL)}


@given(any_bytes)
@example(b"\x91" * 5_000)
@example(b"\xdd\xff\xff\xff\xff")
def test_whatever_bytes_come_nothing_but_a_refusal_is_raised(data: bytes) -> None:
    for read in (
        lambda: unpack(data, Exchange),
        lambda: unpack(data, Reply),
        lambda: unpack_record(data),
        lambda: unpack_records(data),
        lambda: unpack_records(compress(data)),
        lambda: decompress(data, bytes_max=1_000),
        lambda: open_sealed(data, "dangol/batch/1", KEYS),
        lambda: peek(data, "dangol/batch/1"),
        lambda: open_sealed(seal("dangol/batch/1", data, TILL) + data[:1], "dangol/batch/1", KEYS),
    ):
        try:
            read()
        except (BadWire, BadEnvelope):
            continue


@given(st.binary(max_size=300), st.integers(1, 400))
def test_compressed_bytes_come_back_whole_or_not_at_all(plain: bytes, bytes_max: int) -> None:
    try:
        assert decompress(compress(plain), bytes_max=bytes_max) == plain
    except BadWire:
        assert len(plain) > bytes_max
    else:
        assert len(plain) <= bytes_max


@settings(max_examples=50)
@given(receipt_facts(), receipt_facts())
def test_equal_content_is_told_by_its_hash(one: list[Fact], other: list[Fact]) -> None:
    def content(fact: Fact) -> tuple[object, ...]:
        event = fact.event
        of = [
            getattr(event, name, None) for name in ("net_minor", "tax_minor", "lines", "tenders", "original")
        ]
        return type(event).__name__, event.occurred_at_ms, *of

    for first in one:
        for second in other:
            same = content(first) == content(second)
            assert (content_hash(first.event) == content_hash(second.event)) is same
