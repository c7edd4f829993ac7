"""Points moved by hand: proposed by one person, approved by another, within the limits of the settings.

An adjustment puts something right, goodwill gives what nobody was owed. Approved, it is an account fact of
the member who was named; the fold makes its entry.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from hq_server.closes.states import closes
from hq_server.config import Adjustments
from hq_server.decisions import Decision, Said, every_decision, keep_decision
from hq_server.house import House
from hq_server.members import member_at
from hq_server.posting import post
from hq_server.spread import encoded
from hq_server.store.connection import Transaction
from hq_server.work import Version, Work
from loyalty_core.calendar import Period, date_of, period_of
from loyalty_core.errors import BadInput
from loyalty_core.events import HQ, EventId
from loyalty_core.programme import version_for
from loyalty_core.resolved import Item, Resolved
from loyalty_core.units import Day, EpochMs, Minute, Seq

AdjustmentKind = Literal["adjustment", "goodwill"]


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a proposal: the points to move, up or down, and the business day they are dated on."""

    redeemable: int
    qualifying: int
    reason_code: str
    business_day: int


def propose(
    tx: Transaction,
    house: House,
    limits: Adjustments,
    member_id: str,
    kind: AdjustmentKind,
    adjustment: Adjustment,
    by: Said,
    now_ms: EpochMs,
    natural_key: str | None = None,
) -> int:
    """Keep a proposal for a member who was not erased and return its number; nothing moves yet.

    Raises:
        BadInput: `adjustment_empty`, `adjustment_too_large`, `goodwill_below_zero`, `reason_code_unknown`,
            `date_ahead`, `date_uncovered`, `period_closed`, `goodwill_spent`.
    """
    most = limits.points_max
    if not (adjustment.redeemable or adjustment.qualifying):
        raise BadInput(
            "an adjustment moves redeemable points, qualifying points, or both", code="adjustment_empty"
        )
    if max(abs(adjustment.redeemable), abs(adjustment.qualifying)) > most:
        raise BadInput(
            f"one decision moves at most {most} points (adjustments.points_max)", code="adjustment_too_large"
        )
    if adjustment.reason_code not in limits.reason_codes:
        codes = ", ".join(limits.reason_codes)
        raise BadInput(f"the reason code must be one of {codes}", code="reason_code_unknown")
    if adjustment.business_day > house.today(now_ms):
        raise BadInput(f"{_date(adjustment)} is still to come", code="date_ahead")
    if kind == "goodwill" and min(adjustment.redeemable, adjustment.qualifying) < 0:
        raise BadInput("goodwill gives points, it takes none", code="goodwill_below_zero")
    _check_day(tx, house, adjustment)
    if kind == "goodwill":
        _check_budget(tx, house, limits, adjustment, _size(adjustment))
    return keep_decision(tx, kind, member_id, adjustment, by, now_ms, natural_key=natural_key)


def adjust(tx: Transaction, house: House, limits: Adjustments, approved: Decision, now_ms: EpochMs) -> None:
    """Move the points of a proposal that has just been approved.

    Raises:
        BadInput: `period_closed`, `goodwill_spent`, `member_erased`: what was true of it is no more.
    """
    adjustment = detail_of(approved)
    _check_day(tx, house, adjustment)
    if approved.kind == "goodwill":
        _check_budget(tx, house, limits, adjustment, 0)
    member = member_at(tx, house, approved.subject)
    if member is None or member.erased:
        raise BadInput(f"member {approved.subject} was erased since", code="member_erased")
    receipt_id, resolved = fact_of(approved)
    work = Work()
    work.put(approved.subject, resolved.business_day, receipt_id, Version(1, resolved, encoded(resolved)))
    post(tx, house, work, now_ms)


def detail_of(decision: Decision) -> Adjustment:
    """Return what an adjustment moves."""
    return msgspec.json.decode(decision.detail, type=Adjustment)


def fact_of(decision: Decision) -> tuple[str, Resolved]:
    """Return an approved adjustment as its account takes it in, with its id there."""
    adjustment, number = detail_of(decision), decision.number
    item = Item(
        EventId(HQ, 1, 0, Seq(number)),
        decision.made_at_ms,
        "adjustment",
        HQ,
        Minute(0),
        (("redeemable", adjustment.redeemable), ("qualifying", adjustment.qualifying)),
        ((adjustment.reason_code, 0),),
    )
    return f"{HQ}/a/{number}", Resolved(Day(adjustment.business_day), item, ())


def _check_day(tx: Transaction, house: House, adjustment: Adjustment) -> None:
    if version_for(house.programmes, Day(adjustment.business_day)) is None:
        raise BadInput(f"no programme version covers {_date(adjustment)}", code="date_uncovered")
    period = _period(house, adjustment)
    if period.id in closes(tx) or tx.one("accounts.closed_period", period_id=period.id) is not None:
        raise BadInput(
            f"{_date(adjustment)} lies in {period.id}, which is closed: date it in a later period",
            code="period_closed",
        )


def _check_budget(
    tx: Transaction, house: House, limits: Adjustments, adjustment: Adjustment, more: int
) -> None:
    """Check that the goodwill of a period, given or proposed, stays within its budget with so much more."""
    period = _period(house, adjustment)
    spent = sum(
        _size(one)
        for decision in every_decision(tx, "goodwill")
        if decision.state != "refused"
        and period.first <= (one := detail_of(decision)).business_day <= period.last
    )
    budget = limits.goodwill_points_max
    if spent + more > budget:
        raise BadInput(
            f"goodwill of {period.id} has {max(0, budget - spent)} points left, {spent} are given or asked "
            "(adjustments.goodwill_points_max)",
            code="goodwill_spent",
        )


def _size(adjustment: Adjustment) -> int:
    """Return what goodwill takes of the budget: the larger of both kinds of points."""
    return max(adjustment.redeemable, adjustment.qualifying)


def _period(house: House, adjustment: Adjustment) -> Period:
    return period_of(Day(adjustment.business_day), house.newest.period_months)


def _date(adjustment: Adjustment) -> str:
    return date_of(Day(adjustment.business_day)).isoformat()
