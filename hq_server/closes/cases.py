"""What a close gives each member: one function of a case, for the close and for the dry run.

A case is a total of the period and the tier held on the day before the new validity starts, with grants and
without. Alike cases get alike outcomes; however many members have one, it is decided once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from hq_server.house import House
from hq_server.store.connection import Row, Transaction
from hq_server.tiers.held import held_before
from loyalty_core.assessment import Outcome, assess, highest, start_of
from loyalty_core.calendar import Period
from loyalty_core.programme import Programme, Tier
from loyalty_core.units import Day, EpochMs


class Case(msgspec.Struct, frozen=True):
    """A total, the tier held on the day before, and the tier that was assessed for that day."""

    qualifying: int
    held: str
    assessed: str


class Standing(msgspec.Struct, frozen=True):
    """One member, or one who stands for several, and their case."""

    member_id: str
    case: Case


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a close asks: the period, the version that holds for it, and the first day of the new validity."""

    period: Period
    programme: Programme
    start: Day
    ladder: tuple[Tier, ...]
    """That of the day before the start."""

    @property
    def before(self) -> Day:
        """The day on which it counts what is held."""
        return Day(self.start - 1)

    def case(self, qualifying: int, assessed: str) -> Case:
        """Return the case of a member who stands alone and was never granted a tier."""
        held = highest(self.ladder, [assessed])
        return Case(qualifying, held, held)

    def outcome(self, case: Case) -> Outcome:
        """Return what the close gives in a case."""
        return assess(case.qualifying, case.held, case.assessed, self.programme)

    def from_day(self, outcome: Outcome) -> Day:
        """Return the day from which it holds."""
        return outcome.from_day(self.start, self.programme.policy)


def question(house: House, period: Period, programme: Programme, now_ms: EpochMs) -> Question:
    """Return what a close asks that is posted now."""
    start = start_of(period, programme.policy, house.today(now_ms))
    return Question(
        period=period, programme=programme, start=start, ladder=house.in_force(Day(start - 1)).ladder
    )


def outcomes(tx: Transaction, house: House, asked: Question) -> Iterator[tuple[Outcome, int]]:
    """Yield what the close gives, and to how many members; each distinct case of a bucket once."""
    for bucket in range(house.bucket_count):
        cases = tx.all("accounts.cases", bucket=bucket, period_id=asked.period.id, day=asked.before)
        for qualifying, assessed, members in cases:
            yield asked.outcome(asked.case(qualifying, assessed)), members
        rows = tx.all("accounts.standings_singly", bucket=bucket, period_id=asked.period.id)
        for one in standings(tx, house, asked, rows):
            yield asked.outcome(one.case), 1


def standings(tx: Transaction, house: House, asked: Question, rows: Iterable[Row]) -> Iterator[Standing]:
    """Return these members, each with their qualifying points, with the case of each."""
    for member_id, qualifying, before in held_before(tx, house, rows, asked.start):
        yield Standing(member_id, Case(qualifying, before.held, before.assessed))
