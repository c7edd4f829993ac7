"""A period as it stands: members who have done nothing count, and what came to nothing is not shown."""

from __future__ import annotations

from hq_server.account_view import standing
from hq_server.dry_run import dry_run
from hq_server.house import load_house
from hq_server.periods import PeriodStatus, status
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.desk import Desk
from tests.hq.events import purchase

FIRST_DAY_OF_2026_H2 = 20635


def read(hq: Hq) -> PeriodStatus:
    with hq.reading() as tx:
        return status(tx, load_house(tx), "2026-H2", hq.clock())


def periods_of(hq: Hq, member_id: str) -> list[str]:
    with hq.reading() as tx:
        return [period.id for period in standing(tx, load_house(tx), member_id, hq.clock()).periods]


async def test_a_member_without_a_point_is_a_near_miss_where_nothing_is_near_enough(
    hq: Hq, tills: Tills
) -> None:
    near = PROGRAMME.replace("version = 1", "version = 2").replace("from = 100", "from = 10")
    hq.publish(near)
    hq.members("member_id\nM1\nM2\nM3\n")
    till = await tills.join()
    till.record(purchase("1", 3_000, member="id:M2"))
    till.record(purchase("2", 10_000, member="id:M3"))
    await tills.send(till)
    found = [(one.member_id, one.qualifying, one.tier, one.missing) for one in read(hq).near_misses]
    assert found == [("M2", 3, "SILVER", 7), ("M1", 0, "SILVER", 10)]


def test_a_member_without_a_point_is_no_near_miss_beyond_the_tolerance(hq: Hq) -> None:
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("from = 100", "from = 11"))
    hq.members("member_id\nM1\n")
    assert read(hq).near_misses == ()


def test_only_members_who_are_there_and_count_for_themselves_are_told_of(hq: Hq) -> None:
    """B and D count as A and C, E and F were erased; one of each has earned something."""
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("from = 100", "from = 10"))
    hq.members("member_id\n" + "".join(f"{name}\n" for name in "ABCDEF"))
    desk = Desk(hq)
    desk.send(desk.till(), *[purchase(name, 3_000, f"id:{name}") for name in "BE"])
    desk.merge("B", "A")
    desk.merge("D", "C")
    desk.erase("E")
    desk.erase("F")
    found = read(hq)
    assert [(one.tier, one.members) for one in found.tiers] == [("BRONZE", 2), ("SILVER", 0), ("GOLD", 0)]
    assert [(one.member_id, one.missing) for one in found.near_misses] == [("A", 7), ("C", 10)]
    tried = desk.read(lambda tx, house: dry_run(tx, house, "2026-H2", hq.clock(), lambda _: None))
    assert (tried.members, [one.members for one in tried.near_miss_moves]) == (2, [2])


async def test_a_period_that_came_to_nothing_is_not_shown(hq: Hq, tills: Tills) -> None:
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2026-01-01"))
    hq.members("member_id\nM1\nM2\n")
    one, other = await tills.join(), await tills.join()
    other.record(purchase(member="id:M1", day=FIRST_DAY_OF_2026_H2 - 1))
    await tills.send(other)
    assert periods_of(hq, "M1") == ["2026-H1", "2026-H2"]
    one.record(purchase(member="id:M2", day=FIRST_DAY_OF_2026_H2 - 1))
    await tills.send(one)
    assert periods_of(hq, "M1") == ["2026-H2"]
    assert periods_of(hq, "M2") == ["2026-H1", "2026-H2"]
