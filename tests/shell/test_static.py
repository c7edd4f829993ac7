"""Files of pages have addresses that change with them, and nothing else is given out."""

from __future__ import annotations

from pathlib import Path

import pytest

from loyalty_shell.pages.static import Static


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.css").write_text("a{}", "utf-8")
    (tmp_path / "b.js").write_text("1", "utf-8")
    (tmp_path / "below").mkdir()
    return tmp_path


def test_a_file_is_kept_for_ever_at_an_address_of_its_content(folder: Path) -> None:
    static = Static("/static", [folder])
    before = static.address("a.css")
    found = static.file(before.removeprefix("/static/"))
    assert found is not None
    assert (found.body, found.headers["Content-Type"]) == (b"a{}", "text/css; charset=utf-8")
    assert "immutable" in found.headers["Cache-Control"]
    (folder / "a.css").write_text("a{color:red}", "utf-8")
    again = Static("/static", [folder])
    assert again.address("a.css") != before
    assert again.address("b.js") == static.address("b.js")
    assert again.file(before.removeprefix("/static/")) is None


@pytest.mark.parametrize("spelled", ["a.css", "../a.css", "0/a.css", "", "/etc/passwd", "below"])
def test_nothing_is_found_by_another_address(folder: Path, spelled: str) -> None:
    assert Static("/static", [folder]).file(spelled) is None


def test_a_module_has_the_type_that_browsers_want(folder: Path) -> None:
    static = Static("/static", [folder])
    found = static.file(static.address("b.js").removeprefix("/static/"))
    assert found is not None
    assert found.headers["Content-Type"] == "text/javascript; charset=utf-8"


def test_a_name_that_no_file_has_is_an_error(folder: Path) -> None:
    with pytest.raises(KeyError):
        Static("/static", [folder]).address("c.css")
