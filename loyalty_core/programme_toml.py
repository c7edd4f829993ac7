"""TOML text -> Programme, or every mistake of the text at once, each with its line and path.

docs/programme.md is this module in words. What a rule means is not decided here, only what may be written.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

from loyalty_core.calendar import PERIOD_MONTHS, Place, zone_named
from loyalty_core.consent import Consent
from loyalty_core.errors import ProgrammeErrors
from loyalty_core.programme import Benefit, Combine, Programme, Redeem, Tier, TierPolicy
from loyalty_core.programme_forms import (
    CONSENT,
    COUNT,
    CURRENCY,
    DATE,
    DAYS,
    ID,
    MINUTES,
    PERCENT,
    POINTS,
    SOME_MONEY,
    SOME_POINTS,
    TIME,
    ZONE,
    names_of,
)
from loyalty_core.rule_tables import (
    RULES_MAX,
    RuleFile,
    read_bonus,
    read_cap,
    read_earn,
    read_reward,
    read_weight,
)
from loyalty_core.toml_tables import Document, Form, Table, one_of, shown, whole
from loyalty_core.units import Day, MinorUnits, Minute, Points

TIERS_MAX: Final = 100
BENEFITS_MAX: Final = 20
EXPIRY_PERIODS_MAX: Final = 120
_COMBINE: Final[Form[Combine]] = one_of(*get_args(Combine))
_UPGRADE: Final[Form[Literal["at_close", "monthly"]]] = one_of("at_close", "monthly")
_DOWNGRADE: Final[Form[Literal["earned", "one_step", "keep"]]] = one_of("earned", "one_step", "keep")
_MONTHS: Final = one_of(*PERIOD_MONTHS)
_BENEFIT: Final[Form[Literal["discount", "gift", "coupon"]]] = one_of("discount", "gift", "coupon")


def read_programme(text: str, source: str = "programme.toml") -> Programme:
    """Return the programme that the text describes; `source` names the text in mistakes.

    Raises:
        ProgrammeErrors: with every mistake, each one sentence
            `<source>:<line>: <path> what is wrong: what was expected`.
            The line is left out where a key of the file as a whole is missing.
    """
    document = Document(text, source)
    root = document.open()
    if isinstance(root, str):
        raise ProgrammeErrors((root,))
    programme = _programme(root)
    mistakes = document.mistakes()
    if mistakes:
        raise ProgrammeErrors(mistakes)
    return programme


def _programme(root: Table) -> Programme:
    """Return the programme; where a mistake was noted, a stand-in is in its place."""
    root.need("schema", one_of(1), 1)
    starts = root.take("business_day_starts", TIME, Minute(0))
    zone = root.need("timezone", ZONE, zone_named("UTC"))
    period_months = _period_months(root)
    coupons: list[tuple[Table, str]] = []
    ladder = _ladder(root, coupons)
    file = RuleFile(starts, [tier.code for tier in ladder if tier.code])
    programme = Programme(
        programme_id=root.need("programme", ID, ""),
        version=root.need("version", COUNT, 1),
        effective_from=root.need("effective_from", DATE, Day(0)),
        currency=root.need("currency", CURRENCY, "KRW"),
        timezone=zone.key,
        place=Place(zone, starts),
        claim_days=root.take("claim_days", DAYS, 14),
        pair_minutes=root.take("pair_minutes", MINUTES, 10),
        hold_minutes=root.take("hold_minutes", MINUTES, 15),
        names=names_of(root, "names"),
        period_months=period_months,
        combine=_combine(root),
        earns=tuple(read_earn(table, file) for table in root.sections("earn", RULES_MAX, "id")),
        weights=tuple(read_weight(table, file) for table in root.sections("weight", RULES_MAX, "id")),
        bonuses=tuple(read_bonus(table, file) for table in root.sections("bonus", RULES_MAX, "id")),
        caps=tuple(read_cap(table, file) for table in root.sections("cap", RULES_MAX, "id")),
        ladder=ladder,
        policy=_policy(root, period_months),
        redeem=_redeem(root),
        rewards=tuple(read_reward(table, file) for table in root.sections("reward", RULES_MAX, "id")),
        expiry_after_periods=_expiry(root),
        consent=_consent(root),
    )
    for table, reward in coupons:
        if reward not in [one.id for one in programme.rewards]:
            table.wrong("reward", f"is {shown(reward)}", "expected the id of a [[reward]]")
    return programme


def _period_months(root: Table) -> int:
    period = root.section("period")
    return 6 if period is None else period.need("months", _MONTHS, 6)


def _combine(root: Table) -> Combine:
    combine = root.section("combine")
    return "best" if combine is None else combine.need("weights", _COMBINE, "best")


def _expiry(root: Table) -> int | None:
    expiry = root.section("expiry")
    return None if expiry is None else expiry.need("after_periods", whole(1, EXPIRY_PERIODS_MAX), None)


def _consent(root: Table) -> Consent | None:
    consent = root.section("consent")
    if consent is None:
        return None
    return Consent(
        version=consent.need("version", COUNT, 1),
        texts={language: consent.need(language, CONSENT, "") for language in ("ko", "en")},
    )


def _policy(root: Table, period_months: int) -> TierPolicy:
    policy = root.section("tier_policy")
    if policy is None:
        return TierPolicy()
    # No period is shorter than this: a tier that begins later would be over before it begins.
    days_max = 28 * period_months - 1
    return TierPolicy(
        upgrade=policy.take("upgrade", _UPGRADE, "at_close"),
        downgrade=policy.take("downgrade", _DOWNGRADE, "earned"),
        grace_days=policy.take("grace_days", DAYS, 0),
        valid_after_days=policy.take("valid_after_days", whole(0, days_max), 15),
        near_miss=Points(policy.take("near_miss", POINTS, 0)),
    )


def _redeem(root: Table) -> Redeem | None:
    redeem = root.section("redeem")
    if redeem is None:
        return None
    minimum = redeem.need("minimum", SOME_POINTS, 1)
    step = redeem.need("step", SOME_POINTS, 1)
    if redeem.good("minimum", "step") and minimum % step:
        redeem.wrong("minimum", f"is {minimum:,}", f"expected a multiple of step, {step:,}")
    return Redeem(
        minimum=Points(minimum),
        step=Points(step),
        minor_per_point=MinorUnits(redeem.need("minor_per_point", SOME_MONEY, 1)),
        offline_points=Points(redeem.take("offline_points", POINTS, 0)),
    )


def _ladder(root: Table, coupons: list[tuple[Table, str]]) -> tuple[Tier, ...]:
    """Return the tiers: from 0, strictly rising, each code once; note which rewards coupons are for."""
    tables = root.sections("tier", TIERS_MAX, "code")
    if not tables and root.good("tier"):
        root.wrong("tier", "is missing", "expected at least one [[tier]], the first from = 0")
    tiers: list[Tier] = []
    for table in tables:
        tier = Tier(
            code=table.need("code", ID, ""),
            start=Points(table.need("from", POINTS, 0)),
            names=names_of(table, "name"),
            benefits=_benefits(table, coupons),
        )
        if table.good("from") and not tiers and tier.start:
            table.wrong(
                "from", f"is {tier.start:,}", "expected 0 in the first tier, so that every member has one"
            )
        if table.good("from") and tiers and tier.start <= tiers[-1].start:
            table.wrong(
                "from", f"is {tier.start:,}", f"expected more than the tier before, {tiers[-1].start:,}"
            )
        if table.good("code") and tier.code in (other.code for other in tiers):
            table.wrong("code", f"is {shown(tier.code)} again", "expected each once")
        tiers.append(tier)
    return tuple(tiers)


def _benefits(tier: Table, coupons: list[tuple[Table, str]]) -> tuple[Benefit, ...]:
    """Return what a tier gives; what is given by the piece stands once."""
    found: list[Benefit] = []
    for table in tier.sections("benefits", BENEFITS_MAX):
        benefit = _benefit(table)
        if benefit in found and benefit.kind != "discount" and table.good("kind", "name", "reward"):
            table.wrong("kind", f"is a {benefit.kind} that this tier gives already", "expected each once")
        if benefit.kind == "coupon" and benefit.reward is not None:
            coupons.append((table, benefit.reward))
        found.append(benefit)
    return tuple(found)


def _benefit(table: Table) -> Benefit:
    kind = table.need("kind", _BENEFIT, None)
    percent = table.take("percent", PERCENT, None)
    reward = table.take("reward", ID, None)
    names = names_of(table, "name")
    if kind == "discount" and "percent" not in table:
        table.wrong("percent", "is missing", f"expected {PERCENT.expected}")
    if kind == "gift" and "name" not in table:
        table.wrong("name", "is missing", 'expected { ko = "...", en = "..." }')
    if kind == "coupon" and "reward" not in table:
        table.wrong("reward", "is missing", "expected the id of a [[reward]]")
    if kind == "gift" and "percent" in table:
        table.wrong("percent", "has no meaning on a gift", "expected only a name")
    if kind == "coupon":
        for key in ("percent", "name"):
            if key in table:
                table.wrong(key, "has no meaning on a coupon", "expected only a reward")
    if kind in ("discount", "gift") and "reward" in table:
        table.wrong("reward", f"has no meaning on a {kind}", "expected it on a coupon")
    return Benefit(kind=kind or "gift", percent=percent, names=names, reward=reward)
