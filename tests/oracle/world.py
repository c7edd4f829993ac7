"""What the oracle is told, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from loyalty_core.calendar import Place
from loyalty_core.events import Event, EventId, ReceiptKey
from loyalty_core.programme import Programme


class Identity(NamedTuple):
    """What makes two movements one. `event` is None for a cap and an expiry, `day` is None for a cap."""

    kind: str
    event: EventId | None
    rule: str
    day: int | None
    period: str


class Points(NamedTuple):
    """Redeemable and qualifying points."""

    redeemable: int
    qualifying: int

    def plus(self, other: Points) -> Points:
        """Return both together."""
        return Points(self.redeemable + other.redeemable, self.qualifying + other.qualifying)


NOTHING = Points(0, 0)
Entries = dict[Identity, Points]
Conflict = tuple[str, EventId]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Points moved by hand: a decision of HQ."""

    id: EventId
    member: str
    day: int
    redeemable: int
    qualifying: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """What stood in the ledger when a period was closed: movements, and qualifying totals.

    `members` are those whom a close that is under way has come to, None where it is done.
    """

    posted: frozenset[tuple[str, Identity]]
    totals: Mapping[str, int]
    members: frozenset[str] | None = None

    def reached(self, member: str) -> bool:
        """Tell whether the period is closed for a member."""
        return self.members is None or member in self.members


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that is known.

    `matches` gives the purchase of a return that named none, `members` the member behind a reference as a
    store's tills record it, `tiers` the tiers that a member was given, each with its first day (before them:
    the lowest). Expiry is posted up to `through`.
    """

    facts: tuple[tuple[EventId, Event], ...]
    programmes: tuple[Programme, ...]
    places: Mapping[str, Place]
    terminals: Mapping[str, str]
    members: Mapping[tuple[str, str], str]
    through: int
    tiers: Mapping[str, tuple[tuple[int, str], ...]] = field(default_factory=dict)
    birthdays: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    merges: tuple[tuple[str, str], ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    closes: Mapping[str, Close] = field(default_factory=dict)
    matches: Mapping[EventId, ReceiptKey] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One member's figures. Movements of zero and empty lots are left out.

    `qualifying` of a closed period is its closed total and what counts after the close.
    """

    entries: Entries
    balance: int
    qualifying: Mapping[str, int]
    lots: Mapping[str, int]
    tier_earned: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What follows from a world: the account of each member, and what is in conflict."""

    accounts: Mapping[str, Account]
    conflicts: frozenset[Conflict]
