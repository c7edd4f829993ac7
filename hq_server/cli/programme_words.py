"""What `programme check`, `diff`, `publish` and `list` say by themselves, in Korean and English."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from hq_server.cli.lines import table
from hq_server.programme_view import ProgrammeView, TillProgramme
from hq_server.programmes import Moves
from loyalty_core.calendar import date_of
from loyalty_core.explain import Language, date_text, pick
from loyalty_core.programme import Programme
from loyalty_core.programme_differences import differences

BEHIND_MAX: Final = 50
"""How many tills that lack a version are listed for people."""
QUESTION: Final[Mapping[Language, str]] = {
    "ko": "공개하고 위와 같이 포인트를 변경할까요?",
    "en": "Publish and change these points?",
}


def no_mistakes(file: str, language: Language) -> str:
    """Return that a programme file can be published."""
    return f"{file}: 오류가 없습니다." if language == "ko" else f"{file}: no mistakes."


def published(programme: Programme, language: Language, *, again: bool) -> str:
    """Return that a version stands, and from when."""
    what, day = programme.programme_id, date_of(programme.effective_from).isoformat()
    if language == "ko":
        verb = "이미 공개되어 있습니다" if again else "공개했습니다"
        return f"{what} 버전 {programme.version}: {verb}. {day}부터 적용됩니다."
    verb = "has been published before" if again else "is published"
    return f"{what} version {programme.version} {verb}, effective from {day}."


def differing(before: Programme | None, after: Programme, language: Language) -> Iterator[str]:
    """Yield what a version says otherwise than another, a line for each thing."""
    version, since = after.version, date_text(after.effective_from, language)
    if before is None:
        yield pick(
            language,
            f"버전 {version}: {since}부터 적용되는 첫 버전입니다.",
            f"Version {version}, from {since} on, takes no other one's place.",
        )
        return
    old, old_since = before.version, date_text(before.effective_from, language)
    yield pick(
        language,
        f"버전 {old}({old_since}부터) → 버전 {version}({since}부터), 달라지는 점:",
        f"Version {version} (from {since} on) differs from version {old} (from {old_since} on):",
    )
    found = differences(before, after, language)
    if not found:
        yield pick(language, "  규칙은 그대로입니다.", "  No rule is another.")
    for one in found:
        if one.was is None:
            yield pick(language, f"  추가: {one.now}", f"  New: {one.now}")
        elif one.now is None:
            yield pick(language, f"  삭제: {one.was}", f"  Gone: {one.was}")
        else:
            yield pick(language, f"  이전: {one.was}", f"  Until then: {one.was}")
            yield pick(language, f"  이후: {one.now}", f"  From then on: {one.now}")


def listed(versions: Sequence[ProgrammeView], tills: Iterable[TillProgramme]) -> Iterator[str]:
    """Yield the versions, and the tills that do not have all of them yet."""
    heads = ["programme", "version", "effective_from", "published_at", "state", "tills", "lacking"]
    rows = [
        [
            one.programme,
            one.version,
            one.effective_from,
            one.published_at,
            one.state.replace("_", " "),
            one.tills_running,
            len(one.tills_lacking),
        ]
        for one in versions
    ]
    yield from table(heads, rows)
    lacking = {name for one in versions for name in one.tills_lacking}
    behind = [[one.terminal_id, one.has or "", one.runs or ""] for one in tills if one.terminal_id in lacking]
    if behind:
        yield ""
        yield from table(["lacks the newest", "has up to", "runs by"], behind[:BEHIND_MAX])
    if len(behind) > BEHIND_MAX:
        yield f"... and {len(behind) - BEHIND_MAX} more: --json names all"


def moved(moves: Moves, language: Language) -> Iterator[str]:
    """Yield what publishing changes in what is posted already, a line for each kind of points."""
    redeemable = (moves.redeemable_up, -moves.redeemable_down)
    qualifying = (moves.qualifying_up, -moves.qualifying_down)
    if language == "ko":
        yield f"회원 {moves.members:,}명의 포인트가 바뀝니다."
        yield f"  사용 가능 포인트: {_ko(*redeemable)}"
        yield f"  등급 포인트: {_ko(*qualifying)}"
        if moves.claims:
            yield f"  {moves.claims:,}건의 구매는 적립되는 회원이 바뀝니다."
        return
    whose = {0: "no member", 1: "1 member"}.get(moves.members, f"{moves.members:,} members")
    yield f"This changes the points of {whose}."
    yield f"  Redeemable points: {_en(*redeemable)}"
    yield f"  Qualifying points: {_en(*qualifying)}"
    if moves.claims:
        yield f"  Claimed purchases that change hands besides: {moves.claims:,}"


def _ko(up: int, down: int) -> str:
    if not up and not down:
        return "그대로"
    told = [f"{up:,}점 추가"] * bool(up) + [f"{down:,}점 차감"] * bool(down)
    return ", ".join(told)


def _en(up: int, down: int) -> str:
    if not up and not down:
        return "none change"
    told = [f"{up:,} added"] * bool(up) + [f"{down:,} taken away"] * bool(down)
    return " and ".join(told)
