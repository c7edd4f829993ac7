"""What `period status` and `period close --dry-run` say, in Korean and English."""

from __future__ import annotations

from collections.abc import Iterator

from hq_server.cli.close_words import STATES_KO, close_lines, readiness_lines, state_words
from hq_server.cli.lines import table, to_minute
from hq_server.cli.move_words import move_lines
from hq_server.dry_run import LISTED_MAX, DryRun
from hq_server.periods import NEAR_MISSES_MAX, PeriodStatus
from loyalty_core.explain import Language, pick, points


def status_lines(found: PeriodStatus, language: Language) -> Iterator[str]:
    """Return how a period stands: tiers as of now, near-misses, and how far each terminal has reported."""
    span = f"{found.first_day} ~ {found.last_day}"
    yield f"{found.id} ({span}): {state_words(found.state, language)}"
    yield from close_lines(found.close, language)
    yield ""
    yield from readiness_lines(found.id, found.state, found.readiness, language)
    yield ""
    yield (
        pick(language, "지금 마감한다면 회원이 받을 등급:", "Tiers that members would earn if it ended now:")
        if found.state == "open"
        else pick(language, "회원이 포인트로 얻은 등급:", "Tiers that members have earned by their points:")
    )
    yield from table(
        pick(
            language, "등급,기준 포인트,회원,마감 후 회원", "tier,from points,members,after the close"
        ).split(","),
        [
            [
                one.tier,
                f"{one.starts_at:,}",
                f"{one.members:,}",
                "-" if one.after_close is None else f"{one.after_close:,}",
            ]
            for one in found.tiers
        ],
    )
    yield ""
    yield _near_misses_head(found, language)
    if found.near_misses:
        yield from table(
            pick(
                language, "회원,등급 포인트,다음 등급,모자란 포인트", "member,points,next tier,missing"
            ).split(","),
            [
                [one.member_id, f"{one.qualifying:,}", one.tier, f"{one.missing:,}"]
                for one in found.near_misses
            ],
        )
    yield ""
    if not found.terminals:
        yield pick(language, "단말이 아직 없습니다.", "There is no terminal yet.")
        return
    yield pick(language, "단말별 보고 현황:", "How far each terminal has reported:")
    yield from table(
        pick(
            language,
            "단말,상태,마지막 영업일,마감한 영업일,마지막 연결(UTC),미전송 기록",
            "terminal,state,last business day,closed to,last heard of (UTC),still to send",
        ).split(","),
        [
            [
                one.terminal_id,
                pick(language, STATES_KO.get(one.state, one.state), one.state),
                one.last_day or pick(language, "없음", "none"),
                one.watermark or pick(language, "없음", "none"),
                to_minute(one.seen_at),
                one.waiting,
            ]
            for one in found.terminals
        ],
    )


def dry_run_lines(found: DryRun, language: Language) -> Iterator[str]:
    """Return what closing a period now would do, and what it would cost."""
    yield pick(
        language,
        f"{found.id} 마감 모의 실행: 실제로 바뀌는 것은 없습니다. "
        f"회원 {found.members:,}명 중 {found.staying:,}명은 그대로입니다.",
        f"{found.id}, a dry run of the close: nothing is changed. Of {_members(found.members)}, "
        f"{found.staying:,} would stay where they are.",
    )
    if not found.ended:
        yield pick(
            language,
            f"기간이 {found.last_day}까지 남아 있어 결과는 달라질 수 있습니다.",
            f"The period runs until {found.last_day}: this may still change.",
        )
    yield ""
    yield from move_lines(found.moves, found.currency, language)
    if found.movers:
        yield ""
        yield from table(
            pick(language, "회원,등급 포인트,현재,마감 후", "member,points,now,then").split(","),
            [[one.member_id, f"{one.qualifying:,}", one.from_tier, one.to_tier] for one in found.movers],
        )
    if sum(one.members for one in found.moves) > LISTED_MAX:
        yield pick(
            language, f"처음 {LISTED_MAX:,}명만 표시합니다.", f"Only the first {LISTED_MAX:,} are listed."
        )
    yield ""
    within = points(found.near_miss_points, language)
    yield pick(
        language,
        f"다음 등급까지 {within} 이내인 회원을 모두 승급시킬 경우 추가로:",
        f"If everyone within {within} of the next tier were given it, on top of that:",
    )
    yield from move_lines(found.near_miss_moves, found.currency, language)
    yield ""
    yield pick(
        language,
        "비용은 추정입니다: 이 회원들이 기간 중 구매한 금액(반품 제외)만큼 다시 구매한다고 보고, "
        "새 등급과 현재 등급의 할인율 차이를 곱한 값입니다. 사은품은 개수만 셉니다.",
        f"The cost is an estimate: {found.cost_is_an_estimate}.",
    )


def _near_misses_head(found: PeriodStatus, language: Language) -> str:
    within, count = points(found.near_miss_points, language), len(found.near_misses)
    if not found.near_miss_points:
        return pick(
            language,
            "근소 미달 기준(near_miss)이 없습니다.",
            "The programme names no near-miss tolerance (near_miss).",
        )
    said = pick(
        language,
        f"다음 등급까지 {within} 이내인 회원: {count:,}명",
        f"Within {within} of the next tier: {_members(count)}",
    )
    if count < NEAR_MISSES_MAX:
        return said
    return said + pick(language, " (기준에 가장 가까운 회원만 표시합니다)", " (only the nearest are listed)")


def _members(count: int) -> str:
    return f"{count:,} member" if count == 1 else f"{count:,} members"
