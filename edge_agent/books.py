"""What one transaction knows of this till: who it is, the rules that HQ published, and the journal's head."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final

import msgspec

from edge_agent.believing import known_day
from edge_agent.pos_adapter.understanding import Expectations
from edge_agent.store import hq_keys, members, openings, programmes
from edge_agent.store.database import Connection
from edge_agent.store.journal import Head
from edge_agent.store.terminal import Terminal
from loyalty_core.accrual import counted_rules
from loyalty_core.calendar import period_after, period_of
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


class Shelf:
    """Opens books; keeps the published programmes that it has read."""

    def __init__(self) -> None:
        self._published: tuple[int, Published] = (0, Published(()))

    def open(self, conn: Connection) -> Books:
        """Return the books of this transaction.

        Raises:
            StoreError: `not_enrolled`.
        """
        opening = openings.read(conn)
        known = self._published  # once: the reader opens books too, and may see the versions of before
        if opening.programme != known[0]:
            known = (opening.programme, Published(_read_programmes(conn)))
            self._published = known
        return Books(
            terminal=opening.terminal,
            published=known[1],
            head=opening.head,
            cards_wait=opening.cards_wait,
            known_day=known_day(opening.counted, opening.hq_time_ms, opening.terminal.place),
            hq_time_ms=opening.hq_time_ms,
        )


def _read_programmes(conn: Connection) -> tuple[Programme, ...]:
    """Return the published versions, each verified again: what the disk holds is not believed by itself.

    One that was damaged, or that this release cannot read, gives no points and stops no sale.
    """
    keys = hq_keys.believed(conn, "programme")
    found = []
    for version, data in programmes.envelopes(conn):
        try:
            text = unpack(open_sealed(data, "dangol/programme/1", keys), ProgrammeText).text
            found.append(read_programme(text, f"version {version}"))
        except LoyaltyError as error:
            log.error("programme_unusable", extra={"version": version, "code": error.code})
    return tuple(found)
