"""Members come in, all rows of a file or none: all that is wrong is told at once, and nothing is half done.

A look-up is never taken away from a member here: receipts were given to it by that name. Receipts that waited
for a name are attached. Importing the same rows again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from itertools import islice
from typing import Final

import msgspec

from hq_server.deliver import attach, settle_disputes
from hq_server.hashes import hashes_of
from hq_server.house import House, load_house
from hq_server.members import Member
from hq_server.members_csv import BadRow, NewMember
from hq_server.posting import post
from hq_server.references import bucket_of, first_known, held_spellings, members_of, places_json
from hq_server.store.connection import Transaction, Values
from hq_server.work import Work
from loyalty_core.errors import BadInput
from loyalty_core.lookups import card_of, other_ways, without_zeros
from loyalty_core.units import EpochMs

ROWS_MAX: Final = 200_000
"""Rows of one import: they are taken in one transaction, for which tills wait."""
ASKED_AT_ONCE: Final = 20_000
"""Names that are looked for by one statement."""
HELD_MAX: Final = 100_000
"""Where fewer names wait for a member, these are looked for among the rows, and not the other way round."""
_DAY_MS: Final = 86_400_000
_FIRST_MS: Final = 14 * 3_600_000
"""So long before midnight in Greenwich a day begins where it does first."""


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What an import did, or with `refused` why it did nothing."""

    added: int = 0
    updated: int = 0
    unchanged: int = 0
    attached: int = 0
    refused: tuple[BadRow, ...] = ()


class _Change(msgspec.Struct, frozen=True):
    """What a row makes of its member: the member before, if there was one, and after; names that are new."""

    before: Member | None
    after: Member
    names: tuple[str, ...]

    @property
    def changes(self) -> bool:
        """Tell whether there is anything to write."""
        return self.before != self.after or bool(self.names)


def import_rows(
    tx: Transaction, rows: Sequence[tuple[int, NewMember]], now_ms: EpochMs, bad: Sequence[BadRow] = ()
) -> Imported:
    """Write all of the rows, or tell all that is wrong with them; with `bad` ones nothing is written.

    Raises:
        BadInput: `import_too_large`.
    """
    if len(rows) > ROWS_MAX:
        raise BadInput(
            f"a file has at most {ROWS_MAX:,} rows: part it, and import one after the other",
            code="import_too_large",
        )
    house = load_house(tx)
    names = dict.fromkeys(name for _, row in rows for name in (*references_of(row), *row.also)).keys()
    kept = _exactly(tx, house, names)
    draft = _Draft(
        owners=_owners(tx, house, names, kept),
        kept=set(kept),
        members=_members(tx, house, [row.member_id for _, row in rows]),
        latest_birthday=(now_ms + _FIRST_MS) // _DAY_MS,
    )
    refused = sorted([*bad, *draft.refusals(rows)], key=lambda one: one.line)
    if refused:
        return Imported(refused=tuple(refused))
    changes = [one for one in draft.changes if one.changes]
    _write(tx, house, changes)
    attached = _attach(tx, house, draft.owners_of(rows), now_ms)
    _tell(tx, house, changes, now_ms)
    if attached:
        settle_disputes(tx, house, now_ms)
    added = sum(one.before is None for one in draft.changes)
    return Imported(
        added=added, updated=len(changes) - added, unchanged=len(rows) - len(changes), attached=attached
    )


def references_of(row: NewMember) -> tuple[str, ...]:
    """Return every name that a row wants for its member."""
    return (f"id:{row.member_id}", f"card:{row.member_id}", *row.look_ups, *_bare(row))


def _bare(row: NewMember) -> tuple[str, ...]:
    """Return the row's id and cards without zeros in front, where they have any."""
    names = [without_zeros(name) for name in (f"id:{row.member_id}", *row.look_ups)]
    return tuple([name for name in names if name is not None])


class _Draft:
    """The rows one after the other, as if each were written before the next is looked at.

    `owners` says whose a name is, also if by another of its forms; `kept` are those that stand as they are.
    """

    def __init__(
        self, *, owners: dict[str, str], kept: set[str], members: dict[str, Member], latest_birthday: int
    ) -> None:
        self._owners, self._kept, self._members = owners, kept, members
        self._latest_birthday = latest_birthday
        self.changes: list[_Change] = []

    def refusals(self, rows: Iterable[tuple[int, NewMember]]) -> Iterator[BadRow]:
        """Yield why rows cannot be taken, and keep what the others change."""
        for line, row in rows:
            refused = self._refused(line, row)
            if refused is None:
                self.changes.append(self._change(row))
            else:
                yield refused

    def owners_of(self, rows: Iterable[tuple[int, NewMember]]) -> dict[str, str]:
        """Return whose the names are of rows that changed something, once all are written."""
        changed = {one.after.member_id for one in self.changes if one.changes}
        return {
            name: self._owners.get(name, row.member_id)
            for _, row in rows
            if row.member_id in changed
            for name in (*references_of(row), *row.also)
        }

    def _refused(self, line: int, row: NewMember) -> BadRow | None:
        """Return why not: a birthday still to come, a member who was erased, another's name."""
        if row.birthday is not None and row.birthday > self._latest_birthday:
            return BadRow(line, "birthday_ahead", "birthday is still to come: correct it, or leave it empty")
        stands = self._members.get(row.member_id)
        if stands is not None and stands.erased:
            sentence = f"member {row.member_id} was erased: give the person a new member_id"
            return BadRow(line, "member_erased", sentence)
        for name in references_of(row):
            owner = self._owners.get(name, row.member_id)
            if owner != row.member_id:
                of_look_ups = {*row.look_ups, *map(without_zeros, row.look_ups)}
                kind = "a look-up" if name in of_look_ups else "member_id"
                sentence = f"{kind} of this row names member {owner} already"
                sentence += ", zeros in front aside" if name in _bare(row) else ""
                return BadRow(line, "look_up_taken", f"{sentence}: correct one of the two")
        return None

    def _change(self, row: NewMember) -> _Change:
        stands = self._members.get(row.member_id)
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
        free = [name for name in row.also if self._owners.get(name, row.member_id) == row.member_id]
        wanted = dict.fromkeys([f"id:{row.member_id}", *row.look_ups, *_bare(row), *free])
        names = tuple([name for name in wanted if name not in self._kept])
        self._members[row.member_id] = after
        self._kept.update(names)
        self._owners.update(dict.fromkeys((*references_of(row), *free), row.member_id))
        return _Change(stands, after, names)


def _exactly(tx: Transaction, house: House, names: Set[str]) -> dict[str, str]:
    """Return whose the names are that stand as they are."""
    return {
        name: member
        for some in _parts(names)
        for name, member in tx.all(
            "accounts.members_of_references", keys=places_json(some, house.bucket_count)
        )
    }


def _owners(tx: Transaction, house: House, names: Set[str], kept: dict[str, str]) -> dict[str, str]:
    """Return whose the names are that somebody has, be it by another of their forms; as `members_of`.

    A name is hashed for its bucket, which for as many is the most of the work: nothing is asked twice.
    """
    if tx.one("accounts.anybody_erased") is not None:
        found: dict[str, str] = {}
        for some in _parts(names):
            found |= members_of(tx, some, house.bucket_count)
        return found
    ways = {name: other_ways(name) for name in names - kept.keys()}
    known = kept | _exactly(tx, house, {way for some in ways.values() for way in some} - names)
    return kept | first_known(ways, known)


def _members(tx: Transaction, house: House, member_ids: Iterable[str]) -> dict[str, Member]:
    rows = [
        row
        for some in _parts(set(member_ids))
        for row in tx.all("accounts.members_named", members=places_json(some, house.bucket_count))
    ]
    return {
        member_id: Member(member_id, name, phone, joined_on, home_store, birthday, bool(erased))
        for member_id, name, phone, joined_on, home_store, birthday, erased in rows
    }


def _write(tx: Transaction, house: House, changes: Sequence[_Change]) -> None:
    def bucket(text: str) -> int:
        return bucket_of(text, house.bucket_count)

    last = {one.after.member_id: one.after for one in changes if one.after != one.before}
    places = {one.after.member_id: bucket(one.after.member_id) for one in changes}
    members: list[Values] = [
        (
            places[one.member_id],
            one.member_id,
            one.name,
            one.phone,
            one.joined_on,
            one.home_store,
            one.birthday,
        )
        for one in last.values()
    ]
    names = [(name, one.after.member_id) for one in changes for name in one.names]
    tx.many("accounts.put_members", sorted(members, key=lambda row: row[:2]))
    tx.many("accounts.add_look_ups", sorted((bucket(name), name, member) for name, member in names))
    tx.many(
        "accounts.add_member_look_ups",
        sorted((places[member], member, name) for name, member in names if not name.startswith("id:")),
    )


def _attach(tx: Transaction, house: House, owners: dict[str, str], now_ms: EpochMs) -> int:
    """Give members what waits for a name of theirs; returns how many names something waited for."""
    phones = [(name, member) for name, member in owners.items() if name.startswith("phone:")]
    found = dict(hashes_of(tx, phones))
    waiting = [name for (name,) in tx.all("accounts.some_held", count=HELD_MAX)]
    if len(waiting) < HELD_MAX:
        cards = {card_of(name) for name in waiting} & owners.keys()
        wanted = owners.keys() & set(waiting)
    else:
        cards, wanted = {name for name in owners if name.startswith("card:")}, set(owners)
    spelled = held_spellings(tx, cards, house.bucket_count)
    found |= members_of(tx, spelled, house.bucket_count) | {name: owners[name] for name in wanted}
    return attach(tx, house, found.items(), now_ms)


def _tell(tx: Transaction, house: House, changes: Sequence[_Change], now_ms: EpochMs) -> None:
    """Have tills of the home stores hear of changed members, and derive anew whose birthday is another."""
    first: Mapping[str, Member | None] = {one.after.member_id: one.before for one in reversed(changes)}
    last = {one.after.member_id: one.after for one in changes}
    reborn = {
        name
        for name, after in last.items()
        if (before := first[name]) is not None and before.birthday != after.birthday
    }
    told = {(name, after.home_store) for name, after in last.items()}
    post(tx, house, Work(told=told, whole=reborn), now_ms)


def _parts(names: Iterable[str]) -> Iterator[list[str]]:
    """Yield the names, some at a time."""
    left = iter(names)
    while some := list(islice(left, ASKED_AT_ONCE)):
        yield some
