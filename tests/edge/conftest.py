"""Tills for the tests of the agent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.edge.made import Till

MakeTill = Callable[..., Till]


@pytest.fixture
def make_till(tmp_path: Path) -> Iterator[MakeTill]:
    """Return what makes a till; each is closed at the end."""
    tills: list[Till] = []

    def make(*envelopes: bytes, **config: object) -> Till:
        folder = tmp_path / f"till{len(tills)}"
        folder.mkdir()
        tills.append(Till(folder, *envelopes, **config))  # type: ignore[arg-type]
        return tills[-1]

    yield make
    for till in tills:
        till.close()


@pytest.fixture
def till(make_till: MakeTill) -> Till:
    """Return a till."""
    return make_till()
