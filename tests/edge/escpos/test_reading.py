"""Papers of Korean and English tills by the ready profiles -> receipts; slips and pictures -> none."""

from __future__ import annotations

import msgspec
import pytest

from edge_agent.pos_adapter.receipt import Key, Receipt, TenderIn
from loyalty_core.lookups import candidates
from tests.edge.escpos.made import (
    CUT,
    ENGLISH,
    KOREAN,
    RECEIPT,
    SALE,
    Z_KOREAN,
    code,
    printed,
    read_all,
    receipt,
    row,
    total,
)


def paid(found: Receipt) -> list[tuple[str, int]]:
    return [(one.type, one.amount_minor) for one in found.tenders]


def items(found: Receipt) -> list[tuple[str, str | int, int]]:
    return [(one.sku, one.quantity, one.net_minor) for one in found.lines]


def test_a_korean_receipt_is_a_purchase() -> None:
    found = receipt(RECEIPT)
    assert (found.kind, found.net_minor, found.tax_minor, found.currency) == ("purchase", 12440, 860, "KRW")
    assert found.receipt == Key(store="S012", till="03", number="0042", business_date=None)
    assert (found.occurred_at, found.member) == ("2026-11-20T10:31:05", "2000123456782")
    assert items(found) == [
        ("신라면 5입", "2", 9960),
        ("흰우유 1L", "1", 2980),
        ("ㄴ 빨대", "1", 0),
        ("에누리", "1", -500),
    ]
    assert paid(found) == [("card", 10000), ("cash", 3000), ("cash", -560)]


def test_an_english_receipt_is_a_purchase() -> None:
    found = receipt(SALE, ENGLISH)
    assert (found.kind, found.net_minor, found.tax_minor, found.currency) == ("purchase", 1429, 106, "USD")
    assert found.receipt == Key(store="S012", till="3", number="000042", business_date=None)
    assert (found.occurred_at, found.member) == ("2026-11-20T10:31:00", "2000123456782")
    assert items(found) == [("Cola 500ml", "2", 398), ("Creme fraiche", "1", 125), ("Coffee beans", "2", 800)]
    assert paid(found) == [("card", 1000), ("cash", 500), ("cash", -71)]


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("2026/11/20 10:31:05", "2026-11-20T10:31:05"),
        ("26/11/20 10:31", "2026-11-20T10:31:00"),
        ("2026.11.20 (금) 10:31", "2026-11-20T10:31:00"),
        ("2026년 11월 20일 오후 3시 05분", "2026-11-20T15:05:00"),
        ("2026-11-20 오전 12:05", "2026-11-20T00:05:00"),
        ("2026-11-20", "2026-11-20T09:15:00"),
    ],
)
def test_dates_and_times_are_read_as_korean_tills_print_them(line: str, at: str) -> None:
    text = replaced(RECEIPT, ("2026-11-20 10:31:05", line))
    if line == "2026-11-20":
        text = text.replace("회원번호", "판매시각 09:15:00\n회원번호")
    assert receipt(text).occurred_at == at


@pytest.mark.parametrize(
    ("line", "at"),
    [
        ("2026-11-20 10:31:05", "2026-11-20T10:31:05"),
        ("20.11.2026 10:31", "2026-11-20T10:31:00"),
        ("11/20/26 1:05 PM", "2026-11-20T13:05:00"),
        ("11/20/2026 12:05 AM", "2026-11-20T00:05:00"),
    ],
)
def test_dates_and_times_are_read_as_english_tills_print_them(line: str, at: str) -> None:
    assert receipt(replaced(SALE, ("11/20/2026 10:31 AM", line)), ENGLISH).occurred_at == at


def test_an_impossible_date_is_refused() -> None:
    assert code(replaced(RECEIPT, ("2026-11-20", "2026-13-40"))) == "date_impossible"


@pytest.mark.parametrize(
    ("lines", "net"),
    [
        ("합계 15,000\n할인 -2,560\n결제금액 12,440", 12440),
        ("총액 12,440\n받은금액 20,000\n거스름돈 7,560", 12440),
        ("합계금액 : ￦12,440원", 12440),
        ("합계    3개    12,440", 12440),
        ("받을금액 12,440\n받은돈 50,000", 12440),
    ],
)
def test_the_total_is_what_is_to_be_paid_and_not_what_was_handed_over(lines: str, net: int) -> None:
    assert receipt(replaced(RECEIPT, ("합계                               12,440", lines))).net_minor == net


def test_what_was_handed_over_in_cash_is_the_tender_where_no_other_is_printed() -> None:
    text = replaced(
        RECEIPT,
        ("신용카드                           10,000\n", ""),
        ("현금     ", "받은금액 "),
        (" 3,000", "13,000"),
    )
    assert paid(receipt(text)) == [("cash", 13000), ("cash", -560)]


def test_points_are_never_amounts() -> None:
    text = RECEIPT + "\n사용포인트 5,000\n잔여포인트 99,999\n적립포인트 합계 12,345"
    assert receipt(text) == receipt(RECEIPT)


def test_a_number_that_the_width_of_the_paper_breaks_is_made_whole() -> None:
    text = replaced(
        RECEIPT,
        ("합계                               12,440", "합계              12,\n                     440"),
    )
    assert receipt(text).net_minor == 12440


def test_items_of_two_lines_have_the_name_of_the_first() -> None:
    goods = "001 신라면 5입 컵\n   8801043014830     4,980    2     9,960\n흰우유 1L\n   2,980  1  2,980"
    begin, end = RECEIPT.index("신라면"), RECEIPT.index("ㄴ 빨대")
    found = receipt(RECEIPT[:begin] + goods + "\n" + RECEIPT[end:])
    assert items(found)[:2] == [("001 신라면 5입 컵", "2", 9960), ("흰우유 1L", "1", 2980)]


def back(word: str) -> str:
    return replaced(
        RECEIPT,
        ("사업자번호", f"*** {word} ***\n원거래번호: 2026-11-19-0007\n사업자번호"),
        ("합계                               12,440", "합계                              -12,440"),
        ("신용카드                           10,000", "신용카드                          -12,440"),
        ("현금                                3,000\n거스름돈                              560\n", ""),
    )


@pytest.mark.parametrize("word", ["반품", "환 불 영수증"])
def test_what_came_back_is_a_return_of_its_original(word: str) -> None:
    found = receipt(back(word))
    assert (found.kind, found.net_minor, paid(found)) == ("return", 12440, [("card", 12440)])
    assert found.original == Key(store="S012", till="03", number="0007", business_date="2026-11-19")
    assert found.receipt.number == "0042"
    assert [one.net_minor for one in found.lines] == [9960, 2980, 0, -500]


def test_a_sale_that_was_cancelled_is_a_void_of_its_original() -> None:
    found = receipt(back("취소"))
    assert (found.kind, found.net_minor) == ("void", None)
    assert found.original == Key(store="S012", till="03", number="0007", business_date="2026-11-19")


def test_an_english_refund_is_a_return() -> None:
    text = replaced(SALE, ("MOONLIGHT MART", "REFUND\nOriginal Receipt #: 000007"), ("$14.29", "-$14.29"))
    found = receipt(text, ENGLISH)
    assert (found.kind, found.net_minor, found.original and found.original.number) == (
        "return",
        1429,
        "000007",
    )


@pytest.mark.parametrize("word", ["** 재출력 **", "[재발행]"])
def test_a_reprint_says_so(word: str) -> None:
    assert not row(RECEIPT).is_copy
    assert row(f"{word}\n{RECEIPT}").is_copy


def test_an_english_reprint_says_so() -> None:
    assert row("*** REPRINT ***\n" + SALE, ENGLISH).is_copy


KITCHEN = "[ 주방 주문서 ]\n테이블: 7\n2026-11-20 10:31\n김치찌개       2\n공기밥         2\n"
CARD = (
    "신용카드 매출전표\n(고객용)\n2026-11-20 10:31:09\n카드번호 9411-****-****-1234\n승인번호 30012345\n"
    "판매금액 11,309\n부가세 1,131\n합계 12,440\n"
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (KITCHEN, "slip"),
        (CARD, "slip"),
        ("대기번호\n23\n감사합니다", "slip"),
        ("포인트 적립 내역\n회원번호 2000123456782\n적립포인트 124", "slip"),
        ("중간정산\n2026-11-20\n매출건수 12건\n순매출액 310,000", "report"),
        ("======", "blank"),
    ],
)
def test_papers_that_are_no_receipt_are_passed_over(text: str, why: str) -> None:
    found = row(text)
    assert (found.passed, found.receipt, found.refusal) == (why, None, None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("KITCHEN\nTable 7\n11/20/2026 10:31 AM\n2 Burger\n1 Fries", "slip"),
        ("CREDIT CARD RECEIPT\nAMOUNT 123.45\nTOTAL 123.45\nAPPROVAL 0123456\nCUSTOMER COPY", "slip"),
        ("X-REPORT\n11/20/2026\nNet sales 310.00", "report"),
    ],
)
def test_english_papers_that_are_no_receipt_are_passed_over(text: str, why: str) -> None:
    assert row(text, ENGLISH).passed == why


def test_a_card_slip_below_a_receipt_on_one_paper_changes_nothing() -> None:
    assert receipt(RECEIPT + "\n" + CARD).net_minor == 12440


@pytest.mark.parametrize(
    ("gone", "wanted"),
    [
        ("No:0042", "number_missing"),
        ("2026-11-20 10:31:05", "time_missing"),
        ("합계                               12,440", "total_missing"),
        ("POS:03", "till_missing"),
    ],
)
def test_what_looks_like_a_receipt_and_cannot_be_read_is_refused_with_the_pattern_to_write(
    gone: str, wanted: str
) -> None:
    found = row(replaced(RECEIPT, (gone, "")))
    assert found.refusal is not None
    assert found.refusal.code == wanted
    assert "of the profile ko" in str(found.refusal)


def test_the_till_may_be_told_by_the_settings() -> None:
    (found,) = read_all(printed(replaced(RECEIPT, ("POS:03", ""))), till="T7")
    assert found.row.receipt is not None
    assert found.row.receipt.receipt.till == "T7"


def test_without_a_currency_it_waits_for_the_programme() -> None:
    (found,) = read_all(printed(RECEIPT), msgspec.structs.replace(KOREAN, currency=None))
    assert found.row.refusal is not None
    assert found.row.refusal.code == "currency_missing"


@pytest.mark.parametrize("masked", ["010-****-5678", "2000-12**-****-6782", "010-1234-●●●●"])
def test_a_masked_number_is_handed_on_and_never_matches(masked: str) -> None:
    found = receipt(replaced(RECEIPT, ("2000123456782", masked)))
    assert candidates(found.member or "") == ()


def test_a_picture_alone_has_no_text_and_nothing_is_guessed() -> None:
    picture = b"\x1b@\x1dv0\x00\x08\x00\x02\x00" + b"12,440 won 1234!"
    (found,) = read_all(picture + CUT)
    assert found.row.passed == "no_text"


def test_several_papers_of_one_print_are_each_themselves() -> None:
    second = replaced(RECEIPT, ("No:0042", "No:0043"))
    data = printed(KITCHEN) + printed(RECEIPT) + b"\x1bp\x00\x32\x32" + CUT + printed(CARD) + printed(second)
    found = [read.row for read in read_all(data)]
    assert [one.place for one in found] == ["paper 1", "paper 2", "paper 3", "paper 4"]
    assert [one.passed for one in found] == ["slip", "", "slip", ""]
    assert b"".join(one.raw for one in found) == data


def test_what_is_refused_can_be_read_again_by_itself() -> None:
    broken = printed(replaced(RECEIPT, ("No:0042", "")))
    (found,) = [read.row for read in read_all(printed(KITCHEN) + broken) if read.row.refusal]
    (again,) = read_all(found.raw)
    assert again.row.refusal is not None


def test_a_print_that_the_printer_never_got_whole_is_no_receipt() -> None:
    data = printed(KITCHEN) + printed(RECEIPT)[:-4]
    first, last = read_all(data, is_cut_short=True)
    assert first.row.passed == "slip"
    assert last.row.refusal is not None
    assert last.row.refusal.code == "print_cut_short"


def test_a_korean_closing_report_is_a_days_total() -> None:
    found = total(Z_KOREAN)
    assert (found.count, found.net_minor, found.currency) == (128, 1_230_000, "KRW")
    assert (found.receipt.till, found.receipt.business_date) == ("03", "2026-11-20")


def test_an_english_closing_report_is_a_days_total() -> None:
    found = total("Z REPORT\nRegister: 3\n11/20/2026\nTransactions 128\nNet sales $1,230.50", ENGLISH)
    assert (found.count, found.net_minor, found.receipt.till) == (128, 123_050, "3")
    assert found.receipt.business_date == "2026-11-20"


@pytest.mark.parametrize("gone", ["매출건수 128건", "순매출액 1,230,000\n총매출액 1,250,000", "POS:03"])
def test_a_closing_report_without_its_figures_is_refused(gone: str) -> None:
    text = Z_KOREAN
    for part in gone.split("\n"):
        text = replaced(text, (part, ""))
    assert code(text) in {"day_total_missing", "till_missing"}


def test_each_line_is_told_with_what_it_was_taken_for() -> None:
    (found,) = read_all(printed(RECEIPT))
    told = dict(found.lines)
    assert told["2026-11-20 10:31:05  POS:03  No:0042"] == "number, till, time"
    assert told["합계                               12,440"] == "total"
    assert told["신라면 5입         4,980      2     9,960"] == "item"
    assert TenderIn(type="card", amount_minor=10000) in receipt(RECEIPT).tenders
