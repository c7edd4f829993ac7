"""What can be taken out: members, entries, exceptions, decisions, cases. Reads only, a page at a time.

A command reads all pages in one transaction, a request each in its own: a slow reader must not hold the
database.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Protocol

import msgspec

from hq_server.decisions import decision_view, decisions
from hq_server.desk.cases import cases
from hq_server.exports.cells import Row
from hq_server.fleet_view import at_text
from hq_server.house import load_house
from hq_server.members_csv import COLUMNS
from hq_server.reconcile import Wanted, exceptions_page
from hq_server.references import keys_json
from hq_server.store.connection import Transaction
from loyalty_core.calendar import date_of
from loyalty_core.entries import NO_EVENT
from loyalty_core.events import EventId
from loyalty_core.units import Day, EpochMs, Seq

What = Literal["members", "entries", "exceptions", "decisions", "cases"]
Cursor = tuple[Any, ...]
"""After which row a page begins; () before the first."""
PAGE: Final = 1000
_FIRST_MEMBER: Final = ("",)
_FIRST_ENTRY: Final = (-1, "", 0, 0)
"""Before the first of a bucket."""
_AT_ANY_AGE: Final = 2**53
"""A time by which all that is open has been."""


class Page(msgspec.Struct, frozen=True):
    """Some rows, and after what the next ones come; None where there are none."""

    rows: list[Row]
    after: Cursor | None


class Reading(Protocol):
    """Reads the rows after a cursor."""

    def __call__(self, tx: Transaction, after: Cursor) -> Page:
        """Return them."""


class Table(msgspec.Struct, frozen=True):
    """One thing that can be taken out: what it is, the names of its columns, and how its rows are read."""

    says: str
    columns: tuple[str, ...]
    page: Reading


def pages(tx: Transaction, what: What) -> Iterator[list[Row]]:
    """Yield all rows of one kind as this transaction sees them, some at a time."""
    page = TABLES[what].page(tx, ())
    while True:
        yield page.rows
        if page.after is None:
            return
        page = TABLES[what].page(tx, page.after)


def _members(tx: Transaction, after: Cursor) -> Page:
    """Return members in the columns of an import, with their state; of one who was erased the id is left."""
    bucket, *place = after or (0, *_FIRST_MEMBER)
    rows = tx.all("accounts.members_page", bucket=bucket, member_id=place[0], count=PAGE)
    keys = keys_json((bucket, row[0]) for row in rows)
    look_ups: dict[str, list[str]] = defaultdict(list)
    for member, look_up in tx.all("accounts.look_ups_of", members=keys):
        look_ups[member].append(look_up.partition(":")[2])
    into: dict[str, str] = dict(tx.all("accounts.merges_of", keys=keys))
    found: list[Row] = [
        (
            member,
            tuple(sorted(look_ups[member])),
            name,
            phone,
            _date(joined_on),
            home_store,
            _date(birthday),
            "erased" if erased else "merged" if member in into else "present",
            into.get(member),
        )
        for member, name, phone, joined_on, home_store, birthday, erased in rows
    ]
    last = (rows[-1][0],) if len(rows) == PAGE else None
    return Page(found, _further(tx, bucket, last, _FIRST_MEMBER))


def _entries(tx: Transaction, after: Cursor) -> Page:
    """Return every movement of every member, without its reasons."""
    bucket, *place = after or (0, *_FIRST_ENTRY)
    asked = dict(zip(("span", "member_id", "earned_day", "entry_no"), place, strict=True))
    rows = tx.all("accounts.entries_page", bucket=bucket, **asked, count=PAGE)
    found: list[Row] = []
    for _, member, _, entry_no, terminal, epoch, branch, seq, kind, corrects, day, *rest in rows:
        period_id, redeemable, qualifying, version, rule, posted_at_ms = rest
        event = EventId(terminal, epoch, branch, Seq(seq))
        found.append(
            (
                member,
                f"{bucket}.{entry_no}",
                _date(day),
                kind,
                corrects,
                period_id,
                redeemable,
                qualifying,
                version,
                rule,
                None if event == NO_EVENT else str(event),
                at_text(posted_at_ms),
            )
        )
    last = rows[-1][:4] if len(rows) == PAGE else None
    return Page(found, _further(tx, bucket, last, _FIRST_ENTRY))


def _exceptions(tx: Transaction, after: Cursor) -> Page:
    """Return what is not closed, the oldest first."""
    (cursor,) = after or ("",)
    page = exceptions_page(tx, Wanted(), EpochMs(_AT_ANY_AGE), after=cursor)
    found: list[Row] = [tuple(getattr(one, name) for name in _EXCEPTION) for one in page]
    return Page(found, (page[-1].cursor,) if page else None)


def _decisions(tx: Transaction, after: Cursor) -> Page:
    """Return every decision with its verdict, in order."""
    (number,) = after or (0,)
    page = decisions(tx, after=number)
    found: list[Row] = [tuple(getattr(decision_view(one), name) for name in _DECISION) for one in page]
    return Page(found, (page[-1].number,) if page else None)


def _cases(tx: Transaction, after: Cursor) -> Page:
    """Return every case of the near-miss desk, in order, as it is kept."""
    (number,) = after or (0,)
    page = cases(tx, after=number)
    found: list[Row] = [
        (
            one.number,
            one.member_id,
            one.period_id,
            one.tier,
            one.missing,
            one.home_store,
            one.words,
            one.opened_by,
            at_text(EpochMs(one.opened_at_ms)),
            one.state,
            one.decision,
        )
        for one in page
    ]
    return Page(found, (page[-1].number,) if page else None)


_EXCEPTION: Final = (
    *("opened_at", "kind", "store_id", "subject", "receipt_key", "owner", "state", "detail", "cause"),
    *("explained_by", "explained_at"),
)
_DECISION: Final = (
    *("number", "kind", "subject", "state", "made_by", "made_at", "given_by", "given_at", "reason", "detail"),
)
_ENTRY: Final = (
    *("member_id", "entry", "business_date", "kind", "corrects", "period", "redeemable", "qualifying"),
    *("programme_version", "rule", "event", "posted_at"),
)
_CASE: Final = (
    *("number", "member_id", "period", "tier", "missing", "home_store", "words", "opened_by", "opened_at"),
    *("state", "decision"),
)
TABLES: Final[Mapping[What, Table]] = {
    "members": Table("every member", (*COLUMNS, "state", "merged_into"), _members),
    "entries": Table("every movement of points", _ENTRY, _entries),
    "exceptions": Table("every exception that is not closed", _EXCEPTION, _exceptions),
    "decisions": Table("every decision", _DECISION, _decisions),
    "cases": Table("every case of the near-miss desk", _CASE, _cases),
}


def _further(tx: Transaction, bucket: int, last: Cursor | None, first: Cursor) -> Cursor | None:
    """Return where to go on: after the last row of a full page, else at the first of the next bucket."""
    if last is not None:
        return (bucket, *last)
    return (bucket + 1, *first) if bucket + 1 < load_house(tx).bucket_count else None


def _date(day: int | None) -> str | None:
    return None if day is None else date_of(Day(day)).isoformat()
