"""What `import` says of each file of a stick, in Korean and English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hq_server.usb_requests import Took
from loyalty_core.errors import printable
from loyalty_core.explain import Language, pick


def took_line(took: Took, language: Language, *, dry_run: bool) -> str:
    """Return the line of one file: whose it is, which records, what became of it."""
    parts = [_became(took, language, dry_run=dry_run)]
    if took.replies:
        parts.append(_replies(took, language))
    if took.code:
        parts.append(f"{took.sentence} ({took.code})")
    return printable(f"{took.file}: {_whose(took)}{', '.join(parts)}")


def found_lines(taken: Sequence[Took], folder: str, language: Language, *, dry_run: bool) -> Iterator[str]:
    """Return what comes after the files: how much was new, and what to do with the stick."""
    new = sum(took.new for took in taken)
    if dry_run:
        yield pick(
            language,
            f"파일 {len(taken):,}개, 새 기록 {new:,}건: 시험이므로 아무것도 바뀌지 않았습니다.",
            f"{_files(len(taken))}, {_records(new)} new: a dry run, nothing was changed.",
        )
        return
    yield pick(
        language,
        f"파일 {len(taken):,}개, 새 기록 {new:,}건을 받았습니다.",
        f"{_files(len(taken))}, {_records(new)} new.",
    )
    if any(took.replies for took in taken):
        yield pick(
            language,
            f"다음: 매장에서 edge-agent import {folder}",
            f"Next, at each till: edge-agent import {folder}",
        )


def _whose(took: Took) -> str:
    if not took.terminal:
        return ""
    if took.first is None or took.last is None:
        return f"{took.terminal}: "
    return f"{took.terminal} {_place(took.first)}-{_place(took.last)}: "


def _became(took: Took, language: Language, *, dry_run: bool) -> str:
    if took.became == "kept":
        return pick(
            language,
            f"새 기록 {took.new:,}건{' (시험)' if dry_run else ''}",
            f"{_records(took.new)} {'would be ' if dry_run else ''}new",
        )
    korean, english = {
        "known": ("이미 받은 기록", "known already"),
        "asked": ("기록 없음, 요청만", "no records, a question only"),
        "repeated": ("다른 이름의 같은 파일", "the same as another file"),
    }.get(took.became, ("거절", "refused"))
    return pick(language, korean, english)


def _replies(took: Took, language: Language) -> str:
    members = pick(
        language,
        f"회원 {took.members:,}명",
        f"{took.members:,} {'member' if took.members == 1 else 'members'}",
    )
    more = pick(language, ", 나머지는 다음에", ", the others next time") if took.more else ""
    return pick(
        language,
        f"답장 {len(took.replies):,}개({members}{more})",
        f"answered in {_files(len(took.replies))} ({members}{more})",
    )


def _place(place: tuple[int, int]) -> str:
    return f"{place[0]}.{place[1]}"


def _files(count: int) -> str:
    return f"{count:,} {'file' if count == 1 else 'files'}"


def _records(count: int) -> str:
    return f"{count:,} {'record' if count == 1 else 'records'}"
