"""What one more event costs."""

from __future__ import annotations

from typing import NamedTuple


class Cost(NamedTuple):
    """Microseconds an event: by the clock, and of a processor."""

    clock: float
    cpu: float
