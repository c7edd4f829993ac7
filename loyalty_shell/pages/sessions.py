"""Who is logged in to pages: in memory alone, so that a restart logs everybody out. Times are monotonic."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

Who = TypeVar("Who")
SESSIONS_MAX: Final = 64
SAID_MAX: Final = 8


@dataclass(slots=True)
class Session(Generic[Who]):
    """One browser's log-in. `csrf` is what its forms carry; `said` is shown on its next page."""

    who: Who
    opened_ms: int
    used_ms: int
    csrf: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    said: list[tuple[str, str]] = field(default_factory=list)

    def say(self, tone: str, sentence: str) -> None:
        """Show a sentence on the next page; `tone` is `ok`, `warn` or `bad`."""
        self.said = [*self.said, (tone, sentence)][-SAID_MAX:]

    def told(self) -> list[tuple[str, str]]:
        """Return what is to be shown, once."""
        said, self.said = self.said, []
        return said

    def is_own_form(self, token: str) -> bool:
        """Tell whether a form was made for this session."""
        return hmac.compare_digest(token.encode(errors="surrogateescape"), self.csrf.encode())


class Sessions(Generic[Who]):
    """All sessions of one kind of page. One ends when `idle_ms` pass without use, and after `absolute_ms`."""

    def __init__(self, monotonic_ms: Callable[[], int], *, idle_ms: int, absolute_ms: int) -> None:
        self._now_ms = monotonic_ms
        self._idle_ms, self._absolute_ms = idle_ms, absolute_ms
        self._open: dict[str, Session[Who]] = {}

    def open(self, who: Who) -> tuple[str, Session[Who]]:
        """Return a new session and the secret that names it, for a cookie. Of too many the oldest end."""
        self._end_old()
        while len(self._open) >= SESSIONS_MAX:
            del self._open[min(self._open, key=lambda key: self._open[key].used_ms)]
        name, now_ms = secrets.token_urlsafe(32), self._now_ms()
        self._open[name] = session = Session(who, now_ms, now_ms)
        return name, session

    def find(self, name: str, *, use: bool = True) -> Session[Who] | None:
        """Return a session that has not ended; to `use` it puts its idle end off."""
        self._end_old()
        session = self._open.get(name)
        if session is not None and use:
            session.used_ms = self._now_ms()
        return session

    def end(self, name: str) -> None:
        """Log out; harmless where nobody is logged in."""
        self._open.pop(name, None)

    def _end_old(self) -> None:
        now_ms = self._now_ms()
        ended = [
            name
            for name, one in self._open.items()
            if now_ms - one.used_ms >= self._idle_ms or now_ms - one.opened_ms >= self._absolute_ms
        ]
        for name in ended:
            del self._open[name]
