"""Steps, points, money and days in words, in both languages."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty_core.accrual import derive_day
from loyalty_core.day_rules import rules_of_day
from loyalty_core.entries import Step
from loyalty_core.explain import (
    Language,
    clock_text,
    date_text,
    day_text,
    messages,
    money,
    ordinal,
    points,
    sentence,
)
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import Minute
from tests.core.days import standing, visited
from tests.core.made import day
from tests.core.programme_texts import HEAD, programme

MOONLIGHT = Path(__file__).parents[2] / "docs" / "examples" / "moonlight.toml"
RULES = """
[[earn]]
id = "spend"
name = { en = "Spending" }
points = 1
per = 1000
[[earn]]
id = "visit"
on = "visit"
points = 10
limit_per_day = 1
[[weight]]
id = "quiet-hours"
name = { ko = "평일 오전" }
times = "1.5"
[[weight]]
id = "double"
times = "2"
[[bonus]]
id = "third"
points = 30
per = "period"
nth = 3
[[cap]]
id = "daily"
points = 500
per = "day"
[[reward]]
id = "range-hour"
name = { ko = "연습장 1시간" }
points = 300
"""
SHOP = programme(RULES)

STEPS = [
    (
        Step("spend", "earn", "12990", 0, 12),
        "spend: 구매 12,990원, 12점",
        "Spending: purchase of 12,990 won, 12 points",
    ),
    (
        Step("spend", "earn", "12990", 10, 11),
        "spend: 구매 12,990원, 1점",
        "Spending: purchase of 12,990 won, 1 point",
    ),
    (Step("visit", "earn", "visit", 0, 10), "visit: 방문, 10점", "visit: visit, 10 points"),
    (Step("visit", "earn", "purchase", 0, 10), "visit: 구매, 10점", "visit: purchase, 10 points"),
    (
        Step("visit", "limit", "1", 0, 0),
        "visit: 하루 1회 한도에 이미 도달, 0점",
        "visit: limit of 1 a day already reached, 0 points",
    ),
    (
        Step("quiet-hours", "weight", "1.5", 10, 15),
        "평일 오전: 10점 x 1.5 = 15점",
        "quiet-hours: 10 x 1.5 = 15 points",
    ),
    (
        Step("quiet-hours", "weight", "1.5", 1001, 1501),
        "평일 오전: 1,001점 x 1.5 = 1,501점",
        "quiet-hours: 1,001 x 1.5 = 1,501 points",
    ),
    # Weights that are summed, or weigh a part only, do not read as a product.
    (Step("double", "weight", "2", 15, 25), "double: x 2, 15점 → 25점", "double: x 2, 15 → 25 points"),
    (
        Step("third", "bonus", "3", 15, 45, "redeemable"),
        "third: 3번째, 보너스 30점 (사용 가능 포인트)",
        "third: 3rd time, bonus of 30 points (redeemable)",
    ),
    (
        Step("third", "bonus", "", 15, 45, "qualifying"),
        "third: 보너스 30점 (등급 포인트)",
        "third: bonus of 30 points (qualifying)",
    ),
    (
        Step("daily", "cap", "500", 620, 500),
        "daily: 한도 500점, 620점 → 500점",
        "daily: cap of 500 points, 620 → 500 points",
    ),
    (
        Step("return", "clawback", "9000", 12, 9),
        "반품 후 9,000원 남음: 그날 12점 → 9점",
        "9,000 won left after the return: 12 → 9 points that day",
    ),
    (Step("void", "clawback", "0", 12, 0), "취소: 그날 12점 → 0점", "voided: 12 → 0 points that day"),
    (
        Step("redeem", "redemption", "R1", 0, -1500, "redeemable"),
        "포인트 사용, -1,500점 (사용 가능 포인트)",
        "spent, -1,500 points (redeemable)",
    ),
    (
        Step("range-hour", "redeem_rollback", "R1", 0, 300, "redeemable"),
        "연습장 1시간: 결제한 구매가 취소되어 되돌림, 300점 (사용 가능 포인트)",
        "range-hour: given back with the purchase they paid for, 300 points (redeemable)",
    ),
    (
        Step("expiry", "expiry", "2026-H1", 12, 0, "redeemable"),
        "2026-H1 적립분 소멸, -12점 (사용 가능 포인트)",
        "what was left of 2026-H1 has expired, -12 points (redeemable)",
    ),
    (
        Step("complaint", "adjustment", "", 0, 20, "qualifying"),
        "complaint: 조정, 20점 (등급 포인트)",
        "complaint: adjusted, 20 points (qualifying)",
    ),
    (
        Step("closed-total", "adjustment", "2026-H2", 0, 10, "qualifying"),
        "마감한 2026-H2 합계를 지키려고 되돌림, 10점 (등급 포인트)",
        "put back, so that the closed total of 2026-H2 stands, 10 points (qualifying)",
    ),
]


@pytest.mark.parametrize(("step", "korean", "english"), STEPS)
def test_a_step_is_one_sentence_in_both_languages(step: Step, korean: str, english: str) -> None:
    assert sentence(step, SHOP, "ko") == korean
    assert sentence(step, SHOP, "en") == english


def test_without_the_programme_rules_go_by_their_ids_and_money_has_no_currency() -> None:
    assert (
        sentence(Step("spend", "earn", "12990", 0, 12), None, "en") == "spend: purchase of 12,990, 12 points"
    )
    assert (
        sentence(Step("quiet-hours", "weight", "1.5", 10, 15), None, "ko") == "quiet-hours: 10점 x 1.5 = 15점"
    )


def test_a_rule_that_the_programme_no_longer_has_goes_by_its_id() -> None:
    assert sentence(Step("gone", "cap", "5", 9, 5), SHOP, "en") == "gone: cap of 5 points, 9 → 5 points"


def test_money_in_a_step_has_the_currency_of_the_programme() -> None:
    dollars = programme(RULES, head=HEAD.replace("KRW", "USD"))
    assert "$129.90" in sentence(Step("spend", "earn", "12990", 0, 12), dollars, "en")
    assert "$129.90" in sentence(Step("return", "clawback", "12990", 0, 12), dollars, "ko")


@pytest.mark.parametrize(
    ("minor", "currency", "korean", "english"),
    [
        (12_990, "KRW", "12,990원", "12,990 won"),
        (-12_990, "KRW", "-12,990원", "-12,990 won"),
        (0, "KRW", "0원", "0 won"),
        (12_990, "USD", "$129.90", "$129.90"),
        (5, "USD", "$0.05", "$0.05"),
        (-5, "USD", "-$0.05", "-$0.05"),
        (123_456_789, "USD", "$1,234,567.89", "$1,234,567.89"),
        (12_990, "EUR", "EUR 129.90", "EUR 129.90"),
        (-99, "EUR", "EUR -0.99", "EUR -0.99"),
        (1_000, "JPY", "JPY 1,000", "JPY 1,000"),
        (1_234_567, "KWD", "KWD 1,234.567", "KWD 1,234.567"),
    ],
)
def test_money_has_the_decimals_of_its_currency(minor: int, currency: str, korean: str, english: str) -> None:
    assert money(minor, currency, "ko") == korean
    assert money(minor, currency, "en") == english


@pytest.mark.parametrize(
    ("count", "korean", "english"),
    [
        (0, "0점", "0 points"),
        (1, "1점", "1 point"),
        (-1, "-1점", "-1 point"),
        (2, "2점", "2 points"),
        (1000, "1,000점", "1,000 points"),
    ],
)
def test_one_point_is_a_point_and_others_are_points(count: int, korean: str, english: str) -> None:
    assert points(count, "ko") == korean
    assert points(count, "en") == english


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (1, "1st"),
        (2, "2nd"),
        (3, "3rd"),
        (4, "4th"),
        (11, "11th"),
        (12, "12th"),
        (13, "13th"),
        (21, "21st"),
        (111, "111th"),
    ],
)
def test_ordinals_end_as_they_are_spoken(count: int, text: str) -> None:
    assert ordinal(count) == text


def test_days_are_written_with_and_without_their_year() -> None:
    last = day("2026-12-31")
    assert (day_text(last, "ko"), day_text(last, "en")) == ("12월 31일", "31 December")
    assert (date_text(last, "ko"), date_text(last, "en")) == ("2026년 12월 31일", "31 December 2026")
    assert day_text(day("2026-01-01"), "en") == "1 January"


def test_times_of_day_have_two_digits_each() -> None:
    assert [clock_text(Minute(minute)) for minute in (0, 65, 1439, 1440)] == [
        "00:00",
        "01:05",
        "23:59",
        "24:00",
    ]


@pytest.mark.parametrize(
    ("language", "lines"),
    [
        ("en", ("12 points", "13 more to GOLD by 31 December")),
        ("ko", ("12점 적립", "12월 31일까지 13점 더 모으면 GOLD")),
    ],
)
def test_a_receipt_says_what_it_earned_and_the_way_to_the_next_tier(
    language: Language, lines: tuple[str, ...]
) -> None:
    assert messages(language, 12, "GOLD", 13, day("2026-12-31")) == lines


def test_a_receipt_without_a_next_tier_says_what_it_earned() -> None:
    assert messages("en", 1, None, 0, day("2026-12-31")) == ("1 point",)
    assert messages("ko", 0, None, 0, None) == ("0점 적립",)
    assert messages("en", 12, "GOLD", 0, None) == ("12 points",)
    assert messages("en", 12, "GOLD", 1, None) == ("12 points", "1 more to GOLD")


def test_a_receipt_of_a_return_says_what_was_taken_back() -> None:
    assert messages("en", -3, None, 0, None) == ("-3 points",)
    assert messages("ko", -3, "GOLD", 1300, None) == ("3점 적립 회수", "1,300점 더 모으면 GOLD")


def test_the_steps_of_a_derived_day_tell_how_its_points_came_about() -> None:
    moonlight = read_programme(MOONLIGHT.read_text(encoding="utf-8"))
    rules = rules_of_day(moonlight, day("2026-12-01"), "BRONZE")
    visit, repeated = derive_day(
        rules, standing(visited("2026-12-01 10:00"), visited("2026-12-01 11:00", seq=2))
    )
    assert [sentence(step, moonlight, "en") for step in visit.steps] == [
        "visit: visit, 10 points",
        "december-double: 10 x 2 = 20 points",
    ]
    assert [sentence(step, moonlight, "ko") for step in repeated.steps] == [
        "visit: 하루 1회 한도에 이미 도달, 0점"
    ]
