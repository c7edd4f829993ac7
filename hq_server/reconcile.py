"""What does not fit and waits for a person: by kind, age, state, cause and owner, in pages; and why it is so.

Exceptions lie in two tables, one on each side, and are read as one list, the oldest first.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from hq_server.fleet_view import at_text
from hq_server.store.connection import Transaction, Value
from loyalty_core.errors import BadInput
from loyalty_core.units import EpochMs

PAGE_MAX: Final = 1000
CAUSE_MAX: Final = 1000
HOURS_MAX: Final = 10**6
"""The greatest age that can be asked for."""
DAY_MS: Final = 86_400_000

State = Literal["open", "explained", "closed"]
_OWNERS: Final = {
    "fork": "technician",
    "journal_behind": "technician",
    "record_unreadable": "technician",
    "clock_ahead": "technician",
    "clock_off": "technician",
    "day_open": "technician",
    "day_closed_differs": "technician",
    "programme_missing": "headquarters",
    "programme_differs": "headquarters",
    "award_unexplained": "headquarters",
    "dated_ahead": "headquarters",
    "dated_apart": "headquarters",
    "dated_wrong": "headquarters",
    "webhook_set_aside": "headquarters",
}
"""Whose it is to end an exception of a kind; of all others the store's, or the member desk's."""
_Int = Annotated[int, Meta(ge=-(2**62), le=2**62)]
_Place = tuple[_Int, _Int, str | _Int, str, str]
"""(opened_at_ms, side, store or bucket, kind, subject): the order of the list."""
_CURSOR: Final = msgspec.json.Decoder(_Place)


class ExceptionView(msgspec.Struct, frozen=True, kw_only=True):
    """One exception. `store_id` is None where it is about a member rather than a till.

    `owner` is who is to end it: `technician`, `store`, `member desk` or `headquarters`. `cursor` is its place
    in the list.
    """

    kind: str
    store_id: str | None
    subject: str
    receipt_key: str | None
    detail: str
    state: State
    owner: str
    cause: str
    explained_by: str
    explained_at: str | None
    opened_at: str
    closed_at: str | None
    age_ms: int
    cursor: str


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which exceptions to list; an empty text lets every kind or cause pass.

    Without a state it is what is not closed. A cause is found by a part of it, in any case of letters.
    """

    kind: str = ""
    state: Literal["", "open", "explained", "closed"] = ""
    cause: str = ""
    older_than_ms: int = 0


class KindCount(msgspec.Struct, frozen=True, kw_only=True):
    """How many of a kind are not closed: all, the explained, those of the last 24 hours; the oldest's age."""

    kind: str
    owner: str
    count: int
    explained: int
    last_day: int
    oldest_ms: int


def exceptions_page(
    tx: Transaction, wanted: Wanted, now_ms: EpochMs, *, after: str = "", count: int = PAGE_MAX
) -> list[ExceptionView]:
    """Return up to `count` of the wanted exceptions after a cursor, the oldest first.

    Raises:
        BadInput: `cursor_malformed`.
    """
    place = _place_of(after) if after else None
    found = [row for side in (0, 1) for row in _rows(tx, wanted, side, place, now_ms, count)]
    return [_view(row, now_ms) for row in sorted(found, key=lambda row: row.place)[:count]]


def open_exceptions(tx: Transaction, now_ms: EpochMs, wanted: Wanted | None = None) -> list[ExceptionView]:
    """Return every wanted exception, the oldest first; by default all that are not closed."""
    found: list[ExceptionView] = []
    page = exceptions_page(tx, wanted or Wanted(), now_ms)
    while page:
        found += page
        page = exceptions_page(tx, wanted or Wanted(), now_ms, after=page[-1].cursor)
    return found


def by_kind(tx: Transaction, now_ms: EpochMs) -> list[KindCount]:
    """Return what is not closed, counted by kind, the most frequent first."""
    since_ms = now_ms - DAY_MS
    found = [
        KindCount(
            kind=kind,
            owner=_owner(kind, side),
            count=count,
            explained=explained,
            last_day=last_day,
            oldest_ms=max(0, now_ms - oldest_ms),
        )
        for side, statement in enumerate(("arrivals.exception_counts", "accounts.account_exception_counts"))
        for kind, count, explained, last_day, oldest_ms in tx.all(statement, since_ms=since_ms)
    ]
    return sorted(found, key=lambda one: (-one.count, one.kind))


def explain(tx: Transaction, kind: str, subject: str, cause: str, by: str, now_ms: EpochMs) -> None:
    """Keep why an exception is as it is, and who says so. It stays listed until the difference is no more.

    Raises:
        BadInput: `exception_not_found`, `cause_missing`, `name_missing`.
    """
    cause, by = cause.strip(), by.strip()
    if not cause or len(cause) > CAUSE_MAX:
        raise BadInput(f"say the cause in 1 to {CAUSE_MAX} characters", code="cause_missing")
    if not by or len(by) > 100:
        raise BadInput("say who explains it: a name of 1 to 100 characters", code="name_missing")
    said: dict[str, Value] = {"kind": kind, "subject": subject, "cause": cause}
    said |= {"explained_by": by, "explained_at_ms": now_ms}
    done = [tx.run(f"{name}_exception", **said) for name in ("arrivals.explain", "accounts.explain_account")]
    if not any(done):
        raise BadInput(
            f"no {kind} of {subject} is open: see hq-server exceptions list", code="exception_not_found"
        )


class _Found(msgspec.Struct, frozen=True):
    """One row, whichever side it is of, and its place in the list."""

    place: tuple[int, int, Any, str, str]
    receipt_key: str | None
    detail: str
    closed_at_ms: int | None
    cause: str
    explained_by: str
    explained_at_ms: int | None


def _rows(
    tx: Transaction, wanted: Wanted, side: int, after: _Place | None, now_ms: EpochMs, count: int
) -> Iterator[_Found]:
    """Yield the next rows of one side."""
    closed = wanted.state == "closed"
    statement = f"{'closed' if closed else 'current'}_{'account_' if side else ''}exceptions"
    parameters: dict[str, Value] = {} if closed else {"state": wanted.state}
    begin = _begin(side, after)
    rows = tx.all(
        f"{'accounts' if side else 'arrivals'}.{statement}",
        **parameters,
        **{"after_bucket" if side else "after_store_id": begin[1]},
        kind=wanted.kind,
        cause=wanted.cause.encode().lower().decode(),
        until_ms=now_ms - wanted.older_than_ms,
        after_ms=begin[0],
        after_kind=begin[2],
        after_subject=begin[3],
        count=count,
    )
    for scope, kind, subject, receipt_key, detail, opened_at_ms, *rest in rows:
        yield _Found((opened_at_ms, side, scope, kind, subject), receipt_key, detail, *rest)


def _begin(side: int, after: _Place | None) -> tuple[int, str | int, str, str]:
    """Return after which (opened_at_ms, store or bucket, kind, subject) of a side the list goes on."""
    nowhere: str | int = -1 if side else ""
    if after is None:
        return -1, nowhere, "", ""
    opened_at_ms, of_side, scope, kind, subject = after
    if of_side == side:
        return opened_at_ms, scope, kind, subject
    return opened_at_ms + (of_side > side), nowhere, "", ""


def _view(found: _Found, now_ms: EpochMs) -> ExceptionView:
    opened_at_ms, side, scope, kind, subject = found.place
    explained: State = "explained" if found.explained_by else "open"
    return ExceptionView(
        kind=kind,
        store_id=None if side else scope,
        subject=subject,
        receipt_key=found.receipt_key,
        detail=found.detail,
        state=explained if found.closed_at_ms is None else "closed",
        owner=_owner(kind, side),
        cause=found.cause,
        explained_by=found.explained_by,
        explained_at=None if found.explained_at_ms is None else at_text(found.explained_at_ms),
        opened_at=at_text(opened_at_ms),
        closed_at=None if found.closed_at_ms is None else at_text(found.closed_at_ms),
        age_ms=max(0, (found.closed_at_ms or now_ms) - opened_at_ms),
        cursor=base64.urlsafe_b64encode(msgspec.json.encode(found.place)).decode(),
    )


def _owner(kind: str, side: int) -> str:
    return _OWNERS.get(kind, "member desk" if side else "store")


def _place_of(cursor: str) -> _Place:
    try:
        place: _Place = _CURSOR.decode(base64.b64decode(cursor, b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise BadInput(
            "after is the cursor of the last exception that is known", code="cursor_malformed"
        ) from None
    return place
