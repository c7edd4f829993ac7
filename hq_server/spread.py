"""Kept runs -> events by unique key, each fact filed under its receipt, and what each receipt amounts to now.

Writes the arrivals side only. What it returns goes to the accounts: resolved receipts with a version, of
which the newer wins (of one version the one that stands), and which member references each event touched. On
a database with many writers the rows of the stores concerned are locked first, in order, so that two facts of
one receipt cannot miss each other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from hq_server.accept import Terminal
from hq_server.conflicts import Dispute, report_conflicts
from hq_server.dating import note_dates
from hq_server.exceptions import ArrivalException, open_arrivals
from hq_server.house import House
from hq_server.keeping import Kept
from hq_server.lineage import Journals
from hq_server.open_days import place_of
from hq_server.receipt_facts import facts_of, receipt_rules, visitor
from hq_server.receipt_keys import Filed, SetAside, VisitAt, filed_under
from hq_server.references import reference_of
from hq_server.store.connection import Transaction, Values
from loyalty_core.calendar import Place as CalendarPlace
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import (
    EVENT_CODES,
    CouponUsed,
    EventId,
    Fact,
    RedemptionCancelled,
    RedemptionCommitted,
    ReturnRecorded,
)
from loyalty_core.journal import Record
from loyalty_core.lineage import Segment, holder
from loyalty_core.receipts import Receipt, ReceiptRules, fold_receipt
from loyalty_core.resolved import Resolved
from loyalty_core.units import EpochMs, Seq

RESOLVED: Final = msgspec.msgpack.Decoder(Resolved)
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_OF_A_REDEMPTION: Final = (RedemptionCommitted, RedemptionCancelled, CouponUsed)
_VISITS: Final = "env"
"""What the keys of visits begin with."""
_VERSIONS: Final = 1_000_000
"""More than there are programme versions: a receipt's own version counts its facts first."""
AT_ANY_SEQ: Final = 2**62
"""Above the number of any record: of its own journal an event may name whatever lies before it."""
_NOTHING: Final = Receipt(owner=None, resolved=None, conflicts=())

_Stood = tuple[str | None, Resolved | None]
"""An owner, and what stands for them."""
_NOBODY: Final[_Stood] = (None, None)
Place = tuple[int, int, int]
"""(epoch, branch, seq) of an event of the terminal at hand."""
Touched = dict[tuple[str, int, int], int]
"""Reference, epoch and branch -> the last seq of that journal that touched the reference."""


class Delivery(msgspec.Struct, frozen=True, gc=False):
    """A receipt, redemption or coupon as it stands now, for its owner's account, and where it stood before.

    Owners are references, None where there is or was none. `version` grows with every fact of the receipt,
    and with every programme under which it is folded again.
    """

    receipt_id: str
    version: int
    owner: str | None
    resolved: Resolved | None
    encoded: bytes | None
    owner_before: str | None
    day_before: int


class Spread(msgspec.Struct, frozen=True):
    """What the accounts must hear: deliveries, the last events that touched a reference, disputed owners.

    `redeemed` are redemptions that ended, committed or not, by the reference of their member.
    """

    deliveries: list[Delivery]
    touched: Touched
    disputed: list[Dispute]
    redeemed: dict[str, str]


def spread(
    tx: Transaction, house: House, terminal: Terminal, runs: Sequence[Kept], now_ms: EpochMs
) -> Spread:
    """Write events and facts of kept runs, fold every receipt they touch, and say what changed."""
    arrived = Arrivals(tx, terminal)
    for run in runs:
        for seq, (record, says) in enumerate(zip(run.records, run.says, strict=True), start=run.first_seq):
            arrived.take(EventId(terminal.terminal_id, run.epoch, run.branch, Seq(seq)), record, says)
    result = Spread([], arrived.touched, [], arrived.redeemed)
    earlier = {store_id: facts_of(tx, store_id, facts) for store_id, facts in arrived.facts.items()}
    tx.many("arrivals.add_event", arrived.events)
    tx.many("arrivals.add_visiting_fact", arrived.visiting)
    open_arrivals(tx, arrived.exceptions, now_ms)
    _fold_all(tx, house, result, arrived.facts, earlier, place_of(tx, terminal), now_ms)
    return result


def decide(
    tx: Transaction, house: House, filed: Iterable[tuple[Filed, Fact, bytes]], now_ms: EpochMs
) -> Spread:
    """File facts that HQ adds to receipts, and their records: claims, placings, returns that were matched."""
    result = Spread([], {}, [], {})
    facts: dict[str, dict[str, list[Fact]]] = {}
    rows: list[Values] = []
    for where, fact, record in filed:
        facts.setdefault(where.store_id, {}).setdefault(where.receipt_key, []).append(fact)
        rows.append((*msgspec.structs.astuple(where), *msgspec.structs.astuple(fact.id), record))
    earlier = {store_id: facts_of(tx, store_id, keys) for store_id, keys in facts.items()}
    tx.many("arrivals.add_visiting_fact", rows)
    _fold_all(tx, house, result, facts, earlier, house.newest.place, now_ms)
    return result


def fold_again(
    tx: Transaction, house: House, before: House, store_id: str, keys: Iterable[str], now_ms: EpochMs
) -> Spread:
    """Fold receipts again whose facts are the same, under programmes that changed."""
    result = Spread([], {}, [], {})
    earlier = facts_of(tx, store_id, keys)
    rules, old = receipt_rules(tx, house, [store_id]), receipt_rules(tx, before, [store_id])
    folded = {
        key: _fold(result, store_id, key, facts, [], rules[store_id], old[store_id])
        for key, facts in earlier.items()
    }
    result.disputed.extend(report_conflicts(tx, store_id, folded, earlier, now_ms))
    return result


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
            _touch(self.touched, reference, event_id)
            if isinstance(event, _OF_A_REDEMPTION):
                self.redeemed[event.redemption] = reference
        try:
            filed = self._find(filed_under(says, event_id, self._store_id), event_id)
        except SetAside as error:
            self.events.append((*row, code, day, "set_aside", None, None))
            self._report(event_id, error.code, str(error))
            return
        if filed is None:
            self.events.append((*row, code, day, "taken", None, None))
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


def encoded(resolved: Resolved | None) -> bytes | None:
    """Return a resolved receipt as it is stored."""
    return None if resolved is None else _ENCODE(resolved)


def facts_in(version: int) -> int:
    """Return how many facts a receipt had when it came to stand in this version."""
    return version // _VERSIONS


def _fold_all(
    tx: Transaction,
    house: House,
    result: Spread,
    new: Mapping[str, Mapping[str, list[Fact]]],
    earlier: Mapping[str, Mapping[str, list[Fact]]],
    place: CalendarPlace,
    now_ms: EpochMs,
) -> None:
    rules = receipt_rules(tx, house, new)
    for store_id, facts in new.items():
        known = earlier[store_id]
        folded = {
            key: _fold(result, store_id, key, known.get(key), of_key, rules[store_id])
            for key, of_key in facts.items()
        }
        result.disputed.extend(report_conflicts(tx, store_id, folded, known, now_ms))
        note_dates(tx, store_id, facts, folded, place, now_ms)


def _fold(
    result: Spread,
    store_id: str,
    key: str,
    earlier: list[Fact] | None,
    new: list[Fact],
    rules: ReceiptRules,
    rules_before: ReceiptRules | None = None,
) -> Receipt:
    """Fold a receipt with what came before, and add to the result what its accounts must hear."""
    before = fold_receipt(earlier, rules_before or rules) if earlier else _NOTHING
    facts = [*earlier, *new] if earlier else new
    after = fold_receipt(facts, rules)
    if after.owner is not None:
        # The owner is touched by every event that is filed here, whoever that event names.
        _touch_all(result.touched, reference_of(after.owner, store_id), new)
    version = len(facts) * _VERSIONS + rules.programmes
    was, now = (before.owner, before.resolved), (after.owner, after.resolved)
    _deliver(result, store_id, key, version, was, now)
    if before.spent or after.spent:
        spent_was = {one.name: (one.owner, one.resolved) for one in before.spent}
        spent = {one.name: (one.owner, one.resolved) for one in after.spent}
        for name in dict.fromkeys((*spent_was, *spent)):
            was, now = spent_was.get(name, _NOBODY), spent.get(name, _NOBODY)
            _deliver(result, store_id, f"{name}@{key}", version, was, now)
        # So is whoever paid with points: what takes the purchase back gives them back.
        for payer in {one.owner for one in after.spent if one.owner is not None}:
            _touch_all(result.touched, reference_of(payer, store_id), new)
    return after


def _deliver(result: Spread, store_id: str, name: str, version: int, was: _Stood, now: _Stood) -> None:
    """Add what an account must hear where something stands for another owner, or otherwise, than it did."""
    (owner_was, stood), (owner_is, stands) = was, now
    if was == now or (owner_was is None and owner_is is None):
        return
    result.deliveries.append(
        Delivery(
            f"{store_id}/{name}",
            version,
            None if owner_is is None else reference_of(owner_is, store_id),
            stands,
            encoded(stands),
            None if owner_was is None else reference_of(owner_was, store_id),
            0 if stood is None else stood.business_day,
        )
    )


def _touch_all(touched: Touched, reference: str, facts: Iterable[Fact]) -> None:
    for fact in facts:
        _touch(touched, reference, fact.id)


def _touch(touched: Touched, reference: str, event: EventId) -> None:
    key = reference, event.epoch, event.branch
    touched[key] = max(event.seq, touched.get(key, 0))
