"""Balance and period: headquarters' word and the till's own events above its stamp."""

from __future__ import annotations

import msgspec

from tests.edge.made import at, member, purchase, stamp
from tests.edge.till import Till


def test_the_balance_is_headquarters_word_and_the_own_events_above_its_stamp(till: Till) -> None:
    till.know(member(balance=1000))
    for number in ("1", "2", "3"):
        till.record(purchase(number))
    assert till.balance() == 1036
    till.know(member(balance=1012, qualifying=212, stamp=stamp(1)))
    assert (till.balance(), till.standing().qualifying) == (1036, 236)
    till.know(member(balance=1036, qualifying=236, stamp=stamp(3)))
    assert (till.balance(), till.standing().qualifying) == (1036, 236)


def test_a_stamp_of_a_later_epoch_covers_all_of_an_earlier_one(till: Till) -> None:
    till.know(member(balance=0))
    till.record(purchase())
    till.know(member(balance=12, stamp=stamp(0)))
    assert till.balance() == 24
    till.know(member(balance=12, stamp=msgspec.structs.replace(stamp(0), epoch=2)))
    assert till.balance() == 12


def test_a_new_period_begins_at_nothing_and_the_old_one_keeps_its_points(till: Till) -> None:
    till.clock.wall = int(at("2027-01-03 12:00"))
    till.know(member(qualifying=200))
    till.record(purchase("1", on="2026-11-20"))
    till.record(purchase("2", on="2027-01-02"))
    old, new = till.standing(on="2026-12-31"), till.standing(on="2027-01-01")
    assert (old.period and old.period.id, old.qualifying) == ("2026-H2", 212)
    assert (new.period and new.period.id, new.qualifying, new.balance) == ("2027-H1", 12, 124)


def test_a_late_receipt_of_a_past_period_is_answered_with_the_period_that_is_open(till: Till) -> None:
    till.clock.wall = int(at("2027-01-03 12:00"))
    till.know(member(period_id="2027-H1", qualifying=5))
    till.record(purchase("1", on="2026-11-20"))
    stands = till.standing(on="2026-11-20")
    assert (stands.period and stands.period.id, stands.qualifying) == ("2027-H1", 5)
