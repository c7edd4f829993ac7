"""The journal as a technician leafs through it: a bounded look at each page, one record in full. Reads only.

What is damaged is shown as that, and stops nothing. Members are named as they were recorded, with the masked
name where it is known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from edge_agent.books import Books
from edge_agent.owners import account_of
from edge_agent.recorder import Recorder
from edge_agent.store import journal, outbox
from edge_agent.store.database import Connection
from edge_agent.store.terminal import Terminal
from loyalty_core.calendar import date_of
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    EVENT_NAMES,
    Event,
    EventId,
    PurchaseRecorded,
    ReceiptKey,
    RedemptionAuthorised,
    RedemptionCommitted,
    ReturnRecorded,
    TechnicianAction,
)
from loyalty_core.explain import Language, money, sentence
from loyalty_core.journal import Record, first_hash, next_hash
from loyalty_core.units import Day, Seq

ROWS: Final = 50
LOOKED_MAX: Final = 2000
"""Records that one page looks at: a filter that fits few of them goes on from there."""
DAMAGED: Final = "damaged"
_SHOWN_MAX: Final = 2000
"""Letters of one value."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One record in short. `kind` is an event's name, or `damaged`, of which nothing else is known."""

    seq: int
    kind: str
    at_ms: int | None = None
    day: int | None = None
    member: str = ""
    said: str = ""
    action: str = ""
    """What a technician did."""
    points: int | None = None
    is_held: bool = False


class Leaf(msgspec.Struct, frozen=True, kw_only=True):
    """A page of one epoch, the newest first; `before` is where the next begins, None at the beginning.

    `looked` records were looked at for it.
    """

    epoch: int
    epochs: list[int]
    rows: list[Row]
    before: int | None
    looked: int


class Value(msgspec.Struct, frozen=True):
    """One field of a record: its path, and its text; `is_time` and `is_day` say what its number means."""

    name: str
    text: str
    number: int = 0
    is_time: bool = False
    is_day: bool = False


class Detail(msgspec.Struct, frozen=True, kw_only=True):
    """One record in full. `hash` was written with it, `follows` whether record and hash before give it."""

    epoch: int
    seq: int
    kind: str
    values: list[Value]
    points: tuple[int, int] | None
    why: list[str]
    claim: list[Value]
    adapter: str
    natural_key: str
    monotonic_ms: int
    size: int
    hash: str
    hash_before: str
    follows: bool
    is_held: bool
    masked_name: str


def leaf(
    conn: Connection,
    books: Books,
    language: Language,
    *,
    epoch: int | None = None,
    before: int | None = None,
    kind: str = "",
    day: int | None = None,
) -> Leaf:
    """Return a page of the journal: of the present epoch and its end, unless told otherwise."""
    chosen = books.terminal.epoch if epoch is None else epoch
    held = outbox.acknowledged(conn, chosen)
    at = journal.last_seq(conn, chosen) + 1 if before is None else before
    rows: list[Row] = []
    looked = 0
    while len(rows) < ROWS and looked < LOOKED_MAX and at > 1:
        found = journal.before(conn, chosen, at, min(LOOKED_MAX - looked, 4 * ROWS))
        if not found:
            at = 1
            break
        for seq, record in _read(conn, books.terminal, chosen, found):
            looked, at = looked + 1, seq
            if _fits(record, kind, day):
                rows.append(_row(conn, books, language, seq, record, is_held=seq <= held))
            if len(rows) == ROWS:
                break
    return Leaf(
        epoch=chosen,
        epochs=_epochs(conn, books.terminal),
        rows=rows,
        before=at if at > 1 else None,
        looked=looked,
    )


def detail(
    conn: Connection, books: Books, recorder: Recorder, language: Language, epoch: int, seq: int
) -> Detail:
    """Return one record with all that is known of it.

    Raises:
        BadInput: `record_unknown`.
    """
    found = journal.row_at(conn, epoch, seq)
    if found is None:
        raise BadInput(f"there is no record {seq} in epoch {epoch}", code="record_unknown")
    data, written = found
    before = (
        first_hash(books.terminal.terminal_id, epoch) if seq == 1 else journal.hash_at(conn, epoch, seq - 1)
    )
    follows = before is not None and next_hash(before, data) == written
    record = journal.readable(data)
    event = None if record is None else record.event
    posted = None
    if event is not None and record is not None and record.claim is not None:
        event_id = EventId(books.terminal.terminal_id, epoch, 0, Seq(seq))
        posted = recorder.gives(conn, books, event_id, event)
    programme = None if event is None else books.programme_on(Day(event.business_day))
    return Detail(
        epoch=epoch,
        seq=seq,
        kind=EVENT_NAMES[type(event)] if event is not None and follows else DAMAGED,
        values=[] if event is None else list(_values("", msgspec.structs.asdict(event))),
        points=None if posted is None else (posted.redeemable, posted.qualifying),
        why=[] if posted is None else [sentence(step, programme, language) for step in posted.steps],
        claim=_claim(record),
        adapter="" if record is None else record.adapter,
        natural_key="" if record is None else record.natural_key or "",
        monotonic_ms=0 if record is None else record.monotonic_ms,
        size=len(data),
        hash=written.hex(),
        hash_before="" if before is None else before.hex(),
        follows=follows,
        is_held=seq <= outbox.acknowledged(conn, epoch),
        masked_name="" if event is None else _masked(conn, books, event),
    )


def _read(
    conn: Connection, terminal: Terminal, epoch: int, rows: list[tuple[int, bytes, bytes]]
) -> Iterator[tuple[int, Record | None]]:
    """Yield each record, None for one that is not what was written."""
    befores = [(seq, hash_) for seq, _, hash_ in rows[1:]]
    first = rows[-1][0] - 1
    befores.append((first, journal.hash_at(conn, epoch, first) or first_hash(terminal.terminal_id, epoch)))
    for (seq, data, written), (seq_before, before) in zip(rows, befores, strict=True):
        follows = seq_before == seq - 1 and next_hash(before, data) == written
        yield seq, journal.readable(data) if follows else None


def _fits(record: Record | None, kind: str, day: int | None) -> bool:
    if record is None:
        return kind in ("", DAMAGED) and day is None
    fits_kind = not kind or EVENT_NAMES[type(record.event)] == kind
    return fits_kind and (day is None or record.event.business_day == day)


def _row(
    conn: Connection, books: Books, language: Language, seq: int, record: Record | None, *, is_held: bool
) -> Row:
    if record is None:
        return Row(seq=seq, kind=DAMAGED, is_held=is_held)
    event = record.event
    return Row(
        seq=seq,
        kind=EVENT_NAMES[type(event)],
        at_ms=event.occurred_at_ms,
        day=event.business_day,
        member=_masked(conn, books, event) or event.member or "",
        said=_said(books, event, language),
        action=event.action if isinstance(event, TechnicianAction) else "",
        points=None if record.claim is None else record.claim.redeemable,
        is_held=is_held,
    )


def _said(books: Books, event: Event, language: Language) -> str:
    """Return the few words by which somebody knows a record again."""
    parts: list[str] = []
    receipt = getattr(event, "receipt", None)
    if isinstance(receipt, ReceiptKey):
        parts.append(receipt.number)
    programme = books.programme_on(Day(event.business_day))
    if isinstance(event, PurchaseRecorded | ReturnRecorded) and programme is not None:
        parts.append(money(event.net_minor, programme.currency, language))
    if isinstance(event, RedemptionAuthorised | RedemptionCommitted):
        parts.append(f"{event.points:,}")
    if isinstance(event, TechnicianAction):
        parts += [event.person, event.subject, event.outcome]
    return " · ".join(part for part in parts if part)


def _masked(conn: Connection, books: Books, event: Event) -> str:
    if event.member is None:
        return ""
    row = books.row(conn, account_of(conn, books.terminal.store_key, event.member))
    return "" if row is None else row.masked_name


def _claim(record: Record | None) -> list[Value]:
    claim = None if record is None else record.claim
    return [] if claim is None else list(_values("", msgspec.structs.asdict(claim)))


def _values(name: str, value: Any) -> Iterator[Value]:
    """Yield the fields of a value, each by its path."""
    match value:
        case msgspec.Struct():
            yield from _values(name, msgspec.structs.asdict(value))
        case dict():
            for key, inner in value.items():
                yield from _values(f"{name}.{key}" if name else key, inner)
        case tuple() | list():
            for place, inner in enumerate(value):
                yield from _values(f"{name}[{place}]", inner)
        case None:
            return
        case bytes():
            yield Value(name, value.hex())
        case int() if name.endswith("business_day"):
            yield Value(name, date_of(Day(value)).isoformat(), value, is_day=True)
        case int() if name.endswith("at_ms") or name == "until_ms":
            yield Value(name, str(value), value, is_time=True)
        case _:
            yield Value(name, str(value)[:_SHOWN_MAX])


def _epochs(conn: Connection, terminal: Terminal) -> list[int]:
    found = {epoch for epoch, branch in journal.epochs(conn) if branch == 0} | {terminal.epoch}
    return sorted(found, reverse=True)
