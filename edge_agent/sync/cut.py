"""Which records go into the next batch. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from loyalty_core.messages import BATCH_BYTES_MAX

_OVERHEAD = 8
"""The most that the array around the records adds to each, in bytes."""


def cut(records: Sequence[bytes], bytes_max: int = BATCH_BYTES_MAX) -> Sequence[bytes]:
    """Return the longest beginning of the run that fits a batch; at least one record, so none is stuck."""
    size = _OVERHEAD
    if size + sum(map(len, records)) + _OVERHEAD * len(records) <= bytes_max:
        return records
    for count, record in enumerate(records):
        size += len(record) + _OVERHEAD
        if size > bytes_max and count:
            return records[:count]
    return records
