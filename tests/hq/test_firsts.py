"""Bonuses of a life, wherever they lie: the first purchase that stands, and birthdays told later."""

from __future__ import annotations

import itertools

import pytest

from loyalty_core.events import Event
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, purchase, void
from tests.hq.test_audit import run_audit
from tests.hq.till import NOW_MS

MARCH, AUGUST = DAY - 265, DAY - 112
DAY_MS = 86_400_000
WELCOME = (
    PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2025-01-01")
    + '[[bonus]]\nid = "welcome"\non = "purchase"\npoints = 33\nfirst = true\n'
)


@pytest.fixture
def desk(hq: Hq) -> Desk:
    hq.publish(WELCOME)
    hq.members("member_id\nM1\n" + "".join(f"P{number}\n" for number in range(24)))
    return Desk(hq)


def bought(number: str, day: int, member: str = "id:M1", net: int = 1_000) -> Event:
    return purchase(number, net, member, day=day, at=NOW_MS + (day - DAY) * DAY_MS)


def totals(hq: Hq, member: str = "M1") -> dict[str, tuple[int, int]]:
    rows = hq.sql(f"SELECT period_id, redeemable, qualifying FROM totals WHERE member_id = '{member}'")  # noqa: S608
    return {period: (redeemable, qualifying) for period, redeemable, qualifying in rows}


def test_an_earlier_purchase_that_comes_late_takes_the_bonus_into_its_period(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, bought("1", AUGUST))
    assert totals(hq) == {"2026-H2": (34, 34)}
    desk.send(till, bought("2", MARCH))
    assert totals(hq) == {"2026-H1": (34, 34), "2026-H2": (1, 1)}
    run_audit(hq)


def test_when_the_first_purchase_is_void_the_bonus_goes_to_the_next_of_any_period(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    desk.send(till, bought("1", MARCH), bought("2", AUGUST))
    assert totals(hq) == {"2026-H1": (34, 34), "2026-H2": (1, 1)}
    desk.send(till, void("1", of_day=MARCH))
    assert totals(hq) == {"2026-H1": (0, 0), "2026-H2": (34, 34)}
    run_audit(hq)


def test_a_birthday_that_is_told_later_or_put_right_moves_its_bonus(hq: Hq, desk: Desk) -> None:
    text = WELCOME.replace("version = 2", "version = 3")
    hq.publish(text + '[[bonus]]\nid = "birthday"\non = "purchase"\npoints = 100\nbirthday = true\n')
    desk.derive()
    desk.send(desk.till(), bought("1", MARCH), bought("2", AUGUST))
    assert totals(hq) == {"2026-H1": (34, 34), "2026-H2": (1, 1)}
    for born, standing in (
        ("1990-03-01", {"2026-H1": (134, 134), "2026-H2": (1, 1)}),
        ("1990-08-01", {"2026-H1": (34, 34), "2026-H2": (101, 101)}),
        ("1990-08-02", {"2026-H1": (34, 34), "2026-H2": (1, 1)}),
    ):
        hq.members(f"member_id,birthday\nM1,{born}\n")
        assert totals(hq) == standing
        run_audit(hq)


def test_a_birthday_is_told_with_its_member_for_what_was_held(hq: Hq, desk: Desk) -> None:
    text = WELCOME.replace("version = 2", "version = 3")
    hq.publish(text + '[[bonus]]\nid = "birthday"\non = "purchase"\npoints = 100\nbirthday = true\n')
    desk.send(desk.till(), bought("1", AUGUST, "id:M9"))
    hq.members("member_id,birthday\nM9,1990-08-01\n")
    assert totals(hq, "M9") == {"2026-H2": (134, 134)}
    run_audit(hq)


def test_two_periods_come_to_the_same_in_any_order_of_arrival(hq: Hq, desk: Desk) -> None:
    till = desk.till()
    for number, order in enumerate(itertools.permutations(range(4))):
        member = f"P{number}"
        facts: list[Event] = [
            bought(f"{member}-1", MARCH, f"id:{member}", 5_000),
            bought(f"{member}-2", AUGUST, f"id:{member}", 7_000),
            void(f"{member}-1", of_day=MARCH),
            back(f"{member}-r", of=f"{member}-2", of_day=AUGUST, net=2_000),
        ]
        for place in order:
            desk.send(till, facts[place])
        stands = {period: points for period, points in totals(hq, member).items() if points != (0, 0)}
        assert stands == {"2026-H2": (38, 38)}, order
    run_audit(hq)
