"""What real tills' software has printed reaches the printer as it is, and is one copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.printer.room import Room
from tests.house_sources import ROOT

SAMPLES = sorted((ROOT.parent / "shared/data/escpos").glob("*.bin"))
PRIME = 1021


@pytest.mark.skipif(not SAMPLES, reason="the samples beside the project are not here")
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda path: path.stem)
def test_a_real_stream_is_passed_and_copied_whole(room: Room, sample: Path) -> None:
    data, found = sample.read_bytes(), b""
    till, printer = room.pair()
    for start in range(0, len(data), PRIME):
        till.send(data[start : start + PRIME])
        found += room.read(printer, len(data[start : start + PRIME]))
    till.close()
    assert room.end_of(printer) == (b"", "closed")
    printer.close()
    room.until(lambda: room.relay.tally.connections_open == 0)
    assert found == data
    assert list(room.copies().values()) == [data]
