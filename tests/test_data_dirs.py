"""Data belongs to its owner: root leaves no file of its own among it, and nobody else reads any."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.store.database import Connection
from edge_agent.store.migrations import open_database
from hq_server.store.connection import Connection as HqConnection
from hq_server.store.database import create
from loyalty_core.errors import BadInput
from loyalty_shell.credentials import write_secret
from loyalty_shell.data_dir import check_user

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


def test_a_secret_follows_no_link_that_lies_in_its_way(tmp_path: Path) -> None:
    (tmp_path / "victim").write_bytes(b"")
    (tmp_path / "key.new").symlink_to(tmp_path / "victim")
    write_secret(tmp_path / "key", b"secret")
    assert (tmp_path / "victim").read_bytes() == b""
    assert not (tmp_path / "key").is_symlink()
