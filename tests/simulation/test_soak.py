"""`make soak` runs."""

from __future__ import annotations

import pytest

from tests.simulation.__main__ import main


def test_a_short_soak_runs_through(capsys: pytest.CaptureFixture[str]) -> None:
    main(["1", "3", "5"])
    assert capsys.readouterr().out == "10 worlds through the folds\n1 chains of 3 steps from seed 5\n"
