"""The accounts read one after the other, whole but never all at once: for previews and for the audit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby

import msgspec

from hq_server.derivation import NEVER_ASSESSED, Account
from hq_server.house import House
from hq_server.member_facts import days_of_group
from hq_server.merges import groups_of
from hq_server.posted import closed_by, posted_entry
from hq_server.references import bucket_of
from hq_server.store.connection import Transaction
from hq_server.tiers.held import tiers_of
from loyalty_core.after_close import Closed
from loyalty_core.entries import PointEntry
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day


class Posted(msgspec.Struct, frozen=True):
    """An entry of the ledger, with its steps as they are stored."""

    entry: PointEntry
    steps: str
    number: int


class LedgerAccount(msgspec.Struct, frozen=True):
    """What one member's account is derived from, and what is posted for it, by earned day and number.

    A member who counts as another has no facts here: they are the other's.
    """

    member_id: str
    facts: Account
    posted: list[Posted]

    @property
    def entries(self) -> list[PointEntry]:
        """What is posted, without the rest."""
        return [one.entry for one in self.posted]


class LedgerDay(msgspec.Struct, frozen=True):
    """One member-day: its receipts and visits, and what is posted for them."""

    member_id: str
    business_day: int
    receipts: list[Resolved]
    posted: list[Posted]


def ledger_accounts(tx: Transaction, house: House, bucket: int, since: int = 0) -> Iterator[LedgerAccount]:
    """Return the accounts of a bucket that have facts or entries from a date on, in member order."""
    row = tx.one("accounts.bucket", bucket=bucket)
    through = Day(row[0] if row else 0)
    closes = closes_of(tx, house)
    for (member,) in tx.each("accounts.members_with_facts", bucket=bucket, business_day=since):
        group = groups_of(tx, house.bucket_count, [member])
        head = group.head_of[member]
        posted = _posted(tx, bucket, member)
        everyone = group.members[head] if head == member else ()
        days = days_of_group(tx, house.bucket_count, everyone)
        closed = _closed(tx, house, closes, {member: posted}, everyone, bucket) if everyone else {}
        birthday = tx.one("accounts.birthday", bucket=bucket, member_id=member)
        facts = Account(
            days=days,
            birthday=birthday[0] if birthday else None,
            closed=closed,
            through=through,
            tiers=tiers_of(tx, house.bucket_count, group).get(member, NEVER_ASSESSED),
        )
        yield LedgerAccount(member, facts, posted)


def ledger_days(account: LedgerAccount) -> Iterator[LedgerDay]:
    """Return the member-days of an account, in order, with their receipts and visits."""
    posted = {
        day: list(of_day)
        for day, of_day in groupby(account.posted, key=lambda one: one.entry.earned_day)
        if day
    }
    for day in sorted({*account.facts.days, *posted}):
        receipts = [one for one in account.facts.days.get(day, ()) if one.item.earns]
        of_day = [
            one for one in posted.get(Day(day), ()) if (one.entry.corrects or one.entry.kind) in _OF_DAYS
        ]
        yield LedgerDay(account.member_id, day, receipts, of_day)


def closes_of(tx: Transaction, house: House) -> dict[str, dict[int, int]]:
    """Return the closed periods, and by which number of each bucket they were."""
    buckets = msgspec.json.encode(list(range(house.bucket_count))).decode()
    found: dict[str, dict[int, int]] = {}
    for bucket, period_id, entry_no in tx.all("accounts.closes", buckets=buckets):
        found.setdefault(period_id, {})[bucket] = entry_no
    return found


def _closed(
    tx: Transaction,
    house: House,
    closes: Mapping[str, Mapping[int, int]],
    known: Mapping[str, list[Posted]],
    everyone: Iterable[str],
    own: int,
) -> dict[str, Closed]:
    """Return the closed periods of members who count as one: what was posted by then for any of them.

    A period is closed for them once it is in the bucket of the one for whom all count, `own`.
    """
    frozen: dict[str, list[PointEntry]] = {period_id: [] for period_id, by in closes.items() if own in by}
    for member in everyone if frozen else ():
        bucket = bucket_of(member, house.bucket_count)
        for one in known[member] if member in known else _posted(tx, bucket, member):
            period_id = one.entry.period_id
            if period_id in frozen and one.number <= closes[period_id].get(bucket, 0):
                frozen[period_id].append(one.entry)
    return {period_id: closed_by(entries) for period_id, entries in frozen.items()}


def _posted(tx: Transaction, bucket: int, member: str) -> list[Posted]:
    rows = tx.all("accounts.entries_of", bucket=bucket, member_id=member)
    found = [Posted(posted_entry(row), row[14], row[15]) for row in rows]
    return sorted(found, key=lambda one: (one.entry.earned_day, one.number))


_OF_DAYS = frozenset({"earn", "clawback"})
