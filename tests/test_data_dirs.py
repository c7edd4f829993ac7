"""Data belongs to its owner, nobody else reads any, and what a disk kept is read from the disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.store.database import Connection
from edge_agent.store.migrations import open_database
from hq_server.store.database import create
from hq_server.store.sqlite.connection import Connection as HqConnection
from loyalty_core.errors import BadInput
from loyalty_shell.credentials import is_written, write_secret
from loyalty_shell.data_dir import check_user, is_read_only, read_anew

NOBODYS = 54_321
"""A user that no machine has."""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is not root's, as root sees it."""
    if os.geteuid() == 0:
        os.chown(tmp_path, NOBODYS, NOBODYS)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 0)
    return tmp_path


@pytest.fixture
def easy_going() -> Iterator[None]:
    """A person's shell, where files are for everyone."""
    before = os.umask(0o022)
    yield
    os.umask(before)


def test_root_is_told_whose_the_data_is(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"belongs to .*: run this as that user \(sudo -u ") as caught:
        check_user(folder)
    assert caught.value.code == "wrong_user"


def test_the_owner_may_work_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid)
    check_user(folder)


def test_what_is_not_there_yet_belongs_to_nobody(folder: Path) -> None:
    check_user(folder / "data")


@pytest.mark.usefixtures("easy_going")
@pytest.mark.parametrize("make", [open_database, create])
@pytest.mark.parametrize("name", ["data", "a b", "50%41", "what?mode=memory", "till#1"])
def test_a_new_database_is_where_it_should_be_and_for_its_owner_alone(
    tmp_path: Path, make: Callable[[Path], Connection | HqConnection], name: str
) -> None:
    (tmp_path / name).mkdir()
    connection = make(tmp_path / name / "made.db")
    files = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / name).iterdir()}
    connection.close()
    assert files["made.db"] == 0o600
    assert set(files.values()) == {0o600}


def test_a_secret_is_written_over_what_a_crash_left_of_another(tmp_path: Path) -> None:
    (tmp_path / "key.new").write_bytes(b"half")
    (tmp_path / "key.new").chmod(0o644)
    write_secret(tmp_path / "key", b"whole")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"key": b"whole"}
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_a_secret_is_written_where_a_crash_left_its_other_name(tmp_path: Path) -> None:
    """The crash came between link and unlink; then somebody took the secret away to have a new one."""
    write_secret(tmp_path / "key", b"old")
    (tmp_path / "key.new").hardlink_to(tmp_path / "key")
    (tmp_path / "key").rename(tmp_path / "aside")
    write_secret(tmp_path / "key", b"new")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"key": b"new", "aside": b"old"}


def test_a_secret_that_a_crash_left_under_two_names_has_one_once_it_is_used(tmp_path: Path) -> None:
    assert not is_written(tmp_path / "key")
    write_secret(tmp_path / "key", b"secret")
    (tmp_path / "key.new").hardlink_to(tmp_path / "key")
    assert is_written(tmp_path / "key")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == {"key": b"secret"}


def test_a_secret_follows_no_link_that_lies_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"")
    (tmp_path / "key.new").symlink_to(tmp_path / "victim")
    write_secret(tmp_path / "key", b"secret")
    assert (tmp_path / "victim").read_bytes() == b""
    assert not (tmp_path / "key").is_symlink()


def test_a_database_is_read_from_the_disk_and_not_from_what_the_kernel_still_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "x.db"
    read_anew(database)
    forgotten: list[tuple[str, int]] = []

    def forget(descriptor: int, start: int, length: int, advice: int) -> None:
        assert (start, length) == (0, 0), "all of it"
        forgotten.append((Path(f"/proc/self/fd/{descriptor}").readlink().name, advice))

    monkeypatch.setattr(os, "posix_fadvise", forget)
    for name in ("x.db", "x.db-wal", "x.db-shm"):
        (tmp_path / name).write_bytes(b"kept")
    read_anew(database)
    assert forgotten == [("x.db", os.POSIX_FADV_DONTNEED), ("x.db-wal", os.POSIX_FADV_DONTNEED)]


@pytest.mark.parametrize(("number", "answer"), [(errno.EROFS, True), (errno.ENOSPC, False)])
def test_a_disk_that_takes_no_writes_is_told_from_one_that_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, answer: bool
) -> None:
    assert not is_read_only(tmp_path)
    assert not list(tmp_path.iterdir())

    def refused(*_: object) -> int:
        raise OSError(number, "no")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        assert is_read_only(tmp_path) is answer
