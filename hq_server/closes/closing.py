"""The close of a period: decided once, then done bucket by bucket, each a transaction of its own.

However often and by whomever it is gone on with, cut off anywhere, each bucket is closed once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from hq_server.closes.cases import Question, Standing, question, standings
from hq_server.closes.readiness import Readiness, readiness
from hq_server.closes.states import Close, close_under_way, closes
from hq_server.decisions import Said, keep_decision
from hq_server.derivation import rulebook_of
from hq_server.house import House
from hq_server.merges import groups_of
from hq_server.references import bucket_of, keys_json
from hq_server.store.connection import Transaction, Values
from loyalty_core.assessment import Kind
from loyalty_core.calendar import Period, period_named
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.units import EpochMs

NAMED_MAX: Final = 3
"""How many missing terminals a refusal names; `period status` names all."""


OVER: Final = "the period is over"
"""Why a period is closed, where nobody says more."""


class NotReady(LoyaltyError):
    """Somebody has not reported, or something else is in the way."""

    code = "period_not_ready"


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The detail of a close: the version that holds for it, and the terminals that it did not wait for."""

    programme_version: int
    without: tuple[str, ...]


def begin(tx: Transaction, house: House, period: Period, by: Said, now_ms: EpochMs) -> Close:
    """Decide the close of a period; one that is under way goes on as it was decided.

    Raises:
        BadInput: `period_closed`.
        NotReady: `period_not_ready`.
    """
    stands = closes(tx).get(period.id)
    if stands is not None:
        if stands.closed_at_ms is not None:
            raise BadInput(f"{period.id} is closed already", code="period_closed")
        return stands
    ready = readiness(tx, house, period, now_ms)
    if not ready.may_close:
        raise NotReady(_why(period, ready))
    version = house.in_force(period.last).version
    without = tuple([one.terminal_id for one in ready.excluded if not one.back])
    detail = Decided(programme_version=version, without=without)
    number = keep_decision(tx, "close", period.id, detail, by, now_ms)
    tx.run(
        "house.begin_close",
        period_id=period.id,
        decision=number,
        programme_version=version,
        begun_at_ms=now_ms,
    )
    return closes(tx)[period.id]


def close_next(tx: Transaction, house: House, now_ms: EpochMs) -> bool:
    """Close the next bucket of the close that is under way, or end it; returns whether there was any."""
    under_way = close_under_way(tx)
    if under_way is None:
        return False
    period = period_named(under_way.period_id, house.newest.period_months)
    left = [bucket for (bucket,) in tx.all("accounts.buckets_to_close", period_id=period.id)]
    if left:
        programme = next(one for one in house.programmes if one.version == under_way.programme_version)
        asked = question(house, period, programme, now_ms)
        _Bucket(tx, house, asked, under_way, left[0], now_ms).close()
    if len(left) < 2:
        tx.run("house.end_close", period_id=period.id, closed_at_ms=now_ms)
    return True


class _Bucket:
    """One bucket of a close: frozen, each distinct case decided once, joined back by SQL, and told."""

    def __init__(
        self, tx: Transaction, house: House, asked: Question, close: Close, bucket: int, now_ms: EpochMs
    ) -> None:
        self._tx, self._asked, self._close, self._bucket, self._now_ms = tx, asked, close, bucket, now_ms
        self._house = house
        self._counts: Counter[Kind] = Counter()
        self._rows: Counter[int] = Counter()

    def close(self) -> None:
        """Close it."""
        tx = self._tx
        rows = tx.all("accounts.standings_singly", bucket=self._bucket, period_id=self._asked.period.id)
        groups = groups_of(tx, self._house.bucket_count, [member_id for member_id, _ in rows])
        others = {self._bucket_of(name) for group in groups.members.values() for name in group}
        keys = msgspec.json.encode(sorted(others | {self._bucket})).decode()
        numbers = {bucket: number for bucket, number, *_ in tx.all("accounts.lock_buckets", buckets=keys)}
        self._assess_cases(numbers[self._bucket] + 1)
        for one in standings(tx, self._house, self._asked, rows):
            self._assess_group(one, groups.members[one.member_id], numbers)
        if rulebook_of(self._house).asks_tiers:
            # A till whose clock or zone is ahead may have brought days of the new validity already.
            tx.run("accounts.mark_bucket_days_from", bucket=self._bucket, business_day=self._asked.start)
        for bucket, count in self._rows.items():
            tx.run("accounts.tell_assessed", bucket=bucket, assessment_no=numbers[bucket] + 1)
            # What a till has dated ahead of headquarters lies where the new tier holds already.
            tx.run("accounts.mark_bucket_days_from", bucket=bucket, business_day=self._asked.start)
            tx.many("accounts.set_change_no", [(bucket, numbers[bucket] + 1 + count)])
        tx.run(
            "accounts.close_bucket",
            bucket=self._bucket,
            period_id=self._asked.period.id,
            entry_no=numbers[self._bucket],
            upgrades=self._counts["upgrade"],
            downgrades=self._counts["downgrade"],
            renewals=self._counts["renewal"],
        )

    def _assess_cases(self, number: int) -> None:
        """Decide what members have who stand alone, each distinct case once."""
        asked, outcomes = self._asked, []
        named: dict[str, int | str] = {
            "bucket": self._bucket,
            "period_id": asked.period.id,
            "day": asked.before,
        }
        for qualifying, assessed, members in self._tx.all("accounts.cases", **named):
            case = asked.case(qualifying, assessed)
            outcome = asked.outcome(case)
            outcomes.append(
                (qualifying, assessed, case.held, outcome.tier, outcome.kind, asked.from_day(outcome))
            )
            self._counts[outcome.kind] += members
        if outcomes:
            self._rows[self._bucket] += self._tx.run(
                "accounts.assess_cases",
                **named,
                outcomes=keys_json(outcomes),
                assessment_no=number,
                programme_version=asked.programme.version,
                start_day=asked.start,
                decision=self._close.decision,
                posted_at_ms=self._now_ms,
            )

    def _assess_group(self, one: Standing, group: Sequence[str], numbers: Mapping[int, int]) -> None:
        """Decide one who stands for several: each gets the row, so that what one had does not outlive it."""
        asked = self._asked
        outcome = asked.outcome(one.case)
        self._counts[outcome.kind] += 1
        rows: list[Values] = []
        for name in group:
            bucket = self._bucket_of(name)
            self._rows[bucket] += 1
            rows.append(
                (
                    bucket,
                    name,
                    numbers[bucket] + 1,
                    asked.period.id,
                    "close",
                    outcome.kind,
                    one.case.held,
                    outcome.tier,
                    one.case.qualifying,
                    asked.programme.version,
                    asked.start,
                    asked.from_day(outcome),
                    self._close.decision,
                    self._now_ms,
                )
            )
        self._tx.many("accounts.add_assessment", rows)

    def _bucket_of(self, member_id: str) -> int:
        return bucket_of(member_id, self._house.bucket_count)


def _why(period: Period, ready: Readiness) -> str:
    """Return what is in the way, for people."""
    reasons = []
    for one in ready.blockers:
        match one.kind:
            case "not_over":
                reasons.append("it is not over")
            case "not_covered":
                reasons.append(f"the first programme began in {one.period}: see hq-server period list")
            case "earlier_open":
                reasons.append(f"{one.period} comes before it and is not closed")
            case "later_closed":
                reasons.append(f"{one.period}, a later one, is closed or being closed")
            case "days_waiting":
                reasons.append(f"days of members wait to be derived again (since {one.since})")
            case "grants_waiting":
                reasons.append("grants that were approved wait to be posted")
            case "journals_waiting":
                reasons.append("records that were kept before wait to be counted")
    for lacking in ready.missing[:NAMED_MAX]:
        since = lacking.open_since
        what = (
            "has closed no business day yet" if since is None else f"has not closed {since} nor any day since"
        )
        reasons.append(f"{lacking.terminal_id} {what}, last heard {lacking.seen_at}")
    if len(ready.missing) > NAMED_MAX:
        reasons.append(f"and {len(ready.missing) - NAMED_MAX} more terminals")
    return f"{period.id} cannot be closed yet: {'; '.join(reasons)}. See hq-server period status {period.id}"
