"""The journal as a technician leafs through it: bounded, filtered, and honest about what is damaged."""

from __future__ import annotations

import pytest

from edge_agent import journal_pages
from edge_agent.admin.journal import KINDS
from edge_agent.journal_pages import DAMAGED, LOOKED_MAX, ROWS, Detail, Leaf
from edge_agent.store import outbox
from edge_agent.store.database import transaction
from loyalty_core.errors import BadInput
from loyalty_core.events import DECISIONS_FROM, EVENT_NAMES, EVENT_TYPES
from loyalty_core.messages import Acknowledgement
from tests.edge.made import CARD, LIFE, TERMINAL, day, member, purchase, visit
from tests.edge.till import Till


def leaf(till: Till, **asked: object) -> Leaf:
    return journal_pages.leaf(till.conn, till.books(), "en", **asked)  # type: ignore[arg-type]


def one(till: Till, seq: int) -> Detail:
    return journal_pages.detail(till.conn, till.books(), till.recorder, "en", 1, seq)


def unguarded(till: Till) -> None:
    """Let the journal be changed, as a disk does."""
    guards = till.conn.execute(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'journal'"
    )
    for (name,) in guards.fetchall():
        till.conn.execute(f"DROP TRIGGER {name}")


def damage(till: Till, seq: int) -> None:
    unguarded(till)
    till.conn.execute("UPDATE journal SET record = x'00' WHERE seq = ?", (seq,))


def test_every_kind_of_event_of_a_till_has_a_word() -> None:
    own = {EVENT_NAMES[kind] for code, kind in EVENT_TYPES.items() if code < DECISIONS_FROM}
    assert own | {DAMAGED} == set(KINDS)


def test_the_newest_come_first_a_page_at_a_time(till: Till) -> None:
    for number in range(ROWS + 3):
        till.record(purchase(str(number)))
    first = leaf(till)
    assert [row.seq for row in first.rows] == list(range(ROWS + 3, 3, -1))
    assert first.before == 4
    rest = leaf(till, before=first.before)
    assert [row.seq for row in rest.rows] == [3, 2, 1]
    assert rest.before is None


def test_a_row_says_what_somebody_knows_it_by(till: Till) -> None:
    till.know(member())
    till.record(purchase("00077"))
    (row,) = leaf(till).rows
    assert (row.kind, row.said, row.member, row.points, row.is_held) == (
        "purchase_recorded",
        "00077 · 12,990 won",
        "홍*동",
        12,
        False,
    )


def test_a_filter_finds_its_kind_and_its_day(till: Till) -> None:
    till.record(purchase("1"))
    till.record(visit("2", "2026-11-19 10:00"))
    till.record(purchase("3", on="2026-11-19"))
    assert [row.seq for row in leaf(till, kind="visit_recorded").rows] == [2]
    assert [row.seq for row in leaf(till, day=day("2026-11-19")).rows] == [3, 2]
    assert leaf(till, kind="coupon_used").rows == []


def test_a_filter_looks_at_so_many_records_and_goes_on_from_there(
    till: Till, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_pages, "LOOKED_MAX", 3)
    till.record(visit("1", "2026-11-20 10:00"))
    for number in range(5):
        till.record(purchase(str(number)))
    found, before = [], None
    for _ in range(5):
        page = leaf(till, kind="visit_recorded", before=before)
        assert page.looked <= 3
        found += [row.seq for row in page.rows]
        if (before := page.before) is None:
            break
    assert found == [1]
    assert LOOKED_MAX > 100


def test_a_record_is_shown_with_its_reasons_and_its_place_in_the_chain(till: Till) -> None:
    till.record(purchase("1"))
    till.record(purchase("2"))
    first, second = one(till, 1), one(till, 2)
    assert second.follows
    assert second.hash_before == first.hash
    assert second.points == (12, 12)
    assert (
        second.why == ["spend: 12,990 won at 1 point per 1,000 won, 12 points"]
        or "12 points" in second.why[0]
    )
    told = {value.name: value.text for value in second.values}
    assert (told["receipt.number"], told["net_minor"], told["business_day"]) == ("2", "12990", "2026-11-20")


def test_what_headquarters_holds_is_told(till: Till) -> None:
    till.record(purchase("1"))
    till.record(purchase("2"))
    with transaction(till.conn):
        outbox.acknowledge(
            till.conn, Acknowledgement(TERMINAL, 1, 0, 1, bytes.fromhex(one(till, 1).hash), LIFE)
        )
    assert [row.is_held for row in leaf(till).rows] == [False, True]
    assert (one(till, 1).is_held, one(till, 2).is_held) == (True, False)


def test_a_damaged_record_is_shown_as_that_and_the_others_beside_it(till: Till) -> None:
    for number in range(3):
        till.record(purchase(str(number)))
    damage(till, 2)
    assert [row.kind for row in leaf(till).rows] == ["purchase_recorded", DAMAGED, "purchase_recorded"]
    assert [row.seq for row in leaf(till, kind=DAMAGED).rows] == [2]
    assert (one(till, 2).kind, one(till, 2).follows) == (DAMAGED, False)
    assert one(till, 1).follows
    assert one(till, 3).follows


def test_a_record_that_can_be_read_and_is_another_is_damaged_too(till: Till) -> None:
    for number in range(3):
        till.record(purchase(str(number)))
    unguarded(till)
    (data,) = till.conn.execute("SELECT record FROM journal WHERE seq = 2").fetchone()
    other = data.replace(b"\xcd\x32\xbe", b"\xcd\x32\xbf")
    assert other != data
    till.conn.execute("UPDATE journal SET record = ? WHERE seq = 2", (other,))
    assert [row.kind for row in leaf(till).rows] == ["purchase_recorded", DAMAGED, "purchase_recorded"]
    assert [row.seq for row in leaf(till, kind=DAMAGED).rows] == [2]
    found = one(till, 2)
    assert (found.kind, found.follows) == (DAMAGED, False)
    assert found.values


def test_a_journal_whose_beginning_is_missing_ends_there(till: Till) -> None:
    for number in range(3):
        till.record(purchase(str(number)))
    unguarded(till)
    till.conn.execute("DELETE FROM journal WHERE seq = 1")
    page = leaf(till)
    assert [(row.seq, row.kind) for row in page.rows] == [(3, "purchase_recorded"), (2, DAMAGED)]
    assert page.before is None


@pytest.mark.parametrize("seq", [0, 2, 10**14])
def test_a_record_that_is_not_there_is_refused(till: Till, seq: int) -> None:
    till.record(purchase("1", member=CARD))
    with pytest.raises(BadInput) as refused:
        one(till, seq)
    assert refused.value.code == "record_unknown"
