"""The access log: who looked at which member's data, by which road and when, and who changed what.

A look is kept before what was seen is told, a change in the transaction that makes it. Nothing here names a
member but by id, and nothing that somebody typed to find one is kept. The database refuses to change a row,
and to delete one before 90 days; a chore deletes what is older than the settings keep.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from hq_server.fleet_view import at_text
from hq_server.store.connection import Transaction, Value
from loyalty_core.units import EpochMs

Road = Literal["api", "command"]
Kind = Literal["read", "change", "refused"]
MANY: Final = "*"
"""The subject of what was about many members."""
PAGE_MAX: Final = 1000
FORGOTTEN_AT_ONCE: Final = 1000
DAY_MS: Final = 86_400_000


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the log. `who` is a person, a token as `token:NAME`, a user of the machine as `os:NAME`."""

    number: int
    at: str
    who: str
    road: str
    kind: str
    what: str
    subject: str


def keep_access(
    tx: Transaction, now_ms: EpochMs, who: str, road: Road, kind: Kind, what: str, *subjects: str
) -> None:
    """Keep what somebody did, once for each subject; a look at nobody is none."""
    for subject in subjects or (() if kind == "read" else ("",)):
        row = {"who": who, "road": road, "kind": kind, "what": what, "subject": subject}
        tx.run("house.keep_access", at_ms=now_ms, **row)


def accesses(
    tx: Transaction, *, subject: str = "", who: str = "", since_ms: int = 0, before: int = 0
) -> list[Access]:
    """Return at most PAGE_MAX rows, the newest first, those before a number where one is given.

    Of one member also what was about many, in which the member may have been.
    """
    asked: dict[str, Value] = {
        "subject": subject,
        "who": who,
        "since_ms": since_ms,
        "before": before or 2**62,
    }
    return [
        Access(number=number, at=at_text(at_ms), who=by, road=road, kind=kind, what=what, subject=about)
        for number, at_ms, by, road, kind, what, about in tx.all("house.accesses", **asked, count=PAGE_MAX)
    ]


def is_forgetting_due(tx: Transaction, now_ms: EpochMs, days: int) -> bool:
    """Tell whether there is a row older than these days."""
    row = tx.one("house.oldest_access")
    return row is not None and row[0] < _before_ms(tx, now_ms, days)


def forget_some(tx: Transaction, now_ms: EpochMs, days: int) -> int:
    """Delete some of the rows that are older than these days; returns how many."""
    return tx.run("house.forget_accesses", before_ms=_before_ms(tx, now_ms, days), count=FORGOTTEN_AT_ONCE)


def _before_ms(tx: Transaction, now_ms: EpochMs, days: int) -> int:
    """Return the time before which rows are old: by the log's newest, where the clock is ahead of it.

    So a house in which nothing is done keeps what was done last.
    """
    newest = tx.one("house.newest_access")
    return min(now_ms, newest[0] if newest else now_ms) - days * DAY_MS
