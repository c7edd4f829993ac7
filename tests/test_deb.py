"""Which wheels a Debian package carries; tests/e2e/test_packages.py installs them."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from deb.wheels import CannotBuild, imported, needed, pinned_wheels
from tests.house_sources import ROOT

NAME = "dry-1.0-py3-none-any.whl"


def checkout(folder: Path, content: bytes) -> Path:
    """Return a checkout that pins one wheel of this content."""
    digest = hashlib.sha256(content).hexdigest()
    (folder / "constraints.txt").write_text(f"dry==1.0 \\\n    --hash=sha256:{digest}\n", "utf-8")
    return folder


def kept(folder: Path, content: bytes) -> Path:
    """Return a folder that has a wheel of this content from an earlier build."""
    (folder / "wheels").mkdir()
    (folder / "wheels" / NAME).write_bytes(content)
    return folder / "wheels"


def test_a_wheel_that_is_there_as_pinned_is_not_fetched_again(tmp_path: Path) -> None:
    folder = kept(tmp_path, b"pinned")
    found = pinned_wheels(checkout(tmp_path, b"pinned"), {"dry"}, folder)
    assert found == {"dry": folder / NAME}


def test_a_wheel_that_is_there_with_another_hash_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = kept(tmp_path, b"something else")
    asked = []
    monkeypatch.setattr("deb.wheels._download", lambda folder, pins: asked.extend(pins))
    assert pinned_wheels(checkout(tmp_path, b"pinned"), {"dry"}, folder) == {}
    assert [pin.split()[0] for pin in asked] == ["dry==1.0"]


def test_what_is_not_pinned_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CannotBuild, match="does not pin wet: run"):
        pinned_wheels(checkout(tmp_path, b"pinned"), {"dry", "wet"}, tmp_path)


@pytest.mark.parametrize("program", ["edge_agent", "hq_server"])
def test_a_package_has_whatever_its_program_imports(program: str) -> None:
    asked = imported(ROOT / program) | imported(ROOT / "loyalty_core") | imported(ROOT / "loyalty_shell")
    assert asked - needed(ROOT, program) <= {"dangol"}
