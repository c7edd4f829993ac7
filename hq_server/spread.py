"""Kept runs -> events by unique key, each fact filed under its receipt, and what each receipt amounts to now.

Writes the arrivals side only. What it returns goes to the accounts: resolved receipts with a version, of
which the newer wins (of one version the one that stands), and which member references each event touched. On
a database with many writers the rows of the stores concerned are locked first, in order, so that two facts of
one receipt cannot miss each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from hq_server.accept import BRANCH, Kept, Terminal
from hq_server.conflicts import Dispute, report_conflicts
from hq_server.exceptions import ArrivalException, open_arrivals
from hq_server.receipt_keys import Filed, SetAside, VisitAt, filed_under
from hq_server.references import reference_of
from hq_server.store.connection import Transaction, Values
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import EVENT_CODES, EventId, Fact, ReturnRecorded
from loyalty_core.journal import Record, unpack_record
from loyalty_core.receipts import Receipt, ReceiptRules, fold_receipt
from loyalty_core.resolved import Resolved
from loyalty_core.units import EpochMs, Seq

RESOLVED: Final = msgspec.msgpack.Decoder(Resolved)
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_UTC: Final = ZoneInfo("UTC")
_NOTHING: Final = Receipt(owner=None, resolved=None, conflicts=())

Place = tuple[int, int, int]
"""(epoch, branch, seq) of an event of the terminal at hand."""


class Delivery(msgspec.Struct, frozen=True):
    """A receipt as it stands now, for the account of its owner, and where it stood before.

    Owners are references, None where there is or was none. `version` is the number of its facts.
    """

    receipt_id: str
    version: int
    owner: str | None
    resolved: Resolved | None
    encoded: bytes | None
    owner_before: str | None
    day_before: int


class Spread(msgspec.Struct, frozen=True):
    """What the accounts must hear: deliveries, the last event that touched a reference, disputed owners."""

    deliveries: list[Delivery]
    touched: dict[str, Place]
    disputed: list[Dispute]


def spread(tx: Transaction, terminal: Terminal, runs: Sequence[Kept], now_ms: EpochMs) -> Spread:
    """Write events and facts of kept runs, fold every receipt they touch, and say what changed."""
    arrived = Arrivals(tx, terminal)
    for run in runs:
        for seq, (record, says) in enumerate(zip(run.records, run.says, strict=True), start=run.first_seq):
            arrived.take(EventId(terminal.terminal_id, run.epoch, BRANCH, Seq(seq)), record, says)
    result = Spread([], arrived.touched, [])
    zones = _zones(tx, arrived.facts)
    earlier = {store_id: facts_of(tx, store_id, facts) for store_id, facts in arrived.facts.items()}
    tx.many("arrivals.add_event", arrived.events)
    tx.many("arrivals.add_visiting_fact", arrived.visiting)
    open_arrivals(tx, arrived.exceptions, now_ms)
    for store_id, facts in arrived.facts.items():
        zone = zones.get(store_id, _UTC)
        folded = {
            key: _fold(result, store_id, key, earlier[store_id].get(key), new, zone)
            for key, new in facts.items()
        }
        result.disputed.extend(report_conflicts(tx, store_id, folded, earlier[store_id], now_ms))
    return result


class Arrivals:
    """Rows to write for the records taken so far, and their facts by store and receipt key."""

    def __init__(self, tx: Transaction, terminal: Terminal) -> None:
        self._tx = tx
        self._store_id = terminal.store_id
        self._visits: dict[Place, str] = {}
        self.events: list[Values] = []
        self.visiting: list[Values] = []
        self.exceptions: list[ArrivalException] = []
        self.facts: dict[str, dict[str, list[Fact]]] = {}
        self.touched: dict[str, Place] = {}

    def take(self, event_id: EventId, record: bytes, says: Record | LoyaltyError) -> None:
        """Take in one record; what cannot be understood or believed is kept, set aside and reported."""
        place = (self._store_id, event_id.terminal_id, event_id.epoch, event_id.branch, event_id.seq)
        if isinstance(says, LoyaltyError):
            self.events.append((*place, 0, None, "unreadable", None, None))
            self._report(event_id, "record_unreadable", str(says))
            return
        event = says.event
        what = (EVENT_CODES[type(event)], event.business_day)
        if event.member is not None:
            _touch(self.touched, reference_of(event.member, self._store_id), place[2:])
        try:
            filed = self._find(filed_under(says, event_id, self._store_id), event_id)
        except SetAside as error:
            self.events.append((*place, *what, "set_aside", None, None))
            self._report(event_id, error.code, str(error))
            return
        if filed is None:
            self.events.append((*place, *what, "taken", None, None))
            if isinstance(event, ReturnRecorded):
                self._report(event_id, "return_waiting", "the return does not say of which receipt it is")
            return
        if filed.store_id == self._store_id:
            self._visits[place[2:]] = filed.receipt_key
            self.events.append((*place, *what, "taken", filed.receipt_key, record))
        else:
            self.events.append((*place, *what, "taken", None, None))
            self.visiting.append((filed.store_id, filed.receipt_key, *place[1:], record))
        of_store = self.facts.setdefault(filed.store_id, {})
        of_store.setdefault(filed.receipt_key, []).append(Fact(event_id, event))

    def _find(self, filed: Filed | VisitAt | None, event_id: EventId) -> Filed | None:
        """Return where it is filed: a void of a keyless visit with the visit, by its place in the journal."""
        if not isinstance(filed, VisitAt):
            return filed
        key = self._visits.get((filed.epoch, event_id.branch, filed.seq))
        if key is None:
            row = self._tx.one(
                "arrivals.receipt_key_of",
                store_id=self._store_id,
                terminal_id=event_id.terminal_id,
                epoch=filed.epoch,
                branch=event_id.branch,
                seq=filed.seq,
            )
            key = None if row is None else row[0]
        if key is None or key[0] not in "env":
            raise SetAside("it undoes an event that is no visit of this terminal", code="original_missing")
        return Filed(self._store_id, key)

    def _report(self, event_id: EventId, kind: str, detail: str) -> None:
        self.exceptions.append(ArrivalException(self._store_id, kind, str(event_id), detail))


def facts_of(tx: Transaction, store_id: str, keys: Iterable[str]) -> dict[str, list[Fact]]:
    """Return every fact filed under these keys of one store, by key."""
    found: dict[str, list[Fact]] = {}
    rows = tx.all("arrivals.facts", store_id=store_id, keys=msgspec.json.encode(list(keys)).decode())
    for key, terminal_id, epoch, branch, seq, record in rows:
        fact = Fact(EventId(terminal_id, epoch, branch, Seq(seq)), unpack_record(record).event)
        found.setdefault(key, []).append(fact)
    return found


def encoded(resolved: Resolved | None) -> bytes | None:
    """Return a resolved receipt as it is stored."""
    return None if resolved is None else _ENCODE(resolved)


def _fold(
    result: Spread, store_id: str, key: str, earlier: list[Fact] | None, new: list[Fact], zone: ZoneInfo
) -> Receipt:
    """Fold a receipt with what came before, and add to the result what its accounts must hear."""
    rules = ReceiptRules(store_id, zone, lambda _: 0)
    before = fold_receipt(earlier, rules) if earlier else _NOTHING
    facts = [*earlier, *new] if earlier else new
    after = fold_receipt(facts, rules)
    owner = None if after.owner is None else reference_of(after.owner, store_id)
    if owner is not None:
        # The owner is touched by every event that is filed here, whoever that event names.
        last = max((fact.id.epoch, fact.id.branch, int(fact.id.seq)) for fact in new)
        _touch(result.touched, owner, last)
    if (before.owner, before.resolved) == (after.owner, after.resolved):
        return after
    if owner is not None or before.owner is not None:
        delivery = Delivery(
            f"{store_id}/{key}",
            len(facts),
            owner,
            after.resolved,
            encoded(after.resolved),
            None if before.owner is None else reference_of(before.owner, store_id),
            before.resolved.business_day if before.resolved is not None else 0,
        )
        result.deliveries.append(delivery)
    return after


def _touch(touched: dict[str, Place], reference: str, place: Place) -> None:
    if place > touched.get(reference, (0, 0, 0)):
        touched[reference] = place


def _zones(tx: Transaction, stores: Iterable[str]) -> dict[str, ZoneInfo]:
    keys = msgspec.json.encode(list(stores)).decode()
    return {store_id: ZoneInfo(name) for store_id, name in tx.all("arrivals.store_zones", keys=keys)}
