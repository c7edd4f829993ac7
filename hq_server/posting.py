"""Buckets: put facts into their member's days, derive what they touch again, post the difference.

Writes the accounts side only. The buckets concerned are locked first, in order; whatever is read is read
after that. Doing the same work twice posts nothing the second time. Mostly a member-day is derived by itself;
`whole` derives all of a member where a day does not tell: merged members, closed periods, lots that expired.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from hq_server.counted import birthdays_of, drop_items, period_moves, put_items
from hq_server.coverage import note_coverage
from hq_server.derivation import NEVER_ASSESSED, Account, Items, rulebook_of, whole_account
from hq_server.differences import Touched, note_differences
from hq_server.exceptions import AccountException, close_accounts, open_accounts
from hq_server.feed.audience import FEED
from hq_server.house import House
from hq_server.member_facts import account_facts, days_of_group
from hq_server.merges import Groups, groups_of
from hq_server.posted import closed_by, entry_row, posted_entry
from hq_server.receipt_keys import is_account_fact
from hq_server.references import bucket_of, keys_json, places_json
from hq_server.spread import RESOLVED
from hq_server.store.connection import Transaction, Values
from hq_server.tiers.held import tiers_asked
from hq_server.tiers.restating import assessment_row, raised_by_totals
from hq_server.work import MemberDay, Version, Work
from loyalty_core.account import account_entries, credit_of
from loyalty_core.entries import PointEntry, diff
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day, EpochMs


def post(tx: Transaction, house: House, work: Work, now_ms: EpochMs) -> int:
    """Write the work's facts, derive what they touch again, and return how many entries were posted."""
    named = work.named()
    if not named:
        return 0
    groups = groups_of(tx, house.bucket_count, named)
    posting = _Posting(tx, house, groups, now_ms)
    days = posting.put(work)
    heads = {groups.head_of[member] for member in named}
    single = {head for head in heads if len(groups.members[head]) == 1}
    whole = posting.whole_ones(heads - single | {groups.head_of[member] for member in work.whole}, days)
    alone = single - whole
    touched = posting.derive_days({key: rows for key, rows in days.items() if key[0] in alone})
    for head in sorted(whole):
        touched.update(posting.derive_whole(head))
    moved = posting.append()
    posting.restate()
    everyone = [member for head in whole for member in groups.members[head]]
    note_differences(
        tx, posting.rules, posting.buckets, touched, posting.tiers, posting.known, everyone, now_ms
    )
    note_coverage(tx, house, posting.rules, touched, everyone, now_ms)
    posting.stamp(work)
    posting.tell({(groups.head_of[member], name) for member, name in work.hearing()}, heads | work.renewed)
    return moved


class _Posting:
    """One posting under the locks of its buckets: what it read, and the entries that it will append."""

    def __init__(self, tx: Transaction, house: House, groups: Groups, now_ms: EpochMs) -> None:
        self._tx, self._house, self._groups, self._now_ms = tx, house, groups, now_ms
        self.rules = rulebook_of(house)
        self.buckets = {
            member: bucket_of(member, house.bucket_count)
            for group in groups.members.values()
            for member in group
        }
        self._places = keys_json((bucket, member) for member, bucket in self.buckets.items())
        wanted = msgspec.json.encode(sorted(set(self.buckets.values()))).decode()
        locked = tx.all("accounts.lock_buckets", buckets=wanted)
        self._change_no: dict[int, int] = {bucket: number for bucket, number, *_ in locked}
        self._through: dict[int, int] = {bucket: through for bucket, _, through, *_ in locked}
        self._fed = {bucket for bucket, _, _, fed, _ in locked if fed}
        self._closes: dict[str, dict[int, int]] = defaultdict(dict)
        for bucket, period_id, entry_no in tx.all("accounts.closes", buckets=wanted):
            self._closes[period_id][bucket] = entry_no
        self.tiers = tiers_asked(tx, house, self.rules, groups)
        self.known: set[MemberDay] = set()
        """The days of the work that had facts before: the others have no entry, nor a difference, either."""
        self._moves: list[tuple[str, PointEntry]] = []
        self._restated: set[str] = set()
        """Whose closed totals moved."""

    def put(self, work: Work) -> dict[MemberDay, list[Resolved]]:
        """Write the facts that beat what stands; return what stands then on every day of the work."""
        standing: dict[MemberDay, dict[str, Version]] = {}
        rows = self._tx.all("accounts.resolved_of_days", days=self._keys(work.days))
        for member, day, receipt_id, version, blob in rows:
            resolved = None if blob is None else RESOLVED.decode(blob)
            standing.setdefault((member, day), {})[receipt_id] = Version(version, resolved, blob)
        self.known = set(standing)
        written: list[Values] = []
        for key, put in work.days.items():
            (member, day), stands = key, standing.setdefault(key, {})
            bucket = self.buckets[member]
            for receipt_id, one in put.items():
                before = stands.get(receipt_id)
                if before is None or one.beats(before):
                    stands[receipt_id] = one
                    account = int(is_account_fact(receipt_id))
                    written.append((bucket, member, day, receipt_id, one.version, one.encoded, account))
        self._tx.many("accounts.put_resolved", written)
        return {
            key: [one.resolved for one in standing[key].values() if one.resolved is not None]
            for key in sorted(work.days)
        }

    def whole_ones(self, heads: set[str], days: Iterable[MemberDay]) -> set[str]:
        """Return the heads of whom everything is to be derived: these, and whom a day alone does not tell."""
        found = set(heads)
        last_expiry: dict[int, Day] = {}
        for member, day in days:
            through = self._through[self.buckets[member]]
            if through not in last_expiry:
                last_expiry[through] = self.rules.last_expiry(through)
            if day < last_expiry[through] or (self._closes and self.rules.period_of(day).id in self._closes):
                found.add(self._groups.head_of[member])
        return found

    def derive_days(self, days: Mapping[MemberDay, Sequence[Resolved]]) -> Touched:
        """Derive each of these member-days by itself, and the rules over a period that they count towards."""
        if not days:
            return {}
        posted: dict[MemberDay, list[PointEntry]] = defaultdict(list)
        for row in self._tx.all("accounts.entries_of_days", days=self._keys(days.keys() & self.known)):
            posted[row[0], row[1]].append(posted_entry(row))
        facts = account_facts(self._tx, self._house.bucket_count, self._groups)
        touched: Touched = {}
        items: dict[MemberDay, Items] = {}
        for (member, day), receipts in days.items():
            folded = self.rules.fold(day, receipts, self.tiers.get(member, NEVER_ASSESSED))
            derived, items[member, day] = folded.entries, folded.items
            touched[member, day] = (receipts, derived)
            if member in facts:
                of_account = account_entries(facts[member], self.rules.version_on, self.rules.months)
                derived += tuple([entry for entry in of_account if entry.earned_day == day])
            for entry in diff(derived, posted.get((member, day), ())):
                self._moves.append((member, entry))
        if self.rules.counts():
            self._moves.extend(period_moves(self._tx, self._house, self.rules, items, self.tiers))
        return touched

    def derive_whole(self, head: str) -> Touched:
        """Derive everything of a head again, from all who are merged into it."""
        group = self._groups.members[head]
        days = days_of_group(self._tx, self._house.bucket_count, group)
        posted: list[PointEntry] = []
        own = self.buckets[head]
        # While a close goes from bucket to bucket, a period is closed for who counts here once this one is.
        frozen: dict[str, list[PointEntry]] = {
            period_id: [] for period_id, buckets in self._closes.items() if own in buckets
        }
        for member in group:
            bucket = self.buckets[member]
            entries: list[PointEntry] = []
            for row in self._tx.all("accounts.all_entries_of", bucket=bucket, member_id=member):
                entry = posted_entry(row)
                entries.append(entry)
                if entry.period_id in frozen and row[14] <= self._closes[entry.period_id].get(bucket, 0):
                    frozen[entry.period_id].append(entry)
            if member == head:
                posted = entries
            else:
                self._move(member, diff((), entries))
                drop_items(self._tx, self._house, member)
        account = Account(
            days=days,
            birthday=birthdays_of(self._tx, self._house, [head]).get(head),
            closed={period_id: closed_by(entries) for period_id, entries in frozen.items()},
            through=Day(self._through[own]),
            tiers=self.tiers.get(head, NEVER_ASSESSED),
        )
        whole = whole_account(self.rules, account)
        self._move(head, diff(whole.entries, posted))
        drop_items(self._tx, self._house, head)
        put_items(self._tx, self._house, {(head, day): items for day, items in whole.items.items()})
        derived: dict[int, list[PointEntry]] = defaultdict(list)
        for entry in whole.entries:
            derived[entry.earned_day].append(entry)
        return {(head, day): (facts, tuple(derived[day])) for day, facts in days.items()}

    def _move(self, member: str, entries: Iterable[PointEntry]) -> None:
        self._moves.extend((member, entry) for entry in entries)

    def _keys(self, keys: Iterable[tuple[Any, ...]]) -> str:
        """Return keys that begin with a member as JSON, each with the member's bucket before it."""
        return keys_json((self.buckets[key[0]], *key) for key in keys)

    def append(self) -> int:
        """Append the entries, each with the next change number of its bucket, and add them to the totals."""
        rows: list[Values] = []
        totals: dict[tuple[int, str, str], tuple[int, int, int]] = {}
        for member, entry in self._moves:
            bucket = self.buckets[member]
            number = self._change_no[bucket] = self._change_no[bucket] + 1
            rows.append(entry_row(bucket, member, number, entry, self._now_ms))
            key = (bucket, member, entry.period_id)
            redeemable, qualifying, credited = totals.get(key, (0, 0, 0))
            totals[key] = (
                redeemable + entry.redeemable,
                qualifying + entry.qualifying,
                credited + credit_of(entry),
            )
        self._tx.many("accounts.add_entry", rows)
        self._tx.many("accounts.add_to_total", [(*key, *points) for key, points in totals.items()])
        self._restated = {
            member
            for (bucket, member, period_id), (_, qualifying, _) in totals.items()
            if qualifying and bucket in self._closes.get(period_id, {})
        }
        self._flag_overdrawn(totals)
        return len(rows)

    def restate(self) -> None:
        """Post the tiers that the totals of closed periods give now, where they are above what is held."""
        heads = {head for head, group in self._groups.members.items() if not self._restated.isdisjoint(group)}
        found = raised_by_totals(self._tx, self._house, self._groups, heads, self._closes, self._now_ms)
        rows: list[Values] = []
        for head, raised in sorted(found.items()):
            bucket = self.buckets[head]
            for one in raised:
                number = self._change_no[bucket] = self._change_no[bucket] + 1
                rows.append(assessment_row(bucket, head, number, one, "restatement", self._now_ms))
            for member in self._groups.members[head]:
                self._tx.run(
                    "accounts.mark_member_days_from",
                    bucket=self.buckets[member],
                    member_id=member,
                    business_day=raised[0].from_day,
                )
        self._tx.many("accounts.add_assessment", rows)

    def stamp(self, work: Work) -> None:
        """Note how far each terminal's events are posted for whom they name, and for whom these count."""
        rows = [
            (self.buckets[name], name, one.terminal_id, *one.place)
            for one in work.stamps
            for name in dict.fromkeys((one.member_id, self._groups.head_of[one.member_id]))
        ]
        self._tx.many("accounts.put_stamp", rows)

    def tell(self, told: set[tuple[str, str]], members: set[str]) -> None:
        """Give every changed member the next change number of its bucket, for all who hear of it."""
        changed = members | {member for member, _ in self._moves}
        hearing = told.union(self._tx.all("accounts.audiences_of", members=self._places))
        hearing.update((member, FEED) for member in changed if self.buckets[member] in self._fed)
        numbers: dict[str, int] = {}
        for member in sorted(changed):
            bucket = self.buckets[member]
            numbers[member] = self._change_no[bucket] = self._change_no[bucket] + 1
        rows: list[Values] = [
            (self.buckets[member], member, name, numbers[member])
            for member, name in hearing
            if name and member in numbers
        ]
        self._tx.many("accounts.tell", rows)
        self._tx.many("accounts.set_change_no", list(self._change_no.items()))

    def _flag_overdrawn(self, totals: Mapping[tuple[int, str, str], tuple[int, int, int]]) -> None:
        """Open an exception for whoever owes points now, and close it for whoever does no more.

        Only whose points went down can have come to owe any.
        """
        count = self._house.bucket_count
        moved: dict[str, int] = defaultdict(int)
        for (_, member, _), (redeemable, _, _) in totals.items():
            moved[member] += redeemable
        rows = self._tx.all("accounts.open_exceptions_about", kind="overdrawn", members=self._places)
        open_now = {member for (member,) in rows if member in moved}
        asked = open_now.union(member for member, points in moved.items() if points < 0)
        rows = self._tx.all("accounts.balances", members=places_json(asked, count))
        owing = {member for member, balance in rows if balance < 0}
        open_accounts(self._tx, map(_overdrawn, sorted(owing - open_now)), count, self._now_ms)
        close_accounts(self._tx, map(_overdrawn, sorted(open_now - owing)), count, self._now_ms)


def _overdrawn(member: str) -> AccountException:
    sentence = "more was spent than there is: the next points fill it"
    return AccountException(member, "overdrawn", member, sentence)
