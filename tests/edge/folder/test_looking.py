"""Which files of the watched folder are looked at, and how one harms no other."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from edge_agent.pos_adapter import folder, json_lines
from edge_agent.pos_adapter.rows import Here, Row
from tests.edge.folder.shop import HEADER, MakeShop, Shop, csv_row, line
from tests.edge.made import until


async def test_only_regular_files_of_known_endings_are_looked_at(shop: Shop, tmp_path: Path) -> None:
    outside = tmp_path / "secret.jsonl"
    outside.write_bytes(line("9"))
    (shop.path / "link.jsonl").symlink_to(outside)
    (shop.path / "dir.jsonl").mkdir()
    os.mkfifo(shop.path / "pipe.jsonl")
    for name in (".hidden.jsonl", "~a.jsonl", "a.jsonl.tmp", "a.txt", "jsonl"):
        shop.write(name, line("8"))
    shop.write("A.JSONL", line("1"))
    await shop.settle()
    assert await shop.count() == 1
    (link,) = await shop.refused()
    assert (link.source, link.code) == ("link.jsonl", "file_is_link")


@pytest.mark.parametrize("kind", ["link", "pipe"])
async def test_a_file_that_becomes_something_else_while_it_is_looked_at_is_not_followed(
    shop: Shop, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tmp_path / "secret.jsonl"
    outside.write_bytes(line("9"))
    path = shop.write("a.jsonl", line("1"))
    await shop.look(0)
    found = shop.folder._look()
    path.unlink()
    if kind == "link":
        path.symlink_to(outside)
    else:
        os.mkfifo(path)
    monkeypatch.setattr(shop.folder, "_look", lambda: found)
    async with asyncio.timeout(10):
        await shop.look()
    assert await shop.count() == 0


async def test_files_that_were_taken_leave_room_for_new_ones(make_shop: MakeShop) -> None:
    shop = await make_shop(files_max=3)
    for n in range(12):
        shop.write(f"{n}.jsonl", line(str(n)))
    for _ in range(10):
        await shop.look()
    assert await shop.count() == 12


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
async def test_files_that_tell_their_encoding_are_read_in_it(shop: Shop, name: str, encoding: str) -> None:
    text = HEADER + csv_row("1") if name.endswith("csv") else line("1").decode()
    shop.write(name, text.encode(encoding))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, [])


async def test_a_file_whose_name_is_no_text_is_taken_like_any_other(shop: Shop) -> None:
    name = os.fsdecode("매출.jsonl".encode("cp949"))
    shop.write(name, b"bad\n" + line("1"))
    shop.write("z.jsonl", line("2"))
    await shop.settle()
    assert await shop.count() == 2
    assert [r.source for r in await shop.refused()] == [r"\udcb8\udcc5\udcc3\udce2.jsonl"]


async def test_a_file_of_which_a_share_tells_nothing_stands_in_no_others_way(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Entry:
        name, path = "a.jsonl", str(shop.path / "a.jsonl")

        def stat(self, *, follow_symlinks: bool) -> os.stat_result:
            raise OSError(errno.ESTALE, "Stale file handle")

    @contextmanager
    def with_a_stale_one(path: Path) -> Iterator[list[Any]]:
        yield [Entry(), *scandir(path)]

    scandir = os.scandir
    monkeypatch.setattr(os, "scandir", with_a_stale_one)
    shop.write("b.jsonl", line("1"))
    await shop.settle()
    assert await shop.count() == 1
    (failures,) = (one for one in shop.meters.families() if "failures" in one.name)
    assert failures.samples[0].value > 0


async def test_a_file_from_a_share_whose_clock_is_centuries_ahead_is_taken_once(shop: Shop) -> None:
    for name, ns in (("a.jsonl", 2**63 + 5), ("b.jsonl", -1)):
        path = shop.write(name, line(name[0]))
        os.utime(path, ns=(ns, ns))
    await shop.settle()
    await shop.settle()
    assert (await shop.count(), shop.nudged) == (2, 2)


async def test_a_file_that_breaks_the_reader_does_not_stop_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:

    rows = json_lines.rows

    def broken(file: BinaryIO, here: Here) -> Iterator[Row]:
        if file.read(7) == b"poison\n":
            raise ZeroDivisionError
        file.seek(0)
        return rows(file, here)

    monkeypatch.setattr(json_lines, "rows", broken)
    shop.write("a.jsonl", b"poison\n")
    shop.write("b.jsonl", line("1"))
    await shop.settle()
    assert (await shop.count(), await shop.codes()) == (1, ["file_unreadable"])


async def test_a_folder_that_goes_away_and_comes_back_is_looked_at_again(shop: Shop) -> None:
    shop.path.rmdir()
    assert not await shop.look()
    shop.path.mkdir()
    shop.write("a.jsonl", line("1"))
    await shop.settle()
    assert await shop.count() == 1


@pytest.mark.parametrize("events", [True, False])
async def test_running_it_takes_files_with_and_without_file_events(
    make_shop: MakeShop, monkeypatch: pytest.MonkeyPatch, events: bool
) -> None:
    shop = await make_shop(settle_ms=1, rescan_ms=3_600_000 if events else 10)
    if not events:
        monkeypatch.setattr(folder, "observer_of", lambda path, wake: None)
    task = asyncio.create_task(shop.folder.run())

    async def recorded() -> bool:
        shop.clock.go_on(1000)
        return await shop.count() == 1

    try:
        await until(lambda: not shop.folder.changed.is_set() and shop.folder._taken == {})
        part = shop.write("a.part", line("1"))
        part.rename(shop.path / "a.jsonl")
        await until(recorded)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
