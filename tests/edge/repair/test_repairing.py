"""`verify --repair`: a bit flipped in any table is found, and put right by the hash, the journal or HQ."""

from __future__ import annotations

import asyncio
import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.app import build_app
from edge_agent.repair.checking import check_derived
from edge_agent.repair.mending import Mended
from edge_agent.repair.repairing import Repaired, repair
from edge_agent.repair.telling import lines
from edge_agent.store import journal, outbox
from edge_agent.store.database import Connection, connect
from edge_agent.store.integrity import Fault, verify
from edge_agent.store.journal import LOST
from edge_agent.sync import keys
from edge_agent.sync.exchange import LinkError
from loyalty_core.envelope import peek, seal
from loyalty_core.errors import BadInput, BrokenChain, LoyaltyError
from loyalty_core.messages import Batch, Incarnation, Refusal, pack_records, unpack_records
from loyalty_core.wire import pack, unpack
from tests.edge.fake_hq import FakeHq
from tests.edge.made import LIFE, HeldClock, config_of, programme, purchase, returned, void
from tests.edge.repair.day import DERIVED, LINES, dump, lived
from tests.edge.sync.linked_till import LinkedTill
from tests.edge.till import Till


@pytest.fixture
async def linked(tmp_path: Path, hq: FakeHq) -> AsyncIterator[LinkedTill]:
    """Return a till of which headquarters holds ten records of twelve."""
    config = config_of(tmp_path)
    hq.enrol(config)
    till = LinkedTill(config, hq)
    for number in range(10):
        await till.sell(number)
    await till.turn()
    assert await till.waiting() == 0
    await till.sell(10)
    await till.sell(11)
    yield till
    await till.session.close()


async def ended(linked: LinkedTill) -> None:
    """Have the agent of a till end."""
    linked.reader.close()
    await asyncio.to_thread(linked.writer.close)


def spoil(database: Path, statement: str, *values: object) -> None:
    """Do to a database what no program of ours does."""
    with closing(connect(database)) as conn:
        guards = conn.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            conn.execute(f"DROP TRIGGER {name}")
        assert conn.execute(statement, values).rowcount >= 1
        for _, sql in guards:
            conn.execute(sql)


def found(database: Path) -> Fault | None:
    with closing(connect(database, read_only=True)) as conn:
        return verify(conn) or check_derived(conn)


def rows(database: Path) -> list[tuple[Any, ...]]:
    with closing(connect(database, read_only=True)) as conn:
        return list(journal.walk(conn, 1, 0))


async def repaired(linked: LinkedTill) -> Repaired:
    return await asyncio.to_thread(repair, linked.config, HeldClock())


def told(done: Repaired) -> list[tuple[int, str]]:
    return [(one.seq, one.how) for one in done.mended]


TRIGGERS = ["journal_is_never_changed", "journal_is_never_cut"]


def triggers(conn: Connection) -> list[str]:
    return [
        name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger' ORDER BY 1")
    ]


# What the journal's own hashes put back, with no line


@pytest.mark.parametrize("column", ["record", "hash"])
async def test_a_flipped_bit_of_the_journal_is_put_back_without_headquarters(
    linked: LinkedTill, hq: FakeHq, column: str
) -> None:
    await ended(linked)
    database, whole = linked.config.database, rows(linked.config.database)
    hq.problem = (503, {"code": "server_busy", "detail": "no"}, {})
    asked = len(hq.asked)
    for seq in (1, 5, 12):
        record, record_hash = whole[seq - 1][1:]
        data = {"record": record, "hash": record_hash}[column]
        spoilt = bytes([data[0]]) + bytes([data[1] ^ 64]) + data[2:]
        spoil(database, f"UPDATE journal SET {column} = ? WHERE seq = ?", spoilt, seq)  # noqa: S608
    fault = found(database)
    assert fault is not None
    assert fault.seq == 1
    done = await repaired(linked)
    how = {"record": "bit", "hash": "hash"}[column]
    assert told(done) == [(1, how), (5, how), (12, how)]
    assert done.fault is None
    assert rows(database) == whole
    assert len(hq.asked) == asked
    with closing(connect(database)) as conn:
        assert triggers(conn) == TRIGGERS, "nobody else may change it"


# What headquarters sends back


async def test_records_that_headquarters_holds_come_back_from_it(linked: LinkedTill, hq: FakeHq) -> None:
    await ended(linked)
    database, whole = linked.config.database, rows(linked.config.database)
    spoil(database, "UPDATE journal SET record = zeroblob(50) WHERE seq IN (3, 4, 8)")
    spoil(database, "DELETE FROM journal WHERE seq = 6")
    fault = found(database)
    assert fault is not None
    assert (fault.code, fault.seq) == ("chain_broken", 3)
    done = await repaired(linked)
    assert told(done) == [(3, "hq"), (4, "hq"), (6, "hq"), (8, "hq")]
    assert done.fault is None
    assert rows(database) == whole


async def test_a_copy_that_does_not_fit_is_not_put_in(linked: LinkedTill, hq: FakeHq) -> None:
    """A copy of this till's disk has told another story under the same key."""
    await ended(linked)
    database = linked.config.database
    spoil(database, "UPDATE journal SET record = zeroblob(50) WHERE seq = 3")
    spoilt = rows(database)
    key = keys.private_key(linked.config.data_dir)
    batch = unpack(peek(hq.batches[0], "dangol/batch/1")[1], Batch)
    records = list(unpack_records(batch.packed))
    records[2] = records[3]
    other = msgspec.structs.replace(batch, packed=pack_records(records))
    for batches in ([seal("dangol/batch/1", pack(other), key)], []):
        hq.batches = batches
        with pytest.raises(LoyaltyError) as refused:
            await repaired(linked)
        assert refused.value.code == "repair_failed"
        assert rows(database) == spoilt, "nothing was changed"
    hq.change_reply = lambda reply: msgspec.structs.replace(reply, returned=(b"no batch",))
    with pytest.raises(LinkError) as nonsense:
        await repaired(linked)
    assert nonsense.value.code == "hq_nonsense"


async def test_a_copy_from_which_not_all_follows_that_headquarters_acknowledged_is_not_put_in(
    linked: LinkedTill, hq: FakeHq
) -> None:
    await ended(linked)
    database = linked.config.database
    spoil(database, "UPDATE journal SET record = zeroblob(50), hash = zeroblob(32) WHERE seq >= 3")
    spoilt = rows(database)
    key = keys.private_key(linked.config.data_dir)
    batch = unpack(peek(hq.batches[0], "dangol/batch/1")[1], Batch)
    records = list(unpack_records(batch.packed))
    records[2] = records[3]
    hq.batches = [
        seal("dangol/batch/1", pack(msgspec.structs.replace(batch, packed=pack_records(records))), key)
    ]
    with pytest.raises(LoyaltyError) as refused:
        await repaired(linked)
    assert refused.value.code == "repair_failed"
    assert rows(database) == spoilt


async def test_without_a_line_nothing_is_changed_that_needs_headquarters(
    linked: LinkedTill, hq: FakeHq
) -> None:
    await ended(linked)
    database = linked.config.database
    spoil(database, "UPDATE journal SET record = zeroblob(50) WHERE seq = 3")
    spoilt = rows(database)
    hq.problem = (503, {"code": "server_busy", "detail": "no"}, {})
    with pytest.raises(LinkError):
        await repaired(linked)
    assert rows(database) == spoilt


# What is lost


async def test_what_headquarters_never_got_is_named_and_all_the_rest_goes_up(
    linked: LinkedTill, hq: FakeHq
) -> None:
    await linked.turn()
    await linked.sell(12)
    await linked.sell(13)
    await linked.sell(14)
    await ended(linked)
    database, whole = linked.config.database, rows(linked.config.database)
    spoil(database, "UPDATE journal SET record = zeroblob(50) WHERE seq = 14")
    done = await repaired(linked)
    assert told(done) == [(14, "lost"), (15, "chained")]
    assert done.fault is None
    after = rows(database)
    assert [row[1] for row in after] == [*[row[1] for row in whole[:13]], LOST + bytes(50), whole[14][1]]
    assert after[:13] == whole[:13]
    again = LinkedTill(linked.config, hq)
    await again.sell(15)
    await again.turn()
    assert await again.waiting() == 0
    assert hq.journal().records == await again.records()
    await again.close()


async def test_a_damaged_record_is_not_sent_and_the_till_says_which(linked: LinkedTill, hq: FakeHq) -> None:
    await ended(linked)
    spoil(linked.config.database, "UPDATE journal SET record = zeroblob(50) WHERE seq = 12")
    again = LinkedTill(linked.config, hq)
    await again.turn()
    link = await again.link()
    assert hq.journal().head == 11, "what is sound before it goes up"
    await again.turn()
    link = await again.link()
    assert link.error_code == "journal_damaged"
    assert "record 12 of epoch 1" in str(link.error)
    assert hq.journal().head == 11
    await again.sell(20)
    await again.turn()
    assert hq.journal().head == 11
    await again.close()


def test_no_sale_stops_for_a_damaged_record_of_the_same_customer_and_day(till: Till) -> None:
    lived(till)
    before = till.balance()
    spoil(till.config.database, "UPDATE journal SET record = zeroblob(50) WHERE seq < 16")
    assert till.record(purchase("more")).redeemable > 0
    till.record(void("1"))
    till.record(returned("r9", original=purchase("4")["receipt"]))
    assert till.balance() != before
    assert till.record(purchase("3", lines=LINES)).repeated


def test_a_till_says_at_its_start_which_record_is_damaged_and_starts(
    till: Till, caplog: pytest.LogCaptureFixture
) -> None:
    lived(till)
    build_app(till.config, till.clock)
    assert not caplog.records
    spoil(till.config.database, "UPDATE journal SET record = zeroblob(50) WHERE seq = 7")
    build_app(till.config, till.clock)
    (said,) = caplog.records
    assert (said.msg, said.__dict__["epoch"], said.__dict__["seq"]) == ("journal_damaged", 1, 7)


def test_a_repair_says_what_it_did_record_by_record(till: Till) -> None:
    done = Repaired(
        aside="till.db.damaged-1",
        mended=[Mended(1, 7, "hq"), Mended(1, 9, "lost"), *[Mended(1, n, "chained") for n in range(10, 200)]],
        rebuilt=200,
        fault=None,
    )
    told = list(lines(done))
    assert told[1] == "seq 7 of epoch 1: put back from HQ's copy"
    assert told[2].startswith("seq 9 of epoch 1: LOST: HQ never got it")
    assert told[101] == "and 92 more"
    assert list(lines(repair(till.config, till.clock))) == ["nothing is wrong"]


async def test_what_a_till_never_handed_in_is_lost_also_where_headquarters_knows_none_of_its_records(
    tmp_path: Path, hq: FakeHq
) -> None:
    config = config_of(tmp_path)
    hq.enrol(config)
    till = LinkedTill(config, hq)
    for number in range(3):
        await till.sell(number)
    await till.close()
    spoil(config.database, "UPDATE journal SET record = zeroblob(50) WHERE seq = 2")
    done = await repaired(till)
    assert (told(done), done.fault) == ([(2, "lost"), (3, "chained")], None)
    assert len(hq.asked) == 1


async def test_what_a_restored_headquarters_has_lost_is_lost_and_what_it_holds_comes_back(
    linked: LinkedTill, hq: FakeHq
) -> None:
    await ended(linked)
    spoil(linked.config.database, "UPDATE journal SET record = zeroblob(50) WHERE seq IN (3, 8)")
    hq.life = Incarnation(LIFE.counter + 1, b"later")
    held = hq.journal()
    del held.records[5:], held.hashes[6:]
    first = unpack(peek(hq.batches[0], "dangol/batch/1")[1], Batch)
    key = keys.private_key(linked.config.data_dir)
    shorter = msgspec.structs.replace(first, packed=pack_records(held.records))
    hq.batches = [seal("dangol/batch/1", pack(shorter), key)]
    done = await repaired(linked)
    assert told(done) == [(3, "hq"), (8, "lost"), (9, "chained"), *[(n, "chained") for n in (10, 11, 12)]]
    assert done.fault is None


@pytest.mark.parametrize(
    ("life", "code"),
    [(Incarnation(0, b"first"), "hq_older"), (Incarnation(LIFE.counter, b"other"), "hq_other")],
)
async def test_nothing_is_given_up_at_the_word_of_an_older_copy_of_headquarters(
    linked: LinkedTill, hq: FakeHq, life: Incarnation, code: str
) -> None:
    await ended(linked)
    spoil(linked.config.database, "UPDATE journal SET record = zeroblob(50) WHERE seq = 8")
    spoilt = rows(linked.config.database)
    hq.life = life
    held = hq.journal()
    del held.records[5:], held.hashes[6:]
    with pytest.raises(LinkError) as refused:
        await repaired(linked)
    assert refused.value.code == code
    assert rows(linked.config.database) == spoilt


async def test_nothing_is_given_up_while_headquarters_holds_other_records_of_this_till(
    linked: LinkedTill, hq: FakeHq
) -> None:
    await ended(linked)
    spoil(linked.config.database, "UPDATE journal SET record = zeroblob(50) WHERE seq = 12")
    spoilt = rows(linked.config.database)
    hq.silent = True
    hq.refuse = Refusal(1, 1, "fork", "another story", 5)
    with pytest.raises(LinkError) as refused:
        await repaired(linked)
    assert refused.value.code == "fork"
    assert rows(linked.config.database) == spoilt


async def test_what_headquarters_has_put_into_its_archive_is_asked_to_be_brought_back(
    linked: LinkedTill, hq: FakeHq
) -> None:
    await ended(linked)
    spoil(linked.config.database, "UPDATE journal SET record = zeroblob(50) WHERE seq = 2")
    spoilt = rows(linked.config.database)
    hq.silent = True
    hq.refuse = Refusal(1, 2, "batch_archived", "it is in a file", 0)
    with pytest.raises(LinkError, match="bring them back") as refused:
        await repaired(linked)
    assert refused.value.code == "batch_archived"
    assert rows(linked.config.database) == spoilt


# What the journal says again


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("UPDATE source SET content = zeroblob(16) WHERE seq = 4", "derived_damaged"),
        ("UPDATE source SET natural_key = natural_key || '!' WHERE seq = 4", "derived_damaged"),
        ("UPDATE source SET seq = seq + 64 WHERE seq = 4", "reference_broken"),
        ("DELETE FROM source WHERE seq = 4", "derived_damaged"),
        ("UPDATE receipt_fact SET natural_key = natural_key || '!'", "derived_damaged"),
        ("DELETE FROM receipt_fact", "derived_damaged"),
        ("UPDATE entry SET seq = seq + 64", "reference_broken"),
        ("UPDATE day_count SET net_minor = net_minor + 1", "derived_damaged"),
        ("UPDATE day_count SET business_day = business_day + 64", "derived_damaged"),
        ("UPDATE closing SET counted = counted - 1", "derived_damaged"),
    ],
)
def test_a_table_that_does_not_say_what_the_journal_says_is_filled_anew(
    till: Till, statement: str, code: str
) -> None:
    lived(till)
    before = dump(till.conn, *DERIVED)
    spoil(till.config.database, statement)
    fault = found(till.config.database)
    assert fault is not None
    assert fault.code == code
    done = repair(till.config, till.clock)
    assert (done.mended, done.fault) == ([], None)
    after = dump(till.conn, *DERIVED)
    for rows_after, rows_before in zip(after.pop("source"), before.pop("source"), strict=True):
        assert rows_after[:6] == rows_before[:6], "the hash of the raw input is in no journal"
    assert after == before


def test_points_that_were_booked_are_booked_anew(till: Till) -> None:
    """No check can tell them from what was known of members then; a repair books them from the journal."""
    lived(till)
    balance = till.balance()
    spoil(till.config.database, "UPDATE entry SET redeemable = redeemable + 4096")
    spoil(till.config.database, "DELETE FROM receipt_fact")
    assert till.balance() != balance
    assert repair(till.config, till.clock).fault is None
    assert till.balance() == balance


def test_what_headquarters_told_is_asked_for_again(till: Till) -> None:
    lived(till)
    spoil(till.config.database, "DELETE FROM member_look_up WHERE member_id = 'M1'")
    fault = found(till.config.database)
    assert fault is not None
    assert fault.code == "member_damaged"
    assert repair(till.config, till.clock).fault is None, "what else is missing HQ tells"
    assert dump(till.conn, "change_cursor") == {"change_cursor": []}


def test_an_acknowledgement_of_what_is_not_in_the_journal_is_forgotten(till: Till) -> None:
    lived(till)
    till.conn.execute("INSERT INTO acknowledged (epoch, branch, seq, hash) VALUES (1, 0, 3, zeroblob(32))")
    fault = found(till.config.database)
    assert fault is not None
    assert (fault.code, fault.seq) == ("reference_broken", 3)
    assert repair(till.config, till.clock).fault is None
    assert outbox.acknowledged(till.conn, 1) == 0


async def test_a_damaged_programme_comes_back_from_headquarters_and_points_stay(
    linked: LinkedTill, hq: FakeHq
) -> None:
    """Booked anew without the rules, what this till had given would be nothing, and nobody would see it."""
    entries = await linked.reader.do(lambda conn: dump(conn, "entry"))
    await ended(linked)
    spoil(linked.config.database, "UPDATE programme SET envelope = zeroblob(20)")
    fault = found(linked.config.database)
    assert fault is not None
    assert fault.code == "programme_damaged"
    hq.problem = (503, {"code": "server_busy"}, {})
    with pytest.raises(LinkError):
        await repaired(linked)
    assert found(linked.config.database) == fault
    hq.problem = None
    with pytest.raises(BrokenChain, match="programme version 7 is damaged"):
        await repaired(linked)
    assert found(linked.config.database) == fault
    hq.programmes = [programme()]
    assert (await repaired(linked)).fault is None
    with closing(connect(linked.config.database, read_only=True)) as conn:
        assert conn.execute("SELECT version, envelope FROM programme").fetchall() == [(7, programme())]
        assert dump(conn, "entry") == entries


# What SQLite cannot read


@pytest.mark.parametrize("place", [0, 8, 17, 19, 21])
def test_a_flipped_bit_of_the_first_bytes_of_the_file_costs_nothing(till: Till, place: int) -> None:
    """SQLite calls it no database then; and there is nothing else by which it could be told what is on it."""
    lived(till)
    whole = dump(till.conn, "journal", "entry", "source")
    till.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    till.close()
    database = till.config.database
    with database.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 8]))
    done = repair(till.config, till.clock)
    assert (done.fault, done.aside) == (None, f"{database}.damaged-1")
    with closing(connect(database, read_only=True)) as conn:
        assert dump(conn, "journal", "entry", "source") == whole


def test_pages_that_cannot_be_read_cost_no_more_than_is_on_them(till: Till) -> None:
    lived(till)
    for n in range(100, 400):
        till.record(purchase(str(n), member=f"2000{n:09}"))
    whole, sources = list(journal.walk(till.conn, 1, 0)), dump(till.conn, "source")
    till.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    till.close()
    database = till.config.database
    (root,) = (
        connect(database, read_only=True)
        .execute("SELECT rootpage FROM sqlite_schema WHERE name = 'source'")
        .fetchone()
    )
    data = bytearray(database.read_bytes())
    data[(root - 1) * 4096 : root * 4096] = bytes(4096)
    database.write_bytes(data)
    fault = found(database)
    assert fault is not None
    assert fault.code == "database_damaged"
    done = repair(till.config, till.clock)
    assert done.fault is None
    assert done.aside is not None
    assert Path(done.aside).read_bytes() == bytes(data), "the old file is kept as it was"
    with closing(connect(database)) as conn:
        assert list(journal.walk(conn, 1, 0)) == whole
        now = dump(conn, "source")["source"]
        assert [row[:2] for row in now if not row[0].startswith("key/")] == [
            row[:2] for row in sources["source"] if not row[0].startswith("key/")
        ]
        assert triggers(conn) == TRIGGERS


async def test_records_that_went_with_their_page_are_named_though_headquarters_never_got_them(
    linked: LinkedTill, hq: FakeHq
) -> None:
    for number in range(100, 200):
        await linked.sell(number)
    await ended(linked)
    database, whole = linked.config.database, rows(linked.config.database)
    with closing(connect(database)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = database.read_bytes()
    page = data.rindex(whole[-1][1]) // 4096
    database.write_bytes(data[: page * 4096] + bytes(4096) + data[(page + 1) * 4096 :])
    done = await repaired(linked)
    assert done.fault is None
    lost = [one.seq for one in done.mended if one.how == "lost"]
    assert lost == list(range(lost[0], 113)), "the last ones, each by its number"
    with closing(connect(database, read_only=True)) as conn:
        named = conn.execute("SELECT count(*) FROM source").fetchone()
    assert named == (112 - len(lost),), "what is lost may be handed in again"
    assert [row[:2] for row in rows(database)[: lost[0] - 1]] == [row[:2] for row in whole[: lost[0] - 1]]


def test_a_database_without_an_identity_is_left_alone(till: Till) -> None:
    lived(till)
    till.close()
    database = till.config.database
    data = b"not a database" * 1000
    database.write_bytes(data)
    with pytest.raises(LoyaltyError) as refused:
        repair(till.config, till.clock)
    assert refused.value.code == "store_lost"
    assert database.read_bytes() == data


# When nothing is to be done


def test_nothing_is_changed_where_nothing_is_wrong(till: Till) -> None:
    lived(till)
    before = dump(till.conn, *DERIVED, "journal", "change_cursor")
    assert repair(till.config, till.clock) == Repaired(aside=None, mended=[], rebuilt=0, fault=None)
    assert dump(till.conn, *DERIVED, "journal", "change_cursor") == before


def test_nothing_is_repaired_under_a_running_agent(till: Till) -> None:
    folder = os.open(till.config.data_dir, os.O_RDONLY)
    fcntl.flock(folder, fcntl.LOCK_EX)
    with pytest.raises(BadInput) as refused:
        repair(till.config, till.clock)
    assert refused.value.code == "already_running"
    os.close(folder)
