"""Upgrades: what the releases before have written is found where this one looks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hq_server.store.connection import Value, reading, writing
from hq_server.store.database import create
from hq_server.store.sqlite import migrate, sqlite3
from hq_server.store.sqlite.connection import Connection

DAYS = (0, 17_000, 20_000, 20_031, 20_032)
"""Of the whole account, and of business days far from and near to each other."""
ENTRY = (
    "INSERT INTO entries (bucket, member_id, earned_day, entry_no, terminal_id, epoch, branch, seq, kind,"
    " business_day, period_id, redeemable, qualifying, programme_version, steps, posted_at_ms, rule)"
    " VALUES (3, ?, ?, ?, 'T', 1, 0, 1, 'earn', 20000, '2024-H2', 5, 6, 1, '[]', 7, 'r')"
)
FACT = (
    "INSERT INTO member_receipts (bucket, member_id, business_day, receipt_id, version, resolved, account)"
    " VALUES (3, ?, ?, ?, 1, x'01', ?)"
)


@pytest.fixture
def upgraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Connection]:
    """A database whose facts and entries were written before they lay by time."""
    files = list(migrate.migrations("sqlite"))
    monkeypatch.setattr(migrate, "migrations", lambda _: iter(files[:8]))
    connection = create(tmp_path / "hq.db")
    for member in ("M1", "M2"):
        for number, day in enumerate(reversed(DAYS), start=1):
            connection.execute(ENTRY, (member, day, number))
            connection.execute(FACT, (member, day, f"S/p/{number}", 0))
        connection.execute(FACT, (member, 20_001, "S/a/1", 1))
    monkeypatch.setattr(migrate, "migrations", lambda _: iter(files))
    migrate.migrate(connection)
    yield connection
    connection.close()


def test_an_upgrade_keeps_every_entry_and_fact_of_a_member_in_order(upgraded: Connection) -> None:
    of: dict[str, Value] = {"bucket": 3, "member_id": "M2"}
    with reading(upgraded) as tx:
        posted = tx.all("accounts.all_entries_of", **of)
        assert [row[1] for row in posted] == list(DAYS)
        assert posted[2] == ("M2", 20_000, "T", 1, 0, 1, "earn", None, 20_000, "2024-H2", 5, 6, 1, "r", 3)
        assert [row[15] for row in tx.all("accounts.entries_of", **of)] == [1, 2, 3, 4, 5]
        assert sorted(tx.all("accounts.days_ever", **of)) == [(day,) for day in DAYS]
        spans = [span for (span,) in tx.all("accounts.spans", bucket=3)]
        assert spans == sorted({day // 32 for day in DAYS})
        facts = [row for span in spans for row in tx.all("accounts.receipts_of", span=span, **of)]
        assert [row[0] for row in facts] == [0, 17_000, 20_000, 20_001, 20_031, 20_032]
        assert len(tx.all("accounts.account_facts", members='[[3, "M2"]]')) == 1


def test_an_upgrade_keeps_journals_in_order_of_their_epochs_and_every_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list(migrate.migrations("sqlite"))
    monkeypatch.setattr(migrate, "migrations", lambda _: iter(files[:11]))
    connection = create(tmp_path / "hq.db")
    for terminal, epoch, seq in (("T1", 1, 9), ("T1", 3, 4), ("T1", 4, 2), ("T2", 2, 1)):
        head = "INSERT INTO heads VALUES ('S', ?, ?, 0, ?, zeroblob(32))"
        connection.execute(head, (terminal, epoch, seq))
    connection.execute("INSERT INTO stamps VALUES (3, 'M1', 'T1', 3, 0, 4)")
    connection.execute("INSERT INTO held_stamps VALUES (3, 'h:1', 'T1', 'S', 1, 0, 8)")
    monkeypatch.setattr(migrate, "migrations", lambda _: iter(files))
    migrate.migrate(connection)
    columns = "terminal_id, epoch, branch, parent_epoch, parent_branch, parent_seq"
    assert connection.execute(f"SELECT {columns} FROM journals ORDER BY 1, 2").fetchall() == [  # noqa: S608
        ("T1", 1, 0, None, None, None),
        ("T1", 3, 0, 1, 0, 9),
        ("T1", 4, 0, 3, 0, 4),
        ("T2", 2, 0, None, None, None),
    ]
    assert connection.execute("SELECT * FROM stamps").fetchall() == [(3, "M1", "T1", 3, 0, 4)]
    assert connection.execute("SELECT * FROM held_stamps").fetchall() == [(3, "h:1", "T1", "S", 1, 0, 8)]
    connection.close()


def test_an_upgraded_database_guards_its_entries(upgraded: Connection) -> None:
    for change in ("UPDATE entries SET redeemable = 1", "DELETE FROM entries"):
        with pytest.raises(sqlite3.IntegrityError, match="never"):
            upgraded.execute(change)


def test_facts_between_two_days_are_those_of_every_span_from_one_to_the_other(upgraded: Connection) -> None:
    def between(first_day: int, last_day: int) -> int:
        with reading(upgraded) as tx:
            return len(
                tx.all(
                    "accounts.receipts_between",
                    bucket=3,
                    member_id="M1",
                    first_day=first_day,
                    last_day=last_day,
                )
            )

    assert [between(*days) for days in ((17_000, 20_031), (17_001, 20_032), (20_032, 20_032))] == [4, 4, 1]


def test_members_and_days_from_a_date_on_are_found_in_the_middle_of_a_span(upgraded: Connection) -> None:
    with writing(upgraded) as tx:
        tx.many("accounts.add_bucket", [(3,)])
        tx.many("accounts.put_resolved", [(3, "M3", 20_000, "S/p/9", 1, b"1", 0)])
        since = [
            tx.all("accounts.members_with_facts", bucket=3, business_day=day)
            for day in (20_000, 20_001, 20_033)
        ]
        tx.run("accounts.mark_days_from", business_day=20_001)
        marked = tx.all("accounts.dirty_days", count=9)
    assert since == [[("M1",), ("M2",), ("M3",)], [("M1",), ("M2",)], []]
    assert marked == [(member, day) for member in ("M1", "M2") for day in (20_001, 20_031, 20_032)]
