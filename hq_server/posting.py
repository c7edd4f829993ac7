"""Buckets: put resolved receipts into their member's days, derive each day again, post the difference.

Writes the accounts side only. The buckets concerned are locked first, in order; whatever is read is read
after that. Doing the same work twice posts nothing the second time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from hq_server.exceptions import AccountException, close_accounts, open_accounts
from hq_server.house import House, tier_in_force
from hq_server.references import bucket_of, keys_json
from hq_server.spread import RESOLVED
from hq_server.store.connection import Transaction, Values
from loyalty_core.accrual import DayRules, derive_day, rules_of_day
from loyalty_core.calendar import date_of
from loyalty_core.entries import PointEntry, Step, diff
from loyalty_core.events import EventId
from loyalty_core.programme import Programme, version_for
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day, EpochMs, Seq

MemberDay = tuple[str, int]
_STEPS: Final = msgspec.json.Encoder()


class Version(msgspec.Struct, frozen=True):
    """One receipt in one member-day. Without `resolved` it has moved away."""

    version: int
    resolved: Resolved | None
    encoded: bytes | None

    def beats(self, other: Version) -> bool:
        """Tell whether this one stays where both would lie: the newer, or of one version the one that stands.

        A receipt that goes from one name of a member to another leaves and comes in the same version.
        """
        mine, others = self.resolved is not None, other.resolved is not None
        return (self.version, mine) > (other.version, others)


class Stamp(msgspec.Struct, frozen=True):
    """An event of a terminal that touched a member; its store hears of the member from now on."""

    member_id: str
    terminal_id: str
    audience: str
    place: tuple[int, int, int]


class Work(msgspec.Struct, frozen=True):
    """What is to be posted: receipts by member-day, stamps, and (member, store) that hear of a change."""

    days: dict[MemberDay, dict[str, Version]] = msgspec.field(default_factory=dict)
    stamps: list[Stamp] = msgspec.field(default_factory=list)
    told: set[tuple[str, str]] = msgspec.field(default_factory=set)

    def put(self, member_id: str, business_day: int, receipt_id: str, version: Version) -> None:
        """Put a receipt into a member's day, where the version that beats the other stays."""
        day = self.days.setdefault((member_id, business_day), {})
        before = day.get(receipt_id)
        if before is None or version.beats(before):
            day[receipt_id] = version


def post(tx: Transaction, house: House, work: Work, now_ms: EpochMs) -> int:
    """Write the work's receipts, derive every day of it again, and return how many entries were posted."""
    told = work.told | {(stamp.member_id, stamp.audience) for stamp in work.stamps}
    changed = {member for member, _ in told} | {member for member, _ in work.days}
    if not changed:
        return 0
    buckets = {member: bucket_of(member, house.bucket_count) for member in changed}
    locked = tx.all("accounts.lock_buckets", buckets=msgspec.json.encode(set(buckets.values())).decode())
    change_no: dict[int, int] = dict(locked)
    days = _standing(tx, buckets, work)
    # A day that had no receipt has no entry either, so most days of a till's news need no look.
    posted = posted_entries(tx, ((buckets[member], member, day) for member, day in days))
    _put_receipts(tx, buckets, work, days)
    moves = _moves(tx, house, days, posted, now_ms)
    _append(tx, buckets, change_no, moves, now_ms)
    stamps = [(buckets[one.member_id], one.member_id, one.terminal_id, *one.place) for one in work.stamps]
    tx.many("accounts.put_stamp", stamps)
    _tell(tx, buckets, change_no, told, changed)
    return sum(len(entries) for entries in moves.values())


def derive(house: House, day: int, receipts: Iterable[Resolved]) -> tuple[PointEntry, ...] | None:
    """Return what should stand for a member-day, or None where no programme version covers it."""
    programme = version_for(house.programmes, Day(day))
    if programme is None:
        return None
    return derive_by(programme, day, receipts)


def derive_by(programme: Programme, day: int, receipts: Iterable[Resolved]) -> tuple[PointEntry, ...]:
    """Return what a programme version makes of a member-day."""
    return derive_day(_rules(programme, day), list(receipts))


def steps_json(entry: PointEntry) -> str:
    """Return the steps of an entry as they are stored."""
    return _STEPS.encode(entry.steps).decode()


def _rules(programme: Programme, day: int) -> DayRules:
    return rules_of_day(programme, Day(day), tier_in_force(programme))


def _standing(tx: Transaction, buckets: Mapping[str, int], work: Work) -> dict[MemberDay, dict[str, Version]]:
    """Return the receipts that stand on the days of the work, without the days that have none."""
    keys = keys_json((buckets[member], member, day) for member, day in work.days)
    standing: dict[MemberDay, dict[str, Version]] = {}
    for member, day, receipt_id, version, blob in tx.all("accounts.resolved_of_days", days=keys):
        resolved = None if blob is None else RESOLVED.decode(blob)
        standing.setdefault((member, day), {})[receipt_id] = Version(version, resolved, blob)
    return standing


def _put_receipts(
    tx: Transaction, buckets: Mapping[str, int], work: Work, days: dict[MemberDay, dict[str, Version]]
) -> None:
    """Write what beats what stands, and put it into the days."""
    rows: list[Values] = []
    for key, put in work.days.items():
        stands = days.setdefault(key, {})
        member, day = key
        for receipt_id, version in put.items():
            before = stands.get(receipt_id)
            if before is None or version.beats(before):
                stands[receipt_id] = version
                rows.append((buckets[member], member, day, receipt_id, version.version, version.encoded))
    tx.many("accounts.put_resolved", rows)


def _moves(
    tx: Transaction,
    house: House,
    days: Mapping[MemberDay, dict[str, Version]],
    posted: Mapping[MemberDay, list[PointEntry]],
    now_ms: EpochMs,
) -> dict[str, list[PointEntry]]:
    """Return the entries to append for each member."""
    rules: dict[int, DayRules | None] = {}
    moves: dict[str, list[PointEntry]] = defaultdict(list)
    uncovered: list[AccountException] = []
    for (member, day), versions in days.items():
        if day not in rules:
            programme = version_for(house.programmes, Day(day))
            rules[day] = None if programme is None else _rules(programme, day)
        of_day = rules[day]
        receipts = [version.resolved for version in versions.values() if version.resolved is not None]
        if of_day is None:
            if receipts:
                uncovered.append(_uncovered(member, day))
            continue
        entries = diff(derive_day(of_day, receipts), posted.get((member, day), ()))
        if entries:
            moves[member] += entries
    open_accounts(tx, uncovered, house.bucket_count, now_ms)
    return moves


def cover(tx: Transaction, house: House, days: Iterable[MemberDay], now_ms: EpochMs) -> None:
    """Close the exceptions of member-days that a programme version covers now."""
    covered = [_uncovered(member, day) for member, day in days if version_for(house.programmes, Day(day))]
    close_accounts(tx, covered, house.bucket_count, now_ms)


def _uncovered(member: str, day: int) -> AccountException:
    date = date_of(Day(day)).isoformat()
    return AccountException(
        member,
        "programme_missing",
        f"{member}/{date}",
        f"no programme version covers {date}: nothing is posted",
    )


def posted_entries(
    tx: Transaction, days: Iterable[tuple[int, str, int]]
) -> dict[MemberDay, list[PointEntry]]:
    """Return what is posted for (bucket, member, day), without the steps."""
    posted: dict[MemberDay, list[PointEntry]] = defaultdict(list)
    for row in tx.all("accounts.entries_of_days", days=keys_json(days)):
        posted[row[0], row[1]].append(posted_entry(row))
    return posted


def posted_entry(row: tuple[Any, ...], steps: tuple[Step, ...] = ()) -> PointEntry:
    """Return the entry of a row: member, earned day, the event's place, kind, corrects, day, period, points,
    programme version."""
    return PointEntry(
        event=EventId(row[2], row[3], row[4], Seq(row[5])),
        kind=row[6],
        corrects=row[7],
        earned_day=Day(row[1]),
        business_day=Day(row[8]),
        period_id=row[9],
        redeemable=row[10],
        qualifying=row[11],
        programme_version=row[12],
        steps=steps,
    )


def _append(
    tx: Transaction,
    buckets: Mapping[str, int],
    change_no: dict[int, int],
    moves: Mapping[str, list[PointEntry]],
    now_ms: EpochMs,
) -> None:
    """Append entries, each with the next change number of its bucket, and add them to the totals, summed."""
    rows: list[Values] = []
    totals: dict[tuple[int, str, str], tuple[int, int]] = {}
    for member, entries in moves.items():
        bucket = buckets[member]
        for entry in entries:
            number = change_no[bucket] = change_no[bucket] + 1
            rows.append(_entry_row(bucket, member, number, entry, now_ms))
            key = (bucket, member, entry.period_id)
            before = totals.get(key, (0, 0))
            totals[key] = (before[0] + entry.redeemable, before[1] + entry.qualifying)
    tx.many("accounts.add_entry", rows)
    tx.many("accounts.add_to_total", [(*key, *points) for key, points in totals.items()])


def _entry_row(bucket: int, member: str, number: int, entry: PointEntry, now_ms: EpochMs) -> Values:
    event = entry.event
    return (
        bucket,
        member,
        entry.earned_day,
        number,
        event.terminal_id,
        event.epoch,
        event.branch,
        event.seq,
        entry.kind,
        entry.corrects,
        entry.business_day,
        entry.period_id,
        entry.redeemable,
        entry.qualifying,
        entry.programme_version,
        steps_json(entry),
        now_ms,
    )


def _tell(
    tx: Transaction,
    buckets: Mapping[str, int],
    change_no: dict[int, int],
    told: set[tuple[str, str]],
    changed: set[str],
) -> None:
    """Give every changed member the next change number of its bucket, for all who hear of it."""
    members = keys_json((buckets[member], member) for member in changed)
    hearing = told.union(tx.all("accounts.audiences_of", members=members))
    numbers: dict[str, int] = {}
    for member in changed:
        bucket = buckets[member]
        numbers[member] = change_no[bucket] = change_no[bucket] + 1
    rows = [(buckets[member], member, name, numbers[member]) for member, name in hearing if name]
    tx.many("accounts.tell", rows)
    tx.many("accounts.set_change_no", list(change_no.items()))
