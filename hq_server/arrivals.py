"""Records as they arrive -> the rows and facts that they are, and whom they touch; the audit asks the same.

Reads only: what is found is written by `spread`.
"""

from __future__ import annotations

from typing import Final

from hq_server.accept import Terminal
from hq_server.exceptions import ArrivalException
from hq_server.lineage import Journals
from hq_server.receipt_facts import visitor
from hq_server.receipt_keys import Filed, SetAside, VisitAt, filed_under
from hq_server.references import reference_of
from hq_server.store.connection import Transaction, Values
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import (
    EVENT_CODES,
    CouponUsed,
    EventId,
    Fact,
    MemberEnrolled,
    RedemptionCancelled,
    RedemptionCommitted,
    ReturnRecorded,
    TechnicianAction,
)
from loyalty_core.journal import Record
from loyalty_core.lineage import Segment, holder

AT_ANY_SEQ: Final = 2**62
"""Above the number of any record: of its own journal an event may name whatever lies before it."""
_OF_A_REDEMPTION: Final = (RedemptionCommitted, RedemptionCancelled, CouponUsed)
_VISITS: Final = "env"
"""What the keys of visits begin with."""
Place = tuple[int, int, int]
"""(epoch, branch, seq) of an event of the terminal at hand."""
Touched = dict[tuple[str, int, int], int]
"""Reference, epoch and branch -> the last seq of that journal that touched the reference."""


class Arrivals:
    """Rows to write for the records taken so far, and their facts by store and receipt key."""

    def __init__(self, tx: Transaction, terminal: Terminal) -> None:
        self._tx = tx
        self._store_id = terminal.store_id
        self._visits: dict[Place, str] = {}
        self._journals = Journals(tx, terminal.store_id, terminal.terminal_id)
        self._lineages: dict[tuple[int, int], list[Segment]] = {}
        self.events: list[Values] = []
        self.visiting: list[Values] = []
        self.exceptions: list[ArrivalException] = []
        self.facts: dict[str, dict[str, list[Fact]]] = {}
        self.touched: Touched = {}
        self.redeemed: dict[str, str] = {}
        self.enrolled: list[tuple[EventId, MemberEnrolled]] = []
        self.actions: list[tuple[EventId, TechnicianAction]] = []

    def take(self, event_id: EventId, record: bytes, says: Record | LoyaltyError) -> None:
        """Take in one record; what cannot be understood or believed is kept, set aside and reported."""
        place = (event_id.epoch, event_id.branch, int(event_id.seq))
        row = (self._store_id, event_id.terminal_id, *place)
        if isinstance(says, LoyaltyError):
            self.events.append((*row, 0, None, "unreadable", None, None))
            self._report(event_id, "record_unreadable", str(says))
            return
        event = says.event
        code, day = EVENT_CODES[type(event)], event.business_day
        if event.member is not None:
            reference = reference_of(event.member, self._store_id)
            touch(self.touched, reference, event_id)
            if isinstance(event, _OF_A_REDEMPTION):
                self.redeemed[event.redemption] = reference
        if isinstance(event, TechnicianAction):
            self.actions.append((event_id, event))
        try:
            filed = self._find(filed_under(says, event_id, self._store_id), event_id)
        except SetAside as error:
            self.events.append((*row, code, day, "set_aside", None, None))
            self._report(event_id, error.code, str(error))
            return
        if filed is None:
            self.events.append((*row, code, day, "taken", None, None))
            if isinstance(event, MemberEnrolled):
                self.enrolled.append((event_id, event))
            if isinstance(event, ReturnRecorded):
                self._report(event_id, "return_waiting", "the return does not say of which receipt it is")
            return
        store_id, key = filed.store_id, filed.receipt_key
        if store_id == self._store_id:
            if key[0] in _VISITS:
                self._visits[place] = key
            self.events.append((*row, code, day, "taken", key, record))
        else:
            self.events.append((*row, code, day, "taken", None, None))
            self.visiting.append((store_id, key, *row[1:], record))
            event = visitor(event, self._store_id)
        of_store = self.facts.setdefault(store_id, {})
        of_store.setdefault(key, []).append(Fact(event_id, event, says.claim))

    def _find(self, filed: Filed | VisitAt | None, event_id: EventId) -> Filed | None:
        """Return where it is filed: a void of a keyless visit with the visit, by its place in the journal."""
        if not isinstance(filed, VisitAt):
            return filed
        at = self._own(filed, event_id)
        key = None if at is None else self._visits.get((at.epoch, at.branch, filed.seq))
        if key is None and at is not None:
            row = self._tx.one(
                "arrivals.receipt_key_of",
                store_id=self._store_id,
                terminal_id=event_id.terminal_id,
                epoch=at.epoch,
                branch=at.branch,
                seq=filed.seq,
            )
            key = None if row is None else row[0]
        if key is None or key[0] not in _VISITS:
            raise SetAside("it undoes an event that is no visit of this terminal", code="original_missing")
        return Filed(self._store_id, key)

    def _own(self, named: VisitAt, event_id: EventId) -> Segment | None:
        """Return where an earlier record of the same till lies, on whichever branch or in which epoch."""
        if (named.epoch, named.seq) >= (event_id.epoch, event_id.seq):
            return None
        journal = event_id.epoch, event_id.branch
        if journal not in self._lineages:
            self._lineages[journal] = self._journals.lineage(Segment(*journal, AT_ANY_SEQ))
        return holder(self._lineages[journal], named.epoch, named.seq)

    def _report(self, event_id: EventId, kind: str, detail: str) -> None:
        self.exceptions.append(ArrivalException(self._store_id, kind, str(event_id), detail))


def touch(touched: Touched, reference: str, event: EventId) -> None:
    """Note that an event touched a reference."""
    key = reference, event.epoch, event.branch
    touched[key] = max(event.seq, touched.get(key, 0))
