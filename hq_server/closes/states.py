"""The state of each period: open, closing from the decision to its last bucket, closed. Reads only."""

from __future__ import annotations

from typing import Literal

import msgspec

from hq_server.fleet_view import at_text
from hq_server.house import House
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Period, date_of, period_after, period_of
from loyalty_core.errors import BadInput

PeriodState = Literal["open", "closing", "closed"]


class Close(msgspec.Struct, frozen=True, kw_only=True):
    """A close that was decided; `closed_at_ms` is None while it is under way."""

    period_id: str
    decision: int
    programme_version: int
    begun_at_ms: int
    closed_at_ms: int | None

    @property
    def state(self) -> PeriodState:
        """Whether it is done."""
        return "closing" if self.closed_at_ms is None else "closed"


class CloseView(msgspec.Struct, frozen=True, kw_only=True):
    """How far a close has come: buckets of all, and of their members who went up, down, and not at all."""

    decision: int
    programme_version: int
    begun_at: str
    closed_at: str | None
    buckets: int
    buckets_closed: int
    upgrades: int
    downgrades: int
    renewals: int


class PeriodView(msgspec.Struct, frozen=True, kw_only=True):
    """A period and its state; `close` is None before one is decided."""

    id: str
    first_day: str
    last_day: str
    state: PeriodState
    close: CloseView | None


def closes(tx: Transaction) -> dict[str, Close]:
    """Return every close by its period, in order."""
    rows = tx.all("house.closes")
    return {
        row[0]: Close(
            period_id=row[0],
            decision=row[1],
            programme_version=row[2],
            begun_at_ms=row[3],
            closed_at_ms=row[4],
        )
        for row in rows
    }


def close_under_way(tx: Transaction) -> Close | None:
    """Return the close that is not done: at most one is."""
    return next((one for one in closes(tx).values() if one.closed_at_ms is None), None)


def refuse_while_closing(tx: Transaction) -> None:
    """Refuse what would count twice, or for some members only, between two buckets of a close.

    Raises:
        BadInput: `period_closing`.
    """
    under_way = close_under_way(tx)
    if under_way is not None:
        raise BadInput(
            f"{under_way.period_id} is being closed: wait until hq-server period status "
            f"{under_way.period_id} says that it is closed",
            code="period_closing",
        )


def period_view(tx: Transaction, house: House, period: Period, close: Close | None) -> PeriodView:
    """Return a period as people and programs read it."""
    return PeriodView(
        id=period.id,
        first_day=date_of(period.first).isoformat(),
        last_day=date_of(period.last).isoformat(),
        state="open" if close is None else close.state,
        close=None if close is None else close_view(tx, house, close),
    )


def close_view(tx: Transaction, house: House, close: Close) -> CloseView:
    """Return how far a close has come."""
    row = tx.one("accounts.bucket_closes_of", period_id=close.period_id)
    done, upgrades, downgrades, renewals = row or (0, 0, 0, 0)
    return CloseView(
        decision=close.decision,
        programme_version=close.programme_version,
        begun_at=at_text(close.begun_at_ms),
        closed_at=None if close.closed_at_ms is None else at_text(close.closed_at_ms),
        buckets=house.bucket_count,
        buckets_closed=done,
        upgrades=upgrades,
        downgrades=downgrades,
        renewals=renewals,
    )


def first_period(house: House) -> Period:
    """Return the first period that a programme covers."""
    return period_of(min(one.effective_from for one in house.programmes), house.newest.period_months)


def periods(tx: Transaction, house: House, today: int) -> list[PeriodView]:
    """Return every period from the first that a programme covers until the one of today, the latest first."""
    months, known = house.newest.period_months, closes(tx)
    period = first_period(house)
    found = []
    while period.first <= today:
        found.append(period_view(tx, house, period, known.get(period.id)))
        period = period_after(period, months)
    return found[::-1]
