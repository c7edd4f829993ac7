"""A flipped bit in what a till knows of itself: no sale stops, `verify` names it, a repair puts it back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from itertools import product
from pathlib import Path

import pytest
from msgspec.structs import replace

from edge_agent.app import build_app
from edge_agent.repair.repairing import repair
from edge_agent.store import terminal
from edge_agent.store.database import DatabaseError, connect, peek, store_error
from loyalty_core.calendar import Place, zone_named
from loyalty_core.errors import LoyaltyError
from loyalty_core.units import Minute
from tests.edge.commands.desk import Desk
from tests.edge.made import enrol_till, purchase
from tests.edge.repair.day import dump, lived
from tests.edge.repair.test_repairing import found, spoil
from tests.edge.till import Till

TEXTS = ("terminal_id", "store_id", "hq_url", "programme_id", "timezone")
BLOBS = ("hq_public_key", "store_key", "incarnation_random", "programme_public_key", "digest")
NUMBERS = ("business_day_starts", "epoch", "buckets", "incarnation_counter")


def spoilt(till: Till) -> Iterator[str]:
    """Flip some bits of each column, one at a time, and yield which."""
    for column in (*TEXTS, *BLOBS, *NUMBERS):
        cast = "TEXT" if column in TEXTS else "BLOB"
        plain = column in NUMBERS
        (was,) = till.conn.execute(
            f"SELECT {column if plain else f'CAST({column} AS BLOB)'} FROM terminal"  # noqa: S608
        ).fetchone()
        for bit in (0, 7, 21, 62) if plain else (0, 7, 8 * len(was) - 3):
            if plain:
                now = was ^ 1 << bit
            else:
                now = bytes(one ^ (bit // 8 == at) << bit % 8 for at, one in enumerate(was))
            put = f"UPDATE terminal SET {column} = " + ("?" if plain else f"CAST(? AS {cast})")  # noqa: S608
            till.conn.execute(put, (now,))
            yield f"{column} bit {bit}"
            till.conn.execute(put, (was,))


def test_a_till_is_who_it_was_and_sells_whichever_bit_of_its_identity_flips(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    lived(till)
    identity = terminal.read(till.conn)
    for number, which in enumerate(spoilt(till), start=1000):
        assert terminal.read(till.conn) == identity, which
        assert till.record(purchase(str(number), member=f"M{number}")).redeemable == 12, which
        fault = found(till.config.database)
        assert fault is not None, which
        assert fault.code == "identity_damaged"
        caplog.clear()
        build_app(till.config, till.clock)
        assert [said.msg for said in caplog.records] == ["identity_damaged"]
    assert found(till.config.database) is None


def test_a_flipped_bit_that_makes_another_type_of_a_value_is_put_back_or_told_with_a_code(till: Till) -> None:
    lived(till)
    midnight = Place(zone_named("Asia/Seoul"), Minute(0))
    terminal.write(till.conn, replace(terminal.read(till.conn), programme_id="", place=midnight))
    identity = terminal.read(till.conn)
    till.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = till.conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'terminal'").fetchone()
    till.close()
    data = bytearray(till.config.database.read_bytes())
    start = 4096 * (page - 1)
    cell = start + int.from_bytes(data[start + 5 : start + 7])
    put_back, told = 0, set[str]()
    for at, bit in product((*range(start, start + 12), *range(cell, cell + 20)), range(8)):
        data[at] ^= 1 << bit
        till.config.database.write_bytes(data)
        try:
            with closing(peek(till.config.database)) as conn:
                assert terminal.read(conn) == identity, (at - cell, bit)
                put_back += terminal.is_damaged(conn)
        except LoyaltyError as error:
            told.add(error.code)
        except DatabaseError as error:
            told.add(store_error(error).code)
        data[at] ^= 1 << bit
    assert told == {"store_damaged", "not_enrolled", "zone_unknown"}
    assert put_back > 10


def test_a_repair_puts_the_flipped_bit_of_an_identity_back(till: Till) -> None:
    lived(till)
    whole = dump(till.conn, "terminal", "journal", "entry")
    for which in spoilt(till):
        assert repair(till.config, till.clock).fault is None, which
        assert dump(till.conn, "terminal", "journal", "entry") == whole, which


def test_what_changes_of_an_identity_does_not_make_a_damaged_one_good(till: Till) -> None:
    spoil(till.config.database, "UPDATE terminal SET store_id = 'S013'")
    terminal.set_epoch(till.conn, 4)
    assert (terminal.read(till.conn).store_id, terminal.read(till.conn).epoch) == ("S012", 4)
    assert not terminal.is_damaged(till.conn)


def test_an_identity_of_which_more_is_damaged_stops_no_sale_and_is_not_made_up(till: Till) -> None:
    spoil(till.config.database, "UPDATE terminal SET store_key = zeroblob(32)")
    assert till.record(purchase(member=None)).event.seq == 1
    fault = found(till.config.database)
    assert fault is not None
    assert fault.code == "identity_damaged"
    with pytest.raises(LoyaltyError) as refused:
        repair(till.config, till.clock)
    assert refused.value.code == "store_lost"


def test_the_identity_that_an_earlier_release_wrote_is_guarded_from_the_next_start_on(till: Till) -> None:
    till.conn.execute("UPDATE terminal SET digest = x''")
    assert found(till.config.database) is None
    build_app(till.config, till.clock)
    spoil(till.config.database, "UPDATE terminal SET store_id = 'S013'")
    assert terminal.read(till.conn).store_id == "S012"


@pytest.mark.parametrize("kind", ["server", "programme"])
def test_a_key_of_headquarters_that_lies_in_two_places_comes_back_from_the_other(
    till: Till, kind: str
) -> None:
    with closing(connect(till.config.database)) as conn:
        whole = dump(conn, "hq_key")
    for statement in (
        "UPDATE hq_key SET public_key = zeroblob(32) WHERE kind = ?",
        "DELETE FROM hq_key WHERE kind = ?",
    ):
        spoil(till.config.database, statement, kind)
        assert till.record(purchase(statement[:6])).redeemable == 12
        fault = found(till.config.database)
        assert fault is not None
        assert fault.code == "key_damaged"
        assert repair(till.config, till.clock).fault is None
        assert dump(till.conn, "hq_key") == whole


@pytest.mark.parametrize(
    ("table", "place", "bit"),
    [
        ("terminal", 0, 6),
        ("terminal", 9, 5),
        ("schema", 0, 3),
        ("CREATE TABLE", 0, 0),
        ("file", 28, 0),
        ("file", 47, 3),
    ],
)
def test_a_flipped_bit_for_which_nothing_can_be_read_is_found_by_trying_each(
    till: Till, table: str, place: int, bit: int
) -> None:
    lived(till)
    whole = dump(till.conn, "terminal", "journal", "entry", "member", "source")
    till.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    (page,) = till.conn.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'terminal'").fetchone()
    till.close()
    database = till.config.database
    data = bytearray(database.read_bytes())
    if table == "file":
        page = 1
    elif table != "terminal":
        cell = int.from_bytes(data[112:114])
        page = int.from_bytes(data[cell : cell + 4])
    if table == "CREATE TABLE":
        place = data.rindex(b"CREATE TABLE", 0, 4096 * page) - 4096 * (page - 1)
    data[4096 * (page - 1) + place] ^= 1 << bit
    database.write_bytes(data)
    with pytest.raises((LoyaltyError, DatabaseError)):
        build_app(till.config, till.clock)
    done = repair(till.config, till.clock)
    assert done.fault is None
    assert done.aside is not None
    with closing(connect(database)) as conn:
        assert dump(conn, "terminal", "journal", "entry", "member", "source") == whole


def test_a_damaged_name_that_is_no_text_is_told_with_a_code_by_every_command(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    enrol_till(desk.config)
    with closing(connect(desk.config.database)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(desk.config.database.read_bytes())
    data[data.rindex(b"CREATE TABLE") + 13] ^= 128
    desk.config.database.write_bytes(data)
    for words in (("status",), ("run",), ("take", desk.write("1.jsonl", purchase()))):
        assert "store_damaged" in desk.refused(*words)
    assert "database_damaged" in desk.refused("verify")
