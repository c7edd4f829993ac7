"""A server's life, as its parts see it: whether it is to end, and when each of them was last at work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Final

SILENT_S: Final = 120.0
"""A part that has not come round for so long hangs: each of its steps is bounded."""


class Life:
    """Of one server. `ending` is set once it is to end, and never taken back; `failed` if by a fault."""

    def __init__(self, now_s: Callable[[], float] = lambda: asyncio.get_running_loop().time()) -> None:
        self._now_s = now_s
        self.ending = asyncio.Event()
        self.failed = False
        self._seen_s: dict[str, float] = {}

    def end(self) -> None:
        """Have every part end at its next step."""
        self.ending.set()

    def fail(self) -> None:
        """Have every part end, since one of them cannot go on."""
        self.failed = True
        self.end()

    def beat(self, part: str) -> bool:
        """Note that a part has come round; returns whether it is to go on."""
        self._seen_s[part] = self._now_s()
        return not self.ending.is_set()

    async def rest(self, seconds: float) -> None:
        """Return after these seconds, or once the server is to end."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.ending.wait()

    def silent_s(self) -> float:
        """Return for how long the part hangs that was seen longest ago; 0 while none does."""
        now_s = self._now_s()
        longest_s = max((now_s - seen_s for seen_s in self._seen_s.values()), default=0.0)
        return longest_s if longest_s > SILENT_S else 0.0
