"""Members who move between tiers, and what that costs, as a table in Korean and English."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hq_server.cli.lines import table
from hq_server.move_costs import GiftCount, Move
from loyalty_core.explain import Language, money, pick


def move_lines(moves: Sequence[Move], currency: str, language: Language) -> Iterator[str]:
    """Return a line for each move, from the lowest tier up."""
    if not moves:
        yield pick(language, "등급이 바뀌는 회원이 없습니다.", "Nobody would move.")
        return
    yield from table(
        pick(
            language,
            "현재,마감 후,회원,기간 중 구매,할인 추가 비용(추정),사은품",
            "from,to,members,bought in the period,discount costs more (estimate),gifts",
        ).split(","),
        [
            [
                one.from_tier,
                one.to_tier,
                f"{one.members:,}",
                money(one.bought_minor, currency, language),
                money(one.discount_minor, currency, language),
                ", ".join(_gift(gift, language) for gift in one.gifts),
            ]
            for one in moves
        ],
    )


def _gift(gift: GiftCount, language: Language) -> str:
    name = gift.names.get(language) or next(iter(gift.names.values()), pick(language, "사은품", "gift"))
    return f"{name} {gift.more:+,}"
