"""Evidence on an appeal in Korean and English: the total, what weights made of it, who stands alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from hq_server.cli.lines import table
from hq_server.cli.move_words import move_lines
from hq_server.desk.evidence import Evidence, MovementView, WeightView
from hq_server.desk.standing import Ruled
from loyalty_core.explain import Language, money, pick, points

ALIKE_SHOWN: Final = 20
RULED: Final[Mapping[Language, Mapping[Ruled, str]]] = {
    "ko": {
        "open": "미처리",
        "holds": "이미 보유",
        "waiting": "승인 대기",
        "granted": "부여됨",
        "refused": "거절됨",
    },
    "en": {
        "open": "not ruled on",
        "holds": "holds it already",
        "waiting": "waits for approval",
        "granted": "granted",
        "refused": "refused",
    },
}
_KINDS: Final[Mapping[str, tuple[str, str]]] = {
    "visit": ("방문", "visit"),
    "purchase": ("구매", "purchase"),
    "bonus": ("보너스", "bonus"),
    "cap": ("한도", "cap"),
    "clawback": ("회수", "taken back"),
    "adjustment": ("조정", "adjusted"),
}


def total_lines(found: Evidence, language: Language) -> Iterator[str]:
    """Return how a total came about, and what it would be with every weight 1."""
    yield pick(
        language,
        f"{found.period} 등급 포인트 {points(found.qualifying, 'ko')} (기준 {points(found.starts_at, 'ko')}, "
        f"{points(found.missing, 'ko')} 부족, 근소 미달 범위 {points(found.near_miss_points, 'ko')})",
        f"{found.period}: {found.qualifying:,} qualifying {_word(found.qualifying)} of {found.starts_at:,}, "
        f"{found.missing:,} missing; the programme calls {found.near_miss_points:,} a near miss",
    )
    rows: list[list[object]] = [
        [
            weight_names(share.weights, language),
            f"{share.events:,}",
            f"{share.qualifying:,}",
            f"{share.alike:,}",
        ]
        for share in found.by_weight
    ]
    rows.append(
        [
            pick(language, "보너스·한도·회수·조정", "bonuses, caps, taken back, adjusted"),
            "",
            f"{found.others_qualifying:,}",
            f"{found.others_alike:,}",
        ]
    )
    if found.by_close:
        rows.append(
            [
                pick(language, "마감 합계 유지", "kept, since it was closed"),
                "",
                f"{found.by_close:,}",
                f"{found.by_close:,}",
            ]
        )
    rows.append(
        [pick(language, "합계", "in all"), "", f"{found.qualifying:,}", f"{found.alike_qualifying:,}"]
    )
    heads = pick(
        language,
        "가중치,방문·구매,포인트,가중치가 모두 1이면",
        "visits and purchases under,count,points,with every weight 1",
    ).split(",")
    yield from table(heads, rows)
    yield alike_sentence(found, language)
    held = ", ".join(
        pick(language, f"{step.from_date}부터 {step.tier}", f"{step.tier} from {step.from_date}")
        for step in found.held
    )
    if held:
        yield pick(language, f"지금까지 결정된 등급: {held}", f"tiers decided so far: {held}")


def alike_sentence(found: Evidence, language: Language) -> str:
    """Return what the total would be with every visit counted the same, in a sentence."""
    total = found.alike_qualifying
    if total == found.qualifying:
        return pick(
            language,
            "모든 방문을 가중치 없이 똑같이 계산해도 합계는 같습니다.",
            "With every visit counted the same the total would be the same.",
        )
    if found.alike_missing:
        return pick(
            language,
            f"모든 방문을 가중치 없이 똑같이 계산하면 {points(total, 'ko')}으로, {found.tier} 등급까지 "
            f"{points(found.alike_missing, 'ko')}이 부족합니다.",
            f"With every visit counted the same it would be {points(total, 'en')}: {found.alike_missing:,} "
            f"short of {found.tier}.",
        )
    return pick(
        language,
        f"모든 방문을 가중치 없이 똑같이 계산하면 {points(total, 'ko')}으로, {found.tier} 등급 기준을 "
        "충족합니다.",
        f"With every visit counted the same it would be {points(total, 'en')}: that is {found.tier}.",
    )


def movement_lines(found: Evidence, language: Language) -> Iterator[str]:
    """Return every movement with its reasons."""
    yield pick(language, "포인트 내역:", "Every movement:")
    for one in found.movements:
        yield _movement(one, found.currency, language)
        yield from (f"    {said}" for said in (one.ko if language == "ko" else one.en))
    left = found.movements_in_all - len(found.movements)
    if left:
        yield pick(language, f"그 밖에 {left:,}건", f"and {left:,} more")


def _movement(one: MovementView, currency: str, language: Language) -> str:
    where = " ".join(part for part in (one.business_date, one.time, one.store) if part)
    what = pick(language, *_KINDS.get(one.kind, (one.kind, one.kind)))
    if one.bought_minor is not None:
        what += f" {money(one.bought_minor, currency, language)}"
    gave = pick(
        language,
        f"{points(one.qualifying, 'ko')} (가중치 1이면 {points(one.alike, 'ko')})",
        f"{points(one.qualifying, 'en')} ({one.alike:,} with every weight 1)",
    )
    return f"  {where}  {what}  {gave}"


def alike_lines(found: Evidence, language: Language) -> Iterator[str]:
    """Return who stands alike, how they were ruled on, and what it costs to treat them alike."""
    alike = found.alike
    if not alike.members:
        return
    missing = points(found.missing, language)
    yield pick(
        language,
        f"{found.tier} 등급까지 부족한 포인트가 {missing} 이하인 회원: {alike.members:,}명 (이 회원 포함)",
        f"{_members(alike.members)} on this step lack {missing} or less to {found.tier}, this one among them",
    )
    words = RULED[language]
    ruled = ", ".join(f"{words[one]} {alike.ruled[one]:,}" for one in words if one in alike.ruled)
    yield f"  {ruled}"
    yield from table(
        pick(
            language,
            "회원,포인트,모자란 포인트,매장,처리,결정,이의 신청",
            "member,points,missing,store,ruled,decision,case",
        ).split(","),
        [
            [
                one.member_id,
                f"{one.qualifying:,}",
                f"{one.missing:,}",
                one.home_store,
                words[one.ruled],
                one.decision or "",
                one.case or "",
            ]
            for one in alike.listed[:ALIKE_SHOWN]
        ],
    )
    if alike.members > ALIKE_SHOWN:
        left = alike.members - ALIKE_SHOWN
        yield pick(language, f"그 밖에 {left:,}명 (--json)", f"and {left:,} more (--json)")
    yield pick(
        language,
        f"이 기간에 이미 부여되었거나 승인 대기 중인 회원: {found.grants_used:,}명",
        f"grants of {found.period} given or proposed before this: {found.grants_used:,}",
    )
    if found.moves:
        yield ""
        yield pick(
            language,
            "아직 받지 못한 회원 모두에게 부여할 경우 (추정):",
            "To give it to all of them who do not have it yet would cost, by the estimate:",
        )
        yield from move_lines(found.moves, found.currency, language)
        if alike.looked_at < alike.members:
            yield pick(
                language,
                f"기준에 가장 가까운 {alike.looked_at:,}명만 계산했습니다.",
                f"Only the nearest {alike.looked_at:,} were looked at.",
            )


def counted(events: int) -> str:
    """Return how many visits and purchases in English."""
    return f"{events:,} visit or purchase" if events == 1 else f"{events:,} visits and purchases"


def weight_names(weights: Sequence[WeightView], language: Language) -> str:
    """Return weights by their names and multipliers."""
    if not weights:
        return pick(language, "가중치 없음", "no weight")
    return ", ".join(f"{one.names.get(language, one.rule)} x {one.times}" for one in weights)


def _members(count: int) -> str:
    return f"{count:,} member" if count == 1 else f"{count:,} members"


def _word(count: int) -> str:
    return "point" if abs(count) == 1 else "points"
