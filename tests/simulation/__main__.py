"""`make soak`: chains that live through anything, each from a seed; many worlds through the folds; nonsense.

The nonsense is what adapters are fed in tests/**/test_*_fuzz.py: there a little of it, here a lot.

ARGS: how many chains (default 500), how many steps each (default 20), the first seed (default: by the time).
`--seed N [STEPS]` lives one of them again, and tells its steps.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Verbosity, settings

from tests.oracle.test_folds_agree import WORLDS, agree
from tests.simulation.life import STEPS, live

WORLDS_A_CHAIN = 10


def main(arguments: list[str]) -> None:
    """Run; a chain that fails is told by the command that lives it again, and raised."""
    if arguments[:1] == ["--seed"]:
        steps = int(arguments[2]) if len(arguments) > 2 else STEPS
        print(dict(sorted(live(int(arguments[1]), steps, print).items())))
        return
    chains = int(arguments[0]) if arguments else 500
    steps = int(arguments[1]) if len(arguments) > 1 else STEPS
    first = int(arguments[2]) if len(arguments) > 2 else int(time.time()) * 1_000
    common = settings(deadline=None, suppress_health_check=list(HealthCheck), verbosity=Verbosity.normal)
    print(f"{chains * WORLDS_A_CHAIN} worlds through the folds", flush=True)
    settings(common, max_examples=chains * WORLDS_A_CHAIN)(WORLDS(agree))()
    nonsense()
    print(f"{chains} chains of {steps} steps from seed {first}", flush=True)
    for seed in range(first, first + chains):
        lived(seed, steps)


def nonsense() -> None:
    """Feed the adapters what no till writes, for minutes."""
    files = [str(path) for path in sorted(Path(__file__).parents[1].rglob("test_*_fuzz.py"))]
    print(f"much nonsense by {len(files)} files of tests", flush=True)
    if pytest.main(["-q", "-p", "no:cacheprovider", "--hypothesis-profile=soak", *files]):
        raise SystemExit(1)


def lived(seed: int, steps: int = STEPS) -> dict[str, int]:
    """Return what happened how often in a chain's life; what fails is told with how to see it again."""
    try:
        return live(seed, steps)
    except BaseException as error:
        error.add_note(f"see it again: python -m tests.simulation --seed {seed} {steps}")
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
