"""What `member show` says by itself, in Korean and English; the reasons of points come from the core."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, Literal

from hq_server.account_view import Movement, Next, PeriodTotal, Standing
from hq_server.joining import Enrolment
from hq_server.members import Found
from hq_server.tiers.view import TierReason
from loyalty_core.calendar import date_of
from loyalty_core.entries import NO_EVENT, EntryKind
from loyalty_core.explain import Language, pick, points
from loyalty_core.units import Day

_KINDS_KO: Final[Mapping[EntryKind, str]] = {
    "earn": "적립",
    "bonus": "보너스",
    "cap": "한도",
    "clawback": "회수",
    "redemption": "사용",
    "redeem_rollback": "사용 취소",
    "expiry": "소멸",
    "correction": "정정",
    "adjustment": "조정",
}
_STATES_KO: Final[Mapping[Literal["open", "closed"], str]] = {"open": "진행 중", "closed": "마감"}
SPENDABLE_ONLY: Final = ("redemption", "redeem_rollback", "expiry")
"""The kinds of entry that never move qualifying points."""


def who_lines(found: Found, also: Sequence[str], language: Language) -> Iterator[str]:
    """Return who it is, and who counts as the same person."""
    member = found.member
    if found.named != member.member_id:
        yield pick(
            language,
            f"{found.named}: {member.member_id}에 통합된 회원",
            f"{found.named} is merged into {member.member_id}",
        )
    yield f"{member.member_id} {member.name}".rstrip()
    if member.erased:
        yield pick(language, "삭제된 회원", "erased: no more is known of the person")
    if also:
        names = ", ".join(also)
        yield pick(language, f"통합된 회원: {names}", f"merged into this member: {names}")


def enrolment_lines(joined: Sequence[Enrolment], language: Language) -> Iterator[str]:
    """Return how they joined at tills: when, where, and to which text they agreed."""
    for one in joined:
        on, place = date_of(Day(one.business_day)), one.terminal_id
        if one.state == "refused":
            continue
        agreed = pick(
            language,
            f"동의문 {one.consent_version}판" if one.consent_version else "기본 동의문",
            f"consent version {one.consent_version}" if one.consent_version else "the built-in consent",
        ) + (f" ({one.consent_language})" if one.consent_language else "")
        first = one.state == "made"
        yield pick(
            language,
            f"{on} {place}에서 {'가입' if first else '다시 가입'}, {agreed}: 이벤트 {one.id}",
            f"{'joined' if first else 'enrolled again'} on {on} at {place}, {agreed}: event {one.id}",
        )


def standing_lines(now: Standing, language: Language) -> Iterator[str]:
    """Return where a member stands, a line for each thing to know."""
    yield pick(
        language,
        f"등급 {now.tier}, 잔액 {points(now.balance, 'ko')}",
        f"tier {now.tier}, balance {now.balance:,}",
    )
    if now.tier_reason is not None:
        yield _reason(now.tier_reason, now.tier_until, language)
    for ahead in now.tiers_ahead:
        yield pick(
            language,
            f"  {ahead.since}부터 {ahead.tier}(지금까지 정해진 대로)",
            f"  {ahead.tier} from {ahead.since} on, as far as is decided",
        )
    for lot in now.expiring:
        yield pick(
            language,
            f"{points(lot.points, 'ko')}은 {lot.usable_until}까지 사용 가능({lot.period} 적립)",
            f"{points(lot.points, 'en')} of {lot.period} can be spent until {lot.usable_until}",
        )
    for total in now.periods:
        yield _total(total, language)
    if now.next is not None:
        yield from _next(now.next, language)


def movement_line(movement: Movement, language: Language) -> str:
    """Return one movement: its business date, its points, what it is, and the event or rule behind it."""
    entry = movement.entry
    moved = f"{entry.redeemable:+,}"
    if entry.qualifying != entry.redeemable and entry.kind not in SPENDABLE_ONLY:
        moved += f" ({pick(language, '등급 포인트', 'qualifying')} {entry.qualifying:+,})"
    source = entry.rule if entry.event == NO_EVENT else entry.event
    return f"{date_of(entry.business_day)}  {moved}  {_kind(movement, language)}  {source}"


def _reason(reason: TierReason, until: str | None, language: Language) -> str:
    """Return where a tier comes from, since when, and until when it holds."""
    number = reason.decision
    ko, en = {
        "close": (
            f"{reason.period} 마감(결정 {number})",
            f"by the close of {reason.period}, decision {number}",
        ),
        "monthly": (f"{reason.period} 월별 승급", f"by a monthly upgrade in {reason.period}"),
        "restatement": (f"{reason.period} 재산정", f"by late points of {reason.period}"),
        "grant": (f"예외 부여(결정 {number})", f"by a grant, decision {number}"),
    }[reason.cause]
    return pick(
        language,
        f"  {ko}, {reason.since}부터" + (f" {until}까지" if until else ""),
        f"  {en}, since {reason.since}" + (f", until {until}" if until else ""),
    )


def _total(total: PeriodTotal, language: Language) -> str:
    return pick(
        language,
        f"{total.id} ({_STATES_KO[total.state]}): 등급 포인트 {points(total.qualifying, 'ko')}, "
        f"현재 기준 {total.tier}",
        f"{total.id} ({total.state}): {total.qualifying:,} qualifying "
        f"{'point' if abs(total.qualifying) == 1 else 'points'}, now worth {total.tier}",
    )


def _next(ahead: Next, language: Language) -> Iterator[str]:
    yield pick(
        language,
        f"{ahead.until}까지 {points(ahead.missing, 'ko')} 더 모으면 {ahead.tier}",
        f"{ahead.missing:,} more to {ahead.tier} until {ahead.until}",
    )
    for place, way in enumerate(ahead.ways):
        either = pick(language, "또는 ", "or ") if place else ""
        yield f"  {either}{pick(language, way.ko, way.en)}"


def _kind(movement: Movement, language: Language) -> str:
    kind, corrects = movement.entry.kind, movement.entry.corrects
    if language == "ko":
        return _KINDS_KO[kind] + (f"({_KINDS_KO[corrects]})" if corrects else "")
    return kind.replace("_", " ") + (f" of {corrects.replace('_', ' ')}" if corrects else "")
