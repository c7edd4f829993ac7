"""A grant is ruled for all who stand alike: proposed by one person, approved by another, then posted.

The proposal names everyone whom it covers, so that the second person approves just these. Whoever holds the
tier without it by then is left out, and it is said why. Grants are posted a bucket a transaction; what is cut
off goes on with the next `post_some`. Points stay as they are.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from hq_server.closes.states import refuse_while_closing
from hq_server.config import Grants
from hq_server.decisions import Decision, Said, decision, keep_decision
from hq_server.desk.cases import (
    Case,
    check_code,
    check_evidence,
    every_case,
    keep_evidence,
    tier_of_case,
    unlike_code,
    unsettled,
)
from hq_server.desk.evidence import Evidence
from hq_server.desk.standing import (
    AlikeMember,
    Window,
    closed_period,
    grants_used,
    group_of,
    holds,
    list_alike,
    programme_of,
    total_of,
    window,
)
from hq_server.house import House, load_house
from hq_server.members import member_at
from hq_server.merges import groups_of, head_of
from hq_server.posting import post
from hq_server.references import bucket_of
from hq_server.store.connection import Transaction
from hq_server.work import Work
from loyalty_core.alike import stand_alike
from loyalty_core.calendar import Period, date_of
from loyalty_core.errors import BadInput
from loyalty_core.units import Day, EpochMs

BESIDES_MAX: Final = 10_000
"""How many who need no grant may stand among those whom one ruling looks at."""
Outcome = Literal["granted", "moot", "erased", "lapsed"]


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a grant: the case it rules on, whom it covers, and until when it holds.

    `missing` is the gap of the case: all who lack as much or less are covered, `members` in all. `alone`:
    only the case's member is, though `left_out` others stand alike. `discount_minor` is what the discounts
    cost, by the estimate; null where it was not estimated for just these.
    """

    case: int
    period: str
    tier: str
    missing: int
    until_day: int
    reason_code: str
    members: int
    alone: bool
    left_out: int
    discount_minor: int | None


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What is proposed: for all who stand alike, or one `alone`; to the end of the validity, or earlier."""

    reason_code: str
    alone: bool = False
    until_day: Day | None = None


def propose_grant(
    tx: Transaction,
    house: House,
    limits: Grants,
    number: int,
    asked: Asked,
    evidence: Evidence,
    by: Said,
    now_ms: EpochMs,
    natural_key: str | None = None,
) -> int:
    """Keep the proposal to grant what a case asks for, and return the decision's number; nobody holds it yet.

    Raises:
        BadInput: `case_settled`, `ruling_waits`, `case_moot`, `reason_code_unknown`, `unlike_needs_code`,
            `until_outside`, `grants_spent`, `evidence_old`.
    """
    case = unsettled(tx, house, number, now_ms)
    check_code(limits, asked.reason_code)
    check_evidence(tx, house, case, evidence)
    period, tier = closed_period(tx, house, case.period_id), tier_of_case(tx, house, case)
    days = window(tx, house, period, house.today(now_ms))
    until = _until(asked, days)
    head = head_of(tx, house.bucket_count, case.member_id)
    alike = _to_cover(tx, house, limits, case, period, days)
    own = [one for one in alike if one.member_id == head]
    if not own:
        raise BadInput(
            f"member {head} is covered by a proposal for {tier.code} already: it must be judged first",
            code="ruling_waits",
        )
    covered = own if asked.alone else alike
    left_out = len(alike) - len(covered)
    if left_out and asked.reason_code not in limits.unlike_codes:
        raise BadInput(
            f"{left_out} more stand alike: to grant it to one alone takes {unlike_code(limits)}",
            code="unlike_needs_code",
        )
    _check_budget(tx, limits, period, len(covered))
    is_estimated = sum(one.members for one in evidence.moves) == len(covered)
    detail = Ruling(
        case=number,
        period=period.id,
        tier=tier.code,
        missing=evidence.missing,
        until_day=until,
        reason_code=asked.reason_code,
        members=len(covered),
        alone=left_out > 0,
        left_out=left_out,
        discount_minor=sum(one.discount_minor for one in evidence.moves) if is_estimated else None,
    )
    made = keep_decision(tx, "grant", case.member_id, detail, by, now_ms, natural_key=natural_key)
    tx.many(
        "accounts.cover",
        [
            (
                *(bucket_of(one.member_id, house.bucket_count), made, one.member_id, period.id, tier.code),
                *(one.qualifying, one.missing, one.home_store),
            )
            for one in covered
        ],
    )
    keep_evidence(tx, number, made, evidence, now_ms)
    return made


def check_grant(tx: Transaction, house: House, limits: Grants, approved: Decision, now_ms: EpochMs) -> None:
    """Refuse an approval that is not good any more; the grants are posted after it.

    Raises:
        BadInput: `grants_spent`, `until_outside`: what was true of the proposal is no more; `period_closing`:
            a grant would count for some of those who stand alike only.
    """
    refuse_while_closing(tx)
    ruling = ruling_of(approved)
    period = closed_period(tx, house, ruling.period)
    _check_budget(tx, limits, period, 0)
    if window(tx, house, period, house.today(now_ms)).from_day > ruling.until_day:
        raise BadInput(
            f"decision {approved.number} was to hold until {date_of(Day(ruling.until_day))}: refuse it",
            code="until_outside",
        )


def drop_grant(tx: Transaction, refused: Decision) -> None:
    """Let go of those whom a refused proposal covered; its case is open again."""
    tx.run("accounts.refuse_covered", decision=refused.number)


def post_some(tx: Transaction, now_ms: EpochMs, number: int | None = None) -> int:
    """Post the grants of one more bucket, of this decision or of any that is approved.

    Returns how many members it ruled on, 0 when nothing is left. Resumable.
    """
    house = load_house(tx)
    waiting = [number] if number is not None else [row[0] for row in tx.all("accounts.rulings_waiting")]
    for each in waiting:
        row = tx.one("accounts.next_waiting", decision=each)
        one = decision(tx, each)
        if row is not None and one.state == "approved":
            return _post_bucket(tx, house, one, row[0], now_ms)
    return 0


def is_due(tx: Transaction) -> bool:
    """Tell whether an approved grant is not posted for everyone whom it covers."""
    return any(decision(tx, number).state == "approved" for (number,) in tx.all("accounts.rulings_waiting"))


def ruling_of(one: Decision) -> Ruling:
    """Return what a grant says."""
    return msgspec.json.decode(one.detail, type=Ruling)


def _until(asked: Asked, days: Window) -> Day:
    until = days.until_day if asked.until_day is None else asked.until_day
    if not days.from_day <= until <= days.until_day:
        raise BadInput(
            f"a grant that is approved today holds from {date_of(days.from_day)}, and until "
            f"{date_of(days.until_day)} at the latest: give a date between them",
            code="until_outside",
        )
    return until


def _to_cover(
    tx: Transaction, house: House, limits: Grants, case: Case, period: Period, days: Window
) -> list[AlikeMember]:
    """Return everyone with the same or a smaller gap than a case's member now, who neither was granted it nor
    holds it; the member is among them."""
    head = head_of(tx, house.bucket_count, case.member_id)
    alike = stand_alike(total_of(tx, house, head, period), programme_of(tx, house, period).ladder)
    if alike is None or alike.tier.code != case.tier:
        raise BadInput(
            f"{case.tier} is not the next tier any more that case {case.number} has missed: withdraw it, and "
            "open another",
            code="tier_differs",
        )
    most = limits.per_period_max + BESIDES_MAX
    listed = list_alike(tx, house, period, alike, days, most + 1)
    if len(listed) > most:
        raise BadInput(
            f"more than {most:,} members stand alike: that is beyond grants.per_period_max",
            code="grants_spent",
        )
    return [one for one in listed if one.ruled in ("open", "refused")]


def _check_budget(tx: Transaction, limits: Grants, period: Period, more: int) -> None:
    used, most = grants_used(tx, period.id), limits.per_period_max
    if used + more > most:
        asked = f"this one covers {more} member{'s' * (more != 1)}, and " if more else ""
        raise BadInput(
            f"{asked}{used} of the {most} grants of {period.id} are given or proposed "
            "(grants.per_period_max)",
            code="grants_spent",
        )


def _post_bucket(tx: Transaction, house: House, one: Decision, bucket: int, now_ms: EpochMs) -> int:
    ruling = ruling_of(one)
    period = closed_period(tx, house, ruling.period)
    days = Window(window(tx, house, period, house.today(now_ms)).from_day, Day(ruling.until_day))
    rows = tx.all("accounts.waiting_in", bucket=bucket, decision=one.number)
    granted: list[str] = []
    outcomes: list[tuple[int, int, str, Outcome]] = []
    for (member_id,) in rows:
        outcome = _outcome(tx, house, member_id, ruling.tier, days)
        outcomes.append((bucket, one.number, member_id, outcome))
        if outcome == "granted":
            granted.append(member_id)
            tx.run(
                "accounts.add_grant",
                bucket=bucket,
                member_id=member_id,
                decision=one.number,
                period_id=period.id,
                tier=ruling.tier,
                from_day=days.from_day,
                until_day=days.until_day,
                granted_at_ms=now_ms,
            )
    tx.many("accounts.rule_covered", outcomes)
    groups = groups_of(tx, house.bucket_count, granted)
    _settle_cases(tx, house, one, ruling, set(groups.members))
    # What a till has dated ahead of headquarters lies where the grant holds already.
    for name in {name for group in groups.members.values() for name in group}:
        tx.run(
            "accounts.mark_member_days_from",
            bucket=bucket_of(name, house.bucket_count),
            member_id=name,
            business_day=days.from_day,
        )
    post(tx, house, Work(renewed={*granted, *groups.members}), now_ms)
    return len(rows)


def _outcome(tx: Transaction, house: House, member_id: str, tier: str, days: Window) -> Outcome:
    """Return what becomes of a member now; late points that closed the gap have raised the tier by then."""
    head = head_of(tx, house.bucket_count, member_id)
    member = member_at(tx, house, head)
    if member is None or member.erased:
        return "erased"
    if days.from_day > days.until_day:
        return "lapsed"
    if holds(house, group_of(tx, house, head), tier, days):
        return "moot"
    return "granted"


def _settle_cases(tx: Transaction, house: House, one: Decision, ruling: Ruling, granted: set[str]) -> None:
    """End the open cases of who counts as these members: also of those who did not ask for this ruling."""
    for case in every_case(tx, state="open", period_id=ruling.period):
        if case.tier == ruling.tier and head_of(tx, house.bucket_count, case.member_id) in granted:
            tx.run("house.settle_case", number=case.number, state="granted", decision=one.number)
