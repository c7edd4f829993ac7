"""The rules over a period or a life: what each day counts towards them is kept, what they give is compared.

Writes the day items. Whatever is read is read under the locks of a posting.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

import msgspec

from hq_server.derivation import NEVER_ASSESSED, Items, Rulebook
from hq_server.house import House
from hq_server.member_facts import days_of
from hq_server.posted import posted_entry
from hq_server.references import bucket_of, keys_json, places_json
from hq_server.store.connection import Transaction
from hq_server.tiers.held import Tiers
from hq_server.work import MemberDay
from loyalty_core.accrual import DayItem
from loyalty_core.assessment import Group
from loyalty_core.entries import PointEntry, diff
from loyalty_core.events import EventId
from loyalty_core.period_rules import Counted, given_firsts
from loyalty_core.units import Day

ITEMS: Final = msgspec.msgpack.Decoder(tuple[DayItem, ...])
_ENCODE: Final = msgspec.msgpack.Encoder().encode


class _Life(msgspec.Struct, frozen=True):
    """What the rules ask about a member, and on which day each first in life of a rule lies."""

    counted: Counted
    first_days: dict[EventId, Day]


def period_moves(
    tx: Transaction, house: House, rules: Rulebook, days: Mapping[MemberDay, Items], tiers: Tiers
) -> Iterator[tuple[str, PointEntry]]:
    """Yield what is to be posted for the rules that these items of member-days count towards, and keep them.

    It is what they give in the periods of these days, and in those where a first in life comes or goes.
    """
    members = sorted({member for member, _ in days})
    posted: dict[str, list[PointEntry]] = defaultdict(list)
    keys = places_json(members, house.bucket_count)
    for row in tx.all("accounts.whole_entries", members=keys):
        posted[row[0]].append(posted_entry(row))
    birthdays = birthdays_of(tx, house, members)
    lives = {
        member: _life(tx, house, rules, member, birthdays.get(member), tiers.get(member, NEVER_ASSESSED))
        for member in members
    }
    periods = {(member, rules.period_of(day)) for member, day in days} | {
        (member, rules.period_of(day))
        for member, life in lives.items()
        for day in _moved_firsts(rules, life, posted[member])
    }
    wanted = [
        (bucket_of(member, house.bucket_count), member, period.first, period.last)
        for member, period in periods
    ]
    items: dict[str, dict[int, Items]] = defaultdict(dict)
    for member, day, blob in tx.all("accounts.day_items", periods=keys_json(wanted)):
        items[member][day] = ITEMS.decode(blob)
    changed = {key: one for key, one in days.items() if one != items[key[0]].get(key[1], ())}
    put_items(tx, house, changed)
    for (member, day), one in changed.items():
        items[member][day] = one
    ids: dict[str, set[str]] = defaultdict(set)
    for member, period in periods:
        ids[member].add(period.id)
    for member, life in lives.items():
        derived = rules.periods(items[member], life.counted, sorted(ids[member]))
        own = [one for one in posted[member] if one.rule and one.period_id in ids[member]]
        for entry in diff(derived, [one for one in own if _kind(one) in ("cap", "bonus")]):
            yield member, entry


def put_items(tx: Transaction, house: House, items: Mapping[MemberDay, Items]) -> None:
    """Keep what these member-days count towards the rules over a period or a life."""
    keys = {key: (bucket_of(key[0], house.bucket_count), *key) for key in items}
    rows = [(*keys[key], _ENCODE(one)) for key, one in items.items() if one]
    tx.many("accounts.put_day_items", rows)
    tx.many("accounts.drop_day_items", [keys[key] for key, one in items.items() if not one])


def drop_items(tx: Transaction, house: House, member: str) -> None:
    """Forget what all of a member's days count."""
    bucket = bucket_of(member, house.bucket_count)
    tx.run("accounts.drop_all_day_items", bucket=bucket, member_id=member)


def birthdays_of(tx: Transaction, house: House, members: Iterable[str]) -> dict[str, int]:
    """Return the birthdays of those members of whom one is known."""
    keys = places_json(members, house.bucket_count)
    rows = tx.all("accounts.birthdays", members=keys)
    return {member: birthday for member, birthday in rows if birthday is not None}


def _life(
    tx: Transaction, house: House, rules: Rulebook, member: str, birthday: int | None, tiers: Group
) -> _Life:
    found = rules.first_matches(days_of(tx, house.bucket_count, member), tiers)
    counted = Counted(None if birthday is None else Day(birthday), given_firsts(found, rules.version_on))
    return _Life(counted, {event: day for day, event in found.values()})


def _moved_firsts(rules: Rulebook, life: _Life, posted: Iterable[PointEntry]) -> set[Day]:
    """Return the days where a first in life is to be given points for and has not been, or the other way."""
    stands: dict[tuple[str, EventId], tuple[int, int]] = {}
    days = dict(life.first_days)
    for entry in posted:
        if entry.rule in rules.firsts and _kind(entry) == "bonus":
            redeemable, qualifying = stands.get((entry.rule, entry.event), (0, 0))
            stands[entry.rule, entry.event] = (redeemable + entry.redeemable, qualifying + entry.qualifying)
            days.setdefault(entry.event, entry.business_day)
    given = {key for key, points in stands.items() if any(points)}
    return {days[event] for _, event in given ^ set(life.counted.firsts.items())}


def _kind(entry: PointEntry) -> str:
    return entry.corrects or entry.kind
