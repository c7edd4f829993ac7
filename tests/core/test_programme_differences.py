"""What a version says otherwise than another, in words: everything that is changed, and nothing else."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import msgspec
import pytest

from loyalty_core.calendar import day_of
from loyalty_core.consent import BUILT_IN, Consent
from loyalty_core.programme import Programme, version_before
from loyalty_core.programme_differences import differences
from loyalty_core.programme_reading import reading_by_part
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import Day

MOONLIGHT = (Path(__file__).parents[2] / "docs" / "examples" / "moonlight.toml").read_text("utf-8")


def changed(*pairs: tuple[str, str]) -> Programme:
    """Return the example as its next version, half a year later, with texts replaced."""
    text = MOONLIGHT.replace("version = 7", "version = 8").replace("2026-07-01", "2027-01-01", 1)
    for old, new in pairs:
        assert old in text, old
        text = text.replace(old, new, 1)
    return read_programme(text)


BEFORE = read_programme(MOONLIGHT)


def told(after: Programme) -> list[tuple[str, str | None, str | None]]:
    return [(one.about, one.was, one.now) for one in differences(BEFORE, after, "en")]


def test_a_later_version_with_the_same_rules_differs_in_nothing() -> None:
    assert told(changed()) == []
    assert differences(BEFORE, changed(), "ko") == ()


@pytest.mark.parametrize(
    ("old", "new", "about", "was", "now"),
    [
        ("points = 10", "points = 20", "rule visit", "10 points for each visit", "20 points for each visit"),
        ("points = 500", "points = 400", "rule daily", "at most 500 points", "at most 400 points"),
        ("from = 300", "from = 250", "tier GOLD", "from 300 points on", "from 250 points on"),
        ("near_miss = 10", "near_miss = 20", "near_miss", "by 10 points or less", "by 20 points or less"),
        ("after_periods = 2", "after_periods = 3", "expiry", "the 2nd period", "the 3rd period"),
        ("points = 800", "points = 900", "reward range-hour", "800 points", "900 points"),
    ],
)
def test_what_is_changed_is_told_as_it_was_and_as_it_is(
    old: str, new: str, about: str, was: str, now: str
) -> None:
    ((found, before, after),) = told(changed((old, new)))
    assert found == about
    assert was in (before or "")
    assert now in (after or "")


def test_what_is_new_and_what_is_gone_is_told_as_such() -> None:
    rule = '[[bonus]]\nid = "welcome"\non = "purchase"\npoints = 5\nfirst = true\n\n[[tier]]'
    found = told(changed(("[[tier]]", rule)))
    assert found[0] == ("rule welcome", None, "welcome: bonus of 5 points for the first purchase ever.")
    assert {about for about, was, _ in found if was is None} == {"rule welcome", "bonuses", "caps_bonuses"}
    gone = [(about, was, now) for about, now, was in found]
    back = differences(changed(("[[tier]]", rule)), changed(), "en")
    assert sorted((one.about, one.was, one.now) for one in back) == sorted(gone, key=lambda one: one[0])


@pytest.mark.parametrize("text", ["ko", "en"])
def test_a_consent_text_that_changes_in_one_language_is_told_in_both(text: str) -> None:
    consent = Consent(version=1, texts={"ko": "동의합니다", "en": "I agree"})
    before = msgspec.structs.replace(BEFORE, consent=consent)
    other = msgspec.structs.replace(consent, texts=consent.texts | {text: "otherwise"})
    after = msgspec.structs.replace(BEFORE, consent=other)
    for language in ("ko", "en"):
        ((about, was, now),) = [(one.about, one.was, one.now) for one in differences(before, after, language)]
        assert about == "consent"
        assert "otherwise" not in (was or "")
        assert "otherwise" in (now or "")


def test_a_rule_that_becomes_another_kind_under_its_id_is_told_as_one_change() -> None:
    cap = '[[cap]]\nid = "daily"\npoints = 500\nper = "day"'
    bonus = '[[bonus]]\nid = "daily"\non = "visit"\npoints = 5'
    found = {about: (was, now) for about, was, now in told(changed((cap, bonus)))}
    was, now = found["rule daily"]
    assert "at most" in (was or "")
    assert "bonus of 5 points" in (now or "")


def test_the_order_of_caps_is_said_as_it_counts() -> None:
    more = '[[cap]]\nid = "visits"\non = "visit"\npoints = 20\nper = "day"\n'
    first, last = changed(("[[cap]]", more + "[[cap]]")), changed(("[[tier]]", more + "\n[[tier]]"))
    ((about, was, now),) = [(one.about, one.was, one.now) for one in differences(first, last, "en")]
    assert (about, was, now) == (
        "caps_order",
        "Caps are applied in this order: visits, daily.",
        "Caps are applied in this order: daily, visits.",
    )


@pytest.mark.parametrize("field", sorted(set(Programme.__struct_fields__) - {"version", "effective_from"}))
def test_no_field_of_a_programme_changes_without_a_word(field: str) -> None:
    other = {
        "programme_id": "sunshine",
        "currency": "USD",
        "timezone": "Asia/Tokyo",
        "place": msgspec.structs.replace(BEFORE.place, starts=360),
        "claim_days": 0,
        "pair_minutes": 1,
        "hold_minutes": 1,
        "names": {},
        "period_months": 3,
        "combine": "sum",
        "earns": BEFORE.earns[:1],
        "weights": BEFORE.weights[:1],
        "bonuses": read_programme(
            MOONLIGHT.replace("[[tier]]", '[[bonus]]\nid = "b"\non = "visit"\npoints = 5\n[[tier]]', 1)
        ).bonuses,
        "caps": (),
        "ladder": BEFORE.ladder[:-1],
        "policy": msgspec.structs.replace(BEFORE.policy, downgrade="keep"),
        "redeem": None,
        "rewards": (),
        "expiry_after_periods": None,
        "consent": BUILT_IN,
    }
    after = msgspec.structs.replace(BEFORE, **{field: other[field]})
    assert differences(BEFORE, after, "en")
    assert differences(BEFORE, after, "ko")


@pytest.mark.parametrize(
    "policy", [("upgrade", "monthly"), ("downgrade", "earned"), ("grace_days", 3), ("valid_after_days", 0)]
)
def test_no_part_of_the_tiers_policy_changes_without_a_word(policy: tuple[str, str | int]) -> None:
    after = msgspec.structs.replace(BEFORE, policy=msgspec.structs.replace(BEFORE.policy, **dict([policy])))
    assert differences(BEFORE, after, "en")
    assert differences(BEFORE, after, "ko")


def test_no_two_sentences_of_a_reading_are_about_the_same() -> None:
    for language in ("ko", "en"):
        parts = [about for about, _ in reading_by_part(BEFORE, language)]
        assert len(parts) == len(set(parts))


def test_a_version_is_compared_with_the_one_that_it_takes_the_place_of() -> None:
    def version(number: int, since: str) -> Programme:
        day = Day(day_of(date.fromisoformat(since)))
        return msgspec.structs.replace(BEFORE, version=number, effective_from=day)

    one, two, late = version(1, "2026-07-01"), version(2, "2027-01-01"), version(3, "2027-03-01")
    published = (one, two, late)
    assert version_before(published, one) is None
    assert version_before(published, two) == one
    assert version_before(published, late) == two
    assert version_before(published, version(4, "2027-02-01")) == two
    assert version_before(published, version(4, "2026-01-01")) is None
