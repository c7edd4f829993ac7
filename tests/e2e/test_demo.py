"""The demo, small: it ends with nothing lost and nothing doubled, also when processes are killed."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import date, datetime

import pytest

from demo import members
from demo.forms import totals_of
from demo.processes import ROOT
from demo.receipts import ZONE, newest_closed, read_baskets
from demo.shopping import Claimed, Returned, Sold, plan

NEWEST = date(2026, 11, 21)
TOGETHER = re.compile(r"together\s+([\d,]+)\s+([\d,]+)\s+([\d,]+)\s+(\d+)\s+(\d+)\s")
MOVED = re.compile(
    r"(?:visits and purchases|goods returned|paid with points).*\s([+-][\d,]+)\s*$", re.MULTILINE
)
OUTSTANDING = re.compile(r"outstanding\s+([\d,]+)")
CLOSED = re.compile(r"business days closed\s+(\d+)\s+(\d+)\s+(\d+)")


@pytest.mark.parametrize(("hour", "newest"), [(5, 20), (6, 21), (23, 21)])
def test_the_newest_day_that_tills_have_closed_ended_two_hours_ago(hour: int, newest: int) -> None:
    assert newest_closed(datetime(2026, 11, 22, hour, tzinfo=ZONE)) == date(2026, 11, newest)


def test_the_demo_ends_with_nothing_lost_and_nothing_doubled() -> None:
    argv = [sys.executable, "-m", "demo", "--exit", "--baskets", "300", "--kill"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    found = TOGETHER.search(done.stdout)
    assert found is not None, done.stdout
    recorded, synced, applied, lost, doubled = (int(cell.replace(",", "")) for cell in found.groups())
    assert recorded == synced == applied >= 300
    assert (lost, doubled) == (0, 0)
    assert "Everything agrees." in done.stdout
    assert "kill -9" in done.stdout
    earned, clawed_back, spent = (int(moved.replace(",", "")) for moved in MOVED.findall(done.stdout))
    assert clawed_back < 0
    assert spent < 0
    left = {int(points.replace(",", "")) for points in OUTSTANDING.findall(done.stdout)}
    assert left == {earned + clawed_back + spent}, "the table, and what the audit says"
    closed = CLOSED.search(done.stdout)
    assert closed is not None, done.stdout
    assert len(set(closed.groups())) == 1
    assert int(closed[1]) > 1
    assert "  clawback  " in done.stdout, "the story that is explained has a return in it"


@pytest.mark.parametrize("count", [100, 300, 6000])
def test_what_customers_do_is_the_same_each_time_and_each_thing_is_sold_once(count: int) -> None:
    baskets = read_baskets(count, NEWEST).baskets
    strangers = members.late_ones(baskets, 5)
    stages = plan(baskets, strangers)
    assert stages == plan(baskets, strangers)
    deeds = [deed for stage in stages for deed in stage]
    sold = [deed for deed in deeds if isinstance(deed, Sold)]
    assert sorted(deed.basket.number for deed in sold) == sorted(basket.number for basket in baskets)
    returned = {deed.basket.number for deed in deeds if isinstance(deed, Returned)}
    claimed = {deed.basket.number for deed in deeds if isinstance(deed, Claimed)}
    assert returned
    assert claimed == {deed.basket.number for deed in sold if not deed.named}
    assert not returned & claimed
    assert all(deed.at >= deed.basket.sold_at for deed in deeds)
    assert not any(deed.points for deed in sold if deed.basket.household in strangers)


def test_a_days_total_is_what_was_sold_less_what_came_back() -> None:
    baskets = read_baskets(300, NEWEST).baskets
    deeds = [deed for stage in plan(baskets, ()) for deed in stage]
    totals = totals_of(deeds)
    back = [deed for deed in deeds if isinstance(deed, Returned)]
    assert sum(total.count for total in totals) == len(baskets) + len(back)
    sold = sum(basket.net_minor for basket in baskets)
    assert sum(total.net_minor for total in totals) == sold - sum(deed.item.net_minor for deed in back)
    assert [total.day for total in totals] == sorted({total.day for total in totals})
