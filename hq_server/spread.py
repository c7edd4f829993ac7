"""Kept runs -> events by unique key, facts under their receipt key, and what each receipt amounts to now.

Writes the arrivals side only. What it returns goes to the accounts: resolved receipts with a version, of
which the newer wins, and which member references each event touched.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from hq_server.accept import BRANCH, Kept, Terminal
from hq_server.exceptions import ArrivalException, close_arrivals, open_arrivals
from hq_server.receipt_keys import Filed, SetAside, VisitAt, filed_under
from hq_server.references import reference_of
from hq_server.store.connection import Transaction, Value
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import EVENT_CODES, EventId, Fact, ReturnRecorded
from loyalty_core.journal import Record, unpack_record
from loyalty_core.receipts import Conflict, Receipt, Resolved, fold_receipt
from loyalty_core.units import EpochMs, Seq

RESOLVED: Final = msgspec.msgpack.Decoder(Resolved)
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_UTC: Final = ZoneInfo("UTC")
_SENTENCES: Final = {
    "copy_differs": "a copy of this receipt has other content than the first one, which stands",
    "member_differs": "a copy of this receipt names another member than the first one, who keeps it",
    "original_missing": "the purchase or visit that it undoes has not come",
    "return_waiting": "returns are kept and not yet derived",
}

Place = tuple[int, int, int]
"""(epoch, branch, seq) of an event of the terminal at hand."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A receipt as it stands now, for the account of its owner, and where it stood before.

    Owners are references; `business_day` 0 and None say that there is, or was, no owner.
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


class Dispute(msgspec.Struct, frozen=True):
    """Two references named by copies of one receipt: an exception unless they are one member."""

    owner: str
    other: str
    exception: ArrivalException


class _Standing(msgspec.Struct, frozen=True):
    version: int
    owner: str | None
    resolved: bytes | None


def spread(tx: Transaction, terminal: Terminal, runs: Sequence[Kept], now_ms: EpochMs) -> Spread:
    """Write events and facts of kept runs, fold every receipt they touch, and say what changed."""
    arrived = Arrivals(tx, terminal)
    for run in runs:
        for seq, (record, says) in enumerate(zip(run.records, run.says, strict=True), start=run.first_seq):
            arrived.take(EventId(terminal.terminal_id, run.epoch, BRANCH, Seq(seq)), record, says)
    tx.many("arrivals.add_event", arrived.events)
    open_arrivals(tx, arrived.exceptions, now_ms)
    result = Spread([], arrived.touched, [])
    zones = _zones(tx, arrived.facts)
    for store_id, facts in arrived.facts.items():
        _fold(tx, store_id, zones.get(store_id, _UTC), facts, result, now_ms)
    return result


class Arrivals:
    """Rows to write for the events taken so far, and their facts by store and receipt key."""

    def __init__(self, tx: Transaction, terminal: Terminal) -> None:
        self._tx = tx
        self._store_id = terminal.store_id
        self._visits: dict[Place, str] = {}
        self.events: list[dict[str, Value]] = []
        self.exceptions: list[ArrivalException] = []
        self.facts: dict[str, dict[str, list[tuple[Fact, bytes]]]] = {}
        self.touched: dict[str, Place] = {}

    def take(self, event_id: EventId, record: bytes, says: Record | LoyaltyError) -> None:
        """Take in one record; what cannot be understood or believed is kept, set aside and reported."""
        if isinstance(says, LoyaltyError):
            self._row(event_id, None, None, "unreadable")
            self._report(event_id, "record_unreadable", str(says))
            return
        event = says.event
        place = (event_id.epoch, event_id.branch, event_id.seq)
        if event.member is not None:
            _touch(self.touched, reference_of(event.member, self._store_id), place)
        try:
            filed = self._find(filed_under(says, event_id, self._store_id), event_id)
        except SetAside as error:
            self._row(event_id, says, None, "set_aside")
            self._report(event_id, error.code, str(error))
            return
        self._row(event_id, says, None if filed is None else filed.receipt_key, "taken")
        if filed is not None:
            self._visits[place] = filed.receipt_key
            of_store = self.facts.setdefault(filed.store_id, {})
            of_store.setdefault(filed.receipt_key, []).append((Fact(event_id, event), record))
        elif isinstance(event, ReturnRecorded):
            self._report(event_id, "return_waiting", "the return does not say of which receipt it is")

    def _find(self, filed: Filed | VisitAt | None, event_id: EventId) -> Filed | None:
        """Return where it is filed: a void of a keyless visit with the visit, by its place in the journal."""
        if not isinstance(filed, VisitAt):
            return filed
        place = (filed.epoch, event_id.branch, filed.seq)
        key = self._visits.get(place)
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

    def _row(self, event_id: EventId, record: Record | None, receipt_key: str | None, state: str) -> None:
        event = None if record is None else record.event
        self.events.append(
            {
                "store_id": self._store_id,
                "terminal_id": event_id.terminal_id,
                "epoch": event_id.epoch,
                "branch": event_id.branch,
                "seq": event_id.seq,
                "code": EVENT_CODES[type(event)] if event else 0,
                "member": None if event is None else event.member,
                "business_day": None if event is None else event.business_day,
                "occurred_at_ms": None if event is None else event.occurred_at_ms,
                "receipt_key": receipt_key,
                "state": state,
            }
        )

    def _report(self, event_id: EventId, kind: str, detail: str) -> None:
        self.exceptions.append(ArrivalException(self._store_id, kind, str(event_id), detail))


def _fold(
    tx: Transaction,
    store_id: str,
    zone: ZoneInfo,
    arrived: dict[str, list[tuple[Fact, bytes]]],
    result: Spread,
    now_ms: EpochMs,
) -> None:
    """File the facts of one store's receipts and fold each receipt with the facts it had before."""
    keys = msgspec.json.encode(list(arrived)).decode()
    standing = {
        key: _Standing(version, owner, resolved)
        for key, version, owner, resolved in tx.all("arrivals.receipts", store_id=store_id, keys=keys)
    }
    earlier = facts_of(tx, store_id, standing)
    tx.many("arrivals.add_fact", _fact_rows(store_id, arrived))
    put: list[dict[str, Value]] = []
    conflicts: dict[str, tuple[Conflict, ...]] = {}
    for key, new in arrived.items():
        facts = [fact for fact, _ in new] + earlier.get(key, [])
        receipt = fold_receipt(facts, store_id, zone)
        if receipt.conflicts:
            conflicts[key] = receipt.conflicts
        before = standing.get(key)
        delivery = _delivery(store_id, key, receipt, before)
        if delivery is not None:
            put.append(
                {
                    "store_id": store_id,
                    "receipt_key": key,
                    "version": delivery.version,
                    "owner": delivery.owner,
                    "resolved": delivery.encoded,
                }
            )
            if delivery.owner is not None or delivery.owner_before is not None:
                result.deliveries.append(delivery)
        if receipt.owner is not None:
            # The owner is touched by every event that is filed here, whoever that event names.
            last = max((fact.id.epoch, fact.id.branch, int(fact.id.seq)) for fact, _ in new)
            _touch(result.touched, reference_of(receipt.owner, store_id), last)
    tx.many("arrivals.put_receipt", put)
    _report(tx, store_id, conflicts, standing, arrived, result, now_ms)


def facts_of(tx: Transaction, store_id: str, keys: Iterable[str]) -> dict[str, list[Fact]]:
    """Return every fact filed under these keys of one store, by key."""
    found: dict[str, list[Fact]] = {}
    wanted = list(keys)
    if wanted:
        rows = tx.all("arrivals.facts", store_id=store_id, keys=msgspec.json.encode(wanted).decode())
        for key, terminal_id, epoch, branch, seq, record in rows:
            fact = Fact(EventId(terminal_id, epoch, branch, Seq(seq)), unpack_record(record).event)
            found.setdefault(key, []).append(fact)
    return found


def encoded(resolved: Resolved | None) -> bytes | None:
    """Return a resolved receipt as it is stored."""
    return None if resolved is None else _ENCODE(resolved)


def _delivery(store_id: str, key: str, receipt: Receipt, before: _Standing | None) -> Delivery | None:
    """Return the receipt's next version, or None where it stands as it did."""
    owner = None if receipt.owner is None else reference_of(receipt.owner, store_id)
    blob = encoded(receipt.resolved)
    if before is not None and (before.owner, before.resolved) == (owner, blob):
        return None
    stood = before is not None and before.owner is not None and before.resolved is not None
    return Delivery(
        receipt_id=f"{store_id}/{key}",
        version=1 if before is None else before.version + 1,
        owner=owner,
        resolved=receipt.resolved,
        encoded=blob,
        owner_before=before.owner if before is not None and stood else None,
        day_before=RESOLVED.decode(before.resolved).business_day
        if before is not None and before.resolved is not None and stood
        else 0,
    )


def _touch(touched: dict[str, Place], reference: str, place: Place) -> None:
    if place > touched.get(reference, (0, 0, 0)):
        touched[reference] = place


def _report(
    tx: Transaction,
    store_id: str,
    conflicts: dict[str, tuple[Conflict, ...]],
    standing: dict[str, _Standing],
    arrived: dict[str, list[tuple[Fact, bytes]]],
    result: Spread,
    now_ms: EpochMs,
) -> None:
    """Open an exception for each conflict of these receipts, and close those that are no more."""
    keys = msgspec.json.encode([key for key in arrived if key in standing]).decode()
    found = tx.all("arrivals.exceptions_of_receipts", store_id=store_id, keys=keys) if standing else []
    gone = {(store_id, kind, subject) for _, kind, subject in found}
    opened = []
    owners = {d.receipt_id: d.owner for d in result.deliveries}
    for key, of_key in conflicts.items():
        for conflict in of_key:
            exception = ArrivalException(
                store_id, conflict.kind, str(conflict.event), _SENTENCES[conflict.kind], key
            )
            gone.discard((store_id, conflict.kind, exception.subject))
            if conflict.kind == "member_differs":
                before = standing.get(key)
                owner = owners.get(f"{store_id}/{key}") or (before and before.owner) or ""
                other = reference_of(conflict.names, store_id)
                result.disputed.append(Dispute(owner, other, exception))
            else:
                opened.append(exception)
    open_arrivals(tx, opened, now_ms)
    close_arrivals(tx, gone, now_ms)


def _fact_rows(store_id: str, arrived: dict[str, list[tuple[Fact, bytes]]]) -> list[dict[str, Value]]:
    return [
        {
            "store_id": store_id,
            "receipt_key": key,
            "terminal_id": fact.id.terminal_id,
            "epoch": fact.id.epoch,
            "branch": fact.id.branch,
            "seq": fact.id.seq,
            "record": record,
        }
        for key, facts in arrived.items()
        for fact, record in facts
    ]


def _zones(tx: Transaction, stores: Iterable[str]) -> dict[str, ZoneInfo]:
    keys = msgspec.json.encode(list(stores)).decode()
    return {store_id: ZoneInfo(name) for store_id, name in tx.all("arrivals.store_zones", keys=keys)}
