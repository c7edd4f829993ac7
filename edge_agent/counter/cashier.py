"""Who stands at the cashier's page, and whom they have before them. In memory, and not for long."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Final, Literal

from loyalty_core.errors import BadInput

SHOWN_MS: Final = 180_000
"""A customer who was served longer ago is shown no more: others stand at the till now."""
FORMS_MAX: Final = 16
"""Of so many keys it is known for whom their forms were made."""


def page_changed() -> BadInput:
    """Return what is said of a form that was made for another customer, or was sent with other entries."""
    return BadInput(
        "the page has changed meanwhile, so nothing was done: look, then press again", code="page_changed"
    )


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
    A form is for the customer for whom it was made, and for nobody whom a later scan brought. `known_by` is
    by what the PIN was known that opened the counter.
    """

    known_by: str = ""
    customer: str = ""
    unknown: str = ""
    coupon: str = ""
    shown_monotonic_ms: int = 0
    key: str = ""
    visit: Done | None = None
    made: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._new_key()

    def turn_to(
        self, kind: Literal["customer", "unknown", "coupon", "nobody"], text: str, monotonic_ms: int
    ) -> None:
        """Have somebody before one, and nobody else."""
        self.customer = text if kind == "customer" else ""
        self.unknown = text if kind == "unknown" else ""
        self.coupon = text if kind == "coupon" else ""
        self.shown_monotonic_ms = monotonic_ms
        self._new_key()

    def undo_visit(self) -> None:
        """Have no visit to undo any more; a form of before, sent again, is not the visit that was undone."""
        self.visit = None
        self.made.clear()
        self._new_key()

    def is_of_customer(self, key: str) -> bool:
        """Tell whether the form of this key was made for the customer whom one has before one."""
        return self.made.get(key) == self.customer

    def look(self, monotonic_ms: int) -> None:
        """Let go of what is no longer to be seen or undone."""
        if monotonic_ms - self.shown_monotonic_ms >= SHOWN_MS and (
            self.customer or self.unknown or self.coupon
        ):
            self.turn_to("nobody", "", monotonic_ms)
        if self.visit is not None and monotonic_ms >= self.visit.until_monotonic_ms:
            self.visit = None

    def _new_key(self) -> None:
        self.key = secrets.token_urlsafe(18)
        self.made[self.key] = self.customer
        while len(self.made) > FORMS_MAX:
            del self.made[next(iter(self.made))]
