"""Balances: every account derived again against its entries and their steps, then sums and lots."""

from __future__ import annotations

from collections.abc import Container
from itertools import groupby
from operator import itemgetter

from hq_server.audit.awards import check_awards
from hq_server.audit.comparing import Audited, Progress, differs
from hq_server.audit.dates import check_dated
from hq_server.audit.explanations import check_account_explained, check_explained, source_of
from hq_server.counted import ITEMS
from hq_server.derivation import Rulebook, Whole, whole_account
from hq_server.house import House
from hq_server.ledger import LedgerAccount, ledger_accounts, ledger_days
from hq_server.member_rows import lots_of
from hq_server.names import Names
from hq_server.store.connection import Row, Transaction
from loyalty_core.account import Totals, fold_account
from loyalty_core.entries import diff


def audit_balances(
    tx: Transaction, house: House, done: Audited, kin: Container[str], progress: Progress
) -> None:
    """Derive every account again, one after the other; then compare what is kept of it.

    `kin` are members who were ever merged: whose facts were theirs when something was posted is not kept.
    """
    rules = Rulebook(house)
    for bucket in range(house.bucket_count):
        totals = _by_member(tx.all("accounts.totals_in_order", bucket=bucket))
        items = _by_member(tx.all("accounts.day_items_in_order", bucket=bucket))
        awards = _by_member(tx.all("accounts.award_differences_in_order", bucket=bucket))
        for account in ledger_accounts(tx, house, bucket):
            whole = whole_account(rules, account.facts)
            moves = diff(whole.entries, account.entries)
            if moves:
                first = moves[0]
                differs(
                    f"member {account.member_id}, {source_of(first)}",
                    f"{first.redeemable:+} redeemable and {first.qualifying:+} qualifying points are missing",
                )
            _explained(tx, house, rules, account, done, kin, progress)
            lost = account.member_id in kin
            check_dated(tx, rules, house.bucket_count, account, whole.entries, past_is_lost=lost)
            check_awards(rules, account, whole.entries, awards.pop(account.member_id, []), Names(tx))
            rows = totals.pop(account.member_id, [])
            _sums(account, rows)
            _lots(rules, account, whole, rows)
            stands = {row[1]: ITEMS.decode(row[2]) for row in items.pop(account.member_id, [])}
            if stands != whole.items:
                differs(
                    f"member {account.member_id}",
                    "what counts towards its period rules is not what its days give",
                )
            _conserve(account, rows, done)
        for member in (*totals, *items, *awards):
            differs(f"member {member}", "there are sums, and no entries that they are the sums of")


def _explained(
    tx: Transaction,
    house: House,
    rules: Rulebook,
    account: LedgerAccount,
    done: Audited,
    kin: Container[str],
    progress: Progress,
) -> None:
    for day in ledger_days(account):
        derived = rules.fold(day.business_day, day.receipts, account.facts.tiers).entries
        check_explained(tx, house, day, derived, account.facts.tiers, past_is_lost=account.member_id in kin)
        done.member_days += 1
        progress("member-days", 1)
    check_account_explained(account)
    done.entries += len(account.posted)


def _sums(account: LedgerAccount, rows: list[Row]) -> None:
    """Compare the kept sums of a member with the sums of the entries."""
    should = fold_account(account.entries)
    found = Totals(
        sum(row[2] for row in rows), {row[1]: row[3] for row in rows}, {row[1]: row[4] for row in rows}
    )
    where = f"member {account.member_id}"
    if found.balance != should.balance:
        differs(where, f"the balance is {found.balance}, its entries give {should.balance}")
    if found.qualifying != should.qualifying:
        differs(where, "a period's total is not the sum of its entries")
    if found.credits != should.credits:
        differs(where, "what a period's lot was given is not the sum of its entries")


def _lots(rules: Rulebook, account: LedgerAccount, whole: Whole, rows: list[Row]) -> None:
    """Compare the lots that the kept sums give with those of the derivation, and both with the balance."""
    facts = [one for day in account.facts.days.values() for one in day]
    lots = lots_of(rules, [row[1:] for row in rows], facts, account.facts.through)
    if lots != whole.lots:
        differs(f"member {account.member_id}", "the lots are not what its entries give")
    left = sum(lot.points for lot in lots.lots) - lots.debt
    if left != sum(row[2] for row in rows):
        differs(f"member {account.member_id}", "the lots do not add up to the balance")


def _conserve(account: LedgerAccount, rows: list[Row], done: Audited) -> None:
    """Add what was issued, taken back, spent and lost of redeemable points, and what is outstanding."""
    flows = done.flows
    for entry in account.entries:
        kind = entry.corrects or entry.kind
        flows[kind] = flows.get(kind, 0) + entry.redeemable
    done.outstanding += sum(row[2] for row in rows)


def _by_member(rows: list[Row]) -> dict[str, list[Row]]:
    return {member: list(of_member) for member, of_member in groupby(rows, key=itemgetter(0))}
