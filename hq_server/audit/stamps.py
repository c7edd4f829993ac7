"""Stamps: the last event of each journal that touched a member, as HQ tells the journal's till.

An event touches whom it names, and who owned its receipt, or had paid it with points, when it came. None of
the first kind may lie above the stamp, and every stamp must lie at an event of either kind. When who owned a
receipt is not told again: whom the receipt names, or who claims it, may have. What touches a member touches
everyone who ever counted as the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from hq_server.arrivals import Touched
from hq_server.audit.comparing import differs
from hq_server.house import House
from hq_server.lineage import name_of
from hq_server.merges import groups_of
from hq_server.references import bucket_of, keys_json, members_of, reference_of
from hq_server.store.connection import Transaction
from loyalty_core.events import (
    CouponUsed,
    EventId,
    Fact,
    PurchaseRecorded,
    ReceiptClaimed,
    RedemptionCommitted,
    VisitRecorded,
)
from loyalty_core.units import Seq

_OWNING: Final = (PurchaseRecorded, VisitRecorded, ReceiptClaimed, RedemptionCommitted, CouponUsed)
Touch = tuple[str, EventId]
"""A member and an event."""
_Stamped = tuple[str, str, int, int]
"""A member and a journal: terminal, epoch, branch."""


class Stamps:
    """Counts the stamps that events account for, while the other parts of the audit go over the events."""

    def __init__(self, tx: Transaction, house: House, kin: Mapping[str, tuple[str, ...]]) -> None:
        self._tx, self._house, self._kin = tx, house, kin
        self._stores = {row[1]: row[0] for row in tx.all("arrivals.terminals")}
        self._head_of = groups_of(tx, house.bucket_count, kin).head_of
        self._accounted = 0
        # Of members who were merged one stamp may be accounted for twice: by their own events and by others'.
        self._of_kin: set[_Stamped] = set()

    def named(self, terminal_id: str, touched: Touched) -> None:
        """Take in the last event of a batch that names each reference."""
        members = members_of(self._tx, {name for name, _, _ in touched}, self._house.bucket_count)
        last: dict[tuple[str, int, int], int] = {}
        for (reference, *journal), seq in touched.items():
            if reference in members:
                key = members[reference], journal[0], journal[1]
                last[key] = max(seq, last.get(key, 0))
        stamps = self._stamps((name, terminal_id) for member, *_ in last for name in self._all(member))
        for (member, epoch, branch), seq in last.items():
            for name in dict.fromkeys((member, self._head_of.get(member, member))):
                stamp = stamps.get((name, terminal_id, epoch, branch), 0)
                if stamp < seq:
                    where = f"member {name}, journal {name_of(terminal_id, epoch, branch)}"
                    differs(where, f"the stamp {stamp} is below event {seq}, which names the member")
            self._account(member, EventId(terminal_id, epoch, branch, Seq(seq)), stamps)

    def filed(self, store_id: str, receipts: Iterable[list[Fact]]) -> None:
        """Take in receipts of several facts: each fact may have touched everyone whom the receipt names."""
        may: list[tuple[str, Fact]] = []
        for facts in receipts:
            own = [fact for fact in facts if isinstance(fact.event, _OWNING)]
            owners = {reference_of(f.event.member, store_id) for f in own if f.event.member is not None}
            may += [(owner, fact) for fact in facts for owner in owners]
        names = {owner for owner, _ in may} | {
            name for _, fact in may if (name := self._name(fact)) is not None
        }
        members = members_of(self._tx, names, self._house.bucket_count)
        touches: set[Touch] = set()
        for owner, fact in may:
            name = self._name(fact)
            if owner in members and (name is None or members.get(name) != members[owner]):
                touches.add((members[owner], fact.id))
        stamps = self._stamps(
            (name, event.terminal_id) for member, event in touches for name in self._all(member)
        )
        for member, event in touches:
            self._account(member, event, stamps)

    def check(self) -> None:
        """End the audit where a stamp lies at no event that touched its member."""
        row = self._tx.one("accounts.stamp_count")
        accounted = self._accounted + len(self._of_kin)
        if row is None or row[0] != accounted:
            stands = row[0] if row else 0
            differs("stamps", f"{stands} stand, {accounted} of them at an event that touched the member")

    def _account(self, member: str, event: EventId, stamps: Mapping[_Stamped, int]) -> None:
        """Account for the stamps that lie at an event which touched a member."""
        of = event.terminal_id, event.epoch, event.branch
        found = [(name, *of) for name in self._all(member) if stamps.get((name, *of)) == event.seq]
        if member in self._kin:
            self._of_kin.update(found)
        else:
            self._accounted += len(found)

    def _all(self, member: str) -> tuple[str, ...]:
        """Return everyone who ever counted as the same member."""
        return self._kin.get(member, (member,))

    def _name(self, fact: Fact) -> str | None:
        store_id = self._stores.get(fact.id.terminal_id, "")
        return None if fact.event.member is None else reference_of(fact.event.member, store_id)

    def _stamps(self, wanted: Iterable[tuple[str, str]]) -> dict[_Stamped, int]:
        keys = keys_json(
            (bucket_of(member, self._house.bucket_count), member, terminal_id)
            for member, terminal_id in set(wanted)
        )
        return {
            (row[0], row[1], row[2], row[3]): row[4] for row in self._tx.all("accounts.stamps_at", keys=keys)
        }
