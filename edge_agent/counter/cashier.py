"""Who stands at the cashier's page, and whom they have before them. In memory, and not for long."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final, Literal

SHOWN_MS: Final = 180_000
"""A customer who was served longer ago is shown no more: others stand at the till now."""


@dataclass(frozen=True, slots=True)
class Done:
    """A visit that was recorded at this page and may still be undone."""

    event: str
    name: str
    points: int
    until_monotonic_ms: int


@dataclass(slots=True)
class Cashier:
    """One browser's page. `customer` is the recorded form of a look-up, `unknown` what found nobody.

    `key` makes an action one, however often its form is sent; each action that was done takes a new one.
    """

    customer: str = ""
    unknown: str = ""
    coupon: str = ""
    shown_monotonic_ms: int = 0
    key: str = field(default_factory=lambda: secrets.token_urlsafe(18))
    visit: Done | None = None

    def turn_to(
        self, kind: Literal["customer", "unknown", "coupon", "nobody"], text: str, monotonic_ms: int
    ) -> None:
        """Have somebody before one, and nobody else."""
        self.customer = text if kind == "customer" else ""
        self.unknown = text if kind == "unknown" else ""
        self.coupon = text if kind == "coupon" else ""
        self.shown_monotonic_ms = monotonic_ms
        self.key = secrets.token_urlsafe(18)

    def look(self, monotonic_ms: int) -> None:
        """Let go of what is no longer to be seen or undone."""
        if monotonic_ms - self.shown_monotonic_ms >= SHOWN_MS and (
            self.customer or self.unknown or self.coupon
        ):
            self.turn_to("nobody", "", monotonic_ms)
        if self.visit is not None and monotonic_ms >= self.visit.until_monotonic_ms:
            self.visit = None
