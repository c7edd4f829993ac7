"""`make soak` runs."""

from __future__ import annotations

import pytest

from tests.simulation.__main__ import main


def test_a_short_soak_runs_through(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The files of nonsense are run by themselves as well: here they are only found, and their verdict heard.
    fed: list[list[str]] = []

    def run(arguments: list[str]) -> int:
        fed.append(arguments)
        return len(fed) - 1

    monkeypatch.setattr(pytest, "main", run)
    main(["1", "3", "5"])
    files = [argument for argument in fed[0] if argument.endswith("_fuzz.py")]
    assert len(files) > 2
    assert "--hypothesis-profile=soak" in fed[0]
    told = f"10 worlds through the folds\nmuch nonsense by {len(files)} files of tests\n"
    assert capsys.readouterr().out == told + "1 chains of 3 steps from seed 5\n"
    with pytest.raises(SystemExit):
        main(["1", "3", "5"])
