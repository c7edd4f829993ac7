"""Wall and monotonic time, read here and nowhere else, and told to the rest as values."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final, Protocol

from loyalty_core.units import EpochMs

PLAUSIBLE_FROM: Final = 1_767_225_600_000
"""2026-01-01: a till whose wall clock says less has lost its time."""


class Clock(Protocol):
    """What the agent asks of a clock."""

    def wall_ms(self) -> EpochMs:
        """Return UTC milliseconds since 1970, as the machine believes."""

    def monotonic_ms(self) -> int:
        """Return milliseconds since boot; never goes back while the machine is up."""

    def boot_id(self) -> str:
        """Return a text that changes with every boot of the machine."""


class MachineClock:
    """The clock of this machine."""

    def wall_ms(self) -> EpochMs:
        """Return UTC milliseconds since 1970, as the machine believes."""
        return EpochMs(time.time_ns() // 1_000_000)

    def monotonic_ms(self) -> int:
        """Return milliseconds since boot, time asleep included."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def boot_id(self) -> str:
        """Return the kernel's name for this boot, or an empty text where it gives none."""
        try:
            return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        except OSError:
            return ""


class StepWatch:
    """Notices when the wall clock moves against the monotonic one."""

    def __init__(self, clock: Clock, tolerance_ms: int) -> None:
        self._clock = clock
        self._tolerance_ms = tolerance_ms
        self._offset_ms = clock.wall_ms() - clock.monotonic_ms()

    def step_ms(self) -> int:
        """Return by how much the wall clock has stepped since the last call, 0 within the tolerance."""
        offset_ms = self._clock.wall_ms() - self._clock.monotonic_ms()
        step_ms = offset_ms - self._offset_ms
        if abs(step_ms) <= self._tolerance_ms:
            return 0
        self._offset_ms = offset_ms
        return step_ms
