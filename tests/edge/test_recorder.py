"""What an intake becomes: its points at once, what comes again, whose it is, and what it moves of others."""

from __future__ import annotations

from datetime import date
from typing import Any

import msgspec
import pytest

from edge_agent.clock import PLAUSIBLE_FROM
from edge_agent.recorder import Intake, Outcome
from edge_agent.store import presented, programmes
from edge_agent.store.database import transaction
from loyalty_core.errors import BadInput
from loyalty_core.events import AT_MAX, EventId, MemberPresented, PurchaseRecorded, VisitRecorded, VisitVoided
from loyalty_core.lookups import hashed
from tests.edge.conftest import MakeTill
from tests.edge.made import (
    CARD,
    MOONLIGHT,
    OTHER_CARD,
    PHONE,
    STORE_KEY,
    HeldClock,
    at,
    day,
    member,
    programme,
    purchase,
    stamp,
    visit,
    void,
)
from tests.edge.till import Till


def show(till: Till, card: str, when: str) -> None:
    """Let a member show a card, as `POST /v1/presented` does."""
    with transaction(till.conn):
        till.recorder.record(
            till.conn,
            till.books(),
            Intake(
                event=MemberPresented(None, at(when), day(when[:10])),
                natural_key=f"key/{card}-{when}",
                content=b"",
                member=card,
                journal_key="k",
                adapter="http",
                raw_sha256=b"",
            ),
        )


def undo(till: Till, of: EventId) -> Outcome:
    """Undo a visit, as `POST /v1/visits/{event}/void` does."""
    event = till.records()[of.seq - 1].event
    assert isinstance(event, VisitRecorded)
    when = at("2026-11-24 11:40")
    with transaction(till.conn):
        return till.recorder.record(
            till.conn,
            till.books(),
            Intake(
                event=VisitVoided(event.member, when, day("2026-11-24"), of.epoch, of.seq, event.receipt),
                natural_key=f"visit-void/{of.epoch}/{of.seq}",
                content=b"",
                voids=of,
                adapter="http",
                raw_sha256=b"",
            ),
        )


# Points at once


@pytest.mark.parametrize(
    ("receipt", "points"),
    [
        (purchase(), 12),
        (visit("v", "2026-11-24 11:59"), 15),
        (visit("v", "2026-11-24 12:00"), 10),
        (visit("v", "2026-12-01 10:00"), 20),
    ],
)
def test_each_worked_example_gets_its_points_at_once(
    till: Till, receipt: dict[str, Any], points: int
) -> None:
    assert till.points(receipt) == points
    assert till.standing(on=receipt["occurred_at"][:10]).balance == points


@pytest.mark.parametrize(("combine", "points"), [("best", 20), ("product", 30), ("sum", 25)])
def test_weights_combine_as_the_programme_says(make_till: MakeTill, combine: str, points: int) -> None:
    till = make_till(programme(text=MOONLIGHT.replace('weights = "best"', f'weights = "{combine}"')))
    assert till.points(visit("v", "2026-12-01 10:00")) == points


def test_the_second_visit_of_a_business_day_gets_nothing(till: Till) -> None:
    assert till.points(visit("v1", "2026-11-24 11:00")) == 15
    assert till.points(visit("v2", "2026-11-25 04:59")) == 0
    assert till.points(visit("v3", "2026-11-25 05:00")) == 15


def test_the_claim_in_the_journal_is_what_was_answered(till: Till) -> None:
    till.record(purchase())
    claim = till.records()[-1].claim
    assert claim is not None
    assert msgspec.structs.astuple(claim) == (7, "BRONZE", 12, 12)


def test_a_member_is_answered_by_the_tier_that_headquarters_gave(make_till: MakeTill) -> None:
    gold = '[[weight]]\nid = "gold"\non = ["purchase"]\ntiers = ["GOLD"]\ntimes = "3"\n\n[[cap]]'
    till = make_till(programme(text=MOONLIGHT.replace("[[cap]]", gold, 1)))
    till.know(member(tier="GOLD"))
    till.know(member("M2", OTHER_CARD))
    assert till.points(purchase("1")) == 36
    assert till.points(purchase("2", member=OTHER_CARD)) == 12


def test_without_a_programme_a_sale_is_recorded_and_earns_nothing(make_till: MakeTill) -> None:
    till = make_till()
    till.conn.execute("DELETE FROM programme")
    assert till.points(purchase()) == 0
    assert till.records()[-1].claim is None
    assert till.standing().period is None


def test_a_programme_in_the_future_gives_nothing_yet(make_till: MakeTill) -> None:
    late = MOONLIGHT.replace("effective_from = 2026-07-01", "effective_from = 2026-11-21")
    till = make_till(programme(text=late))
    assert till.points(purchase("1", on="2026-11-20")) == 0
    assert till.points(purchase("2", on="2026-11-21")) == 12


def test_the_newest_programme_does_not_rule_the_days_before_it(make_till: MakeTill) -> None:
    double = MOONLIGHT.replace("points = 1\nper", "points = 2\nper")
    till = make_till(
        programme(7),
        programme(8, double.replace("effective_from = 2026-07-01", "effective_from = 2026-11-22")),
    )
    assert till.points(purchase("1", on="2026-11-21")) == 12
    assert till.points(purchase("2", on="2026-11-22")) == 24


def test_the_gap_is_to_the_ladder_of_the_version_of_the_periods_last_day(make_till: MakeTill) -> None:
    steep = MOONLIGHT.replace("from = 300", "from = 400")
    next_year = steep.replace("effective_from = 2026-07-01", "effective_from = 2027-01-01")
    in_december = steep.replace("effective_from = 2026-07-01", "effective_from = 2026-12-31")
    for text, missing in ((next_year, 88), (in_december, 188)):
        till = make_till(programme(7), programme(8, text))
        till.know(member())
        till.record(purchase())
        assert (till.standing().next_tier, till.standing().missing) == ("GOLD", missing)


def test_a_new_programme_is_used_as_soon_as_it_is_here(till: Till) -> None:
    assert till.points(purchase("1")) == 12
    double = programme(8, MOONLIGHT.replace("points = 1\nper", "points = 2\nper"))
    with transaction(till.conn):
        programmes.put(till.conn, 8, double)
    assert till.points(purchase("2")) == 24


# What comes again


def test_the_same_receipt_again_is_the_same_answer_and_no_new_record(till: Till) -> None:
    first = till.record(purchase())
    again = till.record(purchase())
    assert again == msgspec.structs.replace(first, repeated=True)
    assert len(till.records()) == 1
    assert till.balance() == 12


def test_a_copy_with_its_lines_in_another_order_is_the_same_receipt(till: Till) -> None:
    lines = [{"number": n, "net_minor": 1000 * n, "sku": f"A{n}"} for n in (1, 2)]
    till.record(purchase(lines=lines, net_minor=3000))
    assert till.record(purchase(lines=lines[::-1], net_minor=3000)).repeated


def test_a_copy_that_names_nobody_is_a_copy(till: Till) -> None:
    first = till.record(purchase())
    again = till.record(purchase(member=None))
    assert (again.repeated, again.redeemable, again.account) == (True, 12, first.account)


def test_a_copy_gives_an_anonymous_receipt_its_owner_once(till: Till) -> None:
    assert till.points(purchase(member=None)) == 0
    named = till.record(purchase())
    assert (named.repeated, named.redeemable) == (False, 12)
    assert till.record(purchase()).repeated
    assert till.record(purchase(member=None)).repeated
    assert (till.balance(), len(till.records())) == (12, 2)


def test_a_conflict_names_the_receipt_as_people_do(till: Till) -> None:
    till.record(purchase("000123"))
    with pytest.raises(
        BadInput, match=r"^purchase 000123 of 2026-11-20 at till S012/T03 is recorded already"
    ):
        till.record(purchase("000123", net_minor=1))


def test_the_same_key_with_another_content_is_refused(till: Till) -> None:
    till.record(purchase())
    assert till.refusal(purchase(net_minor=12991)) == "receipt_conflict"
    assert till.refusal(purchase(occurred_at="2026-11-20T10:31:01+09:00")) == "receipt_conflict"
    assert till.refusal(purchase(tax_minor=1)) == "receipt_conflict"
    assert till.balance() == 12


def test_the_same_receipt_for_another_member_is_refused(till: Till) -> None:
    till.record(purchase())
    assert till.refusal(purchase(member=OTHER_CARD)) == "receipt_conflict"
    assert till.balance(OTHER_CARD) == 0


def test_numbers_keep_their_leading_zeros_and_kinds_have_numbers_of_their_own(till: Till) -> None:
    assert [till.points(purchase(number)) for number in ("1", "01", "001")] == [12, 12, 12]
    assert till.points(visit("1", "2026-11-20 10:00")) == 10


def test_the_same_number_on_another_business_day_is_another_receipt(till: Till) -> None:
    assert till.points(purchase(on="2026-11-19")) == 12
    assert till.points(purchase(on="2026-11-20")) == 12


@pytest.mark.parametrize("kind", ["return", "void"])
def test_what_names_a_member_and_moves_no_account_comes_once_too(till: Till, kind: str) -> None:
    """Neither a return nor the void of an unknown purchase has an account here; both may name a member."""
    receipt = purchase("R1", kind=kind) if kind == "return" else void("R1", member=CARD)
    assert not till.record(receipt).repeated
    assert till.record(receipt).repeated
    assert len(till.records()) == 1


def test_a_re_export_is_recognised_after_its_member_left_the_snapshot(till: Till) -> None:
    till.know(member())
    till.record(purchase())
    till.know(member(gone=True))
    assert till.record(purchase()).repeated
    assert len(till.records()) == 1


# Whose it is


def test_an_unknown_card_is_recorded_as_it_was_read(till: Till) -> None:
    till.record(purchase())
    assert till.records()[0].event.member == f"card:{CARD}"


def test_a_known_card_is_recorded_as_its_member(till: Till) -> None:
    till.know(member())
    till.record(purchase())
    till.record(purchase("2", member="M1"))
    assert [record.event.member for record in till.records()] == ["id:M1", "id:M1"]


def test_a_phone_number_stands_nowhere_in_the_files_of_the_till(till: Till) -> None:
    for place, spelling in enumerate((PHONE, "+82 10-9876-5432", "01098765432")):
        assert till.points(purchase(str(place), member=spelling)) == 12
    till.record(visit("v", "2026-11-20 10:00", member=PHONE))
    assert till.balance(PHONE) == 46
    till.close()
    written = b"".join(path.read_bytes() for path in till.config.data_dir.iterdir())
    assert hashed("phone:+821098765432", STORE_KEY).encode() in written
    for spelling in (PHONE, "01098765432", "1098765432", "9876-5432", "98765432"):
        assert spelling.encode() not in written


@pytest.mark.parametrize(
    "text", ["0000000000000", "2000123456783", "2000XXXX56782", "2000123xxxxxx", "***", " "]
)
def test_a_masked_or_misread_number_never_matches_anybody(till: Till, text: str) -> None:
    till.know(member(card=text))
    outcome = till.record(purchase(member=text))
    assert (outcome.account, outcome.redeemable) == (None, 0)
    assert till.records()[-1].event.member is None
    assert "cannot be read" in outcome.notices[0]


# Voids


def test_a_void_takes_back_what_its_purchase_gave(till: Till) -> None:
    till.record(purchase())
    assert till.points(void()) == -12
    assert till.balance() == 0
    assert till.record(void()).repeated


def test_a_void_finds_a_purchase_of_another_number_and_day(till: Till) -> None:
    till.record(purchase("1", on="2026-11-20"))
    other = void("9", original=purchase("1", on="2026-11-20")["receipt"])
    other["receipt"] = other["receipt"] | {"business_date": "2026-11-21"}
    other["occurred_at"] = "2026-11-21T09:00:00+09:00"
    assert till.points(other) == -12
    assert till.balance() == 0


def test_a_second_void_of_the_same_purchase_takes_nothing_more(till: Till) -> None:
    till.record(purchase())
    till.record(void())
    assert till.points(void("2", original=purchase()["receipt"])) == 0
    assert till.balance() == 0


def test_a_void_of_a_purchase_that_is_not_known_here_waits_for_headquarters(till: Till) -> None:
    outcome = till.record(void("404"))
    assert (outcome.account, outcome.redeemable) == (None, 0)
    assert "headquarters" in outcome.notices[0]


def test_a_purchase_that_was_voided_before_it_came_earns_nothing(till: Till) -> None:
    till.record(void())
    outcome = till.record(purchase())
    assert "voided" in outcome.notices[0]
    assert till.balance() == 0
    assert till.points(purchase("2")) == 12
    assert till.balance() == 12
    assert till.points(void("3", original=purchase()["receipt"])) == 0


def test_a_voided_anonymous_purchase_earns_nothing_when_a_copy_names_its_owner(till: Till) -> None:
    till.record(purchase(member=None))
    assert till.points(void()) == 0
    assert "voided" in till.record(purchase()).notices[0]
    assert till.balance() == 0


def test_voiding_the_first_visit_lets_the_second_one_count(till: Till) -> None:
    first = till.record(visit("v1", "2026-11-24 11:00"))
    assert till.points(visit("v2", "2026-11-24 11:30")) == 0
    outcome = undo(till, first.event)
    assert outcome.redeemable == 0, "the second visit takes its place"
    assert till.balance() == 15


# Late receipts


def test_a_late_visit_earlier_in_the_day_takes_over_the_points_of_the_one_that_came_first(till: Till) -> None:
    assert till.points(visit("v2", "2026-11-24 12:30")) == 10
    assert till.points(visit("v1", "2026-11-24 10:00")) == 15
    assert till.balance() == 15
    assert till.record(visit("v2", "2026-11-24 12:30")).redeemable == 0


def test_what_a_late_receipt_moves_of_a_posted_one_still_counts_above_the_stamp(till: Till) -> None:
    till.know(member(balance=0))
    till.record(visit("v2", "2026-11-24 12:30"))
    till.know(member(balance=10, stamp=stamp(1)))
    assert till.balance() == 10
    till.record(visit("v1", "2026-11-24 10:00"))
    assert till.balance() == 15


def test_what_headquarters_gave_by_newer_rules_is_not_taken_for_a_change_of_ours(till: Till) -> None:
    till.know(member(balance=0))
    till.record(visit("v1", "2026-11-24 12:30"))
    with transaction(till.conn):
        programmes.put(till.conn, 8, programme(8, MOONLIGHT.replace("points = 10\n", "points = 20\n")))
    till.know(member(balance=20, qualifying=20, stamp=stamp(1)))
    till.record(purchase("1", on="2026-11-24"))
    assert (till.balance(), till.standing().qualifying) == (32, 32)


def test_a_day_that_headquarters_put_together_is_not_put_together_again(till: Till) -> None:
    till.record(visit("v1", "2026-11-24 12:30"))
    till.record(visit("v2", "2026-11-24 12:40", member=OTHER_CARD))
    both = tuple(hashed(form, STORE_KEY) for form in ("id:M1", f"card:{CARD}", f"card:{OTHER_CARD}"))
    till.appear(member(balance=10, qualifying=10, stamp=stamp(2), look_ups=both))
    till.record(purchase("1", on="2026-11-24"))
    assert till.balance() == 22


def test_a_void_names_the_member_for_whom_the_till_booked_the_purchase(till: Till) -> None:
    till.record(purchase("1"))
    till.record(void("1"))
    assert till.records()[-1].event.member == f"card:{CARD}"
    till.record(void("of nobody"))
    assert till.records()[-1].event.member is None


@pytest.mark.parametrize("member_id", ["M-0001", "3f2c-77", "010CALL"])
def test_an_unknown_member_id_is_recorded_as_it_was_typed(till: Till, member_id: str) -> None:
    till.record(purchase("1", member=member_id))
    assert till.records()[-1].event.member == f"id:{member_id}"
    till.appear(member(member_id, balance=0))
    assert till.standing(member_id).balance == 12


# Balance, period, attachment


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


def test_what_an_unknown_card_earned_is_the_members_when_the_member_appears(till: Till) -> None:
    assert till.points(purchase("1")) == 12
    assert till.points(purchase("2", member=PHONE)) == 12
    row = member(
        balance=100,
        look_ups=tuple(hashed(form, STORE_KEY) for form in ("id:M1", f"card:{CARD}", "phone:+821098765432")),
    )
    till.appear(row)
    assert till.balance() == till.balance("M1") == till.balance(PHONE) == 124
    assert till.record(purchase("1")).repeated
    assert till.record(purchase("2", member="M1")).repeated
    assert till.points(void("1")) == -12
    assert till.balance() == 112


# Shown cards


def test_a_shown_card_gets_the_next_receipt_that_names_nobody(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    assert till.points(purchase("1", member=None)) == 12
    assert till.records()[-1].event.member == f"card:{CARD}"
    assert till.points(purchase("2", member=None)) == 0
    assert till.record(purchase("1", member=None)).repeated


def test_two_different_cards_leave_the_receipt_anonymous_and_are_offered(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    show(till, OTHER_CARD, "2026-11-20 10:26")
    outcome = till.record(purchase("1", member=None))
    assert (outcome.account, outcome.redeemable) == (None, 0)
    assert outcome.offers == (hashed(f"card:{CARD}", STORE_KEY), hashed(f"card:{OTHER_CARD}", STORE_KEY))
    assert till.record(purchase("2", member=None)).offers == ()


def test_the_same_card_shown_twice_is_one_member(till: Till) -> None:
    till.know(member())
    show(till, CARD, "2026-11-20 10:25")
    show(till, "M1", "2026-11-20 10:26")
    assert till.points(purchase("1", member=None)) == 12
    assert till.points(purchase("2", member=None)) == 0


@pytest.mark.parametrize(("when", "points"), [("2026-11-20 10:21", 12), ("2026-11-20 10:20", 0)])
def test_a_card_waits_ten_minutes(till: Till, when: str, points: int) -> None:
    show(till, CARD, when)
    assert till.points(purchase(member=None)) == points


def test_a_receipt_that_names_its_member_uses_up_the_shown_card(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    assert till.points(purchase("1", member=OTHER_CARD)) == 12
    assert till.points(purchase("2", member=None)) == 0


@pytest.mark.parametrize(("when", "points"), [("2026-11-20 10:32", 12), ("2026-11-20 10:33", 0)])
def test_a_card_shown_in_the_minute_to_which_the_receipts_time_is_cut_still_pairs(
    till: Till, when: str, points: int
) -> None:
    show(till, CARD, when)
    assert till.points(purchase(member=None)) == points


def test_a_card_that_waited_too_long_is_forgotten_with_the_next_receipt(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:20")
    till.record(purchase("1", member=None))
    assert not presented.any_wait(till.conn)


def test_showing_a_card_moves_no_points(till: Till) -> None:
    show(till, CARD, "2026-11-20 10:25")
    assert till.balance() == 0


# The clock


@pytest.mark.parametrize("wall", [0, PLAUSIBLE_FROM - 1, AT_MAX + 1])
def test_a_clock_that_cannot_be_right_is_no_measure_of_the_future(make_till: MakeTill, wall: int) -> None:
    till = make_till()
    till.clock.wall = wall
    assert till.recorder.expectations(till.books()).now_ms is None
    assert till.points(purchase()) == 12


def test_a_receipt_of_the_day_after_tomorrow_is_refused(make_till: MakeTill) -> None:
    till = make_till(clock=HeldClock("2026-11-20 10:31"))
    assert till.refusal(purchase("1", occurred_at="2026-11-21T22:31:01+09:00")) == "date_in_future"
    assert till.points(purchase("1", occurred_at="2026-11-21T22:31:00+09:00")) == 12


def test_what_is_recorded_can_be_read_again(till: Till) -> None:
    lines = [
        {"number": n, "sku": "품목" * 32, "quantity": "999999999.999", "net_minor": -(10**12)}
        for n in range(1000)
    ]
    till.record(purchase("9" * 64, lines=lines, net_minor=10**12, tax_minor=10**12))
    assert isinstance(till.records()[0].event, PurchaseRecorded)
    assert date.fromisoformat("2026-11-20").toordinal() - 719163 == till.records()[0].event.business_day


def test_headquarters_periods_of_another_length_stop_no_sale(till: Till) -> None:
    till.know(member(period_id="2027"))
    assert till.points(purchase()) == 12
    assert till.standing().qualifying == 12


def test_a_programme_that_the_disk_has_damaged_stops_no_sale(make_till: MakeTill) -> None:
    till = make_till(programme(7), programme(8))
    till.conn.execute("UPDATE programme SET envelope = substr(envelope, 2) WHERE version = 8")
    assert till.points(purchase()) == 12
    till.conn.execute("DELETE FROM programme WHERE version = 8")
    till.conn.execute("UPDATE programme SET envelope = x'00'")
    assert till.points(purchase("2")) == 0
