"""The rules and rewards of a programme in plain words: what each gives, when, to whom; how weights meet."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Final

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
from loyalty_core.programme import Bonus, Cap, Earn, Programme, Reward, Rule, Slot, Weight, When
from loyalty_core.units import Day, Minute

Said = tuple[str, str]
"""What a sentence is about, the same in every version, and the sentence."""
_EXAMPLE_POINTS: Final = 100
_WEEKDAYS_KO: Final = ("월", "화", "수", "목", "금", "토", "일")
_WEEKDAYS_EN: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def rules_in_words(programme: Programme, language: Language) -> Iterator[Said]:
    """Return a sentence for every rule in the order written, and for what holds for rules of a kind."""
    if not programme.earns and not programme.bonuses:
        yield said("rules", language, "포인트를 주는 규칙이 없습니다.", "No rule gives points.")
    for earn in programme.earns:
        yield (
            f"rule {earn.id}",
            _rule(earn, _earned(earn, programme.currency, language), programme.currency, language),
        )
    if any(earn.per is not None for earn in programme.earns):
        yield said(
            "excluded",
            language,
            "포인트나 상품권(points, gift_card)으로 결제한 금액은 적립 대상이 아닙니다.",
            "What was paid with points or gift cards never earns.",
        )
    for weight in programme.weights:
        yield f"rule {weight.id}", _rule(weight, _weighted(weight, language), programme.currency, language)
    if len(programme.weights) > 1:
        yield "combine", _combined(programme, language)
    if programme.weights:
        yield said("floor", language, "소수점 아래 포인트는 버립니다.", "Fractions of a point are dropped.")
    for bonus in programme.bonuses:
        yield f"rule {bonus.id}", _rule(bonus, _extra(bonus, language), programme.currency, language)
    if programme.bonuses and programme.weights:
        yield said(
            "bonuses",
            language,
            "보너스에는 가중치를 곱하지 않습니다.",
            "No weight multiplies a bonus.",
        )
    for cap in programme.caps:
        yield f"rule {cap.id}", _rule(cap, _capped(cap, language), programme.currency, language)
    if programme.caps:
        yield said(
            "caps",
            language,
            "한도는 사용 가능 포인트와 등급 포인트에 따로 적용하며, 보너스도 포함합니다.",
            "Caps hold for redeemable and for qualifying points separately, bonuses included.",
        )
    if len(programme.caps) > 1:
        order = ", ".join(cap.id for cap in programme.caps)
        yield said(
            "caps_order",
            language,
            f"한도는 {order} 순서로 적용합니다.",
            f"Caps are applied in this order: {order}.",
        )
    if programme.caps and not all(bonus.in_day for bonus in programme.bonuses):
        yield said(
            "caps_bonuses",
            language,
            "다만 산정 기간, 생일, 생애 첫 보너스는 한도에 들어가지 않고 따로 더합니다.",
            "Bonuses of a period, a birthday or a first time are not capped: they come on top.",
        )


def said(about: str, language: Language, ko: str, en: str) -> Said:
    """Return what is said of something in a language."""
    return about, pick(language, ko, en)


def reward_in_words(reward: Reward, currency: str, language: Language) -> str:
    """Return a reward with its price, what it takes off a sale, and who may choose it where and when."""
    said = [points(reward.points, language)]
    if reward.value_minor:
        value = money(reward.value_minor, currency, language)
        said.append(pick(language, f"결제 금액에서 {value} 할인", f"takes {value} off a sale"))
    when = When(
        stores=reward.stores, tiers=reward.tiers, from_day=reward.from_day, until_day=reward.until_day
    )
    said.extend(_conditions(when, language))
    return f"{named(reward.names, reward.id, language)}: {', '.join(said)}."


def _rule(rule: Rule, said: str, currency: str, language: Language) -> str:
    """Return a rule with what it does and all its conditions."""
    conditions = [*_money_conditions(rule.when, currency, language), *_conditions(rule.when, language)]
    if rule.affects == "redeemable":
        conditions.append(pick(language, "사용 가능 포인트만", "redeemable points only"))
    if rule.affects == "qualifying":
        conditions.append(pick(language, "등급 포인트만", "qualifying points only"))
    return f"{named(rule.names, rule.id, language)}: {', '.join([said, *conditions])}."


def _earned(earn: Earn, currency: str, language: Language) -> str:
    given = points(earn.points, language)
    limit = earn.limit_per_day
    if earn.per is not None:
        step = money(earn.per, currency, language)
        said = pick(
            language,
            f"구매 금액 {step}을 채울 때마다 {given}",
            f"{given} for every full {step} of a purchase",
        )
    else:
        kinds = _kinds(earn.when, language)
        said = pick(language, f"{kinds} 1회에 {given}", f"{given} for each {kinds}")
    if limit is None:
        return said
    times = "once" if limit == 1 else f"{limit:,} times"
    return said + pick(language, f", 영업일마다 {limit:,}회까지", f", at most {times} a business day")


def _weighted(weight: Weight, language: Language) -> str:
    kinds = _kinds(weight.when, language)
    times = decimal_text(weight.times)
    return pick(language, f"{kinds} 포인트 x {times}", f"points of each {kinds} x {times}")


def _combined(programme: Programme, language: Language) -> str:
    """Return how weights meet, shown on the first two of them."""
    one, other = programme.weights[:2]
    if programme.combine == "best":
        factor = max(one.times, other.times)
        rule = pick(language, "가장 큰 것 하나만 적용합니다", "only the largest one counts")
    elif programme.combine == "product":
        factor = one.times * other.times
        rule = pick(language, "서로 곱합니다", "they are multiplied with each other")
    else:
        factor = max(Fraction(0), one.times + other.times - 1)
        rule = pick(language, "1에 각각의 증감을 더합니다", "what each adds to 1 is added up")
    result = points(_EXAMPLE_POINTS * factor.numerator // factor.denominator, language)
    pair = [f"{named(w.names, w.id, language)} (x {decimal_text(w.times)})" for w in (one, other)]
    return pick(
        language,
        f"가중치가 겹치면 {rule}: {', '.join(pair)} 함께면 {_EXAMPLE_POINTS}점이 {result}이 됩니다.",
        f"Where several weights match, {rule}: {' and '.join(pair)} together turn "
        f"{_EXAMPLE_POINTS} points into {result}.",
    )


def _extra(bonus: Bonus, language: Language) -> str:
    given = points(bonus.points, language)
    kinds = _kinds(bonus.when, language)
    once = pick(language, ", 산정 기간마다 한 번", ", once a period") if bonus.per == "period" else ""
    if bonus.first:
        return pick(
            language, f"생애 첫 {kinds}에 보너스 {given}", f"bonus of {given} for the first {kinds} ever"
        )
    if bonus.birthday:
        which = pick(language, "", "a ") if once else pick(language, " 1회", "each ")
        said = pick(
            language,
            f"생일 {kinds}{which}에 보너스 {given}(2월 29일생은 평년에 28일)",
            f"bonus of {given} for {which}{kinds} on the birthday (29 February: on the 28th in other years)",
        )
        return said + once
    if bonus.per == "event":
        return pick(language, f"{kinds} 1회에 보너스 {given}", f"bonus of {given} for each {kinds}")
    count = bonus.nth or 1
    span = (
        pick(language, "영업일", "business day")
        if bonus.per == "day"
        else pick(language, "산정 기간", "period")
    )
    return pick(
        language,
        f"{span}의 {count:,}번째 {kinds}에 보너스 {given}",
        f"bonus of {given} for the {ordinal(count)} {kinds} of a {span}",
    )


def _capped(cap: Cap, language: Language) -> str:
    most = points(cap.points, language)
    kinds = _kinds(cap.when, language)
    if cap.per == "event":
        return pick(language, f"{kinds} 1회에 최대 {most}", f"at most {most} for each {kinds}")
    if cap.per == "day":
        span = pick(language, "영업일", "a business day")
    else:
        span = pick(language, "산정 기간", "a period")
    several = " and ".join(f"{kind}s" for kind in sorted(cap.when.on, reverse=True))
    return pick(language, f"{span}마다 {kinds}에 최대 {most}", f"at most {most} for all {several} of {span}")


def _money_conditions(when: When, currency: str, language: Language) -> Iterator[str]:
    if when.minimum:
        least = money(when.minimum, currency, language)
        yield pick(language, f"{least} 이상 구매만", f"only purchases of at least {least}")
    if when.categories is not None:
        names = ", ".join(sorted(when.categories))
        yield pick(language, f"품목 분류 {names}만", f"only what is in the categories {names}")
    if when.exclude_categories:
        names = ", ".join(sorted(when.exclude_categories))
        yield pick(language, f"품목 분류 {names} 제외", f"without what is in the categories {names}")
    if when.exclude_tenders:
        names = ", ".join(sorted(when.exclude_tenders))
        yield pick(language, f"결제 수단 {names} 제외", f"without what was paid by {names}")


def _conditions(when: When, language: Language) -> Iterator[str]:
    if when.stores is not None:
        names = ", ".join(sorted(when.stores))
        yield pick(language, f"매장 {names}", f"in the stores {names}")
    if when.tiers is not None:
        names = ", ".join(sorted(when.tiers))
        yield pick(language, f"등급 {names} 회원", f"for members in the tiers {names}")
    if when.weekdays is not None:
        yield _weekdays(sorted(when.weekdays), language)
    if when.slot is not None:
        yield _slot(when.slot, language)
    if when.from_day is not None and when.from_day == when.until_day:
        only = date_text(when.from_day, language)
        yield pick(language, f"{only} 하루", f"on {only}")
    elif when.from_day is not None or when.until_day is not None:
        yield _dates(when.from_day, when.until_day, language)


def _weekdays(days: list[int], language: Language) -> str:
    in_a_row = len(days) > 2 and days[-1] - days[0] == len(days) - 1
    if language == "ko":
        names = [_WEEKDAYS_KO[day] for day in days]
        return (f"{names[0]}~{names[-1]}" if in_a_row else "·".join(names)) + "요일"
    names = [_WEEKDAYS_EN[day] for day in days]
    if in_a_row:
        return f"from {names[0]} to {names[-1]}"
    return "on " + (f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else names[0])


def _slot(slot: Slot, language: Language) -> str:
    start, end = clock_text(slot.start), clock_text(slot.end)
    if slot.end > slot.start or slot.end == 0:
        end = clock_text(slot.end or Minute(1440))
        return pick(language, f"{start}부터 {end} 전까지", f"from {start} until before {end}")
    return pick(
        language, f"{start}부터 다음 날 {end} 전까지", f"from {start} until before {end} the next day"
    )


def _dates(first: Day | None, last: Day | None, language: Language) -> str:
    parts = []
    if first is not None:
        parts.append(date_text(first, language) + pick(language, "부터", ""))
    if last is not None:
        parts.append(date_text(last, language) + pick(language, "까지", ""))
    if language == "ko":
        return " ".join(parts)
    if last is None:
        return f"from {parts[0]} on"
    return f"from {parts[0]} through {parts[1]}" if first is not None else f"through {parts[0]}"


def _kinds(when: When, language: Language) -> str:
    names = {"visit": pick(language, "방문", "visit"), "purchase": pick(language, "구매", "purchase")}
    return pick(language, "·", " or ").join(names[kind] for kind in ("visit", "purchase") if kind in when.on)
