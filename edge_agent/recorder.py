"""The one way in: an intake -> event -> derive -> journal, inside the writer's transaction.

Look-up, derivation and append see one state of the store. What comes a second time is recognised by its
natural key and changes nothing. What is refused raises, and only its own savepoint is undone.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Final

import msgspec

from edge_agent.books import Books, Shelf
from edge_agent.clock import PLAUSIBLE_FROM, Clock
from edge_agent.config import EdgeConfig
from edge_agent.member_days import MemberDays
from edge_agent.owners import Owner, Owners, account_of
from edge_agent.pos_adapter.receipt import Expectations, Understood
from edge_agent.store import entries, journal, presented, sources
from edge_agent.store.database import Connection
from edge_agent.store.sources import Source
from loyalty_core.calendar import date_of
from loyalty_core.entries import Step
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    AT_MAX,
    Event,
    EventId,
    Fact,
    MemberPresented,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptKey,
    ReturnRecorded,
    VisitRecorded,
    content_hash,
)
from loyalty_core.journal import Record, pack_record, unpack_record
from loyalty_core.units import Day

RULES_KEPT: Final = 1024
SPELLINGS_KEPT: Final = 4096
RECEIPT_TIME_STEP_MS: Final = 60_000
"""Tills cut a receipt's time to the minute: a card shown just before it may bear a later time."""

log = logging.getLogger(__name__)


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """Something to record. `content` is equal for what is the same; `journal_key` goes into the record.

    `voids` names what is undone: the natural key of a purchase, or a visit of this till.
    """

    event: Event
    natural_key: str
    content: bytes
    member: str | None = None
    voids: str | EventId | None = None
    journal_key: str | None = None
    adapter: str
    raw_sha256: bytes
    notices: tuple[str, ...] = ()


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an intake became. `day` is the member-day its points stand in.

    `offers` are the accounts to ask about where two cards were shown before an anonymous receipt.
    """

    event: EventId
    repeated: bool
    account: str | None
    day: Day
    redeemable: int = 0
    qualifying: int = 0
    steps: tuple[Step, ...] = ()
    notices: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()


class _Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where an event's points go, the member to record, and what to say about it."""

    account: str | None = None
    day: Day
    recorded: str | None = None
    notices: tuple[str, ...] = ()


class Recorder:
    """Records intakes; the parts that it is made of hold nothing but what they have worked out."""

    def __init__(self, config: EdgeConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._shelf = Shelf()
        self._owners = Owners(config.phone_region)
        self._days = MemberDays()

    def books(self, conn: Connection) -> Books:
        """Return the books of this transaction.

        Raises:
            StoreError: `not_enrolled`.
        """
        return self._shelf.open(conn)

    def owner(self, conn: Connection, books: Books, text: str) -> Owner | None:
        """Return whose card or number this is, known here or not; None when it can never be a member's."""
        return self._owners.find(conn, books.terminal.store_key, text)

    def expectations(self, books: Books) -> Expectations:
        """Return what this till takes as given about a receipt."""
        now_ms = self._clock.wall_ms()
        return Expectations(
            store_id=books.terminal.store_id,
            place=books.terminal.place,
            currency=books.programmes[-1].currency if books.programmes else None,
            now_ms=now_ms if PLAUSIBLE_FROM <= now_ms <= AT_MAX else None,
            future_tolerance_ms=self._config.future_tolerance_ms,
        )

    def record(self, conn: Connection, books: Books, intake: Intake) -> Outcome:
        """Return what the intake became; durable with the caller's transaction.

        Raises:
            BadInput: `receipt_conflict` or `idempotency_conflict` when the same key says something else.
        """
        notices = intake.notices
        owner = self.owner(conn, books, intake.member) if intake.member else None
        if owner is None and isinstance(intake.event, VisitRecorded | MemberPresented):
            raise BadInput(
                "this card or number can never be a member's: scan or type it again", code="member_unreadable"
            )
        if intake.member and owner is None:
            notices += ("the member's card or number cannot be read: recorded without a member",)
        known = sources.find(conn, intake.natural_key, books.terminal.terminal_id)
        if known is not None:
            _refuse_conflict(intake, known, owner)
            names_owner = owner is not None and known.account is None
            if not names_owner or not isinstance(intake.event, PurchaseRecorded):
                return self._again(conn, books, intake, known)
        offers: tuple[str, ...] = ()
        if books.cards_wait and isinstance(intake.event, PurchaseRecorded):
            shown = self._presented(conn, books, intake.event)
            if owner is None and len({p.account for p in shown}) == 1:
                owner = Owner(recorded=shown[0].member, account=shown[0].account, member_id=None)
            elif owner is None:
                offers = tuple(p.account for p in shown)
        event_id = books.next_id()
        place = self._place(conn, books, intake, owner)
        account, day, notice = place.account, place.day, place.notices
        event = intake.event if place.recorded is None else _naming(intake.event, place.recorded)
        new = [Fact(event_id, event)]
        if isinstance(event, PurchaseRecorded) and (void := self._early_void(conn, books, intake)):
            new.append(void)
            notice += ("this purchase was voided before it came: its points are taken back",)
        entry = claim = None
        if account is not None and not isinstance(event, MemberPresented):
            posted = self._days.post(conn, books, account, day, new)
            entry, claim = posted.entry, posted.claim
        record = Record(
            event=event,
            adapter=intake.adapter,
            natural_key=intake.journal_key,
            monotonic_ms=self._clock.monotonic_ms(),
            claim=claim,
        )
        books.head = journal.append(conn, books.terminal, books.head, pack_record(record))
        source = Source(content=intake.content, account=account, event=event_id, raw_sha256=intake.raw_sha256)
        sources.put(conn, intake.natural_key, source)
        if isinstance(event, PurchaseVoided) and account is None:
            sources.put(conn, f"voided/{intake.voids}", source)
        if isinstance(event, MemberPresented) and owner:
            presented.add(conn, event_id, owner.recorded, owner.account, event.occurred_at_ms)
            books.cards_wait = True
        return Outcome(
            event=event_id,
            repeated=False,
            account=account,
            day=day,
            redeemable=entry.redeemable if entry else 0,
            qualifying=entry.qualifying if entry else 0,
            steps=entry.steps if entry else (),
            notices=notices + notice,
            offers=offers,
        )

    def append(self, conn: Connection, books: Books, event: Event) -> EventId:
        """Append what happened to the terminal itself: it moves no points."""
        event_id = books.next_id()
        record = Record(event=event, adapter="agent", monotonic_ms=self._clock.monotonic_ms())
        books.head = journal.append(conn, books.terminal, books.head, pack_record(record))
        return event_id

    def _again(self, conn: Connection, books: Books, intake: Intake, known: Source) -> Outcome:
        """What was said before is said again: the points as they stand now, and why."""
        entry, day = None, Day(intake.event.business_day)
        if known.account is not None:
            day = Day(entries.day_of_event(conn, known.account, known.event) or day)
            standing = self._days.stands(conn, books, known.account, day)
            entry = next((entry for entry in standing if entry.event == known.event), None)
        return Outcome(
            event=known.event,
            repeated=True,
            account=known.account,
            day=day,
            redeemable=entry.redeemable if entry else 0,
            qualifying=entry.qualifying if entry else 0,
            steps=entry.steps if entry else (),
            notices=intake.notices,
        )

    def _presented(
        self, conn: Connection, books: Books, event: PurchaseRecorded
    ) -> list[presented.Presented]:
        programme = books.programme_on(Day(event.business_day))
        minutes = programme.pair_minutes if programme else 0
        at_ms = event.occurred_at_ms
        return presented.take(conn, at_ms - minutes * 60_000, at_ms + RECEIPT_TIME_STEP_MS)

    def _place(self, conn: Connection, books: Books, intake: Intake, owner: Owner | None) -> _Place:
        """Return whose points the event moves and in which member-day.

        A void names the member under whom this till has booked what it undoes, so that HQ's stamp covers it.
        """
        day = Day(intake.event.business_day)
        if intake.voids is not None:
            return self._place_of_void(conn, books, intake.voids, day)
        if isinstance(intake.event, ReturnRecorded):
            waits = "the return is recorded; its points are taken back by headquarters"
            return _Place(day=day, recorded=owner.recorded if owner else None, notices=(waits,))
        return _Place(
            account=owner.account if owner else None, day=day, recorded=owner.recorded if owner else None
        )

    def _place_of_void(self, conn: Connection, books: Books, voids: str | EventId, day: Day) -> _Place:
        account, event = None, voids
        if isinstance(event, str):
            source = sources.find(conn, event, books.terminal.terminal_id)
            if source is None:
                waits = "what is voided is not known at this till: headquarters settles it"
                return _Place(day=day, notices=(waits,))
            account, event = source.account, source.event
        record = journal.record_at(conn, event)
        recorded = unpack_record(record).event.member if record else None
        if recorded is None:
            return _Place(day=day)
        account = account or account_of(conn, books.terminal.store_key, recorded)
        return _Place(
            account=account,
            day=Day(entries.day_of_event(conn, account, event) or day),
            recorded=recorded,
        )

    def _early_void(self, conn: Connection, books: Books, intake: Intake) -> Fact | None:
        """Return the void that came when its purchase was not known here, or was nobody's."""
        source = sources.find(conn, f"voided/{intake.natural_key}", books.terminal.terminal_id)
        record = journal.record_at(conn, source.event) if source else None
        return Fact(source.event, unpack_record(record).event) if source and record else None


def intake_of(understood: Understood, member: str | None, adapter: str, raw: bytes) -> Intake:
    """Return the intake of a receipt that was understood. A visit without a member is refused.

    Raises:
        BadInput: `member_missing`.
    """
    if isinstance(understood.event, VisitRecorded) and not member:
        raise BadInput("a visit needs its member: say who was there", code="member_missing")
    return Intake(
        event=understood.event,
        natural_key=understood.natural_key,
        content=content_hash(understood.event),
        member=member,
        voids=understood.voids,
        adapter=adapter,
        raw_sha256=hashlib.sha256(raw).digest(),
        notices=understood.notices,
    )


def _refuse_conflict(intake: Intake, known: Source, owner: Owner | None) -> None:
    if known.content != intake.content:
        if intake.journal_key is not None:
            raise BadInput(
                "this Idempotency-Key was used for another request: use a new key for a new request",
                code="idempotency_conflict",
            )
        raise BadInput(
            f"{_named(intake)} is recorded already with another content: nothing was changed; a "
            "correction needs a void or a receipt number of its own",
            code="receipt_conflict",
        )
    same_raw = known.raw_sha256 == intake.raw_sha256  # said in the same bytes; what is known of members moves
    if owner and known.account and known.account != owner.account and not same_raw:
        raise BadInput(
            f"{_named(intake)} is recorded already for another member: nothing was changed",
            code="receipt_conflict",
        )


def _named(intake: Intake) -> str:
    """Return a receipt's name for people."""
    key = getattr(intake.event, "receipt", None)
    if not isinstance(key, ReceiptKey):
        return "this request"
    kind = intake.natural_key.partition("/")[0]
    return f"{kind} {key.number} of {date_of(Day(key.business_day))} at till {key.store}/{key.till}"


def _naming(event: Event, recorded: str) -> Event:
    return msgspec.structs.replace(event, member=recorded)
