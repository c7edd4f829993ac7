"""What `programme check` and `publish` say by themselves, in Korean and English."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from hq_server.programmes import Moves
from loyalty_core.calendar import date_of
from loyalty_core.explain import Language
from loyalty_core.programme import Programme

QUESTION: Final[Mapping[Language, str]] = {
    "ko": "공개하고 이 포인트를 바꿀까요?",
    "en": "Publish and change these points?",
}


def no_mistakes(file: str, language: Language) -> str:
    """Return that a programme file can be published."""
    return f"{file}: 잘못된 곳이 없습니다." if language == "ko" else f"{file}: no mistakes."


def published(programme: Programme, language: Language, *, again: bool) -> str:
    """Return that a version stands, and from when."""
    what, day = programme.programme_id, date_of(programme.effective_from).isoformat()
    if language == "ko":
        verb = "이미 공개되어 있습니다" if again else "공개했습니다"
        return f"{what} 버전 {programme.version}: {verb}. {day}부터 적용됩니다."
    verb = "has been published before" if again else "is published"
    return f"{what} version {programme.version} {verb}, effective from {day}."


def moved(moves: Moves, language: Language) -> Iterator[str]:
    """Yield what publishing changes in what is posted already, a line for each kind of points."""
    redeemable = (moves.redeemable_up, -moves.redeemable_down)
    qualifying = (moves.qualifying_up, -moves.qualifying_down)
    if language == "ko":
        yield f"회원 {moves.members:,}명의 포인트가 바뀝니다."
        yield f"  사용 가능 포인트: {_ko(*redeemable)}"
        yield f"  등급 포인트: {_ko(*qualifying)}"
        if moves.claims:
            yield f"  {moves.claims:,}건의 구매는 임자가 바뀝니다."
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
