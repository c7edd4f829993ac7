"""docs/security.md claims nothing without a test: each row and point names some, and each of them exists."""

from __future__ import annotations

import re

from tests.house_sources import ROOT

SECURITY = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = re.compile(r"`(tests/[\w/.]+|test_\w+(?:\.py)?)`")
FILES = [*(ROOT / "tests").rglob("test_*.py")]
TESTS = {
    name
    for path in FILES
    for name in re.findall(r"(?m)^(?:async )?def (test_\w+)\(", path.read_text("utf-8"))
}


def claims(text: str) -> list[str]:
    """Return the rows of tables, without their heads, and the points of lists."""
    rows = re.findall(r"(?m)^\|(?!---).*\|$(?!\n\|---)", text)
    return rows + re.findall(r"(?m)^- .*(?:\n  .*)*", text)


def missing(name: str) -> bool:
    """Tell whether there is no such test, or no such file or folder of tests."""
    if name.startswith("tests/"):
        return not (ROOT / name).exists()
    if name.endswith(".py"):
        return name not in {path.name for path in FILES}
    return name not in TESTS


def test_every_claim_of_security_names_a_test() -> None:
    found = claims(SECURITY)
    assert len(found) > 50
    assert [claim[:80] for claim in found if not NAMED.search(claim)] == []


def test_every_test_that_security_names_exists() -> None:
    assert [name for name in NAMED.findall(SECURITY) if missing(name)] == []


def test_a_claim_without_a_test_and_a_test_that_is_none_are_found() -> None:
    table = "| a | b |\n|---|---|\n| x | `test_units` |\n| y | z |\n"
    assert claims(table + "\n- one\n  two\n- three\n") == [
        "| x | `test_units` |",
        "| y | z |",
        "- one\n  two",
        "- three",
    ]
    assert missing("test_that_was_never_written")
    assert missing("tests/hq/test_nothing.py")
    assert not missing("test_every_test_that_security_names_exists")
