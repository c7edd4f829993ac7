"""What becomes of a file when its receipts are durable: it stays, or is moved or deleted; nothing is lost."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.pos_adapter import folder as watched
from edge_agent.pos_adapter import folder_files
from edge_agent.store import files
from tests.edge.folder.shop import MakeShop, Shop, line


def names(shop: Shop, below: str = ".") -> list[str]:
    """Return the files of the folder, or of one below it."""
    folder = shop.path / below
    return sorted(path.name for path in folder.iterdir() if path.is_file()) if folder.exists() else []


async def known(shop: Shop) -> list[str]:
    """Return the files of which the store has a note."""
    return sorted(await shop.writer.do(files.fingerprints))


@pytest.mark.parametrize(
    ("after", "left", "done"),
    [("keep", ["a.jsonl"], []), ("move", [], ["a.jsonl"]), ("delete", [], [])],
)
async def test_what_was_taken_is_kept_moved_or_deleted(
    make_shop: MakeShop, after: str, left: list[str], done: list[str]
) -> None:
    shop = await make_shop(after=after)
    shop.write("a.jsonl", line("1"))
    await shop.settle()
    assert (names(shop), names(shop, "done")) == (left, done)
    assert (await shop.count(), await known(shop)) == (1, left)


async def test_a_name_that_is_used_again_does_not_cover_what_was_moved(make_shop: MakeShop) -> None:
    shop = await make_shop(after="move")
    for number in ("1", "2", "3"):
        shop.write("a.jsonl", line(number))
        await shop.settle()
    assert names(shop, "done") == ["a-1.jsonl", "a-2.jsonl", "a.jsonl"]
    assert await shop.count() == 3


@pytest.mark.parametrize("after", ["move", "delete"])
async def test_a_crash_after_the_note_leaves_a_file_that_is_put_away_at_the_next_start(
    make_shop: MakeShop, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await make_shop(after=after)

    def cut(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watched, "put_away", cut)
    shop.write("a.jsonl", line("1"))
    await shop.look(0)
    with pytest.raises(KeyboardInterrupt):
        await shop.look()
    assert (names(shop), await known(shop)) == (["a.jsonl"], ["a.jsonl"])
    monkeypatch.undo()
    shop.start_again()
    shop.folder._taken = await shop.writer.do(files.fingerprints)
    await shop.look()
    assert (names(shop), await known(shop), await shop.count()) == ([], [], 1)


@pytest.mark.parametrize("after", ["move", "delete"])
async def test_a_file_that_grew_since_it_was_read_is_taken_before_it_goes(
    make_shop: MakeShop, after: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = await make_shop(after=after)
    path, put_away = shop.write("a.jsonl", line("1")), folder_files.put_away

    def late(*args: Any) -> None:
        monkeypatch.undo()
        path.write_bytes(line("1") + line("2"))
        put_away(*args)

    monkeypatch.setattr(watched, "put_away", late)
    await shop.look(0)
    await shop.look()
    assert names(shop) == ["a.jsonl"]
    await shop.settle()
    assert (names(shop), await shop.count()) == ([], 2)


@pytest.mark.parametrize("after", ["move", "delete"])
async def test_a_file_of_which_nothing_could_be_read_stays(make_shop: MakeShop, after: str) -> None:
    shop = await make_shop(after=after)
    shop.write("a.csv", "no,columns\n")
    await shop.settle()
    await shop.settle()
    assert (names(shop), await shop.codes()) == (["a.csv"], ["columns_missing"])


async def test_a_file_with_an_input_too_long_to_be_set_aside_stays(make_shop: MakeShop) -> None:
    shop = await make_shop(after="delete", raw_bytes_max=50)
    shop.write("a.jsonl", line("1") + b'{"kind": "' + b"x" * 50 + b'"}\n')
    shop.write("b.jsonl", line("2") + b'{"kind": "x"}\n')
    await shop.settle()
    await shop.settle()
    assert (names(shop), await shop.count()) == (["a.jsonl"], 2)
    assert len(await shop.refused()) == 2


async def test_a_file_for_which_the_quarantine_has_no_room_stays(make_shop: MakeShop) -> None:
    shop = await make_shop(after="delete", quarantine_rows_max=1)
    shop.write("a.jsonl", b"bad\nworse\n")
    for _ in range(3):
        await shop.look()
    assert names(shop) == ["a.jsonl"]


async def test_a_file_that_cannot_be_moved_is_taken_once_and_tried_again(make_shop: MakeShop) -> None:
    shop = await make_shop(after="move")
    (shop.path / "done").write_text("in the way")
    shop.write("a.jsonl", line("1"))
    await shop.settle()
    await shop.settle()
    assert (names(shop), await shop.count(), shop.nudged) == (["a.jsonl", "done"], 1, 1)
    (shop.path / "done").unlink()
    await shop.look()
    assert (names(shop), names(shop, "done"), await shop.count()) == ([], ["a.jsonl"], 1)


async def test_what_was_taken_is_moved_below_folders_that_are_not_there_yet(make_shop: MakeShop) -> None:
    shop = await make_shop(after="move", done=Path("taken/files"))
    shop.write("a.jsonl", line("1"))
    await shop.settle()
    assert (names(shop), names(shop, "taken/files")) == ([], ["a.jsonl"])
