"""Whether a period may be closed: who has not reported all of it, since when, and what else is in the way.

A terminal takes part if it recorded anything in the period; if it is approved and had joined by its last day;
or if it is pending or revoked, had joined, and was heard since the period began. It has reported the period
when it has closed its last day in every journal that it may still write. Reads only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final, Literal

import msgspec

from hq_server.closes.states import Close, closes, first_period
from hq_server.decisions import Decision, decisions_about
from hq_server.desk.rulings import is_due
from hq_server.fleet_view import at_text
from hq_server.house import House
from hq_server.store.connection import Row, Transaction
from loyalty_core.calendar import (
    Period,
    Place,
    business_day,
    date_of,
    end_of_day,
    period_after,
    period_named,
    zone_named,
)
from loyalty_core.programme import version_for
from loyalty_core.units import Day, EpochMs, Minute

WAITING_MAX: Final = 100_000
"""What waits to be derived is counted up to here."""
BlockerKind = Literal[
    "not_over",
    "not_covered",
    "earlier_open",
    "later_closed",
    "days_waiting",
    "journals_waiting",
    "grants_waiting",
]


class Missing(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal that has not reported the period to its end.

    `open_since` is the first business day that it has not closed, None where it has closed none at all.
    """

    terminal_id: str
    store_id: str
    state: str
    open_since: str | None
    seen_at: str
    waiting: int


class Excluded(msgspec.Struct, frozen=True, kw_only=True):
    """A terminal that a person left out, and why; `back` once it has reported the period after all."""

    terminal_id: str
    by: str
    reason: str
    at: str
    decision: int
    back: bool


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """Something else that is in the way: since when where that is known, how much of it, or which period."""

    kind: BlockerKind
    since: str | None = None
    count: int = 0
    period: str | None = None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """What a close waits for. It may begin where nobody is missing and nothing is in the way.

    Nobody is missing before the period is over.
    """

    may_close: bool
    missing: tuple[Missing, ...]
    excluded: tuple[Excluded, ...]
    blockers: tuple[Blocker, ...]


class Exclusion(msgspec.Struct, frozen=True):
    """The detail of an exclusion, whose subject is the period: how far the terminal had reported then."""

    terminal_id: str
    store_id: str
    watermark: int | None


class Report(msgspec.Struct, frozen=True):
    """How far a terminal that took part has reported, as the last business day that it has closed."""

    store_id: str
    terminal_id: str
    state: str
    seen_at_ms: int
    waiting: int
    watermark: int | None

    def is_missing(self, period: Period) -> bool:
        """Tell whether days of the period are open."""
        return self.watermark is None or self.watermark < period.last


def readiness(tx: Transaction, house: House, period: Period, now_ms: EpochMs) -> Readiness:
    """Return what a close of a period waits for: nothing any more once it is decided."""
    exclusions = exclusions_of(tx, period.id)
    names = {left_out(one): one for one in exclusions}
    over = house.today(now_ms) > period.last
    missing = [one for one in reports(tx, house, period) if over and one.is_missing(period)]
    decided = closes(tx)
    waited_for: tuple[Missing, ...] = ()
    blockers: tuple[Blocker, ...] = ()
    if period.id not in decided:
        waited_for = tuple([_missing(one) for one in missing if one.terminal_id not in names])
        blockers = tuple(_blockers(tx, house, period, list(decided.values()), now_ms))
    silent = {one.terminal_id for one in missing}
    return Readiness(
        may_close=not waited_for and not blockers and period.id not in decided,
        missing=waited_for,
        excluded=tuple([_excluded(name, one, silent) for name, one in names.items()]),
        blockers=blockers,
    )


def reports(tx: Transaction, house: House, period: Period) -> Iterator[Report]:
    """Return every terminal that took part in a period."""
    places = {
        store_id: Place(zone_named(zone), Minute(starts))
        for store_id, _, zone, starts, _ in tx.all("arrivals.stores")
    }
    for row in tx.all("arrivals.reports", first_day=period.first, last_day=period.last):
        if _took_part(row, period, places.get(row[0], house.newest.place)):
            store_id, terminal_id, state, _, seen_at_ms, waiting, watermark, *_ = row
            yield Report(store_id, terminal_id, state, seen_at_ms, waiting, watermark)


def exclusions_of(tx: Transaction, period_id: str) -> list[Decision]:
    """Return the decisions that leave out a terminal in a period."""
    return decisions_about(tx, "exclusion", period_id)


def left_out(exclusion: Decision) -> str:
    """Return the terminal that an exclusion leaves out."""
    return msgspec.json.decode(exclusion.detail, type=Exclusion).terminal_id


def _took_part(row: Row, period: Period, place: Place) -> bool:
    _, _, state, enrolled_at_ms, seen_at_ms, _, _, recorded_before, recorded_in = row
    if recorded_in:
        return True
    joined = bool(recorded_before) or business_day(enrolled_at_ms, place) <= period.last
    began_ms = end_of_day(Day(period.first - 1), place)
    return joined and (state == "approved" or seen_at_ms > began_ms)


def _missing(one: Report) -> Missing:
    return Missing(
        terminal_id=one.terminal_id,
        store_id=one.store_id,
        state=one.state,
        open_since=None if one.watermark is None else date_of(Day(one.watermark + 1)).isoformat(),
        seen_at=at_text(one.seen_at_ms),
        waiting=one.waiting,
    )


def _excluded(terminal_id: str, one: Decision, silent: Collection[str]) -> Excluded:
    return Excluded(
        terminal_id=terminal_id,
        by=one.made_by,
        reason=one.reason,
        at=at_text(one.made_at_ms),
        decision=one.number,
        back=terminal_id not in silent,
    )


def _blockers(
    tx: Transaction, house: House, period: Period, decided: list[Close], now_ms: EpochMs
) -> Iterator[Blocker]:
    """Return what is in the way besides terminals. Periods are closed one after another."""
    if house.today(now_ms) <= period.last:
        yield Blocker(kind="not_over")
    last = decided[-1] if decided else None
    if last is not None and last.period_id > period.id:
        yield Blocker(kind="later_closed", period=last.period_id)
    elif last is not None and last.closed_at_ms is None:
        yield Blocker(kind="earlier_open", period=last.period_id, since=at_text(last.begun_at_ms))
    elif (earlier := _earlier_open(tx, house, period, last)) is not None:
        yield Blocker(kind="earlier_open", period=earlier.id, since=at_text(_end_ms(house, earlier)))
    elif _is_before_all(tx, house, period):
        yield Blocker(kind="not_covered", period=first_period(house).id)
    (waiting,) = tx.one("accounts.dirty_count", most=WAITING_MAX) or (0,)
    if waiting:
        yield Blocker(kind="days_waiting", count=waiting, since=_dirty_since(tx, house, now_ms))
    if is_due(tx):
        yield Blocker(kind="grants_waiting")
    journals, since_ms = tx.one("arrivals.uncounted") or (0, None)
    if journals:
        since = None if since_ms is None else at_text(since_ms)
        yield Blocker(kind="journals_waiting", count=journals, since=since)


def _earlier_open(tx: Transaction, house: House, period: Period, last: Close | None) -> Period | None:
    """Return the period that must be closed first: the one after the last close, or one that has points."""
    months = house.newest.period_months
    if last is not None:
        following = period_after(period_named(last.period_id, months), months)
        return following if following.id < period.id else None
    row = tx.one("accounts.unclosed_before", period_id=period.id)
    return None if row is None or row[0] is None else period_named(row[0], months)


def _is_before_all(tx: Transaction, house: House, period: Period) -> bool:
    """Tell whether a period was over before there were any rules, and nobody has points of it.

    To close one, of a year that was mistyped, would lower everybody, and want every period since closed.
    """
    if version_for(house.programmes, period.last) is not None:
        return False
    following = period_after(period, house.newest.period_months)
    row = tx.one("accounts.unclosed_before", period_id=following.id)
    return row is None or row[0] != period.id


def _end_ms(house: House, period: Period) -> EpochMs:
    """Return when a period was over."""
    return EpochMs(end_of_day(period.last, house.newest.place) + 1)


def _dirty_since(tx: Transaction, house: House, now_ms: EpochMs) -> str:
    """Return when days began to wait: when rules were published, or today, when lots ended."""
    if tx.one("accounts.dirty_dated") is not None:
        return at_text(max(row[3] for row in tx.all("house.programmes")))
    return at_text(end_of_day(Day(house.today(now_ms) - 1), house.newest.place) + 1)
