"""The wall clock is watched against the one that cannot be set; the journal notes each step."""

from __future__ import annotations

from pathlib import Path

import pytest
from aiohttp.test_utils import TestClient, TestServer

from edge_agent import contexts
from edge_agent.app import build_app
from edge_agent.clock import PLAUSIBLE_FROM, MachineClock, StepWatch
from edge_agent.store.database import connect
from loyalty_core.events import Booted, ClockStepped
from loyalty_core.journal import unpack_record
from tests.edge.made import HeldClock, config_of, enrol_till, quiet_sync, until


@pytest.mark.parametrize("step", [5001, -5001, 10**12])
def test_a_step_is_told_once(step: int) -> None:
    clock = HeldClock()
    watch = StepWatch(clock, 5000)
    clock.go_on(10**9)
    assert watch.step_ms() == 0
    clock.wall += step
    assert watch.step_ms() == step
    assert watch.step_ms() == 0


@pytest.mark.parametrize("step", [5000, -5000])
def test_a_clock_that_is_set_a_little_has_not_stepped(step: int) -> None:
    clock = HeldClock()
    watch = StepWatch(clock, 5000)
    clock.wall += step
    assert watch.step_ms() == 0


def test_a_clock_that_creeps_is_told_when_it_has_crept_far() -> None:
    clock = HeldClock()
    watch = StepWatch(clock, 5000)
    steps = []
    for _ in range(10):
        clock.wall += 1000
        steps.append(watch.step_ms())
    assert steps == [0] * 5 + [6000] + [0] * 4


def test_this_machine_has_clocks() -> None:
    clock = MachineClock()
    before = clock.monotonic_ms()
    assert clock.wall_ms() > PLAUSIBLE_FROM
    assert clock.monotonic_ms() >= before > 0
    assert clock.boot_id() == MachineClock().boot_id()


@pytest.mark.parametrize("wall", [0, 10**15])
async def test_the_journal_notes_starts_and_steps_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wall: int
) -> None:
    monkeypatch.setattr(contexts, "CLOCK_LOOK_SECONDS", 0.001)
    config = config_of(tmp_path, sync=quiet_sync())
    enrol_till(config)
    clock = HeldClock()
    conn = connect(config.database, read_only=True)

    def noted() -> list[object]:
        return [unpack_record(record).event for (record,) in conn.execute("SELECT record FROM journal")]

    async with TestClient(TestServer(build_app(config, clock))):
        await until(lambda: len(noted()) == 1)
        step = wall - clock.wall
        clock.wall = wall
        await until(lambda: len(noted()) == 2)
    booted, stepped = noted()
    conn.close()
    assert isinstance(booted, Booted)
    assert booted.boot_id == "boot-1"
    assert isinstance(stepped, ClockStepped)
    assert stepped.step_ms == step
