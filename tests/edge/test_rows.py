"""A file's bytes -> receipts and refusals, in the forms in which tills write them. Touches no store."""

from __future__ import annotations

import json
from typing import Any

import pytest

from edge_agent.config import Csv
from edge_agent.pos_adapter.adapters import name_for
from edge_agent.pos_adapter.csv_header import NAMES
from edge_agent.pos_adapter.receipt import Receipt
from edge_agent.pos_adapter.rows import Row
from loyalty_core.errors import BadInput
from tests.edge.adapting import is_unfinished, rows_of
from tests.edge.made import purchase

HEADER = ",".join(NAMES)
WHEN = "2026-11-20T10:31:00+09:00"


def row(number: str = "1", **cells: str) -> str:
    """Return a row of one item of 12,990 won."""
    plain = {
        "kind": "purchase",
        "store": "S012",
        "till": "T03",
        "business_date": "2026-11-20",
        "number": number,
        "occurred_at": WHEN,
        "member": "M1",
        "line": "1",
        "sku": "A1",
        "category": "grocery",
        "quantity": "1",
        "net_minor": "12990",
        "tender": "card",
        "original": "",
    }
    return ",".join((plain | cells).values())


def csv(*lines: str, header: str = HEADER, encoding: str = "utf-8", **settings: Any) -> list[Row]:
    data = "\n".join([header, *lines, ""]).encode(encoding)
    return list(rows_of("csv", data, Csv(**settings)))


def jsonl(data: bytes) -> list[Row]:
    return list(rows_of("jsonl", data, Csv()))


def receipts(rows: list[Row]) -> list[Receipt]:
    """Return the receipts of rows that are all good."""
    assert [r.refusal for r in rows if r.refusal] == []
    return [r.receipt for r in rows if isinstance(r.receipt, Receipt)]


def codes(rows: list[Row]) -> list[str]:
    """Return what became of each row: its refusal's code, or its receipt's number."""
    return [r.refusal.code if r.refusal else _number(r) for r in rows]


def _number(row: Row) -> str:
    return row.receipt.receipt.number if isinstance(row.receipt, Receipt) else ""


def whole(data: bytes, **settings: Any) -> str:
    """Return the code with which a whole file is refused."""
    with pytest.raises(BadInput) as refused:
        list(rows_of("csv", data, Csv(**settings)))
    return refused.value.code


# JSON lines


def test_each_line_is_a_receipt_and_empty_lines_are_none() -> None:
    data = b"\n".join(json.dumps(purchase(n)).encode() for n in ("1", "2")) + b"\r\n\r\n  \n"
    rows = jsonl(data + json.dumps(purchase("3")).encode())
    assert codes(rows) == ["1", "2", "3"]
    assert [r.place for r in rows] == ["line 1", "line 2", "line 5"]


def test_fields_that_nobody_knows_are_passed_over_wherever_they_stand() -> None:
    lines = [{"number": 1, "net_minor": 12990, "colour": "red"}]
    odd = purchase(
        lines=lines, cashier={"name": "x"}, tenders=[{"type": "card", "amount_minor": 1, "pan": "4"}]
    )
    odd["receipt"]["printer"] = "P1"
    (receipt,) = receipts(jsonl(json.dumps(odd).encode()))
    assert (receipt.receipt.number, receipt.lines[0].net_minor, receipt.tenders[0].type) == (
        "1",
        12990,
        "card",
    )


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", "json_invalid"),
        (b"not json", "json_invalid"),
        (b'{"bogus": 1, "kind":', "json_invalid"),
        (b'{"bogus": ' + b"[" * 100_000, "json_invalid"),
        (b'{"kind": "day_total", "receipt": ' + b"[" * 5000 + b"]" * 5000 + b"}", "json_invalid"),
        (b'{"kind": "day_total", "bogus": ' + b"[" * 5000 + b"]" * 5000 + b"}", "json_invalid"),
        (b'{"kind": "purchase"}', "receipt_invalid"),
        (b"7", "receipt_invalid"),
        (b'{"kind": "\xb0\xa1"}', "encoding_wrong"),
    ],
)
def test_a_bad_line_stands_alone_among_good_ones(line: bytes, code: str) -> None:
    good = json.dumps(purchase("1")).encode(), json.dumps(purchase("2")).encode()
    rows = jsonl(b"\n".join((good[0], line, good[1])))
    assert codes(rows) == ["1", code, "2"]
    assert (rows[1].place, rows[1].raw) == ("line 2", line)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_tells_the_encoding_of_json_lines(encoding: str) -> None:
    text = json.dumps(purchase(lines=[{"number": 1, "net_minor": 1, "sku": "골프공"}]), ensure_ascii=False)
    (receipt,) = receipts(jsonl(f"{text}\n".encode(encoding)))
    assert receipt.lines[0].sku == "골프공"


def test_utf_16_that_ends_in_half_a_letter_is_refused_whole() -> None:
    with pytest.raises(BadInput) as refused:
        jsonl("{}".encode("utf-16")[:-1])
    assert refused.value.code == "encoding_wrong"


# CSV


def test_the_rows_of_one_receipt_are_its_lines() -> None:
    (receipt,) = receipts(
        csv(row(line="1", net_minor="1000"), row(line="2", sku="B", net_minor="500", tender="points"))
    )
    assert (receipt.net_minor, receipt.currency, receipt.member) == (1500, None, "M1")
    assert [(line.number, line.sku, line.net_minor) for line in receipt.lines] == [
        (1, "A1", 1000),
        (2, "B", 500),
    ]
    assert [(t.type, t.amount_minor) for t in receipt.tenders] == [("card", 1000), ("points", 500)]


def test_rows_of_one_receipt_need_not_stand_together() -> None:
    first, second = receipts(csv(row("1"), row("2"), row("1", line="2")))
    assert (first.receipt.number, len(first.lines), first.net_minor) == ("1", 2, 25980)
    assert (second.receipt.number, len(second.lines)) == ("2", 1)


def test_a_receipt_that_comes_again_in_the_same_file_counts_once() -> None:
    rows = csv(row("77"), row("78"), row("77"))
    assert [receipt.net_minor for receipt in receipts(rows)] == [12990, 12990]


def test_identical_rows_that_stand_together_are_genuine() -> None:
    (receipt,) = receipts(csv(row("77", line=""), row("77", line="")))
    assert (receipt.net_minor, len(receipt.lines)) == (25980, 2)


def test_numbers_that_begin_anew_each_day_are_two_receipts_where_only_the_time_tells_the_day() -> None:
    rows = csv(
        row("1", business_date="", occurred_at="2026-11-20T10:31:00+09:00"),
        row("1", business_date="", occurred_at="2026-11-21T10:31:00+09:00"),
    )
    assert [r.occurred_at[:10] for r in receipts(rows)] == ["2026-11-20", "2026-11-21"]


def test_a_receipt_without_items_has_a_total_and_no_lines() -> None:
    (receipt,) = receipts(csv(row(line="", sku="", category="")))
    assert (receipt.net_minor, receipt.lines) == (12990, [])


def test_columns_may_have_other_names_and_stand_in_another_order() -> None:
    header = "Beleg; Filiale ;KASSE;Zeit;Betrag;Frei"
    names = {
        "number": "beleg",
        "store": "Filiale",
        "till": "Kasse",
        "occurred_at": "zeit",
        "net_minor": "Betrag",
    }
    (receipt,) = receipts(csv(f"0007;S012;T03;{WHEN};12990;x", header=header, columns=names, delimiter=";"))
    assert (receipt.receipt.number, receipt.receipt.store, receipt.net_minor) == ("0007", "S012", 12990)


@pytest.mark.parametrize(
    ("text", "settings", "minor"),
    [
        ("12990", {}, 12990),
        ("12,990", {}, 12990),
        ("129.90", {"amounts": "major", "decimals": 2}, 12990),
        ("129.9", {"amounts": "major", "decimals": 2}, 12990),
        ("129", {"amounts": "major", "decimals": 2}, 12900),
        ("1.129,90", {"amounts": "major", "decimals": 2, "decimal_mark": ","}, 112990),
        ("12990", {"amounts": "major"}, 12990),
    ],
)
def test_amounts_are_read_as_the_settings_say(text: str, settings: dict[str, Any], minor: int) -> None:
    (receipt,) = receipts(csv(row(net_minor=f'"{text}"'), **settings))
    assert receipt.net_minor == minor


@pytest.mark.parametrize(
    ("text", "mark", "quantity"),
    [("1,000", ".", "1000"), ("0.5", ".", "0.5"), ("0,5", ",", "0.5"), ("-1.000,25", ",", "-1000.25")],
)
def test_quantities_are_read_as_amounts_are(text: str, mark: str, quantity: str) -> None:
    (receipt,) = receipts(csv(row(quantity=f'"{text}"'), decimal_mark=mark))
    assert receipt.lines[0].quantity == quantity


@pytest.mark.parametrize(
    ("cells", "settings", "code"),
    [
        ({"net_minor": "129.90"}, {}, "amount_impossible"),
        ({"net_minor": "129.905"}, {"amounts": "major", "decimals": 2}, "amount_impossible"),
        ({"net_minor": ""}, {}, "amount_impossible"),
        ({"net_minor": "--5"}, {}, "amount_impossible"),
        ({"net_minor": '"12,50"'}, {}, "amount_impossible"),
        ({"net_minor": '"1,2,3"'}, {}, "amount_impossible"),
        ({"net_minor": '"12,50"'}, {"amounts": "major", "decimals": 2}, "amount_impossible"),
        ({"net_minor": "1.12990"}, {"decimal_mark": ","}, "amount_impossible"),
        ({"quantity": '"1,5"'}, {}, "amount_impossible"),
        ({"quantity": "one"}, {}, "amount_impossible"),
        ({"net_minor": "²"}, {}, "amount_impossible"),
        ({"line": "one"}, {}, "receipt_invalid"),
        ({"kind": "sale"}, {}, "receipt_invalid"),
        ({"original": "S012/T03"}, {}, "receipt_invalid"),
        ({"occurred_at": "20.11.2026 10:31"}, {"time_format": "%d/%m/%Y %H:%M"}, "date_impossible"),
        ({"business_date": "31.11.2026"}, {"date_format": "%d.%m.%Y"}, "date_impossible"),
    ],
)
def test_a_row_that_makes_no_sense_stands_alone_among_good_ones(
    cells: dict[str, str], settings: dict[str, Any], code: str
) -> None:
    good = {"occurred_at": "20/11/2026 10:31"} if "time_format" in settings else {}
    good |= {"business_date": "20.11.2026"} if "date_format" in settings else {}
    rows = csv(row("1", **good), row("2", **cells), row("3", **good), **settings)
    assert codes(rows) == ["1", code, "3"]
    assert rows[1].refusal is not None
    assert str(rows[1].refusal).startswith("line 3: ")
    assert row("2", **cells).encode() in rows[1].raw


def test_dates_are_read_as_the_settings_say() -> None:
    (receipt,) = receipts(
        csv(
            row(business_date="20.11.2026", occurred_at="20.11.26 10:31"),
            date_format="%d.%m.%Y",
            time_format="%d.%m.%y %H:%M",
        )
    )
    assert (receipt.receipt.business_date, receipt.occurred_at) == ("2026-11-20", "2026-11-20T10:31:00")


def test_a_return_names_its_original() -> None:
    (receipt,) = receipts(csv(row("9", kind="return", original="S012/T03/2026-11-20/00/1")))
    assert receipt.original is not None
    assert (receipt.kind, receipt.original.business_date, receipt.original.number) == (
        "return",
        "2026-11-20",
        "00/1",
    )


def test_rows_of_one_receipt_that_disagree_are_refused_together() -> None:
    rows = csv(row("1"), row("1", member="M2"), row("2"))
    assert codes(rows) == ["rows_differ", "2"]


def test_a_row_that_was_cut_refuses_its_receipt_alone() -> None:
    rows = csv(row("1"), row("2"), row("2", line="2")[:60], row("3"))
    assert codes(rows) == ["1", "row_cut", "3"]
    assert rows[1].refusal is not None
    assert "line 4" in str(rows[1].refusal)


def test_a_receipts_place_is_the_line_where_it_begins() -> None:
    """What was set aside half-written is found again when more lines have come."""
    half = csv(row("1"), row("2"), row("2", line="2")[:60])
    more = csv(row("1"), row("2"), row("2", line="2"), row("2", line="3"))
    assert half[1].place == more[1].place == "line 3"


def test_a_stray_quote_refuses_its_line_and_not_the_file() -> None:
    rows = csv(row("1"), row("2", sku='"A"1'), row("3"), row("4", sku='"A'), row("5"), row("6"))
    assert sorted(codes(rows)) == ["1", "3", "5", "6", "csv_invalid", "csv_invalid"]
    refused = [r for r in rows if r.refusal]
    assert [r.place for r in refused] == ["line 3", "line 5"]
    assert row("4", sku='"A').encode() in refused[1].raw


def test_quotes_and_line_breaks_inside_a_cell_are_part_of_it() -> None:
    (receipt,) = receipts(csv(row(sku='"5"" pipe,\nlong"')))
    assert receipt.lines[0].sku == '5" pipe,\nlong'


def test_columns_that_are_needed_and_missing_refuse_the_file() -> None:
    assert whole(b"store,till,number\nS012,T03,1\n") == "columns_missing"
    assert whole(b"") == "columns_missing"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_korean_is_read_in_the_encodings_that_tell_themselves(encoding: str) -> None:
    (receipt,) = receipts(csv(row(sku="골프공"), encoding=encoding))
    assert receipt.lines[0].sku == "골프공"


def test_cp949_is_read_where_the_settings_say_so() -> None:
    data = f"{HEADER}\n{row(sku='골프공')}\n{row('2')}\n".encode("cp949")
    first, second = receipts(list(rows_of("csv", data, Csv(encoding="cp949"))))
    assert (first.lines[0].sku, second.receipt.number) == ("골프공", "2")


def test_cp949_against_the_setting_refuses_only_the_rows_that_need_it() -> None:
    data = f"{HEADER}\n{row(sku='골프공')}\n{row('2')}\n".encode("cp949")
    rows = list(rows_of("csv", data, Csv(encoding="utf-8")))
    assert codes(rows) == ["encoding_wrong", "2"]
    assert "골프공".encode("cp949") in rows[0].raw


@pytest.mark.parametrize("encoding", ["utf-8", "cp949", "utf-16"])
def test_what_was_refused_can_be_handed_in_again_as_it_was_kept(encoding: str) -> None:
    settings = Csv(encoding="cp949" if encoding == "cp949" else "utf-8")
    data = f"{HEADER}\n{row(sku='골프공', net_minor='x')}\n".encode(encoding)
    *_, refused = rows_of("csv", data, settings)
    *_, again = rows_of("csv", refused.raw, settings)
    assert again.raw == refused.raw
    mended = refused.raw.replace("x".encode(encoding)[-2:], "5".encode(encoding)[-2:])
    assert "골프공" in refused.raw.decode(encoding)
    assert mended != refused.raw


def test_an_encoding_that_nobody_knows_refuses_the_file() -> None:
    assert whole(HEADER.encode(), encoding="klingon") == "encoding_wrong"


# Kinds of file, and whether one is finished


@pytest.mark.parametrize(
    ("name", "adapter"),
    [
        ("a.jsonl", "jsonl"),
        ("A.NDJSON", "jsonl"),
        ("sales.2026.csv", "csv"),
        ("B.CSV", "csv"),
        ("c.xml", "poslog"),
    ],
)
def test_the_ending_tells_the_adapter(name: str, adapter: str) -> None:
    assert name_for(name, None) == adapter


@pytest.mark.parametrize("name", ["a.xlsx", "csv", "a.csv.tmp", ".csv"])
def test_other_endings_are_refused(name: str) -> None:
    with pytest.raises(BadInput) as refused:
        name_for(name, None)
    assert refused.value.code == "file_kind_unknown"


@pytest.mark.parametrize(
    ("adapter", "data", "unfinished"),
    [
        ("jsonl", b"", False),
        ("jsonl", b'{"a": 1}\n', False),
        ("jsonl", b'{"a": 1}', False),
        ("jsonl", b'{"a": 1}\n{"a"', True),
        ("jsonl", b"[" * 100_000, True),
        ("jsonl", b"\xb0", True),
        ("csv", b"a,b\n1,2", True),
        ("csv", b"a,b\n1,2\n", False),
    ],
)
def test_a_last_line_without_its_end_is_unfinished(adapter: str, data: bytes, unfinished: bool) -> None:
    assert is_unfinished(adapter, data) == unfinished
