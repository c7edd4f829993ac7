"""What is to be derived again: a published programme marks member-days, a new day marks lots that end.

Bounded steps do what is marked. A mark without a day asks for a whole account.
"""

from __future__ import annotations

from typing import Final

import msgspec

from hq_server.coverage import cover
from hq_server.derivation import Rulebook
from hq_server.house import House, load_house
from hq_server.posting import post
from hq_server.references import bucket_of
from hq_server.store.connection import Transaction
from hq_server.work import Work
from loyalty_core.calendar import period_after
from loyalty_core.units import Day, EpochMs

DAYS_AT_ONCE: Final = 500


def rederive_some(tx: Transaction, now_ms: EpochMs) -> int:
    """Derive the next marked member-days again and post the differences; returns how many there were."""
    house = load_house(tx)
    marks = [(member, day) for member, day in tx.all("accounts.dirty_days", count=DAYS_AT_ONCE)]
    days = [(member, day) for member, day in marks if day]
    whole = {member for member, day in marks if not day}
    post(tx, house, Work(days={key: {} for key in days}, whole=whole), now_ms)
    cover(tx, house, days, now_ms)
    tx.many(
        "accounts.days_are_clean",
        [(bucket_of(member, house.bucket_count), member, day) for member, day in marks],
    )
    return len(marks)


def expiry_is_due(tx: Transaction, now_ms: EpochMs) -> bool:
    """Tell whether lots have ended whose expiry is not posted in some bucket."""
    house = load_house(tx)
    row = tx.one("accounts.expired_through")
    return bool(house.programmes and row and _ended(house, Day(row[0]), house.today(now_ms)))


def expire(tx: Transaction, now_ms: EpochMs) -> int:
    """Move every bucket on to today and mark the accounts whose lots have ended; returns how many."""
    house = load_house(tx)
    today, marked = house.today(now_ms), 0
    for bucket, through in tx.all("accounts.buckets_behind", today=today):
        ended = _ended(house, Day(through), today)
        if ended:
            periods = msgspec.json.encode(ended).decode()
            marked += tx.run("accounts.mark_lots", bucket=bucket, periods=periods)
        tx.run("accounts.set_expired_through", bucket=bucket, today=today)
    return marked


def _ended(house: House, after: Day, through: Day) -> list[str]:
    """Return the periods whose lots expire on a day after the one and through the other."""
    rules, found = Rulebook(house), []
    period = rules.first_period
    while period.first <= through:
        end = rules.last_day(period)
        if end is not None and after < end + 1 <= through:
            found.append(period.id)
        period = period_after(period, rules.months)
    return found
