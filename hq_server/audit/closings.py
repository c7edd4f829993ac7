"""Control totals, counted again from the records of each journal and day; and returns by their own key."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.audit.comparing import differs
from hq_server.closings import closing_of
from hq_server.lineage import name_of
from hq_server.store.connection import Transaction
from loyalty_core.control import Tally, add_tallies, count_records
from loyalty_core.events import ReturnRecorded
from loyalty_core.journal import Record
from loyalty_core.units import Day

Counts = dict[tuple[Day, int], Tally]
"""(business day, event code) -> tally of one journal."""


def add_counts(counted: Counts, records: Iterable[tuple[int, Record]]) -> None:
    """Add a run of a journal to what was counted of it."""
    add_tallies(counted, count_records(records))


def check_counts(
    tx: Transaction, terminal: Terminal, epoch: int, branch: int, counted: Counts, where: str
) -> None:
    """Compare a journal's kept counts; one that is still being counted is passed over."""
    journal: dict[str, str | int] = {
        "store_id": terminal.store_id,
        "terminal_id": terminal.terminal_id,
        "epoch": epoch,
        "branch": branch,
    }
    if closing_of(tx, terminal, epoch, branch).behind:
        return
    kept = {(row[0], row[1]): Tally(*row[2:]) for row in tx.all("arrivals.day_counts", **journal)}
    if kept != counted:
        differs(where, "what is counted of its days is not what its records are")


class Returned:
    """Returns by their own receipt key: of those of one key the first in canonical order is kept."""

    def __init__(self, tx: Transaction) -> None:
        self._tx, self._stand = tx, 0

    def take(
        self, terminal: Terminal, epoch: int, branch: int, numbered: Iterable[tuple[int, Record]]
    ) -> None:
        """Compare the returns of a run that is counted with what is kept under their keys."""
        given = [(seq, one.event) for seq, one in numbered if isinstance(one.event, ReturnRecorded)]
        own = [(seq, event) for seq, event in given if event.receipt.store == terminal.store_id]
        keys = [msgspec.structs.astuple(event.receipt) for _, event in own]
        rows = self._tx.all("arrivals.returned_at", keys=msgspec.json.encode(keys).decode()) if keys else []
        kept = {(row[0], row[2], row[1], row[3]): row[4:] for row in rows}
        for key, (seq, event) in zip(keys, own, strict=True):
            order = (event.occurred_at_ms, terminal.terminal_id, epoch, branch, seq)
            row = kept.get(key, _NONE)
            is_this = row[2:] == order[1:]
            if row[1:] > order or (is_this and row != (event.net_minor, *order)):
                differs(
                    f"event {name_of(terminal.terminal_id, epoch, branch)}.{seq}",
                    "the return that is kept under its receipt is another than the first one",
                )
            self._stand += is_this

    def check(self) -> None:
        """End the audit where a return is kept that no record says."""
        row = self._tx.one("arrivals.returned_count")
        if row != (self._stand,):
            differs("returned receipts", f"the records make {self._stand}, there are {row[0] if row else 0}")


_NONE: Final = (0, 1 << 63)
"""What stands in for a return that is not kept: it is after all others."""
