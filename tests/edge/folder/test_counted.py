"""What is neither a receipt nor a mistake is counted, and a reprint is what it is a copy of."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, BinaryIO

import msgspec
import pytest

from edge_agent.pos_adapter import json_lines
from edge_agent.pos_adapter.rows import Here, Row
from edge_agent.status import lines, status
from tests.edge.folder.shop import Shop, line


@pytest.fixture(autouse=True)
def _marks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have lines of JSON begin with what else a row may be: `-` passed over, `=` a copy, `!` odd."""
    rows = json_lines.rows

    def marked(file: BinaryIO, here: Here) -> Iterator[Row]:
        marks = [read[:1] for read in file]
        file.seek(0)
        data = file.read()
        plain = b"".join(part.lstrip(b"-=!") for part in data.splitlines(keepends=True))
        changed: dict[bytes, dict[str, Any]] = {
            b"-": {"passed": "control", "receipt": None, "refusal": None},
            b"=": {"is_copy": True},
            b"!": {"notices": ("the paper is torn",)},
        }
        for mark, row in zip(marks, rows(io.BytesIO(plain), here), strict=True):
            yield msgspec.structs.replace(row, **changed.get(mark, {}))

    monkeypatch.setattr(json_lines, "rows", marked)


async def noted(shop: Shop) -> list[tuple[int, ...]]:
    """Return what is noted of the files: recorded, repeated, refused, passed, noticed."""
    return await shop.writer.do(
        lambda conn: conn.execute(
            "SELECT recorded, repeated, refused, passed, noticed FROM file_taken"
        ).fetchall()
    )


async def test_what_counts_nothing_is_counted_and_not_recorded(shop: Shop) -> None:
    shop.write("a.jsonl", line("1") + b"-{}\n-{}\n" + b"!" + line("2"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])
    assert await noted(shop) == [(2, 0, 0, 2, 1)]
    counted = {family.name: family.samples for family in shop.meters.families()}
    (passed,) = counted["dangol_edge_folder_passed_total"]
    assert (dict(passed.labels), passed.value) == ({"adapter": "jsonl", "reason": "control"}, 2)
    (odd,) = counted["dangol_edge_folder_noticed_total"]
    assert odd.value == 1


async def test_a_reprint_is_the_receipt_that_is_known_whatever_it_says(shop: Shop) -> None:
    shop.write("a.jsonl", line("1") + b"=" + line("1", net_minor=5, lines=[]))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, [])
    assert await noted(shop) == [(1, 1, 0, 0, 0)]


async def test_a_reprint_of_what_was_never_seen_is_the_receipt(shop: Shop) -> None:
    shop.write("a.jsonl", b"=" + line("1") + line("1"))
    await shop.settle()
    assert await noted(shop) == [(1, 1, 0, 0, 0)]


async def test_a_copy_that_is_no_reprint_may_not_say_something_else(shop: Shop) -> None:
    shop.write("a.jsonl", line("1") + line("1", net_minor=5, lines=[]))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, ["receipt_conflict"])


async def test_what_was_refused_and_counts_nothing_now_waits_no_more(shop: Shop) -> None:
    path = shop.write("a.jsonl", b"{}\n")
    await shop.settle()
    assert await shop.codes() == ["receipt_invalid"]
    path.write_bytes(b"-{}\n")
    await shop.settle()
    assert await shop.codes() == []


async def test_the_status_says_which_file_was_read_last_and_what_became_of_it(shop: Shop) -> None:
    shop.write("a.jsonl", line("1") + b"-{}\n!" + line("2") + b"{}\n")
    await shop.settle()
    shop.write("empty.jsonl", b"")
    shop.write("b.csv", b"no,columns\n")
    told = await shop.writer.do(lambda conn: status(conn, shop.config, shop.clock))
    assert [one.file for one in told.last_files] == ["a.jsonl"]
    (said,) = [one.split(None, 2)[2] for one in lines(told) if one.startswith("  last file")]
    when = told.last_files[0].at
    assert said == f"a.jsonl (jsonl) at {when}: 2 recorded, 1 set aside, 1 passed over, 1 odd in something"
    await shop.settle()
    told = await shop.writer.do(lambda conn: status(conn, shop.config, shop.clock))
    assert {one.file: one.refused for one in told.last_files} == {"empty.jsonl": 0, "b.csv": 1}
    assert any(
        one.endswith(f"empty.jsonl (jsonl) at {told.last_files[0].at}: nothing in it") for one in lines(told)
    )
