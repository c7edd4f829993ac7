"""Power cuts for as long as there is time: every fate behind every write, once for each seed.

python -m tests.e2e.power [RECEIPTS [SEEDS]]
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.e2e.power.replay import FATES, cuts
from tests.e2e.power.tills import after, recorded_day


def main(receipts: int = 200, seeds: int = 3) -> int:
    """Record one day and cut it; return 1 if an answered sale was lost."""
    with tempfile.TemporaryDirectory() as folder:
        day = recorded_day(Path(folder), receipts)
    lost = 0
    for seed in range(seeds):
        found = after(cuts(day.begin, day.steps, lambda _: FATES, seed))
        lost += len(found.missing)
        print(f"seed {seed}: {found.cuts} cuts, {found.disks} disks, {len(found.missing)} answers lost")
        for each in found.missing[:10]:
            print(f"  {each}")
    return int(lost > 0)


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
