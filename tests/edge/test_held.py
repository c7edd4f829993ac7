"""An adapter of somebody's own that does wrong costs its file or row: no wrong event, no end of the agent."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, BinaryIO

import msgspec
import pytest

from edge_agent.pos_adapter.held import held
from edge_agent.pos_adapter.receipt import Key, Receipt
from edge_agent.pos_adapter.rows import Adapter, Here, Row
from loyalty_core.errors import BadInput
from tests.edge.adapting import HERE

GOOD: dict[str, Any] = {"kind": "purchase", "occurred_at": "2026-11-20T10:31:00", "net_minor": 1000}
PASSED = Row(place="line 1", raw=b"x", passed="control")


def receipt(**changed: Any) -> Receipt:
    key = Key(store="S012", till="T1", number=changed.pop("number", "7"))
    return Receipt(receipt=key, **GOOD | changed)


def of(*yielded: Any) -> Adapter:
    """Return an adapter that yields this, whatever the file."""
    return Adapter(lambda _, __: iter(yielded))


def read(adapter: Adapter) -> list[Row]:
    return list(held("corner", adapter).rows(io.BytesIO(b"1\n2\n"), HERE))


def test_what_is_right_comes_through_as_it_is() -> None:
    rows = [
        Row(place="line 1", raw=b"1", receipt=receipt(member="M1"), notices=("odd",), is_copy=True),
        Row(place="line 2", raw=b"2", refusal=BadInput("so", code="so_it_is")),
        PASSED,
    ]
    assert read(of(*rows)) == rows


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"net_minor": 1299.5}, "`float` - at `$.net_minor`"),
        ({"net_minor": Decimal("12.5")}, "`$.net_minor`"),
        ({"net_minor": True}, "`$.net_minor`"),
        ({"kind": "sale"}, "'sale' - at `$.kind`"),
        ({"member": 2000123456782}, "`$.member`"),
        ({"number": 7}, "`$.receipt.number`"),
    ],
)
def test_a_receipt_of_other_types_is_refused_and_not_recorded(changed: dict[str, Any], said: str) -> None:
    (row,) = read(of(Row(place="line 1", raw=b"x", receipt=receipt(**changed))))
    assert (row.place, row.raw, row.receipt) == ("line 1", b"x", None)
    assert row.refusal is not None
    assert (row.refusal.code, said in str(row.refusal)) == ("receipt_invalid", True)


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        receipt(),
        Row(place="line 1", raw=b"x"),
        Row(place="line 1", raw=b"x", receipt=receipt(), passed="control"),
        msgspec.structs.replace(PASSED, place=None),
        msgspec.structs.replace(PASSED, raw="x"),
    ],
)
def test_what_is_no_row_is_told_after_those_before_it(wrong: object) -> None:
    rows = held("corner", of(PASSED, wrong)).rows(io.BytesIO(b"1\n2\n"), HERE)
    assert next(rows) == PASSED
    with pytest.raises(BadInput, match='"corner" yields, as number 2, what is no') as refused:
        next(rows)
    assert refused.value.code == "adapter_broken"


def test_an_adapter_that_never_ends_is_stopped() -> None:
    def endless(_: BinaryIO, __: Here) -> Iterator[Row]:
        while True:
            yield PASSED

    with pytest.raises(BadInput, match="more rows than the file has bytes"):
        read(Adapter(endless))


def test_an_adapter_that_ends_the_process_does_not() -> None:
    def leaving(_: BinaryIO, __: object = None) -> Any:
        sys.exit(3)

    broken = held("corner", Adapter(leaving, leaving))
    for call in (
        lambda: next(broken.rows(io.BytesIO(b"1"), HERE)),
        lambda: broken.is_unfinished(io.BytesIO()),
    ):
        with pytest.raises(BadInput, match="ends the process") as refused:
            call()
        assert refused.value.code == "adapter_broken"


def test_what_fails_in_it_is_told_with_its_place() -> None:
    def rows(file: BinaryIO, _: Here) -> Iterator[Row]:
        yield PASSED
        int(file.read(1).decode() + "x")

    found = held("corner", Adapter(rows)).rows(io.BytesIO(b"1\n2\n"), HERE)
    assert next(found) == PASSED
    with pytest.raises(
        BadInput, match=r'"corner" fails in test_held.py line \d+ \(ValueError: .*1x'
    ) as refused:
        next(found)
    assert refused.value.code == "adapter_broken"


def test_a_file_that_cannot_be_read_is_not_the_adapters_fault() -> None:
    def rows(_: BinaryIO, __: Here) -> Iterator[Row]:
        yield PASSED
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        list(held("corner", Adapter(rows)).rows(io.BytesIO(b"1\n"), HERE))
