"""Balances: every member-day derived again against its entries and their steps, then the sums of entries."""

from __future__ import annotations

from collections import defaultdict
from itertools import groupby
from operator import itemgetter

from hq_server.audit.comparing import Audited, Progress, differs
from hq_server.audit.explanations import check_explained
from hq_server.house import House
from hq_server.ledger import ledger_days
from hq_server.posting import derive
from hq_server.store.connection import Transaction
from loyalty_core.account import Totals, fold_account
from loyalty_core.entries import PointEntry, diff


def audit_balances(tx: Transaction, house: House, done: Audited, progress: Progress) -> None:
    """Derive every member-day again; then compare balances and totals with the entries."""
    for bucket in range(house.bucket_count):
        entries: dict[str, list[PointEntry]] = defaultdict(list)
        for day in ledger_days(tx, bucket):
            derived = derive(house, day.business_day, day.receipts) or ()
            moves = diff(derived, day.posted)
            if moves:
                first = moves[0]
                differs(
                    f"member {day.member_id}, event {first.event}",
                    f"{first.redeemable:+} redeemable and {first.qualifying:+} qualifying points are missing",
                )
            check_explained(house, day, derived)
            if day.posted:
                entries[day.member_id] += day.posted
            done.member_days += 1
            done.entries += len(day.posted)
            progress("member-days", 1)
        _sums(tx, bucket, entries)


def _sums(tx: Transaction, bucket: int, entries: dict[str, list[PointEntry]]) -> None:
    """Compare the kept sums of a bucket with the sums of its entries."""
    stands: dict[str, Totals] = {}
    for member, of_member in groupby(tx.all("accounts.totals_in_order", bucket=bucket), key=itemgetter(0)):
        rows = list(of_member)
        stands[member] = Totals(sum(row[2] for row in rows), {row[1]: row[3] for row in rows})
    for member in entries.keys() | stands.keys():
        should = fold_account(entries.get(member, ()))
        found = stands.get(member, Totals(0, {}))
        if found.balance != should.balance:
            differs(f"member {member}", f"the balance is {found.balance}, its entries give {should.balance}")
        if found.qualifying != should.qualifying:
            differs(f"member {member}", "a period's total is not the sum of its entries")
