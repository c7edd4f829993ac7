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
from hq_server.arrivals import Arrivals, Touched, touch
from hq_server.conflicts import Dispute, report_conflicts
from hq_server.dating import note_dates
from hq_server.exceptions import open_arrivals
from hq_server.house import House
from hq_server.keeping import Kept
from hq_server.open_days import place_of
from hq_server.receipt_facts import facts_of, receipt_rules
from hq_server.receipt_keys import Filed
from hq_server.references import reference_of
from hq_server.store.connection import Transaction, Values
from loyalty_core.calendar import Place as CalendarPlace
from loyalty_core.events import (
    EventId,
    Fact,
    MemberEnrolled,
)
from loyalty_core.journal import Record
from loyalty_core.receipts import Receipt, ReceiptRules, fold_receipt
from loyalty_core.resolved import Resolved
from loyalty_core.units import EpochMs, Seq

RESOLVED: Final = msgspec.msgpack.Decoder(Resolved)
_ENCODE: Final = msgspec.msgpack.Encoder().encode
_VERSIONS: Final = 1_000_000
"""More than there are programme versions: a receipt's own version counts its facts first."""
_NOTHING: Final = Receipt(owner=None, resolved=None, conflicts=())

_Stood = tuple[str | None, Resolved | None]
"""An owner, and what stands for them."""
_NOBODY: Final[_Stood] = (None, None)


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

    `redeemed` are redemptions that ended, committed or not, by the reference of their member, `enrolled` the
    enrolments among the events.
    """

    deliveries: list[Delivery]
    touched: Touched
    disputed: list[Dispute]
    redeemed: dict[str, str]
    enrolled: list[tuple[EventId, MemberEnrolled]]


def spread(
    tx: Transaction, house: House, terminal: Terminal, runs: Sequence[Kept], now_ms: EpochMs
) -> Spread:
    """Write events and facts of kept runs, fold every receipt they touch, and say what changed."""
    arrived = Arrivals(tx, terminal)
    for run in runs:
        for seq, (record, says) in enumerate(zip(run.records, run.says, strict=True), start=run.first_seq):
            arrived.take(EventId(terminal.terminal_id, run.epoch, run.branch, Seq(seq)), record, says)
    return _write(tx, house, terminal, arrived, "arrivals.add_event", now_ms, now_ms)


def spread_again(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    records: Iterable[tuple[EventId, bytes, Record]],
    came_ms: EpochMs,
    now_ms: EpochMs,
) -> Spread:
    """Write events that were set aside and are to be taken now, and fold and say as `spread` does.

    They came at `came_ms`.
    """
    arrived = Arrivals(tx, terminal)
    for event_id, record, says in records:
        arrived.take(event_id, record, says)
    return _write(tx, house, terminal, arrived, "arrivals.take_event", came_ms, now_ms)


def decide(
    tx: Transaction, house: House, filed: Iterable[tuple[Filed, Fact, bytes]], now_ms: EpochMs
) -> Spread:
    """File facts that HQ adds to receipts, and their records: claims, placings, returns that were matched."""
    result = Spread([], {}, [], {}, [])
    facts: dict[str, dict[str, list[Fact]]] = {}
    rows: list[Values] = []
    for where, fact, record in filed:
        facts.setdefault(where.store_id, {}).setdefault(where.receipt_key, []).append(fact)
        rows.append((*msgspec.structs.astuple(where), *msgspec.structs.astuple(fact.id), record))
    earlier = {store_id: facts_of(tx, store_id, keys) for store_id, keys in facts.items()}
    tx.many("arrivals.add_visiting_fact", rows)
    _fold_all(tx, house, result, facts, earlier, house.newest.place, now_ms, now_ms)
    return result


def fold_again(
    tx: Transaction, house: House, before: House, store_id: str, keys: Iterable[str], now_ms: EpochMs
) -> Spread:
    """Fold receipts again whose facts are the same, under programmes that changed."""
    result = Spread([], {}, [], {}, [])
    earlier = facts_of(tx, store_id, keys)
    rules, old = receipt_rules(tx, house, [store_id]), receipt_rules(tx, before, [store_id])
    folded = {
        key: _fold(result, store_id, key, facts, [], rules[store_id], old[store_id])
        for key, facts in earlier.items()
    }
    result.disputed.extend(report_conflicts(tx, store_id, folded, earlier, now_ms))
    return result


def encoded(resolved: Resolved | None) -> bytes | None:
    """Return a resolved receipt as it is stored."""
    return None if resolved is None else _ENCODE(resolved)


def facts_in(version: int) -> int:
    """Return how many facts a receipt had when it came to stand in this version."""
    return version // _VERSIONS


def _write(
    tx: Transaction,
    house: House,
    terminal: Terminal,
    arrived: Arrivals,
    statement: str,
    came_ms: EpochMs,
    now_ms: EpochMs,
) -> Spread:
    """Write what was taken in, the events by this statement, and fold every receipt that it touches."""
    result = Spread([], arrived.touched, [], arrived.redeemed, arrived.enrolled)
    earlier = {store_id: facts_of(tx, store_id, facts) for store_id, facts in arrived.facts.items()}
    tx.many(statement, arrived.events)
    tx.many("arrivals.add_visiting_fact", arrived.visiting)
    tx.many(
        "arrivals.add_technician_action",
        [
            (
                terminal.store_id,
                *msgspec.structs.astuple(event_id),
                came_ms,
                did.occurred_at_ms,
                did.person,
                did.pass_id,
                did.action,
                did.subject,
                did.outcome,
            )
            for event_id, did in arrived.actions
        ],
    )
    open_arrivals(tx, arrived.exceptions, now_ms)
    _fold_all(tx, house, result, arrived.facts, earlier, place_of(tx, terminal), came_ms, now_ms)
    return result


def _fold_all(
    tx: Transaction,
    house: House,
    result: Spread,
    new: Mapping[str, Mapping[str, list[Fact]]],
    earlier: Mapping[str, Mapping[str, list[Fact]]],
    place: CalendarPlace,
    came_ms: EpochMs,
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
        note_dates(tx, store_id, facts, folded, place, came_ms, now_ms)


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
    touching = new
    if earlier:
        # Also what these tills told of it before: while the receipt had no owner, it touched nobody.
        tills = {fact.id.terminal_id for fact in new}
        touching = [fact for fact in facts if fact.id.terminal_id in tills]
    if after.owner is not None:
        # The owner is touched by every event that is filed here, whoever that event names.
        _touch_all(result.touched, reference_of(after.owner, store_id), touching)
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
            _touch_all(result.touched, reference_of(payer, store_id), touching)
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
        touch(touched, reference, fact.id)
