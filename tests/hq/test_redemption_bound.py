"""Whatever tills do without headquarters, it loses no more than an allowance at each of them.

Three real tills spend one member's points, with headquarters and without, and talk with it when they like.
What a till committed while headquarters held the points, and told only after the hold was over, comes on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from random import Random

import pytest

from edge_agent.redeeming import Outcome
from edge_agent.store import outbox, redemptions
from edge_agent.store.database import transaction
from hq_server.audit import audit
from hq_server.holds import lapse_some
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.spending_till import RULES, SpendingTill

ALLOWANCE = 300
TILLS = 3
MEMBERS = 12
STEPS = 30
SPENDING = ["spend offline"] * 9 + ["spend online", "offline", "online", "ask"]
KINDS = [*SPENDING, "commit", "cancel", "resend", "wait", "exchange", "sell"]


@contextmanager
def expected(*codes: str) -> Iterator[None]:
    """Go on where something is refused that may be."""
    try:
        yield
    except BadInput as error:
        if error.code not in codes:
            raise


class Fleet:
    """The tills, and what was earned and spent in all for one member."""

    def __init__(self, hq: Hq, tills: list[SpendingTill], member_id: str, names: Callable[[], str]) -> None:
        self.hq, self.tills, self.member_id, self.names = hq, tills, member_id, names
        self.earned = self.spent = 0
        self.authorised: list[tuple[SpendingTill, Outcome]] = []
        self.untold: list[tuple[SpendingTill, Outcome]] = []
        self.late = 0
        hq.members(f"member_id,name,home_store\n{member_id},A,S012\n")
        for till in tills:
            till.member_id = member_id
            till.exchange()

    def step(self, kind: str, number: int, amount: int) -> None:
        till = self.tills[number]
        self._do(kind, till, amount)
        if outbox.waiting(till.conn)[0] == 0:
            self.untold = [one for one in self.untold if one[0] is not till]

    def _do(self, kind: str, till: SpendingTill, amount: int) -> None:
        match kind:
            case "sell":
                till.sell(self.names(), amount * 1000, self.member_id)
                self.earned += amount
            case "ask":
                self._asked_in_vain(till, amount)
            case "offline" | "online" | "spend offline" | "spend online":
                if self._authorise(till, amount, online="online" in kind) and kind.startswith("spend"):
                    self._commit(till)
            case "commit":
                self._commit(till)
            case "cancel":
                for place, (whose, outcome) in enumerate(self.authorised):
                    if whose is till:
                        till.cancel(outcome)
                        del self.authorised[place]
                        break
            case "exchange":
                till.exchange()
            case "resend":
                with transaction(till.conn):
                    till.conn.execute("DELETE FROM acknowledged")
                till.exchange()
            case "wait":
                self._wait(amount * 60_000)

    def _asked_in_vain(self, till: SpendingTill, points: int) -> None:
        """Ask, and die before anything is authorised."""
        with expected("points_missing", "points_below_minimum"):
            till.told(till.wanted(points, self.names()))

    def _authorise(self, till: SpendingTill, points: int, *, online: bool) -> bool:
        before, open_ones = self.shown(till), len(self.authorised)
        with expected("points_missing", "allowance_exceeded", "points_below_minimum"):
            outcome = till.authorise(points, online=online, key=self.names())
            assert online or points <= before
            self.authorised.insert(0, (till, outcome))
        return len(self.authorised) > open_ones

    def _commit(self, till: SpendingTill) -> None:
        for place, (whose, outcome) in enumerate(self.authorised):
            if whose is till:
                del self.authorised[place]
                with expected("redemption_lapsed"):
                    till.commit(outcome)
                    self.spent += outcome.redemption.points
                    self.untold.append((till, outcome))
                return

    def _wait(self, ms: int) -> None:
        self.hq.clock.now += ms
        for till in self.tills:
            till.clock.go_on(ms)
        with self.hq.writing() as tx:
            lapse_some(tx, EpochMs(self.hq.clock.now))
        held = [one for one in self.untold if one[1].redemption.allowance == 0]
        over = [one for one in held if one[1].redemption.until_ms <= self.hq.clock.now]
        self.late += sum(outcome.redemption.points for _, outcome in over)
        self.untold = [one for one in self.untold if one not in over]

    def balance(self) -> int:
        return self.hq.balances().get(self.member_id, 0)

    def shown(self, till: SpendingTill) -> int:
        return till.balance(self.member_id)

    def settle(self) -> None:
        """Let every till hear of every other, and end what is open."""
        for till, outcome in self.authorised:
            till.cancel(outcome)
        for till in self.tills * 2:
            till.lapse()
            till.exchange()


@pytest.fixture
def tills(hq: Hq, tmp_path: Path) -> list[SpendingTill]:
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + RULES)
    return [SpendingTill(tmp_path, hq, f"T0{number}") for number in range(1, TILLS + 1)]


def drawn(chance: Random) -> tuple[str, int, int]:
    """Return a step: its kind, the till, and how many points or minutes it is about."""
    kind = chance.choice(KINDS)
    most = 2 * ALLOWANCE if kind in SPENDING else 20 if kind == "wait" else ALLOWANCE
    return kind, chance.randrange(TILLS), chance.choice([chance.randint(1, most), ALLOWANCE])


@pytest.mark.sqlite("long, and what it looks at are the tills")
def test_headquarters_loses_at_most_an_allowance_a_till(hq: Hq, tills: list[SpendingTill]) -> None:
    chance, numbers = Random(3), count()
    lost: list[int] = []
    for member in range(MEMBERS):
        fleet = Fleet(hq, tills, f"M{member}", lambda: f"n{next(numbers)}")
        fleet.step("sell", 0, chance.choice([ALLOWANCE, 4 * ALLOWANCE]))
        for till in [*tills, tills[0]]:
            till.exchange()
        for _ in range(STEPS):
            fleet.step(*drawn(chance))
            lost.append(-fleet.balance() - fleet.late)
            assert lost[-1] <= ALLOWANCE * TILLS, f"member {member}"
        fleet.settle()
        assert fleet.balance() == fleet.earned - fleet.spent
        lost.append(-fleet.balance() - fleet.late)
        assert lost[-1] <= ALLOWANCE * TILLS, f"member {member}"
        for till in tills:
            assert fleet.shown(till) == fleet.balance()
            assert redemptions.count_authorised(till.conn) == 0
        assert (("overdrawn", fleet.member_id) in hq.exceptions()) == (fleet.balance() < 0)
    assert max(lost) > ALLOWANCE, "no two tills lost all that they could, so nothing was shown"
    with hq.reading() as tx:
        audit(tx, hq.public_key, lambda *_: None)
