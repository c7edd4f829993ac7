"""`make soak`: chains that live through anything, each from a seed, and many drawn worlds through the folds.

ARGS: how many chains (default 500), how many steps each (default 20), the first seed (default: by the time).
`--seed N [STEPS]` lives one of them again, and tells its steps.
"""

from __future__ import annotations

import sys
import time

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
    print(f"{chains} chains of {steps} steps from seed {first}", flush=True)
    for seed in range(first, first + chains):
        lived(seed, steps)


def lived(seed: int, steps: int = STEPS) -> dict[str, int]:
    """Return what happened how often in a chain's life; what fails is told with how to see it again."""
    try:
        return live(seed, steps)
    except BaseException as error:
        error.add_note(f"see it again: python -m tests.simulation --seed {seed} {steps}")
        raise


if __name__ == "__main__":
    main(sys.argv[1:])
