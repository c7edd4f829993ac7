"""No statement on a till's way reads a table from end to end: its cost does not grow with the ledger."""

from __future__ import annotations

import re

import pytest

from hq_server.store.statements import STATEMENTS
from tests.hq.conftest import Hq

pytestmark = pytest.mark.sqlite("its plans")

ON_THE_WAY = (
    "arrivals.terminal_by_key",
    "arrivals.terminal_keys",
    "arrivals.head",
    "arrivals.heads",
    "arrivals.batches_over",
    "arrivals.hashes_over",
    "arrivals.facts",
    "arrivals.receipt_key_of",
    "arrivals.exceptions_of_receipts",
    "arrivals.last_day",
    "arrivals.closing",
    "arrivals.closed_after",
    "arrivals.closed_days",
    "arrivals.counts_of_days",
    "arrivals.first_day_of_journal",
    "arrivals.terminal_times",
    "arrivals.total_was_compared",
    "accounts.lock_buckets",
    "accounts.members_of_references",
    "accounts.resolved_of_days",
    "accounts.entries_of_days",
    "accounts.audiences_of",
    "accounts.buckets_to_tell",
    "accounts.changed_members",
    "accounts.look_ups_of",
    "accounts.held_receipts",
    "accounts.held_spellings",
    "accounts.waiting_references",
    "accounts.entries_of",
    "accounts.all_entries_of",
    "accounts.spans",
    "accounts.receipts_of",
    "accounts.receipts_between",
    "accounts.totals_of",
    "arrivals.event",
    "arrivals.batch_of",
    "arrivals.clock_mark",
    "arrivals.clock_known_before",
    "arrivals.clock_known_after",
    "arrivals.journal_parent",
    "arrivals.meeting",
    "arrivals.filed_elsewhere",
    "accounts.stamps_of",
    "accounts.merge_of",
    "accounts.issued_coupons",
    "house.decision",
    "house.decisions_about",
    "house.decision_by_key",
)


BESIDE = (
    "arrivals.batches_after",
    "arrivals.totals_to_compare",
    "arrivals.day_totals_of",
    "arrivals.facts_between",
    "arrivals.returns_of_till_day",
    "arrivals.current_exceptions",
    "arrivals.closed_exceptions",
    "accounts.current_account_exceptions",
    "accounts.closed_account_exceptions",
)
"""What chores and pages ask again and again."""


NO_TABLES = {"SCAN spans", "SCAN CONSTANT ROW"}
"""What a statement makes up for itself and reads again."""


@pytest.mark.parametrize("name", ON_THE_WAY + BESIDE)
def test_a_statement_on_a_tills_way_searches_and_never_scans(hq: Hq, name: str) -> None:
    sql = STATEMENTS[name]
    values = dict.fromkeys(re.findall(r":(\w+)", sql), "[]")
    connection = hq.connect()
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    connection.close()
    assert any("SEARCH" in step for step in plan), plan
    scans = [step for step in plan if step.startswith("SCAN") and "VIRTUAL TABLE" not in step]
    assert set(scans) <= NO_TABLES
    assert [step for step in plan if step.endswith("events USING PRIMARY KEY (store_id=?)")] == []


def test_members_that_changed_are_read_in_the_order_of_their_index(hq: Hq) -> None:
    sql = STATEMENTS["accounts.changed_members"]
    values = dict.fromkeys(re.findall(r":(\w+)", sql), "[]")
    connection = hq.connect()
    plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]
    connection.close()
    assert [step for step in plan if "B-TREE" in step] == [], "a page would cost as much as all that changed"
