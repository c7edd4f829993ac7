"""Power cuts for as long as there is time: every fate behind every write, once for each seed.

python -m tests.e2e.power [RECEIPTS [SEEDS]]

A day of so many receipts at a till, and one of a fifth as many rounds of three tills at headquarters.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.e2e.power import headquarters, tills
from tests.e2e.power.replay import FATES, cuts
from tests.e2e.power.tills import Found


def main(receipts: int = 200, seeds: int = 3) -> int:
    """Record both days and cut them; return 1 if something that was answered was lost."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "till").mkdir()
        (Path(folder) / "hq").mkdir()
        day = tills.recorded_day(Path(folder) / "till", receipts)
        hq_day, public_key = headquarters.recorded_day(Path(folder) / "hq", receipts // 5)
    lost = 0
    for seed in range(seeds):
        lost += _told(f"till, seed {seed}", tills.after(cuts(day.begin, day.steps, lambda _: FATES, seed)))
        made = cuts(hq_day.begin, hq_day.steps, lambda _: FATES, seed)
        lost += _told(f"headquarters, seed {seed}", headquarters.after(made, public_key))
    return int(lost > 0)


def _told(what: str, found: Found) -> int:
    print(f"{what}: {found.cuts} cuts, {found.disks} disks, {len(found.missing)} answers lost", flush=True)
    for each in found.missing[:10]:
        print(f"  {each}")
    return len(found.missing)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
