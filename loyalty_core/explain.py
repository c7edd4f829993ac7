"""Steps, points, money and days in words, Korean and English: what a page or a receipt shows, never computes.

A step begins with its rule: the name that its owner gave it in that language, else its id.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Literal, assert_never

from loyalty_core.account import SPENT
from loyalty_core.after_close import CLOSED_TOTAL
from loyalty_core.calendar import date_of
from loyalty_core.entries import Step
from loyalty_core.programme import Programme, Reward, Rule
from loyalty_core.units import CURRENCY_EXPONENTS, Day, Minute

Language = Literal["ko", "en"]
MONTHS_EN = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def sentence(step: Step, programme: Programme | None, language: Language) -> str:
    """Return one step in words: `quiet-hours: 10 x 1.5 = 15 points`.

    Without the programme, rules go by their ids and money has no currency.
    """
    said = _said_ko(step, programme) if language == "ko" else _said_en(step, programme)
    if not (step.kind in ("clawback", "expiry") or step.rule in (SPENT, CLOSED_TOTAL)):
        said = f"{_rule_name(step.rule, programme, language)}: {said}"
    if step.affects is None:
        return said
    return f"{said} ({_AFFECTS[language][step.affects]})"


def points(count: int, language: Language) -> str:
    """Return a number of points with its word: `12점`, `1 point`."""
    if language == "ko":
        return f"{count:,}점"
    return f"{count:,} {'point' if abs(count) == 1 else 'points'}"


def money(minor: int, currency: str, language: Language) -> str:
    """Return an amount with the currency's decimals: `12,990원`, `12,990 won`, `$129.90`, `EUR 129.90`."""
    decimals = CURRENCY_EXPONENTS[currency]
    major, rest = divmod(abs(minor), 10**decimals)
    amount = f"{major:,}.{rest:0{decimals}}" if decimals else f"{major:,}"
    sign = "-" if minor < 0 else ""
    if currency == "KRW":
        return f"{sign}{amount}원" if language == "ko" else f"{sign}{amount} won"
    if currency == "USD":
        return f"{sign}${amount}"
    return f"{currency} {sign}{amount}"


def day_text(day: Day, language: Language) -> str:
    """Return a day within a known year: `12월 31일`, `31 December`."""
    value = date_of(day)
    if language == "ko":
        return f"{value.month}월 {value.day}일"
    return f"{value.day} {MONTHS_EN[value.month - 1]}"


def date_text(day: Day, language: Language) -> str:
    """Return a day with its year: `2026년 12월 31일`, `31 December 2026`."""
    year = date_of(day).year
    return pick(language, f"{year}년 {day_text(day, language)}", f"{day_text(day, language)} {year}")


def clock_text(minute: Minute) -> str:
    """Return a minute of the day as `05:00`; the end of the day is `24:00`."""
    return f"{minute // 60:02}:{minute % 60:02}"


def percent_text(value: Fraction) -> str | None:
    """Return a percent as its owner wrote it; None for 0."""
    return decimal_text(value) if value else None


def decimal_text(value: Fraction) -> str:
    """Return a fraction of at most six decimals as its owner wrote it: `1.5`."""
    millionths = value.numerator * 1_000_000 // value.denominator
    whole, rest = divmod(millionths, 1_000_000)
    return f"{whole}.{rest:06}".rstrip("0").rstrip(".")


def ordinal(count: int) -> str:
    """Return `1st`, `2nd`, `3rd`, `4th`, `11th`."""
    endings = {1: "st", 2: "nd", 3: "rd"}
    ending = "th" if count % 100 in (11, 12, 13) else endings.get(count % 10, "th")
    return f"{count:,}{ending}"


def named(names: dict[str, str], code: str, language: Language) -> str:
    """Return the name in that language with the code after it, or the code alone."""
    name = names.get(language)
    return code if name is None else f"{name} ({code})"


def pick(language: Language, korean: str, english: str) -> str:
    """Return the one of two texts that is in the language."""
    return korean if language == "ko" else english


def messages(
    language: Language, awarded: int, next_tier: str | None, missing: int, until: Day | None, ways: str = ""
) -> tuple[str, ...]:
    """Return the lines to print on a receipt: what it earned, and the way to the next tier where one is open.

    `awarded` below 0 is what was taken back; `ways` are the ways to that tier in words.
    """
    if language == "ko":
        lines = [
            f"{points(awarded, language)} 적립" if awarded >= 0 else f"{points(-awarded, language)} 적립 회수"
        ]
    else:
        lines = [points(awarded, language)]
    if next_tier is None or missing <= 0:
        return tuple(lines)
    if language == "ko":
        by = "" if until is None else f"{day_text(until, language)}까지 "
        lines.append(f"{by}{points(missing, language)} 더 모으면 {next_tier}{ways and f': {ways}'}")
    else:
        by = "" if until is None else f" by {day_text(until, language)}"
        lines.append(f"{missing:,} more to {next_tier}{by}{ways and f': {ways}'}")
    return tuple(lines)


_AFFECTS = {
    "ko": {"redeemable": "사용 가능 포인트", "qualifying": "등급 포인트"},
    "en": {"redeemable": "redeemable", "qualifying": "qualifying"},
}
_SEEN_KO = {"visit": "방문", "purchase": "구매"}


def _said_ko(step: Step, programme: Programme | None) -> str:
    before, after = points(step.before, "ko"), points(step.after, "ko")
    gain = points(step.after - step.before, "ko")
    match step.kind:
        case "earn":
            seen = _SEEN_KO.get(step.saw) or f"구매 {_amount(step.saw, programme, 'ko')}"
            return f"{seen}, {gain}"
        case "limit":
            return f"하루 {step.saw}회 한도에 이미 도달, {gain}"
        case "weight":
            if _is_product(step):
                return f"{before} x {step.saw} = {after}"
            return f"x {step.saw}, {before} → {after}"
        case "bonus":
            return f"{step.saw}번째, 보너스 {gain}" if step.saw else f"보너스 {gain}"
        case "cap":
            return f"한도 {points(int(step.saw), 'ko')}, {before} → {after}"
        case "clawback":
            if step.rule == "void":
                return f"취소: 그날 {before} → {after}"
            return f"반품 후 {_amount(step.saw, programme, 'ko')} 남음: 그날 {before} → {after}"
        case "redemption":
            return f"포인트 사용, {gain}"
        case "redeem_rollback":
            return f"결제한 구매가 취소되어 되돌림, {gain}"
        case "expiry":
            return f"{step.saw} 적립분 소멸, {gain}"
        case "adjustment":
            kept = f"마감한 {step.saw} 합계를 지키려고 되돌림"
            return f"{kept if step.rule == CLOSED_TOTAL else '조정'}, {gain}"
        case _:
            assert_never(step.kind)


def _said_en(step: Step, programme: Programme | None) -> str:
    after = points(step.after, "en")
    gain = points(step.after - step.before, "en")
    match step.kind:
        case "earn":
            seen = step.saw if step.saw in _SEEN_KO else f"purchase of {_amount(step.saw, programme, 'en')}"
            return f"{seen}, {gain}"
        case "limit":
            return f"limit of {step.saw} a day already reached, {gain}"
        case "weight":
            if _is_product(step):
                return f"{step.before:,} x {step.saw} = {after}"
            return f"x {step.saw}, {step.before:,} → {after}"
        case "bonus":
            return f"{ordinal(int(step.saw))} time, bonus of {gain}" if step.saw else f"bonus of {gain}"
        case "cap":
            return f"cap of {points(int(step.saw), 'en')}, {step.before:,} → {after}"
        case "clawback":
            if step.rule == "void":
                return f"voided: {step.before:,} → {after} that day"
            left = _amount(step.saw, programme, "en")
            return f"{left} left after the return: {step.before:,} → {after} that day"
        case "redemption":
            return f"spent, {gain}"
        case "redeem_rollback":
            return f"given back with the purchase they paid for, {gain}"
        case "expiry":
            return f"what was left of {step.saw} has expired, {gain}"
        case "adjustment":
            kept = f"put back, so that the closed total of {step.saw} stands"
            return f"{kept if step.rule == CLOSED_TOTAL else 'adjusted'}, {gain}"
        case _:
            assert_never(step.kind)


def _is_product(step: Step) -> bool:
    """Tell whether the step reads as a product; weights that are summed, or weigh a part, do not."""
    exact = step.before * Fraction(step.saw)
    return exact.numerator // exact.denominator == step.after


def _amount(saw: str, programme: Programme | None, language: Language) -> str:
    return f"{int(saw):,}" if programme is None else money(int(saw), programme.currency, language)


def _rule_name(rule_id: str, programme: Programme | None, language: Language) -> str:
    if programme is None:
        return rule_id
    rules: list[Rule | Reward] = [*programme.earns, *programme.weights, *programme.bonuses, *programme.caps]
    for rule in [*rules, *programme.rewards]:
        if rule.id == rule_id:
            return rule.names.get(language, rule_id)
    return rule_id
