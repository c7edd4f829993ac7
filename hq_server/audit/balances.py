"""Balances: every member-day derived again against its entries, then the sums that are kept of them."""

from __future__ import annotations

from collections import defaultdict

from hq_server.audit.comparing import Audited, Progress, differs
from hq_server.house import House
from hq_server.ledger import ledger_days
from hq_server.posting import derive
from hq_server.store.connection import Transaction
from loyalty_core.account import fold_account
from loyalty_core.entries import PointEntry, diff


def audit_balances(tx: Transaction, house: House, done: Audited, progress: Progress) -> None:
    """Derive every member-day again; then compare balances and totals with the entries."""
    for bucket in range(house.bucket_count):
        entries: dict[str, list[PointEntry]] = defaultdict(list)
        for day in ledger_days(tx, bucket):
            moves = diff(derive(house, day.business_day, day.receipts) or (), day.posted)
            if moves:
                first = moves[0]
                differs(
                    f"member {day.member_id}, event {first.event}",
                    f"{first.redeemable:+} redeemable and {first.qualifying:+} qualifying points are missing",
                )
            entries[day.member_id] += day.posted
            done.member_days += 1
            done.entries += len(day.posted)
            progress("member-days", 1)
        _sums(tx, bucket, entries)


def _sums(tx: Transaction, bucket: int, entries: dict[str, list[PointEntry]]) -> None:
    totals: dict[str, dict[str, int]] = defaultdict(dict)
    for member, period_id, qualifying in tx.all("accounts.totals_in_order", bucket=bucket):
        totals[member][period_id] = qualifying
    accounts = {row[0]: row[1:] for row in tx.all("accounts.accounts_in_order", bucket=bucket)}
    for member in entries.keys() | accounts.keys() | totals.keys():
        should = fold_account(entries.get(member, ()))
        if accounts.get(member, (0, 0)) != (should.balance, len(entries.get(member, ()))):
            differs(f"member {member}", f"the balance is not {should.balance}, the sum of the entries")
        moved = {period: points for period, points in should.qualifying.items() if points}
        if {period: points for period, points in totals[member].items() if points} != moved:
            differs(f"member {member}", "a period's total is not the sum of the entries")
