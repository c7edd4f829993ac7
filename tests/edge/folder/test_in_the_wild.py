"""What a folder that others write to does to who reads it: each receipt is taken once all the same."""

from __future__ import annotations

import asyncio
import io
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from edge_agent.pos_adapter import csv_rows, folder, folder_files, intake, json_lines
from edge_agent.pos_adapter.rows import Here, Row
from edge_agent.store.database import StoreError
from tests.edge.folder.shop import MakeShop, Shop, line


def opening(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    """Let no file be opened."""

    def refused(*_: Any) -> BinaryIO:
        raise error

    monkeypatch.setattr(folder_files, "open_to_read", refused)


async def test_a_file_that_may_not_be_read_is_told_once_and_taken_when_it_may(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    opening(monkeypatch, PermissionError(13, "Permission denied"))
    shop.write("a.jsonl", line("1"))
    for _ in range(4):
        await shop.look()
    (told,) = await shop.refused()
    assert (told.source, told.code, told.times) == ("a.jsonl", "file_unreadable", 1)
    assert "Permission denied" in told.sentence
    monkeypatch.undo()
    await shop.look()
    assert (await shop.count(), await shop.codes()) == (1, [])


async def test_a_file_that_vanishes_before_it_is_opened_is_no_trouble(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = shop.write("a.jsonl", line("1"))
    shop.write("b.jsonl", line("2"))
    await shop.look(0)
    found = shop.folder._look()
    path.unlink()
    monkeypatch.setattr(shop.folder, "_look", lambda: found)
    await shop.look()
    assert (await shop.count(), await shop.codes()) == (1, [])


async def test_a_file_that_changes_while_it_is_read_is_read_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, rows = shop.write("a.jsonl", line("1")), json_lines.rows

    def growing(file: BinaryIO, here: Here) -> Iterator[Row]:
        yield from rows(file, here)
        monkeypatch.undo()
        path.write_bytes(line("1") + line("2"))

    monkeypatch.setattr(json_lines, "rows", growing)
    await shop.look(0)
    assert await shop.look(), "it is looked at again"
    await shop.settle()
    assert await shop.count() == 2


async def test_half_a_row_that_is_added_while_a_file_is_read_is_not_read_before_it_is_whole(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    header, when = "kind,store,till,number,occurred_at,net_minor\n", "2026-11-20T10:31:00+09:00"
    one, two = (f"purchase,S012,T03,{number},{when},12990\n" for number in "12")
    path, rows = shop.write("a.csv", header + one), csv_rows.rows

    def growing(*args: Any, **named: Any) -> Iterator[Row]:
        path.write_text(header + one + two[:-4])
        return rows(*args, **named)

    monkeypatch.setattr(csv_rows, "rows", growing)
    await shop.look(0)
    await shop.look()
    monkeypatch.undo()
    assert await shop.count() == 1
    path.write_text(header + one + two)
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (2, [])


def test_a_settled_file_ends_where_it_ended_however_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"0123456789")
    lying = folder_files.Lying(path, folder_files.State(10, path.stat().st_mtime_ns % 2**63))
    with folder_files.open_to_read("a.jsonl", lying, 100) as file:
        with path.open("ab") as writer:
            writer.write(b"more")
        assert (file.read(), file.read(1), file.seek(0, io.SEEK_END)) == (b"0123456789", b"", 10)
        assert (file.seek(-3, io.SEEK_END), file.read(100), file.readline()) == (7, b"789", b"")
        assert (file.seek(12), file.read(2), file.read()) == (12, b"", b"")


async def test_a_share_that_fails_in_the_middle_of_a_file_gives_the_rest_later(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = json_lines.rows

    def failing(file: BinaryIO, here: Here) -> Iterator[Row]:
        for number, row in enumerate(rows(file, here)):
            if number == 3:
                raise OSError(5, "Input/output error")
            yield row

    monkeypatch.setattr(json_lines, "rows", failing)
    shop.write("a.jsonl", b"".join(line(str(number)) for number in range(6)))
    await shop.look(0)
    await shop.look()
    assert (await shop.count(), await shop.codes()) == (3, ["file_unreadable"])
    monkeypatch.undo()
    await shop.look()
    assert (await shop.count(), await shop.codes()) == (6, [])


async def test_a_renamed_file_and_a_copy_of_it_bring_nothing_new(shop: Shop) -> None:
    path = shop.write("a.jsonl", line("1") + line("2"))
    await shop.settle()
    path.rename(shop.path / "b.jsonl")
    shop.write("c.jsonl", (shop.path / "b.jsonl").read_bytes())
    await shop.settle()
    assert await shop.count() == 2


async def test_a_full_disk_in_the_middle_of_a_file_costs_nothing_and_doubles_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, room = intake.take, 5

    def full(*args: Any, **named: Any) -> Any:
        nonlocal room
        taken = take(*args, **named)
        room -= 1
        if room <= 0:
            raise StoreError("the disk is full", code="disk_full")
        return taken

    monkeypatch.setattr(intake, "take", full)
    monkeypatch.setattr(intake, "BUDGET_MS", -1)  # one receipt a job
    shop.write("a.jsonl", b"".join(line(str(number)) for number in range(9)))
    await shop.look(0)
    assert await shop.look()
    assert await shop.count() == 4
    monkeypatch.undo()
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (9, [])


@pytest.mark.parametrize("after", ["keep", "move", "delete"])
async def test_thousands_of_files_at_once_are_taken_each_once(make_shop: MakeShop, after: str) -> None:
    shop = await make_shop(after=after, files_max=150)
    for number in range(400):
        shop.write(f"{number}.jsonl", line(str(number)))
    await shop.settle()
    assert (await shop.count(), shop.nudged) == (400, 400)


async def test_files_that_come_while_a_look_is_under_way_are_taken_by_the_rescan(
    make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    # What a queue of events that overflowed, or a share without events, leaves to be done.
    shop = await make_shop(settle_ms=1, rescan_ms=1)
    monkeypatch.setattr(folder, "observer_of", lambda path, wake: None)
    wanted, done = 40, asyncio.Event()
    drawn = random.Random(8)

    def write(number: int) -> None:
        part = shop.path / f"{number}.part"
        part.write_bytes(line(str(number)) + line(str(number - 1)))
        part.rename(shop.path / f"{drawn.choice('abc')}{number}.jsonl")

    async def till() -> None:
        for number in range(1, wanted):
            await asyncio.to_thread(write, number)
        done.set()

    task, writing = asyncio.create_task(shop.folder.run()), asyncio.create_task(till())
    try:
        async with asyncio.timeout(30):
            while not done.is_set() or await shop.count() < wanted:
                shop.clock.go_on(1)
                await asyncio.sleep(0)
    finally:
        task.cancel()
        await asyncio.gather(task, writing, return_exceptions=True)
    assert (await shop.count(), await shop.codes()) == (wanted, [])
