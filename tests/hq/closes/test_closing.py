"""The close itself: every member's tier decided once, bucket by bucket, however often it is cut off."""

from __future__ import annotations

import pytest

from hq_server.cli.period_words import status_lines
from hq_server.closes.closing import close_next
from hq_server.decisions import decision
from hq_server.dry_run import dry_run
from hq_server.metrics import of_ledger
from hq_server.references import bucket_of
from loyalty_core.errors import BadInput
from tests.hq.closes.half_year import FIRST, H2, LAST, HalfYear
from tests.hq.conftest import PROGRAMME
from tests.hq.test_audit import run_audit
from tests.hq.till import Till

POLICY = PROGRAMME.replace("version = 1", "version = 2") + 'downgrade = "one_step"\ngrace_days = 30\n'
START = LAST + 16
"""2027-01-16: fifteen days after the period."""


def sold(half: HalfYear, **points: int) -> Till:
    """Let members buy for so many points on the last day, at a till that then closes its days."""
    half.hq.members("member_id\n" + "".join(f"{name}\n" for name in points))
    till = half.till()
    half.close_days(till, LAST - 1)
    for name, amount in points.items():
        if amount:
            half.sell(till, name, amount)
    half.close_days(till, LAST)
    return till


def test_every_member_is_assessed_once_by_what_the_total_earns(half: HalfYear) -> None:
    sold(half, NONE=0, BELOW=99, AT=100, GOLD=300)
    half.close()
    assert half.tiers() == {
        "NONE": ("renewal", "BRONZE", "BRONZE", START),
        "BELOW": ("renewal", "BRONZE", "BRONZE", START),
        "AT": ("upgrade", "BRONZE", "SILVER", START),
        "GOLD": ("upgrade", "BRONZE", "GOLD", START),
    }
    rows = half.hq.sql("SELECT count(*), count(DISTINCT member_id) FROM assessments WHERE decision = 1")
    assert rows == [(4, 4)] == half.hq.sql("SELECT count(*), count(decision) FROM assessments")
    found = half.status()
    assert found.close is not None
    assert (found.state, found.close.upgrades, found.close.renewals) == ("closed", 2, 2)
    assert (found.close.buckets_closed, found.close.buckets) == (64, 64)


def test_a_close_is_a_decision_by_a_person_that_names_its_rules_and_whom_it_did_not_wait_for(
    half: HalfYear,
) -> None:
    half.till()
    half.exclude("S012-T01")
    number = half.begin().decision
    one = half.desk.read(lambda tx, _: decision(tx, number))
    assert (one.kind, one.subject, one.made_by, one.reason) == ("close", H2, "kim", "it is over")
    assert one.detail == '{"programme_version":1,"without":["S012-T01"]}'


def test_it_goes_on_where_it_was_cut_off_and_closes_no_bucket_twice(half: HalfYear) -> None:
    sold(half, M1=100, M2=0, M3=300)
    begun = half.begin()
    for _ in range(3):
        assert half.step()
    found = half.status()
    assert found.close is not None
    assert (found.state, found.close.buckets_closed) == ("closing", 3)
    assert "3 of 64 buckets are closed" in "\n".join(status_lines(found, "en"))
    assert half.begin() == begun
    half.finish()
    assert half.hq.sql("SELECT count(*), count(DISTINCT bucket) FROM bucket_closes") == [(64, 64)]
    assert half.hq.sql("SELECT count(*) FROM assessments") == [(3,)]
    assert not half.step()
    with pytest.raises(BadInput) as caught:
        half.begin()
    assert caught.value.code == "period_closed"


def test_the_figures_say_how_far_it_has_come(half: HalfYear) -> None:
    def buckets() -> tuple[float, ...]:
        families = half.desk.read(lambda tx, _: of_ledger(tx, half.hq.clock()))
        (found,) = [one for one in families if one.name == "dangol_hq_close_buckets"]
        return tuple(sample.value for sample in found.samples)

    sold(half, M1=100)
    assert buckets() == (0, 0)
    half.begin()
    half.step()
    assert buckets() == (1, 63)
    half.finish()
    assert buckets() == (0, 0)


def test_sales_go_on_while_it_is_under_way_and_count_where_their_bucket_is_open(half: HalfYear) -> None:
    """A late sale of a bucket that is closed comes after the close; of the others it is in the total."""
    till = sold(half, **{f"M{number}": 90 for number in range(12)})
    half.begin()
    half.desk.write(lambda tx, house: [close_next(tx, house, half.hq.clock()) for _ in range(32)])
    closed = {bucket for (bucket,) in half.hq.sql("SELECT bucket FROM bucket_closes")}
    for number in range(12):
        half.sell(till, f"M{number}", 20)
    half.finish()
    buckets: dict[str, int] = dict(half.hq.sql("SELECT member_id, bucket FROM members"))
    decided: dict[str, int] = dict(
        half.hq.sql("SELECT member_id, qualifying FROM assessments WHERE cause = 'close' ORDER BY member_id")
    )
    assert decided == {name: 90 if bucket in closed else 110 for name, bucket in buckets.items()}
    assert set(decided.values()) == {90, 110}


def test_a_late_close_starts_on_the_day_after_it_is_posted(half: HalfYear) -> None:
    sold(half, M1=100)
    half.go_to(LAST + 40)
    half.close()
    assert half.tiers() == {"M1": ("upgrade", "BRONZE", "SILVER", LAST + 41)}


def test_the_last_day_on_which_the_programme_s_date_is_kept(half: HalfYear) -> None:
    sold(half, M1=100)
    half.go_to(START - 1)
    half.close()
    assert half.tiers()["M1"][3] == START


def test_two_half_years_in_a_row_fall_softly_and_after_the_days_of_grace(half: HalfYear) -> None:
    half.hq.publish(POLICY)
    till = sold(half, M1=300, M2=100, M3=0)
    half.desk.derive()
    half.close()
    assert {name: row[2] for name, row in half.tiers().items()} == {
        "M1": "GOLD",
        "M2": "SILVER",
        "M3": "BRONZE",
    }
    after = LAST + 181
    half.go_to(after + 1)
    half.close_days(till, *range(LAST + 1, after))
    half.sell(till, "M2", 100, day=after)
    half.sell(till, "M3", 300, day=after)
    half.close_days(till, after)
    half.close("2027-H1")
    start = after + 16
    assert half.tiers() == {
        "M1": ("downgrade", "GOLD", "SILVER", start + 30),
        "M2": ("renewal", "SILVER", "SILVER", start),
        "M3": ("upgrade", "BRONZE", "GOLD", start),
    }


def test_periods_are_closed_one_after_another(half: HalfYear) -> None:
    till = sold(half, M1=100)
    half.go_to(LAST + 366)
    half.close_days(till, *range(LAST + 1, LAST + 366))
    (blocker,) = half.ready("2027-H1").blockers
    assert (blocker.kind, blocker.period) == ("earlier_open", H2)
    half.begin()
    (blocker,) = half.ready("2027-H1").blockers
    assert (blocker.kind, blocker.period) == ("earlier_open", H2)
    half.close()
    assert [one.kind for one in half.ready("2027-H2").blockers] == ["earlier_open"]
    half.close("2027-H1")
    half.close("2027-H2")
    assert [one.kind for one in half.ready("2026-H1").blockers] == ["later_closed"]


def test_members_who_count_as_one_get_one_tier_each_of_them(half: HalfYear) -> None:
    sold(half, A=60, B=60, C=0)
    half.desk.merge("B", "A")
    half.close()
    assert half.tiers() == {
        "A": ("upgrade", "BRONZE", "SILVER", START),
        "B": ("upgrade", "BRONZE", "SILVER", START),
        "C": ("renewal", "BRONZE", "BRONZE", START),
    }
    found = half.status().close
    assert found is not None
    assert (found.upgrades, found.renewals) == (1, 1)


def test_a_period_is_closed_for_who_counts_as_one_once_the_bucket_of_the_one_is(half: HalfYear) -> None:
    """Of two in two buckets the one who was merged away is closed first; a total below 0 shows it."""
    early, late = sorted((f"M{number}" for number in range(2)), key=lambda name: bucket_of(name, 64))
    till = sold(half, **{early: 0, late: 0})
    half.desk.merge(early, late)
    half.desk.approve(half.desk.propose(late, redeemable=0, qualifying=-50))
    half.begin()
    for _ in range(bucket_of(early, 64) + 1):
        half.step()
    half.sell(till, late, 20)
    half.finish()
    decided = half.hq.sql("SELECT DISTINCT qualifying FROM assessments")
    assert decided == [(-30,)]
    run_audit(half.hq)


def test_the_dry_run_says_what_the_close_then_does(half: HalfYear) -> None:
    """Of members alone, for others, granted a tier, without a point; after a close that gave each a tier."""
    half.hq.publish(POLICY)
    till = sold(half, A=300, B=100, C=60, D=60, E=0, F=310)
    half.desk.derive()
    half.desk.merge("D", "C")
    half.close()
    half.grant("E", "SILVER", START)
    half.go_to(LAST + 182)
    half.sell(till, "B", 300, day=LAST + 181)
    half.sell(till, "D", 99, day=LAST + 181)
    half.close_days(till, *range(LAST + 1, LAST + 182))
    tried = half.desk.read(lambda tx, house: dry_run(tx, house, "2027-H1", half.hq.clock(), lambda _: None))
    half.close("2027-H1")
    moved = {name: row[1:3] for name, row in half.tiers().items() if row[0] != "renewal" and name != "D"}
    assert {one.member_id: (one.from_tier, one.to_tier) for one in tried.movers} == moved
    assert moved == {
        "A": ("GOLD", "SILVER"),
        "B": ("SILVER", "GOLD"),
        "C": ("SILVER", "BRONZE"),
        "E": ("SILVER", "BRONZE"),
        "F": ("GOLD", "SILVER"),
    }
    assert tried.members == 5


def test_who_was_erased_is_not_assessed(half: HalfYear) -> None:
    sold(half, A=60, B=60)
    half.desk.erase("B")
    half.close()
    assert half.tiers().keys() == {"A"}


def test_nobody_merges_members_or_publishes_rules_between_two_buckets(half: HalfYear) -> None:
    sold(half, A=60, B=60)
    half.begin()
    half.step()
    for work in (
        lambda: half.desk.merge("B", "A"),
        lambda: half.desk.unmerge("B"),
        lambda: half.hq.publish(POLICY),
    ):
        with pytest.raises(BadInput) as caught:
            work()
        assert caught.value.code == "period_closing"
    half.finish()
    half.desk.merge("B", "A")


def test_tills_hear_of_every_member_from_when_on_and_until_when_the_tier_holds(half: HalfYear) -> None:
    till = sold(half, UP=100, STAYS=99)
    half.desk.exchange(till)
    half.close()
    till.members.clear()
    half.desk.exchange(till)
    last = {name: row.tiers[-1] for name, row in till.members.items()}
    assert (last["UP"].from_day, last["UP"].tier, last["STAYS"].tier) == (START, "SILVER", "BRONZE")
    assert {name: row.tier_until for name, row in till.members.items()} == {
        "UP": LAST + 181 + 15,
        "STAYS": None,
    }


def test_what_an_excluded_till_brings_after_the_close_counts_beside_the_closed_total(half: HalfYear) -> None:
    till = sold(half, M1=90)
    absent = half.till()
    half.exclude(absent.terminal_id, "in repair")
    half.close()
    half.sell(absent, "M1", 20)
    half.close_days(absent, LAST - 1, LAST)
    assert half.hq.sql("SELECT qualifying FROM totals WHERE period_id = '2026-H2'") == [(110,)]
    assert half.hq.sql("SELECT qualifying FROM assessments WHERE cause = 'close'") == [(90,)]
    (one,) = half.ready().excluded
    assert one.back
    half.sell(till, "M1", 5, day=FIRST + 1)
    assert half.hq.sql("SELECT qualifying FROM totals WHERE period_id = '2026-H2'") == [(115,)]
