"""The lines of a paper, each with what it was taken for; looked through by the patterns of a profile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from edge_agent.pos_adapter.escpos.amounts import amount
from edge_agent.pos_adapter.escpos.profile import Profile
from loyalty_core.errors import BadInput

_ORIGINAL: Final = frozenset({"original", "original_date"})
_TIMES: Final = frozenset({"time", "date", "clock"})
_CODE: Final = re.compile(r"[A-Za-z]{3}")
_FIGURE: Final = re.compile(r"\d")
_ENDS_IN_THOUSANDS: Final = re.compile(r"\d,$")
_THOUSANDS: Final = re.compile(r"\s*\d{3}(?:,\d{3})*(?:\.\d{1,2})?\s*")


class Lines:
    """The lines of a paper (`texts`), and what each was `taken` for ("" for nothing).

    `total_at` is where the first total may stand, `slip_at` where a slip begins that is printed below the
    receipt, on the same paper: what is found above is likelier. Both are behind the last line for none.
    """

    def __init__(self, printed: tuple[str, ...], profile: Profile, currency: str) -> None:
        self._profile, self._currency = profile, currency
        self.texts = list(_joined(printed))
        self.taken = [""] * len(self.texts)
        self.total_at = self.slip_at = len(self.texts)

    def fit(self, name: str) -> Iterator[int]:
        """Yield the places of the lines that a pattern fits, whatever they were taken for."""
        return (place for place, line in enumerate(self.texts) if self._profile.found(name, line))

    def part(self) -> None:
        """Find where the first total stands, and the title, without figures, of a slip below it."""
        end, fits = len(self.texts), self._profile.found
        totals = (place for place, _ in self._totals(range(end)))
        self.total_at = min((one for one in totals if not fits("skip", self.texts[one])), default=end)
        below = (one for one in range(self.total_at + 1, end) if not _FIGURE.search(self.texts[one]))
        self.slip_at = next((one for one in below if fits("ignore", self.texts[one])), end)

    def title(self, name: str) -> bool:
        """Tell whether one of the first lines says what kind of paper it is."""
        for place, line in enumerate(self.texts[: self._profile.title_lines]):
            if self._profile.found(name, line):
                self.taken[place] = self.taken[place] or name
                return True
        return False

    def found(
        self, name: str, *, again: bool = False, but: frozenset[int] = frozenset()
    ) -> tuple[int, re.Match[str] | None]:
        """Return the first line that fits the likeliest pattern; one that names an original fits no other."""
        own = _ORIGINAL if again or name in _ORIGINAL else frozenset()
        for places in (range(self.slip_at), range(self.slip_at, len(self.texts))):
            for pattern in self._profile.of(name):
                for place in places:
                    if place in but or self.taken[place] in _ORIGINAL - own:
                        continue
                    if found := pattern.search(self.texts[place]):
                        return place, found
        return -1, None

    def match(self, name: str, *, but: frozenset[int] = frozenset()) -> re.Match[str] | None:
        """Return what the first line that fits says, and take it."""
        place, found = self.found(name, but=but)
        if found is not None:
            self.take(place, name)
        return found

    def marks(self, name: str) -> list[int]:
        """Return the places of all lines that fit, and take them."""
        places = list(self.fit(name))
        for place in places:
            self.take(place, name)
        return places

    def is_said_of_all(self, marks: list[int]) -> bool:
        """Tell whether one of these lines stands outside the items: among them it says how one came to be."""
        items = [place for place, name in enumerate(self.taken) if name == "item"]
        return any(not items or not items[0] < place < items[-1] for place in marks)

    def value(self, name: str) -> str:
        """Return the value that the first line that fits says, "" for none."""
        found = self.match(name)
        return (found["value"] or "").strip() if found is not None else ""

    def take(self, place: int, name: str) -> None:
        """Note for what a line was taken; it may be for several things."""
        taken = self.taken[place]
        self.taken[place] = f"{taken}, {name}" if taken and name not in taken.split(", ") else name

    def skip(self) -> None:
        """Take the lines of which nothing more is to be read."""
        for place in self.fit("skip"):
            self.taken[place] = self.taken[place] or "skip"

    def total(self, paid: int) -> int | None:
        """Return the total, None for none: the likeliest, or that which was `paid` (0 where it is unknown).

        Raises:
            BadInput: `total_unreadable`.
        """
        totals = self._totals(range(self.slip_at)) or self._totals(range(self.slip_at, len(self.texts)))
        if not totals:
            return None
        place, value = next((one for one in totals if paid and one[1] == paid), totals[0])
        if value is None:
            raise BadInput(
                f'the total "{self.texts[place].strip()}" is no amount in {self._currency}: thousands '
                "are parted by commas, decimals by a point",
                code="total_unreadable",
            )
        self.take(place, "total")
        return value

    def _totals(self, places: range) -> list[tuple[int, int | None]]:
        """Return what may be the total, the likeliest first: (place, amount); none of another currency."""
        return [
            (place, amount(found["value"], self._currency))
            for pattern in self._profile.of("total")
            for place in places
            if not self.taken[place]
            and (found := pattern.search(self.texts[place])) is not None
            and ((code := _CODE.search(found["value"] or "")) is None or code[0].upper() == self._currency)
        ]

    def amount(self, name: str) -> int | None:
        """Return an amount of the receipt itself beside the total, None for none."""
        place, found = self.found(name)
        if found is None or place >= self.slip_at or self.taken[place] not in {"", "skip"}:
            return None
        self.taken[place] = name
        return amount(found["value"], self._currency)


def _joined(lines: tuple[str, ...]) -> Iterator[str]:
    """Yield the lines; a number that the paper's width has broken after a thousands' mark is made whole."""
    held = ""
    for line in lines:
        if held and _ENDS_IN_THOUSANDS.search(held) and _THOUSANDS.fullmatch(line):
            held += line.strip()
            continue
        if held:
            yield held
        held = line
    if held:
        yield held
