"""The power goes in a command of a technician's: run again it ends well, and nothing that counts is lost.

A sample: a few cuts in each, by turns with one fate. All of them: `python -m tests.e2e.power`.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.power import commands_of_hq as at_hq
from tests.e2e.power import commands_of_tills as at_till
from tests.e2e.power.commands import Command
from tests.e2e.power.replay import FATES, Fate

SEED = 20261122
CUTS = 3
DISKS_MIN = 3
SWEEPS = (
    at_till.enrol,
    at_till.rotate_key,
    at_till.export,
    at_till.import_,
    at_till.repair_of_a_page,
    at_hq.backup_by_number,
    at_hq.restore,
    at_hq.rotate_server,
    at_hq.publish,
)
"""Others do much the same."""


@pytest.mark.parametrize("command", SWEEPS, ids=lambda command: command.__name__)
def test_a_command_that_the_power_goes_in_ends_well_when_it_is_run_again(
    command: Command, tmp_path: Path
) -> None:
    with command(tmp_path) as sweep:
        telling = [place for place, step in enumerate(sweep.day.steps, 1) if step.kind != "write"]
        telling = telling[:: max(1, len(telling) // CUTS)]

        def some(number: int) -> tuple[Fate, ...]:
            return (FATES[telling.index(number) % len(FATES)],) if number in telling else ()

        assert sweep.run(some, SEED) >= DISKS_MIN
