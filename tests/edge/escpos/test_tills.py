"""What else real tills print: card slips, discounts, reprints, returns and bills, by the ready profiles."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from edge_agent.pos_adapter.escpos.profile import profile
from edge_agent.pos_adapter.receipt import Key, Receipt
from edge_agent.pos_adapter.rows import Here
from tests.edge.escpos.made import ENGLISH, KOREAN, code, printed, read_all, receipt, row

HEAD = (
    "달빛마트\n2026-11-20 10:31:05  POS:03  No:0042\n상품명    단가   수량    금액\n"
    "신라면 5입   4,980   2   9,960\n"
)
TOTAL = "합계                               9,960\n"
PAID = "신용카드                           9,960\n"
SLIP = (
    "단말기: 1234567890  전표번호: 000777\n가맹점명: 달빛마트\n2026-11-20 10:31:44\n카드종류 : 비씨카드\n"
    "카드번호 : 9411-12**-****-1234\n할부 : 일시불\n"
    "판매금액   9,055원\n부가세  905원\n합계  9,960원\n승인번호 : 30012345\n"
)
BISTRO = "THE CORNER BISTRO\nCheck #: 20431  Till 2\n11/20/2026 7:31 PM\nBurger  14.00\nTotal   15.19\n"
BRITISH = Here(store_id="S012", zone=ZoneInfo("Europe/London"), currency="GBP")
EURO = Here(store_id="S012", zone=ZoneInfo("Europe/Berlin"), currency="EUR")


@pytest.mark.parametrize(
    "title",
    [
        "신용승인",
        "IC신용승인",
        "[신용구매]",
        "신용매출",
        "매출전표",
        "현금영수증",
        "현금(소득공제)",
        "카드결제",
        "신용승인취소",
    ],
)
def test_the_slip_of_a_card_terminal_is_no_purchase(title: str) -> None:
    assert row(f"{title}\n{SLIP}").passed == "slip"


def test_what_may_be_a_slip_without_a_title_that_is_known_is_set_aside() -> None:
    assert code(f"비씨카드\n{SLIP}") == "slip_or_receipt"
    english = (
        "SALE\nInvoice #: 12  Term: 3\n11/20/2026 10:31 AM\nAMOUNT 13.23\nTOTAL 13.23\nAPPROVAL CODE: 123456"
    )
    assert code(english, ENGLISH) == "slip_or_receipt"


@pytest.mark.parametrize(
    "below", [f"[신용승인]\n{SLIP}", f"신용승인\n결제금액 5,000\n{SLIP}신용승인\n결제금액 4,960\n{SLIP}"]
)
def test_a_slip_below_a_receipt_says_neither_its_number_nor_its_total(below: str) -> None:
    assert receipt(HEAD + TOTAL + PAID + below) == receipt(HEAD + TOTAL + PAID)


@pytest.mark.parametrize(
    "lines",
    [
        "합계금액 9,960\n할인금액 960\n실결제금액 9,000",
        "판매금액 9,960\n할인금액 -960\n총결제금액 9,000",
        "총판매금액 9,960\n총할인금액 -960\n총 구매금액 9,000",
        "합계 9,960\n할인 960\n내실금액 9,000\n받은금액 10,000",
        "합계 9,960\n쿠폰할인 -960\n결 제 대 상 금 액  ￦  9,000원",
        "합 계(VAT포함) 9,000",
        "합계:9,000원(부가세 포함)",
        "합계\u30002\u30009,000",
        "합계수량/금액   2   9,000",
    ],
)
def test_the_total_is_what_was_paid_after_the_discount(lines: str) -> None:
    assert receipt(HEAD + lines).net_minor == 9000


@pytest.mark.parametrize(
    "goods",
    [
        "참치캔   2,000   1   2,000\n",
        "상품명   단가   수량   금액\n참치캔   2,000\n",
        "참치캔   2,000\n",
    ],
)
def test_two_receipts_without_a_cut_between_them_are_not_taken_for_one(goods: str) -> None:
    second = f"2026-11-20 10:32:05  POS:03  No:0043\n{goods}합계  2,000\n현금  2,000\n"
    assert code(HEAD + TOTAL + PAID + second) == "receipts_joined"
    assert receipt(HEAD + TOTAL + "쿠폰할인   -960\n주문번호: 17\n결제금액  9,000").net_minor == 9000


def test_a_receipt_of_which_too_much_is_left_out_is_not_taken_for_a_slip() -> None:
    wrapped = "".join(line.ljust(42) for line in (HEAD + TOTAL + PAID).splitlines())
    assert code(wrapped) == "paper_too_long"
    assert code("광고\n" * 2000 + HEAD + TOTAL) == "paper_too_long"
    assert row("대기번호 23\n" + "감사합니다 " * 50).passed == "slip"
    assert receipt(HEAD + TOTAL + "개인정보 안내 " * 50).net_minor == 9960


def test_sums_and_counts_are_no_goods() -> None:
    goods = (
        "001 깐양파\n 8801111222233   4,500   1   4,500\n[행사할인]  -1,000\n"
        "총품목수량(점)    4\n단가  4,500\n"
    )
    text = (
        HEAD.replace("신라면 5입   4,980   2   9,960\n", goods)
        + "합 계 금 액 :  3,500\n청 구 금 액 : 3,500\n"
    )
    assert [(one.sku, one.net_minor) for one in receipt(text).lines] == [
        ("001 깐양파", 4500),
        ("[행사할인]", -1000),
    ]
    assert [one.sku for one in receipt(BISTRO + "Tip 3.00\nGrand Total 18.19", ENGLISH).lines] == ["Burger"]


@pytest.mark.parametrize(
    "said",
    [
        "반품영수증(고객용)",
        "[판매취소]",
        "*** 결제 취소 ***",
        "<<취소영수증>>",
        "전체취소",
        "반 품 (취소)",
        "[환불완료]",
    ],
)
def test_what_was_taken_back_is_no_purchase_though_its_total_has_no_minus(said: str) -> None:
    assert receipt(f"{said}\n{HEAD}{TOTAL}").kind == "return"


@pytest.mark.parametrize("said", ["SALE VOIDED", "** CASH REFUND **", "Credit Note", "TRANSACTION CANCELLED"])
def test_what_was_taken_back_in_english_is_no_purchase(said: str) -> None:
    assert receipt(f"{said}\n{BISTRO}", ENGLISH).kind == "return"


@pytest.mark.parametrize(
    ("goods", "discount", "total"), [("-9,960", "500", "-9,460"), ("9,960", "-500", "9,460")]
)
def test_a_discount_on_what_came_back_has_the_other_sign(goods: str, discount: str, total: str) -> None:
    text = HEAD.replace("2   9,960", f"2   {goods}") + f"에누리   {discount}\n합계  {total}"
    found = receipt(f"[반품]\n{text}")
    assert (found.net_minor, [one.net_minor for one in found.lines]) == (9460, [9960, -500])


@pytest.mark.parametrize("total", ["9,960-", "- 9,960", "￦-9,960", "－9,960", "▲9,960", "(9,960)"])
def test_a_total_below_zero_is_a_return_however_it_is_written(total: str) -> None:
    found = receipt(HEAD.replace("2   9,960", f"-2   {total}") + f"합계   {total}")
    assert (found.kind, found.net_minor) == ("return", 9960)
    assert [(one.sku, one.quantity, one.net_minor) for one in found.lines] == [("신라면 5입", "2", 9960)]


def test_a_return_whose_goods_are_not_all_read_takes_back_its_total() -> None:
    found = receipt(f"[반품]\n{HEAD}참치캔 세 개들이\n합계  12,960")
    assert (found.net_minor, found.lines) == (12960, [])


@pytest.mark.parametrize("word", ["취소", "** 반품 **"])
def test_a_line_that_was_taken_back_before_it_was_paid_makes_no_return(word: str) -> None:
    text = f"{HEAD}라떼   5,000   1   5,000\n{word}\n라떼   5,000   -1   -5,000\n{TOTAL}"
    found = receipt(text)
    assert (found.kind, found.net_minor, len(found.lines)) == ("purchase", 9960, 3)
    english = BISTRO.replace("Burger", "Salad   9.00\n*** VOID ***\nSalad   -9.00\nBurger")
    assert receipt(english, ENGLISH).kind == "purchase"


def test_a_receipt_whose_total_is_not_known_is_no_slip_wherever_the_member_stands() -> None:
    text = (
        "달빛마트\n2026-11-20 10:31:05  영수증번호 0042\n신라면   9,960\n지급   9,960\n회원번호 2000123456782"
    )
    assert code(text) == "total_missing"
    assert code(f"[고객용]\n{HEAD}{TOTAL}".replace("No:0042", "")) == "number_missing"
    assert code(f"달빛마트\n현금영수증 010-****-1234\n{HEAD}") == "total_missing"
    ticket = "[ 주방 ]\n주문번호: 17\n2026-11-20 10:31\n김치찌개   2\n공기밥   2"
    assert row(ticket).passed == "slip"
    assert row(ticket.replace("[ 주방 ]", "서울시 중구 을지로 1")).passed == "slip"


def test_what_a_shop_says_of_returns_is_none() -> None:
    text = HEAD + TOTAL + "*교환/환불은 7일 이내 영수증 지참\n반품 시 영수증 필수\n취소는 당일만 됩니다"
    assert receipt(text).kind == "purchase"


@pytest.mark.parametrize(
    "original",
    [
        "원거래일자: 2026-11-18\n원거래번호: 0041\n",
        "원거래일시: 2026-11-18 10:00:00\n원거래번호: 0041\n",
        "원거래 2026-11-18 0041\n",
        "원거래 2026-11-18 03-0041\n",
        "원영수증번호: 2026-11-18-03-0041\n",
        "원거래번호 : 0041 (2026-11-18 10:31)\n",
    ],
)
def test_the_day_of_the_original_is_neither_lost_nor_that_of_the_return(original: str) -> None:
    found = receipt(f"[반품]\n{original}{HEAD}{TOTAL}")
    assert found.original == Key(store="S012", till="03", number="0041", business_date="2026-11-18")
    assert (found.receipt.number, found.occurred_at) == ("0042", "2026-11-20T10:31:05")


def test_the_number_of_an_original_begins_with_a_date_where_all_numbers_do() -> None:
    text = HEAD.replace("No:0042", "No:20261120-01-0131")
    found = receipt(f"[취소]\n원거래번호: 20261119-01-0128\n{text}{TOTAL}")
    assert found.original == Key(
        store="S012", till="03", number="20261119-01-0128", business_date="2026-11-19"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"※ 재출력 영수증 (2회) 2026-11-22 18:00:00\n{HEAD}{TOTAL}",
        f"사본\n출력일시: 2026-11-22 18:00:00\n{HEAD}{TOTAL}",
        f"{HEAD}{TOTAL}재출력일시: 2026-11-22 18:00:00",
    ],
)
def test_a_reprint_is_of_the_day_of_the_sale(text: str) -> None:
    found = row(text)
    assert found.is_copy
    assert found.receipt == receipt(HEAD + TOTAL)


def test_a_reprint_that_says_only_when_it_was_printed_is_set_aside() -> None:
    text = HEAD.replace("2026-11-20 10:31:05", "") + TOTAL + "재출력일시: 2026-11-22 18:00:00"
    assert code(text) == "time_missing"


@pytest.mark.parametrize("name", ["행복상사 본점", "감사 본부 (주)"])
def test_a_shop_is_no_reprint(name: str) -> None:
    assert not row(f"{name}\n{HEAD}{TOTAL}").is_copy


@pytest.mark.parametrize(
    ("text", "here", "why"),
    [
        (f"*** 연습모드 ***\n{HEAD}{TOTAL}", KOREAN, "training"),
        (f"[교육용 영수증]\n{HEAD}{TOTAL}", KOREAN, "training"),
        (f"** TRAINING MODE **\n{BISTRO}", ENGLISH, "training"),
        (f"[가영수증]\n{HEAD}{TOTAL}", KOREAN, "unpaid"),
        (f"배달의민족\n{HEAD}{TOTAL}", KOREAN, "unpaid"),
        (f"배달 주문전표\n{HEAD}{TOTAL}", KOREAN, "unpaid"),
        (
            "[포인트 적립 영수증]\n2026-11-20 10:31 POS:03 거래번호: 0042\n구매금액 9,960\n적립 99",
            KOREAN,
            "slip",
        ),
        (f"견 적 서\n{HEAD}{TOTAL}", KOREAN, "unpaid"),
        (f"GUEST CHECK\n{BISTRO}", ENGLISH, "unpaid"),
        (f"{BISTRO}THIS IS NOT A RECEIPT", ENGLISH, "unpaid"),
        (f"[ 주문서 ] 포장\n{HEAD}{TOTAL}", KOREAN, "unpaid"),
        (f"KITCHEN\n{BISTRO}", ENGLISH, "unpaid"),
        (f"상품별 매출\n{HEAD}{TOTAL}", KOREAN, "report"),
        (f"SALES SUMMARY\n{BISTRO}", ENGLISH, "report"),
        (BISTRO.replace("Burger  14.00", "CASH DROP"), ENGLISH, "slip"),
    ],
)
def test_what_was_not_sold_counts_nothing(text: str, here: Here, why: str) -> None:
    assert row(text, here).passed == why


def test_a_bill_that_says_how_it_was_paid_is_a_receipt() -> None:
    assert receipt(f"GUEST CHECK\n{BISTRO}VISA XXXXXXXX1005  15.19", ENGLISH).net_minor == 1519


def test_hours_of_opening_are_neither_a_closing_report_nor_a_time() -> None:
    text = HEAD.replace("10:31:05", "") + TOTAL + "판매시각 11:22:33"
    assert receipt(f"주문마감 21시 30분\n{text}").kind == "purchase"
    assert receipt(f"영업시간 09:00~22:00\n{text}").occurred_at == "2026-11-20T11:22:33"


@pytest.mark.parametrize(
    "line", ["사업자 No: 123-45-67890", "POS NO : 03", "카드 No. 1234-56**", "현금영수증 번호: 010-1234-5678"]
)
def test_the_number_of_something_else_is_not_that_of_the_receipt(line: str) -> None:
    assert code(f"{line}\n{HEAD}{TOTAL}".replace("No:0042", "")) == "number_missing"
    for other in ("GST No: 123456789", "VAT No: 123 4567 89", "Table No: 5"):
        assert code(f"{other}\n{BISTRO}".replace("Check #: 20431", ""), ENGLISH) == "number_missing"
    assert receipt(f"{HEAD}{TOTAL}".replace("POS:03  No", "POS:03 No")).receipt.number == "0042"


def test_a_report_on_many_receipts_has_the_number_of_none() -> None:
    text = HEAD.replace("No:0042", "영수증번호 0001~0128")
    assert code(text + TOTAL) == "number_missing"


@pytest.mark.parametrize(
    ("line", "member"),
    [
        ("회원카드번호: 2000-1234-56782", "2000-1234-56782"),
        ("회원번호 2000123456782 124", "2000123456782"),
        ("고객: 010 1234 5678  124", "010 1234 5678"),
        ("적립 1234567점", None),
        ("회원 1234567P", None),
        ("고객카드번호: 9411-12**-****-1234", None),
        ("카드번호: 9411123412341234", None),
        ("고객센터 1588-1234", None),
        ("홍길동 회원님 포인트 2,000,123", None),
    ],
)
def test_the_member_is_a_members_number_and_nothing_beside_it(line: str, member: str | None) -> None:
    assert receipt(HEAD + TOTAL + line).member == member


def test_points_beside_an_english_members_number_are_none_of_it() -> None:
    assert (
        receipt(BISTRO + "Loyalty card 6331 2345 6789 0123   45 pts", ENGLISH).member == "6331 2345 6789 0123"
    )
    assert receipt(BISTRO + "Member # 2000123456782   45", ENGLISH).member == "2000123456782"

    for other in ("Rewards 12345678 pts", "Customer 1-800-555-0100", "Loyalty 12345678 points"):
        assert receipt(BISTRO + other, ENGLISH).member is None


def test_the_number_of_an_order_is_that_of_the_receipt_where_there_is_no_other() -> None:
    text = BISTRO.replace("Check #: 20431", "Order #: 17")
    assert receipt(text, ENGLISH).receipt.number == "17"
    assert receipt(text + "Trans # 1234", ENGLISH).receipt.number == "1234"


def test_the_heading_of_what_a_shop_says_of_returns_is_none() -> None:
    assert receipt(BISTRO + "** RETURNS **\nAccepted within 30 days.", ENGLISH).kind == "purchase"


@pytest.mark.parametrize(
    "lines",
    ["LESS COUPON -1.00\nBALANCE DUE $14.19", "**** GRAND TOTAL  14.19 ****", "AMOUNT DUE:  USD 14.19"],
)
def test_the_total_in_english_is_what_was_to_be_paid(lines: str) -> None:
    assert receipt(BISTRO + lines, ENGLISH).net_minor == 1419
    assert receipt(BISTRO.replace("Total   15.19", "**** BALANCE  14.19"), ENGLISH).net_minor == 1419


@pytest.mark.parametrize(
    "lines",
    [
        "VISA  15.19\nBALANCE DUE  0.00",
        "CASH  10.00\nBALANCE DUE  5.19\nVISA  5.19",
        "CASH  20.00\nAMOUNT DUE  4.81\nCHANGE  4.81",
        "Items total 15.19",
        "TOTAL EUR  13.90",
    ],
)
def test_what_is_left_to_pay_after_a_part_is_no_total(lines: str) -> None:
    assert receipt(BISTRO + lines, ENGLISH).net_minor == 1519
    other = BISTRO.replace("Total", "TOTAL EUR  13.90\nTotal")
    assert receipt(other, ENGLISH).net_minor == 1519


def test_of_several_totals_the_one_that_was_paid_is_it() -> None:
    assert receipt(HEAD + "합계  9,960\n현금  9,000\n총금액  9,000").net_minor == 9000
    assert receipt(HEAD + "합계  9,960\n마감할인  -960\n결제금액  9,000\n카드  4,000").net_minor == 9000


def test_money_that_points_are_not_given_for_is_known_by_every_name() -> None:
    for line in ("GIFT CARD XXXX1234   5.00", "eGift Card   5.00"):
        (paid,) = receipt(BISTRO + line, ENGLISH).tenders
        assert (paid.type, paid.amount_minor) == ("gift_card", 500)
    found = receipt(HEAD + TOTAL + "문화상품권   5,000\n현금   4,960")
    assert [(one.type, one.amount_minor) for one in found.tenders] == [("gift_card", 5000), ("cash", 4960)]


def test_the_terminal_that_took_a_card_is_not_the_till() -> None:
    for below in ("단말기: 1234567890", "단말기번호: 12345678", "신용승인\n단말기: 1234567890"):
        assert code(HEAD.replace("POS:03  ", "") + TOTAL + below) == "till_missing"
    assert receipt(HEAD.replace("POS:03", "단말기: 03") + TOTAL).receipt.till == "03"
    english = BISTRO.replace("Till 2", "")
    assert code(english + "Terminal ID: 12345678", ENGLISH) == "till_missing"
    assert receipt(english + "Terminal: 2", ENGLISH).receipt.till == "2"


def test_a_till_and_its_number_may_stand_together() -> None:
    found = receipt(HEAD.replace("POS:03  No:0042", "POS:0002-1534") + TOTAL)
    assert (found.receipt.till, found.receipt.number) == ("0002", "1534")


@pytest.mark.parametrize("line", ["TOTAL EUR      3,59", "TOTAL   1.299", "TOTAL   1.299,00", "Total 12.5.3"])
def test_a_total_that_is_written_otherwise_is_set_aside_and_not_guessed(line: str) -> None:
    assert code(f"Mondmarkt\n20.11.2026 14:02  Till: 2  Receipt No: 8813\n{line}", EURO) == "total_unreadable"


def test_a_count_is_no_total() -> None:
    assert receipt(BISTRO.replace("Total ", "TOTAL QTY   4\nTotal "), ENGLISH).net_minor == 1519


def test_american_goods_have_marks_of_taxes_and_weights() -> None:
    goods = "BANANAS\n  2.13 lb @ 0.59/lb    1.26 F\nMILK 2%    3.49 F\nPAPER TOWEL   2 @ 5.99   11.98 T\n"
    found = receipt(BISTRO.replace("Burger  14.00\n", goods), ENGLISH)
    assert [(one.sku, one.quantity, one.net_minor) for one in found.lines] == [
        ("BANANAS", "2.13", 126),
        ("MILK 2%", "1", 349),
        ("PAPER TOWEL", "2", 1198),
    ]


@pytest.mark.parametrize(
    "line", ["20 Nov 2026 14:02", "Nov 20, 2026  2:02 PM", "20-NOV-26 14:02:00", "20th November 2026, 14:02"]
)
def test_months_may_have_names(line: str) -> None:
    found = receipt(BISTRO.replace("11/20/2026 7:31 PM", line), ENGLISH)
    assert found.occurred_at == "2026-11-20T14:02:00"


def test_the_digits_of_a_masked_card_are_no_amount() -> None:
    for line in ("Visa xxxxxxxx1234", "GIFT CARD XXXX1234"):
        assert receipt(BISTRO + line, ENGLISH).tenders == []


def test_what_was_paid_in_cash_is_no_slip_though_it_has_no_number_and_no_known_total() -> None:
    text = "STORE 123\n11/20/26 12:33 PM\nSANDWICH  3.50\nTO BE SETTLED  3.50\nCASH  5.00\nCHANGE 1.50"
    assert code(text, ENGLISH) == "total_missing"
    shop = "STORE 123 TILL 06 TRANS 1234\n11/20/26 12:33 PM\nSANDWICH  3.50\nBALANCE TO PAY  3.50\nCASH  5.00"
    assert receipt(shop, ENGLISH).receipt.number == "1234"


def test_in_great_britain_the_day_comes_before_the_month() -> None:
    text = (
        "VAT Reg No: 123 4567 89\nTill 4   Receipt No 0098\n05/11/2026 14:02:11\nBread  £1.20\nTOTAL  £1.20\n"
    )
    (found,) = read_all(printed(text, "cp437"), BRITISH, profile("en-gb"))
    assert isinstance(found.row.receipt, Receipt)
    assert (found.row.receipt.occurred_at, found.row.receipt.receipt.till) == ("2026-11-05T14:02:11", "4")
    assert code(text.replace("05/11", "20/11"), ENGLISH) == "date_impossible"
