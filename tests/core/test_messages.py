"""What an exchange says comes over whole, within its bounds."""

from __future__ import annotations

import msgspec
import pytest

from loyalty_core.errors import BadWire
from loyalty_core.events import AT_MIN
from loyalty_core.journal import RECORD_BYTES_MAX
from loyalty_core.messages import (
    BATCH_BYTES_MAX,
    BATCH_RECORDS_MAX,
    BATCHES_MAX,
    KEYS_MAX,
    OLDER_MAX,
    PROGRAMME_BYTES_MAX,
    PROGRAMMES_MAX,
    STATEMENTS_MAX,
    Acknowledgement,
    Answer,
    Ask,
    Batch,
    Clock,
    Cursors,
    Directive,
    Ended,
    Enrol,
    Enrolled,
    Exchange,
    Health,
    Incarnation,
    MemberRow,
    Page,
    ProgrammeText,
    Refusal,
    Reply,
    Rotate,
    Rotated,
    Stamp,
    Wanted,
    pack_records,
    unpack_records,
)
from loyalty_core.wire import Shape, compress, pack, unpack

NONCE, HASH, KEY = bytes(range(16)), bytes(range(32)), bytes(range(32, 64))
INCARNATION = Incarnation(1, b"\x07\x08")
BATCH = Batch("moonlight", "S1-T1", 1, 1, HASH, pack_records([b"one"]), Clock(AT_MIN, 5, "boot"), AT_MIN)
ROW = MemberRow("m1", False, "홍*동", ("h:1", "h:2"), "SILVER", -5, "2026-H2", 287, Stamp(1, 0, 42))
MESSAGES: list[Shape] = [
    BATCH,
    Exchange(
        NONCE,
        "S1-T1",
        1,
        42,
        HASH,
        Cursors(7, (1, 2, 3)),
        (b"x",),
        (Ask("r1", "id:m1", 500),),
        Health("0.1", 0, 0, 0),
        HASH,
        (b"programme",),
        KEY[:8],
        Wanted(1, 7, 9),
        (Ended(1, 99, HASH),),
        KEY[8:16],
    ),
    Acknowledgement("S1-T1", 1, 0, 42, HASH, INCARNATION),
    Reply(
        NONCE,
        INCARNATION,
        AT_MIN,
        (b"ack",),
        (Refusal(1, 7, "key_unknown", "The key is not known.", 0),),
        (Page(3, 0, 9, (ROW, msgspec.structs.replace(ROW, stamp=None, gone=True))),),
        (b"programme",),
        (Answer("r1", 500, 0, ""),),
        (Directive("new_epoch", 2),),
        30_000,
        (b"keys",),
        (b"batch",),
    ),
    ProgrammeText("moonlight", 7, "schema = 1\n"),
    Enrol(NONCE, b"a secret", KEY, "0.1"),
    Enrolled(
        NONCE,
        "S1-T1",
        "S1",
        True,
        1,
        KEY,
        b"k",
        "moonlight",
        "Asia/Seoul",
        300,
        64,
        (),
        INCARNATION,
        HASH,
        (b"keys",),
    ),
    Rotate(NONCE, "S1-T1", KEY),
    Rotated(NONCE, "S1-T1", KEY, AT_MIN),
]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_comes_back_as_it_went(message: Shape) -> None:
    data = pack(message)
    assert unpack(data, type(message)) == message
    assert pack(unpack(data, type(message))) == data


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_a_later_release_adds_at_the_end_is_not_looked_at(message: Shape) -> None:
    fields = msgspec.structs.astuple(message)
    assert unpack(pack([*fields, 7, ["new", None]]), type(message)) == message
    for other in (7.5, {"map": 1}, msgspec.msgpack.Ext(1, b"")):
        with pytest.raises(BadWire):
            unpack(pack([*fields, other]), type(message))
    with pytest.raises(BadWire, match="canonical"):
        unpack(pack([*fields, 7])[:-1] + b"\xcc\x07", type(message))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_what_an_earlier_release_does_not_send_has_its_default(message: Shape) -> None:
    names = type(message).__struct_fields__
    optional = len(type(message).__struct_defaults__)
    fields = msgspec.structs.astuple(message)
    for sent in range(len(names) + 1):
        if sent < len(names) - optional:
            with pytest.raises(BadWire):
                unpack(pack(fields[:sent]), type(message))
        else:
            defaults = type(message).__struct_defaults__[sent - len(names) + optional :]
            whole = type(message)(*fields[:sent], *defaults)
            assert unpack(pack(fields[:sent]), type(message)) == whole


def test_what_grows_inside_a_message_may_be_longer_or_shorter() -> None:
    page = Page(3, 0, 9, (ROW,))
    row = msgspec.structs.astuple(ROW)
    for told in (row[:9], [*row, "new"]):
        assert unpack(pack([3, 0, 9, [told]]), Page) == page


@pytest.mark.parametrize(
    ("message", "field", "value"),
    [
        (BATCH, "first_seq", 0),
        (BATCH, "epoch", -1),
        (BATCH, "before", HASH[:31]),
        (BATCH, "before", HASH + b"\x00"),
        (BATCH, "terminal_id", ""),
        (BATCH, "terminal_id", "x" * 33),
        (MESSAGES[1], "nonce", NONCE[:15]),
        (MESSAGES[1], "lacks", HASH[:31]),
        (MESSAGES[1], "programmes", (b"x",) * (PROGRAMMES_MAX + 1)),
        (MESSAGES[1], "programmes", (bytes(PROGRAMME_BYTES_MAX + 1),)),
        (MESSAGES[1], "hq_key", KEY[:7]),
        (MESSAGES[1], "wants", Wanted(0, 1, 1)),
        (MESSAGES[1], "wants", Wanted(1, 0, 1)),
        (MESSAGES[1], "older", (Ended(1, 1, HASH),) * (OLDER_MAX + 1)),
        (MESSAGES[1], "older", (Ended(1, 0, HASH),)),
        (MESSAGES[1], "programme_key", KEY[:9]),
        (MESSAGES[3], "keys", (b"x",) * (KEYS_MAX + 1)),
        (MESSAGES[3], "returned", (b"x",) * (BATCHES_MAX + 1)),
        (MESSAGES[3], "hq_time_ms", 0),
        (MESSAGES[5], "public_key", KEY[:31]),
        (MESSAGES[6], "business_day_starts", 1_440),
        (MESSAGES[6], "keys", (b"x",) * (STATEMENTS_MAX + 1)),
        (MESSAGES[7], "public_key", KEY[:31]),
        (MESSAGES[8], "old_until_ms", 0),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_field_out_of_its_bounds_is_refused(message: Shape, field: str, value: object) -> None:
    with pytest.raises(BadWire):
        unpack(pack(msgspec.structs.replace(message, **{field: value})), type(message))


def test_incarnations_and_stamps_have_an_order() -> None:
    assert Incarnation(1, b"\xff") < Incarnation(2, b"\x00")
    assert Stamp(1, 0, 99) < Stamp(1, 1, 1) < Stamp(2, 0, 1)


def test_records_travel_as_they_are_stored() -> None:
    records = [b"", b"one", bytes(RECORD_BYTES_MAX), b"two"]
    assert unpack_records(pack_records(records)) == tuple(records)


def test_a_batch_of_nothing_is_refused() -> None:
    with pytest.raises(BadWire):
        unpack_records(pack_records([]))


def test_a_batch_holds_a_thousand_records_and_no_more() -> None:
    records = [b"x"] * BATCH_RECORDS_MAX
    assert len(unpack_records(pack_records(records))) == 1_000
    with pytest.raises(BadWire, match="at most 1000 records, this one 1001"):
        unpack_records(pack_records([*records, b"x"]))


def test_a_record_larger_than_a_journal_takes_is_refused() -> None:
    with pytest.raises(BadWire):
        unpack_records(pack_records([bytes(RECORD_BYTES_MAX + 1)]))


def test_a_batch_unpacks_to_no_more_than_its_bound() -> None:
    count, around = 8, 2 + 5 * 8
    even = (BATCH_BYTES_MAX - around) // count
    sizes = [even] * (count - 1) + [BATCH_BYTES_MAX - around - even * (count - 1)]
    records = [bytes(size) for size in sizes]
    assert unpack_records(pack_records(records)) == tuple(records)
    with pytest.raises(BadWire, match="more than 4194304 bytes"):
        unpack_records(pack_records([*records[:-1], records[-1] + b"\x00"]))


@pytest.mark.parametrize(
    "packed",
    [
        b"",
        b"no zlib",
        compress(b""),
        compress(b"\xc0"),
        compress(pack([["text"]])),
        compress(pack([[b"x"], 1])),
    ],
    ids=["nothing", "no zlib", "empty", "nil", "text", "more"],
)
def test_what_is_no_run_of_records_is_refused(packed: bytes) -> None:
    with pytest.raises(BadWire):
        unpack_records(packed)
