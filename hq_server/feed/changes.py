"""Members that changed since another system was last told, and how they stand now. Reads only.

Change numbers are taken under the lock of their bucket, which is held until they can be seen: whoever has
been told up to a number has missed none below it. Each member comes once, however often they changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from hq_server.account_view import Standing, Standings
from hq_server.feed.audience import FEED
from hq_server.feed.cursors import Cursor, from_start
from hq_server.house import House
from hq_server.merges import groups_of
from hq_server.references import places_json
from hq_server.store.connection import Row, Transaction
from loyalty_core.calendar import date_of
from loyalty_core.units import Day, EpochMs

PAGE_MAX: Final = 500
"""The most members of one answer."""


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """Who a member is. Empty and null where it is not known."""

    name: str
    phone: str | None
    joined_on: str | None
    home_store: str
    birthday: str | None


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A member, as they stand now. One who is `merged` counts as the member `into`; one who is `erased`
    is to be forgotten. Of neither is anything else told. `person` is told only to who may read members."""

    member_id: str
    state: Literal["present", "merged", "erased"]
    into: str | None = None
    standing: Standing | None = None
    person: Person | None = None


class Changed(msgspec.Struct, frozen=True):
    """Members that changed, how far that is, and whether there are more now."""

    members: tuple[tuple[str, bool], ...]
    cursor: Cursor
    more: bool


def changed(tx: Transaction, house: House, after: Cursor, count: int) -> Changed:
    """Return the next members that changed, at most `count`, each with whether they were erased."""
    buckets, numbers = house.bucket_count, list(after.numbers)
    last = {bucket: number or 0 for bucket, number in tx.all("accounts.last_fed")}
    waiting = [bucket for bucket, number in last.items() if number > numbers[bucket]]
    found: list[Row] = []
    turn = after.turn
    for bucket in sorted(waiting, key=lambda bucket: (bucket - after.turn) % buckets):
        if len(found) == count:
            break
        rows = tx.all(
            "accounts.changed_members",
            bucket=bucket,
            cursor=numbers[bucket],
            audience=FEED,
            count=count - len(found),
        )
        found += rows
        numbers[bucket] = rows[-1][0]
        turn = (bucket + 1) % buckets
    more = any(number > numbers[bucket] for bucket, number in last.items())
    cursor = Cursor(after.counter, after.random, turn, tuple(numbers))
    return Changed(tuple([(row[1], bool(row[4])) for row in found]), cursor, more)


def cursor_now(tx: Transaction, house: House) -> Cursor:
    """Return the cursor of who wants to hear only of what changes from now on."""
    start = from_start(house)
    numbers = [number or 0 for _, number in tx.all("accounts.last_fed")]
    return msgspec.structs.replace(start, numbers=tuple(numbers))


def views(
    tx: Transaction, house: House, found: Changed, now_ms: EpochMs, *, persons: bool
) -> tuple[Change, ...]:
    """Return how these members stand now, and who they are where that may be told."""
    present = [member for member, erased in found.members if not erased]
    heads = groups_of(tx, house.bucket_count, present).head_of
    present = [member for member, head in heads.items() if member == head]
    standings = Standings(tx, house, present, now_ms)
    known = _persons(tx, house, present) if persons else {}

    def view(member_id: str) -> Change:
        head = heads.get(member_id)
        if head is None:
            return Change(member_id=member_id, state="erased")
        if head != member_id:
            return Change(member_id=member_id, state="merged", into=head)
        return Change(
            member_id=member_id,
            state="present",
            standing=standings.of(member_id, ways=False),
            person=known.get(member_id),
        )

    return tuple([view(member_id) for member_id, _ in found.members])


def _persons(tx: Transaction, house: House, members: Iterable[str]) -> dict[str, Person]:
    rows = tx.all("accounts.persons", members=places_json(members, house.bucket_count))
    return {
        member_id: Person(
            name=name,
            phone=phone,
            joined_on=_date(joined_on),
            home_store=home_store,
            birthday=_date(birthday),
        )
        for member_id, name, phone, joined_on, home_store, birthday in rows
    }


def _date(day: int | None) -> str | None:
    return None if day is None else date_of(Day(day)).isoformat()
