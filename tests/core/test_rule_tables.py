"""The rule and reward tables of a programme file: every key at its bounds, and what may not go with what."""

from __future__ import annotations

from fractions import Fraction

import pytest

from loyalty_core.programme import Earn, Reward, Slot, When
from loyalty_core.units import MinorUnits, Minute, Points
from tests.core.made import day
from tests.core.programme_texts import bonus, cap, earn, mistake, programme, reward, weight


def test_on_may_be_one_kind_a_list_or_for_money_absent() -> None:
    read = programme(
        earn('on = "visit"')
        + '[[earn]]\nid = "f"\npoints = 1\non = ["visit", "purchase"]\n'
        + '[[earn]]\nid = "g"\npoints = 1\nper = 1\n'
    )
    assert [rule.when.on for rule in read.earns] == [{"visit"}, {"visit", "purchase"}, {"purchase"}]


def test_on_may_be_absent_on_weights_bonuses_and_caps_and_means_both() -> None:
    read = programme(weight("") + bonus("") + cap('per = "day"'))
    for rule in (*read.weights, *read.bonuses, *read.caps):
        assert rule.when.on == {"visit", "purchase"}


def test_fixed_points_must_say_what_they_are_for() -> None:
    assert (
        mistake(earn("")) == 'earn[1] "e": on is missing: expected "visit" or "purchase", or a list of both'
    )


def test_all_conditions_are_read() -> None:
    read = programme(
        earn(
            """
name = { ko = "적립", en = "Spending" }
per = 1000
stores = ["S1", "S2"]
categories = ["golf"]
exclude_categories = ["tobacco"]
exclude_tenders = ["voucher"]
minimum = 0
weekdays = ["sun", "mon"]
from = "22:00"
until = "02:00"
from_date = 2026-12-01
until_date = 2026-12-01
tiers = ["GOLD"]
affects = "qualifying"
limit_per_day = 3
"""
        )
    )
    assert read.earns == (
        Earn(
            id="e",
            names={"ko": "적립", "en": "Spending"},
            points=Points(1),
            per=MinorUnits(1000),
            limit_per_day=3,
            affects="qualifying",
            when=When(
                on=frozenset({"purchase"}),
                stores=frozenset({"S1", "S2"}),
                categories=frozenset({"golf"}),
                exclude_categories=frozenset({"tobacco"}),
                exclude_tenders=frozenset({"voucher"}),
                weekdays=frozenset({6, 0}),
                slot=Slot(Minute(1320), Minute(120)),
                from_day=day("2026-12-01"),
                until_day=day("2026-12-01"),
                tiers=frozenset({"GOLD"}),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("[[earn]]\npoints = 1\nper = 1\n", "earn[1]: id is missing: expected 1 to 32"),
        ('[[earn]]\nid = "a b"\npoints = 1\nper = 1\n', 'earn[1] "a b": id is "a b": expected 1 to 32'),
        ('[[earn]]\nid = "e"\nper = 1\n', 'earn[1] "e": points is missing: expected a whole number from 0'),
        ('[earn]\nid = "e"\n', "earn is a table: expected [[earn]] with double brackets"),
        (earn("per = 0"), 'earn[1] "e": per is 0: expected a whole number from 1'),
        (earn("per = 1.0"), 'earn[1] "e": per is 1.0: expected a whole number from 1'),
        (earn('on = "sale"'), 'earn[1] "e": on is "sale": expected "visit" or "purchase"'),
        (earn('on = ["visit", "sale"]'), 'earn[1] "e": on[2] is "sale": expected "visit" or "purchase"'),
        (earn("on = []"), 'earn[1] "e": on is empty: expected at least one, or leave the key out'),
        (earn('on = "visit"\nlimit_per_day = 0'), 'earn[1] "e": limit_per_day is 0: expected a whole number'),
        (
            earn('on = "visit"\nper = 1000'),
            'earn[1] "e": per has no meaning on visits alone: expected "purch',
        ),
        (earn('on = "visit"\nminimum = 1'), 'earn[1] "e": minimum has no meaning on visits alone'),
        (earn("per = 1\nminimum = -1"), 'earn[1] "e": minimum is -1: expected a whole number from 0'),
        (
            earn('on = "purchase"\nexclude_tenders = ["x"]'),
            'earn[1] "e": exclude_tenders has no money to count: expected per or minimum beside it',
        ),
        (earn('per = 1\nstores = "S1"'), 'earn[1] "e": stores is "S1": expected a list in brackets'),
        (earn('per = 1\nstores = ["S1", "S 2"]'), 'earn[1] "e": stores[2] is "S 2": expected 1 to 32'),
        (
            earn('per = 1\ncategories = ["a", "a"]'),
            'earn[1] "e": categories[2] is "a" again: expected each once',
        ),
        (earn('per = 1\nweekdays = ["Mon"]'), 'earn[1] "e": weekdays[1] is "Mon": expected "mon", "tue", '),
        (earn('per = 1\ntiers = ["LEAD"]'), 'earn[1] "e": tiers[1] is "LEAD": expected "BRONZE" or "GOLD"'),
        (
            earn('per = 1\naffects = "both"'),
            'earn[1] "e": affects is "both": expected "redeemable" or "quali',
        ),
        (
            earn('per = 1\nfrom = "08:00"\nuntil = "08:00"'),
            'earn[1] "e": from is the same as until: expected two',
        ),
        (
            earn('per = 1\nfrom = "24:00"\nuntil = "08:00"'),
            'earn[1] "e": from is "24:00": expected a time of day',
        ),
        (earn('per = 1\nfrom = "05:00"'), 'earn[1] "e": from is where the business day starts: expected two'),
        (
            earn('per = 1\nuntil = "05:00"'),
            'earn[1] "e": until is where the business day starts: expected two',
        ),
        (
            earn("per = 1\nfrom_date = 2026-12-02\nuntil_date = 2026-12-01"),
            'earn[1] "e": until_date is before from_date: expected the same day or a later one',
        ),
        (earn("per = 1\nname = {}"), 'earn[1] "e": name is empty: expected ko, en or both'),
        (earn("per = 1\nname.ko = 5"), 'earn[1] "e": name.ko is 5: expected a text of 1 to 64'),
        (weight("limit_per_day = 1"), 'weight[1] "w": limit_per_day is an unknown key: expected id, on, '),
        (weight("points = 1"), 'weight[1] "w": points is an unknown key: expected id, on, '),
        (
            weight('on = "visit"\ncategories = ["x"]'),
            'weight[1] "w": categories has no meaning on visits alone',
        ),
        (
            weight('exclude_tenders = ["x"]'),
            'weight[1] "w": exclude_tenders has no money to count: expected mini',
        ),
        ('[[weight]]\nid = "w"\n', 'weight[1] "w": times is missing: expected a decimal in quotes'),
        (bonus('per = "week"'), 'bonus[1] "b": per is "week": expected "event", "day" or "period"'),
        (bonus('per = "day"\nnth = 0'), 'bonus[1] "b": nth is 0: expected a whole number from 1'),
        (
            bonus("nth = 2"),
            'bonus[1] "b": nth has nothing to count in: expected per = "day" or per = "period"',
        ),
        (bonus('per = "event"\nnth = 2'), 'bonus[1] "b": nth has nothing to count in: expected per = "day"'),
        (bonus('first = true\nper = "day"'), 'bonus[1] "b": per is "day" beside first: expected "event"'),
        (
            bonus('birthday = true\nper = "day"'),
            'bonus[1] "b": per is "day" beside birthday: expected "event"',
        ),
        (
            bonus('birthday = true\nper = "period"\nnth = 2'),
            'bonus[1] "b": nth stands beside birthday: expected',
        ),
        (bonus("first = true\nnth = 2"), 'bonus[1] "b": nth stands beside first: expected one of them'),
        (bonus("first = true\nbirthday = true"), 'bonus[1] "b": birthday stands beside first: expected one'),
        (bonus("first = 1"), 'bonus[1] "b": first is 1: expected true or false'),
        (bonus('on = "visit"\nminimum = 1'), 'bonus[1] "b": minimum has no meaning on visits alone'),
        (
            bonus('per = "day"\nexclude_tenders = ["x"]'),
            'bonus[1] "b": exclude_tenders has no money to count',
        ),
        (cap(""), 'cap[1] "c": per is missing: expected "event", "day" or "period"'),
        (cap('per = "day"\nminimum = 1'), 'cap[1] "c": minimum is an unknown key: expected id, on, '),
        (
            cap('per = "day"\ncategories = ["x"]'),
            'cap[1] "c": categories is an unknown key: expected id, on, ',
        ),
        (
            cap('per = "day"\nexclude_tenders = ["x"]'),
            'cap[1] "c": exclude_tenders is an unknown key: expected ',
        ),
    ],
)
def test_a_rule_that_is_wrong_is_named(rule: str, said: str) -> None:
    assert mistake(rule).startswith(said)


@pytest.mark.parametrize(
    "rule",
    [
        earn("per = 1"),
        earn('on = "visit"\nlimit_per_day = 1'),
        earn('on = ["visit", "purchase"]\nper = 1000'),
        earn('on = "purchase"\nminimum = 1\nexclude_tenders = ["x"]'),
        weight('categories = ["x"]'),
        weight('minimum = 1\nexclude_tenders = ["x"]'),
        bonus('per = "day"\nnth = 1'),
        bonus('per = "period"\nnth = 2'),
        bonus('on = "visit"\nper = "day"'),
        bonus("first = true"),
        bonus('birthday = true\nper = "period"'),
        bonus('first = false\nbirthday = false\nper = "day"\nnth = 3'),
        cap('per = "event"'),
        cap('per = "period"\non = "visit"\nstores = ["S1"]'),
    ],
)
def test_keys_may_stand_where_they_make_sense(rule: str) -> None:
    read = programme(rule)
    assert len((*read.earns, *read.weights, *read.bonuses, *read.caps)) == 1


@pytest.mark.parametrize(
    ("times", "value"),
    [
        ("0", Fraction(0)),
        ("0.000001", Fraction(1, 10**6)),
        ("1.50", Fraction(3, 2)),
        ("1000", Fraction(1000)),
    ],
)
def test_a_weight_is_read_as_an_exact_fraction(times: str, value: Fraction) -> None:
    assert programme(f'[[weight]]\nid = "w"\ntimes = "{times}"\n').weights[0].times == value


@pytest.mark.parametrize(
    "times",
    [
        '"1000.000001"',
        '"-1"',
        '"1.0000001"',
        '"1,5"',
        '"1e1"',
        '".5"',
        '"1."',
        '"٣"',
        "2",
        "1.5",
        "nan",
        "true",
    ],
)
def test_a_weight_that_is_no_decimal_in_quotes_is_refused(times: str) -> None:
    assert mistake(f'[[weight]]\nid = "w"\ntimes = {times}\n').startswith('weight[1] "w": times is ')


@pytest.mark.parametrize(
    ("points", "good"), [(0, True), (1_000_000_000, True), (-1, False), (1_000_000_001, False)]
)
def test_points_are_from_zero_to_a_thousand_million(points: int, good: bool) -> None:
    rule = f'[[earn]]\nid = "e"\nper = 1\npoints = {points}\n'
    if good:
        assert programme(rule).earns[0].points == points
    else:
        assert mistake(rule).startswith('earn[1] "e": points is ')


@pytest.mark.parametrize(
    ("keys", "start", "end"),
    [
        ('from = "18:00"', 18 * 60, 5 * 60),
        ('until = "12:00"', 5 * 60, 12 * 60),
        ('until = "24:00"', 5 * 60, 24 * 60),
        ('from = "18:00"\nuntil = "24:00"', 18 * 60, 24 * 60),
        ('from = "18:00"\nuntil = "00:00"', 18 * 60, 0),
        ('from = "04:59"\nuntil = "05:00"', 5 * 60 - 1, 5 * 60),
    ],
)
def test_a_time_that_is_left_out_is_the_start_or_end_of_the_business_day(
    keys: str, start: int, end: int
) -> None:
    assert programme(weight(keys)).weights[0].when.slot == Slot(Minute(start), Minute(end))


def test_an_evening_rule_holds_until_the_business_day_ends() -> None:
    slot = programme(weight('from = "18:00"')).weights[0].when.slot
    assert slot is not None
    held = [minute for minute in (17 * 60 + 59, 18 * 60, 23 * 60, 60, 299, 300) if slot.holds(Minute(minute))]
    assert held == [18 * 60, 23 * 60, 60, 299]


def test_ids_are_unique_over_all_rules_of_the_file() -> None:
    rules = earn("per = 1") + '[[cap]]\nid = "e"\npoints = 1\nper = "day"\n'
    assert mistake(rules) == 'cap[1] "e": id is "e", as in earn[1] "e": expected an id of its own'
    assert programme(rules.replace('[[cap]]\nid = "e"', '[[cap]]\nid = "E"')).caps[0].id == "E"


def test_a_reward_has_an_id_unlike_those_of_all_rules_and_rewards() -> None:
    assert mistake(earn("per = 1").replace('"e"', '"r"') + reward("")) == (
        'reward[1] "r": id is "r", as in earn[1] "r": expected an id of its own'
    )
    assert mistake(reward("") + reward("")) == (
        'reward[2] "r": id is "r", as in reward[1] "r": expected an id of its own'
    )


def test_a_reward_is_read_with_all_its_keys_and_with_the_required_ones_alone() -> None:
    keys = """
name = { ko = "라떼", en = "Latte" }
value_minor = 5000
tiers = ["GOLD"]
stores = ["S1", "S2"]
from_date = 2026-12-01
until_date = 2026-12-01
"""
    assert programme(reward(keys)).rewards == (
        Reward(
            id="r",
            names={"ko": "라떼", "en": "Latte"},
            points=Points(300),
            value_minor=MinorUnits(5000),
            tiers=frozenset({"GOLD"}),
            stores=frozenset({"S1", "S2"}),
            from_day=day("2026-12-01"),
            until_day=day("2026-12-01"),
        ),
    )
    assert programme(reward("")).rewards == (Reward(id="r", points=Points(300)),)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("[[reward]]\npoints = 1\n", "reward[1]: id is missing: expected 1 to 32"),
        (
            '[[reward]]\nid = "r"\n',
            'reward[1] "r": points is missing: expected a whole number from 1 to 1,00',
        ),
        ('[[reward]]\nid = "r"\npoints = 0\n', 'reward[1] "r": points is 0: expected a whole number from 1'),
        ('[reward]\nid = "r"\n', "reward is a table: expected [[reward]] with double brackets"),
        (reward("value_minor = -1"), 'reward[1] "r": value_minor is -1: expected a whole number from 0'),
        (reward('tiers = ["LEAD"]'), 'reward[1] "r": tiers[1] is "LEAD": expected "BRONZE" or "GOLD"'),
        (reward('stores = "S1"'), 'reward[1] "r": stores is "S1": expected a list in brackets'),
        (reward("name = {}"), 'reward[1] "r": name is empty: expected ko, en or both'),
        (reward("from_date = '2026-12-01'"), 'reward[1] "r": from_date is "2026-12-01": expected a date'),
        (
            reward("from_date = 2026-12-02\nuntil_date = 2026-12-01"),
            'reward[1] "r": until_date is before from_date: expected the same day or a later one',
        ),
        (
            reward('weekdays = ["mon"]'),
            'reward[1] "r": weekdays is an unknown key: expected id, name, ',
        ),
    ],
)
def test_a_reward_that_is_wrong_is_named(keys: str, said: str) -> None:
    assert mistake(keys).startswith(said)


@pytest.mark.parametrize("kind", ["earn", "weight", "bonus", "cap", "reward"])
def test_five_hundred_rules_of_a_kind_are_read_and_one_more_is_refused(kind: str) -> None:
    keys = {
        "earn": "points=1\nper=1",
        "weight": 'times="1"',
        "bonus": "points=1",
        "cap": 'points=1\nper="day"',
        "reward": "points=1",
    }
    rules = [f'[[{kind}]]\nid="r{number}"\n{keys[kind]}\n' for number in range(501)]
    read = programme("".join(rules[:500]))
    assert len((*read.earns, *read.weights, *read.bonuses, *read.caps, *read.rewards)) == 500
    assert mistake("".join(rules)) == f"{kind} stands 501 times: expected at most 500"


def test_a_wrong_value_is_shown_short_and_harmless() -> None:
    assert mistake(earn('per = 1\naffects = "\\u001b[31m' + "x" * 60 + '"')).startswith(
        'earn[1] "e": affects is "?[31m' + "x" * 35 + '...": expected'
    )
    assert mistake(earn("per = 0x" + "F" * 3000)).startswith('earn[1] "e": per is a number beyond all bounds')
