"""Nonsense that a till might print: every byte is in one token, every paper one of three, nothing hangs."""

from __future__ import annotations

import io
from itertools import pairwise

import hypothesis.strategies as st
from hypothesis import example, given

from edge_agent.pos_adapter.escpos.paper import Printer, papers
from edge_agent.pos_adapter.escpos.profile import profile
from edge_agent.pos_adapter.escpos.reading import reads
from edge_agent.pos_adapter.escpos.tokens import ARGS_MAX, tokens
from edge_agent.pos_adapter.receipt import Receipt
from tests.edge.escpos.made import CUT, ENGLISH, KOREAN, RECEIPT, SALE, Z_KOREAN, row
from tests.edge.escpos.test_tokens import COMMANDS

WORDS = st.sampled_from(
    [
        *COMMANDS,
        *(line.encode("cp949") + b"\n" for text in (RECEIPT, SALE, Z_KOREAN) for line in text.splitlines()),
        *(
            b"\n",
            b"\r",
            b"\t",
            CUT,
            b"\x10",
            b"\x1b",
            b"\x1d",
            b"\xff",
            b"\x81",
            b"12,",
            b"440\n",
            b"-",
            b"(",
        ),
    ]
)
PRINTS = st.lists(WORDS | st.binary(max_size=6), max_size=60).map(b"".join)


@given(PRINTS)
@example(b"\x1b")
@example(b"\x1b&\x03\x00\xff\xff")
@example(b"\x1cq\xff\xff\xff\xff\xff")
def test_every_byte_is_in_one_token(data: bytes) -> None:
    found = list(tokens(data))
    assert [one.start for one in found] == [0, *(one.end for one in found)][: len(found)]
    assert all(first.end == second.start for first, second in pairwise(found))
    assert (found[-1].end if found else 0) == len(data)
    assert all(len(one.args) <= ARGS_MAX for one in found if one.name)


@given(PRINTS)
def test_the_papers_are_all_that_was_printed(data: bytes) -> None:
    for printer in (Printer(), Printer(multibyte="")):
        found = list(papers(data, printer))
        assert b"".join(one.raw for one in found) == data
        assert all(line.strip() and line.isprintable() for one in found for line in one.lines)


@given(PRINTS)
def test_every_paper_is_a_receipt_or_refused_or_counts_nothing(data: bytes) -> None:
    for here, name in ((KOREAN, "ko"), (ENGLISH, "en")):
        for read in reads(io.BytesIO(data), here, profile=profile(name), till="T1"):
            row = read.row
            assert sum([row.receipt is not None, row.refusal is not None, bool(row.passed)]) == 1


@given(st.text(max_size=300))
@example("1" * 300)
@example("1," * 150)
@example(" " * 299 + "x")
@example("a 1" * 100)
@example("-- " * 100)
@example("합 계" * 60)
@example("12:12" * 60)
def test_no_line_takes_a_ready_profile_long(line: str) -> None:
    # A pattern that tries its line in exponentially many ways would not come back from these.
    for name in ("ko", "en"):
        chosen = profile(name)
        for patterns in (*chosen.patterns.values(), *chosen.tenders.values()):
            for pattern in patterns:
                pattern.search(line[:200])


BESIDE_KOREAN = """감사합니다/교환은 7일 이내
포인트 적립예정 99P/사용가능 포인트 12,345/TEL 02-123-4567/부가세 905
사업자 No: 123-45-67890/과세금액 9,055
받은금액 20,000/거스름돈 10,040/카드번호 1234-56**-****-7890/승인번호 12345678/테이블 5
고객센터 1588-1234/다음 방문시 5,000원 할인/배달비 0/주차 2시간 무료/합계수량 2
현금영수증 010-****-1234
이벤트 2026-11-01 ~ 2026-12-31/영업시간 10:00~22:00/주문마감 21:30/누적구매 1,234,567/총 적립 포인트 55,555
담당: 김하나 (01)/반품 시 영수증 필수/단말기: 12345678/총할인액 500/당월합계 123,456/행복상사 본점"""
BESIDE_ENGLISH = """Thank you|Returns within 30 days|You earned 14 points|Points balance 1,204|Subtotal 4.90
Tax 8.25% 0.33|Change 4.77|Visa XXXXXXXXXXXX1234|Approval Code 123456|2 items|Store 0124|GST No: 123456789
Customer Service 1-800-555-0100|Save 1.00 on next visit|Gift card balance 20.00|Suggested tip 15% 0.78
Balance due 0.00|Coupon expires 12/31/2026|Total savings 0.50|TOTAL POINTS 123|TOTAL QTY 4|Total tax 1.06
VAT Reg No: 123 4567 89|** RETURNS **|Terminal ID: 12345678|TOTAL EUR 13.20|Rewards 12345678 pts"""
PLACE = st.integers(0, 20)


def beside(lines: list[str]) -> st.SearchStrategy[list[tuple[int, str]]]:
    return st.lists(st.tuples(PLACE, st.sampled_from(lines)), max_size=8)


@given(
    beside(BESIDE_KOREAN.replace("\n", "/").split("/")),
    beside(BESIDE_ENGLISH.replace("\n", "|").split("|")),
    st.none() | PLACE,
)
def test_whatever_stands_beside_it_a_receipt_is_read_as_it_is_or_set_aside(
    korean: list[tuple[int, str]], english: list[tuple[int, str]], gone: int | None
) -> None:
    for text, here, added in ((RECEIPT, KOREAN, korean), (SALE, ENGLISH, english)):
        lines = text.splitlines()
        if gone is not None and gone < len(lines):
            del lines[gone]
        for place, line in added:
            lines.insert(place, line)
        found, whole = row("\n".join(lines), here), row(text, here)
        assert isinstance(whole.receipt, Receipt)
        if found.refusal is not None:
            continue
        assert isinstance(found.receipt, Receipt), found
        for name in ("kind", "receipt", "occurred_at", "net_minor"):
            assert getattr(found.receipt, name) == getattr(whole.receipt, name)
        assert found.receipt.member in {None, whole.receipt.member}
        assert not found.is_copy
