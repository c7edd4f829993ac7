"""A version that changes what tills must know of each member has them told again, all of them and once."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.store import members
from hq_server.feed.audience import FEED, feed_bucket, unfed
from hq_server.retelling import retell_some, retelling_is_due, told_as
from hq_server.store.connection import Transaction
from tests.edge.made import at
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.desk import Desk
from tests.hq.real_till import RealTill
from tests.hq.test_programme_change import go, points
from tests.hq.test_snapshots import rows

FIRST = '\n[[bonus]]\nid = "welcome"\non = "visit"\npoints = 7\nfirst = true\n'
BIRTHDAY = '\n[[bonus]]\nid = "birthday"\non = "visit"\npoints = 9\nbirthday = true\nper = "period"\n'


def spend(offline: int) -> str:
    return f"\n[redeem]\nminimum = 1\nstep = 1\nminor_per_point = 1\noffline_points = {offline}\n"


def version(number: int, since: str, more: str = "") -> str:
    return PROGRAMME.replace("version = 1", f"version = {number}").replace("2026-07-01", since) + more


def retold(hq: Hq) -> int:
    """Do the chore until there is nothing more of it; return how many buckets it was."""
    count = 0
    with hq.writing() as tx:
        while retelling_is_due(tx, hq.clock()):
            retell_some(tx, hq.clock())
            count += 1
    return count


@pytest.fixture
def till(hq: Hq, tmp_path: Path) -> RealTill:
    """A till at which the member was on 19 November, by rules without a bonus."""
    hq.members(MEMBERS)
    hq.clock.now = at("2026-11-19 12:00")
    till = RealTill(tmp_path / "till", hq, now="2026-11-19 12:00")
    assert points(till, "2026-11-19 12:00", "first") == 10
    till.exchange()
    assert retold(hq) == 1, "how they were told is noted, and nobody is told anything"
    return till


def test_a_till_knows_in_time_that_the_first_visit_ever_has_been(hq: Hq, till: RealTill) -> None:
    hq.publish(version(2, "2026-11-21", FIRST), retroactive=False)
    assert retold(hq) == 64
    till.exchange()
    go(hq, "2026-11-21 10:00", till)
    assert points(till, "2026-11-21 10:00", "second") == 10
    till.exchange()
    assert hq.balances()["M1"] == 20


def test_a_till_knows_birthdays_in_time_for_a_version_that_is_to_come(hq: Hq, till: RealTill) -> None:
    hq.publish(version(2, "2026-11-21", BIRTHDAY), retroactive=False)
    retold(hq)
    till.exchange()
    go(hq, "2026-11-21 10:00", till)
    assert points(till, "2026-11-21 10:00", "birthday") == 19
    till.exchange()
    assert hq.balances()["M1"] == 29


def test_more_to_spend_offline_is_told_when_its_day_has_come(hq: Hq, till: RealTill) -> None:
    hq.publish(version(2, "2026-11-21", spend(15)), retroactive=False)
    assert retold(hq) == 0
    go(hq, "2026-11-21 10:00", till)
    assert retold(hq) == 64
    till.exchange()
    row = members.read(till.conn, "M1")
    assert row is not None
    assert row.allowance == 10, "never more than the balance"


def test_a_version_that_carries_the_same_rules_on_has_nobody_told_again(hq: Hq, till: RealTill) -> None:
    hq.publish(version(2, "2026-11-21", FIRST + BIRTHDAY + spend(15)), retroactive=False)
    assert retold(hq) == 64
    hq.publish(version(3, "2026-11-22", FIRST + BIRTHDAY + spend(15)), retroactive=False)
    assert retold(hq) == 0
    hq.publish(version(4, "2026-11-23", FIRST.replace("7", "8") + BIRTHDAY + spend(15)), retroactive=False)
    assert retold(hq) == 64


def test_a_version_that_is_published_before_anybody_noted_how_tills_were_told_counts(hq: Hq) -> None:
    hq.members(rows(3))
    hq.clock.now = at("2026-11-19 12:00")
    hq.publish(version(2, "2026-11-21", FIRST), retroactive=False)
    assert retold(hq) == 64


async def test_all_members_come_once_more_in_pages_and_none_twice(hq: Hq, tills: Tills) -> None:
    hq.members(rows(700))
    till = await tills.join()
    while (await tills.exchange(till)).pages:
        pass
    Desk(hq).write(lambda tx, _: _feed(tx))
    before = hq.sql(f"SELECT member_id, change_no FROM changes WHERE audience = '{FEED}' ORDER BY 1")  # noqa: S608
    hq.publish(version(2, "2027-01-01", FIRST), retroactive=False)
    noted = hq.sql("SELECT DISTINCT told_as FROM buckets")
    await tills.until(lambda: hq.sql("SELECT DISTINCT told_as FROM buckets") != noted)
    retold(hq)
    seen: list[str] = []
    while pages := (await tills.exchange(till)).pages:
        seen += [row.member_id for page in pages for row in page.rows]
    assert sorted(seen) == sorted(f"M{number}" for number in range(1, 701))
    after = hq.sql(f"SELECT member_id, change_no FROM changes WHERE audience = '{FEED}' ORDER BY 1")  # noqa: S608
    assert before == after, "nothing has changed for other systems"
    assert hq.sql(
        "SELECT count(*) FROM changes JOIN buckets ON buckets.bucket = changes.bucket"
        " WHERE changes.change_no > buckets.change_no"
    ) == [(0,)]


def test_a_house_without_a_programme_tells_nobody(hq: Hq) -> None:
    hq.tamper("DELETE FROM programmes")
    assert Desk(hq).read(lambda _, house: told_as(house, hq.clock())) == ""
    assert retold(hq) == 0


def _feed(tx: Transaction) -> None:
    for bucket in unfed(tx):
        feed_bucket(tx, bucket)
