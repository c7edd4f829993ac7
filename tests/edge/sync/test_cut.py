"""Which records go into the next batch."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.sync.cut import cut
from loyalty_core.messages import BATCH_BYTES_MAX, pack_records, unpack_records
from loyalty_core.wire import pack

RECORDS = st.lists(st.binary(min_size=1, max_size=400), min_size=1, max_size=40)


@given(RECORDS, st.integers(1, 4000))
def test_a_batch_is_a_beginning_of_the_run_that_fits_and_never_nothing(
    records: list[bytes], most: int
) -> None:
    batch = cut(records, most)
    assert 1 <= len(batch) <= len(records)
    assert list(batch) == records[: len(batch)]
    if len(batch) > 1:
        assert len(pack([list(batch)])) <= most
    if len(batch) < len(records):
        assert sum(map(len, records[: len(batch) + 1])) + 8 * (len(batch) + 2) > most


def test_what_is_cut_can_be_read_at_headquarters() -> None:
    records = [b"\x01" * 640 * 1024] * 20
    batch = cut(records)
    assert len(batch) == 6
    assert BATCH_BYTES_MAX < 640 * 1024 * 7
    assert unpack_records(pack_records(batch)) == tuple(batch)


def test_nothing_to_send_is_nothing() -> None:
    assert list(cut([])) == []
