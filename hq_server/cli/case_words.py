"""What `case list` and `case show` say, in Korean and English: a screen to answer from and to approve by."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hq_server.cli.evidence_words import alike_lines, movement_lines, total_lines
from hq_server.cli.lines import table, to_minute
from hq_server.decisions import DecisionView
from hq_server.desk.case_view import CaseFile, CaseView, State, known
from hq_server.desk.moot import Why
from loyalty_core.calendar import date_of
from loyalty_core.explain import Language, pick, points
from loyalty_core.units import Day

_STATES_KO: Final[Mapping[State, str]] = {
    "open": "진행 중",
    "proposed": "승인 대기",
    "moot": "처리 불필요",
    "granted": "등급 부여됨",
    "refused": "거절됨",
    "withdrawn": "취하됨",
}
_DECIDED_KO: Final[Mapping[str, str]] = {"grant": "등급 부여", "refusal": "거절", "withdrawal": "취하"}
_VERDICTS_KO: Final[Mapping[str, str]] = {"waiting": "승인 대기", "approved": "승인", "refused": "반려"}
_OUTCOMES_KO: Final[Mapping[str, str]] = {
    "waiting": "대기",
    "granted": "부여",
    "refused": "반려",
    "moot": "이미 보유",
    "erased": "삭제된 회원",
    "lapsed": "기간 만료",
}
_MOOT: Final[Mapping[Why, tuple[str, str]]] = {
    "reached": (
        "마감 후 반영된 포인트로 기준을 채웠습니다. 처리할 필요가 없으니 취하로 종료해 주세요.",
        "Points that came since the close have closed the gap: there is nothing to rule, withdraw it.",
    ),
    "held": (
        "이미 이 등급 이상을 보유하고 있습니다. 처리할 필요가 없으니 취하로 종료해 주세요.",
        "The member holds the tier, or a higher one, without it: there is nothing to rule, withdraw it.",
    ),
    "over": (
        "이 등급을 적용할 유효 기간이 끝났습니다. 처리할 필요가 없으니 취하로 종료해 주세요.",
        "The time for which the tier would hold is over: there is nothing to rule, withdraw it.",
    ),
    "erased": (
        "회원 정보가 삭제되었습니다. 처리할 필요가 없으니 취하로 종료해 주세요.",
        "The person was erased: there is nothing to rule, withdraw it.",
    ),
}


def case_lines(file: CaseFile, language: Language, *, explain: bool = False) -> Iterator[str]:
    """Return a case with what is known now, or was when it was settled; `explain` adds every movement."""
    case = file.case
    yield from _head(case, language)
    found = known(file)
    yield ""
    if file.now is None:
        at = to_minute(found.gathered_at)
        yield pick(language, f"{at} (UTC) 당시의 내용:", f"What was known at {at} (UTC):")
    yield from total_lines(found, language)
    if explain:
        yield ""
        yield from movement_lines(found, language)
    yield ""
    yield from alike_lines(found, language)
    if case.decisions:
        yield ""
        yield pick(language, "결정:", "Decisions:")
        for one in case.decisions:
            yield "  " + decision_line(one, file.outcomes.get(one.number, {}), language)
    yield ""
    yield from _next(case, language)


def case_rows(found: Sequence[CaseView], language: Language) -> Iterator[str]:
    """Return cases as a table."""
    heads = pick(
        language,
        "번호,접수(UTC),회원,기간,등급,모자란 포인트,지금,매장,상태,접수자",
        "case,opened (UTC),member,period,tier,missing,now,store,state,by",
    ).split(",")
    rows = [
        [
            one.number,
            to_minute(one.opened_at),
            one.member_id if one.counts_as is None else f"{one.member_id} → {one.counts_as}",
            one.period,
            one.tier,
            f"{one.missing:,}",
            f"{one.missing_now:,}",
            one.home_store,
            pick(language, _STATES_KO[one.state], one.state),
            one.opened_by,
        ]
        for one in found
    ]
    if not rows:
        yield pick(language, "이의 신청이 없습니다.", "There is no case.")
        return
    yield from table(heads, rows)


def decision_line(one: DecisionView, outcomes: Mapping[str, int], language: Language) -> str:
    """Return a decision on a case in a line, and what became of those whom it covers."""
    detail, code = one.detail, one.detail.get("reason_code", "")
    people = f"{one.made_by} / {one.given_by}" if one.given_by else one.made_by
    kind = pick(language, _DECIDED_KO[one.kind], one.kind)
    state = "" if one.state == "stands" else f" {pick(language, _VERDICTS_KO[one.state], one.state)}"
    said = f"{one.number} {kind}{state} ({people}{code and f', {code}'})"
    if one.kind == "grant":
        until = date_of(Day(detail["until_day"])).isoformat()
        said += pick(
            language,
            f": {detail['members']:,}명, {until}까지",
            f": {_members(detail['members'])}, until {until}",
        )
        if detail["alone"]:
            said += pick(
                language,
                f", 같은 조건의 {detail['left_out']:,}명은 제외",
                f", though {detail['left_out']:,} more stood alike",
            )
        ruled = [f"{pick(language, _OUTCOMES_KO[name], name)} {count:,}" for name, count in outcomes.items()]
        said += f" ({', '.join(ruled)})"
    if detail.get("unlike"):
        said += pick(
            language, ": 같은 조건의 회원에게 부여한 적 있음", ": though one who stood alike was granted it"
        )
    return f"{said}. {one.reason}"


def _head(case: CaseView, language: Language) -> Iterator[str]:
    who = case.member_id if case.counts_as is None else f"{case.member_id} ({case.counts_as})"
    yield pick(
        language,
        f"이의 신청 {case.number}: 회원 {who}, {case.period} {case.tier} 등급, 접수 당시 "
        f"{points(case.missing, 'ko')} 부족 - {_STATES_KO[case.state]}",
        f"Case {case.number}: member {who} asks for {case.tier} of {case.period}, "
        f"{points(case.missing, 'en')} short when it was opened - {case.state}",
    )
    yield pick(
        language,
        f"접수 {to_minute(case.opened_at)} (UTC), {case.opened_by}, 매장 {case.home_store or '-'}",
        f"opened {to_minute(case.opened_at)} (UTC) by {case.opened_by}, home store {case.home_store or '-'}",
    )
    if case.words:
        yield f"  “{case.words}”"
    if case.moot is not None:
        yield pick(language, *_MOOT[case.moot])


def _next(case: CaseView, language: Language) -> Iterator[str]:
    """Return what to do next."""
    number = case.number
    match case.state:
        case "open":
            yield pick(language, "다음 단계:", "Next:")
            yield f"  hq-server case propose {number} --reason-code CODE --reason TEXT --by NAME"
            yield f"  hq-server case refuse {number} --reason-code CODE --reason TEXT --by NAME"
        case "proposed":
            waits = next(one for one in case.decisions if one.state == "waiting")
            yield pick(language, "다음 단계(다른 담당자):", "Next, by another person:")
            yield f"  hq-server decision approve {waits.number} --by OTHER"
            yield f"  hq-server decision refuse {waits.number} --by OTHER"
        case "moot":
            yield pick(language, "다음 단계:", "Next:")
            yield f"  hq-server case withdraw {number} --reason TEXT --by NAME"
        case _:
            yield pick(language, "처리가 끝난 이의 신청입니다.", "This case has ended.")


def _members(count: int) -> str:
    return f"{count:,} member" if count == 1 else f"{count:,} members"
