"""What both programs have alike, since neither may import the other and core knows nothing of such things."""

from __future__ import annotations

import pytest

from tests.house_sources import ROOT


@pytest.mark.parametrize("module", ["exposition", "logs", "notify", "process"])
def test_both_programs_have_the_same_module(module: str) -> None:
    till, headquarters = (
        (ROOT / package / f"{module}.py").read_text("utf-8").replace(package, "ours")
        for package in ("edge_agent", "hq_server")
    )
    assert till == headquarters
