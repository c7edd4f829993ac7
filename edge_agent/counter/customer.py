"""What the cashier's page shows of a customer, in words: who it is, their points, the gap, what to choose.

Shows what the desk returned, and computes nothing but which amounts to offer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from edge_agent.books import Books
from edge_agent.desk import Found
from edge_agent.spendable import Spendable
from edge_agent.store import outbox
from edge_agent.store.database import Connection
from loyalty_core.explain import Language, date_text, day_text, money, percent_text, points
from loyalty_core.programme import Programme
from loyalty_core.units import Day
from loyalty_core.ways_words import way_text

CHOICES_MAX: Final = 4


class Choice(msgspec.Struct, frozen=True):
    """Points to spend, and what they take off, in words."""

    points: int
    label: str
    worth: str


class Offered(msgspec.Struct, frozen=True):
    """A coupon or a reward; `code` is what the form sends."""

    code: str
    name: str
    detail: str


class CustomerView(msgspec.Struct, frozen=True, kw_only=True):
    """A customer in words. `as_of_ms` is when HQ last spoke, None where it never did of this one.

    `no_choice` is the code of why no points can be spent, empty where some can.
    """

    name: str
    tier: str
    tier_until: str
    discount: str
    balance: str
    available: str
    is_held: bool
    is_negative: bool
    gap: str
    gap_tier: str
    gap_until: str
    ways: Sequence[str]
    progress: int
    expiring: Sequence[str]
    as_of_ms: int | None
    is_offline: bool
    coupons: Sequence[Offered]
    rewards: Sequence[Offered]
    choices: Sequence[Choice]
    no_choice: str
    least: int
    step: int
    most: int


def view_of(
    conn: Connection, books: Books, spendable: Spendable, found: Found, account: str, language: Language
) -> CustomerView:
    """Return a customer in words."""
    stands, purse = found.standing, found.purse
    today = books.expected.today if books.expected is not None else None
    programme = None if today is None else books.programme_on(today)
    is_offline = outbox.link(conn).error_code is not None
    most = purse.available
    if is_offline and today is not None:
        most = min(most, spendable.allowance_left(conn, books, account, today))
    least, step, choices = _choices(programme, most, language)
    no_choice = ""
    if today is None:
        no_choice = "clock_lost"
    elif programme is None:
        no_choice = "programme_missing"
    elif programme.redeem is None:
        no_choice = "redemption_off"
    elif not choices:
        no_choice = "points_below_minimum" if purse.available < least else "allowance_exceeded"
    return CustomerView(
        name=stands.masked_name or "",
        tier=stands.tier or "",
        tier_until="" if stands.tier_until is None else date_text(stands.tier_until, language),
        discount=percent_text(stands.discount) or "",
        balance=points(stands.balance, language),
        available=points(purse.available, language),
        is_held=purse.available < stands.balance,
        is_negative=stands.balance < 0,
        gap=points(stands.missing, language),
        gap_tier=stands.next_tier or "",
        gap_until="" if stands.period is None else day_text(stands.period.last, language),
        ways=[way_text(way, stands.currency, language) for way in stands.ways],
        progress=_percent(stands.qualifying, stands.missing),
        expiring=[
            f"{points(one.points, language)} · {date_text(Day(one.last_day), language)}"
            for one in stands.expiring
        ],
        as_of_ms=stands.as_of_ms,
        is_offline=is_offline,
        coupons=[
            Offered(
                one.code,
                dict(one.coupon.names).get(language, one.coupon.reward or one.coupon.coupon_id),
                " · ".join(
                    [
                        *(
                            [money(one.coupon.value_minor, stands.currency, language)]
                            if one.coupon.value_minor
                            else []
                        ),
                        date_text(Day(one.coupon.until_day), language),
                    ]
                ),
            )
            for one in purse.coupons
        ],
        rewards=[
            Offered(one.id, one.names.get(language, one.id), points(one.points, language))
            for one in purse.rewards
            if one.points <= most
        ],
        choices=choices,
        no_choice=no_choice,
        least=least,
        step=step,
        most=choices[-1].points if choices else 0,
    )


def _percent(reached: int, missing: int) -> int:
    """Return how far somebody has come towards the next tier, 0 to 100."""
    whole = max(1, max(0, reached) + missing)
    return max(0, reached) * 100 // whole


def _choices(programme: Programme | None, most: int, language: Language) -> tuple[int, int, list[Choice]]:
    """Return the least points that are spent, in which steps, and a few amounts up to the most."""
    redeem = None if programme is None else programme.redeem
    if programme is None or redeem is None:
        return 0, 1, []
    first = -(-redeem.minimum // redeem.step) * redeem.step
    last = most // redeem.step * redeem.step
    if last < first:
        return first, redeem.step, []
    amounts = {first, last}
    for share in range(1, CHOICES_MAX - 1):
        between = first + (last - first) * share // (CHOICES_MAX - 1)
        amounts.add(max(first, between // redeem.step * redeem.step))
    return (
        first,
        redeem.step,
        [
            Choice(
                amount,
                points(amount, language),
                money(amount * redeem.minor_per_point, programme.currency, language),
            )
            for amount in sorted(amounts)
        ],
    )
