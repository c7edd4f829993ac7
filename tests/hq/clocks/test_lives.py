"""Lives of tills whose clocks go wrong in every way at once: what headquarters places itself is placed right.

`PYTHONPATH=. python -m tests.hq.clocks.test_lives FIRST LAST` lives as many as there is time for.
"""

from __future__ import annotations

import contextlib
import random
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec
import pytest

from loyalty_core.calendar import business_day
from loyalty_core.errors import LoyaltyError
from loyalty_core.units import EpochMs
from tests.edge.made import at
from tests.hq.clock_till import DAY_MS, HOUR, ClockTill
from tests.hq.clocks.placing import MEMBERS
from tests.hq.conftest import PROGRAMME, Hq, hq_in
from tests.hq.test_audit import run_audit

MINUTE: Final = 60_000
TOLERANCE_MS: Final = 10 * MINUTE
STARTS: Final = ("2026-06-29 20:00", "2026-06-30 23:00", "2026-12-31 04:00", "2026-11-20 10:00")
SPANS: Final = (MINUTE, 20 * MINUTE, HOUR, 5 * HOUR, DAY_MS, 3 * DAY_MS)
STEPS: Final = (HOUR, 8 * HOUR, DAY_MS, 40 * DAY_MS)
OFTEN: Final = {
    "sell": 10,
    "wait": 6,
    "exchange": 6,
    "step": 2,
    "mend": 3,
    "boot": 3,
    "boot_without_battery": 3,
    "stand_still": 2,
    "write_stick": 1,
    "bring_stick": 1,
}
PLACED: Final = "SELECT subject, detail FROM decisions WHERE kind = 'placing'"


class Life:
    """One till with its line and its sticks, and what it never tells: when each sale was really made."""

    def __init__(self, hq: Hq, folder: Path, chance: random.Random) -> None:
        self.hq, self.chance = hq, chance
        start = chance.choice(STARTS)
        hq.clock.now = int(at(start))
        hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2026-01-01"))
        hq.members(MEMBERS)
        self.till = ClockTill(folder, hq, start)
        self.place = self.till.books().terminal.place
        self.days: dict[str, int] = {}
        self.right: set[str] = set()
        self.boots: dict[str, int] = {}
        self.still: set[int] = set()
        """Boots in which the machine stood still."""
        self.sticks: list[bytes] = []

    @property
    def ahead_ms(self) -> int:
        return self.till.clock.wall - self.hq.clock.now

    def span(self) -> int:
        return self.chance.choice(SPANS)

    def go_on(self) -> str:
        """Let one thing happen; return what."""
        (what,) = self.chance.choices(list(OFTEN), list(OFTEN.values()))
        getattr(self, what)()
        return f"{what}: {self.till.terminal_id} {self.ahead_ms // MINUTE} min ahead at {self.hq.clock.now}"

    def sell(self) -> None:
        with contextlib.suppress(LoyaltyError):
            event = str(self.till.sell().event)
            self.days[event] = business_day(EpochMs(self.hq.clock.now), self.place)
            self.boots[event] = self.till.clock.boots
            if abs(self.ahead_ms) <= TOLERANCE_MS:
                self.right.add(event)

    def wait(self) -> None:
        self.till.wait(self.span())

    def exchange(self) -> None:
        self.till.exchange()

    def step(self) -> None:
        self.till.step(self.chance.choice([-1, 1]) * self.chance.choice(STEPS))

    def mend(self) -> None:
        self.till.step(-self.ahead_ms)

    def boot(self) -> None:
        self.till.boot(self.span(), self.chance.choice([0, 0, self.ahead_ms, -self.span(), self.span()]))

    def boot_without_battery(self) -> None:
        off_ms = self.span()
        self.till.boot(off_ms, int(at("2026-03-01 00:00")) - self.hq.clock.now - off_ms)

    def stand_still(self) -> None:
        self.hq.clock.now += self.span()
        self.still.add(self.till.clock.boots)

    def write_stick(self) -> None:
        self.sticks.append(self.till.request(b"n" * 16)[0])

    def bring_stick(self) -> None:
        """Bring any of them; one that leaves a gap is refused and changes nothing."""
        if self.sticks:
            with contextlib.suppress(AssertionError):
                self.till.carried(self.chance.choice(self.sticks))


def live(hq: Hq, folder: Path, seed: int) -> int:
    """Live one life, hold headquarters to the truth, and return how many sales it placed."""
    life = Life(hq, folder, random.Random(seed))
    story = "\n".join(life.go_on() for _ in range(60))
    life.exchange()
    placed = [(event, msgspec.json.decode(detail)["business_day"]) for event, detail in hq.sql(PLACED)]
    for event, day in placed:
        assert event not in life.right, f"{event} of a right clock was moved in life {seed}:\n{story}"
        is_true = day == life.days[event] or life.boots[event] in life.still
        assert is_true, f"{event} of day {life.days[event]} was put on {day} in life {seed}:\n{story}"
    run_audit(hq)
    return len(placed)


@pytest.mark.parametrize("seed", [0, 1])
def test_what_headquarters_places_itself_is_placed_on_its_day(hq: Hq, tmp_path: Path, seed: int) -> None:
    assert live(hq, tmp_path / "till", seed) > 0


if __name__ == "__main__":
    for number in range(*map(int, sys.argv[1:])):
        with tempfile.TemporaryDirectory() as name:
            print(number, live(hq_in(Path(name)), Path(name) / "till", number), flush=True)
