"""What an enrolment comes to: opened, compared with its record, and made a member unless somebody is that.

Of a member who is there nothing is changed by an enrolment: whoever names another's phone at some till gets
nothing of theirs. The first that headquarters hears of stands.
"""

from __future__ import annotations

import base64
import hashlib
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from hq_server.evidence import recorded
from hq_server.exceptions import ArrivalException, open_arrivals
from hq_server.house import House
from hq_server.importing import import_rows
from hq_server.members import member_at
from hq_server.members_csv import NewMember
from hq_server.merges import head_of
from hq_server.references import members_of
from hq_server.store.connection import Transaction
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import EventId, MemberEnrolled
from loyalty_core.lookups import candidates, hashed
from loyalty_core.sealing import PersonalData, unseal
from loyalty_core.units import EpochMs, Seq

BROKEN: Final = "enrolment_broken"
DIFFERS: Final = "enrolment_differs"


class Enrolment(msgspec.Struct, frozen=True):
    """An enrolment as headquarters holds it; `blob` is empty where it has not come, or was forgotten.

    `made`: it made `member_id`. `known`: somebody had its card or phone, and it is that member's. `refused`:
    people are told why.
    """

    store_id: str
    terminal_id: str
    epoch: int
    branch: int
    seq: int
    sealed_hash: bytes
    occurred_at_ms: int
    business_day: int
    consent_version: int
    consent_language: str
    state: str
    member_id: str
    salt: bytes
    blob: bytes

    @property
    def id(self) -> EventId:
        """Its event."""
        return EventId(self.terminal_id, self.epoch, self.branch, Seq(self.seq))


class _Person(msgspec.Struct, frozen=True):
    """An enrolment that was opened."""

    enrolment: Enrolment
    data: PersonalData


class _Unfit(LoyaltyError):
    """What was sealed is not what its record says."""

    code = BROKEN


def member_of(enrolment_hash: bytes) -> str:
    """Return the id of the member whom an enrolment makes: the same again after a restore.

    The hash is salted, so that an id tells nothing of anybody.
    """
    digest = hashlib.sha256(b"dangol/member/1" + enrolment_hash).digest()[:8]
    return "N" + base64.b32encode(digest).decode().rstrip("=")


def decided(
    tx: Transaction,
    house: House,
    private_key: bytes,
    here: Sequence[Enrolment],
    enrolled: Mapping[EventId, MemberEnrolled],
    now_ms: EpochMs,
) -> list[Enrolment]:
    """Open enrolments and make their members; return them as they are settled."""
    found: list[Enrolment] = []
    people: list[_Person] = []
    told: list[ArrivalException] = []
    for one in here:
        try:
            data = _opened(tx, private_key, one, enrolled.get(one.id))
            people.append(_Person(one, data))
        except LoyaltyError as error:
            found.append(_refused(one))
            told.append(_told(one, BROKEN, f"the enrolment makes no member: {error}"))
    people.sort(key=lambda person: (person.enrolment.occurred_at_ms, person.enrolment.id))
    for wave in _apart(people):
        made, others = _joined(tx, house, wave, now_ms)
        found += made
        for one, exception in others:
            found.append(one)
            told += [] if exception is None else [exception]
    open_arrivals(tx, told, now_ms)
    return found


def _opened(
    tx: Transaction, private_key: bytes, one: Enrolment, event: MemberEnrolled | None
) -> PersonalData:
    """Return who enrolled.

    Raises:
        LoyaltyError: it cannot be opened, or is not what its record says.
    """
    data = unseal(private_key, one.blob)
    said = recorded(tx, one.id).record.event if event is None else event
    (*_, look_up_key) = tx.one("arrivals.store", store_id=one.store_id) or (b"",)
    if not isinstance(said, MemberEnrolled) or not {
        hashed(name, look_up_key) for name in data.look_ups
    } <= set(said.look_ups):
        raise _Unfit("what was sealed names other cards or phones than its record")
    if (data.consent_version, data.consent_language) != (one.consent_version, one.consent_language):
        raise _Unfit("what was sealed says another consent than its record")
    if not data.look_ups or any(name not in candidates(name.split(":", 1)[1]) for name in data.look_ups):
        raise _Unfit("a card or phone in it can never match: enrol again with a good one")
    if not data.name.isprintable():
        raise _Unfit("the name in it is not printable: enrol again")
    return data


def _apart(people: Iterable[_Person]) -> Iterator[list[_Person]]:
    """Yield them in order, together where no two name the same card or phone."""
    wave: list[_Person] = []
    names: set[str] = set()
    for person in people:
        if not names.isdisjoint(person.data.look_ups):
            yield wave
            wave, names = [], set()
        wave.append(person)
        names.update(person.data.look_ups)
    if wave:
        yield wave


def _joined(
    tx: Transaction, house: House, wave: Sequence[_Person], now_ms: EpochMs
) -> tuple[list[Enrolment], list[tuple[Enrolment, ArrivalException | None]]]:
    """Make members of those whom nobody is; return these, and the others with what is told of them."""
    owners = members_of(tx, {name for one in wave for name in one.data.look_ups}, house.bucket_count)
    others: list[tuple[Enrolment, ArrivalException | None]] = []
    new: list[_Person] = []
    for person in wave:
        owned = {name: owners[name] for name in person.data.look_ups if name in owners}
        if owned:
            others.append(_known(tx, house, person, owned))
        else:
            new.append(person)
    rows = [(number, _row(person)) for number, person in enumerate(new)]
    refused = import_rows(tx, rows, now_ms).refused
    why = {one.line: one.sentence for one in refused}
    if why:
        import_rows(tx, [row for row in rows if row[0] not in why], now_ms)
    made = []
    for number, person in enumerate(new):
        one = person.enrolment
        if number in why:
            sentence = f"the enrolment makes no member: {why[number]}"
            others.append((_refused(one), _told(one, DIFFERS, sentence)))
        else:
            made.append(msgspec.structs.replace(one, state="made", member_id=member_of(one.sealed_hash)))
    return made, others


def _row(person: _Person) -> NewMember:
    one, data = person.enrolment, person.data
    return NewMember(
        member_id=member_of(one.sealed_hash),
        look_ups=data.look_ups,
        name=data.name,
        phone=data.phone,
        joined_on=one.business_day,
        home_store=one.store_id,
        birthday=data.birthday,
    )


def _known(
    tx: Transaction, house: House, person: _Person, owned: Mapping[str, str]
) -> tuple[Enrolment, ArrivalException | None]:
    """Return the enrolment of somebody whose card or phone names a member, and what differs."""
    one = person.enrolment
    members = sorted({head_of(tx, house.bucket_count, owner) for owner in owned.values()})
    if len(members) > 1:
        sentence = (
            f"its cards and phones name members {' and '.join(members)}: merge them if they are one person; "
            "nothing of them was changed"
        )
        return _refused(one), _told(one, DIFFERS, sentence)
    (member_id,) = members
    member = member_at(tx, house, member_id)
    known = msgspec.structs.replace(one, state="known", member_id=member_id)
    if member is None or member.erased:
        sentence = (
            f"a card of it was that of member {member_id}, who was erased: enrol again with another one"
        )
        return _refused(known), _told(one, DIFFERS, sentence)
    differing = [
        what
        for what, differs in (
            ("another name", bool(member.name) and _plain(member.name) != _plain(person.data.name)),
            (
                "another birthday",
                None not in (member.birthday, person.data.birthday)
                and member.birthday != person.data.birthday,
            ),
            ("a card or phone that nobody has", len(owned) < len(person.data.look_ups)),
        )
        if differs
    ]
    if not differing:
        return known, None
    sentence = (
        f"it names member {member_id}, with {' and '.join(differing)}; nothing of the member was changed: "
        "ask whose card or phone it is, and import what is right"
    )
    return known, _told(one, DIFFERS, sentence)


def _refused(one: Enrolment) -> Enrolment:
    """Return an enrolment that made nobody: who that is is not kept, since nobody could have it erased."""
    return msgspec.structs.replace(one, state="refused", salt=b"", blob=b"")


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", " ".join(name.split()))


def _told(one: Enrolment, kind: str, sentence: str) -> ArrivalException:
    return ArrivalException(one.store_id, kind, str(one.id), sentence)
