"""A member's facts as the accounts hold them: receipts and visits by day, and what belongs to the account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter

from hq_server.merges import Groups
from hq_server.references import bucket_of, places_json
from hq_server.spread import RESOLVED
from hq_server.store.connection import Transaction
from loyalty_core.resolved import Resolved


def days_of(tx: Transaction, bucket_count: int, member_id: str) -> Iterator[tuple[int, list[Resolved]]]:
    """Return what stands on each of a member's business days, in order, read as far as it is asked for."""
    bucket = bucket_of(member_id, bucket_count)
    for (span,) in tx.all("accounts.spans", bucket=bucket):
        rows = tx.all("accounts.receipts_of", bucket=bucket, span=span, member_id=member_id)
        for day, of_day in groupby(rows, key=itemgetter(0)):
            yield day, [RESOLVED.decode(row[2]) for row in of_day]


def days_of_group(tx: Transaction, bucket_count: int, group: tuple[str, ...]) -> dict[int, list[Resolved]]:
    """Return what stands on the business days of members who count as one, in order."""
    days: dict[int, list[Resolved]] = defaultdict(list)
    for member in group:
        for day, facts in days_of(tx, bucket_count, member):
            days[day] += facts
    return dict(sorted(days.items()))


def account_facts(tx: Transaction, bucket_count: int, groups: Groups) -> dict[str, list[Resolved]]:
    """Return redemptions, coupons and adjustments by head."""
    head_of = {name: head for head, group in groups.members.items() for name in group}
    keys = places_json(head_of, bucket_count)
    found: dict[str, list[Resolved]] = defaultdict(list)
    for member, _, blob in tx.all("accounts.account_facts", members=keys):
        found[head_of[member]].append(RESOLVED.decode(blob))
    return found
