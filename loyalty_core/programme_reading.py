"""A programme in plain words, Korean and English, so that someone who does not program can verify it.

Every rule and every setting that has an effect is said, defaults too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from loyalty_core.calendar import period_after, period_of
from loyalty_core.explain import (
    Language,
    clock_text,
    date_text,
    decimal_text,
    money,
    named,
    ordinal,
    pick,
    points,
)
from loyalty_core.programme import Benefit, Programme, Reward, Tier
from loyalty_core.rule_reading import Said, reward_in_words, rules_in_words, said
from loyalty_core.units import Day

_PERIODS_KO: Final = {
    1: "달력의 한 달",
    3: "분기(1~3월, 4~6월, 7~9월, 10~12월)",
    6: "반년(1~6월, 7~12월)",
    12: "한 해(1~12월)",
}
_PERIODS_EN: Final = {
    1: "a calendar month",
    3: "a quarter of the year (January to March, and so on)",
    6: "half a year (January to June, July to December)",
    12: "a calendar year",
}


def reading(programme: Programme, language: Language) -> tuple[str, ...]:
    """Return the whole programme as sentences, in the order in which a shop would tell it."""
    return tuple([sentence for _, sentence in reading_by_part(programme, language)])


def reading_by_part(programme: Programme, language: Language) -> tuple[Said, ...]:
    """Return the same sentences, each behind what it is about; no two are about the same."""
    return (
        *_frame(programme, language),
        *rules_in_words(programme, language),
        *_tiers(programme, language),
        *_spending(programme, language),
        *_waiting(programme, language),
        _joining(programme, language),
    )


def _frame(programme: Programme, language: Language) -> Iterator[Said]:
    name = named(programme.names, programme.programme_id, language)
    since = date_text(programme.effective_from, language)
    starts = clock_text(programme.place.starts)
    yield said(
        "version",
        language,
        f"{name}, {programme.version}판, {since}부터 시행합니다.",
        f"{name}, version {programme.version}, in force from {since}.",
    )
    yield said(
        "money",
        language,
        f"금액은 {programme.currency}, 시각은 {programme.timezone} 현지 시각입니다.",
        f"Money is in {programme.currency}; times of day are local times in {programme.timezone}.",
    )
    yield said(
        "days",
        language,
        f"영업일은 {starts}에 시작하며, 요일과 날짜는 영업일을 따릅니다. 매장은 달리 정할 수 있습니다.",
        f"A business day starts at {starts}, and weekdays and dates are those of the business day; "
        "a store may have its own zone and start.",
    )
    yield said(
        "points",
        language,
        "포인트는 따로 정하지 않는 한 사용 가능 포인트와 등급 포인트에 똑같이 쌓입니다.",
        "Points count both as redeemable points, which can be spent, and as qualifying points, "
        "which make the tier, unless a rule says otherwise.",
    )


def _tiers(programme: Programme, language: Language) -> Iterator[Said]:
    periods = pick(language, _PERIODS_KO[programme.period_months], _PERIODS_EN[programme.period_months])
    yield said(
        "period",
        language,
        f"산정 기간은 {periods}입니다. 한 산정 기간의 등급 포인트가 다음 기간의 등급을 정합니다:",
        f"A period is {periods}. The qualifying points of one period make the tier of the next:",
    )
    for tier in programme.ladder:
        yield f"tier {tier.code}", _tier(tier, programme.rewards, language)
    if any(benefit.kind != "discount" for benefit in programme.ladder[0].benefits):
        yield said(
            "first_benefits",
            language,
            "산정 기간 중에 가입한 회원은 첫 등급의 쿠폰과 사은품을 다음 마감 때부터 받습니다.",
            "Who joins during a period gets the coupons and gifts of the first tier from the next close on.",
        )
    policy = programme.policy
    days = policy.valid_after_days
    if days:
        ended = period_of(programme.effective_from, programme.period_months)
        still = date_text(Day(ended.last + days), language)
        yield said(
            "valid",
            language,
            f"산정 기간이 끝난 뒤 {days}일 동안은 이전 등급을 유지합니다: {ended.id} 뒤에는 {still}까지.",
            f"After a period the old tier holds for {_days(days)} more: after {ended.id} through {still}.",
        )
    else:
        yield said(
            "valid",
            language,
            "새 등급은 다음 산정 기간의 첫날부터 적용됩니다.",
            "A new tier holds from the first day of the next period.",
        )
    if policy.upgrade == "monthly":
        yield said(
            "upgrade",
            language,
            "승급은 매월 1일과 산정 기간을 마감할 때 이루어집니다.",
            "Members rise on the first of every month and when a period is closed.",
        )
    else:
        yield said(
            "upgrade",
            language,
            "승급은 산정 기간을 마감할 때 이루어집니다.",
            "Members rise when a period is closed.",
        )
    if policy.downgrade == "earned":
        yield said(
            "downgrade",
            language,
            "강등은 산정 기간을 마감할 때만, 포인트에 해당하는 등급까지 이루어집니다.",
            "Members fall only when a period is closed, to the tier that their points make.",
        )
    elif policy.downgrade == "one_step":
        yield said(
            "downgrade",
            language,
            "강등은 산정 기간을 마감할 때만, 한 번에 한 등급까지 이루어집니다.",
            "Members fall only when a period is closed, by one tier at most.",
        )
    else:
        yield said("downgrade", language, "강등은 없습니다.", "Members never fall.")
    if policy.grace_days and policy.downgrade != "keep":
        yield said(
            "grace",
            language,
            f"강등 전에 이전 등급을 {policy.grace_days}일 더 유지합니다.",
            f"Before a fall the old tier is kept for {_days(policy.grace_days)} more.",
        )
    if policy.near_miss:
        missing = points(policy.near_miss, language)
        yield said(
            "near_miss",
            language,
            f"다음 등급까지 모자란 포인트가 {missing} 이하인 회원은 근소 미달 명단에 올립니다.",
            f"Members who miss the next tier by {missing} or less are on the near-miss list.",
        )


def _tier(tier: Tier, rewards: tuple[Reward, ...], language: Language) -> str:
    start = points(tier.start, language)
    said = pick(language, f"{start}부터", f"from {start} on")
    if tier.benefits:
        benefits = ", ".join(_benefit(benefit, rewards, language) for benefit in tier.benefits)
        said += pick(language, f", 혜택: {benefits}", f", with {benefits}")
    return f"{named(tier.names, tier.code, language)}: {said}."


def _benefit(benefit: Benefit, rewards: tuple[Reward, ...], language: Language) -> str:
    if benefit.kind == "coupon":
        names = next((one.names for one in rewards if one.id == benefit.reward), {})
        reward = named(names, benefit.reward or "", language)
        return pick(language, f"쿠폰({reward})", f"a coupon for {reward}")
    name = benefit.names.get(language) or next(iter(benefit.names.values()), "")
    if benefit.percent is None:
        return name
    discount = pick(
        language, f"{decimal_text(benefit.percent)}% 할인", f"a discount of {decimal_text(benefit.percent)}%"
    )
    return f"{name} ({discount})" if name else discount


def _spending(programme: Programme, language: Language) -> Iterator[Said]:
    redeem, rewards = programme.redeem, programme.rewards
    if redeem is None and not rewards:
        yield said("redeem", language, "포인트는 사용할 수 없습니다.", "Points cannot be spent.")
    if redeem is not None:
        minimum, step = points(redeem.minimum, language), points(redeem.step, language)
        worth = money(redeem.minor_per_point, programme.currency, language)
        yield said(
            "redeem",
            language,
            f"포인트는 {minimum}부터 {step} 단위로 쓸 수 있고, 1점은 {worth}입니다.",
            f"Points can be spent from {minimum} on, in steps of {step}; a point is worth {worth}.",
        )
    if rewards:
        yield said(
            "rewards",
            language,
            "포인트로 고를 수 있는 리워드:" if redeem else "포인트는 리워드로만 쓸 수 있습니다:",
            "Rewards to choose for points:" if redeem else "Points can be spent on rewards only:",
        )
    for reward in rewards:
        yield f"reward {reward.id}", reward_in_words(reward, programme.currency, language)
    if redeem or rewards:
        yield "offline", _offline(redeem.offline_points if redeem else 0, language)
    yield from _expiry(programme, language)


def _expiry(programme: Programme, language: Language) -> Iterator[Said]:
    count = programme.expiry_after_periods
    if count is None:
        yield said("expiry", language, "포인트는 소멸되지 않습니다.", "Points do not expire.")
        return
    earned = period_of(programme.effective_from, programme.period_months)
    last = date_text(period_after(earned, programme.period_months, count).last, language)
    yield said(
        "expiry",
        language,
        f"포인트는 쌓인 산정 기간 뒤 {count}번째 기간의 끝까지 유효합니다: {earned.id}분은 {last}까지.",
        f"Points are valid through the end of the {ordinal(count)} period after that in which they were "
        f"earned: those of {earned.id} through {last}.",
    )
    if programme.redeem or programme.rewards:
        yield said(
            "expiry_order",
            language,
            "먼저 소멸될 포인트부터 씁니다.",
            "The points that expire first are spent first.",
        )


def _offline(most: int, language: Language) -> str:
    if not most:
        return pick(
            language,
            "본사와 연결이 끊긴 계산대에서는 포인트를 쓸 수 없습니다.",
            "At a till that is cut off from headquarters no points can be spent.",
        )
    allowance = points(most, language)
    return pick(
        language,
        f"본사와 연결이 끊긴 계산대마다 회원 한 명이 {allowance}까지 쓸 수 있습니다.",
        f"At each till that is cut off from headquarters a member can spend at most {allowance}.",
    )


def _waiting(programme: Programme, language: Language) -> Iterator[Said]:
    if programme.claim_days:
        yield said(
            "claim",
            language,
            f"회원 없이 한 구매는 그 영업일 뒤 {programme.claim_days}일까지 적립을 신청할 수 있습니다.",
            f"A purchase without a member can be claimed until {_days(programme.claim_days)} after its day.",
        )
    else:
        yield said(
            "claim",
            language,
            "회원 없이 한 구매는 그 영업일에만 적립을 신청할 수 있습니다.",
            "A purchase without a member can be claimed on its business day only.",
        )
    yield said(
        "pair",
        language,
        f"먼저 보여 준 카드는 {programme.pair_minutes}분 안의 다음 영수증에 연결됩니다.",
        f"A card that was shown counts for the next receipt within {_minutes(programme.pair_minutes)}.",
    )
    yield said(
        "hold",
        language,
        f"사용하려고 잡아 둔 포인트는 {programme.hold_minutes}분 뒤에 풀립니다.",
        f"Points held for spending are released after {_minutes(programme.hold_minutes)}.",
    )


def _joining(programme: Programme, language: Language) -> Said:
    """Return the text as it is in every language, whichever the reading is in."""
    consent = programme.consent
    if consent is None:
        return said(
            "consent",
            language,
            "가입할 때는 기본 동의문을 보여 줍니다.",
            "Who joins at a till is shown a built-in text to agree to.",
        )
    texts = " / ".join(f'"{" ".join(consent.texts[one].split())}"' for one in ("ko", "en"))
    return said(
        "consent",
        language,
        f"가입할 때는 동의문 {consent.version}판을 보여 줍니다: {texts}.",
        f"Who joins at a till agrees to version {consent.version} of this text: {texts}.",
    )


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count:,} days"


def _minutes(count: int) -> str:
    return "1 minute" if count == 1 else f"{count:,} minutes"
