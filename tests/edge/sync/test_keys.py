"""The till's secrets: files that only their owner reads, or what systemd hands over in their place."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge_agent.sync import keys
from loyalty_core.errors import BadInput

KEY = bytes(range(32))


def test_secrets_are_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    key = keys.make_private_key(tmp_path)
    token = keys.make_token(tmp_path)
    assert keys.private_key(tmp_path) == key
    assert keys.token(tmp_path) == token.read_text("ascii").strip()
    assert {stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()} == {0o600}


def test_a_credential_is_read_in_place_of_the_file(tmp_path: Path, handed: Path) -> None:
    keys.make_private_key(tmp_path)
    keys.make_token(tmp_path)
    (handed / "dangol-edge.key").write_bytes(KEY)
    (handed / "dangol-edge.http-token").write_text("of the shop\n", "ascii")
    assert keys.private_key(tmp_path) == KEY
    assert keys.token(tmp_path) == "of the shop"


def test_the_files_may_be_gone_once_there_are_credentials(tmp_path: Path, handed: Path) -> None:
    (handed / "dangol-edge.key").write_bytes(KEY)
    (handed / "dangol-edge.http-token").write_text("of the shop\n", "ascii")
    assert keys.private_key(tmp_path / "none") == KEY
    assert keys.token(tmp_path / "none") == "of the shop"


def test_without_a_credential_the_file_is_read(tmp_path: Path, handed: Path) -> None:
    key = keys.make_private_key(tmp_path)
    assert keys.private_key(tmp_path) == key


def test_a_credential_that_is_no_key_is_named(tmp_path: Path, handed: Path) -> None:
    keys.make_private_key(tmp_path)
    (handed / "dangol-edge.key").write_bytes(KEY[:31])
    with pytest.raises(BadInput, match=r"credentials/dangol-edge\.key cannot be read") as caught:
        keys.private_key(tmp_path)
    assert caught.value.code == "key_missing"
