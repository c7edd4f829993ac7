"""POSLog files as they lie about: without a root, cut off, in one line, in other letters than they say."""

from __future__ import annotations

import io
import tracemalloc
from collections.abc import Iterator

import pytest

from edge_agent.pos_adapter.poslog import stream
from edge_agent.pos_adapter.poslog.stream import pieces
from edge_agent.pos_adapter.poslog.transactions import is_unfinished
from edge_agent.pos_adapter.receipt import Receipt
from loyalty_core.errors import BadInput
from tests.edge.poslog.made import HEAD, SALE, code, line, one, poslog, read, receipt, total, transaction


def numbered(number: int, inside: str = "") -> str:
    """A sale of another number."""
    return SALE.replace("0042", f"{number:04}").replace(
        "</RetailTransaction>", inside + "</RetailTransaction>"
    )


def numbers(data: bytes | str) -> list[str]:
    """Return what became of each transaction: its receipt's number, why it was passed, or refused."""
    return [
        row.receipt.receipt.number
        if isinstance(row.receipt, Receipt)
        else row.passed or str(row.refusal and row.refusal.code)
        for row in read(data)
    ]


def test_a_file_has_many_transactions_and_each_its_place() -> None:
    rows = read(poslog(*(numbered(n) for n in range(5))))
    assert [row.place for row in rows] == [f"transaction {n}" for n in range(1, 6)]
    assert numbers(poslog(*(numbered(n) for n in range(5)))) == ["0000", "0001", "0002", "0003", "0004"]


@pytest.mark.parametrize("step", [1, 2, 3, 7, 64, 1000])
def test_how_a_file_is_read_makes_no_difference(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    data = poslog(
        numbered(1, "<!-- <Transaction> -->"),
        "<Transaction a='1'/>",
        numbered(2, "<![CDATA[</Transaction>]]>"),
    )
    whole = list(pieces(io.BytesIO(data)))
    monkeypatch.setattr(stream, "HEAD", 64)
    monkeypatch.setattr(stream, "CHUNK", step)
    assert list(pieces(io.BytesIO(data))) == whole
    assert len(whole) == 3


def test_what_stands_in_comments_and_cdata_is_no_transaction() -> None:
    data = poslog(
        f"<!-- {numbered(9)} -->",
        numbered(1, f"<![CDATA[{numbered(8)}]]>"),
        "<?x <Transaction>?>",
        numbered(2),
    )
    assert numbers(data) == ["0001", "0002"]


def test_a_transaction_of_somebody_else_inside_is_passed_by() -> None:
    data = poslog(numbered(1, "<ext:Transaction><ext:Transaction/></ext:Transaction>"), numbered(2))
    assert numbers(data) == ["0001", "0002"]


@pytest.mark.parametrize(
    "data",
    [
        numbered(1) + numbered(2),
        f"\n\n{numbered(1)}\n<!-- x -->\n{numbered(2)}\n",
        f"<POSLog>{numbered(1)}{numbered(2)}",
        f"{numbered(1)}{numbered(2)}</POSLog>",
        f"<?xml version='1.0'?>{numbered(1)}<?xml version='1.0'?>{numbered(2)}",
    ],
)
def test_a_fragment_is_read_like_a_whole(data: str) -> None:
    assert numbers(data) == ["0001", "0002"]


def test_a_transaction_that_is_cut_costs_itself() -> None:
    broken = numbered(2).replace("</Transaction>", "")
    assert numbers(poslog(numbered(1), broken, numbered(3))) == ["0001", "transaction_cut", "0003"]
    assert numbers("</Transaction>" + numbered(1)) == ["transaction_cut", "0001"]
    assert numbers(numbered(1) + numbered(2)[:-40]) == ["0001", "transaction_cut"]


def test_a_transaction_that_is_not_well_formed_costs_itself() -> None:
    broken = numbered(2).replace("</LineItem>", "", 1)
    assert numbers(poslog(numbered(1), broken, numbered(3))) == ["0001", "xml_invalid", "0003"]


def test_a_transaction_of_very_many_namespaces_costs_itself() -> None:
    many = numbered(2).replace("</LineItem>", "".join(f"<p{n}:a/>" for n in range(300)) + "</LineItem>", 1)
    some = numbered(3).replace("</LineItem>", "".join(f"<p{n}:a/>" for n in range(30)) + "</LineItem>", 1)
    assert numbers(poslog(numbered(1), many, some)) == ["0001", "xml_invalid", "0003"]


def test_what_is_refused_can_be_read_again_by_itself() -> None:
    broken = numbered(2).replace("</LineItem>", "", 1)
    (row,) = [row for row in read(poslog(numbered(1), broken, declared="euc-kr")) if row.refusal]
    assert code(row.raw) == "xml_invalid"
    mended = row.raw.replace(b"<LineItem >", b"<!-- -->").replace(
        b"</Sale><LineItem", b"</Sale></LineItem><LineItem", 1
    )
    assert numbers(row.raw.replace(b"</Sale>", b"</Sale></LineItem>", 1)) == ["0002"], mended


@pytest.mark.parametrize(
    ("data", "unfinished"),
    [
        (b"", False),
        (b"\n", False),
        (poslog(SALE), False),
        (SALE.encode(), False),
        (poslog(SALE)[:-1], True),
        (poslog(SALE)[: -len("</POSLog>")], False),
        (poslog(SALE)[: -len("</Transaction></POSLog>")], True),
        (poslog(SALE) + b"<Tra", True),
    ],
)
def test_a_file_that_ends_inside_of_something_is_unfinished(data: bytes, unfinished: bool) -> None:
    assert is_unfinished(io.BytesIO(data)) == unfinished


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-8-sig", "utf-8"])
def test_a_file_may_be_in_any_unicode(encoding: str) -> None:
    korean = SALE.replace("A1", "신라면")
    found = receipt(poslog(korean, declared=encoding.removesuffix("-sig")).decode().encode(encoding))
    assert found.lines[0].sku == "신라면"


@pytest.mark.parametrize("declared", ["euc-kr", "cp949", "ks_c_5601-1987"])
def test_a_file_is_read_in_the_letters_that_it_declares(declared: str) -> None:
    korean = poslog(SALE.replace("A1", "신라면"), declared=declared).decode().encode("cp949")
    row = one(korean)
    assert isinstance(row.receipt, Receipt)
    assert (row.receipt.lines[0].sku, row.notices) == ("신라면", ())


def test_letters_that_are_not_what_is_declared_are_found_and_it_is_said() -> None:
    row = one(poslog(SALE.replace("A1", "신라면")).decode().encode("cp949"))
    assert isinstance(row.receipt, Receipt)
    assert row.receipt.lines[0].sku == "신라면"
    assert row.notices == ("it is not utf-8, as it should be, but cp949",)


def test_letters_that_are_nothing_cost_the_letters_and_not_the_sale() -> None:
    row = one(poslog(SALE.replace("A1", "@")).replace(b"@", b"A\xff\xff\xff1"))
    assert isinstance(row.receipt, Receipt)
    assert (row.receipt.net_minor, len(row.notices)) == (12990, 1)


@pytest.mark.parametrize("stray", ["\x00", "\x1b", "&#0;", "&#x1F;", "&#27;", "&nbsp;", "&", "\ufffe"])
def test_characters_that_xml_forbids_are_dropped_or_taken_as_text(stray: str) -> None:
    row = one(poslog(SALE.replace("A1", f"A{stray}1")))
    assert isinstance(row.receipt, Receipt)
    assert (row.receipt.net_minor, len(row.notices)) == (12990, 1)


@pytest.mark.parametrize(
    "doctype",
    [
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>',
        '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
    ],
)
def test_a_document_type_is_refused_and_nothing_of_it_is_read(doctype: str) -> None:
    for data in (doctype + SALE, SALE + doctype, f"<POSLog>{doctype}{SALE}</POSLog>"):
        with pytest.raises(BadInput) as refused:
            read(data)
        assert refused.value.code == "xml_dtd"
    inside = SALE.replace("<LineItem", doctype + "<LineItem", 1)
    with pytest.raises(BadInput):
        read(inside)


def test_a_file_of_something_else_is_refused_and_an_empty_log_is_not() -> None:
    assert read("") == read("  ") == read("<POSLog/>") == []
    with pytest.raises(BadInput) as refused:
        read("<html><body/></html>")
    assert refused.value.code == "poslog_missing"


def test_a_transaction_longer_than_any_receipt_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHUNK", 1024)
    monkeypatch.setattr(stream, "TRANSACTION_MAX", 20_000)
    monkeypatch.setattr(stream, "SHOWN_OF_TOO_LONG", 5000)
    rows = read(poslog(numbered(1), numbered(2, "x" * 50_000), numbered(3)))
    assert [row.refusal.code if row.refusal else "" for row in rows] == ["", "receipt_too_large", ""]
    assert len(rows[1].raw) < 6000


class Endless(io.BytesIO):
    """A file of so many transactions in one line, which is never held as a whole."""

    def __init__(self, count: int, each: bytes) -> None:
        super().__init__()
        self._parts: Iterator[bytes] = iter([b"<POSLog>", *(each for _ in range(count)), b"</POSLog>"])

    def read(self, size: int | None = -1) -> bytes:
        return next(self._parts, b"")


@pytest.mark.parametrize(
    "each",
    [
        SALE.encode(),
        b"<x a='" + b"y" * 5000 + b"'/>",
        (b"<!-- " + b"x" * 95) * 50,
        (b"<Transaction " + b"y" * 88) * 50,
        b"<" * 500 + b" " * 4500,
    ],
)
def test_memory_does_not_grow_with_the_file(each: bytes) -> None:
    tracemalloc.start()
    try:
        for _ in pieces(Endless(2000, each)):
            pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 4 * 1024 * 1024


def test_control_transactions_are_counted_beside_sales() -> None:
    control = f"<Transaction>{HEAD}<ControlTransaction/></Transaction>"
    assert numbers(
        poslog(control, numbered(1), transaction(line("5") + total("5"), flags='CancelFlag="true"'))
    ) == [
        "control",
        "0001",
        "aborted",
    ]
