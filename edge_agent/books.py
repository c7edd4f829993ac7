"""What one transaction knows of this till: who it is, the rules that HQ published, and the journal's head."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final, NamedTuple

import msgspec

from edge_agent import signed_programmes
from edge_agent.believing import known_day
from edge_agent.pos_adapter.understanding import Expectations
from edge_agent.store import members, openings, programmes
from edge_agent.store.database import Connection
from edge_agent.store.journal import Head
from edge_agent.store.terminal import Terminal
from loyalty_core.calendar import period_after, period_of
from loyalty_core.day_rules import counted_rules
from loyalty_core.envelope import open_sealed
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import EventId
from loyalty_core.messages import MemberRow, ProgrammeText
from loyalty_core.programme import Programme, claim_days_on, version_for
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import Day, Seq
from loyalty_core.wire import unpack

log = logging.getLogger(__name__)

DAYS_KEPT: Final = 1024
"""Business days whose version is remembered."""
ROWS_KEPT: Final = 64
"""Members who are read once a transaction."""


class Published:
    """The versions that HQ published, what is asked of them for every receipt worked out once.

    `counts` tells whether any has a rule over a period or a life, `expires` whether any lets points end.
    """

    def __init__(self, versions: tuple[Programme, ...]) -> None:
        self.versions = versions
        self.counts = any(counted_rules(programme) for programme in versions)
        self.expires = any(programme.expiry_after_periods is not None for programme in versions)
        self.on: Callable[[Day], Programme | None] = lru_cache(DAYS_KEPT)(partial(version_for, versions))


class Books(msgspec.Struct, kw_only=True):
    """The books of one transaction; the head moves as it records. The clock is judged by `known_day`.

    `hq_time_ms` is when HQ last spoke. What HQ says of members does not change while something is recorded,
    and what is `expected` is worked out once: one transaction has one time.
    """

    terminal: Terminal
    published: Published
    head: Head
    cards_wait: bool
    known_day: Day | None
    hq_time_ms: int | None
    expected: Expectations | None = None
    rows: dict[str, MemberRow | None] = {}

    @property
    def programmes(self) -> tuple[Programme, ...]:
        """The published versions, in order."""
        return self.published.versions

    def row(self, conn: Connection, account: str) -> MemberRow | None:
        """Return what HQ last said of the member whose account this is, None where it is no member's."""
        if not account.startswith("id:"):
            return None
        if account not in self.rows:
            self._keep(account, members.read(conn, account[3:]))
        return self.rows[account]

    def know(self, row: MemberRow) -> str:
        """Keep what HQ last said of a member; return the account."""
        account = f"id:{row.member_id}"
        self._keep(account, row)
        return account

    def _keep(self, account: str, row: MemberRow | None) -> None:
        if len(self.rows) >= ROWS_KEPT:
            self.rows.clear()
        self.rows[account] = row

    def programme_on(self, day: Day) -> Programme | None:
        """Return the version in force on a business day, or None while HQ has sent none for it."""
        return self.published.on(day)

    def claim_days(self, day: Day) -> int:
        """For how many days a purchase of this date may be claimed."""
        return claim_days_on(self.programmes, day)

    def last_day(self, day: Day) -> Day | None:
        """Return the last day on which what is earned on a day can be spent; None where it stays."""
        period = period_of(day, self.period_months)
        programme = self.programme_on(period.last)
        if programme is None or programme.expiry_after_periods is None:
            return None
        return period_after(period, self.period_months, programme.expiry_after_periods).last

    def version_on(self, day: Day) -> int:
        """Return the number of the version in force on a business day, 0 for none."""
        programme = self.programme_on(day)
        return programme.version if programme is not None else 0

    @property
    def period_months(self) -> int:
        """How long a period is; it never changes once a programme is published."""
        return self.programmes[-1].period_months if self.programmes else 6

    def next_id(self) -> EventId:
        """Where the next event will stand."""
        return EventId(self.terminal.terminal_id, self.terminal.epoch, 0, Seq(self.head.seq + 1))


class _Read(NamedTuple):
    """The versions as they were read last, and the highest of them.

    `doubtful` is what was there where not all of it could be used: HQ sends what is damaged once more.
    """

    highest: int
    published: Published
    doubtful: list[tuple[int, bytes]] | None


class Shelf:
    """Opens books; keeps the published programmes that it has read."""

    def __init__(self) -> None:
        self._read = _Read(0, Published(()), None)

    def open(self, conn: Connection) -> Books:
        """Return the books of this transaction.

        Raises:
            StoreError: `not_enrolled`.
        """
        opening = openings.read(conn)
        known = self._read  # once: the reader opens books too, and may see the versions of before
        if opening.programme != known.highest or _has_changed(conn, known):
            known = self._read = _read_programmes(conn, opening.programme)
        return Books(
            terminal=opening.terminal,
            published=known.published,
            head=opening.head,
            cards_wait=opening.cards_wait,
            known_day=known_day(opening.counted, opening.hq_time_ms, opening.terminal.place),
            hq_time_ms=opening.hq_time_ms,
        )


def _has_changed(conn: Connection, known: _Read) -> bool:
    return known.doubtful is not None and known.doubtful != programmes.envelopes(conn)


def _read_programmes(conn: Connection, highest: int) -> _Read:
    """Return the published versions, each verified again.

    One that was damaged, or that this release cannot read, gives no points and stops no sale.
    """
    keys, there = signed_programmes.keys(conn), programmes.envelopes(conn)
    found = []
    for version, data in there:
        try:
            text = unpack(open_sealed(data, "dangol/programme/1", keys), ProgrammeText).text
            found.append(read_programme(text, f"version {version}"))
        except LoyaltyError as error:
            log.error("programme_unusable", extra={"version": version, "code": error.code})
    return _Read(highest, Published(tuple(found)), there if len(found) < len(there) else None)
