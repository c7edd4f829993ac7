"""The one way in: an intake -> event -> derive -> journal, inside the writer's transaction.

Look-up, derivation and append see one state of the store. What comes a second time is recognised by its
natural key and changes nothing. What is refused raises, and only its own savepoint is undone.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from edge_agent import takebacks
from edge_agent.believing import is_believed
from edge_agent.books import Books, Shelf
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.member_days import MemberDays, Posted
from edge_agent.own_facts import purchase_of
from edge_agent.owners import Owner, Owners, account_of, keep_spelling
from edge_agent.pairing import Paired, pair
from edge_agent.placing import place_of
from edge_agent.pos_adapter.understanding import Expectations, Understood
from edge_agent.store import entries, journal, presented, receipt_facts, sources
from edge_agent.store.database import Connection
from edge_agent.store.sources import Source
from loyalty_core.calendar import business_day, date_of
from loyalty_core.entries import Step
from loyalty_core.errors import BadInput
from loyalty_core.events import (
    AT_MAX,
    AT_MIN,
    EVENT_NAMES,
    Event,
    EventId,
    Fact,
    MemberPresented,
    PurchaseRecorded,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionCommitted,
    VisitRecorded,
    content_hash,
)
from loyalty_core.journal import Record, pack_record
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day, EpochMs
from loyalty_shell.exposition import Counter

log = logging.getLogger(__name__)

_NEEDS_OWNER: Final = (VisitRecorded, MemberPresented, ReceiptClaimed)


class Intake(msgspec.Struct, frozen=True, kw_only=True):
    """Something to record. `content` is equal for what is the same; `journal_key` goes into the record.

    `voids` is the visit of this till that is undone. `is_copy` is a reprint: it is what its key is known as.
    """

    event: Event
    natural_key: str
    content: bytes
    member: str | None = None
    voids: EventId | None = None
    journal_key: str | None = None
    adapter: str
    raw_sha256: bytes
    notices: tuple[str, ...] = ()
    is_copy: bool = False


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What an intake became. `day` is the member-day its points stand in.

    `earning` is what earns in it now, None where that was not looked at.

    `offers` are the members to ask about, where cards were shown whose the anonymous receipt may be.
    """

    event: EventId
    repeated: bool
    account: str | None
    day: Day
    redeemable: int = 0
    qualifying: int = 0
    steps: tuple[Step, ...] = ()
    notices: tuple[str, ...] = ()
    offers: tuple[Owner, ...] = ()
    earning: Sequence[Resolved] | None = None


class Recorder:
    """Records intakes; the parts that it is made of hold nothing but what they have worked out.

    What was `taken` is counted before its commit: one that the disk then refuses is counted all the same.
    """

    def __init__(self, config: EdgeConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self.taken = Counter(
            "dangol_edge_receipts_total",
            "Events that were handed in, by what became of them.",
            "source",
            "kind",
            "outcome",
        )
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
        return self._owners.find(conn, books, text)

    def member(self, conn: Connection, books: Books, text: str) -> Owner:
        """Return the member whose card or number this is.

        Raises:
            BadInput: `member_unreadable`, `member_unknown`.
        """
        owner = self.owner(conn, books, text)
        if owner is None:
            raise BadInput(
                "this is no card or phone number that a member can have: scan or type it again",
                code="member_unreadable",
            )
        if not owner.is_member:
            raise BadInput("no member with this card or number is known at this till", code="member_unknown")
        return owner

    def expectations(self, books: Books) -> Expectations:
        """Return what this till takes as given about a receipt, at the time of these books."""
        if books.expected is None:
            now_ms, place = self._clock.wall_ms(), books.terminal.place
            believed = is_believed(now_ms, books.known_day, books.hq_time_ms, place)
            books.expected = Expectations(
                store_id=books.terminal.store_id,
                place=place,
                currency=books.programmes[-1].currency if books.programmes else None,
                now_ms=now_ms if believed else None,
                today=business_day(now_ms, place) if believed else None,
                future_tolerance_ms=self._config.future_tolerance_ms,
            )
        return books.expected

    def record(self, conn: Connection, books: Books, intake: Intake) -> Outcome:
        """Return what the intake became; durable with the caller's transaction.

        Raises:
            BadInput: `receipt_conflict` or `idempotency_conflict` when the same key says something else.
        """
        notices = intake.notices
        owner = self.owner(conn, books, intake.member) if intake.member else None
        if owner is None and isinstance(intake.event, _NEEDS_OWNER):
            raise BadInput(
                "this card or number can never be a member's: scan or type it again", code="member_unreadable"
            )
        if intake.member and owner is None:
            notices += ("the member's card or number cannot be read: recorded without a member",)
        known = sources.find(conn, intake.natural_key, books.terminal.terminal_id)
        if known is not None and intake.is_copy and known.content != intake.content:
            return self._again(conn, books, intake, known)
        if known is not None:
            _refuse_conflict(intake, known, owner)
            names_owner = owner is not None and known.account is None
            if not names_owner or not isinstance(intake.event, PurchaseRecorded):
                return self._again(conn, books, intake, known)
        paired = Paired()
        if books.cards_wait and known is None and isinstance(intake.event, PurchaseRecorded):
            paired = pair(conn, books, intake.event, intake.adapter)
            owner = owner or paired.owner
        event_id = books.next_id()
        place = place_of(conn, books, intake.event, owner, intake.voids)
        account, day = place.account, place.day
        notices += place.notices if account else (*place.notices, *paired.notices)
        event = intake.event if place.recorded is None else _naming(intake.event, place.recorded)
        posted = Posted()
        if account is not None and not place.is_theirs and not isinstance(event, MemberPresented):
            posted = self._days.post(conn, books, account, day, Fact(event_id, event))
        if posted.taken_back:
            notices += ("this purchase was voided or returned before: those points are taken back",)
        record = Record(
            event=event,
            adapter=intake.adapter,
            natural_key=intake.journal_key,
            monotonic_ms=self._clock.monotonic_ms(),
            claim=posted.claim,
        )
        books.head = journal.append(conn, books.terminal, books.head, pack_record(record))
        if account is not None and place.recorded is not None:
            keep_spelling(conn, books.terminal.store_key, place.recorded, account)
        source = Source(content=intake.content, account=account, event=event_id, raw_sha256=intake.raw_sha256)
        sources.put(conn, intake.natural_key, source)
        purchase = purchase_of(event)
        if purchase is not None and not isinstance(event, PurchaseRecorded):
            receipt_facts.add(conn, purchase, event_id)
            if isinstance(event, ReceiptClaimed):
                sources.give(conn, purchase, account)
        looked = takebacks.look(conn, books, Fact(event_id, event))
        for payer, paid_on in sorted(looked.payers - {(account, day)}):
            self._days.post(conn, books, payer, paid_on, Fact(event_id, event))
        if isinstance(event, MemberPresented) and owner:
            presented.add(conn, event_id, owner.recorded, owner.account, event.occurred_at_ms)
            books.cards_wait = True
        self.taken.add(intake.adapter, EVENT_NAMES[type(intake.event)], "recorded")
        return Outcome(
            event=event_id,
            repeated=False,
            account=account,
            day=day,
            redeemable=posted.redeemable,
            qualifying=posted.qualifying,
            steps=posted.steps,
            notices=notices + looked.notices,
            offers=() if account else paired.offers,
            earning=posted.earning,
        )

    def spend(self, conn: Connection, books: Books, account: str, event: RedemptionCommitted) -> EventId:
        """Append the commit of a redemption and book its points; its receipt may come before or after."""
        event_id = books.next_id()
        self._days.post(conn, books, account, Day(event.business_day), Fact(event_id, event))
        purchase = purchase_of(event)
        if purchase is not None:
            receipt_facts.add(conn, purchase, event_id)
        return self.append(conn, books, event, "http")

    def append(
        self,
        conn: Connection,
        books: Books,
        event: Event,
        adapter: str = "agent",
        journal_key: str | None = None,
    ) -> EventId:
        """Append what moves no points by itself, such as what happened to the terminal."""
        event_id = books.next_id()
        record = Record(
            event=event, adapter=adapter, natural_key=journal_key, monotonic_ms=self._clock.monotonic_ms()
        )
        books.head = journal.append(conn, books.terminal, books.head, pack_record(record))
        return event_id

    def moment(self, books: Books) -> tuple[EpochMs, Day]:
        """Return when something happens now to the terminal itself, as its clock tells."""
        at_ms = EpochMs(min(max(self._clock.wall_ms(), AT_MIN), AT_MAX))
        return at_ms, business_day(at_ms, books.terminal.place)

    def gives(self, conn: Connection, books: Books, event_id: EventId, event: Event) -> Posted:
        """Return the points of an event as they stand now at this till, and why."""
        if event.member is None:
            return Posted()
        account = account_of(conn, books.terminal.store_key, event.member)
        day = Day(entries.day_of_event(conn, account, event_id) or event.business_day)
        return self._days.stands(conn, books, account, day, event_id)

    def comes_again(self, intake: Intake, known: Source | None) -> bool:
        """Tell whether this is recorded in the same bytes: one more copy, of which nothing is told.

        A copy whose member may be somebody who was not known for it yet is for `record`.
        """
        if known is None or (known.content, known.raw_sha256) != (intake.content, intake.raw_sha256):
            return False
        if known.account is None and intake.member:
            return False
        self.taken.add(intake.adapter, EVENT_NAMES[type(intake.event)], "repeated")
        return True

    def _again(self, conn: Connection, books: Books, intake: Intake, known: Source) -> Outcome:
        """What was said before is said again: the points as they stand now, and why."""
        self.taken.add(intake.adapter, EVENT_NAMES[type(intake.event)], "repeated")
        day, posted = Day(intake.event.business_day), Posted()
        if known.account is not None:
            day = Day(entries.day_of_event(conn, known.account, known.event) or day)
            posted = self._days.stands(conn, books, known.account, day, known.event)
        return Outcome(
            event=known.event,
            repeated=True,
            account=known.account,
            day=day,
            redeemable=posted.redeemable,
            qualifying=posted.qualifying,
            steps=posted.steps,
            notices=intake.notices + takebacks.look(conn, books, Fact(known.event, intake.event)).notices,
            earning=posted.earning,
        )


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
        adapter=adapter,
        raw_sha256=hashlib.sha256(raw).digest(),
        notices=understood.notices,
    )


def _refuse_conflict(intake: Intake, known: Source, owner: Owner | None) -> None:
    if known.content != intake.content and (known.content or intake.journal_key is None):
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
