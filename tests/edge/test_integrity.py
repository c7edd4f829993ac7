"""What the disk gives back that was not written is found, with the seq where it begins."""

from __future__ import annotations

import pytest

from edge_agent.store import journal, outbox
from edge_agent.store.database import Connection, StoreError, connect, transaction
from edge_agent.store.integrity import Fault, verify
from loyalty_core.messages import Acknowledgement
from tests.edge.made import LIFE, purchase
from tests.edge.till import Till


@pytest.fixture
def full(till: Till) -> Till:
    """Return a till with five purchases of five members."""
    for n in range(1, 6):
        till.record(purchase(str(n), member=f"M{n}"))
    return till


def tamper(conn: Connection, statement: str, *values: object) -> None:
    """Do what the triggers forbid."""
    conn.execute("DROP TRIGGER IF EXISTS journal_is_never_changed")
    conn.execute("DROP TRIGGER IF EXISTS journal_is_never_cut")
    done = conn.execute(statement, values)
    assert done.rowcount == 1


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def found(till: Till) -> tuple[str, int | None] | None:
    fault = verify(till.conn)
    return None if fault is None else (fault.code, fault.seq)


def test_what_was_written_is_whole(full: Till) -> None:
    read: list[int] = []
    assert verify(full.conn, read.append) is None
    assert read == [5]


def test_a_database_that_cannot_be_opened_is_not_called_damaged(full: Till) -> None:
    database = full.config.database
    full.close()
    conn = connect(database, read_only=True)
    database.with_name(database.name + "-wal").mkdir()
    with pytest.raises(StoreError) as refused:
        verify(conn)
    conn.close()
    assert refused.value.code == "store_unreadable"


def test_an_empty_journal_is_whole(till: Till) -> None:
    assert verify(till.conn) is None


@pytest.mark.parametrize("column", ["record", "hash"])
@pytest.mark.parametrize("seq", [1, 3, 5])
@pytest.mark.parametrize("place", [0, 7, -1])
def test_one_flipped_bit_is_found_where_it_stands(full: Till, column: str, seq: int, place: int) -> None:
    row = full.conn.execute("SELECT record, hash FROM journal WHERE seq = ?", (seq,)).fetchone()
    parts = {"record": row[0], "hash": row[1]}
    parts[column] = flipped(parts[column], place % len(parts[column]))
    tamper(full.conn, "UPDATE journal SET record = ?, hash = ? WHERE seq = ?", *parts.values(), seq)
    assert found(full) == ("chain_broken", seq)


def test_a_bit_that_flips_in_the_file_itself_is_found(full: Till) -> None:
    (record,) = full.conn.execute("SELECT record FROM journal WHERE seq = 3").fetchone()
    full.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    full.conn.close()
    data = full.config.database.read_bytes()
    place = data.index(record) + len(record) // 2
    full.config.database.write_bytes(flipped(data, place))
    full.conn = connect(full.config.database)
    assert full.conn.execute("PRAGMA integrity_check").fetchone() == ("ok",), "SQLite does not see it"
    assert found(full) == ("chain_broken", 3)


@pytest.mark.parametrize("seq", [1, 3])
def test_a_record_that_is_missing_is_found(full: Till, seq: int) -> None:
    tamper(full.conn, "DELETE FROM journal WHERE seq = ?", seq)
    assert found(full) == ("journal_gap", seq)


def test_a_last_record_that_is_missing_is_found_by_what_names_it(full: Till) -> None:
    tamper(full.conn, "DELETE FROM journal WHERE seq = 5")
    assert found(full) == ("reference_broken", 5)


def test_records_that_changed_places_are_found(full: Till) -> None:
    (one,) = full.conn.execute("SELECT record FROM journal WHERE seq = 2").fetchone()
    (two,) = full.conn.execute("SELECT record FROM journal WHERE seq = 3").fetchone()
    tamper(full.conn, "UPDATE journal SET record = ? WHERE seq = 2", two)
    tamper(full.conn, "UPDATE journal SET record = ? WHERE seq = 3", one)
    assert found(full) == ("chain_broken", 2)


def test_a_record_that_is_chained_and_no_record_is_found(full: Till) -> None:
    books = full.books()
    with transaction(full.conn):
        journal.append(full.conn, books.terminal, books.head, b"\x90")
    assert found(full) == ("record_unreadable", 6)


def acknowledge(till: Till, seq: int, chain_hash: bytes) -> None:
    said = Acknowledgement("S012-T03", 1, 0, seq, chain_hash, LIFE)
    with transaction(till.conn):
        outbox.acknowledge(till.conn, said)


def test_a_database_that_is_older_than_what_headquarters_holds_is_found(full: Till) -> None:
    acknowledge(full, 7, b"\x00" * 32)
    assert found(full) == ("journal_behind", 6)


def test_an_acknowledgement_of_another_record_is_found(full: Till) -> None:
    acknowledge(full, 3, b"\x00" * 32)
    assert found(full) == ("reference_broken", 3)


def test_a_damaged_page_is_a_fault_and_not_a_crash(full: Till) -> None:
    full.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    full.conn.close()
    data = bytearray(full.config.database.read_bytes())
    data[4096 * 2 : 4096 * 3] = bytes(4096)
    full.config.database.write_bytes(data)
    full.conn = connect(full.config.database)
    fault = verify(full.conn)
    assert isinstance(fault, Fault)
    assert fault.code == "database_damaged"
