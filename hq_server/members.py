"""Members come in: rows are written, look-ups added, and receipts that waited for them are attached.

A look-up is never taken away from a member here: receipts were given to it by that name. Importing the same
rows again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hq_server.counted import birthdays_of
from hq_server.deliver import attach, settle_disputes
from hq_server.hashes import hashes_of
from hq_server.house import House, load_house
from hq_server.members_csv import BadRow, NewMember
from hq_server.merges import head_of
from hq_server.posting import post
from hq_server.references import bucket_of, held_spellings, members_of, places_json
from hq_server.store.connection import Transaction, Value
from hq_server.work import Work
from loyalty_core.errors import BadInput
from loyalty_core.lookups import candidates
from loyalty_core.units import EpochMs

ROWS_AT_ONCE = 500
"""Rows in one transaction, so that tills are never kept waiting for long."""


_DAY_MS: Final = 86_400_000
_FIRST_MS: Final = 14 * 3_600_000
"""So long before midnight in Greenwich a day begins where it does first."""


class Imported(msgspec.Struct, frozen=True):
    """What an import did."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    attached: int = 0
    refused: tuple[BadRow, ...] = ()

    def plus(self, other: Imported) -> Imported:
        """Return both together."""
        return Imported(
            self.added + other.added,
            self.updated + other.updated,
            self.unchanged + other.unchanged,
            self.attached + other.attached,
            self.refused + other.refused,
        )


class Member(msgspec.Struct, frozen=True):
    """A member's row. Of one who was erased only the id is left."""

    member_id: str
    name: str
    phone: str | None
    joined_on: int | None
    home_store: str
    birthday: int | None
    erased: bool = False


class Found(msgspec.Struct, frozen=True):
    """Who was asked for by a name: the member who has it, and the one who stands for that member."""

    named: str
    member: Member


def import_rows(tx: Transaction, rows: Sequence[tuple[int, NewMember]], now_ms: EpochMs) -> Imported:
    """Write the good rows; a row whose look-up is another member's is refused, and only that row."""
    house = load_house(tx)
    result = Imported()
    changed: list[NewMember] = []
    reborn: set[str] = set()
    birthdays = birthdays_of(tx, house, [row.member_id for _, row in rows])
    for line, row in rows:
        refused = _refused(tx, house, line, row, now_ms)
        if refused is not None:
            result = result.plus(Imported(refused=(refused,)))
            continue
        done = _write(tx, house, row)
        result = result.plus(done)
        if done.unchanged == 0:
            changed.append(row)
        if done.updated and row.birthday not in (None, birthdays.get(row.member_id)):
            reborn.add(row.member_id)
    names = {name for row in changed for name in (*_references(row), *row.also)}
    names |= held_spellings(tx, [name for name in names if name.startswith("card:")], house.bucket_count)
    pairs = list(members_of(tx, names, house.bucket_count).items())
    phones = [(name, member) for name, member in pairs if name.startswith("phone:")]
    attached = attach(tx, house, [*pairs, *hashes_of(tx, phones)], now_ms)
    told = {(row.member_id, _home(tx, house, row)) for row in changed}
    post(tx, house, Work(told=told, whole=reborn), now_ms)
    if attached:
        settle_disputes(tx, house, now_ms)
    return result.plus(Imported(attached=attached))


def find_member(tx: Transaction, house: House, text: str, region: str) -> Found:
    """Return whom an id, card or phone names, however it was typed.

    Raises:
        BadInput: `member_not_found`.
    """
    references = candidates(text, region)
    known = members_of(tx, references, house.bucket_count)
    for name in references:
        if name in known:
            member = _row(tx, house, head_of(tx, house.bucket_count, known[name]))
            # Events still find an erased member by card or hash; nobody who asks does.
            if member is not None and (not member.erased or name == f"id:{known[name]}"):
                return Found(known[name], member)
    raise BadInput("no member has this id, card or phone", code="member_not_found")


def find_present(tx: Transaction, house: House, text: str, region: str) -> Found:
    """Return whom an id, card or phone names, unless the person was erased.

    Raises:
        BadInput: `member_not_found`, `member_erased`.
    """
    found = find_member(tx, house, text, region)
    if found.member.erased:
        raise BadInput(
            f"member {found.named} was erased: nothing can be decided for them", code="member_erased"
        )
    return found


def member_at(tx: Transaction, house: House, member_id: str) -> Member | None:
    """Return a member's own row, also where another member stands for them."""
    return _row(tx, house, member_id)


def _references(row: NewMember) -> tuple[str, ...]:
    return (f"id:{row.member_id}", f"card:{row.member_id}", *row.look_ups)


def _refused(tx: Transaction, house: House, line: int, row: NewMember, now_ms: EpochMs) -> BadRow | None:
    """Return why a row cannot be taken: a birthday still to come, a member who was erased, another's name."""
    if row.birthday is not None and row.birthday > (now_ms + _FIRST_MS) // _DAY_MS:
        return BadRow(line, "birthday_ahead", "birthday is still to come: correct it, or leave it empty")
    stands = _row(tx, house, row.member_id)
    if stands is not None and stands.erased:
        sentence = f"member {row.member_id} was erased: give the person a new member_id"
        return BadRow(line, "member_erased", sentence)
    known = members_of(tx, _references(row), house.bucket_count)
    for name in _references(row):
        if known.get(name, row.member_id) != row.member_id:
            kind = "member_id" if name.startswith("card:") and name not in row.look_ups else "a look-up"
            sentence = f"{kind} of this row names member {known[name]} already: correct one of the two"
            return BadRow(line, "look_up_taken", sentence)
    return None


def _write(tx: Transaction, house: House, row: NewMember) -> Imported:
    bucket = bucket_of(row.member_id, house.bucket_count)
    stands = _row(tx, house, row.member_id)
    before = stands or Member(row.member_id, "", None, None, "", None)
    after = Member(
        row.member_id,
        before.name if row.name is None else row.name,
        before.phone if row.phone is None else row.phone or None,
        before.joined_on if row.joined_on is None else row.joined_on,
        before.home_store if row.home_store is None else row.home_store,
        before.birthday if row.birthday is None else row.birthday,
        before.erased,
    )
    if after != stands:
        fields: dict[str, Value] = msgspec.structs.asdict(after)
        tx.run("accounts.put_member", bucket=bucket, **fields)
    known = members_of(tx, row.also, house.bucket_count)
    free = [name for name in row.also if known.get(name, row.member_id) == row.member_id]
    added = 0
    for name in (f"id:{row.member_id}", *row.look_ups, *free):
        name_bucket = bucket_of(name, house.bucket_count)
        added += tx.run("accounts.add_look_up", bucket=name_bucket, look_up=name, member_id=row.member_id)
        if not name.startswith("id:"):
            tx.run("accounts.add_member_look_up", bucket=bucket, member_id=row.member_id, look_up=name)
    if stands is None:
        return Imported(added=1)
    return Imported(updated=1) if after != stands or added else Imported(unchanged=1)


def _row(tx: Transaction, house: House, member_id: str) -> Member | None:
    row = tx.one("accounts.member", bucket=bucket_of(member_id, house.bucket_count), member_id=member_id)
    if row is None:
        return None
    member_id, name, phone, joined_on, home_store, birthday, erased = row
    return Member(member_id, name, phone, joined_on, home_store, birthday, bool(erased))


def _home(tx: Transaction, house: House, row: NewMember) -> str:
    """Return the store that hears of a member from the start; "" hears nothing."""
    member = _row(tx, house, row.member_id)
    return member.home_store if member is not None else ""


def look_ups_of(tx: Transaction, house: House, member_id: str) -> list[str]:
    """Return every look-up of a member."""
    keys = places_json([member_id], house.bucket_count)
    return [look_up for _, look_up in tx.all("accounts.look_ups_of", members=keys)]
