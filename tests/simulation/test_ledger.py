"""A chain that lives through anything comes to the oracle's figures: short here, long with `make soak`."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import initialize, rule

from tests.oracle.reading import figures
from tests.oracle.told import survivor
from tests.simulation.at_headquarters import AtHeadquarters
from tests.simulation.at_tills import SALES
from tests.simulation.chain import CARDS, Chain
from tests.simulation.machine import POWER, TILLS, Power
from tests.simulation.rules import CHOSEN, COMBINES
from tests.simulation.spending import Spending
from tests.simulation.till import CutOff


class LedgerMachine(Spending, AtHeadquarters):
    """What people, tills, lines and headquarters do in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.closing = ExitStack()

    @initialize(
        months=st.sampled_from([1, 6]),
        pieces=CHOSEN,
        combine=st.sampled_from(COMBINES),
        sales=st.lists(SALES, min_size=2, max_size=6),
    )
    def begin(self, months: int, pieces: set[int], combine: str, sales: list[dict[str, Any]]) -> None:
        """Open a chain, and sell what the other rules come back to."""
        folder = self.closing.enter_context(tempfile.TemporaryDirectory(prefix="dangol-simulation-"))
        self.chain = Chain(Path(folder), months)
        self.closing.callback(self.chain.close)
        self.chain.publish(pieces, combine, "2026-02-01")
        self.sell(sales, None)
        self.chain.settle()

    def teardown(self) -> None:
        with self.closing:
            if self.sold:
                self.check()

    @rule(till=TILLS)
    def talk(self, till: int) -> None:
        self.chain.tills[till].exchange_once()

    @rule(till=TILLS, lose=st.sampled_from(["", "request", "reply"]), twice=st.booleans(), power=POWER)
    def talk_badly(self, till: int, lose: str, twice: bool, power: Power) -> None:
        with suppress(CutOff):
            self.chain.tills[till].exchange_once(lose=lose, twice=twice, power=power)

    @rule()
    def chores(self) -> None:
        self.chain.chores()

    @rule(passed=st.sampled_from([(0, 20), (1, 0), (3, 0), (30, 0), (200, 0)]))
    def time_passes(self, passed: tuple[int, int]) -> None:
        self.chain.go_on(*passed)

    @rule()
    def check(self) -> None:
        """Once everybody has talked, everything is as the oracle says."""
        chain = self.chain
        chain.settle()
        world = chain.world()
        should, stands = figures(world), chain.stands()
        for member, account in should.accounts.items():
            entries, balance, qualifying, lots = stands.get(member, ({}, 0, {}, {}))
            assert entries == account.entries, member
            assert balance == account.balance
            assert qualifying == {period: total for period, total in account.qualifying.items() if total}
            assert lots == dict(account.lots)
        for member, (entries, *_) in stands.items():
            assert survivor(world, member) == member or not entries
        assert chain.disputed() == {(kind, str(event)) for kind, event in should.conflicts}
        assert chain.overdrawn() == {m for m, account in should.accounts.items() if account.balance < 0}
        chain.audited()
        for till in chain.tills:
            for member in CARDS:
                row = till.conn.execute("SELECT 1 FROM member WHERE member_id = ?", (member,)).fetchone()
                if row is not None:
                    assert chain.shown(till, member) == stands.get(member, ({}, 0))[1]


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
