"""The one way in: an intake -> event -> derive -> journal, inside the writer's transaction.

Look-up, derivation and append see one state of the store. What comes a second time is recognised by its
natural key and changes nothing. What is refused raises, and only its own savepoint is undone.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterable
from typing import Final

import msgspec

from edge_agent.clock import PLAUSIBLE_FROM, Clock
from edge_agent.config import EdgeConfig
from edge_agent.pos_adapter.receipt import Expectations, Understood, natural_key
from edge_agent.store import entries, journal, members, presented, programmes, sources, terminal
from edge_agent.store.database import Connection
from edge_agent.store.entries import Award
from edge_agent.store.journal import Head
from edge_agent.store.sources import Source
from edge_agent.store.terminal import Terminal
from loyalty_core.accrual import DayRules, derive_day, rules_of_day
from loyalty_core.entries import PointEntry, Step
from loyalty_core.envelope import key_id, open_sealed
from loyalty_core.errors import BadInput, LoyaltyError
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
    VisitVoided,
    content_hash,
)
from loyalty_core.journal import Claim, Record, pack_record, unpack_record
from loyalty_core.lookups import candidates, hashed, unknown_form
from loyalty_core.messages import MemberRow, ProgrammeText
from loyalty_core.programme import Programme, version_for
from loyalty_core.programme_toml import read_programme
from loyalty_core.receipts import Resolved, fold_receipt
from loyalty_core.units import Day, Seq
from loyalty_core.wire import unpack

RULES_KEPT: Final = 1024
SPELLINGS_KEPT: Final = 4096
RECEIPT_TIME_STEP_MS: Final = 60_000
"""Tills cut a receipt's time to the minute: a card shown just before it may bear a later time."""

log = logging.getLogger(__name__)


class Owner(msgspec.Struct, frozen=True, kw_only=True):
    """Whose points an event moves: the form that is recorded, and the account that the till keeps them under.

    An unknown card is recorded as it was read, an unknown phone only as its keyed hash.
    """

    recorded: str
    account: str
    member_id: str | None


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


class Books(msgspec.Struct, kw_only=True):
    """What one transaction knows of this till: who it is, the rules, and the head, which moves with it."""

    terminal: Terminal
    programmes: tuple[Programme, ...]
    head: Head
    cards_wait: bool

    def programme_on(self, day: Day) -> Programme | None:
        """Return the version in force on a business day, or None while HQ has sent none for it."""
        return version_for(self.programmes, day)

    def next_id(self) -> EventId:
        """Where the next event will stand."""
        return EventId(self.terminal.terminal_id, self.terminal.epoch, 0, Seq(self.head.seq + 1))


class Recorder:
    """Records intakes. Holds nothing but what it has worked out: rules of days, spellings of look-ups."""

    def __init__(self, config: EdgeConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._programmes: tuple[int, tuple[Programme, ...]] = (0, ())
        self._rules: dict[tuple[int, Day, str], DayRules] = {}
        self._read: dict[str, tuple[tuple[str, ...], Owner | None]] = {}

    def books(self, conn: Connection) -> Books:
        """Return the books of this transaction.

        Raises:
            StoreError: `not_enrolled`.
        """
        identity = terminal.read(conn)
        highest = programmes.highest(conn)
        if highest != self._programmes[0]:
            self._programmes = (highest, _read_programmes(conn, identity))
        return Books(
            terminal=identity,
            programmes=self._programmes[1],
            head=journal.head(conn, identity),
            cards_wait=presented.any_wait(conn),
        )

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
        event = _with_member(intake.event, owner)
        account, day, notice = self._place(conn, books, intake, owner)
        new = [Fact(event_id, event)]
        if isinstance(event, PurchaseRecorded) and (void := self._early_void(conn, books, intake)):
            new.append(void)
            notice += ("this purchase was voided before it came: its points are taken back",)
        entry = claim = None
        if account is not None and not isinstance(event, MemberPresented):
            rules = self._rules_on(conn, books, account, day)
            entry = self._derive(conn, books, account, day, new, rules and rules[0])
            claim = _claim(rules, entry)
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

    def owner(self, conn: Connection, books: Books, text: str) -> Owner | None:
        """Return whose card or number this is, known here or not; None when it can never be a member's."""
        look_ups, unknown = self._spellings(text, books.terminal.store_key)
        member_id = members.find(conn, look_ups)
        if member_id is not None:
            return Owner(recorded=f"id:{member_id}", account=f"id:{member_id}", member_id=member_id)
        return unknown

    def _spellings(self, text: str, key: bytes) -> tuple[tuple[str, ...], Owner | None]:
        """Return the keyed hashes to look for, and whose it is if nobody has any of them."""
        known = self._read.get(text)
        if known is not None:
            return known
        region = self._config.phone_region
        look_ups = tuple([hashed(form, key) for form in candidates(text, region)])
        form, unknown = unknown_form(text, region), None
        if form is not None:
            account = hashed(form, key)
            recorded = form if form.startswith("card:") else account
            unknown = Owner(recorded=recorded, account=account, member_id=None)
        if len(self._read) >= SPELLINGS_KEPT:
            self._read.clear()
        self._read[text] = look_ups, unknown
        return look_ups, unknown

    def account(self, conn: Connection, books: Books, recorded: str) -> str:
        """Return the account under which the till keeps what was recorded for this member form."""
        if recorded.startswith("id:"):
            return recorded
        look_up = hashed(recorded, books.terminal.store_key) if recorded.startswith("card:") else recorded
        member_id = members.find(conn, [look_up])
        return look_up if member_id is None else f"id:{member_id}"

    def stands(self, conn: Connection, books: Books, account: str, day: Day) -> tuple[PointEntry, ...]:
        """Return what the till's own events of a member-day give, each with its steps."""
        own = entries.of_day(conn, account, day, books.terminal.terminal_id)
        facts = [Fact(award.event, unpack_record(record).event) for award, record in own]
        found = self._rules_on(conn, books, account, day)
        return derive_day(found[0], _resolved(facts, books.terminal)) if found else ()

    def _again(self, conn: Connection, books: Books, intake: Intake, known: Source) -> Outcome:
        """What was said before is said again: the points as they stand now, and why."""
        entry, day = None, Day(intake.event.business_day)
        if known.account is not None:
            day = Day(entries.day_of_event(conn, known.account, known.event) or day)
            standing = self.stands(conn, books, known.account, day)
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

    def _place(
        self, conn: Connection, books: Books, intake: Intake, owner: Owner | None
    ) -> tuple[str | None, Day, tuple[str, ...]]:
        """Return the account and the member-day that the event moves, and what to say about it."""
        day = Day(intake.event.business_day)
        if intake.voids is not None:
            voided = self._voided(conn, books, intake.voids)
            if voided is None:
                return None, day, ("what is voided is not known at this till: headquarters settles it",)
            account, event = voided
            if account is None:
                return None, day, ()
            return account, Day(entries.day_of_event(conn, account, event) or day), ()
        if isinstance(intake.event, ReturnRecorded):
            return None, day, ("the return is recorded; its points are taken back by headquarters",)
        return (owner.account if owner else None), day, ()

    def _voided(
        self, conn: Connection, books: Books, voids: str | EventId
    ) -> tuple[str | None, EventId] | None:
        """Return the account and the event of what is undone, or None where this till does not know it."""
        if isinstance(voids, str):
            source = sources.find(conn, voids, books.terminal.terminal_id)
            return None if source is None else (source.account, source.event)
        record = journal.record_at(conn, voids)
        if record is None:
            return None
        recorded = unpack_record(record).event.member
        return (None if recorded is None else self.account(conn, books, recorded)), voids

    def _early_void(self, conn: Connection, books: Books, intake: Intake) -> Fact | None:
        """Return the void that came when its purchase was not known here, or was nobody's."""
        source = sources.find(conn, f"voided/{intake.natural_key}", books.terminal.terminal_id)
        record = journal.record_at(conn, source.event) if source else None
        return Fact(source.event, unpack_record(record).event) if source and record else None

    def _derive(
        self,
        conn: Connection,
        books: Books,
        account: str,
        day: Day,
        new: list[Fact],
        rules: DayRules | None,
    ) -> PointEntry | None:
        """Post what new facts give and what they change of the day's others; return the first one's entry."""
        own = entries.of_day(conn, account, day, books.terminal.terminal_id)
        facts = [Fact(award.event, unpack_record(record).event) for award, record in own]
        entries_due = derive_day(rules, _resolved([*facts, *new], books.terminal)) if rules else ()
        derived = {entry.event: entry for entry in entries_due}
        for award, _ in own:
            entry = derived.get(award.event)
            redeemable = (entry.redeemable if entry else 0) - award.redeemable
            qualifying = (entry.qualifying if entry else 0) - award.qualifying
            if redeemable or qualifying:
                entries.add(conn, account, new[0].id, day, Award(award.event, redeemable, qualifying))
        for fact in new:
            entry = derived.get(fact.id)
            given = Award(fact.id, entry.redeemable, entry.qualifying) if entry else Award(fact.id, 0, 0)
            entries.add(conn, account, new[0].id, day, given)
        return derived.get(new[0].id)

    def _rules_on(
        self, conn: Connection, books: Books, account: str, day: Day
    ) -> tuple[DayRules, str] | None:
        """Return the rules of an account's member-day and the tier they are for, None without any."""
        programme = books.programme_on(day)
        if programme is None:
            return None
        row = members.read(conn, account.removeprefix("id:")) if account.startswith("id:") else None
        tier = tier_held(row, programme)
        rules = self._rules.get((programme.version, day, tier))
        if rules is None:
            if len(self._rules) >= RULES_KEPT:
                self._rules.clear()
            rules = self._rules[programme.version, day, tier] = rules_of_day(programme, day, tier)
        return rules, tier


def tier_held(row: MemberRow | None, programme: Programme) -> str:
    """Return the tier that a member holds as far as this till knows: the lowest if HQ said nothing."""
    codes = [tier.code for tier in programme.ladder]
    return row.tier if row is not None and row.tier in codes else codes[0]


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


def _claim(rules: tuple[DayRules, str] | None, entry: PointEntry | None) -> Claim | None:
    """Return what the till answers, to be compared with what HQ posts."""
    if rules is None:
        return None
    points = (entry.redeemable, entry.qualifying) if entry else (0, 0)
    return Claim(rules[0].version, rules[1], *points)


def _refuse_conflict(intake: Intake, known: Source, owner: Owner | None) -> None:
    if known.content != intake.content:
        if intake.journal_key is not None:
            raise BadInput(
                "this Idempotency-Key was used for another request: use a new key for a new request",
                code="idempotency_conflict",
            )
        raise BadInput(
            f"{intake.natural_key} is recorded already with another content: nothing was changed; a "
            "correction needs a void or a receipt number of its own",
            code="receipt_conflict",
        )
    same_raw = known.raw_sha256 == intake.raw_sha256  # said in the same bytes; what is known of members moves
    if owner and known.account and known.account != owner.account and not same_raw:
        raise BadInput(
            f"{intake.natural_key} is recorded already for another member: nothing was changed",
            code="receipt_conflict",
        )


def _with_member(event: Event, owner: Owner | None) -> Event:
    return event if owner is None else msgspec.structs.replace(event, member=owner.recorded)


def _resolved(facts: Iterable[Fact], identity: Terminal) -> list[Resolved]:
    """Fold the facts of each receipt or visit by itself."""
    by_receipt: dict[str, list[Fact]] = {}
    for fact in facts:
        by_receipt.setdefault(_receipt_of(fact), []).append(fact)
    zone = identity.place.zone
    folded = [fold_receipt(own, identity.store_id, zone).resolved for own in by_receipt.values()]
    return [resolved for resolved in folded if resolved is not None]


def _receipt_of(fact: Fact) -> str:
    match fact.event:
        case PurchaseRecorded(receipt=key) | PurchaseVoided(original=key):
            return natural_key("purchase", key)
        case VisitRecorded(receipt=ReceiptKey() as key) | VisitVoided(receipt=ReceiptKey() as key):
            return natural_key("visit", key)
        case VisitVoided(epoch=epoch, seq=seq):
            return f"visit/{epoch}/{seq}"
    return f"visit/{fact.id.epoch}/{fact.id.seq}"


def _read_programmes(conn: Connection, identity: Terminal) -> tuple[Programme, ...]:
    """Return the published versions, each verified again: what the disk holds is not believed by itself.

    One that was damaged, or that this release cannot read, gives no points and stops no sale.
    """
    keys = {key_id(identity.hq_public_key): identity.hq_public_key}
    found = []
    for version, data in programmes.envelopes(conn):
        try:
            text = unpack(open_sealed(data, "dangol/programme/1", keys), ProgrammeText).text
            found.append(read_programme(text, f"version {version}"))
        except LoyaltyError as error:
            log.error("programme_unusable", extra={"version": version, "code": error.code})
    return tuple(found)
