"""Power cuts for as long as there is time: every fate behind every write, once for each seed.

python -m tests.e2e.power [RECEIPTS [SEEDS]] | --command NAME

A day of so many receipts at a till, one of a fifth as many rounds of three tills at headquarters, and every
command of a technician's that writes; --command NAME is for one of these alone.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.e2e.power import commands_of_hq, commands_of_tills, headquarters, tills
from tests.e2e.power.commands import Command
from tests.e2e.power.replay import FATES
from tests.e2e.power.tills import Broken, Found

COMMANDS: Final = {
    command.__name__: command for command in (*commands_of_tills.SWEEPS, *commands_of_hq.SWEEPS)
}


def main(receipts: int = 200, seeds: int = 3) -> int:
    """Record both days and cut them; return 1 if something that was answered was lost."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "till").mkdir()
        (Path(folder) / "hq").mkdir()
        day = tills.recorded_day(Path(folder) / "till", receipts)
        hq_day, public_key = headquarters.recorded_day(Path(folder) / "hq", receipts // 5)
    lost = 0
    for seed in range(seeds):
        lost += _told(f"till, seed {seed}", tills.after(day.cuts(lambda _: FATES, seed)))
        made = hq_day.cuts(lambda _: FATES, seed)
        lost += _told(f"headquarters, seed {seed}", headquarters.after(made, public_key))
        lost += sum(_broken(command, seed) for command in COMMANDS.values())
    return int(lost > 0)


def _broken(command: Command, seed: int = 0) -> bool:
    """Cut a command at each of its steps; tell whether it did not end well after one."""
    with tempfile.TemporaryDirectory() as folder, command(Path(folder)) as sweep:
        try:
            disks = sweep.run(lambda _: FATES, seed)
        except Broken as error:
            print(f"{command.__name__}, seed {seed}: {error}", flush=True)
            return True
    print(f"{command.__name__}, seed {seed}: {len(sweep.day.steps)} steps, {disks} disks", flush=True)
    return False


def _told(what: str, found: Found) -> int:
    print(f"{what}: {found.cuts} cuts, {found.disks} disks, {len(found.missing)} answers lost", flush=True)
    for each in found.missing[:10]:
        print(f"  {each}")
    return len(found.missing)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--command"]:
        sys.exit(_broken(COMMANDS[sys.argv[2]]))
    sys.exit(main(*map(int, sys.argv[1:])))
