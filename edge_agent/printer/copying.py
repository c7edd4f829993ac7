"""What was passed to the printer -> copies, ended by silence or with the passage; questions make none."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from edge_agent.printer.loop import Loop
from edge_agent.printer.state import Tally

_PRINTS_NOTHING: Final = re.compile(
    rb"(?:\x10\x04(?:[\x07\x08\x12].|[^\x07\x08\x12])|\x10\x05.|\x1d[Iar].|\x1b[uv].|\x1b@)*"
    rb"(?P<begun>(?:\x10(?:\x04[\x07\x08\x12]?|\x05)?|\x1d[Iar]?|\x1b[uv]?)?)",
    re.DOTALL,
)
"""Requests for the printer's state: DLE EOT, DLE ENQ, GS I, GS a, GS r, ESC u, ESC v; and ESC @. A line
brings them in pieces: the last may have `begun`."""


class Copying:
    """The copies of one passage. `keep` gets each, and whether it is whole and the printer has all of it.

    Of one that is larger than `bytes_max` the rest is `lost`. A till that asks for the printer's state each
    second leaves no copy, and does not lengthen one.
    """

    def __init__(
        self,
        loop: Loop,
        tally: Tally,
        *,
        silence_s: float,
        bytes_max: int,
        waits: Callable[[], bool],
        keep: Callable[[bytes, bool], None],
        lost: Callable[[str], None],
    ) -> None:
        self._loop, self._tally = loop, tally
        self._silence_s, self._bytes_max = silence_s, bytes_max
        self._waits, self._keep, self._lost = waits, keep, lost
        self._parts: list[bytes] = []
        self._bytes = 0
        self._begun = b""
        """The beginning of what may be a question; in a copy already, where there is one."""
        self._is_timed = False
        self._passed_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a copy has begun."""
        return bool(self._parts)

    def passed(self, data: bytes) -> None:
        """Note what the printer has taken."""
        self._tally.bytes_printed += len(data)
        said = self._begun + data
        asked = _PRINTS_NOTHING.fullmatch(said)
        is_status = asked is not None
        self._begun = asked["begun"] if asked else b""
        if not self._parts:
            if is_status:
                return
            data = said
        self._bytes += len(data)
        if self._bytes <= self._bytes_max:
            self._parts.append(data)
        if not is_status:
            self._passed_at = self._loop.now()
            if not self._is_timed:
                self._wait(self._silence_s)

    def answered(self, count: int) -> None:
        """Note that the printer has said something."""
        self._tally.bytes_answered += count

    def end(self, *, is_whole: bool) -> None:
        """Hand over the copy, if there is one."""
        begun, self._begun = self._begun, b""
        if begun and not self._parts:
            self._parts, self._bytes = [begun], len(begun)
        if self._parts:
            data, self._parts = b"".join(self._parts), []
            is_too_large = self._bytes > self._bytes_max
            self._keep(data, is_whole and not is_too_large)
            if is_too_large:
                self._lost("copy_too_large")
        self._bytes = 0

    def _wait(self, seconds: float) -> None:
        self._is_timed = True
        self._loop.after(seconds, self._look)

    def _look(self) -> None:
        """End a copy after the silence; not while the printer has yet to take some of it."""
        self._is_timed = False
        if not self._parts:
            return
        left_s = self._passed_at + self._silence_s - self._loop.now()
        if left_s <= 0 and not self._waits():
            self.end(is_whole=True)
        else:
            self._wait(left_s if left_s > 0 else self._silence_s)
