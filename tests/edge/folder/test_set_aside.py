"""What of a file cannot be recorded is set aside with its reason, and mended when it comes well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import BinaryIO

import msgspec
import pytest

from edge_agent.config import Csv
from edge_agent.pos_adapter import json_lines
from edge_agent.pos_adapter.rows import Here, Row
from edge_agent.store import files, quarantine
from edge_agent.store.integrity import verify
from loyalty_core.errors import BadInput
from tests.edge.folder.shop import HEADER, MakeShop, Shop, csv_row, line
from tests.edge.made import returned


async def test_a_half_written_last_line_waits_and_is_then_set_aside_and_mended_when_it_is_whole(
    shop: Shop,
) -> None:
    whole = line("2")
    path = shop.write("a.jsonl", line("1") + whole[:40])
    await shop.look(0)
    assert await shop.look(59_999)
    assert (await shop.count(), await shop.codes()) == (0, [])
    assert not await shop.look(1)
    assert (await shop.count(), await shop.codes()) == (1, ["json_invalid"])
    path.write_bytes(line("1") + whole)
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])
    rows = await shop.writer.do(lambda c: c.execute("SELECT state, raw FROM quarantine").fetchall())
    assert rows == [("mended", b"")]


async def test_a_csv_receipt_that_was_cut_is_mended_when_all_its_rows_have_come(shop: Shop) -> None:
    path = shop.write("a.csv", HEADER + csv_row("1") + csv_row("2", "1")[:50])
    await shop.look(0)
    await shop.look(60_000)
    assert (await shop.count(), await shop.codes()) == (1, ["row_cut"])
    path.write_text(HEADER + csv_row("1") + csv_row("2", "1") + csv_row("2", "2"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])


async def test_bad_rows_are_set_aside_with_the_reason_while_the_good_ones_go_on(shop: Shop) -> None:
    shop.write("a.jsonl", line("1") + b"nonsense\n" + line("2", net_minor=-1) + line("3"))
    await shop.settle()
    assert await shop.count() == 2
    rows = await shop.refused()
    assert [(r.source, r.place, r.code) for r in rows] == [
        ("a.jsonl", "line 2", "json_invalid"),
        ("a.jsonl", "line 3", "amount_impossible"),
    ]
    assert rows[0].raw == b"nonsense"


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
async def test_a_return_of_less_than_nothing_is_set_aside(shop: Shop, kind: str) -> None:
    back = returned(lines=[{"number": 1, "net_minor": 1, "sku": "A1", "quantity": "-1"}])
    cells = csv_row("r1").replace("purchase,", "return,").replace(",1,1000,", ",-1,1000,")
    shop.write(f"a.{kind}", json.dumps(back).encode() + b"\n" if kind == "jsonl" else HEADER + cells)
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (0, ["amount_impossible"])
    assert "write how much came back without a minus" in (await shop.refused())[0].sentence


async def test_what_the_recorder_refuses_is_set_aside_without_a_gap_in_the_journal(shop: Shop) -> None:
    shop.write("a.jsonl", line("1") + line("1", net_minor=5) + line("2"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, ["receipt_conflict"])
    assert await shop.writer.do(verify) is None


async def test_the_same_bad_row_again_counts_up_instead_of_standing_twice(shop: Shop) -> None:
    path = shop.write("a.jsonl", b"nonsense\n")
    await shop.settle()
    path.write_bytes(b"nonsense\n" + line("1"))
    await shop.settle()
    assert [r.times for r in await shop.refused()] == [2]


async def test_a_refused_file_is_closed_when_a_good_one_takes_its_place(shop: Shop) -> None:
    path = shop.write("a.csv", "no,columns\n")
    await shop.settle()
    assert await shop.codes() == ["columns_missing"]
    path.write_text(HEADER + csv_row("1"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, [])


async def test_after_the_settings_are_put_right_a_start_mends_what_was_set_aside(
    make_shop: MakeShop,
) -> None:
    shop = await make_shop(csv=Csv(encoding="utf-8"))
    text = HEADER + csv_row("1").replace("A1", "골프공") + csv_row("2")
    shop.write("a.csv", text.encode("cp949"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, ["encoding_wrong"])
    assert shop.config.folder is not None
    csv = Csv(encoding="cp949")
    shop.start_again(msgspec.structs.replace(shop.config.folder, csv=csv))
    await shop.writer.do(files.forget_refused)
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])


async def test_with_a_full_quarantine_good_rows_go_on_and_the_bad_ones_wait_in_their_file(
    make_shop: MakeShop,
) -> None:
    shop = await make_shop(quarantine_rows_max=1)
    shop.write("a.jsonl", b"bad\n" + line("1"))
    shop.write("b.jsonl", b"worse\n" + line("2"))
    for _ in range(3):
        await shop.look()
    assert (await shop.count(), len(await shop.refused())) == (2, 1)
    (row,) = await shop.refused()
    await shop.writer.do(lambda conn: quarantine.settle(conn, row.quarantine_id, "discarded", "a test"))
    await shop.settle()
    assert [r.raw for r in await shop.refused()] == [b"worse"]
    assert await shop.count() == 2


async def test_a_full_quarantine_still_counts_what_stands_in_it_already(make_shop: MakeShop) -> None:
    shop = await make_shop(quarantine_rows_max=1)
    path = shop.write("a.jsonl", b"bad\n")
    await shop.settle()
    path.write_bytes(b"bad\n" + line("1"))
    for _ in range(3):
        await shop.look()
    assert (await shop.count(), [r.times for r in await shop.refused()]) == (1, [2])


async def test_what_was_mended_and_comes_in_bad_again_is_open_again(shop: Shop) -> None:
    path = shop.write("a.jsonl", b"nonsense\n")
    await shop.settle()
    path.write_bytes(line("1"))
    await shop.settle()
    assert await shop.codes() == []
    path.write_bytes(b"nonsense\n" + line("1"))
    await shop.settle()
    assert await shop.codes() == ["json_invalid"]


async def test_a_file_that_is_too_large_is_refused_unread(make_shop: MakeShop) -> None:
    shop = await make_shop(file_bytes_max=100)
    shop.write("a.jsonl", line("1") * 2)
    shop.write("b.jsonl", b" " * 99 + b"\n")
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (0, ["file_too_large"])


@pytest.mark.parametrize("place", ["sale", "file"])
async def test_a_row_does_not_mend_another_that_is_refused_at_its_place(
    shop: Shop, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = json_lines.rows

    def at_one_place(file: BinaryIO, here: Here) -> Iterator[Row]:
        return (msgspec.structs.replace(row, place=place) for row in rows(file, here))

    monkeypatch.setattr(json_lines, "rows", at_one_place)
    shop.write("a.jsonl", b"bad\n" + line("1"))
    for _ in range(2):
        await shop.settle()
        assert [row.raw for row in await shop.refused()] == [b"bad"]
        shop.start_again()
    shop.write("a.jsonl", line("2") + line("1"))
    await shop.settle()
    assert (await shop.count(), await shop.refused()) == (2, [])


@pytest.mark.parametrize("error", [ZeroDivisionError(), BadInput("no more can be read", code="so_it_is")])
async def test_what_comes_before_the_place_where_reading_fails_is_recorded(
    shop: Shop, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = json_lines.rows

    def failing(file: BinaryIO, here: Here) -> Iterator[Row]:
        yield from islice(rows(file, here), 2)
        raise error

    monkeypatch.setattr(json_lines, "rows", failing)
    shop.write("a.jsonl", line("1") + line("2") + line("3"))
    await shop.settle()
    assert (await shop.count(), len(await shop.codes())) == (2, 1)
    monkeypatch.undo()
    shop.start_again()
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (3, [])
