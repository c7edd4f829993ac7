"""What puts a journal right: its hashes for a flipped bit, HQ's copy for more, a mark for what is lost."""

from __future__ import annotations

import pytest

from edge_agent.repair.chain import Damage, Mend, Row, mends
from edge_agent.store.journal import LOST
from loyalty_core.errors import BrokenChain
from loyalty_core.events import VisitRecorded
from loyalty_core.journal import Record, chain, first_hash, next_hash, pack_record
from loyalty_core.units import Day, EpochMs

FIRST = first_hash("T", 1)


def visit(card: str, n: int) -> bytes:
    event = VisitRecorded(f"card:{card}", EpochMs(1_795_228_260_000 + n), Day(20_777), "till", None)
    return pack_record(Record(event=event, adapter="test", monotonic_ms=n))


RECORDS = [visit("1", n) for n in range(6)]
HASHES = chain(FIRST, RECORDS)
WHOLE: list[Row] = list(zip(range(1, 7), RECORDS, HASHES, strict=True))


def flipped(data: bytes, bit: int) -> bytes:
    return (int.from_bytes(data) ^ 1 << bit).to_bytes(len(data))


def found(
    rows: list[Row], copies: dict[int, bytes] | None = None, held: int = 0, *, gives_up: bool = False
) -> list[Mend | Damage]:
    made = mends(rows, FIRST, copies=copies or {}, is_lost=lambda seq: gives_up and seq > held, held=held)
    return list(made)


def put(rows: list[Row], made: list[Mend | Damage]) -> list[Row]:
    after = {seq: (seq, record, record_hash) for seq, record, record_hash in rows}
    for one in made:
        assert isinstance(one, Mend)
        after[one.seq] = (one.seq, one.record, one.hash)
    return sorted(after.values())


def with_row(seq: int, record: bytes, record_hash: bytes) -> list[Row]:
    return [(seq, record, record_hash) if row[0] == seq else row for row in WHOLE]


def test_nothing_is_changed_where_nothing_is_wrong() -> None:
    assert found(WHOLE) == []
    assert found([]) == []


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_any_flipped_bit_of_a_record_is_put_back_by_its_hash(seq: int) -> None:
    for bit in range(8 * len(RECORDS[seq - 1])):
        rows = with_row(seq, flipped(RECORDS[seq - 1], bit), HASHES[seq - 1])
        made = found(rows)
        assert [one.how for one in made if isinstance(one, Mend)] == ["bit"]
        assert put(rows, made) == WHOLE


@pytest.mark.parametrize("seq", [1, 3, 6])
def test_any_flipped_bit_of_a_hash_is_put_back_by_its_record(seq: int) -> None:
    for bit in range(256):
        rows = with_row(seq, RECORDS[seq - 1], flipped(HASHES[seq - 1], bit))
        made = found(rows)
        assert [one.how for one in made if isinstance(one, Mend)] == ["hash"]
        assert put(rows, made) == WHOLE


def test_what_was_chained_to_a_damaged_hash_is_chained_to_the_right_one() -> None:
    wrong = flipped(HASHES[3], 77)
    later = chain(wrong, RECORDS[4:])
    rows = [*WHOLE[:3], (4, RECORDS[3], wrong), (5, RECORDS[4], later[0]), (6, RECORDS[5], later[1])]
    made = found(rows)
    assert [one.how for one in made if isinstance(one, Mend)] == ["hash", "chained", "chained"]
    assert put(rows, made) == WHOLE


def test_more_than_a_bit_is_damage_until_there_is_a_copy() -> None:
    rows = with_row(3, bytes(len(RECORDS[2])), HASHES[2])
    assert found(rows, held=6) == [Damage(3)]
    made = found(rows, {3: RECORDS[2]}, held=6)
    assert [one.how for one in made if isinstance(one, Mend)] == ["hq"]
    assert put(rows, made) == WHOLE


@pytest.mark.parametrize("gone", [[1], [3, 4], [5, 6]])
def test_rows_that_are_missing_are_damage_until_there_are_copies(gone: list[int]) -> None:
    rows = [row for row in WHOLE if row[0] not in gone]
    assert found(rows, held=6) == [Damage(seq) for seq in gone]
    made = found(rows, {seq: RECORDS[seq - 1] for seq in gone}, held=6)
    assert put(rows, made) == WHOLE


def test_a_record_that_fits_no_copy_beside_it_is_damage_of_its_own() -> None:
    """Behind a missing row a record is believed by its form, until the copy shows what it has to follow."""
    other = visit("2", 0)
    rows = [*WHOLE[:2], (4, other, HASHES[3]), *WHOLE[4:]]
    assert found(rows, held=6) == [Damage(3)]
    assert found(rows, {3: RECORDS[2]}, held=6)[-1] == Damage(4)
    assert put(rows, found(rows, {3: RECORDS[2], 4: RECORDS[3]}, held=6)) == WHOLE


def test_a_copy_that_the_next_whole_record_does_not_follow_is_refused() -> None:
    rows = with_row(3, bytes(60), HASHES[2])
    with pytest.raises(BrokenChain):
        found(rows, {3: visit("2", 7)}, held=6)
    damaged_too = [(3, bytes(60), bytes(32)) if row[0] == 3 else row for row in WHOLE]
    assert put(damaged_too, found(damaged_too, {3: RECORDS[2]}, held=6)) == WHOLE
    assert found(damaged_too, {3: visit("2", 7)}, held=6)[-1] == Damage(4)


@pytest.mark.parametrize("left", [b"", b"\x93half of it"])
def test_what_headquarters_never_got_keeps_its_place_and_the_rest_is_chained_anew(left: bytes) -> None:
    rows = with_row(4, left, HASHES[3]) if left else [row for row in WHOLE if row[0] != 4]
    made = found(rows, held=3, gives_up=True)
    after = put(rows, made)
    assert [record for _, record, _ in after] == [*RECORDS[:3], LOST + left, *RECORDS[4:]]
    assert [record_hash for *_, record_hash in after] == chain(FIRST, [record for _, record, _ in after])
    assert after[:3] == WHOLE[:3]
    assert found(after, held=3, gives_up=True) == []
    assert after[3][2] == next_hash(HASHES[2], LOST + left)
