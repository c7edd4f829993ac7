"""Members who are not seen any more are forgotten: just they, if the setting says so, and told before."""

from __future__ import annotations

import asyncio
from datetime import date

import msgspec
import pytest

from hq_server.config import BadConfig, Retention, load_config
from hq_server.decisions import decisions
from hq_server.life import Life
from hq_server.retention import idle, walking
from hq_server.retention.idle import erase_idle
from hq_server.retention.walking import due_before, run_retention, who_is_due
from hq_server.store.database import Database
from loyalty_core.calendar import day_of
from loyalty_core.units import Day
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY, purchase, void
from tests.hq.test_audit import run_audit
from tests.hq.test_cli import Shell, shell

__all__ = ["shell"]
MONTHS = 24
RETENTION = Retention(members_idle_months=MONTHS)
OLD = "2024-01-15"


def today(hq: Hq) -> Day:
    return walking.today_at(hq.clock())


def due(hq: Hq, at: Day | None = None) -> list[str]:
    """Return who would be erased on a day, which is today unless one is said."""
    desk, day = Desk(hq), at or today(hq)
    found = desk.read(lambda tx, house: list(who_is_due(tx, house, due_before(RETENTION, day), day)))
    return sorted(one.member_id for one in found)


def erase_due(hq: Hq) -> int:
    day, names = today(hq), due(hq)
    before = due_before(RETENTION, day)
    return Desk(hq).write(lambda tx, house: erase_idle(tx, house, names, MONTHS, before, day, hq.clock()))


def erased(hq: Hq) -> list[str]:
    return [name for (name,) in hq.sql("SELECT member_id FROM members WHERE erased = 1 ORDER BY member_id")]


def test_who_joined_long_ago_and_never_came_is_forgotten_and_a_decision_says_why(hq: Hq) -> None:
    hq.members(f"member_id,lookups,name,joined_on\nM1,2000123456782,홍길동,{OLD}\nM2,,Lee,2026-10-01\n")
    assert due(hq) == ["M1"]
    assert erase_due(hq) == 1
    assert erased(hq) == ["M1"]
    (one,) = Desk(hq).read(lambda tx, _: decisions(tx))
    assert (one.kind, one.subject, one.made_by, one.state) == ("retention", "M1", "headquarters", "stands")
    assert one.reason == "retention.members_idle_months = 24: nothing for so long, and no balance"
    assert "홍" not in str(hq.sql("SELECT * FROM members"))
    assert due(hq) == []
    run_audit(hq)


def test_the_last_day_decides_to_the_day(hq: Hq) -> None:
    hq.members("member_id,joined_on\nM1,2026-01-01\n")
    joined = day_of(date(2026, 1, 1))
    last = Day(joined + MONTHS * idle.MONTH_DAYS)
    assert (due(hq, last), due(hq, Day(last + 1))) == ([], ["M1"])


def test_who_came_later_than_they_joined_is_judged_by_that(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\nM2,{OLD}\n")
    desk = Desk(hq)
    till = desk.till()
    desk.send(till, purchase("1", 500, "id:M1"))
    assert (hq.balances().get("M1", 0), due(hq)) == (0, ["M2"])
    far = Day(DAY + MONTHS * idle.MONTH_DAYS)
    assert (due(hq, far), due(hq, Day(far + 1))) == (["M2"], ["M1", "M2"])
    desk.send(till, void("1"))
    assert due(hq) == ["M2"], "also a sale that was undone was a visit"


def test_who_has_points_keeps_their_name(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\n")
    desk = Desk(hq)
    desk.send(desk.till(), purchase("1", 5000, "id:M1"))
    assert hq.balances() == {"M1": 5}
    assert due(hq, Day(DAY + 100 * idle.MONTH_DAYS)) == []


def test_of_whom_nobody_knows_since_when_they_are_a_member_is_kept(hq: Hq) -> None:
    hq.members("member_id\nM1\n")
    assert due(hq, Day(DAY + 1000 * idle.MONTH_DAYS)) == []


def test_who_counts_as_one_is_forgotten_as_one(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\nM2,2026-10-01\nM3,{OLD}\nM4,{OLD}\n")
    desk = Desk(hq)
    desk.merge("M1", "M2")
    desk.merge("M3", "M4")
    assert due(hq) == ["M4"], "of M1 and M2 one has joined lately"
    assert erase_due(hq) == 2
    assert erased(hq) == ["M3", "M4"]
    run_audit(hq)


def test_about_whom_something_waits_is_left_until_it_is_judged(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\n")
    desk = Desk(hq)
    number = desk.propose("M1", 50)
    assert (due(hq), erase_due(hq), erased(hq)) == (["M1"], 0, [])
    desk.refuse(number)
    assert (erase_due(hq), erased(hq)) == (1, ["M1"])


def test_what_waits_about_anyone_who_counts_as_the_member_keeps_all_of_them(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\nM2,{OLD}\n")
    desk = Desk(hq)
    number = desk.propose("M1", 50)
    desk.merge("M1", "M2")
    assert (due(hq), erase_due(hq), erased(hq)) == (["M2"], 0, [])
    desk.refuse(number)
    assert (erase_due(hq), erased(hq)) == (2, ["M1", "M2"])


def test_who_has_appealed_is_left_until_somebody_has_ruled(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\n")
    hq.sql(
        "INSERT INTO cases (number, member_id, period_id, tier, missing, home_store, words, opened_by, "
        "opened_at_ms, natural_key, state, decision) "
        "VALUES (1, 'M1', '2026-H1', 'SILVER', 1, '', 'please', 'kim', 1, 'k', 'open', NULL)"
    )
    assert (due(hq), erase_due(hq), erased(hq)) == (["M1"], 0, [])
    hq.tamper("UPDATE cases SET state = 'withdrawn', decision = 1 WHERE number = 1")
    assert (erase_due(hq), erased(hq)) == (1, ["M1"])


def test_who_has_a_coupon_to_use_is_kept_until_its_end(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\n")
    hq.sql(
        "INSERT INTO coupons (bucket, member_id, coupon_id, until_day, envelope, issued_at_ms) "
        "SELECT bucket, 'M1', 'c', 20778, x'00', 1 FROM members"
    )
    assert today(hq) == 20778
    assert (due(hq), due(hq, Day(today(hq) + 1))) == ([], ["M1"])


def test_whose_points_are_held_is_kept_until_the_hold_ends(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\n")
    hq.sql(
        "INSERT INTO holds (bucket, member_id, redemption_id, terminal_id, points, until_ms) "
        "SELECT bucket, 'M1', 'R1', 'S012-T01', 1, 9 FROM members"
    )
    assert due(hq) == []
    hq.sql("DELETE FROM holds")
    assert due(hq) == ["M1"]


def test_a_coupon_of_anyone_who_counts_as_the_member_keeps_all_of_them(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\nM2,{OLD}\n")
    Desk(hq).merge("M1", "M2")
    assert due(hq) == ["M2"]
    hq.sql(
        "INSERT INTO coupons (bucket, member_id, coupon_id, until_day, envelope, issued_at_ms) "
        "SELECT bucket, 'M1', 'c', 99999, x'00', 1 FROM members WHERE member_id = 'M1'"
    )
    assert due(hq) == []


async def test_the_walk_goes_through_all_members_by_pages_and_ends_with_the_server(
    hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"M{number},{OLD}\n" for number in range(40))
    hq.members(f"member_id,joined_on\n{rows}N1,2026-10-01\n")
    monkeypatch.setattr(idle, "PAGE", 2)
    monkeypatch.setattr(walking, "ERASED_AT_ONCE", 1)
    monkeypatch.setattr(walking, "PAUSE_S", 0)
    life, database = Life(), Database(hq.config.place)
    running = asyncio.create_task(run_retention(database, hq.clock, RETENTION, life))
    for _ in range(3000):
        if len(erased(hq)) == 40:
            break
        await asyncio.sleep(0.01)
    life.end()
    await asyncio.wait_for(running, 20)
    await asyncio.to_thread(database.close)
    assert len(erased(hq)) == 40
    assert "N1" not in erased(hq)


async def test_without_the_setting_nobody_is_looked_at(hq: Hq) -> None:
    hq.members(f"member_id,joined_on\nM1,{OLD}\n")
    database = Database(hq.config.place)
    await asyncio.wait_for(run_retention(database, hq.clock, Retention(), Life()), 20)
    await asyncio.to_thread(database.close)
    assert erased(hq) == []


def test_status_tells_who_would_be_forgotten_within_a_month(hq: Hq, shell: Shell) -> None:
    assert shell.json("retention", "status") == {
        "members_idle_months": 0,
        "access_log_days": 400,
        "due": 0,
        "members": [],
    }
    assert shell.run("retention", "status")[1].startswith("Members are kept for ever")
    soon = Day(today(hq) - MONTHS * idle.MONTH_DAYS + 20)
    joined = (date(1970, 1, 1).toordinal() + soon, date(1970, 1, 1).toordinal() + soon + 12)
    later, too_late = (date.fromordinal(day).isoformat() for day in joined)
    hq.members(f"member_id,joined_on\nM1,{OLD}\nM2,{later}\nM3,{too_late}\n")
    text = hq.config_path.read_text("utf-8") + f"[retention]\nmembers_idle_months = {MONTHS}\n"
    hq.config_path.write_text(text, "utf-8")
    found = shell.json("retention", "status")
    assert found["due"] == 2
    day = date.fromordinal(date(1970, 1, 1).toordinal() + today(hq))
    assert {one["member_id"]: (one["last_seen"], one["erased_from"]) for one in found["members"]} == {
        "M1": (OLD, day.isoformat()),
        "M2": (later, date.fromordinal(day.toordinal() + 21).isoformat()),
    }
    out = shell.run("retention", "status")[1]
    assert "24 months: 2 by the end of the next 31 days." in out
    assert erased(hq) == [], "it was only told"


def test_a_year_is_the_least(hq: Hq) -> None:
    text = hq.config_path.read_text("utf-8")
    hq.config_path.write_text(text + "[retention]\nmembers_idle_months = 11\n", "utf-8")
    with pytest.raises(BadConfig, match="0, for never, or at least 12"):
        load_config(hq.config_path)
    hq.config_path.write_text(text + "[retention]\nmembers_idle_months = 12\n", "utf-8")
    assert load_config(hq.config_path).retention == msgspec.structs.replace(RETENTION, members_idle_months=12)
