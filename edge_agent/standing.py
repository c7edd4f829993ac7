"""What a till is told about a member: balance, tier, the period's points, and the way to the next tier.

    balance = what HQ last said + the till's own entries above the stamp in that member's row
              - what of that can be spent no more

Read only; never waits for HQ.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from fractions import Fraction

import msgspec

from edge_agent.books import Books
from edge_agent.expiring import Left, Own, left
from edge_agent.store import enrolments, entries, journal, members
from edge_agent.store.database import Connection
from edge_agent.tiers import held_until, tier_held
from loyalty_core.calendar import Period, period_named, period_of
from loyalty_core.errors import BadInput
from loyalty_core.events import RedemptionCommitted
from loyalty_core.guidance import Way
from loyalty_core.messages import Expiring, MemberRow
from loyalty_core.programme import discount_in
from loyalty_core.tiers import gap
from loyalty_core.units import Day


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account stands, as far as this till knows. `as_of_ms` is HQ's last word, or None.

    `tier` is that of the day, and `tier_until` its last day as far as HQ has said; None where it stays;
    `discount` is the percent off that it gives, 0 for none. `expiring` are points that are lost, the first to
    go first. `ways` lead to the next tier; amounts in them are of `currency`.
    """

    member_id: str | None
    masked_name: str | None
    tier: str | None
    tier_until: Day | None
    discount: Fraction
    balance: int
    period: Period | None
    qualifying: int
    next_tier: str | None
    missing: int
    as_of_ms: int | None
    expiring: tuple[Expiring, ...] = ()
    ways: tuple[Way, ...] = ()
    currency: str = ""


def standing(conn: Connection, books: Books, account: str, day: Day, today: Day | None = None) -> Standing:
    """Return where an account stands in the period of a business day, or in HQ's if that is a later one.

    What can be spent no more `today`, or on that day where nothing else is said, is not in the balance.
    """
    row = books.row(conn, account)
    masked_name = row.masked_name if row else _joined_here(conn, account)
    stamp = row.stamp if row and row.stamp else members.NEVER
    as_of_ms = books.hq_time_ms if row else None
    moved = entries.above(conn, account, stamp)
    balance = (row.balance if row else 0) + sum(one.redeemable for one in moved)
    purse = _left(conn, books, account, row, moved, day if today is None else today)
    balance -= purse.expired
    if not books.programmes:
        return Standing(
            member_id=row.member_id if row else None,
            masked_name=masked_name,
            tier=row.tier if row else None,
            tier_until=None,
            discount=Fraction(0),
            balance=balance,
            period=None,
            qualifying=0,
            next_tier=None,
            missing=0,
            as_of_ms=as_of_ms,
        )
    months = books.programmes[-1].period_months
    period = period_of(day, months)
    if row and row.period_id > period.id:
        with suppress(BadInput):  # an id of another length of period than this till's programme has
            period = period_named(row.period_id, months)
    programme = books.programme_on(period.last) or books.programmes[0]
    qualifying = sum(one.qualifying for one in moved if period.first <= one.day <= period.last)
    if row and row.period_id == period.id:
        qualifying += row.qualifying
    ahead = gap(qualifying, programme.ladder)
    tier = tier_held(row, programme, day)
    return Standing(
        member_id=row.member_id if row else None,
        masked_name=masked_name,
        tier=tier,
        tier_until=held_until(row, day),
        discount=discount_in((books.programme_on(day) or programme).ladder, tier),
        balance=balance,
        period=period,
        qualifying=qualifying,
        next_tier=ahead.tier.code if ahead else None,
        missing=ahead.missing if ahead else 0,
        as_of_ms=as_of_ms,
        expiring=purse.expiring,
        currency=programme.currency,
    )


def _joined_here(conn: Connection, account: str) -> str | None:
    one = enrolments.find(conn, [account]) if account.startswith("h:") else None
    return None if one is None else one.masked_name


def _left(
    conn: Connection,
    books: Books,
    account: str,
    row: MemberRow | None,
    moved: list[entries.DaySum],
    today: Day,
) -> Left:
    if not books.published.expires and not (row and row.expiring):
        return Left((), 0)
    stamp = row.stamp if row and row.stamp else members.NEVER
    redeemed: dict[Day, int] = defaultdict(int)
    if any(one.takes for one in moved):
        for day, points, record in entries.takes_above(conn, account, stamp):
            read = journal.readable(record)
            if read is not None and isinstance(read.event, RedemptionCommitted):
                redeemed[day] += points
    own = [Own(one.day, one.redeemable + redeemed[one.day], redeemed[one.day]) for one in moved]
    return left(row.expiring if row else (), row.balance if row else 0, own, books.last_day, today)
