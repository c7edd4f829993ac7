"""Before a close: which terminals are missing, since when, what else is in the way, who is left out."""

from __future__ import annotations

import pytest

from hq_server.cli.period_words import status_lines
from hq_server.closes.closing import NotReady
from loyalty_core.errors import BadInput
from tests.hq.closes.half_year import FIRST, LAST, HalfYear
from tests.hq.conftest import PROGRAMME
from tests.hq.events import purchase


def blockers(half: HalfYear, period_id: str = "2026-H2") -> list[str]:
    return [one.kind for one in half.ready(period_id).blockers]


def test_a_period_may_be_closed_once_every_till_has_closed_its_last_day(half: HalfYear) -> None:
    till = half.till()
    half.close_days(till, LAST - 1)
    assert half.missing() == {"S012-T01": "2026-12-31"}
    half.close_days(till, LAST)
    assert half.ready().may_close


def test_a_period_that_is_not_over_waits_for_its_end_and_misses_nobody_yet(half: HalfYear) -> None:
    half.till()
    half.go_to(LAST)
    assert (blockers(half), half.missing()) == (["not_over"], {})
    half.go_to(LAST + 1)
    assert (blockers(half), half.missing()) == ([], {"S012-T01": None})


def test_a_till_that_joined_after_the_period_is_not_waited_for(half: HalfYear) -> None:
    half.till(joined=LAST + 1)
    assert half.ready().may_close


def test_a_till_that_joined_on_the_last_day_is_waited_for(half: HalfYear) -> None:
    half.till(joined=LAST)
    assert half.missing() == {"S012-T01": None}


def test_a_revoked_till_is_waited_for_that_was_heard_in_the_period(half: HalfYear) -> None:
    heard, silent = half.till(joined=FIRST), half.till(joined=FIRST - 1)
    half.revoke(heard)
    half.revoke(silent)
    assert half.missing() == {"S012-T01": None}


def test_a_revoked_till_that_had_closed_the_period_is_not_missing(half: HalfYear) -> None:
    till = half.till()
    half.close_days(till, LAST - 1, LAST)
    half.revoke(till)
    assert half.ready().may_close


def test_a_replaced_till_is_waited_for_though_it_joined_again_after_the_period(half: HalfYear) -> None:
    """What its old machine had is in its journal up to the day it broke, and no new one joined before."""
    till = half.till()
    half.sell(till, "M1", 5, day=LAST - 1)
    half.close_days(till, LAST - 1)
    half.hq.sql(
        "UPDATE terminals SET enrolled_at_ms = (SELECT max(enrolled_at_ms) + 9 * 86400000 FROM terminals)"
    )
    assert half.missing() == {"S012-T01": "2026-12-31"}


def test_each_journal_that_a_copied_till_may_write_is_waited_for(half: HalfYear) -> None:
    till = half.till()
    half.close_days(till, LAST - 1)
    twin = till.copied()
    half.close_days(till, LAST)
    assert half.ready().may_close
    twin.record(purchase("twin", 1_000, None, day=LAST))
    half.desk.exchange(twin, twin.batch(2))
    assert half.missing() == {"S012-T01": "2026-12-31"}


def test_days_that_wait_to_be_derived_are_in_the_way_since_the_rules_were_published(half: HalfYear) -> None:
    half.hq.members("member_id\nM1\n")
    till = half.till()
    half.sell(till, "M1", 5)
    half.close_days(till, LAST - 1, LAST)
    half.hq.publish(PROGRAMME.replace("version = 1", "version = 2"))
    (blocker,) = half.ready().blockers
    assert (blocker.kind, blocker.count, blocker.since) == ("days_waiting", 1, "2027-01-01T02:31:00Z")
    half.desk.derive()
    assert half.ready().may_close


def test_an_earlier_period_with_points_is_closed_first(half: HalfYear) -> None:
    half.hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2026-01-01"))
    half.hq.members("member_id\nM1\n")
    till = half.till(joined=FIRST - 1)
    half.sell(till, "M1", 5, day=FIRST - 1)
    half.close_days(till, *range(FIRST - 1, LAST + 1))
    half.desk.derive()
    (blocker,) = half.ready().blockers
    assert (blocker.kind, blocker.period, blocker.since) == (
        "earlier_open",
        "2026-H1",
        "2026-06-30T20:00:00Z",
    )
    assert half.ready("2026-H1").may_close


@pytest.mark.parametrize("period_id", ["2016-H2", "2026-H1"])
def test_a_period_of_before_the_first_programme_is_not_closed_by_a_slip(
    half: HalfYear, period_id: str
) -> None:
    till = half.till()
    half.close_days(till, LAST)
    (blocker,) = half.ready(period_id).blockers
    assert (blocker.kind, blocker.period) == ("not_covered", "2026-H2")
    with pytest.raises(NotReady, match="the first programme began in 2026-H2"):
        half.begin(period_id)
    assert "The first programme began in 2026-H2" in "\n".join(status_lines(half.status(period_id), "en"))
    half.close()


def test_an_excluded_till_is_not_waited_for_and_stays_named_with_who_and_why(half: HalfYear) -> None:
    till = half.till()
    number = half.exclude("S012-T01", "flooded")
    assert half.exclude("S012-T01", "once more") == number
    found = half.ready()
    assert found.may_close
    (one,) = found.excluded
    assert (one.terminal_id, one.by, one.reason, one.decision, one.back) == (
        "S012-T01",
        "kim",
        "flooded",
        number,
        False,
    )
    half.close_days(till, LAST - 1, LAST)
    assert half.ready().excluded[0].back


def test_only_who_is_missing_is_left_out(half: HalfYear) -> None:
    till = half.till()
    half.till(joined=LAST + 1)
    half.go_to(LAST)
    for terminal_id, code in (("S012-T01", "period_not_over"), ("S012-T09", "terminal_not_found")):
        with pytest.raises(BadInput) as caught:
            half.exclude(terminal_id)
        assert caught.value.code == code
    half.go_to(LAST + 1)
    half.close_days(till, LAST - 1, LAST)
    for terminal_id in ("S012-T01", "S012-T02"):
        with pytest.raises(BadInput) as caught:
            half.exclude(terminal_id)
        assert caught.value.code == "nothing_to_exclude"


def test_a_close_that_is_refused_says_what_it_waits_for(half: HalfYear) -> None:
    for _ in range(5):
        half.till()
    with pytest.raises(NotReady) as caught:
        half.begin()
    assert caught.value.code == "period_not_ready"
    assert "S012-T01 has closed no business day yet, last heard 2026-12-30T02:31:00Z" in str(caught.value)
    assert "and 2 more terminals" in str(caught.value)


def test_staff_read_in_both_languages_what_a_close_waits_for(half: HalfYear) -> None:
    half.till()
    half.till()
    half.exclude("S012-T02", "flooded")
    english = "\n".join(status_lines(half.status(), "en"))
    korean = "\n".join(status_lines(half.status(), "ko"))
    assert "2026-H2 (2026-07-01 ~ 2026-12-31): open" in english
    assert "- 1 terminal that has not reported it to its end:" in english
    assert "S012-T02  kim  2027-01-01 02:31  flooded" in english
    assert "마지막 날까지 보고하지 않은 단말 1대" in korean
    half.exclude("S012-T01")
    assert "Nothing is in the way of its close" in "\n".join(status_lines(half.status(), "en"))
