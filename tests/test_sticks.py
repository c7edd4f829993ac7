"""A folder that anybody may have written to: what lies there does no harm, and what is written is whole."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from loyalty_shell import stick
from loyalty_shell.stick import StickError, check_folder, find_files, read_file, write_file

ENDING = ".to-hq"


def code(what: Callable[[], object]) -> str:
    with pytest.raises(StickError) as refused:
        what()
    return refused.value.code


def test_files_are_found_by_their_ending_in_capitals_too(tmp_path: Path) -> None:
    for name in ("b.to-hq", "A.TO-HQ", "c.to-till", "photo.jpg", "d.to-hq.part"):
        (tmp_path / name).write_bytes(b"x")
    assert find_files(tmp_path, ENDING) == ["A.TO-HQ", "b.to-hq"]


def test_a_folder_with_nothing_for_here_says_so(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"x")
    assert code(lambda: find_files(tmp_path, ENDING)) == "nothing_to_import"


@pytest.mark.parametrize("place", ["none", "file"])
def test_what_is_no_folder_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_bytes(b"x")
    assert code(lambda: find_files(tmp_path / place, ENDING)) == "folder_unreadable"
    assert code(lambda: check_folder(tmp_path / place)) == "folder_unreadable"


@pytest.mark.parametrize(("bound", "name"), [("FILES_MAX", "{}.to-hq"), ("NAMES_MAX", "{}.jpg")])
def test_a_folder_with_too_much_is_refused_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bound: str, name: str
) -> None:
    monkeypatch.setattr(stick, bound, 3)
    for number in range(4):
        (tmp_path / name.format(number)).write_bytes(b"x")
    assert code(lambda: find_files(tmp_path, ENDING)) == "folder_too_full"


def test_exactly_as_many_files_as_may_be_are_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stick, "FILES_MAX", 3)
    for number in range(3):
        (tmp_path / f"{number}.to-hq").write_bytes(b"x")
    assert len(find_files(tmp_path, ENDING)) == 3


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"x")
    (tmp_path / "link.to-hq").symlink_to(tmp_path / "real")
    (tmp_path / "folder.to-hq").mkdir()
    os.mkfifo(tmp_path / "pipe.to-hq")
    for name in find_files(tmp_path, ENDING):
        assert code(lambda name=name: read_file(tmp_path, name, 10)) == "file_not_regular"  # type: ignore[misc]


@pytest.mark.parametrize("what", ["link", "pipe", "folder"])
def test_a_file_that_becomes_another_thing_while_it_is_looked_at_is_neither_followed_nor_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    (tmp_path / "real").write_bytes(b"x")
    looked_at = (tmp_path / "real").lstat()
    if what == "link":
        (tmp_path / "a").symlink_to(tmp_path / "real")
    elif what == "pipe":
        os.mkfifo(tmp_path / "a")
    else:
        (tmp_path / "a").mkdir()
    monkeypatch.setattr(Path, "lstat", lambda _: looked_at)
    assert code(lambda: read_file(tmp_path, "a", 10)) in {"file_not_regular", "file_unreadable"}


def test_a_file_may_be_as_large_as_allowed_and_no_larger(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 10)
    assert read_file(tmp_path, "a", 10) == b"x" * 10
    assert code(lambda: read_file(tmp_path, "a", 9)) == "file_too_large"
    os.truncate(tmp_path / "a", 10**12)
    assert code(lambda: read_file(tmp_path, "a", 10)) == "file_too_large"


def test_a_file_that_cannot_be_read_is_one_thing_and_a_stick_that_is_gone_another(tmp_path: Path) -> None:
    assert code(lambda: read_file(tmp_path, "a", 10)) == "file_unreadable"
    assert code(lambda: read_file(tmp_path / "gone", "a", 10)) == "stick_gone"


def test_what_is_written_stands_in_place_of_what_was_there(tmp_path: Path) -> None:
    write_file(tmp_path, "a", b"one")
    (tmp_path / "a.part").write_bytes(b"left of one that was cut off")
    write_file(tmp_path, "a", b"two")
    assert (tmp_path / "a").read_bytes() == b"two"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("step", ["os.fsync", "pathlib.Path.replace"])
def test_a_stick_that_fails_keeps_what_was_there_and_nothing_half(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    write_file(tmp_path, "a", b"one")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(step, fail)
    with pytest.raises(OSError, match="No space left") as failed:
        write_file(tmp_path, "a", b"two")
    assert failed.value.filename == str(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b"one"
    assert [file.name for file in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(("number", "counts"), [(errno.EINVAL, False), (errno.EIO, True)])
def test_a_stick_whose_folders_know_no_fsync_will_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, counts: bool
) -> None:
    def fail(_: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(stick, "make_durable", fail)
    if counts:
        with pytest.raises(OSError):  # noqa: PT011 - any other error of the folder
            write_file(tmp_path, "a", b"one")
    else:
        write_file(tmp_path, "a", b"one")
    assert (tmp_path / "a").read_bytes() == b"one"
