"""A real till whose clocks go wrong: its wall clock, its boots, and the time between that nobody counts."""

from __future__ import annotations

import copy
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.recorder import Outcome, Recorder
from edge_agent.store.database import transaction
from edge_agent.store.migrations import open_database
from loyalty_core.calendar import business_day
from loyalty_core.events import AT_MAX, AT_MIN, Booted, ClockStepped, Event
from loyalty_core.units import EpochMs
from tests.edge import made
from tests.edge.made import CARD, HeldClock, config_of, purchase
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill

SEOUL = ZoneInfo("Asia/Seoul")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR = 3_600_000
DAY_MS = 24 * HOUR


class BootingClock(HeldClock):
    """A clock whose machine is started again."""

    boots = 1
    machine = ""

    def boot_id(self) -> str:
        return f"boot-{self.machine}{self.boots}"


class ClockTill(RealTill):
    """A till whose software runs on the same machine: what it says of the time is what the machine shows."""

    def __init__(self, folder: Path, hq: Hq, now: str = made.NOW) -> None:
        hq.clock.now = int(made.at(now))
        super().__init__(folder, hq, "S012", now)
        self.clock: BootingClock = BootingClock(now)
        self.recorder._clock = self.clock
        self.sold = 0
        self._own(lambda at: Booted(None, at, self._day(at), self.clock.boot_id(), "test"))

    def twin(self, folder: Path) -> ClockTill:
        """Return a till with a copy of this one's disk and memory: a machine that was copied while it ran."""
        shutil.copytree(self.config.data_dir, folder / "data")
        twin = copy.copy(self)
        twin.config, twin.clock, twin.sold = config_of(folder), copy.copy(self.clock), 100
        twin.conn = open_database(twin.config.database)
        twin.recorder = Recorder(twin.config, twin.clock)
        return twin

    def wait(self, ms: int) -> None:
        """Let time pass for the till and for headquarters."""
        self.clock.go_on(ms)
        self.hq.clock.now += ms

    def step(self, ms: int) -> None:
        """Have somebody set the wall clock."""
        self.clock.wall += ms
        self._own(lambda at: ClockStepped(None, at, self._day(at), ms))

    def boot(self, off_ms: int, ahead_ms: int | None = None) -> None:
        """Switch the machine off for a while; with `ahead_ms` its clock shows another time than before."""
        self.hq.clock.now += off_ms
        self.clock.wall = self.clock.wall + off_ms if ahead_ms is None else self.hq.clock.now + ahead_ms
        self.clock.boots += 1
        self.clock.monotonic = 20_000
        self._own(lambda at: Booted(None, at, self._day(at), self.clock.boot_id(), "test"))

    def sell(
        self,
        net_minor: int = 12_990,
        *,
        at_ms: int | None = None,
        business_date: str | None = None,
        adapter: str = "http",
    ) -> Outcome:
        """Sell to M1, at the time that the machine shows."""
        self.sold += 1
        shown = EPOCH + timedelta(milliseconds=self.clock.wall if at_ms is None else at_ms)
        receipt = purchase(
            str(self.sold), occurred_at=shown.astimezone(SEOUL).isoformat(), member=CARD, net_minor=net_minor
        )
        receipt["receipt"]["business_date"] = business_date
        return self.record(receipt, adapter)

    def _own(self, make: object) -> None:
        at_ms = EpochMs(min(max(self.clock.wall, AT_MIN), AT_MAX))
        event = make(at_ms)  # type: ignore[operator]
        assert isinstance(event, Event)
        with transaction(self.conn):
            self.recorder.append(self.conn, self.books(), event)

    def _day(self, at_ms: EpochMs) -> int:
        return business_day(at_ms, self.books().terminal.place)
