"""The tiers of a chain's members on paper: a calendar each, and the closed totals that were heard of last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Final

from loyalty_core.calendar import Period, day_of
from loyalty_core.programme import Tier, TierPolicy
from loyalty_core.units import Points
from tests.oracle.tiers import Boxes
from tests.simulation.founding import CARDS

LADDER: Final = tuple(
    Tier(code=code, start=Points(start)) for code, start in (("BRONZE", 0), ("SILVER", 30), ("GOLD", 60))
)
DAYS: Final = 2_500
"""Longer than any life."""


class Calendars:
    """What is held on each day from the first of the chain on. It asks no fold, nor headquarters."""

    def __init__(self, first: int, ladder: Sequence[Tier] = LADDER) -> None:
        self.days = range(first, first + DAYS)
        self._boxes = {one: Boxes(ladder=ladder, first=first, last=self.days[-1]) for one in CARDS}
        self._heard: dict[str, dict[str, int]] = {one: {} for one in CARDS}

    def held(self, group: Sequence[str], day: int) -> str:
        """Return the tier that those who count as one hold on a day."""
        boxes = [self._boxes[one] for one in group]
        return boxes[0].higher(*[one.held(day) for one in boxes])

    def close(
        self, period: Period, total: int, policy: TierPolicy, group: Sequence[str], today: date
    ) -> None:
        """Close a period for those who count as the first of them."""
        head, *others = [self._boxes[one] for one in group]
        head.close(period.id, period.last, total, policy, day_of(today), others)
        for one in group:
            self._heard[one][period.id] = total if one == group[0] else 0

    def late(
        self, groups: Sequence[Sequence[str]], totals: Mapping[str, Mapping[str, int]], today: date
    ) -> bool:
        """Hear what all totals are now; tell whether one of a closed period has moved."""
        moved = False
        for group in groups:
            now = {
                one: {period: totals[one].get(period, 0) for period in self._boxes[one].closes}
                for one in group
            }
            if any(now[one] != self._heard[one] for one in group):
                moved = True
                self._heard.update(now)
                head, *others = [self._boxes[one] for one in group]
                head.late(totals[group[0]], day_of(today), others)
        return moved

    def month(self, group: Sequence[str], total: int, today: date) -> None:
        """Let the first of a group have what its points have earned by a month."""
        head, *others = [self._boxes[one] for one in group]
        head.month(total, day_of(today), others)

    def grant(self, member: str, tier: str, first: int, last: int) -> None:
        """Grant a tier between two days."""
        self._boxes[member].grant(tier, first, min(last, self.days[-1]))
