"""Nonsense in the clothes of a POSLog: it is read to its end, and each row is one of three."""

from __future__ import annotations

import io
from contextlib import suppress

import hypothesis.strategies as st
from hypothesis import example, given

from edge_agent.pos_adapter.handed_in import understand
from edge_agent.pos_adapter.poslog.stream import pieces
from edge_agent.pos_adapter.poslog.transactions import is_unfinished
from edge_agent.pos_adapter.rows import Row
from edge_agent.pos_adapter.understanding import Expectations
from loyalty_core.calendar import Place
from loyalty_core.errors import BadInput
from loyalty_core.units import Minute
from tests.edge.poslog.made import HEAD, HERE, SALE, line, link, poslog, read, tender, total, transaction

EXPECTED = Expectations(
    store_id="S012",
    place=Place(HERE.zone, Minute(0)),
    currency="KRW",
    now_ms=None,
    today=None,
    future_tolerance_ms=0,
)
WORDS = st.sampled_from(
    [
        *(
            "<Transaction>",
            "</Transaction>",
            "<Transaction/>",
            "<p:Transaction ",
            ">",
            "<!--",
            "-->",
            "<![CDATA[",
            "]]>",
        ),
        *(
            "<?",
            "?>",
            "<RetailTransaction>",
            "</RetailTransaction>",
            "<LineItem>",
            "</LineItem>",
            "&",
            "&#0;",
            '"',
            "'",
        ),
        *(
            HEAD,
            SALE,
            line("5"),
            line("-5", "-1"),
            tender("5"),
            total("5"),
            total("-5"),
            link("Voided"),
            "\x00",
            "홍",
        ),
        *("<Quantity>1e9</Quantity>", "<ExtendedAmount/>", 'VoidFlag="true"', "<!DOCTYPE x>", "<POSLog>"),
    ]
)
TEXT = st.lists(WORDS | st.text(max_size=8), max_size=30).map("".join)
BYTES = st.one_of(
    st.binary(max_size=200),
    TEXT.map(str.encode),
    TEXT.map(lambda text: text.encode("utf-16")),
    TEXT.map(lambda text: text.encode("cp949", "replace")),
)
AMOUNTS = st.sampled_from(["0", "5", "-5", "5.00", "9" * 15, "x", "", "1.005"])
SALES = st.builds(
    lambda lines, paid, sums, flags: transaction(
        "".join(line(net, quantity, kind=kind, flags=void) for net, quantity, kind, void in lines)
        + "".join(tender(amount) for amount in paid)
        + "".join(total(amount) for amount in sums),
        retail=flags,
    ),
    st.lists(
        st.tuples(
            AMOUNTS,
            AMOUNTS,
            st.sampled_from(["Sale", "Return"]),
            st.sampled_from(["", 'VoidFlag="true"']),
        ),
        max_size=4,
    ),
    st.lists(AMOUNTS, max_size=2),
    st.lists(AMOUNTS, max_size=2),
    st.sampled_from(["", 'TransactionStatus="PostVoided"', 'TransactionStatus="Replaced"']),
)


def tried(data: bytes) -> None:
    """Read it as the agent would, to the event that it is."""
    is_unfinished(io.BytesIO(data))
    rows, whole = list[Row](), ""
    try:
        rows = read(data)
    except BadInput as error:
        whole = error.code
    assert whole in {"", "xml_dtd", "poslog_missing"}
    for row in rows:
        assert sum([row.receipt is not None, row.refusal is not None, bool(row.passed)]) == 1
        if row.receipt is not None:
            with suppress(BadInput):
                understand(row.receipt, EXPECTED)


@given(BYTES)
@example(b"\xff\xfe")
@example("<Transaction>".encode("utf-16-le") + b"\x00")
@example(b"<Transaction><_/></_></Transaction>")
def test_any_bytes_are_rows_or_one_refusal(data: bytes) -> None:
    tried(data)


@given(SALES)
def test_any_sale_is_a_receipt_or_says_what_is_wrong_with_it(written: str) -> None:
    tried(written.encode())


@given(st.lists(SALES, max_size=4), st.integers(0, 10_000))
def test_what_is_cut_off_costs_no_transaction_before_it(written: list[str], at: int) -> None:
    data = poslog(*written)
    whole, part = list(pieces(io.BytesIO(data))), list(pieces(io.BytesIO(b"<POSLog>" + data[:at])))
    standing = [piece for piece in part if not piece.is_cut]
    assert [piece.raw for piece in standing] == [piece.raw for piece in whole[: len(standing)]]
    assert len(part) - len(standing) <= 1
