"""Nonsense in a CSV, under any mapping: it is read to its end, and each row is one of three."""

from __future__ import annotations

from contextlib import suppress

import hypothesis.strategies as st
from hypothesis import example, given

from edge_agent.config import Csv
from edge_agent.pos_adapter.csv_header import MORE, NAMES
from edge_agent.pos_adapter.csv_mappings import READY, merged
from edge_agent.pos_adapter.handed_in import understand
from edge_agent.pos_adapter.rows import Row
from edge_agent.pos_adapter.understanding import Expectations
from loyalty_core.calendar import Place
from loyalty_core.errors import BadInput
from loyalty_core.units import Minute
from tests.edge.adapting import HERE, is_unfinished, rows_of
from tests.edge.csv_exports import KOREAN, LOYVERSE, SQUARE

EXPECTED = Expectations(
    store_id="S012",
    place=Place(HERE.zone, Minute(0)),
    currency="KRW",
    now_ms=None,
    today=None,
    future_tolerance_ms=0,
)
TITLES = st.lists(st.sampled_from([*NAMES, *MORE, "", "x"]), max_size=12).map(",".join)
CELLS = st.sampled_from(
    [
        *(
            "purchase",
            "return",
            "void",
            "visit",
            "day_total",
            "passed",
            "S012",
            "T03",
            "1",
            "-1",
            "",
            '"',
            "5",
            "$5.00",
        ),
        *(
            "2026-11-20",
            "2026-11-20T10:31:00",
            "9" * 20,
            "1E+12",
            '="1"',
            "합계",
            "46218.5",
            "-5",
            "S012/T03/2026-11-20/1",
        ),
    ]
)
ROWS = st.lists(st.lists(CELLS | st.text(max_size=4), max_size=14).map(",".join), max_size=8)
TABLES = st.builds(lambda titles, rows: "\n".join([titles, *rows, ""]), TITLES, ROWS)
WHOLE = st.sampled_from([SQUARE, LOYVERSE, KOREAN])
SETTINGS = st.builds(
    Csv,
    mapping=st.sampled_from(["", *READY]),
    encoding=st.sampled_from(["auto", "utf-8", "cp949", "utf-16"]),
    constants=st.sampled_from([{}, {"store": "S012", "till": "T03"}, {"kind": "day_total", "till": "T03"}]),
    amounts=st.sampled_from([None, "major"]),
    decimals=st.sampled_from([None, 2]),
    refunds=st.sampled_from([None, "negative"]),
    time_format=st.sampled_from([None, "%Y-%m-%d", ["%Y-%m-%d %H", "excel"]]),
)


def tried(data: bytes, settings: Csv) -> None:
    is_unfinished("csv", data)
    rows = list[Row]()
    with suppress(BadInput):
        rows = list(rows_of("csv", data, merged(settings)))
    for row in rows:
        assert sum([row.receipt is not None, row.refusal is not None, bool(row.passed)]) == 1
        if row.receipt is not None:
            with suppress(BadInput):
                understand(row.receipt, EXPECTED)


@given(st.binary(max_size=300), SETTINGS)
@example(b"\xff\xfe\x00", Csv())
@example(b"number,till,store,occurred_at\n\x00,\x00\n", Csv())
def test_any_bytes_are_rows_or_one_refusal(data: bytes, settings: Csv) -> None:
    tried(data, settings)


@given(TABLES, SETTINGS, st.sampled_from(["utf-8", "cp949", "utf-16", "utf-8-sig"]))
def test_any_table_is_rows_or_one_refusal(table: str, settings: Csv, encoding: str) -> None:
    tried(table.encode(encoding, "replace"), settings)


@given(WHOLE, SETTINGS, st.integers(0, 2000), st.text(max_size=3))
@example(LOYVERSE, Csv(mapping="loyverse-items", constants={"kind": "day_total", "till": "T03"}), 5, "")
def test_an_export_with_a_hole_in_it_is_rows_or_one_refusal(
    whole: str, settings: Csv, at: int, put: str
) -> None:
    tried((whole[:at] + put + whole[at + 1 :]).encode("utf-8", "replace"), settings)
