"""A chain that lives through anything comes to the oracle's figures: short here, long with `make soak`."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from edge_agent.store.database import transaction
from loyalty_core.calendar import day_of
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.events import HQ, EventId
from loyalty_core.units import Seq
from tests.edge import made
from tests.oracle.reading import figures
from tests.oracle.told import survivor
from tests.oracle.world import Adjustment
from tests.simulation.chain import CARDS, STRAY, Chain, CutOff, SimTill, cut_off
from tests.simulation.rules import PIECES, programme_text

tills = st.integers(0, 2)
members = st.sampled_from([*CARDS.values(), *CARDS.values(), CARDS["M1"], None, STRAY])
known = st.sampled_from(list(CARDS.values()))
ago = st.sampled_from([0, 0, 0, 1, 2, 9, 20])
times = st.sampled_from(["05:00", "09:30", "11:59", "12:00", "12:01", "14:00"])
power = st.one_of(st.none(), st.none(), st.none(), st.integers(0, 2_000))
lines = st.lists(
    st.fixed_dictionaries(
        {
            "sku": st.sampled_from(["A", "B", ""]),
            "category": st.sampled_from(["golf", "food"]),
            "quantity": st.sampled_from(["1", "2", "0.5"]),
            "net_minor": st.sampled_from([990, 1_000, 4_500, 12_990]),
        }
    ),
    max_size=3,
)
tenders = st.sampled_from([[], [("card", 3_000)], [("points", 500), ("card", 500)], [("gift_card", 2_000)]])

sales = st.fixed_dictionaries(
    {
        "till": tills,
        "member": members,
        "ago": ago,
        "at": times,
        "lines": lines,
        "tenders": tenders,
        "extra": st.integers(-300, 9_000),
    }
)


class LedgerMachine(RuleBasedStateMachine):
    """What people, tills, lines and headquarters do in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="dangol-simulation-"))
        self.chain = Chain(self.folder)
        self.sold: list[tuple[int, dict[str, Any]]] = []
        self.number = 0

    def teardown(self) -> None:
        try:
            self.check()
        finally:
            self.chain.close()
            shutil.rmtree(self.folder)

    @initialize(pieces=st.sets(st.integers(0, len(PIECES) - 1)), combine=st.sampled_from(["best", "product"]))
    def start(self, pieces: set[int], combine: str) -> None:
        self.publish(pieces, combine, "2026-02-01")

    @rule(sales=st.lists(sales, min_size=1, max_size=4), power=power)
    def sell(self, sales: list[dict[str, Any]], power: int | None) -> None:
        for sale in sales:
            net = sum(line["net_minor"] for line in sale["lines"]) + sale["extra"]
            told = self.receipt("purchase", sale["till"], sale["ago"], sale["at"]) | {
                "member": sale["member"],
                "net_minor": max(0, net),
                "lines": [{"number": place + 1, **line} for place, line in enumerate(sale["lines"])],
                "tenders": [{"type": kind, "amount_minor": amount} for kind, amount in sale["tenders"]],
            }
            self.sold.append((sale["till"], told))
            self.hand_in(sale["till"], told, power)

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), member=members, other=st.booleans(), power=power)
    def copy(self, data: st.DataObject, member: str | None, other: bool, power: int | None) -> None:
        till, sale = data.draw(st.sampled_from(self.sold))
        place = 1 - till if other and till < 2 else till
        self.hand_in(place, sale | {"member": member}, power)

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), till=tills, ago=ago, at=times, power=power)
    def bring_back(self, data: st.DataObject, till: int, ago: int, at: str, power: int | None) -> None:
        _, sale = data.draw(st.sampled_from(self.sold))
        lines = data.draw(st.lists(st.sampled_from(sale["lines"]), max_size=2)) if sale["lines"] else []
        back = self.receipt("return", till, ago, at) | {
            "original": sale["receipt"] if data.draw(st.booleans()) or lines else None,
            "lines": [line | {"quantity": data.draw(st.sampled_from(["1", "0.5"]))} for line in lines],
            "net_minor": data.draw(st.sampled_from([500, 3_000, sale["net_minor"] or 1])),
        }
        self.hand_in(till, back, power)

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), ago=ago, at=times, power=power)
    def void(self, data: st.DataObject, ago: int, at: str, power: int | None) -> None:
        till, sale = data.draw(st.sampled_from(self.sold))
        self.hand_in(till, self.receipt("void", till, ago, at) | {"original": sale["receipt"]}, power)

    @rule(visits=st.lists(st.tuples(tills, known, ago, times), min_size=1, max_size=3), power=power)
    def visit(self, visits: list[tuple[int, str, int, str]], power: int | None) -> None:
        for till, member, ago, at in visits:
            self.hand_in(till, self.receipt("visit", till, ago, at) | {"member": member}, power)

    @precondition(lambda self: self.sold)
    @rule(data=st.data(), till=tills, member=known, ago=ago, at=times)
    def claim(self, data: st.DataObject, till: int, member: str, ago: int, at: str) -> None:
        _, sale = data.draw(st.sampled_from(self.sold))
        self.number += 1
        self.allowed(
            lambda: self.chain.tills[till].claim(
                member, sale["receipt"], self.when(ago, at), str(self.number)
            ),
            "claim_refused",
            "claim_late",
        )

    @rule(till=tills)
    def talk(self, till: int) -> None:
        self.chain.tills[till].exchange_once()

    @rule(till=tills, lose=st.sampled_from(["", "request", "reply"]), twice=st.booleans(), power=power)
    def talk_badly(self, till: int, lose: str, twice: bool, power: int | None) -> None:
        with suppress(CutOff):
            self.chain.tills[till].exchange_once(lose=lose, twice=twice, power=power)

    @rule()
    def chores(self) -> None:
        self.chain.chores()

    @rule(days=st.sampled_from([1, 3, 30, 200]))
    def days_pass(self, days: int) -> None:
        self.chain.go_on(days)

    @rule(
        pieces=st.sets(st.integers(0, len(PIECES) - 1)),
        combine=st.sampled_from(["best", "product", "sum"]),
        back=st.sampled_from([0, 5, 60]),
    )
    def publish_another(self, pieces: set[int], combine: str, back: int) -> None:
        self.publish(pieces, combine, (self.chain.today - timedelta(days=back)).isoformat())

    @rule(
        member=st.sampled_from(list(CARDS)),
        redeemable=st.sampled_from([0, 20, -15]),
        qualifying=st.sampled_from([0, 7, -4]),
    )
    def adjust(self, member: str, redeemable: int, qualifying: int) -> None:
        if not redeemable and not qualifying:
            return
        today = day_of(self.chain.today)
        number = self.chain.desk.propose(member, redeemable, qualifying, day=today)
        self.chain.desk.approve(number)
        decided = EventId(HQ, 1, 0, Seq(number))
        self.chain.adjustments.append(
            Adjustment(id=decided, member=member, day=today, redeemable=redeemable, qualifying=qualifying)
        )

    @rule(pair=st.sampled_from([("M2", "M1"), ("M1", "M3"), ("M3", "M2")]))
    def merge(self, pair: tuple[str, str]) -> None:
        one, into = pair
        heads = self.chain.merges
        if one in heads or into in heads:
            return
        self.chain.desk.merge(one, into)
        heads[one] = into

    @precondition(lambda self: self.chain.merges)
    @rule(data=st.data())
    def unmerge(self, data: st.DataObject) -> None:
        one = data.draw(st.sampled_from(sorted(self.chain.merges)))
        self.chain.desk.unmerge(one)
        del self.chain.merges[one]

    @precondition(lambda self: f"card:{STRAY}" not in self.chain.names)
    @rule(member=st.sampled_from(list(CARDS)))
    def attach(self, member: str) -> None:
        if self.allowed(lambda: self.chain.desk.attach(STRAY, member), "nothing_held", "reference_unknown"):
            self.chain.names[f"card:{STRAY}"] = member

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
        chain.audited()
        for till in chain.tills:
            for member in CARDS:
                row = till.conn.execute("SELECT 1 FROM member WHERE member_id = ?", (member,)).fetchone()
                if row is not None:
                    assert chain.shown(till, member) == stands.get(member, ({}, 0))[1]

    def publish(self, pieces: set[int], combine: str, since: str) -> None:
        self.chain.versions += 1
        self.chain.hq.publish(programme_text(self.chain.versions, since, pieces, combine=combine))

    def receipt(self, kind: str, till: int, ago: int, at: str) -> dict[str, Any]:
        self.number += 1
        one = self.chain.tills[till]
        return {
            "kind": kind,
            "receipt": {
                "store": one.store_id,
                "till": one.code,
                "business_date": self.when(ago, at)[:10],
                "number": str(self.number),
            },
            "occurred_at": self.when(ago, at).replace(" ", "T") + ":00+09:00",
        }

    def when(self, ago: int, at: str) -> str:
        return f"{self.chain.today - timedelta(days=ago)} {at}"

    def hand_in(self, till: int, receipt: dict[str, Any], power: int | None) -> None:
        """Hand a receipt in as a till's software does: again, where nobody answered."""
        one = self.chain.tills[till]
        said = {name: value for name, value in receipt.items() if value is not None}
        try:
            self.allowed(lambda: self.record(one, said, power), "receipt_conflict")
        except CutOff:
            self.allowed(lambda: self.record(one, said, None), "receipt_conflict")

    def record(self, till: SimTill, receipt: dict[str, Any], power: int | None) -> None:
        with transaction(till.conn), cut_off(till.conn, power):
            made.recorded(till.recorder, till.conn, receipt)

    def allowed(self, work: Any, *codes: str) -> bool:
        """Do it, and tell whether it was done; what may be refused may be."""
        try:
            work()
        except (BadInput, LoyaltyError) as error:
            if error.code not in codes:
                raise
            return False
        return True


TestLedger = LedgerMachine.TestCase
TestLedger.settings = settings(
    max_examples=12, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
