"""`member show` speaks one language at a time, and knows a word for every kind of entry."""

from __future__ import annotations

import re
from typing import get_args

import pytest

from hq_server.account_view import ExpiringLot, Movement, Standing
from hq_server.cli.member_words import movement_line, standing_lines
from hq_server.tiers.view import TierAhead
from loyalty_core.entries import NO_EVENT, EntryKind, PointEntry
from loyalty_core.events import EventId
from loyalty_core.units import Day, Seq
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase, void
from tests.hq.test_cli import MEMBERS, Shell, shell
from tests.hq.till import NOW_MS

__all__ = ["shell"]
KINDS: tuple[EntryKind, ...] = get_args(EntryKind)


async def fill(hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    one, other = await tills.join(), await tills.join()
    other.record(purchase("1", at=NOW_MS + 5))
    await tills.send(other)
    one.record(purchase("1", 20_000))
    one.record(purchase("2", 5_000))
    one.record(void("2", at=NOW_MS + 9))
    await tills.send(one)


async def test_in_korean_everything_but_codes_is_korean(shell: Shell, hq: Hq, tills: Tills) -> None:
    await fill(hq, tills)
    _, out, _ = shell.run("member", "show", "M1", "--explain", "--language", "ko")
    lines = out.splitlines()
    assert lines[:4] == [
        "M1 홍길동",
        "등급 BRONZE, 잔액 20점",
        "2026-H2 (진행 중): 등급 포인트 20점, 현재 기준 BRONZE",
        "2026-12-31까지 80점 더 모으면 SILVER",
    ]
    moved = [line.split("  ")[1:3] for line in lines if "S012-T0" in line]
    assert sorted(moved) == sorted(
        [["+12", "적립"], ["-12", "정정(적립)"], ["+20", "적립"], ["+5", "적립"], ["-5", "회수"]]
    )
    codes = re.compile(r"S012-T0\d[.0-9]+|M1|2026-H2|BRONZE|SILVER|\bx\b|spend")
    assert not re.search("[A-Za-z]", codes.sub("", out)), out
    assert shell.run("member", "show", "M1", "--explain")[1] == out


async def test_in_english_everything_but_names_is_english(shell: Shell, hq: Hq, tills: Tills) -> None:
    await fill(hq, tills)
    _, out, _ = shell.run("member", "show", "M1", "--explain", "--language", "en")
    assert out.splitlines()[1:4] == [
        "tier BRONZE, balance 20",
        "2026-H2 (open): 20 qualifying points, now worth BRONZE",
        "80 more to SILVER until 2026-12-31",
    ]
    assert "correction of earn" in out
    assert not re.search("[가-힣]", out.replace("홍길동", "")), out


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_entry_has_a_word(kind: EntryKind) -> None:
    entry = PointEntry(
        event=EventId("T", 1, 0, Seq(1)),
        kind=kind,
        earned_day=Day(20778),
        business_day=Day(20778),
        period_id="2026-H2",
        redeemable=1000,
        qualifying=0,
        programme_version=1,
        corrects="redeem_rollback" if kind == "correction" else None,
    )
    korean = movement_line(Movement(1, entry, 0), "ko")
    only = kind in ("redemption", "redeem_rollback", "expiry")  # never moves qualifying points
    assert korean.startswith(f"2026-11-21  +1,000{'' if only else ' (등급 포인트 +0)'}  ")
    assert not re.search("[a-z]", korean)
    assert "_" not in movement_line(Movement(1, entry, 0), "en")


def test_a_movement_names_its_event_or_the_rule_that_it_follows_from() -> None:
    event = EventId("S012-T01", 1, 0, Seq(7))
    for cause, rule, told in ((event, "", "S012-T01.1.7"), (NO_EVENT, "monthly", "monthly")):
        entry = PointEntry(
            event=cause,
            kind="cap",
            earned_day=Day(0),
            business_day=Day(20778),
            period_id="2026-H2",
            redeemable=-5,
            qualifying=-5,
            programme_version=1,
            rule=rule,
        )
        assert movement_line(Movement(1, entry, 0), "en") == f"2026-11-21  -5  cap  {told}"


def test_what_is_decided_and_what_is_lost_is_said_before_the_periods() -> None:
    lot = ExpiringLot(period="2026-H2", points=1_200, usable_until="2027-06-30")
    stands = Standing(
        member_id="M1",
        tier="BRONZE",
        tier_until=None,
        discount=None,
        tier_reason=None,
        tiers_ahead=(TierAhead(tier="SILVER", since="2027-01-16"),),
        balance=1_200,
        also=(),
        expiring=(lot,),
        periods=(),
        next=None,
    )
    assert list(standing_lines(stands, "en"))[1:] == [
        "  SILVER from 2027-01-16 on, as far as is decided",
        "1,200 points of 2026-H2 can be spent until 2027-06-30",
    ]
    assert list(standing_lines(stands, "ko"))[1:] == [
        "  2027-01-16부터 SILVER(지금까지 정해진 대로)",
        "1,200점은 2027-06-30까지 사용 가능(2026-H2 적립)",
    ]
