"""Printers for the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.edge.printer.room import Room


@pytest.fixture
def make_room(tmp_path: Path) -> Iterator[Callable[..., Room]]:
    """Return what makes a till with its printer; all end with the test."""
    rooms: list[Room] = []

    def make(**settings: object) -> Room:
        rooms.append(Room(tmp_path, **settings))  # type: ignore[arg-type]
        return rooms[-1]

    yield make
    for room in rooms:
        room.close()


@pytest.fixture
def room(make_room: Callable[..., Room]) -> Room:
    """Return a till with its printer."""
    return make_room()
