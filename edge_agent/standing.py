"""What a till is told about a member: balance, tier, the period's points, and the way to the next tier.

    balance = what HQ last said + the till's own entries above the stamp in that member's row

Read only; never waits for HQ.
"""

from __future__ import annotations

from contextlib import suppress

import msgspec

from edge_agent.books import Books
from edge_agent.member_days import tier_held
from edge_agent.store import entries, members, outbox
from edge_agent.store.database import Connection
from loyalty_core.calendar import Period, period_named, period_of
from loyalty_core.errors import BadInput
from loyalty_core.guidance import Way
from loyalty_core.tiers import gap
from loyalty_core.units import Day


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where an account stands, as far as this till knows. `as_of_ms` is HQ's last word, or None.

    `ways` lead to the next tier; amounts in them are of `currency`.
    """

    member_id: str | None
    masked_name: str | None
    tier: str | None
    balance: int
    period: Period | None
    qualifying: int
    next_tier: str | None
    missing: int
    as_of_ms: int | None
    ways: tuple[Way, ...] = ()
    currency: str = ""


def standing(conn: Connection, books: Books, account: str, day: Day) -> Standing:
    """Return where an account stands in the period of a business day, or in HQ's if that is a later one."""
    row = members.read(conn, account.removeprefix("id:")) if account.startswith("id:") else None
    stamp = row.stamp if row and row.stamp else members.NEVER
    as_of_ms = outbox.link(conn).hq_time_ms if row else None
    if not books.programmes:
        redeemable, _ = entries.above(conn, account, stamp, 0, 0)
        return Standing(
            member_id=row.member_id if row else None,
            masked_name=row.masked_name if row else None,
            tier=row.tier if row else None,
            balance=(row.balance if row else 0) + redeemable,
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
    redeemable, qualifying = entries.above(conn, account, stamp, period.first, period.last)
    if row and row.period_id == period.id:
        qualifying += row.qualifying
    ahead = gap(qualifying, programme.ladder)
    return Standing(
        member_id=row.member_id if row else None,
        masked_name=row.masked_name if row else None,
        tier=tier_held(row, programme),
        balance=(row.balance if row else 0) + redeemable,
        period=period,
        qualifying=qualifying,
        next_tier=ahead.tier.code if ahead else None,
        missing=ahead.missing if ahead else 0,
        as_of_ms=as_of_ms,
        currency=programme.currency,
    )
