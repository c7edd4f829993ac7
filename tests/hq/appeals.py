"""The near-miss desk in tests: a half-year that ended, and who has just missed a tier in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec
import pytest

from hq_server.config import Grants, HqConfig
from hq_server.decisions import Decision, said
from hq_server.desk.case_view import CaseFile, case_file
from hq_server.desk.cases import appeal, evidence_on, open_case
from hq_server.desk.rulings import Asked, post_some, propose_grant
from hq_server.desk.settling import refuse_case, withdraw_case
from hq_server.house import House
from hq_server.members import find_present
from hq_server.store.connection import Transaction
from hq_server.verdicts import approve
from tests.hq.accounts import DAY_MS
from tests.hq.assessing import close_period
from tests.hq.conftest import Hq, copy_of
from tests.hq.desk import Desk
from tests.hq.events import DAY, purchase
from tests.hq.till import NOW_MS, Till

PERIOD = "2026-H2"
JANUARY_5, JANUARY_16, JULY_15 = DAY + 45, DAY + 56, DAY + 236
"""In 2027: days of the period after. What 2026-H2 gives holds from the second through the third."""


TOTALS = {"M1": 97, "M2": 99, "M3": 97, "M4": 96, "M5": 100, "M6": 0, "M7": 297}
"""What the members of `desk` have of 2026-H2; SILVER begins at 100, GOLD at 300."""


@dataclass
class Appeals(Desk):
    """Rules on appeals: `kim` opens and proposes, `lee` approves unless told otherwise."""

    grants: Grants = field(default_factory=Grants)
    member_till: Till | None = None
    sold: int = 0

    @property
    def config(self) -> HqConfig:
        return msgspec.structs.replace(self.hq.config, adjustments=self.limits, grants=self.grants)

    def stand(self, totals: Mapping[str, int]) -> None:
        """Let members have so many points of 2026-H2, by one purchase each."""
        if self.member_till is None:
            self.member_till = self.till()
        events = []
        for member, points in totals.items():
            self.sold += 1
            events.append(purchase(f"n{self.sold}", points * 1_000, f"id:{member}"))
        self.send(self.member_till, *events)

    def on(self, day: int) -> None:
        """Let it be a business day."""
        self.hq.clock.now = NOW_MS + (day - DAY) * DAY_MS

    def close(self, period_id: str = PERIOD, day: int = JANUARY_5) -> None:
        """Close a period on a day, as its close does."""
        self.on(day)
        close_period(self.hq, period_id)

    def open(
        self, member: str = "M1", words: str = "three points", by: str = "kim", period: str = PERIOD
    ) -> int:
        now = self.hq.clock()

        def work(tx: Transaction, house: House) -> int:
            named = find_present(tx, house, member, "KR").named
            evidence = appeal(tx, house, named, period, now)
            return open_case(tx, house, named, evidence, words, by, now)

        return self.write(work)

    def file(self, number: int) -> CaseFile:
        now = self.hq.clock()
        return self.read(lambda tx, house: case_file(tx, house, number, now))

    def state(self, number: int) -> str:
        return self.file(number).case.state

    def ask(
        self,
        number: int,
        code: str = "near-miss",
        *,
        alone: bool = False,
        until: int | None = None,
        by: str = "kim",
    ) -> int:
        """Propose to grant what a case asks for."""
        now, asked = self.hq.clock(), Asked(reason_code=code, alone=alone, until_day=until)  # type: ignore[arg-type]

        def work(tx: Transaction, house: House) -> int:
            evidence = evidence_on(tx, house, number, now)
            return propose_grant(tx, house, self.grants, number, asked, evidence, said(by, "so near"), now)

        return self.write(work)

    def approve(self, number: int, by: str = "lee") -> Decision:
        now = self.hq.clock()
        return self.write(lambda tx, house: approve(tx, house, self.config, number, by, now))

    def post_once(self) -> int:
        """Post the grants of one more bucket; returns how many members were ruled on."""
        return self.write(lambda tx, _: post_some(tx, self.hq.clock()))

    def post(self) -> int:
        """Post the grants of all buckets; returns how many members were ruled on."""
        ruled = 0
        while done := self.post_once():
            ruled += done
        return ruled

    def grant(self, number: int, code: str = "near-miss", *, alone: bool = False) -> int:
        """Grant what a case asks for, by two people."""
        made = self.ask(number, code, alone=alone)
        self.approve(made)
        self.post()
        return made

    def deny(self, number: int, code: str = "near-miss", by: str = "kim") -> int:
        """Refuse a case."""
        now = self.hq.clock()

        def work(tx: Transaction, house: House) -> int:
            evidence = evidence_on(tx, house, number, now)
            return refuse_case(
                tx, house, self.grants, number, code, evidence, said(by, "below is below"), now
            )

        return self.write(work)

    def withdraw(self, number: int) -> int:
        now = self.hq.clock()
        return self.write(lambda tx, _: withdraw_case(tx, number, said("kim", "the member asked"), now))

    def granted(self) -> dict[str, str]:
        """Return who was granted which tier."""
        return dict(self.hq.sql("SELECT member_id, tier FROM grants ORDER BY member_id, decision"))

    def covered(self, number: int) -> dict[str, str]:
        """Return what became of whom a decision covers."""
        rows = self.hq.sql("SELECT decision, member_id, outcome FROM covered ORDER BY member_id")
        return {member: outcome for decision, member, outcome in rows if decision == number}


def appeals(
    hq: Hq, totals: Mapping[str, int], before: Callable[[Appeals], object] = lambda _: None
) -> Appeals:
    """Return a desk with these members of a closed 2026-H2, on 5 January 2027; `before` comes before that."""
    hq.members("member_id,lookups,name,home_store\n" + "".join(f"{member},,,S012\n" for member in totals))
    desk = Appeals(hq)
    desk.stand({member: points for member, points in totals.items() if points})
    before(desk)
    desk.close()
    return desk


_CLOSED: Final[list[Appeals]] = []


@pytest.fixture(scope="session")
def closed(founded: Hq, tmp_path_factory: pytest.TempPathFactory) -> Appeals:
    """A half-year that was closed, to be copied; each module that asks has the same one."""
    if not _CLOSED:
        _CLOSED.append(appeals(copy_of(founded, tmp_path_factory.mktemp("closed")), TOTALS))
    return _CLOSED[0]


@pytest.fixture
def desk(closed: Appeals, tmp_path_factory: pytest.TempPathFactory) -> Appeals:
    hq = copy_of(closed.hq, tmp_path_factory.mktemp("desk"))
    return Appeals(hq, sold=closed.sold)
