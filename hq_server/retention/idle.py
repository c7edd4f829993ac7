"""Members without anything for so many months, and without a balance: who they are, and their erasure.

Nobody judges each of them: the setting decides, so the decision is made by headquarters and says so. It does
what an erasure by two people does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from hq_server.decisions import DecisionKind, Said, decisions_about, keep_decision
from hq_server.erasing import Erased, forget
from hq_server.house import House
from hq_server.merges import groups_of
from hq_server.references import bucket_of, places_json
from hq_server.store.connection import Transaction, Value
from loyalty_core.units import Day, EpochMs

PAGE: Final = 500
"""Members whom one step looks at."""
ERASED_AT_ONCE: Final = 50
"""Members who are erased in one transaction: to find their names takes a look at all names."""
MONTH_DAYS: Final = 31
"""A month of a setting: nobody is erased earlier than the setting says."""
_MAY_WAIT: Final[tuple[DecisionKind, ...]] = ("adjustment", "goodwill", "erasure", "grant")
BY: Final = "headquarters"


class Idle(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody who has not been seen since a day: of whom is known when they joined or when they came."""

    member_id: str
    since_day: Day


class Place(msgspec.Struct, frozen=True):
    """How far a walk through all members has come: up to and with a member of a bucket."""

    bucket: int = 0
    after: str = ""


def idle_after(
    tx: Transaction, house: House, place: Place, before: Day, today: Day
) -> tuple[list[Idle], Place | None]:
    """Return who of the next members was not seen on or after a day, and the next place, None at the end."""
    page = [
        name
        for (name,) in tx.all("accounts.members_after", bucket=place.bucket, after=place.after, count=PAGE)
    ]
    found = still_idle(tx, house, page, before, today)
    if len(page) == PAGE:
        return found, Place(place.bucket, page[-1])
    last = place.bucket + 1 == house.bucket_count
    return found, None if last else Place(place.bucket + 1)


def still_idle(tx: Transaction, house: House, names: Iterable[str], before: Day, today: Day) -> list[Idle]:
    """Return those of these members whose whole group has nothing, and was not seen on or after a day.

    Who counts as another is left to that one. Of whom nobody knows since when they are a member is kept.
    """
    wanted = list(names)
    if not wanted:
        return []
    groups = groups_of(tx, house.bucket_count, wanted)
    heads = [name for name in wanted if groups.head_of[name] == name]
    everyone = {name for head in heads for name in groups.members[head]}
    members = places_json(everyone, house.bucket_count)
    joined: dict[str, int | None] = dict(tx.all("accounts.without_balance", members=members, today=today))
    seen = _last_days(tx, house, joined)
    found = []
    for head in heads:
        group = groups.members[head]
        days = [day for name in group for day in (joined.get(name), seen.get(name)) if day is not None]
        if all(name in joined for name in group) and days and max(days) < before:
            found.append(Idle(member_id=head, since_day=Day(max(days))))
    return found


def erase_idle(
    tx: Transaction, house: House, names: Iterable[str], months: int, before: Day, today: Day, now_ms: EpochMs
) -> int:
    """Erase those of these members who are idle still and about whom nothing waits; return how many."""
    erased: list[str] = []
    for idle in still_idle(tx, house, names, before, today):
        group = groups_of(tx, house.bucket_count, [idle.member_id]).members[idle.member_id]
        if any(_waits(tx, kind, name) for kind in _MAY_WAIT for name in group) or _appeals(tx, group):
            continue
        reason = f"retention.members_idle_months = {months}: nothing for so long, and no balance"
        keep_decision(tx, "retention", idle.member_id, Erased(group), Said(BY, reason), now_ms)
        erased += group
    forget(tx, house, erased, now_ms)
    return len(erased)


def _waits(tx: Transaction, kind: DecisionKind, member_id: str) -> bool:
    waiting: Literal["waiting"] = "waiting"
    return any(one.state == waiting for one in decisions_about(tx, kind, member_id))


def _appeals(tx: Transaction, names: Iterable[str]) -> bool:
    """Tell whether one of these members has appealed, and nobody has ruled yet."""
    asked: dict[str, Value] = {"state": "open", "period_id": "", "after": 0, "count": 1}
    return any(tx.all("house.cases_after", member_id=name, **asked) for name in names)


def _last_days(tx: Transaction, house: House, names: Iterable[str]) -> dict[str, int]:
    """Return the last business day of each member who has any fact."""
    by_bucket: dict[int, list[str]] = {}
    for name in names:
        by_bucket.setdefault(bucket_of(name, house.bucket_count), []).append(name)
    found: dict[str, int] = {}
    for bucket, members in by_bucket.items():
        asked = msgspec.json.encode(members).decode()
        found.update(tx.all("accounts.last_days", bucket=bucket, members=asked))
    return found
