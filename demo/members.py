"""The households of the data as members: invented names, meaning nobody, cards with a true check digit."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Final

from demo.receipts import Basket

_FIRST: Final = (
    *("Alex", "Ari", "Billie", "Casey", "Charlie", "Dana", "Devon", "Eden", "Ellis", "Frankie", "Gray"),
    *("Harper", "Indigo", "Jamie", "Jesse", "Jordan", "Kai", "Kit", "Lee", "Logan", "Marlow", "Max"),
    *("Morgan", "Nico", "Noel", "Oakley", "Parker", "Quinn", "Reese", "Remy", "Riley", "River", "Robin"),
    *("Rowan", "Sage", "Sam", "Sasha", "Skyler", "Tatum", "Taylor", "Wren"),
)
_LAST: Final = (
    *("Ashby", "Barlow", "Calder", "Dale", "Eaton", "Fairley", "Garner", "Hale", "Irving", "Jarvis"),
    *("Keating", "Lowell", "Marsh", "Nash", "Orchard", "Penn", "Quill", "Rowe", "Sutton", "Thorne"),
    *("Upton", "Vale", "Weston", "Yardley", "Brook", "Field", "Grove"),
)
_CARD_PREFIX: Final = "2"
"""GS1 leaves numbers that begin with 2 to the shops themselves."""


def member_id(household: int) -> str:
    """Return HQ's id of a household."""
    return f"M{household:05}"


def household_of(member: str) -> int:
    """Return the household of HQ's id."""
    return int(member.removeprefix("M"))


def name(household: int) -> str:
    """Return an invented name, always the same for a household."""
    return f"{_FIRST[household % len(_FIRST)]} {_LAST[household % len(_LAST)]}"


def card(household: int) -> str:
    """Return the card's EAN-13, its check digit worked out after GS1."""
    digits = f"{_CARD_PREFIX}{household:011}"
    total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(digits))
    return digits + str(-total % 10)


def late_ones(baskets: Iterable[Basket], count: int) -> list[int]:
    """Return the households with the most baskets: their cards stay unknown until they are imported late."""
    return [household for household, _ in Counter(b.household for b in baskets).most_common(count)]


def write_members(path: Path, baskets: Iterable[Basket], households: Iterable[int], joined_on: date) -> int:
    """Write the file that `hq-server member import` reads, and return how many members it has.

    The home store is the one where a household bought most.
    """
    homes: dict[int, Counter[str]] = {}
    for basket in baskets:
        homes.setdefault(basket.household, Counter())[basket.store_id] += 1
    rows = [
        [member_id(one), card(one), name(one), joined_on.isoformat(), homes[one].most_common(1)[0][0]]
        for one in households
    ]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["member_id", "lookups", "name", "joined_on", "home_store"])
        writer.writerows(rows)
    return len(rows)
