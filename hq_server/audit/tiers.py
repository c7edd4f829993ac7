"""Tiers: every assessment again from the entries that were posted by then, and from what was held before it.

Of members who were ever merged it is not kept whose points and tiers were one when something was decided:
their assessments need only follow from what they say themselves.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from itertools import groupby

import msgspec

from hq_server.audit.comparing import differs
from hq_server.house import House
from hq_server.ledger import closes_of
from hq_server.merges import Groups
from hq_server.posted import posted_entry
from hq_server.store.connection import Transaction
from hq_server.tiers.held import Assessment, TierRows, rows_of
from hq_server.tiers.restating import closes_again
from loyalty_core.assessment import (
    Close,
    Raised,
    assess,
    assessed_on,
    kind_of,
    restated,
    start_of,
    tier_on,
    upgraded,
)
from loyalty_core.calendar import business_day, date_of, day_of, period_named
from loyalty_core.entries import PointEntry
from loyalty_core.programme import Programme
from loyalty_core.units import Day, EpochMs

_ASSESSED_AT_ONCE = 500


def audit_tiers(tx: Transaction, house: House, kin: Container[str]) -> None:
    """Compare every assessment with what its inputs give; end the audit at the first that says otherwise."""
    closes = closes_of(tx, house)
    for bucket in range(house.bucket_count):
        closed = {period_id: buckets[bucket] for period_id, buckets in closes.items() if bucket in buckets}
        members = [member for (member,) in tx.all("accounts.assessed_members", bucket=bucket)]
        for first in range(0, len(members), _ASSESSED_AT_ONCE):
            some = members[first : first + _ASSESSED_AT_ONCE]
            alone = Groups({name: name for name in some}, {name: (name,) for name in some})
            rows = rows_of(tx, house.bucket_count, alone)
            for member in some:
                (own,) = rows[member]
                if member in kin:
                    _by_themselves(house, own)
                else:
                    _Member(tx, house, bucket, member, own, closed).check()


def _by_themselves(house: House, own: TierRows) -> None:
    """Compare assessments with what they say that they were decided by."""
    for one in own.assessments:
        where = f"member {one.member_id}, assessment {one.number}"
        ladder = _version(house, one, where).ladder
        if one.kind != kind_of(ladder, one.held, one.tier):
            differs(where, f"from {one.held} to {one.tier} is no {one.kind}")


class _Member:
    """One member who was never merged, with all that is posted for them."""

    def __init__(
        self, tx: Transaction, house: House, bucket: int, member: str, own: TierRows, closed: dict[str, int]
    ) -> None:
        self._house, self._own, self._closed = house, own, closed
        self._where = f"member {member}"
        rows = tx.all("accounts.all_entries_of", bucket=bucket, member_id=member)
        self._posted: list[tuple[PointEntry, int]] = [(posted_entry(row), row[14]) for row in rows]

    def check(self) -> None:
        """Compare the assessments one after the other, in the order of posting; then what is due now."""
        for number, cause, together in _postings(self._own.assessments):
            where = f"{self._where}, assessment {number}"
            before = self._before(number, together[0].posted_at_ms)
            if cause == "close":
                self._close(together[0], before, where)
            else:
                of_month = cause == "monthly"
                self._raised(together, self._month(together[0], where) if of_month else None, before, where)
        last = Day(max(one.from_day for one in self._own.assessments) + 1)
        closes = self._closes(self._own, None)
        known = all(close.held is not None for close in closes)
        if known and restated(closes, [self._own.facts], last, self._house.ladder_on):
            differs(self._where, "the totals of closed periods give a higher tier than was decided")

    def _close(self, one: Assessment, before: TierRows, where: str) -> None:
        """Compare an assessment with what the close of its period gives."""
        programme = _version(self._house, one, where)
        period = period_named(one.period_id, self._house.newest.period_months)
        start = start_of(period, programme.policy, self._day(one.posted_at_ms))
        eve = Day(start - 1)
        ladder = self._house.ladder_on(eve)
        held = tier_on([before.facts], eve, ladder)
        qualifying = self._total(one.period_id, self._closed.get(one.period_id, -1))
        outcome = assess(qualifying, held, assessed_on([before.facts], eve, ladder), programme)
        should = msgspec.structs.replace(
            one,
            kind=outcome.kind,
            held=held,
            tier=outcome.tier,
            qualifying=qualifying,
            start_day=start,
            from_day=outcome.from_day(start, programme.policy),
        )
        if one.period_id not in self._closed:
            differs(where, f"{one.period_id} is not closed")
        _same([one], [should], where)

    def _raised(
        self, together: Sequence[Assessment], month: Close | None, before: TierRows, where: str
    ) -> None:
        """Compare what was posted together with what then raised the member."""
        first = Day(self._day(together[0].posted_at_ms) + 1)
        if month is None:
            closes = self._closes(before, together[0].number)
            found = restated(closes, [before.facts], first, self._house.ladder_on)
        else:
            found = upgraded(month, [before.facts], first, self._house.ladder_on)
        _same(together, [_as_kept(one, kept) for one, kept in zip(found, together, strict=False)], where)

    def _month(self, one: Assessment, where: str) -> Close:
        """Return what a monthly upgrade was decided by: entries posted by then, dated before the month."""
        month = day_of(date_of(self._day(one.posted_at_ms)).replace(day=1))
        return Close(
            period=period_named(one.period_id, self._house.newest.period_months),
            programme=_version(self._house, one, where),
            qualifying=self._total(one.period_id, one.number, until=month),
            start=month,
        )

    def _closes(self, known: TierRows, number: int | None) -> list[Close]:
        """Return the closes that were posted before a number, with the totals of then; all, with None."""
        periods = sorted(
            each for each, entry_no in self._closed.items() if number is None or entry_no < number
        )
        totals = {each: self._total(each, number) for each in periods}
        return closes_again(self._house, [known], periods, totals)

    def _before(self, number: int, posted_at_ms: EpochMs) -> TierRows:
        """Return what was decided before an assessment."""
        return TierRows(
            [one for one in self._own.assessments if one.number < number],
            [one for one in self._own.grants if one.granted_at_ms <= posted_at_ms],
        )

    def _total(self, period_id: str, number: int | None, *, until: Day | None = None) -> int:
        """Return the qualifying points of a period by the entries up to a number, dated before a day."""
        return sum(
            entry.qualifying
            for entry, entry_no in self._posted
            if entry.period_id == period_id
            and (number is None or entry_no <= number)
            and (until is None or entry.business_day < until)
        )

    def _day(self, at_ms: EpochMs) -> Day:
        return business_day(at_ms, self._house.newest.place)


def _postings(rows: Sequence[Assessment]) -> Iterator[tuple[int, str, list[Assessment]]]:
    """Yield what was posted at once: the first number, the cause, and the rows."""

    def posting(placed: tuple[int, Assessment]) -> tuple[str, str, int, int]:
        place, one = placed
        return one.cause, one.period_id if one.cause == "close" else "", one.posted_at_ms, one.number - place

    for _, some in groupby(enumerate(rows), key=posting):
        together = [one for _, one in some]
        yield together[0].number, together[0].cause, together


def _as_kept(one: Raised, kept: Assessment) -> Assessment:
    """Return the row of what was raised, with what does not follow from it."""
    return Assessment(
        member_id=kept.member_id,
        number=kept.number,
        period_id=one.period_id,
        cause=kept.cause,
        kind=one.kind,
        held=one.held,
        tier=one.tier,
        qualifying=one.qualifying,
        programme_version=one.programme_version,
        start_day=one.from_day,
        from_day=one.from_day,
        decision=0,
        posted_at_ms=kept.posted_at_ms,
    )


def _same(stands: Sequence[Assessment], should: Sequence[Assessment], where: str) -> None:
    if list(stands) != list(should):
        differs(where, "it is not what the points and tiers of its time give")


def _version(house: House, one: Assessment, where: str) -> Programme:
    found = next((each for each in house.programmes if each.version == one.programme_version), None)
    if found is None:
        differs(where, f"there is no programme version {one.programme_version}")
    return found
