"""Programme files: what may be written, and that every mistake is named at once, with its line and path."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

import pytest

from loyalty_core.calendar import Place, zone_named
from loyalty_core.consent import Consent
from loyalty_core.errors import ProgrammeErrors
from loyalty_core.programme import Benefit, Earn, Redeem, Reward, Slot, Tier, TierPolicy, When
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import MinorUnits, Minute, Points
from tests.core.made import day
from tests.core.programme_texts import HEAD, LADDER, mistake, mistakes, programme

DOCS = Path(__file__).parents[2] / "docs"
MOONLIGHT = DOCS / "examples" / "moonlight.toml"
REFERENCE = (DOCS / "programme.md").read_text(encoding="utf-8")


def test_the_example_of_the_documentation_reads_clean() -> None:
    read = read_programme(MOONLIGHT.read_text(encoding="utf-8"), MOONLIGHT.name)
    assert (read.programme_id, read.version, read.currency, read.timezone) == (
        "moonlight",
        7,
        "KRW",
        "Asia/Seoul",
    )
    assert read.effective_from == day("2026-07-01")
    assert read.place == Place(zone_named("Asia/Seoul"), Minute(300))
    assert read.names == {"ko": "달빛 멤버십", "en": "Moonlight"}
    assert read.earns == (
        Earn(
            id="spend",
            when=When(on=frozenset({"purchase"})),
            points=Points(1),
            per=MinorUnits(1000),
        ),
        Earn(id="visit", when=When(on=frozenset({"visit"})), points=Points(10), limit_per_day=1),
    )
    quiet, double = read.weights
    assert quiet.times == Fraction(3, 2)
    assert quiet.when == When(
        on=frozenset({"visit"}), weekdays=frozenset({0, 1, 2, 3}), slot=Slot(Minute(300), Minute(720))
    )
    assert double.when == When(from_day=day("2026-12-01"), until_day=day("2026-12-31"))
    assert [(cap.id, cap.points, cap.per) for cap in read.caps] == [("daily", 500, "day")]
    assert [(tier.code, tier.start) for tier in read.ladder] == [
        ("BRONZE", 0),
        ("SILVER", 100),
        ("GOLD", 300),
        ("PLATINUM", 800),
        ("DIAMOND", 2000),
    ]
    assert read.ladder[-1].benefits == (
        Benefit(kind="discount", percent=Fraction(5)),
        Benefit(kind="gift", names={"ko": "골프공", "en": "golf balls"}),
    )
    assert read.policy == TierPolicy(downgrade="one_step", near_miss=Points(10))
    assert read.redeem == Redeem(
        minimum=Points(1000), step=Points(100), minor_per_point=MinorUnits(1), offline_points=Points(3000)
    )
    assert read.rewards == (
        Reward(
            id="range-hour", names={"ko": "연습장 1시간", "en": "an hour on the range"}, points=Points(800)
        ),
        Reward(
            id="round-voucher",
            names={"ko": "라운드 할인권", "en": "round voucher"},
            points=Points(4500),
            value_minor=MinorUnits(5000),
            tiers=frozenset({"GOLD", "PLATINUM", "DIAMOND"}),
            until_day=day("2027-12-31"),
        ),
    )
    assert (read.expiry_after_periods, read.combine, read.period_months) == (2, "best", 6)


def test_the_examples_of_the_reference_are_one_programme_that_reads_clean() -> None:
    read = read_programme("\n".join(re.findall(r"```toml\n(.*?)```", REFERENCE, re.DOTALL)))
    assert [rule.id for rule in (*read.earns, *read.weights, *read.bonuses, *read.caps)] == [
        "tea",
        "visit",
        "rainy-mornings",
        "tenth-visit",
        "a-day",
    ]
    assert [tier.code for tier in read.ladder] == ["GUEST", "REGULAR"]
    assert [reward.id for reward in read.rewards] == ["tea-for-two", "voucher"]


def test_a_consent_text_may_have_several_lines() -> None:
    read = programme('[consent]\nversion = 3\nko = """\n하나\n둘\n"""\nen = "one"\n')
    assert read.consent == Consent(version=3, texts={"ko": "하나\n둘", "en": "one"})
    assert mistake('[consent]\nversion = 3\nko = "종\\u0007"\nen = "bell"\n').startswith("consent.ko is")


def test_the_reference_explains_every_key_that_may_be_written() -> None:
    tables = ["names", "period", "combine", "tier_policy", "redeem", "expiry", "consent"]
    lists = ["earn", "weight", "bonus", "cap", "tier", "reward"]
    text = "zzz = 1\n" + "".join(f"[{table}]\nzzz = 1\n" for table in tables)
    text += "".join(f"[[{table}]]\nzzz = 1\nbenefits = [{{ zzz = 1 }}]\n" for table in lists)
    with pytest.raises(ProgrammeErrors) as caught:
        read_programme(text)
    known = [
        key
        for sentence in caught.value.mistakes
        if "zzz is an unknown key" in sentence
        for key in re.split(", | or ", sentence.split(": expected ")[1])
    ]
    assert len(known) > 60
    prose = re.sub(r"```.*?```", "", REFERENCE, flags=re.DOTALL)
    written = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`", prose))))
    assert not set(known) - written


def test_a_file_of_the_required_keys_alone_has_the_documented_defaults() -> None:
    read = read_programme(HEAD.replace('business_day_starts = "05:00"\n', "") + LADDER)
    assert read.place.starts == 0
    assert (read.claim_days, read.pair_minutes, read.hold_minutes) == (14, 10, 15)
    assert (read.names, read.period_months, read.combine) == ({}, 6, "best")
    assert (read.earns, read.weights, read.bonuses, read.caps) == ((), (), (), ())
    assert read.policy == TierPolicy()
    assert (read.redeem, read.rewards) == (None, ())
    assert read.expiry_after_periods is None


def test_all_mistakes_come_at_once_in_the_order_of_the_file_with_line_and_path() -> None:
    found = mistakes(
        """\
[[earn]]
id = "spend"
points = 1
per = 1000

[[earn]]
id = "visit"
on = "visit"
points = "ten"
limit_pr_day = 1

[[weight]]
id = "visit"
times = 1.5  # a float
""",
        head=HEAD.replace("version = 1\n", ""),
    )
    *others, last = found
    assert last.startswith('shop.toml:20: weight[1] "visit": times is 1.5: expected a decimal in quotes')
    assert others == [
        "shop.toml: version is missing: expected a whole number from 1 to 1,000,000",
        'shop.toml:15: earn[2] "visit": points is "ten": expected a whole number from 0 to 1,000,000,000',
        'shop.toml:16: earn[2] "visit": limit_pr_day is an unknown key: did you mean limit_per_day?',
        'shop.toml:19: weight[1] "visit": id is "visit", as in earn[2] "visit": expected an id of its own',
    ]


def test_the_error_itself_says_every_mistake_on_a_line_of_its_own() -> None:
    with pytest.raises(ProgrammeErrors) as caught:
        read_programme("")
    assert str(caught.value).splitlines() == list(caught.value.mistakes)
    assert caught.value.code == "programme_invalid"
    assert {sentence.split()[1] for sentence in caught.value.mistakes} == {
        "schema",
        "programme",
        "version",
        "effective_from",
        "currency",
        "timezone",
        "tier",
    }


# Keys of the file as a whole


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("schema = 1", "schema = 2", "schema is 2: expected 1"),
        ("schema = 1", "schema = true", "schema is true: expected 1"),
        ('"shop"', '"my shop"', 'programme is "my shop": expected 1 to 32 of A-Z a-z 0-9 _ -'),
        ('"shop"', '""', 'programme is "": expected 1 to 32'),
        ('"shop"', f'"{"s" * 33}"', f'programme is "{"s" * 33}": expected 1 to 32'),
        ("version = 1", "version = 0", "version is 0: expected a whole number from 1"),
        ("version = 1", "version = true", "version is true: expected a whole number from 1"),
        ("2026-07-01", '"2026-07-01"', 'effective_from is "2026-07-01": expected a date'),
        ("2026-07-01", "2026-07-01T00:00:00", "effective_from is 2026-07-01 00:00:00: expected a date"),
        ("2026-07-01", "1999-12-31", "effective_from is 1999-12-31: expected a date from 2000-01-01"),
        ("2026-07-01", "2100-01-01", "effective_from is 2100-01-01: expected a date from 2000-01-01"),
        ('"KRW"', '"krw"', 'currency is "krw": expected an ISO 4217 code'),
        ('"KRW"', '"KRX"', 'currency is "KRX": expected an ISO 4217 code'),
        ("Asia/Seoul", "Asia/Soul", 'timezone is "Asia/Soul": expected an IANA time zone'),
        ("Asia/Seoul", "../Seoul", 'timezone is "../Seoul": expected an IANA time zone'),
        ('"05:00"', '"5:00"', 'business_day_starts is "5:00": expected a time of day'),
        ('"05:00"', '"24:00"', 'business_day_starts is "24:00": expected a time of day'),
        ('"05:00"', '"23:60"', 'business_day_starts is "23:60": expected a time of day'),
        ('"05:00"', "05:00:00", "business_day_starts is 05:00:00: expected a time of day"),
        ("version = 1", "version = 1\nclaim_days = -1", "claim_days is -1: expected a whole number from 0"),
        (
            "version = 1",
            "version = 1\npair_minutes = 10081",
            "pair_minutes is 10081: expected a whole number",
        ),
        ("version = 1", "version = 1\nhold_minutes = 1.0", "hold_minutes is 1.0: expected a whole number"),
        ("version = 1", "version = 1\nnames = {}", "names is empty: expected ko, en or both"),
        ("version = 1", "version = 1\nnames.fr = 'x'", "names is empty: expected ko, en or both"),
        ("version = 1", "version = 1\nnames = 'x'", 'names is "x": expected a table [names]'),
        (
            "version = 1",
            "version = 1\nnames.ko = ''",
            'names.ko is "": expected a text of 1 to 64 characters',
        ),
        ("version = 1", "version = 1\nnames.ko = ' x'", 'names.ko is " x": expected a text of 1 to 64'),
        ("version = 1", "version = 1\nnames.ko = 'a\tb'", 'names.ko is "a?b": expected a text of 1 to 64'),
        (
            "version = 1",
            "version = 1\nclaim_day = 1",
            "claim_day is an unknown key: did you mean claim_days?",
        ),
        ("version = 1", "version = 1\n'한 글' = 1", '"한 글" is an unknown key: expected schema, '),
    ],
)
def test_a_key_of_the_file_that_is_wrong_is_named(old: str, new: str, said: str) -> None:
    found = mistakes(head=HEAD.replace(old, new))
    assert any(sentence.split(": ", 1)[1].startswith(said) for sentence in found), found


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"shop"', f'"{"s" * 32}"'),
        ("version = 1", "version = 1000000"),
        ("2026-07-01", "2000-01-01"),
        ("2026-07-01", "2099-12-31"),
        ('"KRW"', '"USD"'),
        ("Asia/Seoul", "America/New_York"),
        ('"05:00"', '"00:00"'),
        ('"05:00"', '"23:59"'),
        ("version = 1", "version = 1\nclaim_days = 0\npair_minutes = 0\nhold_minutes = 10080"),
        ("version = 1", "version = 1\nnames.en = 'Only English'"),
    ],
)
def test_a_key_of_the_file_may_be_at_its_bound(old: str, new: str) -> None:
    assert programme(head=HEAD.replace(old, new)).programme_id


# Sections


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ("[period]\n", "period.months is missing: expected 1, 3, 6 or 12"),
        ("[period]\nmonths = 2\n", "period.months is 2: expected 1, 3, 6 or 12"),
        ("[combine]\nweights = 'most'\n", 'combine.weights is "most": expected "best", "product" or "sum"'),
        ('[consent]\nversion = 1\nko = "예"\n', "consent.en is missing: expected a text of 1 to 2000"),
        ('[consent]\nko = "예"\nen = "yes"\n', "consent.version is missing: expected a whole number"),
        ('[consent]\nversion = 0\nko = "예"\nen = "yes"\n', "consent.version is 0: expected a whole"),
        ('[consent]\nversion = 1\nko = " "\nen = "yes"\n', 'consent.ko is " ": expected a text of 1'),
        ("[expiry]\n", "expiry.after_periods is missing: expected a whole number from 1 to 120"),
        ("[expiry]\nafter_periods = 0\n", "expiry.after_periods is 0: expected a whole number from 1 to 120"),
        ("[tier_policy]\nupgrade = 'x'\n", 'tier_policy.upgrade is "x": expected "at_close" or "monthly"'),
        (
            "[tier_policy]\ndowngrade = 'x'\n",
            'tier_policy.downgrade is "x": expected "earned", "one_step" or "keep"',
        ),
        ("[tier_policy]\ngrace_days = -1\n", "tier_policy.grace_days is -1: expected a whole number from 0"),
        ("[tier_policy]\nnear_miss = -1\n", "tier_policy.near_miss is -1: expected a whole number from 0"),
        ("[tier_policy]\nvalid_after_days = 168\n", "tier_policy.valid_after_days is 168: expected a whole"),
        ("[tier_policy]\ngrace = 1\n", "tier_policy.grace is an unknown key: did you mean grace_days?"),
        (
            "[redeem]\nminimum = 1000\nstep = 300\nminor_per_point = 1\n",
            "redeem.minimum is 1,000: expected a multiple of step, 300",
        ),
        (
            "[redeem]\nminimum = 0\nstep = 1\nminor_per_point = 1\n",
            "redeem.minimum is 0: expected a whole number",
        ),
        (
            "[redeem]\nminimum = 1\nstep = 0\nminor_per_point = 1\n",
            "redeem.step is 0: expected a whole number",
        ),
        (
            "[redeem]\nminimum = 1\nstep = 1\n",
            "redeem.minor_per_point is missing: expected a whole number from 1",
        ),
        (
            "[redeem]\nminimum = 1\nstep = 1\nminor_per_point = 1\noffline_points = -1\n",
            "redeem.offline_points is -1: expected a whole number from 0",
        ),
    ],
)
def test_a_section_that_is_wrong_is_named(section: str, said: str) -> None:
    assert mistake(section).startswith(said)


def test_sections_may_be_at_their_bounds() -> None:
    read = programme(
        """
[period]
months = 1
[combine]
weights = "sum"
[expiry]
after_periods = 1
[tier_policy]
upgrade = "monthly"
downgrade = "keep"
grace_days = 0
valid_after_days = 27
near_miss = 0
[redeem]
minimum = 300
step = 300
minor_per_point = 1
"""
    )
    assert (read.period_months, read.combine, read.expiry_after_periods) == (1, "sum", 1)
    assert read.policy == TierPolicy(upgrade="monthly", downgrade="keep", valid_after_days=27)
    assert read.redeem == Redeem(minimum=Points(300), step=Points(300), minor_per_point=MinorUnits(1))


def test_a_tier_may_not_begin_when_its_period_is_over() -> None:
    assert mistake("[period]\nmonths = 1\n[tier_policy]\nvalid_after_days = 28\n").startswith(
        "tier_policy.valid_after_days is 28: expected a whole number from 0 to 27"
    )


# The ladder


def tiers(*steps: tuple[str, int]) -> str:
    return "".join(f'[[tier]]\ncode = "{code}"\nfrom = {start}\n' for code, start in steps)


def test_a_ladder_without_tiers_is_refused_and_one_of_a_single_tier_is_not() -> None:
    assert mistake(ladder="") == "tier is missing: expected at least one [[tier]], the first from = 0"
    assert programme(ladder=tiers(("ONE", 0))).ladder == (Tier(code="ONE", start=Points(0)),)


def test_the_first_tier_starts_at_0() -> None:
    assert mistake(ladder=tiers(("A", 1), ("B", 2))).startswith('tier[1] "A": from is 1: expected 0')


def test_every_tier_starts_above_the_one_before() -> None:
    assert mistake(ladder=tiers(("A", 0), ("B", 100), ("C", 100))) == (
        'tier[3] "C": from is 100: expected more than the tier before, 100'
    )
    assert len(programme(ladder=tiers(("A", 0), ("B", 100), ("C", 101))).ladder) == 3


def test_a_tier_code_stands_once() -> None:
    assert mistake(ladder=tiers(("A", 0), ("A", 1))) == 'tier[2] "A": code is "A" again: expected each once'


def test_a_hundred_tiers_are_read_and_one_more_is_refused() -> None:
    steps = [(f"T{start}", start) for start in range(101)]
    assert len(programme(ladder=tiers(*steps[:100])).ladder) == 100
    assert mistake(ladder=tiers(*steps)) == "tier stands 101 times: expected at most 100"


@pytest.mark.parametrize(
    ("benefit", "said"),
    [
        ('{ percent = "5" }', 'kind is missing: expected "discount", "gift" or "coupon"'),
        ('{ kind = "discount" }', "percent is missing: expected a decimal in quotes"),
        ('{ kind = "discount", percent = 5 }', "percent is 5: expected a decimal in quotes"),
        ('{ kind = "discount", percent = "0" }', 'percent is "0": expected a decimal in quotes'),
        ('{ kind = "discount", percent = "100.1" }', 'percent is "100.1": expected a decimal in quotes'),
        ('{ kind = "gift" }', 'name is missing: expected { ko = "...", en = "..." }'),
        (
            '{ kind = "gift", name.ko = "공", percent = "5" }',
            "percent has no meaning on a gift: expected only a",
        ),
        ('{ kind = "coupon" }', "reward is missing: expected the id of a [[reward]]"),
        ('{ kind = "coupon", reward = "tea" }', 'reward is "tea": expected the id of a [[reward]]'),
        (
            '{ kind = "gift", name.ko = "공", reward = "tea" }',
            "reward has no meaning on a gift: expected it on a coupon",
        ),
    ],
)
def test_a_benefit_that_is_wrong_is_named(benefit: str, said: str) -> None:
    ladder = tiers(("A", 0)) + f"benefits = [{benefit}]\n"
    assert mistake(ladder=ladder).startswith(f'tier[1] "A": benefits[1]: {said}')


@pytest.mark.parametrize(("key", "value"), [("percent", '"5"'), ("name", '{ ko = "차" }')])
def test_a_coupon_is_for_a_reward_and_nothing_else(key: str, value: str) -> None:
    ladder = tiers(("A", 0)) + f'benefits = [{{ kind = "coupon", reward = "tea", {key} = {value} }}]\n'
    said = mistake('[[reward]]\nid = "tea"\npoints = 5\n', ladder=ladder)
    assert said.startswith(f'tier[1] "A": benefits[1]: {key} has no meaning on a coupon: expected only a rew')


@pytest.mark.parametrize(
    "benefit", ['kind = "coupon", reward = "tea"', 'kind = "gift", name = { en = "a cup" }']
)
def test_a_tier_gives_each_gift_and_coupon_once(benefit: str) -> None:
    rules = '[[reward]]\nid = "tea"\npoints = 5\n'
    ladder = tiers(("A", 0)) + f"benefits = [{{ {benefit} }}, {{ {benefit} }}]\n"
    assert "benefits[2]: kind is a " in mistake(rules, ladder=ladder)
    once = programme(rules, ladder=tiers(("A", 0)) + f"benefits = [{{ {benefit} }}]\n")
    assert len(once.ladder[0].benefits) == 1


def test_a_tier_and_its_benefits_may_have_names() -> None:
    ladder = tiers(("A", 0)) + (
        'name = { ko = "가", en = "a" }\n'
        'benefits = [{ kind = "discount", percent = "100", name = { en = "free" } }]\n'
    )
    assert programme(ladder=ladder).ladder == (
        Tier(
            code="A",
            start=Points(0),
            names={"ko": "가", "en": "a"},
            benefits=(Benefit(kind="discount", percent=Fraction(100), names={"en": "free"}),),
        ),
    )
