"""What a member may be told of their own case, in Korean and English. It names nobody else."""

from __future__ import annotations

from collections.abc import Iterator

from hq_server.cli.evidence_words import alike_sentence, counted, weight_names
from hq_server.desk.case_view import CaseFile, known
from loyalty_core.explain import Language, pick, points


def reply_lines(file: CaseFile, language: Language) -> Iterator[str]:
    """Return the member's total, what weights made of it, and what was ruled."""
    case, found = file.case, known(file)
    name = f"{found.period} ({found.first_day} ~ {found.last_day})"
    yield pick(
        language,
        f"고객님의 {name} 등급 포인트는 {points(found.qualifying, 'ko')}입니다. {found.tier} 등급 기준은 "
        f"{points(found.starts_at, 'ko')}입니다.",
        f"Your qualifying points of {name} are {found.qualifying:,}; {found.tier} begins at "
        f"{found.starts_at:,}.",
    )
    if found.missing:
        are = "is" if found.missing == 1 else "are"
        yield pick(
            language,
            f"기준까지 {points(found.missing, 'ko')}이 부족합니다.",
            f"{found.missing:,} {are} missing.",
        )
    for share in found.by_weight:
        if share.events:
            names = weight_names(share.weights, language)
            yield "  " + pick(
                language,
                f"{names}: {share.events:,}회, {points(share.qualifying, 'ko')}",
                f"{names}: {counted(share.events)}, {points(share.qualifying, 'en')}",
            )
    if found.others_qualifying:
        yield "  " + pick(
            language,
            f"보너스·한도·회수·조정: {points(found.others_qualifying, 'ko')}",
            f"bonuses, caps, what was taken back, adjustments: {points(found.others_qualifying, 'en')}",
        )
    yield alike_sentence(found, language)
    match case.state:
        case "granted" if file.granted_from is not None:
            since, until = file.granted_from, file.granted_until
            yield pick(
                language,
                f"{since}부터 {until}까지 {found.tier} 등급을 적용해 드립니다. 포인트는 달라지지 않습니다.",
                f"You are given {found.tier} from {since} until {until}. Your points stay as they are.",
            )
        case "refused":
            yield pick(
                language,
                f"검토 결과 {found.tier} 등급을 적용해 드리기 어렵습니다. 양해 부탁드립니다.",
                f"{found.tier} cannot be given.",
            )
        case "moot" if case.moot == "reached":
            yield pick(
                language,
                f"마감 후 반영된 포인트로 {found.tier} 등급 기준을 달성하셨습니다.",
                f"With the points that came since the close you have reached {found.tier}.",
            )
        case "withdrawn" | "moot" | "granted":  # granted to who counted as this member, and does no more
            yield pick(language, "이 요청은 처리가 종료되었습니다.", "This request has ended.")
        case _:
            yield pick(language, "현재 검토 중입니다.", "It is being looked at.")
