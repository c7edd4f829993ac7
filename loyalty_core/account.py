"""The fold of one member's account: redemptions and adjustments as entries, and the sums of all entries.

`period_rules` adds what counts over periods, `lots` what expires, `after_close` what closed periods need,
each as an entry of its own: a day's entry is never changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from loyalty_core.calendar import period_of
from loyalty_core.entries import EntryKind, PointEntry, Step, paired_steps
from loyalty_core.events import EventId
from loyalty_core.lots import Spending
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

CREDITS: frozenset[EntryKind] = frozenset({"earn", "bonus", "cap", "clawback", "adjustment"})
"""The kinds of entry that make up the lot of their period; redemption, rollback and expiry take from lots."""
SPENT: Final = "redeem"
"""The rule of points that were spent on no reward."""

_Pair = tuple[int, int]
"""(redeemable, qualifying)"""


class Totals(msgspec.Struct, frozen=True):
    """Sums of one member's entries: the spendable balance; qualifying points and credits by period id."""

    balance: int
    qualifying: dict[str, int]
    credits: dict[str, int]


def fold_account(entries: Iterable[PointEntry]) -> Totals:
    """Return balance and period totals; the order of the entries does not matter."""
    balance = 0
    qualifying: dict[str, int] = {}
    credited: dict[str, int] = {}
    for entry in entries:
        period_id = entry.period_id
        balance += entry.redeemable
        qualifying[period_id] = qualifying.get(period_id, 0) + entry.qualifying
        credited[period_id] = credited.get(period_id, 0) + credit_of(entry)
    return Totals(balance, qualifying, credited)


def credit_of(entry: PointEntry) -> int:
    """Return what an entry puts into the lot of its period."""
    return entry.redeemable if (entry.corrects or entry.kind) in CREDITS else 0


def redemptions(facts: Iterable[Resolved]) -> list[Resolved]:
    """Return the redemptions in canonical order; of several of one id, the first."""
    found: dict[str, Resolved] = {}
    for one in sorted(facts, key=lambda one: one.item.order):
        if one.item.kind == "redemption":
            found.setdefault(one.item.money[0][0], one)
    return list(found.values())


def spendings(facts: Iterable[Resolved]) -> list[Spending]:
    """Return what an account's redemptions take from its lots, and what was given back."""
    found = []
    for one in redemptions(facts):
        undone = one.takebacks[0] if one.takebacks else None
        found.append(
            Spending(
                points=one.item.money[0][1],
                day=one.business_day,
                order=one.item.order,
                undone=(undone.business_day, undone.order) if undone else None,
            )
        )
    return found


def account_entries(
    facts: Iterable[Resolved], version_on: Callable[[Day], int], months: int
) -> tuple[PointEntry, ...]:
    """Return the entries of an account's redemptions and adjustments.

    `version_on` gives the programme version of a date, 0 for none; `months` is the length of a period.
    """
    facts = list(facts)
    found: list[PointEntry] = []

    def add(
        day: Day,
        dated: Day,
        event: EventId,
        kind: EntryKind,
        points: _Pair,
        steps: tuple[Step, ...],
        rule: str = "",
    ) -> None:
        found.append(
            PointEntry(
                event=event,
                kind=kind,
                earned_day=day,
                business_day=dated,
                period_id=period_of(dated, months).id,
                redeemable=points[0],
                qualifying=points[1],
                programme_version=version_on(dated),
                steps=steps,
                rule=rule,
            )
        )

    for one in redemptions(facts):
        (name, points), (reward, _) = one.item.money[0], one.item.tenders[0]
        day, rule = one.business_day, reward or SPENT
        spent = Step(rule, "redemption", name, 0, -points, "redeemable")
        add(day, day, one.item.id, "redemption", (-points, 0), (spent,))
        for back in one.takebacks:
            given = Step(rule, "redeem_rollback", name, 0, points, "redeemable")
            # One return may give back several redemptions: each is an entry of its own, by its name.
            add(day, back.business_day, back.id, "redeem_rollback", (points, 0), (given,), name)
    for one in {one.item.id: one for one in facts if one.item.kind == "adjustment"}.values():
        (_, redeemable), (_, qualifying) = one.item.money
        day, reason = one.business_day, one.item.tenders[0][0]
        moved = (redeemable, qualifying)
        add(day, day, one.item.id, "adjustment", moved, paired_steps(reason, "adjustment", "", (0, 0), moved))
    return tuple(found)
