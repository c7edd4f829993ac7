"""How often somebody may try what does not let them in, a code to join or a password: per address, and all
addresses together.

A code holds 60 random bits, so these bounds are there for the machine and the log more than for the code; of
passwords each account has a bound of its own besides. Who is let in is not counted. Each server keeps its own
count.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from hq_server.config import Limits
from hq_server.enrol import InviteRefused
from hq_server.quotas import MINUTE_S, TooMuch
from hq_server.staff.persons import NotProven
from loyalty_core.errors import BadEnvelope, BadWire

KEPT_MAX: Final = 10_000
"""With more addresses than this those are forgotten that have all of their minute again."""
ALL: Final = ""
_FAILED: Final = (InviteRefused, NotProven, BadWire, BadEnvelope)


class Attempts:
    """What each address has used of its minute, on the event loop alone. `code` is that of the refusal."""

    def __init__(self, limits: Limits, code: str = "enrol_too_many") -> None:
        self._code = code
        self._each_s = MINUTE_S / limits.enrol_failures_a_minute
        self._all_s = MINUTE_S / limits.enrol_failures_in_all_a_minute
        self._used_until_s: dict[str, float] = {}

    @contextmanager
    def attempt(self, remote: str | None, now_s: float) -> Iterator[None]:
        """Let an attempt happen; it counts until it has succeeded, or failed by no fault of its own.

        So no more of them fail at once than one after the other.

        Raises:
            TooMuch: `enrol_too_many` or `login_too_many`.
        """
        places = {ALL: self._all_s, _neighbourhood(remote): self._each_s}
        until_s = max(self._until_s(place, used_s, now_s) for place, used_s in places.items())
        wait_s = math.ceil(until_s - now_s - MINUTE_S)
        if wait_s > 0:
            raise TooMuch(
                f"too much was tried that is not good: try again in {wait_s} s",
                code=self._code,
                retry_after_s=wait_s,
            )
        for place, used_s in places.items():
            self._used_until_s[place] = self._until_s(place, used_s, now_s)
        self._forget(now_s)
        try:
            yield
        except _FAILED:
            raise
        except BaseException:
            self._give_back(places)
            raise
        self._give_back(places)

    def _give_back(self, places: Mapping[str, float]) -> None:
        for place, used_s in places.items():
            if place in self._used_until_s:
                self._used_until_s[place] -= used_s

    def _until_s(self, place: str, used_s: float, now_s: float) -> float:
        """Return when all that a place has used, and one more attempt, would be paid off."""
        return max(now_s, self._used_until_s.get(place, now_s)) + used_s

    def _forget(self, now_s: float) -> None:
        if len(self._used_until_s) > KEPT_MAX:
            used = self._used_until_s.items()
            self._used_until_s = {place: until for place, until in used if until > now_s}


def _neighbourhood(remote: str | None) -> str:
    """Return the address, of IPv6 the network that one household or shop has."""
    try:
        address = ipaddress.ip_address(remote or "")
    except ValueError:
        return remote or "?"
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
