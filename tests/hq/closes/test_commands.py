"""Periods and gifts on the command line."""

from __future__ import annotations

from tests.hq.closes.half_year import LAST, HalfYear
from tests.hq.closes.test_benefits import RULES, START
from tests.hq.test_cli import Shell, shell

__all__ = ["shell"]


def test_a_period_is_closed_by_one_command_which_leaves_out_who_will_not_report(
    half: HalfYear, shell: Shell
) -> None:
    half.hq.members("member_id\nM1\n")
    till = half.till()
    half.till()
    half.sell(till, "M1", 100)
    half.close_days(till, LAST - 1, LAST)
    close = ("period", "close", "2026-H2")
    assert shell.refused(*close, "--by", "kim") == "period_not_ready"
    assert (
        shell.refused(*close, "--exclude", "S012-T01", "--reason", "x", "--by", "kim") == "nothing_to_exclude"
    )
    assert shell.run(*close, "--exclude", "S012-T02", "--by", "kim")[0] == 2
    assert shell.refused(*close, "--exclude", "S012-T02", "--reason", "flooded") == "name_missing"
    status, out, _ = shell.run(
        *close, "--exclude", "S012-T02", "--reason", "flooded", "--by", "kim", "--language", "en"
    )
    assert status == 0
    assert out.splitlines() == [
        "2026-H2: closed",
        "It was closed at 2027-01-01 02:31 UTC (decision 2).",
        "Members who go up: 1, down: 0, who keep their tier: 0",
    ]
    assert shell.refused(*close, "--by", "kim") == "period_closed"
    assert half.tiers() == {"M1": ("upgrade", "BRONZE", "SILVER", START)}
    (present, past) = shell.json("period", "list")
    assert (present["id"], present["state"], present["close"]) == ("2027-H1", "open", None)
    assert (past["id"], past["state"], past["close"]["upgrades"]) == ("2026-H2", "closed", 1)
    assert "2026-H2  2026-07-01  2026-12-31  마감됨" in shell.run("period", "list", "--language", "ko")[1]


def test_where_nobody_is_left_out_the_user_of_the_machine_may_close(half: HalfYear, shell: Shell) -> None:
    till = half.till()
    half.close_days(till, LAST - 1, LAST)
    assert shell.json("period", "close", "2026-H2")["state"] == "closed"
    ((made_by,),) = half.hq.sql("SELECT made_by FROM decisions WHERE kind = 'close'")
    assert made_by.startswith("os:")


def test_a_close_that_was_cut_off_is_gone_on_with_by_the_same_command(half: HalfYear, shell: Shell) -> None:
    half.till()
    close = ("period", "close", "2026-H2", "--exclude", "S012-T01", "--reason", "x", "--by", "kim")
    half.exclude("S012-T01")
    half.begin()
    half.step()
    found = shell.json(*close)
    assert (found["state"], found["close"]["buckets_closed"]) == ("closed", 64)


def test_gifts_are_listed_and_handed_out_by_command(half: HalfYear, shell: Shell) -> None:
    half.hq.publish(RULES)
    half.hq.members("member_id\nM1\n")
    till = half.till()
    half.sell(till, "M1", 100)
    half.close_days(till, LAST - 1, LAST)
    half.close()
    half.go_to(START)
    assert shell.run("gift", "list")[1] == "No gift waits.\n"
    half.give()
    (gift,) = shell.json("gift", "list", "M1")
    assert "a cup" in shell.run("gift", "list")[1] or "찻잔" in shell.run("gift", "list")[1]
    assert shell.json("gift", "hand-over", gift["gift_id"], "--by", "lee")["handed_by"] == "lee"
    assert shell.refused("gift", "hand-over", gift["gift_id"], "--by", "lee") == "gift_handed_out"
    assert shell.json("gift", "list") == []
    assert len(shell.json("gift", "list", "--all")) == 1
