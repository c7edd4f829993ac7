"""Headquarters' desk in tests: decisions straight from their modules, and tills without a line between."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from hq_server import attaching, coupons, enrol, erasing, exchange, filing, merging, placing
from hq_server.accept import open_exchange
from hq_server.adjusting import Adjustment, AdjustmentKind, propose
from hq_server.config import Adjustments
from hq_server.decisions import Decision, decision, said
from hq_server.evidence import event_named, recorded
from hq_server.house import House, load_house
from hq_server.key_book import Keyring
from hq_server.members import find_present
from hq_server.rederive import rederive_some
from hq_server.store.connection import Transaction
from hq_server.verdicts import approve, refuse
from loyalty_core.events import Claim, Event, EventId
from loyalty_core.messages import Reply
from loyalty_core.units import Day
from tests.hq.conftest import Hq
from tests.hq.events import DAY
from tests.hq.till import Till

T = TypeVar("T")


@dataclass
class Desk:
    """Decides for one headquarters; `kim` proposes and `lee` approves unless told otherwise."""

    hq: Hq
    limits: Adjustments = field(default_factory=Adjustments)

    def write(self, work: Callable[[Transaction, House], T]) -> T:
        with self.hq.writing() as tx:
            return work(tx, load_house(tx))

    def read(self, work: Callable[[Transaction, House], T]) -> T:
        with self.hq.reading() as tx:
            return work(tx, load_house(tx))

    def decision(self, number: int) -> Decision:
        return self.read(lambda tx, _: decision(tx, number))

    def merge(self, member: str, into: str) -> int:
        now = self.hq.clock()

        def work(tx: Transaction, house: House) -> int:
            one, other = (find_present(tx, house, name, "KR").named for name in (member, into))
            return merging.merge(tx, house, one, other, said("kim", "one person"), now)

        return self.write(work)

    def unmerge(self, member: str) -> int:
        now = self.hq.clock()
        return self.write(lambda tx, house: merging.unmerge(tx, house, member, said("kim", "two"), now))

    def attach(self, text: str, member: str) -> int:
        now = self.hq.clock()
        by = said("kim", "showed it")

        def work(tx: Transaction, house: House) -> int:
            named = find_present(tx, house, member, "KR").named
            return attaching.attach_reference(tx, house, text, "KR", named, by, now)

        return self.write(work)

    def claim(self, receipt: str, member: str) -> int:
        now, key = self.hq.clock(), filing.receipt_named(receipt)
        by = said("kim", "showed the receipt")
        return self.write(lambda tx, house: filing.claim(tx, house, key, member, by, now))

    def match(self, event: EventId | str, receipt: str) -> int:
        now, key, by = self.hq.clock(), filing.receipt_named(receipt), said("kim", "the same goods")

        def work(tx: Transaction, house: House) -> int:
            return filing.match(tx, house, recorded(tx, event_named(str(event))), key, by, now)

        return self.write(work)

    def place(self, event: EventId | str, day: int, at: int | None = None) -> int:
        now, by = self.hq.clock(), said("kim", "the clock was wrong")

        def work(tx: Transaction, house: House) -> int:
            return placing.place(tx, house, recorded(tx, event_named(str(event))), Day(day), at, by, now)

        return self.write(work)

    def propose(
        self,
        member: str = "M1",
        redeemable: int = 50,
        qualifying: int = 0,
        *,
        kind: AdjustmentKind = "adjustment",
        code: str = "correction",
        day: int = DAY,
        by: str = "kim",
    ) -> int:
        asked = Adjustment(redeemable=redeemable, qualifying=qualifying, reason_code=code, business_day=day)
        now, limits = self.hq.clock(), self.limits
        return self.write(
            lambda tx, house: propose(tx, house, limits, member, kind, asked, said(by, "it was late"), now)
        )

    def approve(self, number: int, by: str = "lee") -> Decision:
        now, config = self.hq.clock(), msgspec.structs.replace(self.hq.config, adjustments=self.limits)
        return self.write(lambda tx, house: approve(tx, house, config, number, by, now))

    def refuse(self, number: int, by: str = "lee") -> Decision:
        now = self.hq.clock()
        return self.write(lambda tx, _: refuse(tx, number, by, now))

    def erase(self, member: str) -> int:
        now, by = self.hq.clock(), said("kim", "asked for it")
        number = self.write(lambda tx, house: erasing.propose_erasure(tx, house, member, by, now))
        self.approve(number)
        return number

    def issue(self, member: str, reward: str, days: tuple[int, int]) -> int:
        now, by, key = self.hq.clock(), said("kim", "a birthday"), self.hq.key
        of = (Day(days[0]), Day(days[1]))
        return self.write(lambda tx, house: coupons.issue(tx, house, member, reward, of, by, key, now))

    def coupons(self, *members: str) -> list[coupons.CouponView]:
        now = self.hq.clock()
        return self.read(lambda tx, house: coupons.coupons_of(tx, house, members, now))

    def derive(self) -> None:
        """Do what a publication marked."""
        while self.write(lambda tx, _: rederive_some(tx, self.hq.clock())):
            pass

    def till(self, store_id: str = "S012") -> Till:
        """Return a till that has joined."""
        till = Till(now=self.hq.clock)
        body = till.enrol_request(self.hq.invite(store_id))
        now, keys = self.hq.clock(), Keyring.of(self.hq.key)
        asked = enrol.open_enrol(body)
        joined = self.write(lambda tx, _: enrol.apply(tx, asked, now))
        answer = self.read(lambda tx, _: enrol.answer(tx, asked, joined, keys.signing(tx)))
        till.enrolled(answer, self.hq.public_key)
        return till

    def exchange(self, till: Till, *batches: bytes) -> Reply:
        """Let a till talk once."""
        return till.reply(self.answered(till.exchange_request(batches)))

    def answered(self, body: bytes) -> bytes:
        """Return the answer to what a till says."""
        now = self.hq.clock()
        answering = exchange.Answering(keys=Keyring.of(self.hq.key), snapshot_rows_max=500, next_in_ms=1)
        opened_ = self.read(lambda tx, house: open_exchange(tx, body, house.newest.programme_id, now))
        outcome = self.write(lambda tx, _: exchange.apply(tx, opened_, now))
        return self.read(lambda tx, _: exchange.answer(tx, answering, opened_, outcome, now))

    def send(self, till: Till, *events: Event, claim: Claim | None = None) -> list[EventId]:
        """Bring events by a till that answered each with a claim; returns their ids."""
        first = len(till.records) + 1
        for event in events:
            till.record(event, claim=claim)
        assert self.exchange(till, *([till.batch(first)] if events else [])).refusals == ()
        return [EventId(till.terminal_id, 1, 0, seq) for seq in range(first, len(till.records) + 1)]  # type: ignore[arg-type]
