"""Identity, order and content of events."""

from __future__ import annotations

from itertools import permutations

import msgspec
import pytest

from loyalty_core.events import (
    AT_MAX,
    AT_MIN,
    EVENT_CODES,
    EVENT_NAMES,
    EVENT_TYPES,
    Booted,
    Event,
    EventId,
    Fact,
    PurchaseRecorded,
    ReceiptKey,
    ReturnRecorded,
    Tender,
    content_hash,
    money_of_lines,
)
from loyalty_core.units import MINOR_MAX
from tests.core.made import event_id, key, line, purchase, returned, visit, visit_void, void


def changed(fact: Fact, **fields: object) -> Event:
    return msgspec.structs.replace(fact.event, **fields)


def test_an_event_id_shows_its_branch_only_off_the_trunk() -> None:
    assert str(event_id(42, "S012-T03")) == "S012-T03.1.42"
    assert str(event_id(42, "S012-T03", epoch=3, branch=2)) == "S012-T03.3.b2.42"


def test_the_canonical_order_is_time_then_terminal_epoch_branch_and_seq() -> None:
    facts = [
        visit(9, when="2026-11-20 10:00", terminal="T2"),
        visit(1, when="2026-11-20 10:01", terminal="T1"),
        visit(1, when="2026-11-20 10:01", terminal="T2", epoch=1, branch=0),
        visit(2, when="2026-11-20 10:01", terminal="T2", epoch=1, branch=0),
        visit(1, when="2026-11-20 10:01", terminal="T2", epoch=1, branch=1),
        visit(1, when="2026-11-20 10:01", terminal="T2", epoch=2, branch=0),
    ]
    for shuffled in permutations(facts):
        assert sorted(shuffled, key=lambda fact: fact.order) == facts


def test_seq_orders_by_number_not_by_its_digits() -> None:
    assert visit(9).order < visit(10).order


def test_receipt_numbers_are_text_and_keep_their_leading_zeros() -> None:
    assert key("0001") != key("1")
    assert key("0001").number == "0001"


def test_content_does_not_depend_on_the_order_of_lines_and_tenders() -> None:
    lines = (line(5_000, "a"), line(7_000, "b"), line(990, "c"))
    tenders = (Tender("card", 10_000), Tender("cash", 2_990))
    hashes = {
        content_hash(purchase(lines=ordered, tenders=paid).event)
        for ordered in permutations(lines)
        for paid in permutations(tenders)
    }
    assert len(hashes) == 1


def test_identical_lines_are_genuine_and_counted() -> None:
    once, twice = (purchase(lines=[line(1_000)] * count) for count in (1, 2))
    assert content_hash(once.event) != content_hash(twice.event)


def test_content_is_not_who_reported_it_nor_who_is_named() -> None:
    named, nameless = purchase(1), purchase(77, member=None, terminal="T9")
    assert content_hash(named.event) == content_hash(nameless.event)


@pytest.mark.parametrize(
    "other",
    [
        {"occurred_at_ms": purchase().event.occurred_at_ms + 1},
        {"net_minor": 12_991},
        {"tax_minor": 1},
        {"lines": (line(12_990),)},
        {"tenders": (Tender("card", 12_990),)},
    ],
    ids=lambda other: next(iter(other)),
)
def test_content_changes_with_each_part_of_a_sale(other: dict[str, object]) -> None:
    assert content_hash(changed(purchase(), **other)) != content_hash(purchase().event)


@pytest.mark.parametrize(
    "other", [line(13_000), line(12_990, "b"), line(12_990, sku="B"), line(12_990, number=2)], ids=str
)
def test_content_changes_with_each_part_of_a_line(other: object) -> None:
    assert content_hash(changed(purchase(lines=[line(12_990)]), lines=(other,))) != content_hash(
        purchase(lines=[line(12_990)]).event
    )


def test_content_of_a_return_and_a_void_includes_the_original() -> None:
    for first, second in (
        (returned(1, of=key("1")), returned(1, of=key("2"))),
        (void(1, of=key("1")), void(1, of=key("2"))),
    ):
        assert content_hash(first.event) != content_hash(second.event)


def test_content_of_two_kinds_is_never_the_same() -> None:
    when = "2026-11-20 10:00"
    seen = visit(1, when=when)
    hashes = {
        content_hash(fact.event) for fact in (seen, visit_void(2, seen, when=when), purchase(when=when))
    }
    assert len(hashes) == 3


def test_a_sale_and_a_return_of_the_same_lines_differ_even_without_an_original() -> None:
    sale = purchase().event
    assert isinstance(sale, PurchaseRecorded)
    back = ReturnRecorded(
        sale.member, sale.occurred_at_ms, sale.business_day, sale.receipt, None, sale.net_minor, 0, (), ()
    )
    assert content_hash(sale) != content_hash(back)


def test_every_event_type_has_one_code_and_one_name_and_keeps_it() -> None:
    assert {code: EVENT_NAMES[kind] for code, kind in EVENT_TYPES.items()} == {
        1: "visit_recorded",
        2: "visit_voided",
        3: "member_presented",
        4: "purchase_recorded",
        5: "return_recorded",
        6: "purchase_voided",
        7: "receipt_claimed",
        8: "redemption_authorised",
        9: "member_enrolled",
        10: "coupon_used",
        11: "day_closed",
        12: "booted",
        13: "clock_stepped",
        14: "redemption_committed",
        15: "redemption_cancelled",
        16: "day_total",
        17: "technician_action",
        64: "event_placed",
    }
    assert {EVENT_CODES[kind]: kind for kind in EVENT_CODES} == EVENT_TYPES


def test_a_receipt_without_lines_is_one_line() -> None:
    assert money_of_lines(12_990, ()) == (("", 12_990),)
    assert money_of_lines(0, ()) == (("", 0),)


def test_lines_that_add_up_stand_alone() -> None:
    assert money_of_lines(3_000, (line(1_000, "a"), line(2_000, "b"))) == (("a", 1_000), ("b", 2_000))


@pytest.mark.parametrize(("total", "rest"), [(2_700, -300), (3_001, 1), (0, -3_000)])
def test_the_difference_to_the_total_is_one_more_line_without_category(total: int, rest: int) -> None:
    money = money_of_lines(total, (line(1_000, "a"), line(2_000, "b")))
    assert money == (("a", 1_000), ("b", 2_000), ("", rest))


GOOD = [None, AT_MIN, 20_000]


@pytest.mark.parametrize(
    "start",
    [
        [None, AT_MIN - 1, 20_000],
        [None, AT_MAX + 1, 20_000],
        [None, AT_MIN, 10_956],
        [None, AT_MIN, 47_483],
        ["m1", AT_MIN, 20_000],
        ["x" * 81, AT_MIN, 20_000],
        [None, 1.5, 20_000],
        [None, True, 20_000],
    ],
    ids=str,
)
def test_an_event_with_impossible_common_fields_is_refused(start: list[object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert([*start, "boot", "1.0"], Booted)


@pytest.mark.parametrize(
    "start", [GOOD, [None, AT_MAX, 47_482], ["id:", AT_MIN, 10_957], ["x" * 80, *GOOD[1:]]]
)
def test_an_event_on_the_edge_of_what_is_possible_is_taken(start: list[object]) -> None:
    assert msgspec.convert([*start, "boot", "1.0"], Booted).boot_id == "boot"


@pytest.mark.parametrize(
    "field", [["", "T", 20_000, "1"], ["S", "T" * 33, 20_000, "1"], ["S", "T", 20_000, ""]]
)
def test_a_receipt_key_with_an_empty_or_endless_part_is_refused(field: list[object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(field, ReceiptKey)


@pytest.mark.parametrize(
    ("amount", "good"), [(MINOR_MAX, True), (MINOR_MAX + 1, False), (-MINOR_MAX - 1, False)]
)
def test_money_is_believed_up_to_its_bound(amount: int, good: bool) -> None:
    def read() -> Tender:
        return msgspec.convert(["card", amount], Tender)

    if good:
        assert read().amount_minor == amount
    else:
        with pytest.raises(msgspec.ValidationError):
            read()


def test_events_sort_within_one_terminal_by_epoch_branch_then_seq() -> None:
    ids = [EventId("T1", 1, 0, event_id(n).seq) for n in (3, 1, 2)] + [event_id(1, epoch=2)]
    assert [(one.epoch, one.seq) for one in sorted(ids)] == [(1, 1), (1, 2), (1, 3), (2, 1)]
