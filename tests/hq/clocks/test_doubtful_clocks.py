"""Clocks of which headquarters knows too little: it places nothing that may be right where it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from hq_server.backups import back_up
from loyalty_core.events import Booted, ClockStepped
from tests.edge.made import at
from tests.hq.clock_till import DAY_MS, HOUR, ClockTill
from tests.hq.clocks.placing import Open, agree, evidence, halves, place_all, placings, told
from tests.hq.conftest import Hq
from tests.hq.desk import Desk
from tests.hq.test_audit import run_audit
from tests.hq.test_read_later import read_again, without


@pytest.mark.parametrize("steps", [True, False])
def test_a_machine_that_stood_still_moves_no_sale_of_a_right_clock(
    hq: Hq, desk: Desk, opened: Open, steps: bool
) -> None:
    """Neither of its clocks went on. By its readings it sold three days later, in the next half-year."""
    till = opened("2026-06-29 10:00")
    till.boot(HOUR, 0)
    event = till.sell().event
    hq.clock.now += 3 * DAY_MS
    if steps:
        till.step(3 * DAY_MS)
    till.exchange()
    assert halves(hq) == {"2026-H1": 12}
    assert placings(hq) == []
    assert "its clock may have been right" in told(hq, desk)[str(event)]
    agree(hq, till)


def test_a_machine_that_stood_still_after_its_last_reading_moves_no_sale_of_a_right_clock(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    """By its reading it sold three days before it did, in the half-year before."""
    till = opened("2026-06-29 10:00")
    till.boot(HOUR, 0)
    till.exchange()
    hq.clock.now += 3 * DAY_MS
    till.step(3 * DAY_MS)
    event = till.sell().event
    till.boot(HOUR, 0)
    till.exchange()
    assert (halves(hq), placings(hq)) == ({"2026-H2": 12}, [])
    assert "its clock may have been right" in told(hq, desk)[str(event)]
    agree(hq, till)


def test_a_clock_that_was_read_in_the_same_boot_is_known_whatever_it_shows(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    """A day begins at five."""
    till = opened("2026-11-20 03:00")
    till.boot(60_000, -2 * HOUR)
    till.exchange()
    till.wait(140 * 60_000)
    event = till.sell().event
    assert at("2026-11-20 03:01") < till.clock.wall < at("2026-11-20 05:00")
    till.exchange()
    assert placings(hq) == [(str(event), "headquarters")]
    assert "put it on 2026-11-20" in told(hq, desk)[str(event)]
    agree(hq, till)


def test_two_machines_with_one_disk_have_each_a_clock_of_their_own(
    hq: Hq, desk: Desk, opened: Open, tmp_path: Path
) -> None:
    till = opened("2026-06-30 10:00")
    till.sell()
    till.exchange()
    twin = till.twin(tmp_path / "twin")
    twin.clock.machine = "twin-"
    twin.boot(60_000, 40 * DAY_MS)
    till.clock.go_on(60_000)
    right, wrong = till.sell().event, twin.sell().event
    till.exchange()
    twin.exchange()
    fork = [subject for _, subject in hq.exceptions() if ".b1." in subject]
    assert [name for name, _ in placings(hq)] == [f"{till.terminal_id}.1.b1.{wrong.seq}"] == fork
    assert halves(hq) == {"2026-H1": 36}
    twin.sell()
    till.sell()
    till.exchange()
    twin.exchange()
    assert [name for name, _ in placings(hq)][1:] == [f"{till.terminal_id}.2.{1}"]
    assert str(right) not in told(hq, desk)
    assert halves(hq) == {"2026-H1": 60}
    agree(hq, till)


def test_two_machines_that_were_one_until_one_of_them_slept_prove_nothing(
    hq: Hq, desk: Desk, opened: Open, tmp_path: Path
) -> None:
    till = opened("2026-06-29 10:00")
    till.exchange()
    twin = till.twin(tmp_path / "twin")
    till.wait(3 * DAY_MS)
    till.step(-40 * DAY_MS)
    twin.step(-40 * DAY_MS)
    for machine in (twin, till):
        machine.sell()
        machine.exchange()
    assert [name for name, _ in placings(hq)] == []
    assert all("do not go together" in told(hq, desk)[one] for one in told(hq, desk) if "." in one)
    run_audit(hq)


@pytest.mark.parametrize(("off", "placed"), [(1, 1), (2, 0)])
def test_a_headquarters_that_most_tills_contradict_may_be_wrong_itself(
    hq: Hq, desk: Desk, opened: Open, tmp_path: Path, off: int, placed: int
) -> None:
    tills = [opened("2026-06-30 10:00")]
    tills += [ClockTill(tmp_path / f"till-{number}", hq, "2026-06-30 10:00") for number in (2, 3)]
    hq.clock.now += 3 * DAY_MS
    for number, till in enumerate(tills):
        till.clock.wall += 3 * DAY_MS
        till.boot(0, -3 * DAY_MS if number < off else 0)
        till.exchange()
    event = tills[0].sell().event
    tills[0].exchange()
    assert len(placings(hq)) == placed
    assert ("most tills' clocks differ" in told(hq, desk)[str(event)]) == (not placed)
    run_audit(hq)


def test_a_headquarters_that_was_restored_decides_the_same_again(
    hq: Hq, desk: Desk, opened: Open, tmp_path: Path
) -> None:
    till = opened("2026-06-30 10:00")
    till.exchange()
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    till.boot(HOUR, -200 * DAY_MS)
    event = till.sell().event
    till.exchange()
    assert (placings(hq), halves(hq)) == ([(str(event), "headquarters")], {"2026-H1": 12})
    till.wait(2 * DAY_MS)
    hq.bring_back(tmp_path / "backup.db")
    assert placings(hq) == []
    till.exchange()
    assert (placings(hq), halves(hq)) == ([(str(event), "headquarters")], {"2026-H1": 12})
    assert evidence(desk, event).likely_at == "2026-06-30T02:00:00Z"
    agree(hq, till)


def test_a_start_of_the_machine_that_cannot_be_read_leaves_its_clock_unknown(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    """A battery that is dead: each boot begins at the same hour, so that one looks like the other gone on."""
    till = opened("2026-06-28 10:00")
    till.boot(60_000, -100 * DAY_MS)
    till.exchange()
    with without(Booted):
        till.boot(5 * DAY_MS, -105 * DAY_MS)
        till.wait(HOUR)
        event = till.sell().event
        till.exchange()
    assert placings(hq) == []
    assert evidence(desk, event).clock_ahead_ms is None
    read_again(desk)
    assert "and seems to be of 2026-07-03" in told(hq, desk)[str(event)]
    assert "could not be read then" in told(hq, desk)[str(event)]
    assert placings(hq) == []
    assert evidence(desk, event).likely_at == "2026-07-03T02:01:00Z"
    assert place_all(hq, desk, till) == 1
    assert halves(hq) == {"2026-H2": 12}
    agree(hq, till)


def test_what_cannot_be_read_of_the_boot_that_sends_it_hides_no_clock(
    hq: Hq, desk: Desk, opened: Open
) -> None:
    till = opened("2026-11-20 10:00")
    till.boot(60_000, -30 * DAY_MS)
    with without(ClockStepped):
        till.step(0)
        event = till.sell().event
        till.exchange()
    assert placings(hq) == [(str(event), "headquarters")]
    assert place_all(hq, desk, till) == 0
    read_again(desk)
    assert placings(hq) == [(str(event), "headquarters")]
    assert set(told(hq, desk)) == {till.terminal_id}
    agree(hq, till)
