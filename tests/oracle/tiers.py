"""Which tier is held on which day, as a calendar with a box for each day: what is decided is written into the
boxes of the days to come, and nobody writes into a box of a day that has begun."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from loyalty_core.programme import Tier, TierPolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A close: the first day of its validity, the tier that it found held, and the policy of its version."""

    start: int
    held: str
    policy: TierPolicy


@dataclass(slots=True, kw_only=True)
class Boxes:
    """The tier of one member on each day from `first` to `last`."""

    ladder: Sequence[Tier]
    first: int
    last: int
    assessed: dict[int, str] = field(default_factory=dict)
    granted: dict[int, list[str]] = field(default_factory=dict)
    closes: dict[str, Decided] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.assessed = dict.fromkeys(range(self.first, self.last + 1), self.ladder[0].code)

    def held(self, day: int) -> str:
        """Return the tier in force on a day."""
        return self.higher(self.assessed[day], *self.granted.get(day, []))

    def higher(self, *codes: str) -> str:
        """Return the highest of these."""
        return max(codes, key=[tier.code for tier in self.ladder].index)

    def grant(self, code: str, first: int, last: int) -> None:
        """Grant a tier between two days."""
        for day in range(first, last + 1):
            self.granted.setdefault(day, []).append(code)

    def close(
        self,
        period: str,
        ends: int,
        total: int,
        policy: TierPolicy,
        today: int,
        others: Sequence[Boxes] = (),
    ) -> None:
        """Close a period by its total, for all who count as this one, too: each gets the same."""
        start = max(ends + policy.valid_after_days, today) + 1
        group = (self, *others)
        held = self.higher(*[one.held(start - 1) for one in group])
        stood = self.higher(*[one.assessed[start - 1] for one in group])
        for one in group:
            one.closes[period] = Decided(start=start, held=held, policy=policy)
            one._write(one.assessed, one.closes[period], held, total, stood)

    def late(self, totals: Mapping[str, int], today: int, others: Sequence[Boxes] = ()) -> None:
        """Let the closed periods have these totals: who is due more gets it from tomorrow on.

        Those who count as this one lend what they hold, and what their closes found.
        """
        group = (self, *others)
        again = dict.fromkeys(self.assessed, self.ladder[0].code)
        for period in sorted(self.closes):
            close = self.closes[period]
            found = [one.closes[period].held for one in group if period in one.closes]
            held = self.higher(*found, again[close.start - 1])
            stood = self.higher(again[close.start - 1], *[one.assessed[close.start - 1] for one in group])
            self._write(again, close, held, totals.get(period, 0), stood)
        self._raise(again, today, group)

    def month(self, total: int, today: int, others: Sequence[Boxes] = ()) -> None:
        """Let who has earned more than is held have it from tomorrow on."""
        self._raise(dict.fromkeys(self.assessed, self.earned(total)), today, (self, *others))

    def _raise(self, due: Mapping[int, str], today: int, group: Sequence[Boxes]) -> None:
        """Write the higher of what is assessed and what is due, from the first day on which that is more."""
        raised = False
        for day in range(today + 1, self.last + 1):
            stands = self.higher(*[one.assessed[day] for one in group])
            raised = raised or self.higher(stands, due[day]) != stands
            if raised:
                self.assessed[day] = self.higher(stands, due[day])

    def earned(self, total: int) -> str:
        """Return the tier that a total earns."""
        return [tier.code for tier in self.ladder if total >= tier.start or tier is self.ladder[0]][-1]

    def _write(self, boxes: dict[int, str], close: Decided, held: str, total: int, stood: str = "") -> None:
        """Write what a close gives into the days of its validity and after: a fall waits for grace."""
        codes = [tier.code for tier in self.ladder]
        least = {"earned": 0, "one_step": max(0, codes.index(held) - 1), "keep": codes.index(held)}
        code = codes[max(codes.index(self.earned(total)), least[close.policy.downgrade])]
        falls = self.higher(stood or boxes[close.start - 1], code) != code
        first = close.start + (close.policy.grace_days if falls else 0)
        for day in range(first, self.last + 1):
            boxes[day] = code
