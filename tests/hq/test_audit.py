"""The audit: silent on what is right, and it names the first thing that somebody changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hq_server.app import build_app
from hq_server.audit import Audited, Difference, audit
from loyalty_core.events import EventId
from loyalty_core.lookups import hashed
from tests.hq.conftest import PROGRAMME, Hq, Tills, copy_of
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, purchase, visit, visit_void, void
from tests.hq.till import NOW_MS, Till

SECOND_OF_THE_DAY = '[[bonus]]\nid = "second"\non = "purchase"\npoints = 3\nper = "day"\nnth = 2\n'
BEING_THERE = '[[earn]]\nid = "there"\non = ["visit", "purchase"]\npoints = 7\nlimit_per_day = 1\n'
FIVE_A_PURCHASE = '[[cap]]\nid = "five"\non = "purchase"\npoints = 5\nper = "event"\n'
TWELVE_AT_MOST = '[[cap]]\nid = "receipt"\npoints = 12\nper = "event"\n'
TWO_HOURS = 7_200_000


def run_audit(hq: Hq) -> Audited:
    with hq.reading() as tx:
        return audit(tx, hq.public_key, lambda _, __: None)


async def fill(hq: Hq, tills: Tills) -> None:
    """Make a ledger with everything in it: copies, voids, conflicts, what is held, set aside, unreadable."""
    hq.members("member_id,lookups,name,home_store\nM1,2000123456782,A,S012\nM2,,B,S012\n")
    one, other, far = await tills.join(), await tills.join(), await tills.join("S099")
    one.record(purchase("1", 30_000))
    seq = one.record(visit())
    one.record(visit("id:M2", number="9"))
    one.record(purchase("5", member=hashed("phone:+821099998888", one.store_key)))
    one.records.append(b"\x93\x09\x09\x09")
    other.record(purchase("1", 90_000, at=NOW_MS - 5))
    other.record(purchase("2", 5_000, member="card:2000123456782"))
    other.record(purchase("3", 5_000, member="card:unknown"))
    far.record(void("2", of_store="S012", store="S099", at=NOW_MS + 9))
    far.record(purchase("4"))
    await tills.send(one, one.batch(1, 2), one.batch(3, 5))
    for till in (far, other):
        await tills.send(till)
    one.record(visit_void(seq, at=NOW_MS + 4))
    await tills.send(one, one.batch(4, 6))


async def test_the_audit_finds_no_difference_in_what_the_server_made(hq: Hq, tills: Tills) -> None:
    await fill(hq, tills)
    assert run_audit(hq) == Audited(
        batches=5,
        events=11,
        receipts=6,
        member_days=2,
        entries=8,
        flows={"earn": 115, "clawback": -15},
        outstanding=100,
    )


DAMAGE = {
    "a changed entry": "UPDATE entries SET redeemable = redeemable + 1 WHERE kind = 'earn'",
    "a missing entry": "DELETE FROM entries WHERE kind = 'clawback'",
    "an entry too many": "INSERT INTO entries SELECT bucket, span, member_id, earned_day, 99, terminal_id, "
    "epoch, branch, seq, kind, corrects, business_day, period_id, redeemable, qualifying, programme_version, "
    "steps, posted_at_ms, rule FROM entries LIMIT 1",
    "a changed count of a day": "UPDATE day_counts SET events = events + 1",
    "a changed balance": "UPDATE totals SET redeemable = redeemable + 1",
    "a changed total": "UPDATE totals SET qualifying = qualifying - 1",
    "a missing total": "DELETE FROM totals",
    "a flipped byte in a batch": "UPDATE batches SET envelope = CAST(substr(envelope, 1, 60) || x'00' || "
    "substr(envelope, 62) AS BLOB)",
    "a changed hash beside a batch": "UPDATE batch_hashes SET hashes = CAST(substr(hashes, 1, 31) || x'00' "
    "|| substr(hashes, 33) AS BLOB)",
    "a missing batch": "DELETE FROM batches WHERE terminal_id = 'S012-T02'",
    "a moved head": "UPDATE heads SET seq = seq + 1",
    "a missing event": "DELETE FROM events WHERE terminal_id = 'S012-T01' AND seq = 2",
    "a missing last event": "DELETE FROM events WHERE terminal_id = 'S012-T02' AND seq = 3",
    "a changed event": "UPDATE events SET code = 1, business_day = 1 WHERE seq = 1",
    "an invented event": "INSERT INTO events (store_id, terminal_id, epoch, branch, seq, code, state) "
    "VALUES ('S012', 'S012-T09', 1, 0, 1, 4, 'taken')",
    "a changed record": "UPDATE events SET record = CAST(record || x'00' AS BLOB) WHERE record IS NOT NULL",
    "an event filed elsewhere": "UPDATE events SET receipt_key = 'p/T01/2026-11-21/77' "
    "WHERE receipt_key LIKE 'v/%'",
    "a changed visiting fact": "UPDATE visiting_facts SET receipt_key = 'p/T01/2026-11-21/77'",
    "a missing visiting fact": "DELETE FROM visiting_facts",
    "an invented fact": "INSERT INTO visiting_facts SELECT 'S077', receipt_key, terminal_id, epoch, branch, "
    "seq, record FROM visiting_facts",
    "a changed receipt": "UPDATE member_receipts SET resolved = CAST(resolved || x'00' AS BLOB)",
    "a receipt moved to another member": "UPDATE member_receipts SET member_id = 'M9' WHERE member_id = 'M2'",
    "a changed programme": "UPDATE programmes SET text = replace(text, 'points = 10', 'points = 90')",
    "a space in a programme": "UPDATE programmes SET text = text || ' '",
    "a programme's other date": "UPDATE programmes SET effective_from = effective_from + 1",
    "a programme signed by another key": "UPDATE programmes SET envelope = CAST(replace(envelope, "
    "substr(envelope, -64), zeroblob(64)) AS BLOB)",
    "another programme version": "UPDATE entries SET programme_version = 77",
    "another version of a correction": "UPDATE entries SET programme_version = 77 WHERE kind = 'correction'",
    "steps that are gone": "UPDATE entries SET steps = '[]' WHERE member_id = 'M2'",
    "steps that are gone on a corrected day": "UPDATE entries SET steps = '[]' WHERE kind = 'earn'",
    "steps of a clawback": "UPDATE entries SET steps = '[]' WHERE kind = 'clawback'",
    "steps that cannot be read": "UPDATE entries SET steps = '[' WHERE kind = 'clawback'",
    "a stamp that is too low": "UPDATE stamps SET seq = seq - 1 WHERE member_id = 'M2'",
    "a stamp that is too high": "UPDATE stamps SET seq = seq + 1",
    "a missing stamp": "DELETE FROM stamps",
    "a stamp too many": "INSERT INTO stamps SELECT bucket, member_id, 'S012-T09', 1, 0, 1 FROM stamps "
    "LIMIT 1",
    "a look-up that is not listed": "DELETE FROM member_look_ups",
    "a look-up of another member": "UPDATE member_look_ups SET member_id = 'M9'",
    "a listed look-up that is not known": "DELETE FROM look_ups WHERE look_up LIKE 'card:%'",
    "an id that is not known": "DELETE FROM look_ups WHERE look_up = 'id:M2'",
    "an id of another member": "UPDATE look_ups SET member_id = 'M1' WHERE look_up = 'id:M2'",
    "a missing member": "DELETE FROM members WHERE member_id = 'M2'",
    "a hash that nobody attached": "INSERT INTO look_ups (bucket, look_up, member_id) "
    "VALUES (0, 'h:S:1', 'M1')",
    "a held receipt that is gone": "DELETE FROM held_receipts",
}


def filled_in(folder: Path, founded: Hq) -> Hq:
    """Return a copy of a new headquarters, with such a ledger."""
    made = copy_of(founded, folder)

    async def live() -> None:
        async with TestClient(TestServer(build_app(made.config, made.clock))) as client:
            await fill(made, Tills(made, client))

    asyncio.run(live())
    assert run_audit(made).events == 11
    return made


@pytest.fixture(scope="module")
def filled(founded: Hq, tmp_path_factory: pytest.TempPathFactory) -> Hq:
    """Such a ledger, to be copied."""
    return filled_in(tmp_path_factory.mktemp("filled"), founded)


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_audit_names_what_was_changed(filled: Hq, tmp_path: Path, damage: str) -> None:
    hq = copy_of(filled, tmp_path)
    hq.tamper(DAMAGE[damage])
    with pytest.raises(Difference) as caught:
        run_audit(hq)
    assert caught.value.code == "audit_difference"


async def test_an_entry_that_kept_its_points_is_right_though_its_steps_would_read_otherwise_now(
    hq: Hq, tills: Tills
) -> None:
    hq.members("member_id\nM1\n")
    one, other = await tills.join(), await tills.join()
    one.record(purchase("1"))
    one.record(void("1", at=NOW_MS + 10))
    await tills.send(one)
    other.record(purchase("2", 5_000, at=NOW_MS + 5))
    await tills.send(other)
    assert hq.sql("SELECT count(*) FROM entries WHERE kind = 'correction'") == [(0,)]
    run_audit(hq)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace('"spend"', '"money"'))
    await tills.until(lambda: hq.sql("SELECT 1 FROM dirty_days") == [])
    run_audit(hq)
    hq.tamper("UPDATE entries SET steps = replace(steps, '[', '[ ') WHERE kind = 'clawback'")
    with pytest.raises(Difference, match="its steps are not what its day gives"):
        run_audit(hq)


async def test_what_was_posted_at_once_explains_an_entry_whenever_the_clock_said_it_was(
    hq: Hq, tills: Tills
) -> None:
    hq.members("member_id\nM1\n")
    one, other = await tills.join(), await tills.join()
    one.record(back("r1", at=NOW_MS + 10))
    one.record(purchase("1", 12_990))
    await tills.send(one)
    other.record(visit(at=NOW_MS - 5))
    await tills.send(other)
    assert hq.sql("SELECT DISTINCT posted_at_ms FROM entries") == [(NOW_MS,)]
    assert hq.balances() == {"M1": 19}
    assert run_audit(hq).entries == 3


async def test_of_several_returns_an_entry_is_right_though_an_earlier_one_came_later(
    hq: Hq, tills: Tills
) -> None:
    hq.members("member_id\nM1\n")
    till = await tills.join()
    till.record(purchase("1", 12_990))
    till.record(back("r2", net=1_000, at=NOW_MS + 20))
    await tills.send(till)
    till.record(back("r1", net=3_000, at=NOW_MS + 10))
    await tills.send(till, till.batch(3, 3))
    assert hq.sql("SELECT kind, redeemable FROM entries ORDER BY entry_no") == [
        ("earn", 12),
        ("clawback", -1),
        ("clawback", -3),
    ]
    run_audit(hq)
    hq.tamper("UPDATE entries SET steps = replace(steps, '12,11', '12,10') WHERE redeemable = -1")
    with pytest.raises(Difference, match="its steps do not lead to its points"):
        run_audit(hq)


async def test_an_entry_is_right_that_saw_a_purchase_worth_nothing_whose_return_came_later(
    hq: Hq, tills: Tills
) -> None:
    hq.members("member_id\nM1\n")
    rules = PROGRAMME.replace("version = 1", "version = 2")
    hq.publish(rules + SECOND_OF_THE_DAY + TWELVE_AT_MOST)
    one, other = await tills.join(), await tills.join()
    one.record(purchase("1", 900))
    one.record(purchase("2", 30_000, at=NOW_MS + 5))
    await tills.send(one)
    other.record(back("r1", net=900, at=NOW_MS + 1))
    await tills.send(other)
    assert hq.sql("SELECT kind, redeemable FROM entries") == [("earn", 12)]
    run_audit(hq)
    hq.tamper("UPDATE entries SET steps = replace(steps, '30,33', '30,34')")
    with pytest.raises(Difference, match="its steps are not what its day gives"):
        run_audit(hq)


def counted(hq: Hq) -> Desk:
    """Publish rules by which a purchase that is worth nothing gives the next one a step and no point."""
    hq.members("member_id\nM1\nM2\n")
    rules = PROGRAMME.replace("version = 1", "version = 2")
    hq.publish(rules + SECOND_OF_THE_DAY + 'from = "10:00"\n' + TWELVE_AT_MOST)
    return Desk(hq)


CHANGES: dict[str, Callable[[Desk, Till, EventId], object]] = {
    "it is placed on another day": lambda desk, _, event: desk.place(event, DAY - 20),
    "it is placed at another time of its day": lambda desk, _, event: desk.place(
        event, DAY, NOW_MS - TWO_HOURS
    ),
    "an earlier copy names another member": lambda desk, till, _: desk.send(
        till, purchase("1", 900, "id:M2")
    ),
    "an earlier copy has another content": lambda desk, till, _: desk.send(
        till, purchase("1", 800, at=NOW_MS - TWO_HOURS)
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_entry_is_right_that_saw_what_stands_otherwise_now_though_nothing_was_posted_for_it(
    hq: Hq, change: str
) -> None:
    desk = counted(hq)
    far, till = desk.till(), desk.till()
    event, _ = desk.send(till, purchase("1", 900), purchase("2", 30_000, at=NOW_MS + 5))
    CHANGES[change](desk, far, event)
    assert hq.sql("SELECT kind, redeemable FROM entries") == [("earn", 12)]
    run_audit(hq)
    hq.tamper("UPDATE entries SET steps = replace(steps, '33,12', '33,13')")
    with pytest.raises(Difference, match="its steps do not lead to its points"):
        run_audit(hq)


async def test_where_much_of_a_day_moved_nothing_steps_need_only_lead_to_their_points(
    hq: Hq, tills: Tills
) -> None:
    hq.members("member_id\nM1\n")
    till = await tills.join()
    for number in range(6):
        till.record(purchase(str(number), 900))
    till.record(purchase("9", 30_000))
    await tills.send(till)
    hq.tamper("UPDATE entries SET steps = replace(steps, '30000', '30001')")
    run_audit(hq)
    hq.tamper("UPDATE entries SET steps = replace(steps, '0,30', '0,31')")
    with pytest.raises(Difference, match="its steps do not lead to its points"):
        run_audit(hq)


async def test_a_void_may_give_points_since_a_limit_lets_through_another_then(hq: Hq, tills: Tills) -> None:
    hq.members("member_id\nM1\n")
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + BEING_THERE + FIVE_A_PURCHASE)
    one, other = await tills.join(), await tills.join()
    one.record(purchase("1", 900))
    one.record(visit(at=NOW_MS + 5))
    one.record(void("1", at=NOW_MS + 20))
    await tills.send(one)
    assert ("clawback", 2) in hq.sql("SELECT kind, redeemable FROM entries")
    other.record(back("r1", net=100, at=NOW_MS + 8))
    other.record(purchase("2", 3_000, at=NOW_MS + 10))
    await tills.send(other)
    assert hq.sql("SELECT count(*) FROM entries WHERE kind = 'correction'") == [(0,)]
    run_audit(hq)
    hq.tamper("UPDATE entries SET steps = replace(steps, '15,17', '15,18') WHERE kind = 'clawback'")
    with pytest.raises(Difference, match="its steps do not lead to its points"):
        run_audit(hq)


async def test_a_stamp_is_right_whoever_named_the_member_and_when(hq: Hq, tills: Tills) -> None:
    hq.members("member_id,lookups,phone\nM1,2000123456782,010-1234-5678\nM2,,\n")
    one, other, far = await tills.join(), await tills.join(), await tills.join("S099")
    far.record(void("1", of_store="S012", store="S099", at=NOW_MS + 9))
    await tills.send(far)
    other.record(purchase("1", member="card:2000123456782"))
    await tills.send(other)
    one.record(purchase("1", member=hashed("phone:+821012345678", one.store_key)))
    await tills.send(one)
    await tills.until(lambda: hq.sql("SELECT 1 FROM held_hashes") == [])
    other.record(purchase("2", member="id:M2"))
    other.record(void("2", at=NOW_MS + 9))
    await tills.send(other)
    one.record(purchase("2", member="id:M1"))
    one.record(purchase("3", member=None))
    await tills.send(one)
    run_audit(hq)
    stamps = "SELECT member_id, terminal_id, seq FROM stamps ORDER BY 1, 2"
    assert hq.sql(stamps) == [
        ("M1", "S012-T01", 2),
        ("M1", "S012-T02", 1),
        ("M2", "S012-T02", 3),
    ]
