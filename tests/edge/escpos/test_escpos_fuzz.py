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
from tests.edge.escpos.made import CUT, ENGLISH, KOREAN, RECEIPT, SALE, Z_KOREAN
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
