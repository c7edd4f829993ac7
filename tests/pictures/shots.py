"""The pictures of docs/pictures: what each shows, on which screen, in which language, and how to get there.

They are taken in this order in one shop (`tests.pictures.shop`); each brings about what it needs, so that it
can be taken alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from tests.e2e.browser.driver import DESKTOP, PHONE, Screen, Visitor
from tests.pictures.shop import Shop


async def straight(shop: Shop, visitor: Visitor) -> None:
    """Need nothing but the address."""


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture."""

    name: str
    path: str
    screen: Screen
    language: str
    reach: Callable[[Shop, Visitor], Awaitable[None]] = straight
    """What is done once the page is open: what is pressed, and what happens in the shop meanwhile."""

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}-{self.language}-{self.screen.name}.png"


SHOTS: Final = (
    Shot("ways", "/", DESKTOP, "en"),
    Shot("ways", "/", PHONE, "ko"),
)
