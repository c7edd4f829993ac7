"""The audit: silent on what is right, and it names the first thing that somebody changed."""

from __future__ import annotations

import pytest

from hq_server.audit import Audited, Difference, audit
from hq_server.store.connection import reading
from hq_server.store.database import opened
from loyalty_core.lookups import hashed
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase, visit, visit_void, void
from tests.hq.till import NOW_MS


def run_audit(hq: Hq) -> Audited:
    with opened(hq.config.database_path) as connection, reading(connection) as tx:
        return audit(tx, lambda _, __: None)


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
    assert run_audit(hq) == Audited(batches=5, events=11, receipts=6, member_days=2, entries=8)


DAMAGE = {
    "a changed entry": "UPDATE entries SET redeemable = redeemable + 1 WHERE kind = 'earn'",
    "a missing entry": "DELETE FROM entries WHERE kind = 'clawback'",
    "an entry too many": "INSERT INTO entries SELECT bucket, member_id, earned_day, 99, terminal_id, epoch, "
    "branch, seq, kind, corrects, business_day, period_id, redeemable, qualifying, programme_version, steps, "
    "posted_at_ms FROM entries LIMIT 1",
    "a changed balance": "UPDATE totals SET redeemable = redeemable + 1",
    "a changed total": "UPDATE totals SET qualifying = qualifying - 1",
    "a missing total": "DELETE FROM totals",
    "a flipped byte in a batch": "UPDATE batches SET envelope = CAST(substr(envelope, 1, 60) || x'00' || "
    "substr(envelope, 62) AS BLOB)",
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
    "a held receipt that is gone": "DELETE FROM held_receipts",
}


@pytest.mark.parametrize("damage", DAMAGE)
async def test_the_audit_names_what_was_changed(hq: Hq, tills: Tills, damage: str) -> None:
    await fill(hq, tills)
    for (name,) in hq.sql("SELECT name FROM sqlite_schema WHERE type = 'trigger'"):
        hq.sql(f"DROP TRIGGER {name}")
    assert run_audit(hq).events == 11
    hq.sql(DAMAGE[damage])
    with pytest.raises(Difference) as caught:
        run_audit(hq)
    assert caught.value.code == "audit_difference"
