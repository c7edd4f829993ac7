"""The life of a chain from one seed: what happens at random, the laws after every step, and how it heals."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from edge_agent.store import journal, members, outbox, terminal
from loyalty_core.calendar import day_of
from tests.oracle.reading import figures
from tests.oracle.told import survivor
from tests.simulation.at_headquarters import AtHeadquarters
from tests.simulation.carried import Carried
from tests.simulation.chain import Chain
from tests.simulation.faults import ROUND_S, Faults
from tests.simulation.founding import CARDS
from tests.simulation.keys_changed import KeysChanged
from tests.simulation.rules import COMBINES, some_pieces
from tests.simulation.spending import Spending
from tests.simulation.till import SimTill
from tests.simulation.virtual import chance_of, disk, run

Act = Callable[[], Awaitable[object]]
STEPS: Final = 20
PAUSES_S: Final = [0.0, 0.0, 0.1, 1.0, 3.0, 60.0, 1_000.0, 20_000.0]
LIKINGS: Final = (1, 2, 2, 2, 8)
"""How much more often than else a thing happens in one life: some lives are full of it."""
ROUNDS_MAX: Final = 8
"""After so many all agree."""


def live(seed: int, steps: int = STEPS, trace: Callable[[str], None] = lambda _: None) -> Counter[str]:
    """Return what happened how often in the life that a seed gives.

    Raises:
        AssertionError: a law does not hold.
    """
    seen: Counter[str] = Counter()
    with chance_of(seed) as luck, disk() as folder:

        async def story() -> None:
            life = Life(Chain(Path(folder), luck.choice([1, 6]), luck, seen), trace)
            try:
                await life.begin()
                await life.go_on(steps)
                await life.heal()
                life.agree()
            finally:
                life.chain.close()

        run(story)
    return seen


class Life(Spending, AtHeadquarters, Carried, KeysChanged, Faults):
    """Everything that can happen, in any order."""

    def __init__(self, chain: Chain, trace: Callable[[str], None]) -> None:
        super().__init__(chain)
        self.trace = trace
        self.under_way, self.coupons, self.paid = [], [], []
        self.liking: defaultdict[str, int] = defaultdict(lambda: self.luck.choice(LIKINGS))
        self.answered: dict[SimTill, dict[int, tuple[int, bytes]]] = {}

    async def begin(self) -> None:
        """Open a chain in calm, and sell what everything else comes back to."""
        self.steady = True
        self.chain.publish_next(some_pieces(self.luck), self.luck.choice(COMBINES), "2026-02-01")
        for _ in range(self.luck.randint(2, 5)):
            await self.sell_one(self.place())
        await asyncio.sleep(5)
        if self.luck.random() < 0.4:
            self.chain.back_up()
        self.steady = False
        for till in self.chain.tills:
            till.line.calm = self.luck.random() < 0.1
        self.chain.server.calm = self.luck.random() < 0.3

    def actions(self) -> dict[Act, int]:
        """Return what can happen now, and how often it does."""
        always: dict[Act, int] = {
            self.sell: 8,
            self.visit: 3,
            self.check_in: 3,
            self.copy: 3,
            self.bring_back: 4,
            self.void: 2,
            self.claim: 2,
            self.redeem: 5,
            self.pay: 2,
            self.issue: 1,
            self.publish: 1,
            self.adjust: 1,
            self.merge: 1,
            self.claim_there: 1,
            self.match: 1,
            self.attach: 1,
            self.place_events: 1,
            self.close: 3,
            self.chores: 3,
            self.kill: 3,
            self.cut_road: 2,
            self.carry: 3,
            self.set_clock: 2,
            self.kill_headquarters: 1,
            self.back_up: 1,
            self.weeks: 2,
            self.period_ends: 1,
            self.change_key: 1,
            self.rotate_headquarters: 1,
            self.shut_out: 1,
            self.replace: 1,
            self.image: 2,
            self.clone: 1,
            self.part_ways: 1,
        }
        sometimes: tuple[tuple[Act, object], ...] = (
            (self.regret, self.paid),
            (self.use, self.coupons),
            (self.finish, self.under_way),
            (self.set_back, self.chain.images),
            (self.restore_headquarters, self.chain.backups),
            (self.unmerge, self.chain.decided.merges),
            (self.drop_key, self.older_keys()),
        )
        return always | {act: 2 for act, there in sometimes if there}

    async def go_on(self, steps: int) -> None:
        """Let so much happen, and hold everything to the laws after each."""
        for step in range(steps):
            actions = self.actions()
            weights = [often * self.liking[act.__name__] for act, often in actions.items()]
            act = self.luck.choices(list(actions), weights)[0]
            self.trace(f"{step} {self.chain.today} {act.__name__}")
            await act()
            await asyncio.sleep(self.luck.choice(PAUSES_S))
            self.check()

    def check(self) -> None:
        """Hold everything to the laws that can be seen at any time."""
        for error in [
            *self.chain.server.broken,
            *(error for till in (*self.chain.machines, *self.chain.gone) for error in till.broken),
        ]:
            raise error
        self.chain.note()
        self.chain.server.check()
        self.chain.check_tiers([day_of(self.chain.today) + ahead for ahead in (0, 1, 20, 90)])
        for till in self.chain.machines:
            if till.up:
                for epoch, (seq, digest) in self.answered.get(till, {}).items():
                    assert journal.hash_at(till.conn, epoch, seq) == digest, f"{till.code} lost {epoch}.{seq}"
                self.answered[till] = till.heads()
                till.check_shown()

    async def heal(self) -> None:
        """End all faults, and wait until everybody agrees; it takes no help, and not for ever."""
        self.steady = True
        self.chain.server.calm = True
        self.chain.server.start()
        for till in self.chain.gone:
            till.stop(power=True)
        for till in self.chain.machines:
            till.line.calm, till.line.down, till.clock.off_ms = True, False, 0
        while self.shut:
            place = min(self.shut)
            assert await self.chain.replace(place)
            self.reopen(place)
        for till in self.chain.machines:
            till.start()
        unsettled = [""]
        for number in range(ROUNDS_MAX):
            for till in self.chain.machines:
                till.chores()
            self.chain.chores()
            self.chain.close_some(64)
            await asyncio.sleep(ROUND_S)
            self.check()
            unsettled = [why for till in self.chain.machines for why in self.unsettled(till)]
            self.trace(f"healing {number}: {unsettled}")
            if not unsettled:
                return
        raise AssertionError(f"no agreement after {ROUNDS_MAX} rounds: {unsettled}")

    def unsettled(self, till: SimTill) -> list[str]:
        """Return what a till and headquarters have still to tell each other."""
        waiting, error = outbox.waiting(till.conn)[0], outbox.link(till.conn).error_code
        found = [f"{till.code} has {waiting} records to bring"] if waiting else []
        if error is not None:
            found.append(f"{till.code} cannot talk: {error}")
        if self.chain.untold(till):
            found.append(f"{till.code} has not heard of all members")
        return found

    def agree(self) -> None:
        """Hold headquarters and all tills to the oracle."""
        chain = self.chain
        held = chain.held()
        chain.check_ended()
        for till in chain.machines:
            lost = [f"{epoch}.{seq}" for epoch, seq, digest in till.hashes() if digest not in held]
            assert not lost, f"headquarters never got {till.terminal_id} {lost}"
        world = chain.world()
        should, stands = figures(world), chain.stands()
        for member, account in should.accounts.items():
            entries, balance, qualifying, lots = stands.get(member, ({}, 0, {}, {}))
            assert entries == account.entries, member
            assert balance == account.balance, member
            assert qualifying == {period: total for period, total in account.qualifying.items() if total}
            assert lots == dict(account.lots), member
        for member, (entries, *_) in stands.items():
            assert survivor(world, member) == member or not entries
        disputed, disputes = chain.disputed(), {(kind, str(event)) for kind, event in should.conflicts}
        assert disputed == disputes, (disputed - disputes, disputes - disputed)
        assert chain.overdrawn() == {m for m, account in should.accounts.items() if account.balance < 0}
        differing = {subject for kind, subject in chain.exceptions() if kind == "day_closed_differs"}
        assert not differing, f"control totals differ: {differing}"
        chain.check_tiers(chain.decided.tiers.days)
        chain.audited()
        for till in chain.machines:
            told = chain.told(till.store_id)
            for member in CARDS:
                known = members.read(till.conn, member) is not None
                assert known == (member in told), (till.code, member)
                if known:
                    assert chain.shown(till, member) == stands.get(member, ({}, 0))[1], (till.code, member)
        stand = [(till.terminal_id, terminal.read(till.conn).epoch) for till in chain.machines]
        assert len(set(stand)) == len(stand), f"two machines write one journal: {stand}"
