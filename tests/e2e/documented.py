"""The commands of docs/operations.md, so that what it says is what a test runs."""

from __future__ import annotations

import re

from tests.house_sources import ROOT


def commands(heading: str, part: int = 0) -> str:
    """Return one block of commands below a heading of docs/operations.md, comments and all."""
    text = (ROOT / "docs/operations.md").read_text("utf-8")
    found = re.search(rf"(?ms)^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", text)
    assert found, f"docs/operations.md has no heading {heading}"
    blocks = re.findall(r"(?m)(?:^    \S.*\n)+", found[1])
    return "".join(line.strip() + "\n" for line in blocks[part].splitlines())
