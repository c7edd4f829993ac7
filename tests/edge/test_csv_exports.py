"""Exports of spreadsheets and of other tills: by a ready mapping, or by one of the settings."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from edge_agent.config import Csv, Folder, read_config
from edge_agent.pos_adapter.adapters import csv_settings
from edge_agent.pos_adapter.csv_text import LINE_MAX
from edge_agent.pos_adapter.handed_in import DayTotalIn
from edge_agent.pos_adapter.receipt import Receipt
from edge_agent.pos_adapter.rows import Row
from loyalty_core.errors import BadInput
from tests.edge.adapting import HERE, adapter, rows_of
from tests.edge.csv_exports import KOREAN, LOYVERSE, LOYVERSE_ITEMS, SQUARE, SQUARE_LATER

OURS = Csv(constants={"store": "S012", "till": "T03"}, date_format=None)
HEAD = "number,occurred_at,net_minor"
AT = "2026-07-15T10:31:00"


def read(data: str | bytes, **settings: Any) -> list[Row]:
    raw = data.encode() if isinstance(data, str) else data
    return list(rows_of("csv", raw, Csv(**{"constants": OURS.constants} | settings)))


def receipts(rows: list[Row]) -> list[Receipt]:
    assert [row.refusal for row in rows if row.refusal] == []
    return [row.receipt for row in rows if isinstance(row.receipt, Receipt)]


def one(data: str | bytes, **settings: Any) -> Receipt:
    (found,) = receipts(read(data, **settings))
    return found


def code(data: str | bytes, **settings: Any) -> str:
    (found,) = [row.refusal.code for row in read(data, **settings) if row.refusal]
    return found


def test_square_items_are_read_by_the_ready_mapping() -> None:
    latte, bagel, refund = receipts(read(SQUARE, mapping="square-items", constants={}))
    assert (latte.receipt.number, latte.net_minor, latte.tax_minor, len(latte.lines)) == ("TX2", 1000, 80, 2)
    assert (latte.receipt.store, latte.receipt.till) == ("S012", "square")
    assert latte.occurred_at == "2026-07-16T02:31:05+00:00", "of its own zone"
    assert (bagel.member, bagel.lines[0].sku, bagel.lines[0].quantity) == ("2000123456782", "B1", "2")
    assert (refund.kind, refund.net_minor, refund.original) == ("return", 350, None)
    assert (refund.lines[0].net_minor, refund.lines[0].quantity) == (350, "1")


def test_square_items_are_read_with_the_columns_of_later_years() -> None:
    bagel = one(
        SQUARE_LATER.replace("Q8fGm2Lk0TzX1vNb7Yd3RwPc5HsJ9aKuE", "Q8fGm2Lk0TzX"), mapping="square-items"
    )
    assert (bagel.net_minor, bagel.tax_minor, bagel.occurred_at) == (800, 64, "2026-07-18T16:59:30+00:00")


def test_loyverse_items_are_read_by_the_ready_mapping() -> None:
    sale, refund = receipts(read(LOYVERSE_ITEMS, mapping="loyverse-items", constants={}))
    assert (sale.kind, sale.net_minor, sale.tax_minor) == ("purchase", 1250, 125)
    lines = [(line.sku, line.quantity, line.net_minor) for line in sale.lines]
    assert lines == [("L1", "2", 900), ("Bagel", "1", 350)]
    assert sale.receipt.store == "S012"
    assert (refund.kind, refund.net_minor, refund.lines[0].quantity) == ("return", 350, "1")


@pytest.mark.parametrize(
    ("data", "mapping", "column", "shop"),
    [(SQUARE, "square-items", "Location", "Main St"), (LOYVERSE, "loyverse-receipts", "Store", "Seoul")],
)
def test_a_file_of_several_shops_is_refused_until_the_settings_say_which_store_each_is(
    data: str, mapping: str, column: str, shop: str
) -> None:
    at = data.rindex(f",{shop},")
    mixed = f"{data[:at]},Elsewhere,{data[at + len(shop) + 2 :]}"
    with pytest.raises(BadInput, match=f'of "{shop}" and of "Elsewhere"') as refused:
        read(mixed, mapping=mapping, constants={})
    assert refused.value.code == "shops_mixed"
    stores = {"store": {shop: "S012", "Elsewhere": "S013"}}
    found = receipts(read(mixed, mapping=mapping, constants={}, columns={"store": column}, values=stores))
    assert {one.receipt.store for one in found} == {"S012", "S013"}
    assert {one.receipt.store for one in receipts(read(mixed, mapping=mapping))} == {"S012"}


def test_what_a_ready_mapping_misses_is_named_as_the_export_names_it() -> None:
    with pytest.raises(BadInput, match="has no column Transaction ID, Date: add it"):
        read("Item,Qty\nLatte,1\n", mapping="square-items", constants={})


def test_a_column_that_is_there_twice_is_refused_where_it_is_read() -> None:
    with pytest.raises(BadInput, match='the column "Net_minor" twice') as refused:
        read(f"{HEAD},Net_minor\n1,{AT},5,6\n")
    assert refused.value.code == "columns_doubled"
    assert one(f"{HEAD},note,note\n1,{AT},5,a,b\n").net_minor == 5


def test_a_payment_that_is_not_done_yet_counts_when_it_is() -> None:
    head = "Date,Time,Net Sales,Transaction ID,Event Type,Transaction Status\n"
    row = "2026-07-18,12:59:30,$8.00,TX1,Payment,"
    pending = read(f"{head}{row}Pending\n", mapping="square-transactions", constants={})
    assert [one.passed for one in pending] == ["cancelled"]
    assert one(f"{head}{row}Complete\n", mapping="square-transactions", constants={}).net_minor == 800


def test_a_header_that_grew_and_came_in_another_order_changes_nothing() -> None:
    lines = [line.split(",", 1) for line in SQUARE.splitlines()]
    turned = "\n".join(f"x{n},{rest},{first}" for n, (first, rest) in enumerate(lines)) + "\n"
    assert receipts(read(turned, mapping="square-items")) == receipts(read(SQUARE, mapping="square-items"))


def test_loyverse_receipts_are_read_by_the_ready_mapping() -> None:
    sale, refund, void = receipts(read(LOYVERSE, mapping="loyverse-receipts", constants={}))
    assert (sale.receipt.number, sale.net_minor, sale.member) == ("1-1003", 800000, "010-1234-5678")
    assert (sale.receipt.store, sale.receipt.till) == ("S012", "loyverse")
    assert (sale.occurred_at, [one.type for one in sale.tenders]) == ("2026-07-15T15:05:00", ["Cash"])
    assert (refund.kind, refund.net_minor, void.kind) == ("return", 300000, "void")


def test_what_the_settings_say_goes_before_the_ready_mapping(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(
        '[[folder.csv]]\nfiles = "loy*.csv"\nmapping = "loyverse-receipts"\ndecimals = 0\n'
        '[folder.csv.constants]\ntill = "T9"\n[folder.csv.columns]\nmember = "Status"\n'
        '[[folder.csv]]\nmapping = "square-items"\n[folder]\npath = "in"\n'.replace("[folder]\n", ""),
        "utf-8",
    )
    text = path.read_text("utf-8").replace('path = "in"\n', "")
    path.write_text('[folder]\npath = "in"\n' + text, "utf-8")
    folder = read_config(path).folder
    settings = csv_settings(folder, "loy-1.csv")
    assert (settings.decimals, settings.constants, settings.columns["member"]) == (
        0,
        {"till": "T9"},
        "Status",
    )
    assert settings.columns["number"] == "Receipt number"
    assert csv_settings(folder, "x.csv").columns["number"] == ["Transaction ID", "Payment ID"]


def test_a_mapping_that_nobody_knows_is_told() -> None:
    folder = Folder(path=Path(), csv=Csv(mapping="squid"))
    with pytest.raises(BadInput, match="there is no ready mapping") as refused:
        csv_settings(folder, "a.csv")
    assert refused.value.code == "mapping_unknown"


def korean(**settings: Any) -> dict[str, Any]:
    columns = {
        "number": "전표번호",
        "occurred_at": "판매일자 + 시각",
        "sku": "상품명",
        "quantity": "수량",
        "gross": "판매금액",
        "discount": "할인",
        "tender": "결제",
        "member": "회원",
    }
    return {
        "columns": columns,
        "time_format": ["%Y.%m.%d %p %I:%M"],
        "values": {"tender": {"카드": "card", "현금": "cash"}},
    } | settings


@pytest.mark.parametrize("word", ["합계", "[합 계]", "Grand Total:"])
def test_a_sum_whose_word_stands_where_numbers_do_is_no_receipt(word: str) -> None:
    data = f"전표번호,판매일자,시각,상품명,수량,판매금액,할인,결제,회원\n{word},,,,2,9960,,,\n"
    assert [row.passed for row in read(data.encode(), **korean())] == ["footer"]


@pytest.mark.parametrize("encoding", ["cp949", "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
def test_a_korean_export_is_read_with_its_titles_units_and_sums_in_any_encoding(encoding: str) -> None:
    rows = read(KOREAN.encode(encoding), **korean())
    how, footer = rows[0], rows[1]
    name = encoding.removesuffix("-sig")
    assert (how.passed, how.place) == ("header", "line 4")
    assert how.notices == (f'read as {name}, parted by ";", with the header in line 4',)
    assert footer.passed == "footer"
    ramen, water = receipts(rows)
    assert (ramen.receipt.number, ramen.occurred_at, ramen.net_minor) == (
        "000042",
        "2026-07-15T15:05:00",
        12440,
    )
    assert [(one.sku, one.quantity, one.net_minor) for one in ramen.lines] == [
        ("신라면", "2", 9960),
        ("우유", "1", 2480),
    ]
    assert [(one.type, one.amount_minor) for one in ramen.tenders] == [("card", 12440)]
    assert (water.occurred_at, water.member) == ("2026-07-15T09:00:00", None)


@pytest.mark.parametrize(
    ("said", "minor"),
    [
        ("$8.00", 800),
        ("-$7.00", -700),
        ("($7.00)", -700),
        ("$-7.00", -700),
        ("7.00-", -700),
        ('"1,234.50"', 123450),
        ("1'234.50", 123450),
        ("1 234.50", 123450),
        ("USD 5", 500),
        ("5.5 USD", 550),
        ("８．００", 800),
        ("8.0000", 800),
        ("△3", -300),
    ],
)
def test_amounts_are_read_in_every_dress(said: str, minor: int) -> None:
    found = one(f"{HEAD}\n1,{AT},{said}\n", amounts="major", decimals=2, refunds="negative")
    assert (found.net_minor, found.kind) == (abs(minor), "return" if minor < 0 else "purchase")


@pytest.mark.parametrize(("said", "minor"), [('"36,500원"', 36500), ("￦36500", 36500), ("36500 KRW", 36500)])
def test_won_have_no_decimals(said: str, minor: int) -> None:
    assert one(f"{HEAD}\n1,{AT},{said}\n").net_minor == minor


@pytest.mark.parametrize("said", ["8.005", "--8", "8-8", "(8", "$", "1,23", "eight", "(-8)", "1e3"])
def test_what_is_no_amount_is_refused(said: str) -> None:
    assert code(f'{HEAD}\n1,{AT},"{said}"\n', amounts="major", decimals=2) == "amount_impossible"


@pytest.mark.parametrize(
    ("said", "form", "at"),
    [
        ("46218.4380787037", ["excel"], "2026-07-15T10:30:50"),
        ("46218", ["%d.%m.%Y", "excel"], "2026-07-15T00:00:00"),
        ("7/5/26 1:05 PM", ["%m/%d/%y %I:%M %p"], "2026-07-05T13:05:00"),
        ("5/7/2026 13:05", ["%m/%d/%y %I:%M %p", "%d/%m/%Y %H:%M"], "2026-07-05T13:05:00"),
        ("2026.07.15 오전 12:05", ["%Y.%m.%d %p %I:%M"], "2026-07-15T00:05:00"),
    ],
)
def test_times_are_read_in_the_forms_of_the_settings_one_after_the_other(
    said: str, form: list[str], at: str
) -> None:
    assert one(f"{HEAD}\n1,{said},5\n", time_format=form).occurred_at == at


@pytest.mark.parametrize(
    ("times", "form", "last"),
    [
        (("2026-07-15T10:31:00", "2026-07-15T10:31:07"), None, "2026-07-15T10:31:07"),
        (("7/15/26 12:05 PM", "7/15/26 11:59 AM"), "%m/%d/%y %I:%M %p", "2026-07-15T12:05:00"),
    ],
)
def test_rows_of_one_receipt_may_each_have_their_time(
    times: tuple[str, str], form: str | None, last: str
) -> None:
    (row,) = read(f"{HEAD}\n1,{times[0]},5\n1,{times[1]},6\n", time_format=form)
    assert isinstance(row.receipt, Receipt)
    assert (row.receipt.net_minor, row.receipt.occurred_at, len(row.notices)) == (11, last, 1)


def test_a_number_that_comes_on_two_days_is_of_two_receipts() -> None:
    found = receipts(read(f"{HEAD}\n1,{AT},5\n1,2026-07-16T10:31:00,6\n"))
    assert [one.net_minor for one in found] == [5, 6]


def test_files_that_were_put_one_after_the_other_have_their_header_twice() -> None:
    found = read(f"{HEAD}\n1,{AT},5\n{HEAD}\n2,{AT},6\n")
    assert [row.passed for row in found if row.passed] == ["header"]
    assert [one.net_minor for one in receipts(found)] == [5, 6]


def test_a_receipt_of_two_exports_in_one_file_is_not_the_sum_of_both() -> None:
    found = receipts(read(f"{HEAD}\n1,{AT},5\n2,{AT},7\n{HEAD}\n1,{AT},6\n2,{AT},7\n"))
    assert [(one.receipt.number, one.net_minor) for one in found] == [("1", 5), ("2", 7), ("1", 6), ("2", 7)]


def test_a_zero_byte_in_a_line_costs_that_line() -> None:
    found = read(f"{HEAD}\n1,{AT},5\n2,{AT},6\x00\n3,{AT},7\n")
    assert [row.refusal.code for row in found if row.refusal] == ["amount_impossible"]
    assert [row.receipt.net_minor for row in found if isinstance(row.receipt, Receipt)] == [5, 7]


@pytest.mark.parametrize(
    ("said", "forms"),
    [
        ("5/7/2026 13:05", ["%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"]),
        ("10/11/12 13:05", ["%y/%m/%d %H:%M", "%Y-%m-%d %H:%M", "%d/%m/%y %H:%M"]),
    ],
)
def test_a_time_that_two_forms_read_in_two_ways_is_set_aside(said: str, forms: list[str]) -> None:
    assert code(f"{HEAD}\n1,{said},5\n", time_format=forms) == "date_ambiguous"
    assert one(f"{HEAD}\n1,7/7/2026 13:05,5\n", time_format=[forms[0], "%d/%m/%Y %H:%M"]).net_minor == 5


@pytest.mark.parametrize(
    ("zone", "at", "odd"),
    [
        ("Asia/Seoul", "2026-07-15T01:31:00+00:00", False),
        ("Pacific Time (US & Canada)", "2026-07-15T17:31:00+00:00", False),
        ("Ours", "2026-07-15T08:31:00+00:00", False),
        ("Middle Earth", AT, True),
        ("", AT, False),
    ],
)
def test_a_zone_in_a_column_makes_an_instant_or_is_told(zone: str, at: str, odd: bool) -> None:
    data = f"{HEAD},zone\n1,{AT},5,{zone}\n"
    (row,) = read(data, zones={"Ours": "Europe/Berlin"})
    assert isinstance(row.receipt, Receipt)
    assert (row.receipt.occurred_at, bool(row.notices)) == (at, odd)


def test_a_total_that_stands_on_each_row_is_believed_and_not_summed() -> None:
    data = f"{HEAD},sku,total,tax,tender\n1,{AT},600,A,1000,10,card\n1,{AT},500,B,1000,20,card\n"
    found = one(data)
    assert (found.net_minor, found.tax_minor, [line.net_minor for line in found.lines]) == (
        1000,
        30,
        [600, 500],
    )
    assert [(paid.type, paid.amount_minor) for paid in found.tenders] == [("card", 1000)]


@pytest.mark.parametrize("said", ["8.80112E+15", "1E+12", "1,2E+12"])
def test_digits_that_a_spreadsheet_rounded_away_are_never_a_key_or_a_member(said: str) -> None:
    assert code(f'{HEAD}\n"{said}",{AT},5\n') == "number_rounded"
    assert code(f'{HEAD},member\n1,{AT},5,"{said}"\n') == "number_rounded"


@pytest.mark.parametrize(("said", "number"), [('="00123"', "00123"), ("'00123", "00123"), ("00123", "00123")])
def test_leading_zeros_are_kept_also_as_spreadsheets_guard_them(said: str, number: str) -> None:
    assert one(f"{HEAD}\n{said},{AT},5\n").receipt.number == number


@pytest.mark.parametrize(("begin", "mark"), [("sep=;\n", ";"), ("", ";"), ("", "\t"), ("", "|"), ("", ",")])
def test_what_parts_the_columns_is_found(begin: str, mark: str) -> None:
    data = begin + HEAD.replace(",", mark) + f"\n1{mark}{AT}{mark}5\n"
    assert one(data).net_minor == 5


def test_cells_beyond_the_header_are_nothing_if_they_are_empty() -> None:
    assert one(f"{HEAD}\n1,{AT},5,,\n").net_minor == 5
    assert code(f"{HEAD}\n1,{AT},5,x\n") == "row_cut"


def test_rows_that_were_cancelled_count_nothing() -> None:
    data = f"{HEAD},status\n1,{AT},5,Cancelled\n2,{AT},6,Closed\n"
    rows = read(data, values={"status": {"Cancelled": "passed"}})
    assert [(row.passed, row.receipt is None) for row in rows] == [("cancelled", True), ("", False)]


def test_a_feed_of_days_totals_is_one_by_its_constants() -> None:
    data = '날짜,POS,영수증,순매출\n2026.07.15,T03,14건,"310,000원"\n'
    columns = {"business_date": "날짜", "till": "POS", "quantity": "영수증", "net_minor": "순매출"}
    (row,) = read(
        data, columns=columns, constants={"kind": "day_total", "store": "S012"}, date_format=["%Y.%m.%d"]
    )
    assert isinstance(row.receipt, DayTotalIn)
    assert (row.receipt.count, row.receipt.net_minor, row.receipt.receipt.business_date) == (
        14,
        310000,
        "2026-07-15",
    )


def test_a_file_of_mixed_letters_sets_aside_what_it_cannot_read_alone() -> None:
    good = f"1,{AT},5,{'가나다라' * 30}\n".encode()
    rows = read(f"{HEAD},sku\n".encode() + good + f"2,{AT},5,골프공\n".encode("cp949"))
    assert [row.refusal.code if row.refusal else "" for row in rows] == ["", "encoding_wrong"]


def test_one_line_of_megabytes_costs_itself_and_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("wb") as file:
        file.write(f"{HEAD}\n1,{AT},5\n".encode())
        for _ in range(400):
            file.write(b"x," * 32768)
        file.write(f"\n2,{AT},6\n".encode())
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            rows = list(adapter("csv", OURS).rows(file, HERE))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert [row.refusal.code if row.refusal else "" for row in rows] == ["csv_invalid", "", ""]
    assert peak < 16 * LINE_MAX


def test_rows_are_put_together_on_the_disk_and_not_in_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write(f"{HEAD},sku\n")
        for part in ("A", "B"):
            file.writelines(f"{number},{AT},5,{part}{'x' * 200}\n" for number in range(8_000))
    count = 0
    with path.open("rb") as file:
        tracemalloc.start()
        try:
            for row in adapter("csv", OURS).rows(file, HERE):
                assert isinstance(row.receipt, Receipt)
                count += len(row.receipt.lines)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (count, peak < 4 * LINE_MAX) == (16_000, True)


def test_rows_that_are_all_of_one_receipt_are_set_aside_as_one_and_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write(f"{HEAD},sku\n")
        file.writelines(f",{AT},5,{line}{'x' * 600}\n" for line in range(10_000))
    tracemalloc.start()
    try:
        with path.open("rb") as file:
            (row,) = adapter("csv", OURS).rows(file, HERE)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert row.refusal is not None
    assert (row.refusal.code, row.place) == ("receipt_too_large", "line 2")
    assert "10000 rows" in str(row.refusal)
    assert peak < 12 * LINE_MAX


@pytest.mark.parametrize(
    ("said", "currency"),
    [
        ("€8.00", "EUR"),
        ("8.00 GBP", "GBP"),
        ("USD 8.00", "USD"),
        ("$8.00", None),
        ("KRW 8.00", None),
        ("8.00원", None),
    ],
)
def test_a_currency_beside_an_amount_is_its_own_where_it_is_not_the_programmes(
    said: str, currency: str | None
) -> None:
    found = one(f"{HEAD}\n1,{AT},{said}\n", amounts="major", decimals=2)
    assert (found.currency, found.net_minor) == (currency, 800)
    twice = one(f"{HEAD}\n1,{AT},1.00\n1,{AT},{said}\n", amounts="major", decimals=2)
    assert twice.currency == currency


def test_a_weight_of_more_than_three_decimals_is_rounded() -> None:
    found = one(f"{HEAD},sku,quantity\n1,{AT},300,Ham,0.33351\n")
    assert [line.quantity for line in found.lines] == ["0.334"]
