"""How long to wait after failures. Pure."""

from __future__ import annotations

DOUBLINGS_MAX = 20


def delay_ms(failures: int, first_ms: int, max_ms: int, chance: float, after_ms: int = 0) -> int:
    """Return the wait after this many failures in a row (1 for the first): full jitter under a rising cap.

    `chance` is uniform in [0, 1). The jitter comes after the cap, so that a thousand tills that lost HQ
    together do not come back together; and on top of `after_ms`, for which HQ sent them away together.
    """
    cap_ms = min(max_ms, first_ms << min(failures - 1, DOUBLINGS_MAX))
    return after_ms + int(cap_ms * chance)
