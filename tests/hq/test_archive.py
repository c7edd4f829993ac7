"""Raw batches of closed times in files outside: nothing is lost, nothing else may change, all is told."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from hq_server.archive import moving
from hq_server.archive.moving import Moved, archive, bring_back
from hq_server.archive.seeing import BatchArchived, WithArchive
from hq_server.audit import Audited, audit
from hq_server.audit.comparing import Difference
from hq_server.evidence import event_named, recorded
from hq_server.names import Names
from hq_server.store.connection import Value, writing
from hq_server.store.database import create
from hq_server.store.sqlite.archives import Archive, BadArchive
from loyalty_core.errors import BadInput
from loyalty_core.events import ReceiptClaimed
from loyalty_core.messages import Wanted
from loyalty_core.units import Day
from tests.hq.behind import Guarded
from tests.hq.conftest import Hq, Tills
from tests.hq.desk import Desk
from tests.hq.events import DAY, key, purchase, visit
from tests.hq.test_audit import fill, run_audit
from tests.hq.test_cli import Shell, shell
from tests.hq.test_read_later import LEDGER
from tests.hq.till import NOW_MS
from tests.postgresql import Cluster

__all__ = ["shell"]
AFTER = Day(DAY + 1)
BATCHES = """
SELECT terminal_id, epoch, branch, first_seq, last_seq, last_hash, envelope FROM batches ORDER BY 1, 2, 3, 4
"""
OTHERS = """
INSERT INTO archived_batches
SELECT store_id, terminal_id, epoch, branch, 2, file, sha256, bytes, names, archived_at_ms
FROM archived_batches
"""


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take every period for closed."""
    monkeypatch.setattr(moving, "_check_closed", lambda *_: None)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "archive").mkdir()
    return tmp_path / "archive"


def moved(hq: Hq, folder: Path, before: Day = AFTER) -> Moved:
    return archive(hq, folder, before, hq.clock())


def audit_with(hq: Hq, folder: Path) -> Audited:
    at_hand = Archive(folder)
    try:
        with hq.reading() as tx:
            return audit(WithArchive(tx, at_hand), hq.public_key, lambda *_: None)
    finally:
        at_hand.close()


def here(hq: Hq) -> list[int]:
    """Return how long each batch is that is in the database."""
    return [size for (size,) in hq.sql("SELECT length(envelope) FROM batches ORDER BY 1") if size]


@pytest.mark.usefixtures("closed")
async def test_a_whole_ledger_is_audited_with_the_archive_and_what_was_not_seen_is_counted_without(
    hq: Hq, tills: Tills, folder: Path
) -> None:
    await fill(hq, tills)
    before, full, ledger = hq.sql(BATCHES), run_audit(hq), hq.sql(LEDGER)
    done = moved(hq, folder)
    assert 0 < done.batches < len(before), "what has an unread record stays"
    assert len(here(hq)) == len(before) - done.batches
    assert audit_with(hq, folder) == full
    part = run_audit(hq)
    assert (part.unseen, part.batches) == (done.batches, full.batches - done.batches)
    assert (part.entries, part.outstanding, part.receipts) == (full.entries, full.outstanding, full.receipts)
    assert hq.sql(LEDGER) == ledger
    back = bring_back(hq, folder, "")
    assert (back.batches, back.bytes) == (done.batches, done.bytes)
    assert hq.sql(BATCHES) == before
    assert run_audit(hq) == full
    assert hq.sql("SELECT count(*) FROM archived_batches") == [(0,)]


@pytest.mark.usefixtures("closed")
def test_the_file_is_read_without_us(hq: Hq, folder: Path) -> None:
    desk = Desk(hq)
    till = desk.till()
    desk.send(till, visit(), visit(number="2"))
    ((*_, envelope),) = hq.sql(BATCHES)
    done = moved(hq, folder)
    assert [path.name for path in folder.iterdir()] == [Path(done.file or "").name]
    assert oct(Path(done.file or "").stat().st_mode)[-3:] == "600"
    with closing(sqlite3.connect(str(done.file))) as plain:
        assert plain.execute("SELECT terminal_id, first_seq, last_seq, envelope FROM batches").fetchall() == [
            (till.terminal_id, 1, 2, envelope)
        ]
    assert hq.sql("SELECT file FROM archived_batches") == [(Path(done.file or "").name,)]


@pytest.mark.usefixtures("closed")
def test_what_is_of_later_days_stays(hq: Hq, folder: Path) -> None:
    hq.members("member_id\nM1\n")
    desk = Desk(hq)
    till = desk.till()
    desk.send(till, purchase("1"))
    desk.send(till, purchase("2"), purchase("3", day=DAY + 1))
    assert moved(hq, folder, Day(DAY)) == Moved(file=None, batches=0, bytes=0)
    assert list(folder.iterdir()) == []
    assert moved(hq, folder, AFTER).batches == 1
    hq.clock.now += 5 * 86_400_000
    assert moved(hq, folder, AFTER).batches == 0
    assert moved(hq, folder, Day(DAY + 2)).batches == 1


@pytest.mark.usefixtures("closed")
def test_what_was_set_aside_stays(hq: Hq, folder: Path) -> None:
    desk = Desk(hq)
    till = desk.till()
    desk.send(till, purchase("1", member=None, store="S099"))
    assert hq.sql("SELECT state, business_day FROM events") == [("set_aside", DAY)]
    assert moved(hq, folder).batches == 0


@pytest.mark.usefixtures("closed")
def test_what_is_still_to_be_counted_stays(hq: Hq, folder: Path) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), visit())
    hq.sql("UPDATE closings SET behind = 1")
    assert moved(hq, folder).batches == 0


@pytest.mark.parametrize("kept", [0, 1])
def test_of_a_period_that_is_not_wholly_closed_nothing_is_archived(hq: Hq, folder: Path, kept: int) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), visit())
    with pytest.raises(BadInput) as refused:
        moved(hq, folder)
    assert refused.value.code == "period_open"
    hq.sql(
        "INSERT INTO bucket_closes (bucket, period_id, entry_no) "  # noqa: S608
        f"SELECT bucket, '2026-H2', 0 FROM buckets WHERE bucket >= {kept}"
    )
    if kept:
        with pytest.raises(BadInput):
            moved(hq, folder)
    else:
        assert moved(hq, folder).batches == 1


@pytest.mark.usefixtures("closed")
def test_the_guards_let_bytes_into_an_archive_and_out_of_it_and_nothing_else(hq: Hq, folder: Path) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), visit(), visit(number="2"))
    empty, other = "UPDATE batches SET envelope = x''", "UPDATE batches SET envelope = x'00'"
    for change in (empty, other):
        with pytest.raises(Guarded):
            hq.sql(change)
    moved(hq, folder)
    for change in (
        other,
        "UPDATE batches SET last_seq = 3",
        "UPDATE archived_batches SET file = 'other'",
        "DELETE FROM archived_batches",
        OTHERS,
        "DELETE FROM batches",
    ):
        with pytest.raises(Guarded):
            hq.sql(change)
    bring_back(hq, folder, "")
    with pytest.raises(Guarded):
        hq.sql(empty)


@pytest.mark.usefixtures("closed")
def test_a_till_that_wants_its_archived_records_back_is_told_where_they_are_and_sells_on(
    hq: Hq, folder: Path
) -> None:
    hq.members("member_id\nM1\n")
    desk = Desk(hq)
    till = desk.till()
    desk.send(till, purchase("1"))
    moved(hq, folder)
    till.wants = Wanted(1, 1, 1)
    till.record(purchase("2"))
    reply = desk.exchange(till, till.batch(2))
    ((refusal),) = reply.refusals
    assert (refusal.code, refusal.epoch, refusal.first_seq, refusal.need_seq) == ("batch_archived", 1, 1, 0)
    assert f"--bring-back {till.terminal_id}" in refusal.sentence
    assert (reply.returned, till.acknowledged(reply)) == ((), {1: 2})
    bring_back(hq, folder, till.terminal_id)
    reply = desk.exchange(till)
    assert (len(reply.returned), reply.refusals) == (1, ())
    run_audit(hq)


@pytest.mark.usefixtures("closed")
def test_an_event_that_is_to_be_shown_is_told_to_be_archived(hq: Hq, shell: Shell, folder: Path) -> None:
    desk = Desk(hq)
    (event,) = desk.send(desk.till(), visit())
    moved(hq, folder)
    with hq.reading() as tx, pytest.raises(BatchArchived):
        recorded(tx, event_named(str(event)))
    assert shell.refused("event", "show", str(event)) == "batch_archived"
    at_hand = Archive(folder)
    with hq.reading() as tx:
        assert recorded(WithArchive(tx, at_hand), event).id == event
    at_hand.close()


@pytest.mark.usefixtures("closed")
def test_whom_archived_records_name_is_known_still_when_their_day_is_derived_again(
    hq: Hq, folder: Path
) -> None:
    hq.members("member_id,lookups\nM1,2000123456782\n")
    desk = Desk(hq)
    here_, there = desk.till(), desk.till("S099")
    elsewhere = ReceiptClaimed("card:2000123456782", NOW_MS, DAY, key("7", store="S099"))
    events = desk.send(here_, visit("id:M1"), elsewhere, purchase("9", member=None))

    def named() -> list[str | None]:
        with hq.reading() as tx:
            names = Names(tx)
            return [names.of(one) for one in events]

    before = named()
    assert before == ["id:M1", "card:2000123456782", None]
    moved(hq, folder)
    assert named() == before
    desk.send(there, purchase("7", member=None, store="S099"), purchase("8", store="S099"))
    assert audit_with(hq, folder).unseen == 0


@pytest.mark.usefixtures("closed")
def test_an_archive_that_was_cut_off_goes_on(hq: Hq, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk(hq)
    till = desk.till()
    for number in range(5):
        desk.send(till, visit(number=str(number)))
    monkeypatch.setattr(moving, "MOVED_AT_ONCE", 2)
    empty, left = moving._empty, iter(range(3))

    def cut(*parts: object) -> int:
        next(left)
        return empty(*parts)  # type: ignore[arg-type]

    monkeypatch.setattr(moving, "_empty", cut)
    with pytest.raises((StopIteration, RuntimeError)):
        moved(hq, folder)
    assert len(here(hq)) == 3, "what one transaction has moved"
    monkeypatch.setattr(moving, "_empty", empty)
    hq.clock.now += 1
    assert moved(hq, folder).batches == 3
    assert (here(hq), audit_with(hq, folder).unseen, run_audit(hq).unseen) == ([], 0, 5)


@pytest.mark.usefixtures("closed")
def test_a_file_that_is_not_there_or_is_another_is_found(hq: Hq, folder: Path) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), visit())
    file = Path(moved(hq, folder).file or "")
    with closing(sqlite3.connect(file)) as other:
        other.execute("UPDATE batches SET envelope = zeroblob(length(envelope))")
        other.commit()
    with pytest.raises(BadArchive, match="does not hold the batch"):
        audit_with(hq, folder)
    with pytest.raises(BadArchive):
        bring_back(hq, folder, "")
    file.unlink()
    with pytest.raises(BadArchive, match="is not there"):
        audit_with(hq, folder)
    assert run_audit(hq).unseen == 1


@pytest.mark.usefixtures("closed")
def test_hashes_beside_an_archived_batch_that_do_not_fit_are_found(hq: Hq, folder: Path) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), visit(), visit(number="2"))
    moved(hq, folder)
    hq.tamper(f"UPDATE batch_hashes SET hashes = x'{bytes(64).hex()}'")  # noqa: S608
    with pytest.raises(Difference, match="archived batch"):
        run_audit(hq)


@pytest.mark.usefixtures("closed")
def test_a_batch_from_before_hashes_were_kept_gets_them_on_its_way(hq: Hq, folder: Path) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), visit(), visit(number="2"))
    hashes = hq.sql("SELECT hashes FROM batch_hashes")
    hq.tamper("DELETE FROM batch_hashes")
    moved(hq, folder)
    assert hq.sql("SELECT hashes FROM batch_hashes") == hashes
    assert run_audit(hq).unseen == 1


@pytest.mark.usefixtures("closed")
def test_names_beside_an_archived_batch_that_its_records_do_not_say_are_found(hq: Hq, folder: Path) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), visit())
    moved(hq, folder)
    hq.tamper("UPDATE archived_batches SET names = x'7b2231223a2269643a4d32227d'")
    with pytest.raises(Difference, match="names beside"):
        audit_with(hq, folder)


@pytest.mark.usefixtures("closed")
def test_a_batch_without_bytes_that_is_in_no_archive_is_found(hq: Hq, folder: Path) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), visit())
    moved(hq, folder)
    hq.tamper("DELETE FROM archived_batches")
    with pytest.raises(Difference, match="in no archive"):
        run_audit(hq)


@pytest.mark.usefixtures("closed")
def test_the_commands_say_what_went_where(hq: Hq, shell: Shell, folder: Path) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), visit())
    assert shell.run("archive", str(folder))[0] == 2
    assert shell.run("archive", str(folder), "--before", "2026-11-22", "--bring-back", "all")[0] == 2
    assert shell.refused("archive", str(folder), "--before", "yesterday") == "date_malformed"
    assert shell.json("archive", str(folder), "--before", "2026-11-22")["batches"] == 1
    assert (
        "0 batches, 0 bytes, are of that time"
        in shell.run("archive", str(folder), "--before", "2026-11-22")[1]
    )
    out = shell.run("audit")[1]
    assert "1 archived batches were not seen" in out
    assert "not seen" not in shell.run("audit", "--archive", str(folder))[1]
    assert shell.json("audit", "--archive", str(folder))["unseen"] == 0
    assert shell.json("archive", str(folder), "--bring-back", "all")["batches"] == 1


def test_the_guards_of_postgresql_do_the_same(postgresql: Cluster) -> None:
    name = postgresql.database()
    journal: dict[str, Value] = {"store_id": "S012", "terminal_id": "S012-T01", "epoch": 1, "branch": 0}
    batch = {**journal, "first_seq": 1}
    noted: dict[str, Value] = {"file": "f", "sha256": bytes(32), "names": b"{}", "archived_at_ms": 1}
    with closing(create(postgresql.url(name))) as connection:

        def refused(statement: str, **parameters: Value) -> None:
            with pytest.raises(Exception, match="batch"), writing(connection) as tx:
                tx.run(statement, **batch, **parameters)

        with writing(connection) as tx:
            kept: dict[str, Value] = {"last_hash": bytes(32), "envelope": b"abc", "received_at_ms": 5}
            tx.run("arrivals.keep_batch", **batch, last_seq=1, **kept)
        refused("arrivals.put_envelope", envelope=b"")
        refused("arrivals.note_archived", bytes=4, **noted)
        with writing(connection) as tx:
            tx.run("arrivals.note_archived", **batch, bytes=3, **noted)
            tx.run("arrivals.put_envelope", **batch, envelope=b"")
        refused("arrivals.put_envelope", envelope=b"ab")
        refused("arrivals.forget_archived")
        with writing(connection) as tx:
            tx.run("arrivals.put_envelope", **batch, envelope=b"abc")
            tx.run("arrivals.forget_archived", **batch)
        refused("arrivals.put_envelope", envelope=b"")
    postgresql.drop(name)
