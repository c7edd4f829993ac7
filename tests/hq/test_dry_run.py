"""The close of a period, tried: who would move, at what cost, and what treating near-misses alike costs."""

from __future__ import annotations

from collections.abc import Iterable

from hq_server.cli.period_words import dry_run_lines, status_lines
from hq_server.dry_run import DryRun, dry_run
from hq_server.house import load_house
from hq_server.move_costs import GiftCount, Move
from hq_server.periods import status
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import purchase, void

GENEROUS = PROGRAMME.replace("version = 1", "version = 2").replace(
    'code = "GOLD"\nfrom = 300\n',
    'code = "GOLD"\nfrom = 300\nbenefits = [{ kind = "discount", percent = "2.5" },'
    ' { kind = "gift", name = { ko = "골프공", en = "golf balls" } }]\n',
)


def tried(hq: Hq) -> DryRun:
    with hq.reading() as tx:
        return dry_run(tx, load_house(tx), "2026-H2", hq.clock(), lambda _: None)


def text(lines: Iterable[str]) -> str:
    return "\n".join(lines)


async def bought(hq: Hq, tills: Tills) -> None:
    """Let M1 stay, M2 and M3 rise, and M4 lack 2 points to GOLD."""
    hq.publish(GENEROUS)
    hq.members("member_id\nM1\nM2\nM3\nM4\n")
    till = await tills.join()
    till.record(purchase("1", 150_000, member="id:M2"))
    till.record(purchase("2", 300_000, member="id:M3"))
    till.record(purchase("3", 298_999, member="id:M4"))
    till.record(purchase("4", 700_000, member="id:M4"))
    till.record(void("4"))
    await tills.send(till)


async def test_who_would_move_is_counted_with_what_they_bought_and_what_that_costs(
    hq: Hq, tills: Tills
) -> None:
    await bought(hq, tills)
    found = tried(hq)
    assert (found.members, found.staying, found.ended) == (4, 1, False)
    assert {one.member_id: (one.from_tier, one.to_tier) for one in found.movers} == {
        "M2": ("BRONZE", "SILVER"),
        "M3": ("BRONZE", "GOLD"),
        "M4": ("BRONZE", "SILVER"),
    }
    golf_balls = GiftCount(names={"ko": "골프공", "en": "golf balls"}, more=1)
    assert found.moves == (
        Move(
            from_tier="BRONZE",
            to_tier="SILVER",
            members=2,
            bought_minor=448_999,
            discount_minor=0,
            gifts=(),
        ),
        Move(
            from_tier="BRONZE",
            to_tier="GOLD",
            members=1,
            bought_minor=300_000,
            discount_minor=7_500,
            gifts=(golf_balls,),
        ),
    )


async def test_treating_near_misses_alike_is_costed_on_top(hq: Hq, tills: Tills) -> None:
    await bought(hq, tills)
    (move,) = tried(hq).near_miss_moves
    assert (move.from_tier, move.to_tier, move.members) == ("SILVER", "GOLD", 1)
    assert (move.bought_minor, move.discount_minor) == (298_999, 7_474)
    assert [gift.more for gift in move.gifts] == [1]


async def test_a_dry_run_writes_nothing(hq: Hq, tills: Tills) -> None:
    await bought(hq, tills)
    before = hq.sql("SELECT * FROM entries"), hq.sql("SELECT * FROM totals")
    tried(hq)
    assert (hq.sql("SELECT * FROM entries"), hq.sql("SELECT * FROM totals")) == before


async def test_staff_read_it_in_both_languages_as_an_estimate(hq: Hq, tills: Tills) -> None:
    await bought(hq, tills)
    found = tried(hq)
    english, korean = text(dry_run_lines(found, "en")), text(dry_run_lines(found, "ko"))
    assert "nothing is changed. Of 4 members, 1 would stay where they are." in english
    assert "If everyone within 10 points of the next tier were given it, on top of that:" in english
    assert "7,500 won" in english
    assert "golf balls +1" in english
    assert "The cost is an estimate: the new tier's discount less the old one's" in english
    assert "회원 4명 중 1명은 그대로입니다." in korean
    assert "비용은 추정입니다" in korean
    assert "골프공 +1" in korean


async def test_staff_read_the_state_of_a_period_in_both_languages(hq: Hq, tills: Tills) -> None:
    await bought(hq, tills)
    with hq.reading() as tx:
        found = status(tx, load_house(tx), "2026-H2", hq.clock())
    assert "Within 10 points of the next tier: 1 member\n" in text(status_lines(found, "en"))
    korean = text(status_lines(found, "ko"))
    assert "다음 등급까지 10점 이내인 회원: 1명" in korean
    assert "승인됨" in korean


def test_nobody_moves_where_nothing_was_earned(hq: Hq) -> None:
    hq.members("member_id\nM1\n")
    found = tried(hq)
    assert (found.moves, found.near_miss_moves, found.staying) == ((), (), 1)
    assert text(dry_run_lines(found, "en")).count("Nobody would move.") == 2


async def test_members_who_count_as_one_are_one_and_have_bought_together(hq: Hq, tills: Tills) -> None:
    await bought(hq, tills)
    buckets: dict[str, int] = dict(hq.sql("SELECT member_id, bucket FROM members"))
    with hq.writing() as tx:
        tx.run("accounts.add_merge", bucket=buckets["M2"], member_id="M2", into_member="M3")
        tx.run("accounts.add_merged", bucket=buckets["M3"], member_id="M3", from_member="M2")
    found = tried(hq)
    assert found.members == 3
    assert {one.to_tier: (one.members, one.bought_minor) for one in found.moves} == {
        "SILVER": (1, 298_999),
        "GOLD": (1, 450_000),
    }


async def test_what_a_move_costs_follows_the_version_in_force_when_the_tier_begins(
    hq: Hq, tills: Tills
) -> None:
    await bought(hq, tills)
    before = [(move.discount_minor, move.gifts) for move in tried(hq).moves]
    later = GENEROUS.replace("version = 2", "version = 3").replace("golf balls", "gloves")
    hq.publish(later.replace('percent = "2.5"', 'percent = "5"').replace("2026-07-01", "2027-01-10"))
    after = [(move.discount_minor, move.gifts) for move in tried(hq).moves]
    (_, (discount, (gift,))), (silver, (doubled, (other,))) = before, after
    assert silver == before[0]
    assert (gift.names["en"], other.names["en"]) == ("golf balls", "gloves")
    assert doubled == 2 * discount > 0
