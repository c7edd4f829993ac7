"""Members as they are found: by id, card or phone, however these were typed. Reads only."""

from __future__ import annotations

import msgspec

from hq_server.house import House
from hq_server.merges import head_of
from hq_server.references import bucket_of, members_of, places_json
from hq_server.store.connection import Transaction
from loyalty_core.errors import BadInput
from loyalty_core.lookups import candidates


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


def _row(tx: Transaction, house: House, member_id: str) -> Member | None:
    row = tx.one("accounts.member", bucket=bucket_of(member_id, house.bucket_count), member_id=member_id)
    if row is None:
        return None
    member_id, name, phone, joined_on, home_store, birthday, erased = row
    return Member(member_id, name, phone, joined_on, home_store, birthday, bool(erased))


def look_ups_of(tx: Transaction, house: House, member_id: str) -> list[str]:
    """Return every look-up of a member."""
    keys = places_json([member_id], house.bucket_count)
    return [look_up for _, look_up in tx.all("accounts.look_ups_of", members=keys)]
