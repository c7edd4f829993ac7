"""A new member joins at the till, with or without a line: who they are is sealed to HQ and kept nowhere else.

The till knows them from then on by their phone and cards, hashed, until HQ tells of the member.
"""

from __future__ import annotations

import hmac
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Final, Literal

import msgspec

from edge_agent.books import Books
from edge_agent.config import EdgeConfig
from edge_agent.desk import Keyed
from edge_agent.owners import account_of
from edge_agent.recorder import Recorder
from edge_agent.store import enrolments, entries, journal, members, redemptions, sources
from edge_agent.store.database import Connection, StoreError
from edge_agent.store.enrolments import Enrolment
from edge_agent.store.sources import Source
from loyalty_core.calendar import business_day, day_of
from loyalty_core.consent import Consent, consent_in_force
from loyalty_core.errors import BadInput
from loyalty_core.events import EventId, MemberEnrolled
from loyalty_core.lookups import NAME_LENGTH_MAX, candidates, hashed, masked_name, unknown_of
from loyalty_core.sealing import SALT_BYTES, PersonalData, seal_to, sealed_hash
from loyalty_core.units import Day, EpochMs

BORN_FROM: Final = date(1900, 1, 1)
_EPHEMERAL_BYTES: Final = 32
_ID_BYTES: Final = 16


class NewMember(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody says who joins, as it was typed; `consent` is the version of the text agreed to."""

    name: str
    phone: str | None = None
    card: str | None = None
    birthday: str | None = None
    consent: int = 0
    language: Literal["", "ko", "en"] = ""


class Joined(msgspec.Struct, frozen=True):
    """Which event an enrolment became, under which account the till keeps the member now."""

    event: EventId
    account: str
    repeated: bool


class Enrolling:
    """Decides and books; holds nothing. `random` gives so many bytes that nobody can guess."""

    def __init__(self, config: EdgeConfig, recorder: Recorder, random: Callable[[int], bytes]) -> None:
        self._region = config.phone_region
        self._recorder = recorder
        self._random = random

    def consent(self, books: Books, day: Day) -> Consent:
        """Return what somebody agrees to who joins on a business day."""
        programme = books.programme_on(day)
        return consent_in_force(None if programme is None else programme.consent)

    def enrol(self, conn: Connection, books: Books, new: NewMember, keyed: Keyed, at_ms: EpochMs) -> Joined:
        """Return what an enrolment became; the same again is the same.

        Raises:
            BadInput: `idempotency_conflict`, `member_known`, `member_missing`, `name_invalid`,
                `phone_invalid`, `card_invalid`, `birthday_invalid`, `consent_needed`; nothing was journaled.
            StoreError: `sealing_key_missing`.
        """
        identity = books.terminal
        natural_key = f"key/{keyed.key}"
        # The request says who it is: of its bytes no more is kept than what the store's key hides.
        content = hmac.digest(identity.store_key, keyed.content, "sha256")[:16]
        known = sources.find(conn, natural_key, identity.terminal_id)
        if known is not None:
            record = journal.read_at(conn, known.event)
            is_one = record is not None and isinstance(record.event, MemberEnrolled)
            if known.content not in {content, b""} or not is_one:
                raise BadInput(
                    "this Idempotency-Key was used for another request: use a new key for a new request",
                    code="idempotency_conflict",
                )
            self._recorder.taken.add(keyed.adapter, "member_enrolled", "repeated")
            account = account_of(conn, identity.store_key, known.account or "")
            return Joined(known.event, account, repeated=True)
        person = self._person(books, new, at_ms)
        self._check_unknown(conn, books, new)
        public_key = enrolments.sealing_key(conn)
        if public_key is None:
            raise StoreError(
                "headquarters has not told this till its key for personal data yet, without which nobody can "
                "join here: try again when the line is back, and have headquarters updated if it stays so",
                code="sealing_key_missing",
            )
        salt = self._random(SALT_BYTES)
        blob = seal_to(public_key, person, self._random(_EPHEMERAL_BYTES))
        look_ups = tuple([hashed(form, identity.store_key) for form in person.look_ups])
        event = MemberEnrolled(
            look_ups[0] if person.phone else person.look_ups[0],
            at_ms,
            business_day(at_ms, identity.place),
            self._random(_ID_BYTES).hex(),
            look_ups,
            sealed_hash(salt, blob),
            person.consent_version,
            person.consent_language,
        )
        event_id = self._recorder.append(conn, books, event, keyed.adapter, keyed.key)
        keep(conn, event_id, event, masked_name(person.name), salt, blob)
        source = Source(content=content, account=look_ups[0], event=event_id, raw_sha256=b"")
        sources.put(conn, natural_key, source)
        self._recorder.taken.add(keyed.adapter, "member_enrolled", "recorded")
        return Joined(event_id, look_ups[0], repeated=False)

    def _check_unknown(self, conn: Connection, books: Books, new: NewMember) -> None:
        for text in (new.phone, new.card):
            owner = None if text is None else self._recorder.owner(conn, books, text)
            if owner is not None and owner.is_member:
                raise BadInput(
                    f"this phone or card is a member's already ({owner.masked_name}): look the member up",
                    code="member_known",
                )

    def _person(self, books: Books, new: NewMember, at_ms: EpochMs) -> PersonalData:
        if new.phone is None and new.card is None:
            raise BadInput(
                'a new member needs a phone or a card to be found by: send "phone" or "card"',
                code="member_missing",
            )
        consent = self.consent(books, business_day(at_ms, books.terminal.place))
        if new.consent != consent.version:
            raise BadInput(
                f"the text to agree to is version {consent.version}: show it, and send "
                f'"consent": {consent.version} once it is agreed to',
                code="consent_needed",
            )
        return PersonalData(
            name=_name(new.name),
            phone="" if new.phone is None else self._phone(new.phone),
            cards=() if new.card is None else (self._card(new.card),),
            birthday=None if new.birthday is None else _birthday(new.birthday, books, at_ms),
            consent_version=consent.version,
            consent_language=new.language,
            consented_at_ms=at_ms,
        )

    def _phone(self, text: str) -> str:
        for form in candidates(text, self._region):
            if form.startswith("phone:"):
                return form.removeprefix("phone:")
        raise BadInput(
            '"phone" is no phone number: type it again, one of another country with "+" and its code',
            code="phone_invalid",
        )

    def _card(self, text: str) -> str:
        forms = candidates(text, self._region)
        cards = [form for form in forms if form.startswith("card:")]
        if not cards or (unknown_of(forms) or "").startswith("phone:"):
            raise BadInput(
                '"card" is no card number that a member can have: scan or type it again', code="card_invalid"
            )
        return cards[0].removeprefix("card:")


def keep(
    conn: Connection,
    event_id: EventId,
    event: MemberEnrolled,
    masked: str,
    salt: bytes,
    blob: bytes,
    *,
    gave_way: bool = False,
) -> None:
    """Let who joined be found, and have what was recorded under each of their look-ups be theirs."""
    account = event.look_ups[0]
    one = Enrolment(
        provisional=event.provisional,
        account=account,
        masked_name=masked,
        event=event_id,
        salt=salt,
        blob=blob,
        gave_way=gave_way,
    )
    enrolments.put(conn, one, event.look_ups)
    if gave_way:
        return
    for look_up in entries.accounts_among(conn, event.look_ups[1:]):
        entries.attach(conn, look_up, account)
    for _, spelled in entries.spelled(conn, event.look_ups):
        if spelled != account and members.find(conn, [spelled]) is None:
            entries.attach(conn, spelled, account)
            redemptions.merge(conn, spelled, account)


def _name(text: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(name) <= NAME_LENGTH_MAX or not name.isprintable():
        raise BadInput(
            f'"name" must be a text of 1 to {NAME_LENGTH_MAX} printable characters', code="name_invalid"
        )
    return name


def _birthday(text: str, books: Books, at_ms: EpochMs) -> int:
    try:
        born = date.fromisoformat(text)
    except ValueError:
        born = None
    if born is None or born < BORN_FROM or day_of(born) > business_day(at_ms, books.terminal.place):
        raise BadInput(
            '"birthday" is no day on which a customer was born: write it like 1990-05-31',
            code="birthday_invalid",
        )
    return day_of(born)
