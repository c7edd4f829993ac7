"""Record bytes, the chain over them, and where a run of records belongs."""

from __future__ import annotations

import hashlib
from typing import Literal

import msgpack
import msgspec
import pytest

from loyalty_core.errors import BadInput, BadWire, UnknownRecord
from loyalty_core.events import (
    AT_MAX,
    LINES_MAX,
    TENDERS_MAX,
    Booted,
    Claim,
    ClockStepped,
    Event,
    Line,
    MemberPresented,
    ReceiptKey,
    ReturnRecorded,
    Tender,
)
from loyalty_core.journal import (
    RECORD_BYTES_MAX,
    Record,
    Verdict,
    chain,
    first_hash,
    next_hash,
    pack_record,
    place_run,
    unpack_record,
)
from loyalty_core.units import MINOR_MAX, POINTS_MAX, Seq
from tests.core.made import at, day, key, line, purchase, returned, visit, visit_void, void

WHEN = at("2026-11-20 10:00")
TODAY = day("2026-11-20")


def record(event: Event | None = None, **other: object) -> Record:
    fields: dict[str, object] = {"event": event or purchase().event, "adapter": "http", "monotonic_ms": 5}
    return Record(**fields | other)  # type: ignore[arg-type]


EVENTS: list[Event] = [
    visit().event,
    visit(receipt=key("0007")).event,
    visit_void(2, visit(1)).event,
    visit_void(2, visit(1, receipt=key())).event,
    MemberPresented("card:1", WHEN, TODAY),
    purchase(lines=[line(1, "golf"), line(-5)], tenders=[Tender("card", 1), Tender("cash", -1)]).event,
    purchase(member=None).event,
    returned(1).event,
    void(1).event,
    Booted(None, WHEN, TODAY, "boot", "0.1.0"),
    ClockStepped(None, WHEN, TODAY, -3_600_000),
]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_a_record_comes_back_as_it_was_written(event: Event) -> None:
    for written in (
        record(event),
        record(event, natural_key="K-1", claim=Claim(7, "GOLD", 12, -12), adapter="", monotonic_ms=0),
    ):
        assert unpack_record(pack_record(written)) == written
        assert pack_record(unpack_record(pack_record(written))) == pack_record(written)


def test_the_bytes_of_a_record_stay_the_same_over_releases() -> None:
    written = record(visit(receipt=key("0007")).event, natural_key="K-1", claim=Claim(7, "GOLD", 15, 15))
    assert msgpack.unpackb(pack_record(written)) == [
        1,
        1,
        "http",
        "K-1",
        5,
        [7, "GOLD", 15, 15],
        ["id:m1", WHEN, TODAY, "till", ["S1", "T1", TODAY, "0007"]],
    ]
    assert hashlib.sha256(pack_record(written)).hexdigest()[:16] == "17fe510a53ce57b2"


def test_the_largest_receipt_that_events_allow_fits_a_record() -> None:
    wide, wider = "\U0001d11e" * 32, "\U0001d11e" * 64
    own = ReceiptKey(wide, wide, 47_482, wider)
    event = ReturnRecorded(
        "\U0001d11e" * 80,
        AT_MAX,
        47_482,
        own,
        own,
        -MINOR_MAX,
        -MINOR_MAX,
        (Line(2**53, wider, wider, -(10**12), -MINOR_MAX),) * LINES_MAX,
        (Tender(wider, -MINOR_MAX),) * TENDERS_MAX,
    )
    claim = Claim(2**53, wider, 10 * POINTS_MAX, -10 * POINTS_MAX)
    written = record(event, natural_key=wider * 4, monotonic_ms=2**53, claim=claim)
    assert unpack_record(pack_record(written)) == written


def test_a_record_that_nobody_could_read_again_is_not_written() -> None:
    room = RECORD_BYTES_MAX - len(pack_record(record(adapter="x" * 70_000))) + 70_000
    assert len(pack_record(record(adapter="x" * room))) == RECORD_BYTES_MAX
    assert unpack_record(pack_record(record(adapter="x" * room))).adapter == "x" * room
    with pytest.raises(BadInput) as caught:
        pack_record(record(adapter="x" * (room + 1)))
    assert caught.value.code == "record_too_large"
    larger = pack_record(record(adapter="x" * room))[:-1] + b"\xa1x"
    with pytest.raises(BadWire, match=f"{RECORD_BYTES_MAX + 1} bytes are more than the {RECORD_BYTES_MAX}"):
        unpack_record(larger)


def plain(written: Record | None = None) -> list[object]:
    value = msgpack.unpackb(pack_record(written or record()))
    assert isinstance(value, list)
    return value


@pytest.mark.parametrize(
    "data",
    [
        [2],
        [2, "anything"],
        [2**32, [], b""],
        [2, *plain()[1:]],
        [1, 99, *plain()[2:]],
        [1, 63, *plain()[2:]],
        [0, *plain()[1:]],
        [-1, *plain()[1:]],
    ],
    ids=str,
)
def test_a_record_of_a_later_release_is_told_from_a_damaged_one(data: list[object]) -> None:
    with pytest.raises(UnknownRecord) as caught:
        unpack_record(msgpack.packb(data))
    assert caught.value.code == "record_unknown"


@pytest.mark.parametrize(
    "data",
    [
        [],
        None,
        1,
        "x",
        [1],
        [True, *plain()[1:]],
        [1.0, *plain()[1:]],
        ["1", *plain()[1:]],
        [*plain(), None],
        plain()[:-1],
        [1, 4, "http", None, -1, None, plain()[6]],
        [1, 4, "http", None, 5, [1, "G", 1], plain()[6]],
        [1, 4, "http", None, 5, [1, "G", 1, 1, 1], plain()[6]],
        [1, 4, "http", None, 5, [-1, "G", 1, 1], plain()[6]],
        [1, 4, 7, None, 5, None, plain()[6]],
        [1, 4, "http", None, 5, None, {}],
        [1, 4, "http", None, 5, None, None],
        [1, 4, "http", None, 5, None, []],
        [1, 1, "http", None, 5, None, plain()[6]],
        [1, 1, "http", None, 5, None, [None, WHEN, TODAY, "door", None]],
        [1, 3, "http", None, 5, None, [None, WHEN, TODAY, None]],
        [1, 3, "http", None, 5, None, [None, 0, TODAY]],
    ],
    ids=str,
)
def test_a_record_of_another_shape_is_damaged(data: object) -> None:
    with pytest.raises(BadWire) as caught:
        unpack_record(msgpack.packb(data))
    assert caught.value.code == "wire_malformed"


def test_a_record_in_another_form_than_its_own_is_refused() -> None:
    good = pack_record(record())
    assert good[:2] == b"\x97\x01"
    for other in (b"\x97\xcc\x01" + good[2:], b"\xdc\x00\x07" + good[1:], good + b"\xc0"):
        with pytest.raises(BadWire):
            unpack_record(other)


def test_a_flipped_bit_in_a_record_never_passes_for_the_same_record() -> None:
    data = pack_record(record())
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        try:
            other = unpack_record(bytes(flipped))
        except BadWire:
            continue
        assert other != record()
        assert next_hash(b"h", bytes(flipped)) != next_hash(b"h", data)


def test_the_chain_starts_from_the_terminal_and_the_epoch() -> None:
    assert first_hash("S1-T1", 1) == hashlib.sha256(b"dangol/journal/1S1-T1\x001").digest()
    hashes = {first_hash(terminal, epoch) for terminal in ("T1", "T11", "T2") for epoch in (1, 11, 2, 12)}
    assert len(hashes) == 12


def test_each_hash_follows_from_the_one_before_and_the_bytes() -> None:
    start = first_hash("T1", 1)
    hashes = chain(start, [b"one", b"two"])
    assert hashes == [
        hashlib.sha256(start + b"one").digest(),
        hashlib.sha256(hashlib.sha256(start + b"one").digest() + b"two").digest(),
    ]
    assert next_hash(start, b"one") == hashes[0]
    assert chain(start, []) == []


def test_a_chain_may_be_cut_anywhere_and_goes_on() -> None:
    records = [b"%d" % number for number in range(6)]
    whole = chain(first_hash("T1", 1), records)
    for cut in range(1, 6):
        assert whole == whole[:cut] + chain(whole[cut - 1], records[cut:])


def test_a_changed_missing_or_swapped_record_changes_every_hash_after_it() -> None:
    start, records = first_hash("T1", 1), [b"one", b"two", b"three"]
    whole = chain(start, records)
    for other in ([b"one", b"twO", b"three"], [b"two", b"one", b"three"], [b"one", b"three", b"two"]):
        assert chain(start, other)[-1] != whole[-1]
    assert chain(start, [b"one", b"three"])[-1] not in whole


TRUNK = {seq: bytes([seq]) * 32 for seq in range(8)}
OTHER = {seq: bytes([seq, 99]) * 16 for seq in range(12)}
VerdictKind = Literal["next", "known", "gap", "fork"]


def place(head: int, first: int, hashes: list[bytes], before: bytes | None = None) -> Verdict:
    kept = {seq: value for seq, value in TRUNK.items() if first - 1 <= seq <= head}
    return place_run(Seq(head), Seq(first), before or TRUNK[first - 1], hashes, kept)


def run(first: int, last: int, *, forked_at: int = 99) -> list[bytes]:
    return [(OTHER if seq >= forked_at or seq > 7 else TRUNK)[seq] for seq in range(first, last + 1)]


@pytest.mark.parametrize(
    ("head", "first", "last", "kind", "seq"),
    [
        (0, 1, 3, "next", 1),
        (5, 6, 7, "next", 6),
        (5, 6, 6, "next", 6),
        (5, 4, 7, "next", 6),
        (5, 1, 6, "next", 6),
        (5, 5, 5, "known", 5),
        (5, 1, 5, "known", 5),
        (5, 2, 3, "known", 5),
        (5, 1, 1, "known", 5),
    ],
)
def test_a_run_that_joins_is_kept_from_the_first_new_seq_on_or_known(
    head: int, first: int, last: int, kind: VerdictKind, seq: int
) -> None:
    assert place(head, first, run(first, last)) == Verdict(kind, Seq(seq))


@pytest.mark.parametrize(("head", "first"), [(0, 2), (5, 7), (5, 8)])
def test_a_run_beyond_a_gap_names_the_seq_that_is_needed(head: int, first: int) -> None:
    verdict = place_run(Seq(head), Seq(first), b"whatever", [b"x"], {})
    assert verdict == Verdict("gap", Seq(head + 1))


@pytest.mark.parametrize(
    ("head", "first", "last", "forked_at"),
    [(5, 5, 5, 5), (5, 3, 5, 4), (5, 1, 5, 1), (5, 4, 7, 5), (5, 4, 7, 4)],
    ids=["the last", "in the middle", "from the first", "then beyond the head", "at its first"],
)
def test_the_same_seq_with_another_hash_is_a_fork_there(
    head: int, first: int, last: int, forked_at: int
) -> None:
    assert place(head, first, run(first, last, forked_at=forked_at)) == Verdict("fork", Seq(forked_at))


@pytest.mark.parametrize(("head", "first"), [(5, 6), (5, 4), (5, 1), (0, 1)])
def test_a_run_that_follows_another_record_than_ours_is_a_fork_before_it(head: int, first: int) -> None:
    verdict = place(head, first, run(first, first + 1, forked_at=first), before=OTHER[first - 1])
    assert verdict == Verdict("fork", Seq(first - 1))


def test_a_run_after_the_head_needs_no_more_than_the_heads_hash() -> None:
    assert place_run(Seq(5), Seq(6), TRUNK[5], [b"x"], {5: TRUNK[5]}) == Verdict("next", Seq(6))


def test_an_empty_run_says_nothing_new() -> None:
    assert place(5, 6, []) == Verdict("known", Seq(5))


def test_records_are_values() -> None:
    assert record() == record()
    with pytest.raises(AttributeError):
        record().adapter = "other"  # type: ignore[misc]
    assert msgspec.structs.replace(record(), adapter="other") != record()
