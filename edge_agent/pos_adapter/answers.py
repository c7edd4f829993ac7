"""What the till's own software is answered, as JSON. Shows what was derived; computes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal

import msgspec

from edge_agent.recorder import Outcome
from edge_agent.spendable import Purse, Usable
from edge_agent.standing import Standing
from loyalty_core.calendar import date_of
from loyalty_core.entries import Step
from loyalty_core.events import EventId
from loyalty_core.explain import Language, messages, percent_text
from loyalty_core.guidance import Way
from loyalty_core.units import Day
from loyalty_core.ways_words import way_text, ways_text

SAID_KEPT: Final = 1024
"""Ways, and instants, that are remembered in words: many members are told the same."""


class _Answer(msgspec.Struct, frozen=True, kw_only=True):
    pass


class EventAnswer(_Answer, frozen=True, kw_only=True):
    """Which event a request became; `id` is its name in addresses."""

    id: str
    terminal: str
    epoch: int
    seq: int


class Points(_Answer, frozen=True, kw_only=True):
    """Points of one event."""

    redeemable: int
    qualifying: int


class StepAnswer(_Answer, frozen=True, kw_only=True, omit_defaults=True):
    """One reason; `affects` is there only where redeemable and qualifying points went differently."""

    rule: str
    kind: str
    saw: str
    before: int
    after: int
    affects: Literal["redeemable", "qualifying"] | None = None


class PeriodAnswer(_Answer, frozen=True, kw_only=True):
    """The qualification period and the member's points in it."""

    id: str
    qualifying: int
    until: str


class NextTier(_Answer, frozen=True, kw_only=True):
    """The next tier, what is missing to it, and the ways that are sure to earn that, each in words."""

    tier: str
    missing: int
    ways: Sequence[str]


class ExpiringAnswer(_Answer, frozen=True, kw_only=True):
    """Points that are lost after a business day unless they are spent."""

    points: int
    usable_until: str


class MemberAnswer(_Answer, frozen=True, kw_only=True):
    """A member as a till may see one. `as_of` is when HQ last spoke; None while it has not.

    `tier_until` is the last business day of the tier as far as HQ has said, None for one that stays.
    `discount` is the percent off that the tier gives, such as "2.5"; None for none.
    """

    masked_name: str | None
    tier: str | None
    tier_until: str | None
    discount: str | None
    balance: int
    as_of: str | None
    expiring: list[ExpiringAnswer]
    period: PeriodAnswer | None
    next: NextTier | None


class CouponAnswer(_Answer, frozen=True, kw_only=True):
    """A coupon that may be used here today; `code` is what `POST /v1/redemptions` takes."""

    id: str
    name: str
    value_minor: int
    until: str
    code: str


class RewardAnswer(_Answer, frozen=True, kw_only=True):
    """A reward that the member's points buy here today."""

    id: str
    name: str
    points: int
    value_minor: int


class SpendingMember(MemberAnswer, frozen=True, kw_only=True):
    """A member with what is left to spend: the balance less what is under way, here and elsewhere."""

    available: int


class FoundMember(SpendingMember, frozen=True, kw_only=True):
    """The answer to a look-up; who joined here is `provisional`, without an id, until HQ tells of them."""

    member_id: str
    provisional: bool
    coupons: list[CouponAnswer]
    rewards: list[RewardAnswer]


class Offer(_Answer, frozen=True, kw_only=True):
    """A member who may be the one: a card was shown, but not as the only one or not in time.

    `member` is what `POST /v1/claims` takes to give the receipt to this one.
    """

    masked_name: str | None
    member: str


class ReceiptAnswer(_Answer, frozen=True, kw_only=True):
    """The answer to whatever was recorded."""

    event: EventAnswer
    provisional: bool
    repeated: bool
    points: Points
    steps: list[StepAnswer]
    member: MemberAnswer | None
    message: list[str]
    notices: list[str]
    offers: list[Offer]


def receipt_answer(
    outcome: Outcome, standing: Standing | None, offers: Sequence[Standing], language: Language
) -> ReceiptAnswer:
    """Return what the till's software is told of something recorded: provisional until HQ posts it."""
    message: tuple[str, ...] = ()
    if standing is not None:
        until = standing.period.last if standing.period else None
        ways = _said(standing.ways, standing.currency, language)[1]
        message = messages(language, outcome.redeemable, standing.next_tier, standing.missing, until, ways)
    return ReceiptAnswer(
        event=event_answer(outcome.event),
        provisional=True,
        repeated=outcome.repeated,
        points=Points(redeemable=outcome.redeemable, qualifying=outcome.qualifying),
        steps=[_step(step) for step in outcome.steps],
        member=member_answer(standing, language) if standing else None,
        message=list(message),
        notices=list(outcome.notices),
        offers=[
            Offer(masked_name=offer.masked_name, member=owner.recorded)
            for owner, offer in zip(outcome.offers, offers, strict=True)
        ],
    )


def event_answer(event: EventId) -> EventAnswer:
    """Return an event's name."""
    return EventAnswer(id=str(event), terminal=event.terminal_id, epoch=event.epoch, seq=event.seq)


def member_answer(standing: Standing, language: Language) -> MemberAnswer:
    """Return a member as part of another answer."""
    return MemberAnswer(
        masked_name=standing.masked_name,
        tier=standing.tier,
        tier_until=None if standing.tier_until is None else date_of(standing.tier_until).isoformat(),
        discount=percent_text(standing.discount),
        balance=standing.balance,
        as_of=utc(standing.as_of_ms),
        expiring=[
            ExpiringAnswer(points=one.points, usable_until=date_of(Day(one.last_day)).isoformat())
            for one in standing.expiring
        ],
        period=_period(standing),
        next=_next(standing, language),
    )


def spending_member(standing: Standing, available: int, language: Language) -> SpendingMember:
    """Return a member as part of the answer to a redemption."""
    shown = msgspec.structs.asdict(member_answer(standing, language))
    return SpendingMember(available=available, **shown)


def found_member(standing: Standing, purse: Purse, language: Language) -> FoundMember:
    """Return the answer to a look-up of a member who is known here."""
    shown = msgspec.structs.asdict(spending_member(standing, purse.available, language))
    return FoundMember(
        member_id=standing.member_id or "",
        provisional=standing.member_id is None,
        coupons=[_coupon(one, language) for one in purse.coupons],
        rewards=[
            RewardAnswer(
                id=one.id,
                name=one.names.get(language, one.id),
                points=one.points,
                value_minor=one.value_minor,
            )
            for one in purse.rewards
        ],
        **shown,
    )


def _coupon(one: Usable, language: Language) -> CouponAnswer:
    coupon = one.coupon
    return CouponAnswer(
        id=coupon.coupon_id,
        name=dict(coupon.names).get(language, coupon.reward or coupon.coupon_id),
        value_minor=coupon.value_minor,
        until=date_of(Day(coupon.until_day)).isoformat(),
        code=one.code,
    )


def _period(standing: Standing) -> PeriodAnswer | None:
    if standing.period is None:
        return None
    until = date_of(standing.period.last).isoformat()
    return PeriodAnswer(id=standing.period.id, qualifying=standing.qualifying, until=until)


def _next(standing: Standing, language: Language) -> NextTier | None:
    if standing.next_tier is None:
        return None
    ways = _said(standing.ways, standing.currency, language)[0]
    return NextTier(tier=standing.next_tier, missing=standing.missing, ways=ways)


@lru_cache(SAID_KEPT)
def _said(ways: tuple[Way, ...], currency: str, language: Language) -> tuple[Sequence[str], str]:
    """Return each way in words, and the sentence to print."""
    each = tuple([way_text(way, currency, language) for way in ways])
    return each, ways_text(ways, currency, language) if ways else ""


def _step(step: Step) -> StepAnswer:
    return StepAnswer(
        rule=step.rule,
        kind=step.kind,
        saw=step.saw,
        before=step.before,
        after=step.after,
        affects=step.affects,
    )


@lru_cache(SAID_KEPT)
def utc(at_ms: int | None) -> str | None:
    """Return an instant as text, None for none."""
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
