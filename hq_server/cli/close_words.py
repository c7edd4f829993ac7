"""What a close waits for, whom it leaves out, and how far it has come, in Korean and English."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from hq_server.cli.lines import table, to_minute
from hq_server.closes.readiness import Blocker, Readiness
from hq_server.closes.states import CloseView, PeriodState, PeriodView
from loyalty_core.explain import Language, pick

STATES_KO: Final = {"pending": "승인 대기", "approved": "승인됨", "revoked": "해지됨"}


def state_words(state: PeriodState, language: Language) -> str:
    """Return the state of a period."""
    return pick(language, {"open": "진행 중", "closing": "마감 중", "closed": "마감됨"}[state], state)


def close_lines(found: CloseView | None, language: Language) -> Iterator[str]:
    """Return how far a close has come, or what it came to; nothing before it is decided."""
    if found is None:
        return
    up, down, same = f"{found.upgrades:,}", f"{found.downgrades:,}", f"{found.renewals:,}"
    if found.closed_at is None:
        yield pick(
            language,
            f"{to_minute(found.begun_at)}(UTC)에 마감 시작(결정 {found.decision}): "
            f"묶음 {found.buckets}개 중 {found.buckets_closed}개 완료.",
            f"The close began at {to_minute(found.begun_at)} UTC (decision {found.decision}): "
            f"{found.buckets_closed} of {found.buckets} buckets are closed.",
        )
    else:
        yield pick(
            language,
            f"{to_minute(found.closed_at)}(UTC)에 마감됨(결정 {found.decision}).",
            f"It was closed at {to_minute(found.closed_at)} UTC (decision {found.decision}).",
        )
    yield pick(
        language,
        f"승급 {up}명, 강등 {down}명, 유지 {same}명",
        f"Members who go up: {up}, down: {down}, who keep their tier: {same}",
    )


def closed_lines(found: PeriodView, language: Language) -> Iterator[str]:
    """Return what a close came to."""
    yield f"{found.id}: {state_words(found.state, language)}"
    yield from close_lines(found.close, language)


def readiness_lines(
    period_id: str, state: PeriodState, found: Readiness, language: Language
) -> Iterator[str]:
    """Return what the close of a period waits for and whom it leaves out."""
    if found.may_close:
        yield pick(
            language,
            f"마감할 수 있습니다: hq-server period close {period_id} --by 이름",
            f"Nothing is in the way of its close: hq-server period close {period_id} --by NAME",
        )
    elif state == "open":
        yield pick(language, "아직 마감할 수 없는 이유:", "Its close waits for:")
        for one in found.blockers:
            yield f"- {_blocker(one, language)}"
        if found.missing:
            yield pick(
                language,
                f"- 마지막 날까지 보고하지 않은 단말 {len(found.missing):,}대:",
                f"- {_terminals(len(found.missing))} not reported it to its end:",
            )
            yield from _missing(found, language)
    if found.excluded:
        yield pick(language, "제외한 단말:", "Terminals that were left out:")
        yield from _excluded(found, language)


def period_lines(found: list[PeriodView], language: Language) -> Iterator[str]:
    """Return every period with its state."""
    heads = pick(
        language, "기간,첫날,마지막 날,상태,마감(UTC)", "period,first day,last day,state,closed (UTC)"
    )
    rows = [
        [
            one.id,
            one.first_day,
            one.last_day,
            state_words(one.state, language),
            to_minute(one.close.closed_at) if one.close and one.close.closed_at else "",
        ]
        for one in found
    ]
    yield from table(heads.split(","), rows)


def _terminals(count: int) -> str:
    return "1 terminal that has" if count == 1 else f"{count:,} terminals that have"


def _blocker(one: Blocker, language: Language) -> str:
    since = pick(language, f" ({one.since}부터)", f" (since {one.since})") if one.since else ""
    return f"{_what(one, language)}{since}."


def _what(one: Blocker, language: Language) -> str:
    match one.kind:
        case "not_over":
            return pick(language, "기간이 아직 끝나지 않았습니다", "It is not over")
        case "not_covered":
            return pick(
                language,
                f"첫 프로그램은 {one.period}에 시작되었습니다",
                f"The first programme began in {one.period}",
            )
        case "earlier_open":
            return pick(
                language,
                f"앞선 기간 {one.period}이(가) 마감되지 않았습니다",
                f"{one.period}, which comes before it, is not closed",
            )
        case "later_closed":
            return pick(
                language,
                f"다음 기간 {one.period}이(가) 이미 마감되었거나 마감 중입니다",
                f"{one.period}, which comes after it, is closed or being closed",
            )
        case "days_waiting":
            return pick(
                language,
                f"다시 계산할 회원별 영업일 {one.count:,}건이 남아 있습니다",
                f"{one.count:,} member-days wait to be derived again",
            )
        case "grants_waiting":
            return pick(
                language,
                "승인된 등급 부여가 아직 모두 반영되지 않았습니다",
                "grants that were approved wait to be posted",
            )
        case "journals_waiting":
            return pick(
                language,
                f"아직 집계하지 않은 기록이 있는 저널 {one.count:,}개가 있습니다",
                f"{one.count:,} journals have records that are not counted yet",
            )


def _missing(found: Readiness, language: Language) -> Iterator[str]:
    heads = pick(
        language,
        "단말,상태,미마감 시작일,마지막 연결(UTC),미전송 기록",
        "terminal,state,open since,last heard of (UTC),still to send",
    )
    never = pick(language, "마감한 날 없음", "has closed no day")
    rows = [
        [
            one.terminal_id,
            pick(language, STATES_KO.get(one.state, one.state), one.state),
            one.open_since or never,
            to_minute(one.seen_at),
            one.waiting,
        ]
        for one in found.missing
    ]
    yield from table(heads.split(","), rows)


def _excluded(found: Readiness, language: Language) -> Iterator[str]:
    heads = pick(language, "단말,결정한 사람,일시(UTC),사유,현재", "terminal,by,at (UTC),why,now")
    back = pick(language, "이후 모두 보고함", "has reported it after all")
    rows = [
        [one.terminal_id, one.by, to_minute(one.at), one.reason, back if one.back else ""]
        for one in found.excluded
    ]
    yield from table(heads.split(","), rows)
