"""How much of headquarters one till may have a minute: requests, bytes, seconds of the one writer.

And one request at a time, so that of all others that wait each has its turn before it has another.

Only a request whose signature holds counts, so nobody uses up what is another's. Of a request that is too
much nothing is taken and nothing is lost: the till brings it again. Each server keeps its own count.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from hq_server.accept import Terminal
from hq_server.config import Limits
from loyalty_core.errors import LoyaltyError

MINUTE_S: Final = 60
BUSY_S: Final = 2
"""How long a till waits that asks while a request of its own is still worked on."""
KEPT_MAX: Final = 10_000
"""With more tills than this those are forgotten that have all of their minute again."""
_Place = tuple[str, str]
_Until = tuple[float, float, float]


class TooMuch(LoyaltyError):
    """`terminal_over_quota` or `terminal_busy`: the terminal is to come back after `retry_after_s`."""

    code = "terminal_over_quota"

    def __init__(self, sentence: str, *, code: str, retry_after_s: int) -> None:
        super().__init__(sentence, code=code)
        self.retry_after_s = retry_after_s


class Quotas:
    """What each till has used of its minute, and whose requests are worked on. For any thread."""

    def __init__(self, limits: Limits) -> None:
        self._request_s = MINUTE_S / limits.terminal_requests_a_minute
        self._byte_s = MINUTE_S / limits.terminal_bytes_a_minute
        self._work_s = MINUTE_S / limits.terminal_work_seconds_a_minute
        self._lock = threading.Lock()
        self._inside: set[_Place] = set()
        self._used_until_s: dict[_Place, _Until] = {}

    @contextmanager
    def visit(self, now_s: float) -> Iterator[Visit]:
        """Yield the visit of a till that is not known yet; its place is free again when the block ends."""
        visit = Visit(self, now_s)
        try:
            yield visit
        finally:
            with self._lock:
                self._inside -= {visit.place}

    def count(self, terminal: Terminal, size: int, now_s: float) -> None:
        """Count a request that may come while another of this terminal is worked on.

        Raises:
            TooMuch: `terminal_over_quota`; nothing is counted.
        """
        self.enter((terminal.store_id, terminal.terminal_id), size, now_s, alone=False)

    def enter(self, place: _Place, size: int, now_s: float, *, alone: bool = True) -> None:
        """Count a request, or raise TooMuch and count nothing; no other is worked on while one is `alone`."""
        with self._lock:
            if alone and place in self._inside:
                raise TooMuch(
                    f"a request of {place[1]} is still worked on: try again in a moment",
                    code="terminal_busy",
                    retry_after_s=BUSY_S,
                )
            until_s = self._with(place, now_s, requests=1, size=size)
            wait_s = math.ceil(max(until_s) - now_s - MINUTE_S)
            if wait_s > 0:
                raise TooMuch(
                    f"{place[1]} sends more in a minute than the limits let in: try again in {wait_s} s",
                    code="terminal_over_quota",
                    retry_after_s=wait_s,
                )
            self._keep(place, until_s, now_s)
            if alone:
                self._inside.add(place)

    def add(self, place: _Place, now_s: float, *, size: int = 0, work_s: float = 0) -> None:
        """Count bytes that a request turned out to hold, and seconds that it turned out to take."""
        with self._lock:
            self._keep(place, self._with(place, now_s, size=size, work_s=work_s), now_s)

    def _with(
        self, place: _Place, now_s: float, *, requests: int = 0, size: int = 0, work_s: float = 0
    ) -> _Until:
        """Return when all that was used and this besides is paid off: by requests, by bytes, by work."""
        requests_s, bytes_s, works_s = self._used_until_s.get(place, (now_s, now_s, now_s))
        return (
            max(now_s, requests_s) + requests * self._request_s,
            max(now_s, bytes_s) + size * self._byte_s,
            max(now_s, works_s) + work_s * self._work_s,
        )

    def _keep(self, place: _Place, until_s: _Until, now_s: float) -> None:
        self._used_until_s[place] = until_s
        if len(self._used_until_s) > KEPT_MAX:
            used = self._used_until_s.items()
            self._used_until_s = {of: until for of, until in used if max(until) > now_s}


class Visit:
    """One request: `admit` once it is known whose it is, then `add` what it holds, `worked` what it took."""

    def __init__(self, quotas: Quotas, now_s: float) -> None:
        self._quotas = quotas
        self._now_s = now_s
        self.place: _Place | None = None

    def admit(self, terminal: Terminal, size: int) -> None:
        """Let the request of this terminal in.

        Raises:
            TooMuch: it has had its share for now.
        """
        place = (terminal.store_id, terminal.terminal_id)
        self._quotas.enter(place, size, self._now_s)
        self.place = place

    def add(self, size: int) -> None:
        """Count bytes besides those that came over the line."""
        if self.place is not None:
            self._quotas.add(self.place, self._now_s, size=size)

    def worked(self, seconds: float) -> None:
        """Count what the writer spent on it, in seconds of its processor; also where nothing came of it."""
        if self.place is not None:
            self._quotas.add(self.place, self._now_s, work_s=seconds)
