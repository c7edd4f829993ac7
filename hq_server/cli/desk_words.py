"""What `desk list` and `desk figures` say, in Korean and English, and the list as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Final

from hq_server.cli.evidence_words import RULED
from hq_server.cli.lines import table
from hq_server.desk.figures import Figures, Line
from hq_server.desk.near_misses import NearMisses
from hq_server.exports.cells import inert
from loyalty_core.explain import Language, pick, points

COLUMNS: Final = (
    "member_id",
    "home_store",
    "last_visit",
    "qualifying",
    "earned",
    "tier",
    "missing",
    "ruled",
    "decision",
    "case",
    "ways_ko",
    "ways_en",
)
_STATES: Final = {
    "running": ("진행 중", "running"),
    "ended": ("종료, 마감 전", "over, not closed yet"),
    "closed": ("마감됨", "closed"),
}
_CASES_KO: Final = {
    "open": "진행 중",
    "moot": "처리 불필요",
    "granted": "부여",
    "refused": "거절",
    "withdrawn": "취하",
}


def near_miss_lines(found: NearMisses, language: Language) -> Iterator[str]:
    """Return who is near the next tier: what would do it while the period runs, what was ruled after it."""
    within = points(found.near_miss_points, language)
    state = pick(language, *_STATES[found.state])
    if not found.near_miss_points:
        yield pick(
            language,
            f"{found.period}: 프로그램에 근소 미달 기준(near_miss)이 없습니다.",
            f"{found.period}: the programme names no near-miss tolerance (near_miss).",
        )
        return
    yield pick(
        language,
        f"{found.period} ({state}, {found.last_day}까지): 다음 등급까지 {within} 이내인 회원 "
        f"{found.members:,}명",
        f"{found.period} ({state}, until {found.last_day}), within {within} of the next tier: "
        f"{_members(found.members)}",
    )
    if not found.listed:
        return
    heads = pick(
        language,
        "회원,매장,마지막 방문,포인트,달성 등급,다음 등급,모자란 포인트,처리,이의 신청",
        "member,store,last visit,points,earned,next,missing,ruled,case",
    ).split(",")
    rows = [
        [
            one.member_id,
            one.home_store,
            one.last_visit or "",
            f"{one.qualifying:,}",
            one.earned,
            one.tier,
            f"{one.missing:,}",
            "" if one.ruled is None else RULED[language][one.ruled],
            one.case or "",
        ]
        for one in found.listed
    ]
    if found.state == "running":
        heads = [*heads[:-2], pick(language, "방법", "ways")]
        rows = [
            [*row[:-2], " / ".join(pick(language, way.ko, way.en) for way in one.ways)]
            for row, one in zip(rows, found.listed, strict=True)
        ]
    yield from table(heads, rows)
    left = found.members - len(found.listed)
    if left:
        yield pick(language, f"그 밖에 {left:,}명", f"and {left:,} more")


def near_miss_csv(found: NearMisses) -> Iterator[str]:
    """Return the list as lines of CSV, one a member; no cell is taken for a formula."""
    yield _row(COLUMNS)
    for one in found.listed:
        yield _row(
            (
                one.member_id,
                one.home_store,
                one.last_visit or "",
                str(one.qualifying),
                one.earned,
                one.tier,
                str(one.missing),
                one.ruled or "",
                str(one.decision or ""),
                str(one.case or ""),
                " / ".join(way.ko for way in one.ways),
                " / ".join(way.en for way in one.ways),
            )
        )


def figures_lines(found: Figures, language: Language) -> Iterator[str]:
    """Return how the desk has ruled in a period."""
    yield pick(
        language,
        f"{found.period}: 한도 {found.per_period_max:,}명 중 {found.used:,}명 부여 또는 승인 대기",
        f"{found.period}: {found.used:,} of {found.per_period_max:,} grants given or proposed",
    )
    if found.cases:
        told = ", ".join(
            f"{pick(language, _CASES_KO[state], state)} {count:,}" for state, count in found.cases.items()
        )
        yield pick(language, f"이의 신청: {told}", f"cases: {told}")
    for name, lines in (
        (pick(language, "전체", "in all"), (found.in_all,)),
        (pick(language, "매장", "store"), found.by_store),
        (pick(language, "제안·거절한 사람", "proposed or refused by"), found.by_person),
        (pick(language, "승인·반려한 사람", "second person"), found.by_approver),
        (pick(language, "모자란 포인트", "missing"), found.by_gap),
    ):
        if lines:
            yield ""
            yield from _lines(name, lines, language)


def _lines(name: str, lines: Sequence[Line], language: Language) -> Iterator[str]:
    heads = pick(
        language, "부여,그중 단독,거절,그중 차등", "granted,of these alone,refused,of these unlike"
    ).split(",")
    yield from table(
        [name, *heads],
        [
            [
                one.name,
                f"{one.granted:,}",
                f"{one.granted_alone:,}",
                f"{one.refused:,}",
                f"{one.refused_unlike:,}",
            ]
            for one in lines
        ],
    )


def _members(count: int) -> str:
    return f"{count:,} member" if count == 1 else f"{count:,} members"


def _row(cells: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([inert(cell) for cell in cells])
    return out.getvalue()
