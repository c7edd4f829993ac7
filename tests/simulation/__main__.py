"""`make soak`: chains that live long, and many drawn worlds through the folds, against the oracle.

ARGS: how many chains (default 500), how many steps each (default 60).
"""

from __future__ import annotations

import sys
import unittest

from hypothesis import HealthCheck, Verbosity, settings

from tests.oracle.test_folds_agree import test_the_folds_and_the_oracle_agree_on_every_figure
from tests.simulation.test_ledger import LedgerMachine

WORLDS_A_CHAIN = 10


def main(arguments: list[str]) -> int:
    """Return 0 if nothing was found; what is found is printed as the shortest steps that lead there."""
    chains = int(arguments[0]) if arguments else 500
    steps = int(arguments[1]) if len(arguments) > 1 else 60
    print(f"{chains * WORLDS_A_CHAIN} worlds through the folds", flush=True)
    common = settings(deadline=None, suppress_health_check=list(HealthCheck), verbosity=Verbosity.normal)
    settings(common, max_examples=chains * WORLDS_A_CHAIN)(
        test_the_folds_and_the_oracle_agree_on_every_figure
    )()
    print(f"{chains} chains of {steps} steps", flush=True)
    case = LedgerMachine.TestCase
    case.settings = settings(common, max_examples=chains, stateful_step_count=steps)
    suite = unittest.TestLoader().loadTestsFromTestCase(case)
    return 0 if unittest.TextTestRunner().run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
