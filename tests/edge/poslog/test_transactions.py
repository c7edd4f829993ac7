"""Transactions as vendors write them -> receipts: each once, with the signs right way round."""

from __future__ import annotations

import msgspec
import pytest

from edge_agent.pos_adapter.receipt import Key, Receipt, TenderIn
from tests.edge.poslog.made import (
    HEAD,
    HERE,
    SALE,
    V2,
    V6,
    code,
    line,
    link,
    one,
    poslog,
    read,
    receipt,
    tender,
    total,
    transaction,
)

LINKED = Key(store="S012", till="T02", number="0041", business_date="2026-11-19")


@pytest.mark.parametrize("space", [V2, V6, "", "urn:somebody"])
def test_a_sale_is_a_purchase_whatever_its_namespace(space: str) -> None:
    found = receipt(poslog(SALE, space=space))
    assert found.receipt == Key(store="S012", till="T03", number="0042", business_date="2026-11-20")
    assert (found.kind, found.net_minor, found.currency) == ("purchase", 12990, "KRW")
    assert found.occurred_at == "2026-11-20T10:31:00"
    assert [(one.sku, one.net_minor, one.quantity) for one in found.lines] == [
        ("A1", 12000, "1"),
        ("B2", 990, "1"),
    ]
    assert found.tenders == [TenderIn(type="cash", amount_minor=12990)]


def test_elements_may_carry_prefixes_that_nobody_declares() -> None:
    prefixed = SALE.replace("<", "<p:").replace("<p:/", "</p:")
    assert receipt(prefixed).net_minor == 12990


@pytest.mark.parametrize(
    "back",
    [
        line("5000", kind="Return") + tender("-5000") + total("-5000"),
        line("5000", "-1") + tender("-5000") + total("-5000"),
        line("-5000", "-1") + tender("5000", flags='TypeCode="Refund"') + total("-5000"),
        line("-5000", "-1", kind="Return") + total("-5000"),
        line("5000", kind="Return") + tender("5000", flags='TypeCode="Refund"') + total("5000"),
    ],
)
def test_a_return_has_positive_amounts_in_either_style_of_signs(back: str) -> None:
    found = receipt(transaction(back))
    assert (found.kind, found.net_minor) == ("return", 5000)
    assert [(one.net_minor, one.quantity) for one in found.lines] == [(5000, "1")]
    assert all(one.amount_minor == 5000 for one in found.tenders)


def test_a_return_names_the_receipt_that_its_lines_come_from() -> None:
    back = line("5000", kind="Return", more=link("Return"))
    assert receipt(transaction(back + total("-5000"))).original == LINKED
    assert (
        receipt(transaction(line("5000", kind="Return") + link("Return") + total("-5000"))).original == LINKED
    )
    unlinked = receipt(transaction(line("5000", kind="Return") + total("-5000")))
    assert unlinked.original is None


def test_a_return_whose_link_names_no_number_is_of_no_known_receipt() -> None:
    back = line("5000", kind="Return", more='<TransactionLink ReasonCode="Return"/>')
    found = receipt(transaction(back + total("-5000")))
    assert (found.kind, found.original, found.net_minor) == ("return", None, 5000)


def test_goods_of_several_receipts_name_no_original() -> None:
    back = line("1", kind="Return", more=link("Return")) + line(
        "2", kind="Return", more=link("Return", "0040")
    )
    row = one(transaction(back + total("-3")))
    assert isinstance(row.receipt, Receipt)
    assert row.receipt.original is None
    assert "goods of several receipts came back: none is named as the original" in row.notices


def test_an_exchange_is_what_is_paid_or_comes_back_in_the_end() -> None:
    goods = line("12000") + line("5000", kind="Return", more=link("Return"))
    sold = receipt(transaction(goods + total("7000")))
    assert (sold.kind, sold.net_minor, [one.net_minor for one in sold.lines]) == (
        "purchase",
        7000,
        [12000, -5000],
    )
    goods = line("5000") + line("12000", kind="Return", more=link("Return"))
    back = one(transaction(goods + total("-7000")))
    assert isinstance(back.receipt, Receipt)
    assert (back.receipt.kind, back.receipt.net_minor, back.receipt.lines) == ("return", 7000, [])
    assert back.receipt.original == LINKED
    assert any("goods were sold beside" in said for said in back.notices)


@pytest.mark.parametrize(
    "voided",
    [
        line("990", sku="B2") + line("-990", "-1", sku="B2", flags='VoidFlag="true"'),
        line("990", sku="B2", flags='VoidFlag="true"'),
        line("990", sku="B2", flags='VoidFlag="1"'),
        "",
    ],
)
def test_a_voided_line_is_gone_in_each_of_the_three_ways(voided: str) -> None:
    found = receipt(transaction(line("12000") + voided + total("12000")))
    assert [(one.sku, one.net_minor) for one in found.lines] == [("A1", 12000)]


def test_of_two_equal_lines_one_void_takes_one() -> None:
    twice = line("990") + line("990") + line("-990", "-1", flags='VoidFlag="true"')
    assert [one.net_minor for one in receipt(transaction(twice + total("990"))).lines] == [990]


@pytest.mark.parametrize(
    "voided",
    [
        line("990", kind="Return") + line("-990", "-1", kind="Return", flags='VoidFlag="true"'),
        line("990", kind="Return", flags='VoidFlag="true"'),
    ],
)
def test_a_returned_line_that_was_voided_is_gone(voided: str) -> None:
    found = receipt(transaction(line("12000") + voided + total("12000")))
    assert [one.net_minor for one in found.lines] == [12000]


def test_a_line_that_is_voided_and_made_up_for_takes_no_other() -> None:
    void = 'VoidFlag="true"'
    bought = line("990", flags=void) + line("990") + line("-990", "-1", flags=void)
    assert [one.net_minor for one in receipt(transaction(bought + total("990"))).lines] == [990]


def test_a_voided_tender_is_gone_with_what_it_makes_up_for() -> None:
    paid = tender("5000", "GiftCard") + tender("-5000", "GiftCard", 'VoidFlag="true"') + tender("12990")
    found = receipt(transaction(line("12990") + paid + total("12990")))
    assert found.tenders == [TenderIn(type="cash", amount_minor=12990)]


def test_a_post_void_voids_what_it_is_linked_to_though_its_total_is_positive() -> None:
    void = receipt(
        transaction(line("12990") + total("12990") + link("Voided"), retail='TransactionStatus="PostVoided"')
    )
    assert (void.kind, void.original, void.net_minor) == ("void", LINKED, None)


@pytest.mark.parametrize("reason", ["", "VoidedTransaction"])
def test_a_post_void_voids_what_it_is_linked_to_whatever_the_link_calls_it(reason: str) -> None:
    void = receipt(transaction(total("12990") + link(reason), retail='TransactionStatus="PostVoided"'))
    assert void.original == LINKED
    resumed = receipt(transaction(total("12990") + link("Resume"), retail='TransactionStatus="PostVoided"'))
    assert resumed.original is None


@pytest.mark.parametrize("retail", ["", 'TransactionStatus="Finished"'])
def test_a_post_void_of_which_only_the_link_tells_is_no_sale_beside(retail: str) -> None:
    void = receipt(transaction(line("12990") + total("12990") + link("Voided"), retail=retail))
    assert (void.kind, void.original) == ("void", LINKED)


def test_a_link_without_a_date_is_of_the_same_business_day() -> None:
    void = receipt(transaction(link("Voided", date="", till=""), retail='TransactionStatus="PostVoided"'))
    assert void.original == msgspec.structs.replace(LINKED, till="T03", business_date="2026-11-20")


def test_a_post_void_without_a_link_voids_its_own_number() -> None:
    void = receipt(transaction(total("12990"), retail='TransactionStatus="PostVoided"'))
    assert (void.kind, void.original, void.receipt.number) == ("void", None, "0042")


def test_a_replacement_is_a_sale_and_voids_what_it_says_that_it_replaces() -> None:
    alone = read(transaction(line("12990") + total("12990"), retail='TransactionStatus="Replaced"'))
    assert [row.receipt.kind for row in alone if row.receipt] == ["purchase"]
    linked = read(
        transaction(line("9000") + total("9000") + link("Replaced"), retail='TransactionStatus="Replaced"')
    )
    void, sale = [row.receipt for row in linked]
    assert isinstance(void, Receipt)
    assert isinstance(sale, Receipt)
    assert (void.kind, void.original, sale.kind, sale.net_minor) == ("void", LINKED, "purchase", 9000)
    assert [row.place for row in linked] == ["transaction 1, what it replaces", "transaction 1"]


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (transaction(line("5") + total("5"), retail='TransactionStatus="Suspended"'), "suspended"),
        (transaction(line("5") + total("5"), flags='CancelFlag="true"'), "aborted"),
        (transaction(line("5") + total("5"), flags='TrainingModeFlag="true"'), "training"),
        (transaction(line("5") + total("5"), flags='TrainingModeFlag="Y"'), "training"),
        (transaction(line("5") + total("5"), retail='TransactionStatus="InProcess"'), "unfinished"),
        (transaction(), "aborted"),
        (transaction(total("0")), "aborted"),
        (f"<Transaction>{HEAD}<ControlTransaction><NoSale/></ControlTransaction></Transaction>", "control"),
        (f"<Transaction>{HEAD}<TenderControlTransaction/></Transaction>", "control"),
        ("<Transaction/>", "control"),
    ],
)
def test_what_is_no_sale_counts_nothing_and_says_why(written: str, why: str) -> None:
    row = one(written)
    assert (row.passed, row.receipt, row.refusal) == (why, None, None)


def test_a_resumed_sale_counts_once() -> None:
    suspended = transaction(line("5") + total("5"), retail='TransactionStatus="Suspended"')
    resumed = transaction(line("5") + total("5") + link("Resume"), retail='TransactionStatus="Finished"')
    rows = read(poslog(suspended, resumed))
    assert [row.passed for row in rows] == ["suspended", ""]
    assert [row.receipt.kind for row in rows if row.receipt] == ["purchase"]


def test_change_and_several_tenders_come_to_the_total() -> None:
    paid = tender("10000") + tender("5000", "CreditDebit") + tender("-2010")
    found = receipt(transaction(line("12990") + paid + total("12990")))
    assert [(one.type, one.amount_minor) for one in found.tenders] == [
        ("cash", 10000),
        ("card", 5000),
        ("cash", -2010),
    ]
    inner = '<LineItem><Tender TenderType="Cash"><Amount>15000</Amount><TenderChange><Amount>2010</Amount>'
    found = receipt(
        transaction(line("12990") + inner + "</TenderChange></Tender></LineItem>" + total("12990"))
    )
    assert [one.amount_minor for one in found.tenders] == [15000, -2010]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Cash", "cash"),
        ("CreditDebit", "card"),
        ("GiftCard", "gift_card"),
        ("GiftCertificate", "gift_card"),
        ("StoredValue", "gift_card"),
        ("acs:LoyaltyPoints", "points"),
        ("Voucher", "voucher"),
        ("Mobile Pay", "mobile_pay"),
        ("", "other"),
    ],
)
def test_tenders_have_the_names_that_programmes_use(said: str, kind: str) -> None:
    found = receipt(transaction(line("1") + tender("1", said) + total("1")))
    assert [one.type for one in found.tenders] == [kind]


@pytest.mark.parametrize(
    "inside",
    [
        "<LineItem><p:LoyaltyMembership><p:LoyaltyID>2000123456782</p:LoyaltyID></p:LoyaltyMembership></LineItem>",
        (
            "<LoyaltyAccount><LoyaltyProgram><LoyaltyAccountID>2000123456782</LoyaltyAccountID></LoyaltyProgram>"
            "</LoyaltyAccount>"
        ),
        (
            "<LoyaltyAccount><LoyaltyCard><PrimaryAccountNumber>2000123456782</PrimaryAccountNumber></LoyaltyCard>"
            "</LoyaltyAccount>"
        ),
        "<Customer><CustomerID>2000123456782</CustomerID></Customer>",
        "<Customer><Name/></Customer><Customer><CustomerID> 2000123456782\n</CustomerID></Customer>",
    ],
)
def test_the_member_is_found_in_each_of_its_places(inside: str) -> None:
    assert receipt(transaction(line("1") + total("1") + inside)).member == "2000123456782"


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "<Customer/>",
        "<Customer><CustomerID/></Customer>",
        "<Customer><CustomerID>000000</CustomerID></Customer>",
        (
            '<LineItem><Tender TenderType="CreditDebit"><Amount>1</Amount><CreditDebit><PrimaryAccountNumber>'
            "4111111111111111</PrimaryAccountNumber></CreditDebit></Tender></LineItem>"
        ),
    ],
)
def test_no_member_is_made_of_an_empty_customer_or_of_the_card_that_paid(inside: str) -> None:
    assert receipt(transaction(line("1") + total("1") + inside)).member is None


def test_of_several_members_the_first_is_taken_and_it_is_said() -> None:
    two = "".join(f"<Customer><CustomerID>{card}</CustomerID></Customer>" for card in ("111", "222"))
    row = one(transaction(line("1") + total("1") + two))
    assert isinstance(row.receipt, Receipt)
    assert row.receipt.member == "111"
    assert any("several members" in said for said in row.notices)


def head(**changed: str) -> str:
    """The beginning of a transaction, with some of its elements written otherwise, or left out by ""."""
    found = HEAD
    for name, said in changed.items():
        begin, end = found.index(f"<{name}>"), found.index(f"</{name}>") + len(f"</{name}>")
        found = found[:begin] + said + found[end:]
    return found


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("<EndDateTime>2016-08-22T15:21:54.4833703+01:00</EndDateTime>", "2016-08-22T15:21:54.483370+01:00"),
        ("<EndDateTime>2026-11-20T01:31:00Z</EndDateTime>", "2026-11-20T01:31:00Z"),
        ("<POSLogDateTime>2026-11-20T10:31:00.1234567</POSLogDateTime>", "2026-11-20T10:31:00.123456"),
        ("<BeginDateTime>2026-11-20T10:30:00</BeginDateTime>", "2026-11-20T10:30:00"),
    ],
)
def test_the_time_is_read_in_every_form_and_place(said: str, at: str) -> None:
    written = transaction(line("1") + total("1"), head=head(EndDateTime=said))
    assert receipt(written).occurred_at == at


def test_a_naive_and_a_utc_time_of_one_transaction_are_the_same_instant_or_it_is_said() -> None:
    inside = line("1") + total("1") + "<ReceiptDateTime>{}</ReceiptDateTime>"
    assert one(transaction(inside.format("2026-11-20T01:31:00Z"))).notices == ()
    row = one(transaction(inside.format("2026-11-20T10:31:00Z")))
    assert isinstance(row.receipt, Receipt)
    assert row.receipt.occurred_at == "2026-11-20T10:31:00"
    assert any("EndDateTime 2026-11-20T10:31:00 is believed" in said for said in row.notices)


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("2026-11-19", "2026-11-19"),
        ("2026-11-19T00:00:00", "2026-11-19"),
        ("2026-11-19T00:00:00.000+09:00", "2026-11-19"),
        ("2026-11-19Z", "2026-11-19"),
        ("2026-11-19+09:00", "2026-11-19"),
        ("", None),
    ],
)
def test_the_business_date_is_the_tills_own(said: str, date: str | None) -> None:
    element = f"<BusinessDayDate>{said}</BusinessDayDate>"
    written = transaction(line("1") + total("1"), head=head(BusinessDayDate=element))
    assert receipt(written).receipt.business_date == date


def test_the_business_date_may_come_after_the_sale() -> None:
    plain = transaction(line("1") + total("1"), head=head(BusinessDayDate=""))
    late = plain.replace("</Transaction>", "<BusinessDayDate>2026-11-19</BusinessDayDate></Transaction>")
    assert receipt(late).receipt.business_date == "2026-11-19"


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"RetailStoreID": "<BusinessUnit><UnitID>0610</UnitID></BusinessUnit>"}, ("0610", "T03", "0042")),
        (
            {
                "RetailStoreID": '<BusinessUnit><UnitID TypeCode="Region">EU</UnitID></BusinessUnit>'
                '<BusinessUnit><UnitID TypeCode="RetailStore">S9</UnitID></BusinessUnit>'
            },
            ("S9", "T03", "0042"),
        ),
        ({"RetailStoreID": ""}, ("S012", "T03", "0042")),
        ({"SequenceNumber": "<ReceiptNumber>R7</ReceiptNumber>"}, ("S012", "T03", "R7")),
        ({"SequenceNumber": "<TransactionID>119EKZ</TransactionID>"}, ("S012", "T03", "119EKZ")),
    ],
)
def test_store_till_and_number_are_found_where_vendors_put_them(
    changed: dict[str, str], key: tuple[str, str, str]
) -> None:
    found = receipt(transaction(line("1") + total("1"), head=head(**changed))).receipt
    assert (found.store, found.till, found.number) == key


def test_stores_may_be_called_otherwise_by_the_settings() -> None:
    (row,) = read(SALE, S012="HQ7")
    assert row.receipt is not None
    assert row.receipt.receipt.store == "HQ7"


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"WorkstationID": ""}, "till_missing"),
        ({"SequenceNumber": ""}, "receipt_number_missing"),
        ({"EndDateTime": ""}, "time_missing"),
        ({"CurrencyCode": "<CurrencyCode>BTC</CurrencyCode>"}, "currency_unknown"),
    ],
)
def test_what_a_receipt_cannot_be_without_is_said(changed: dict[str, str], wanted: str) -> None:
    assert code(transaction(line("1") + total("1"), head=head(**changed))) == wanted


@pytest.mark.parametrize(
    ("inside", "currency", "net"),
    [
        ('<Total TotalType="TransactionGrandAmount" CurrencyCode="USD">8.50</Total>', "USD", 850),
        (total("8.50") + '<Tender><Amount Currency="USD">1</Amount></Tender>', "USD", 850),
        ('<Total TotalType="X" CurrencyCode="{}">0</Total>'.format("X" * 3) + total("850"), "KRW", 850),
        (total("850.00"), "KRW", 850),
        (
            tender("1").replace("<Amount>", '<Amount Currency="USD">')
            + total("0.90", flags='CurrencyCode="EUR"'),
            "EUR",
            90,
        ),
    ],
)
def test_the_currency_is_found_in_attributes_or_is_the_programmes(
    inside: str, currency: str, net: int
) -> None:
    found = receipt(transaction(line("1") + inside, head=head(CurrencyCode="")))
    assert (found.currency, found.net_minor) == (currency, net)


@pytest.mark.parametrize(("said", "net"), [(".50", 50), ("3.", 300), ("-.50", -50), ("+3.00", 300)])
def test_an_amount_may_lack_digits_before_or_behind_its_point(said: str, net: int) -> None:
    sold = receipt(
        transaction(line(said) + total("9"), head=head(CurrencyCode="<CurrencyCode>USD</CurrencyCode>"))
    )
    assert sold.lines[0].net_minor == net


def test_several_sales_under_one_number_are_set_aside() -> None:
    sale = f"<RetailTransaction>{line('5') + total('5')}</RetailTransaction>"
    assert code(f"<Transaction>{HEAD}{sale}{sale}</Transaction>") == "receipt_invalid"


def test_without_any_currency_it_waits_for_the_programme() -> None:
    nowhere = msgspec.structs.replace(HERE, currency=None)
    assert (
        code(transaction(line("1") + total("1"), head=head(CurrencyCode="")), nowhere) == "currency_missing"
    )


@pytest.mark.parametrize("said", ["12.5", "1e3", "NaN", "12,000", "9" * 17, "--1", "0x10"])
def test_a_total_that_is_no_amount_is_refused(said: str) -> None:
    assert code(transaction(line("1") + total(said))) == "amount_impossible"


def test_a_line_in_fractions_of_a_coin_is_rounded_and_the_total_believed() -> None:
    found = receipt(transaction(line("0.5", "0.4205") + total("1")))
    assert (found.lines[0].net_minor, found.lines[0].quantity, found.net_minor) == (1, "0.421", 1)


@pytest.mark.parametrize(
    ("inside", "net"),
    [
        (line("9") + '<Total CurrencyCode="KRW">7</Total>' + total("8", "TransactionNetAmount"), 7),
        (line("9") + total("8", "TransactionNetAmount"), 8),
        (line("9") + total("5", flags='TypeCode="Return"') + total("8"), 8),
        (line("9") + tender("10") + tender("-2"), 8),
        (line("9") + line("-1", sku="B2"), 8),
    ],
)
def test_the_total_is_the_grand_one_or_the_nearest_to_it(inside: str, net: int) -> None:
    assert receipt(transaction(inside)).net_minor == net


def test_a_total_that_is_made_up_is_said() -> None:
    assert any("it says no total" in said for said in one(transaction(line("9"))).notices)


def test_the_tax_is_read_and_the_department_is_the_category() -> None:
    more = (
        '<MerchandiseHierarchy ID="Tax">20.00</MerchandiseHierarchy>'
        '<MerchandiseHierarchy Level="Class">77</MerchandiseHierarchy>'
        '<MerchandiseHierarchy Level="Department">grocery</MerchandiseHierarchy>'
    )
    found = receipt(transaction(line("11", more=more) + total("1", "TransactionTaxAmount") + total("11")))
    assert (found.tax_minor, found.lines[0].category) == (1, "grocery")


def test_the_end_of_a_day_is_a_days_total_and_a_sessions_is_not() -> None:
    figures = (
        "<TransactionCount>12</TransactionCount><TotalNetSalesAmount>320000</TotalNetSalesAmount>"
        "<TotalNetReturnAmount>10000</TotalNetReturnAmount>"
    )
    end = f"<BusinessEOD>{figures}</BusinessEOD>"
    end = f"<Transaction>{HEAD}<ControlTransaction>{end}</ControlTransaction></Transaction>"
    row = one(end)
    assert row.receipt is not None
    assert row.receipt.kind == "day_total"
    assert (row.receipt.count, row.receipt.net_minor) == (12, 310000)
    assert row.receipt.receipt.business_date == "2026-11-20"
    assert one(end.replace("BusinessEOD", "SessionSettle")).passed == "control"
    for sessions, wanted in ((1, (12, 310000)), (2, (24, 620000))):
        several = f"<SessionSettle>{figures}</SessionSettle>" * sessions
        parted = one(end.replace(figures, several)).receipt
        assert parted is not None
        assert parted.kind == "day_total"
        assert (parted.count, parted.net_minor) == wanted
    assert one(end.replace("<TransactionCount>12</TransactionCount>", "")).passed == "control"
