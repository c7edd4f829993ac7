"""Explanations: the programme version and the steps of an entry are those that it was derived by.

What is posted later leaves an entry alone that keeps its points, though its steps may read otherwise now: the
day's total that a void saw, say. So an entry is right whose steps follow from the day as it stands, or from
what of the day had been posted with it or before it. What moved nothing leaves no trace of when it came: any
of it may have been there. On a day with much of that, with corrections, with several returns of one
purchase (what a return left depends on those that had come before it), or of which more was told than stands
on it (a placing, a copy, a claim, what went to another day or member), the past cannot be told from what
stands; there the steps need only lead to the entry's points.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final

import msgspec

from hq_server.audit.comparing import differs
from hq_server.house import House
from hq_server.ledger import LedgerAccount, LedgerDay
from hq_server.posted import steps_json
from hq_server.references import bucket_of
from hq_server.spread import facts_in
from hq_server.store.connection import Transaction
from loyalty_core.accrual import derive_day
from loyalty_core.assessment import Group, tier_on
from loyalty_core.day_rules import rules_of_day
from loyalty_core.entries import NO_EVENT, PointEntry, Step
from loyalty_core.events import EventId
from loyalty_core.programme import Programme
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day

_BUILT_UP: Final = frozenset({"earn", "correction"})
"""Kinds of entry whose points are where their steps lead; those of the others are what their steps moved."""
_IDLE_MAX: Final = 5
"""The most events of a day that moved nothing whose every choice is tried: these are 32."""
_STEPS: Final = msgspec.json.Decoder(tuple[Step, ...])


def check_account_explained(account: LedgerAccount) -> None:
    """End the audit at the first entry of the whole account whose steps do not lead to its points."""
    for one in account.posted:
        entry = one.entry
        if entry.kind not in ("earn", "clawback", "correction") and not _leads_to(entry, one.steps):
            where = f"member {account.member_id}, {entry.kind} of {source_of(entry)}"
            differs(where, "its steps do not lead to its points")


def source_of(entry: PointEntry) -> str:
    """Return what an entry follows from: its event, or the rule or lot of a whole account."""
    return f"rule {entry.rule}" if entry.event == NO_EVENT else f"event {entry.event}"


def check_explained(
    tx: Transaction,
    house: House,
    day: LedgerDay,
    derived: Sequence[PointEntry],
    tiers: Group,
    *,
    past_is_lost: bool = False,
) -> None:
    """End the audit at the first entry of the day that its version or its steps do not explain.

    Where the past is lost, steps need only lead to their entry's points.
    """
    by_event = {(entry.event, entry.kind): entry for entry in derived}
    past_is_lost |= any(one.entry.kind == "correction" for one in day.posted)
    past_is_lost |= any(len(receipt.takebacks) > 1 for receipt in day.receipts)
    past_is_lost |= len(_idle(day)) > _IDLE_MAX
    for place, (entry, steps) in enumerate((one.entry, one.steps) for one in day.posted):
        where = f"member {day.member_id}, event {entry.event}"
        programme = _version(house, entry.programme_version)
        if programme is None or programme.effective_from > day.business_day:
            differs(where, f"programme version {entry.programme_version} does not cover its day")
        now = by_event.get((entry.event, entry.kind))
        stands = (entry.programme_version, steps)
        if entry.kind == "correction" or (
            now is not None and stands == (now.programme_version, steps_json(now))
        ):
            continue
        if not past_is_lost and any(steps == each for each in _could_have_been(programme, day, tiers, place)):
            continue
        if not past_is_lost and not _stood_otherwise(tx, house, day):
            differs(where, "its steps are not what its day gives")
        if not _leads_to(entry, steps):
            differs(where, "its steps do not lead to its points")


def _stood_otherwise(tx: Transaction, house: House, day: LedgerDay) -> bool:
    """Tell whether more was told of what is, or once was, on a day than items that stand and their takebacks.

    What changes an item, or moves it away, is a fact of its own, whether or not anything was posted for it.
    """
    rows = tx.all(
        "accounts.versions_on",
        bucket=bucket_of(day.member_id, house.bucket_count),
        member_id=day.member_id,
        business_day=day.business_day,
    )
    stands = sum(1 + len(receipt.takebacks) for receipt in day.receipts)
    return sum(facts_in(version) for (version,) in rows) > stands


def _version(house: House, number: int) -> Programme | None:
    return next((programme for programme in house.programmes if programme.version == number), None)


def _could_have_been(programme: Programme, day: LedgerDay, tiers: Group, place: int) -> Iterator[str]:
    """Return the steps of an entry by its own version: of the whole day, and of what was posted by then."""
    entry = day.posted[place].entry
    posted = [one.entry.event for one in day.posted]
    idle = _idle(day)
    # Where the posting ended that it was part of is not kept, so each end is tried.
    by_then = [set(posted[:end]) for end in range(place + 1, len(posted) + 1)]
    beside = [set(some) for count in range(len(idle) + 1) for some in combinations(idle, count)]
    on = Day(day.business_day)
    rules = rules_of_day(programme, on, tier_on(tiers, on, programme.ladder))
    for known in [events | some for some in beside for events in by_then]:
        receipts = [_as_of(receipt, known) for receipt in day.receipts if receipt.item.id in known]
        for derived in derive_day(rules, receipts):
            if (derived.event, derived.kind) == (entry.event, entry.kind):
                yield steps_json(derived)


def _idle(day: LedgerDay) -> list[EventId]:
    """Return the events of a day for which nothing is posted."""
    posted = {one.entry.event for one in day.posted}
    return [event for receipt in day.receipts for event in _events(receipt) if event not in posted]


def _events(receipt: Resolved) -> Iterator[EventId]:
    yield receipt.item.id
    for back in receipt.takebacks:
        yield back.id


def _as_of(receipt: Resolved, known: set[EventId]) -> Resolved:
    takebacks = tuple([back for back in receipt.takebacks if back.id in known])
    return msgspec.structs.replace(receipt, takebacks=takebacks)


def _leads_to(entry: PointEntry, text: str) -> bool:
    """Tell whether steps lead to the points of their entry: up from nothing, or by the last one alone."""
    try:
        steps = _STEPS.decode(text)
    except msgspec.DecodeError:
        return False
    led = {"redeemable": 0, "qualifying": 0}
    for step in steps:
        for affects in led if step.affects is None else (step.affects,):
            led[affects] = step.after if entry.kind in _BUILT_UP else step.after - step.before
    if entry.kind == "clawback":
        # A closed period may have parted what is taken: what counts toward the tier goes with either part.
        led_to = led["qualifying"] == entry.qualifying or led["qualifying"] <= entry.qualifying <= 0
        return led_to and entry.redeemable in (led["redeemable"], 0)
    return (led["redeemable"], led["qualifying"]) == (entry.redeemable, entry.qualifying)
