"""A programme in words: every rule, condition and setting is said, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from loyalty_core.explain import Language
from loyalty_core.programme_reading import reading
from loyalty_core.programme_toml import read_programme
from tests.core.programme_texts import HEAD, LADDER, bonus, cap, earn, programme, reward, weight

MOONLIGHT = Path(__file__).parents[2] / "docs" / "examples" / "moonlight.toml"


def said(text: str, language: Language = "en", head: str = HEAD, ladder: str = LADDER) -> tuple[str, ...]:
    return reading(programme(text, head, ladder), language)


def rule(text: str, language: Language = "en", head: str = HEAD) -> str:
    """Return the sentence of the only rule, whose id is one letter."""
    (sentence,) = [line for line in said(text, language, head) if re.match(r"(.* \()?[ewbcr]\)?: ", line)]
    return sentence


def test_the_example_of_the_documentation_reads_in_english_as_its_owner_means_it() -> None:
    assert reading(read_programme(MOONLIGHT.read_text(encoding="utf-8")), "en") == (
        "Moonlight (moonlight), version 7, in force from 1 July 2026.",
        "Money is in KRW; times of day are local times in Asia/Seoul.",
        (
            "A business day starts at 05:00, and weekdays and dates are those of the business day; "
            "a store may have its own zone and start."
        ),
        (
            "Points count both as redeemable points, which can be spent, and as qualifying points, "
            "which make the tier, unless a rule says otherwise."
        ),
        "spend: 1 point for every full 1,000 won of a purchase.",
        "visit: 10 points for each visit, at most once a business day.",
        "What was paid with points or gift cards never earns.",
        "quiet-hours: points of each visit x 1.5, from Monday to Thursday, from 05:00 until before 12:00.",
        (
            "december-double: points of each visit or purchase x 2, "
            "from 1 December 2026 through 31 December 2026."
        ),
        (
            "Where several weights match, only the largest one counts: quiet-hours (x 1.5) and "
            "december-double (x 2) together turn 100 points into 200 points."
        ),
        "Fractions of a point are dropped.",
        "daily: at most 500 points for all visits and purchases of a business day.",
        "Caps hold for redeemable and for qualifying points separately, bonuses included.",
        (
            "A period is half a year (January to June, July to December). "
            "The qualifying points of one period make the tier of the next:"
        ),
        "BRONZE: from 0 points on.",
        "SILVER: from 100 points on.",
        "GOLD: from 300 points on.",
        "PLATINUM: from 800 points on.",
        "DIAMOND: from 2,000 points on, with a discount of 5%, golf balls.",
        "After a period the old tier holds for 15 days more: after 2026-H2 through 15 January 2027.",
        "Members rise when a period is closed.",
        "Members fall only when a period is closed, by one tier at most.",
        "Members who miss the next tier by 10 points or less are on the near-miss list.",
        "Points can be spent from 1,000 points on, in steps of 100 points; a point is worth 1 won.",
        "Rewards to choose for points:",
        "an hour on the range (range-hour): 800 points.",
        (
            "round voucher (round-voucher): 4,500 points, takes 5,000 won off a sale, "
            "for members in the tiers DIAMOND, GOLD, PLATINUM, through 31 December 2027."
        ),
        "At each till that is cut off from headquarters a member can spend at most 3,000 points.",
        (
            "Points are valid through the end of the 2nd period after that in which they were earned: "
            "those of 2026-H2 through 31 December 2027."
        ),
        "The points that expire first are spent first.",
        "A purchase without a member can be claimed until 14 days after its day.",
        "A card that was shown counts for the next receipt within 10 minutes.",
        "Points held for spending are released after 15 minutes.",
        "Who joins at a till is shown a built-in text to agree to.",
    )


def test_the_example_of_the_documentation_reads_in_korean_as_its_owner_means_it() -> None:
    assert reading(read_programme(MOONLIGHT.read_text(encoding="utf-8")), "ko") == (
        "달빛 멤버십 (moonlight), 7판, 2026년 7월 1일부터 시행합니다.",
        "금액은 KRW, 시각은 Asia/Seoul 현지 시각입니다.",
        "영업일은 05:00에 시작하며, 요일과 날짜는 영업일을 따릅니다. 매장은 달리 정할 수 있습니다.",
        "포인트는 따로 정하지 않는 한 사용 가능 포인트와 등급 포인트에 똑같이 쌓입니다.",
        "spend: 구매 금액 1,000원을 채울 때마다 1점.",
        "visit: 방문 1회에 10점, 영업일마다 1회까지.",
        "포인트나 상품권(points, gift_card)으로 결제한 금액은 적립 대상이 아닙니다.",
        "quiet-hours: 방문 포인트 x 1.5, 월~목요일, 05:00부터 12:00 전까지.",
        "december-double: 방문·구매 포인트 x 2, 2026년 12월 1일부터 2026년 12월 31일까지.",
        (
            "가중치가 겹치면 가장 큰 것 하나만 적용합니다: quiet-hours (x 1.5), december-double (x 2) "
            "함께면 100점이 200점이 됩니다."
        ),
        "소수점 아래 포인트는 버립니다.",
        "daily: 영업일마다 방문·구매에 최대 500점.",
        "한도는 사용 가능 포인트와 등급 포인트에 따로 적용하며, 보너스도 포함합니다.",
        "산정 기간은 반년(1~6월, 7~12월)입니다. 한 산정 기간의 등급 포인트가 다음 기간의 등급을 정합니다:",
        "BRONZE: 0점부터.",
        "SILVER: 100점부터.",
        "GOLD: 300점부터.",
        "PLATINUM: 800점부터.",
        "DIAMOND: 2,000점부터, 혜택: 5% 할인, 골프공.",
        "산정 기간이 끝난 뒤 15일 동안은 이전 등급을 유지합니다: 2026-H2 뒤에는 2027년 1월 15일까지.",
        "승급은 산정 기간을 마감할 때 이루어집니다.",
        "강등은 산정 기간을 마감할 때만, 한 번에 한 등급까지 이루어집니다.",
        "다음 등급까지 모자란 포인트가 10점 이하인 회원은 근소 미달 명단에 올립니다.",
        "포인트는 1,000점부터 100점 단위로 쓸 수 있고, 1점은 1원입니다.",
        "포인트로 고를 수 있는 리워드:",
        "연습장 1시간 (range-hour): 800점.",
        (
            "라운드 할인권 (round-voucher): 4,500점, 결제 금액에서 5,000원 할인, "
            "등급 DIAMOND, GOLD, PLATINUM 회원, 2027년 12월 31일까지."
        ),
        "본사와 연결이 끊긴 계산대마다 회원 한 명이 3,000점까지 쓸 수 있습니다.",
        "포인트는 쌓인 산정 기간 뒤 2번째 기간의 끝까지 유효합니다: 2026-H2분은 2027년 12월 31일까지.",
        "먼저 소멸될 포인트부터 씁니다.",
        "회원 없이 한 구매는 그 영업일 뒤 14일까지 적립을 신청할 수 있습니다.",
        "먼저 보여 준 카드는 10분 안의 다음 영수증에 연결됩니다.",
        "사용하려고 잡아 둔 포인트는 15분 뒤에 풀립니다.",
        "가입할 때는 기본 동의문을 보여 줍니다.",
    )


ALL_CONDITIONS = """
name = { ko = "장보기", en = "Shopping" }
per = 1000
stores = ["S2", "S1"]
categories = ["golf", "food"]
exclude_categories = ["tobacco"]
exclude_tenders = ["voucher"]
minimum = 5000
weekdays = ["mon", "wed"]
from = "22:00"
until = "02:00"
from_date = 2026-12-01
tiers = ["GOLD"]
affects = "qualifying"
limit_per_day = 2
"""


def test_every_condition_of_a_rule_is_said() -> None:
    assert rule(earn(ALL_CONDITIONS)) == (
        "Shopping (e): 1 point for every full 1,000 won of a purchase, at most 2 times a business day, "
        "only purchases of at least 5,000 won, only what is in the categories food, golf, "
        "without what is in the categories tobacco, without what was paid by voucher, in the stores S1, S2, "
        "for members in the tiers GOLD, on Monday and Wednesday, "
        "from 22:00 until before 02:00 the next day, from 1 December 2026 on, qualifying points only."
    )
    assert rule(earn(ALL_CONDITIONS), "ko") == (
        "장보기 (e): 구매 금액 1,000원을 채울 때마다 1점, 영업일마다 2회까지, 5,000원 이상 구매만, "
        "품목 분류 food, golf만, 품목 분류 tobacco 제외, 결제 수단 voucher 제외, 매장 S1, S2, "
        "등급 GOLD 회원, 월·수요일, 22:00부터 다음 날 02:00 전까지, 2026년 12월 1일부터, 등급 포인트만."
    )


@pytest.mark.parametrize(
    ("keys", "english", "korean"),
    [
        ('weekdays = ["sun"]', "on Sunday", "일요일"),
        ('weekdays = ["sat", "sun"]', "on Saturday and Sunday", "토·일요일"),
        ('weekdays = ["fri", "sat", "sun"]', "from Friday to Sunday", "금~일요일"),
        (
            'weekdays = ["mon", "tue", "thu"]',
            "on Monday, Tuesday and Thursday",
            "월·화·목요일",
        ),
        ('from = "18:00"', "from 18:00 until before 05:00 the next day", "18:00부터 다음 날 05:00 전까지"),
        ('until = "12:00"', "from 05:00 until before 12:00", "05:00부터 12:00 전까지"),
        ('from = "18:00"\nuntil = "00:00"', "from 18:00 until before 24:00", "18:00부터 24:00 전까지"),
        ("until_date = 2026-12-31", "through 31 December 2026", "2026년 12월 31일까지"),
        (
            "from_date = 2026-12-25\nuntil_date = 2026-12-25",
            "on 25 December 2026",
            "2026년 12월 25일 하루",
        ),
        ('affects = "redeemable"', "redeemable points only", "사용 가능 포인트만"),
    ],
)
def test_a_condition_is_said_as_people_say_it(keys: str, english: str, korean: str) -> None:
    assert rule(weight(keys)) == f"w: points of each visit or purchase x 2, {english}."
    assert rule(weight(keys), "ko") == f"w: 방문·구매 포인트 x 2, {korean}."


@pytest.mark.parametrize(
    ("text", "english", "korean"),
    [
        (earn('on = "visit"'), "e: 1 point for each visit.", "e: 방문 1회에 1점."),
        (bonus(""), "b: bonus of 5 points for each visit or purchase.", "b: 방문·구매 1회에 보너스 5점."),
        (
            bonus('per = "day"\non = "visit"'),
            "b: bonus of 5 points for the 1st visit of a business day.",
            "b: 영업일의 1번째 방문에 보너스 5점.",
        ),
        (
            bonus('per = "period"\nnth = 3\non = "visit"'),
            "b: bonus of 5 points for the 3rd visit of a period.",
            "b: 산정 기간의 3번째 방문에 보너스 5점.",
        ),
        (
            bonus('first = true\non = "purchase"'),
            "b: bonus of 5 points for the first purchase ever.",
            "b: 생애 첫 구매에 보너스 5점.",
        ),
        (
            bonus('birthday = true\non = "visit"\nper = "period"'),
            (
                "b: bonus of 5 points for a visit on the birthday (29 February: on the 28th in other years), "
                "once a period."
            ),
            "b: 생일 방문에 보너스 5점(2월 29일생은 평년에 28일), 산정 기간마다 한 번.",
        ),
        (
            bonus('birthday = true\non = "visit"'),
            "b: bonus of 5 points for each visit on the birthday (29 February: on the 28th in other years).",
            "b: 생일 방문 1회에 보너스 5점(2월 29일생은 평년에 28일).",
        ),
        (
            cap('per = "event"'),
            "c: at most 5 points for each visit or purchase.",
            "c: 방문·구매 1회에 최대 5점.",
        ),
        (
            cap('per = "period"\non = "visit"'),
            "c: at most 5 points for all visits of a period.",
            "c: 산정 기간마다 방문에 최대 5점.",
        ),
        (reward(""), "r: 300 points.", "r: 300점."),
        (
            reward('value_minor = 5000\nstores = ["S1"]\ntiers = ["GOLD"]\nfrom_date = 2026-12-01'),
            (
                "r: 300 points, takes 5,000 won off a sale, in the stores S1, for members in the tiers GOLD, "
                "from 1 December 2026 on."
            ),
            "r: 300점, 결제 금액에서 5,000원 할인, 매장 S1, 등급 GOLD 회원, 2026년 12월 1일부터.",
        ),
    ],
)
def test_every_kind_of_rule_and_a_reward_say_what_they_give(text: str, english: str, korean: str) -> None:
    assert rule(text) == english
    assert rule(text, "ko") == korean


@pytest.mark.parametrize(
    ("keys", "on_top"),
    [
        ("", False),
        ('per = "day"', False),
        ('per = "period"', True),
        ("birthday = true", True),
        ("first = true", True),
    ],
)
def test_where_there_are_caps_it_is_said_which_bonuses_come_on_top(keys: str, on_top: bool) -> None:
    english = "Bonuses of a period, a birthday or a first time are not capped: they come on top."
    korean = "다만 산정 기간, 생일, 생애 첫 보너스는 한도에 들어가지 않고 따로 더합니다."
    capped = bonus(keys) + cap('per = "day"')
    assert (english in said(capped), korean in said(capped, "ko")) == (on_top, on_top)
    assert english not in said(bonus(keys))


@pytest.mark.parametrize(
    ("combine", "times", "english", "korean"),
    [
        (
            "best",
            "1.5",
            "only the largest one counts: w (x 2) and v (x 1.5) together turn 100 points into 200 ",
            "200점",
        ),
        (
            "product",
            "1.5",
            "they are multiplied with each other: w (x 2) and v (x 1.5) together turn 100 points",
            "300점",
        ),
        (
            "sum",
            "1.5",
            "what each adds to 1 is added up: w (x 2) and v (x 1.5) together turn 100 points into 250",
            "250점",
        ),
        (
            "product",
            "0.333333",
            "they are multiplied with each other: w (x 2) and v (x 0.333333) together",
            "66점",
        ),
    ],
)
def test_how_weights_combine_is_shown_on_the_first_two(
    combine: str, times: str, english: str, korean: str
) -> None:
    rules = weight("") + f'[[weight]]\nid = "v"\ntimes = "{times}"\n[combine]\nweights = "{combine}"\n'
    assert any(line.startswith(f"Where several weights match, {english}") for line in said(rules))
    assert any(
        line.startswith("가중치가 겹치면") and line.endswith(f"100점이 {korean}이 됩니다.")
        for line in said(rules, "ko")
    )


def test_money_is_said_in_the_currency_of_the_programme() -> None:
    dollars = HEAD.replace("KRW", "USD")
    assert rule(earn("per = 100"), "en", dollars) == "e: 1 point for every full $1.00 of a purchase."
    assert rule(earn("per = 100"), "ko", dollars) == "e: 구매 금액 $1.00을 채울 때마다 1점."


def test_that_no_weight_multiplies_a_bonus_is_said_where_there_are_both() -> None:
    assert "No weight multiplies a bonus." in said(weight("") + bonus(""))
    assert "보너스에는 가중치를 곱하지 않습니다." in said(weight("") + bonus(""), "ko")
    assert "No weight multiplies a bonus." not in (*said(weight("")), *said(bonus("")))


def test_a_programme_that_gives_nothing_says_so() -> None:
    assert "No rule gives points." in said("")
    assert "포인트를 주는 규칙이 없습니다." in said("", "ko")
    assert "No rule gives points." not in said(bonus(""))


SECTIONS = [
    ("[period]\nmonths = 1\n", "A period is a calendar month.", "산정 기간은 달력의 한 달입니다."),
    ("[period]\nmonths = 3\n", "A period is a quarter of the year", "산정 기간은 분기"),
    ("[period]\nmonths = 12\n", "A period is a calendar year.", "산정 기간은 한 해"),
    (
        "[tier_policy]\nupgrade = 'monthly'\n",
        "Members rise on the first of every month and when a period is closed.",
        "승급은 매월 1일과 산정 기간을 마감할 때 이루어집니다.",
    ),
    (
        "[tier_policy]\ndowngrade = 'earned'\n",
        "Members fall only when a period is closed, to the tier that their points make.",
        "강등은 산정 기간을 마감할 때만, 포인트에 해당하는 등급까지 이루어집니다.",
    ),
    ("[tier_policy]\ndowngrade = 'keep'\n", "Members never fall.", "강등은 없습니다."),
    (
        "[tier_policy]\ngrace_days = 1\n",
        "Before a fall the old tier is kept for 1 day more.",
        "강등 전에 이전 등급을 1일 더 유지합니다.",
    ),
    (
        "[tier_policy]\nvalid_after_days = 0\n",
        "A new tier holds from the first day of the next period.",
        "새 등급은 다음 산정 기간의 첫날부터 적용됩니다.",
    ),
    ("", "Points cannot be spent.", "포인트는 사용할 수 없습니다."),
    ("", "Points do not expire.", "포인트는 소멸되지 않습니다."),
    (
        "[redeem]\nminimum = 1\nstep = 1\nminor_per_point = 10\n",
        "At a till that is cut off from headquarters no points can be spent.",
        "본사와 연결이 끊긴 계산대에서는 포인트를 쓸 수 없습니다.",
    ),
    (
        "[expiry]\nafter_periods = 1\n",
        "Points are valid through the end of the 1st period after that in which they were earned: ",
        "포인트는 쌓인 산정 기간 뒤 1번째 기간의 끝까지 유효합니다: 2026-H2분은 2027년 6월 30일까지.",
    ),
    (
        reward(""),
        "At a till that is cut off from headquarters no points can be spent.",
        "본사와 연결이 끊긴 계산대에서는 포인트를 쓸 수 없습니다.",
    ),
    (
        reward("") + "[expiry]\nafter_periods = 1\n",
        "The points that expire first are spent first.",
        "먼저 소멸될 포인트부터 씁니다.",
    ),
]


@pytest.mark.parametrize(("section", "english", "korean"), SECTIONS)
def test_every_setting_is_said_with_its_default(section: str, english: str, korean: str) -> None:
    assert any(sentence.startswith(english) for sentence in said(section))
    assert any(sentence.startswith(korean) for sentence in said(section, "ko"))


REDEEM = "[redeem]\nminimum = 1\nstep = 1\nminor_per_point = 10\n"


@pytest.mark.parametrize(
    ("text", "english", "korean"),
    [
        ("", "Points cannot be spent.", "포인트는 사용할 수 없습니다."),
        (reward(""), "Points can be spent on rewards only:", "포인트는 리워드로만 쓸 수 있습니다:"),
        (REDEEM + reward(""), "Rewards to choose for points:", "포인트로 고를 수 있는 리워드:"),
    ],
)
def test_what_points_can_be_spent_on_is_said_once(text: str, english: str, korean: str) -> None:
    asked = ("Points cannot", "Points can be spent on", "Rewards")
    assert [line for line in said(text) if line.startswith(asked)] == [english]
    assert korean in said(text, "ko")


def test_where_nothing_can_be_spent_the_order_of_spending_is_not_said() -> None:
    text = "[expiry]\nafter_periods = 1\n"
    assert "The points that expire first are spent first." not in said(text)
    assert not any("cut off" in line for line in said(text))


def test_waiting_times_are_said_also_where_they_are_nothing() -> None:
    head = HEAD + "claim_days = 0\npair_minutes = 1\n"
    assert "A purchase without a member can be claimed on its business day only." in said("", "en", head)
    assert "회원 없이 한 구매는 그 영업일에만 적립을 신청할 수 있습니다." in said("", "ko", head)
    assert "A card that was shown counts for the next receipt within 1 minute." in said("", "en", head)


def test_benefits_and_tiers_are_called_by_their_names() -> None:
    ladder = (
        '[[tier]]\ncode = "A"\nfrom = 0\nname = { ko = "가" }\n'
        'benefits = [{ kind = "discount", percent = "2.50", name = { en = "drinks" } },'
        ' { kind = "gift", name = { ko = "공" } }]\n'
    )
    assert "A: from 0 points on, with drinks (a discount of 2.5%), 공." in said("", "en", HEAD, ladder)
    assert "가 (A): 0점부터, 혜택: drinks (2.5% 할인), 공." in said("", "ko", HEAD, ladder)


def test_it_says_when_who_joins_gets_what_the_first_tier_gives_by_the_piece() -> None:
    ladder = '[[tier]]\ncode = "A"\nfrom = 0\nbenefits = [{ kind = "%s" }]\n'
    joined = "Who joins during a period gets the coupons and gifts of the first tier from the next close on."
    gift = ladder.replace('"%s"', '"gift", name = { ko = "공" }')
    assert joined in said("", "en", HEAD, gift)
    rate = ladder.replace('"%s"', '"discount", percent = "2.50"')
    higher = rate + gift.replace('"A"\nfrom = 0', '"B"\nfrom = 5')
    assert joined not in said("", "en", HEAD, higher)


def test_a_coupon_of_a_tier_is_called_by_its_reward() -> None:
    rules = '[[reward]]\nid = "tea"\npoints = 5\nname = { ko = "차", en = "tea for two" }\n'
    ladder = '[[tier]]\ncode = "A"\nfrom = 0\nbenefits = [{ kind = "coupon", reward = "tea" }]\n'
    assert "A: from 0 points on, with a coupon for tea for two (tea)." in said(rules, "en", HEAD, ladder)
    assert "A: 0점부터, 혜택: 쿠폰(차 (tea))." in said(rules, "ko", HEAD, ladder)


def test_a_programme_without_a_name_goes_by_its_id() -> None:
    assert said("")[0] == "shop, version 1, in force from 1 July 2026."
