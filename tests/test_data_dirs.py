"""Root leaves no file of its own in data that another user owns: both programs say whose it is."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from loyalty_core.errors import BadInput
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


def test_root_is_told_whose_the_data_is(folder: Path) -> None:
    with pytest.raises(BadInput, match=r"belongs to .*: run this as that user \(sudo -u ") as caught:
        check_user(folder)
    assert caught.value.code == "wrong_user"


def test_the_owner_may_work_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: folder.stat().st_uid)
    check_user(folder)


def test_what_is_not_there_yet_belongs_to_nobody(folder: Path) -> None:
    check_user(folder / "data")
