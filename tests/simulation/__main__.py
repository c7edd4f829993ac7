"""`make soak`: chains that live long, and many drawn worlds through the folds, against the oracle.

ARGS: how many chains (default 500), how many steps each (default 60).
"""

from __future__ import annotations

import sys

from hypothesis import HealthCheck, Verbosity, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.oracle.test_folds_agree import WORLDS, agree
from tests.simulation.test_ledger import LedgerMachine

WORLDS_A_CHAIN = 10


def main(arguments: list[str]) -> None:
    """Run; what is found is printed as the shortest steps that lead there, and raised."""
    chains = int(arguments[0]) if arguments else 500
    steps = int(arguments[1]) if len(arguments) > 1 else 60
    common = settings(deadline=None, suppress_health_check=list(HealthCheck), verbosity=Verbosity.normal)
    print(f"{chains * WORLDS_A_CHAIN} worlds through the folds", flush=True)
    settings(common, max_examples=chains * WORLDS_A_CHAIN)(WORLDS(agree))()
    print(f"{chains} chains of {steps} steps", flush=True)
    long = settings(common, max_examples=chains, stateful_step_count=steps)
    run_state_machine_as_test(LedgerMachine, settings=long)


if __name__ == "__main__":
    main(sys.argv[1:])
