"""Control totals: what is counted of each journal and day, counted again from its records."""

from __future__ import annotations

from collections.abc import Iterable

from hq_server.accept import BRANCH, Terminal
from hq_server.audit.comparing import differs
from hq_server.store.connection import Transaction
from loyalty_core.control import Tally, count_records
from loyalty_core.journal import Record
from loyalty_core.units import Day

Counts = dict[tuple[Day, int], Tally]
"""(business day, event code) -> tally of one journal."""


def add_counts(counted: Counts, records: Iterable[tuple[int, Record]]) -> None:
    """Add a run of a journal to what was counted of it."""
    for key, tally in count_records(records).items():
        before = counted.setdefault(key, tally)
        if before is not tally:
            before.last_seq = tally.last_seq
            before.count += tally.count
            before.net_minor += tally.net_minor
            before.redeemable += tally.redeemable
            before.qualifying += tally.qualifying


def check_counts(tx: Transaction, terminal: Terminal, epoch: int, counted: Counts, where: str) -> None:
    """Compare a journal's kept counts; one that is still being counted is passed over."""
    journal: dict[str, str | int] = {
        "store_id": terminal.store_id,
        "terminal_id": terminal.terminal_id,
        "epoch": epoch,
        "branch": BRANCH,
    }
    row = tx.one("arrivals.closing", **journal)
    if row is not None and row[1]:
        return
    kept = {(row[0], row[1]): Tally(*row[2:]) for row in tx.all("arrivals.day_counts", **journal)}
    if kept != counted:
        differs(where, "what is counted of its days is not what its records are")
