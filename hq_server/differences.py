"""Awards that are not what the till answered, each with its cause.

A till answers by what it knows at that moment; HQ posts by everything. Where the two differ, the cause is
found by deriving the day again as the till could have known it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from itertools import combinations
from typing import Final, Literal

import msgspec

from hq_server.derivation import NEVER_ASSESSED, Rulebook
from hq_server.names import Names
from hq_server.references import keys_json
from hq_server.store.connection import Transaction, Values
from hq_server.tiers.held import Tiers
from hq_server.work import MemberDay
from loyalty_core.accrual import derive_day
from loyalty_core.assessment import Group
from loyalty_core.day_rules import DayRules, rules_of_day
from loyalty_core.entries import PointEntry
from loyalty_core.events import Claim, EventId
from loyalty_core.resolved import Resolved, Takeback
from loyalty_core.units import EpochMs

Touched = dict[tuple[str, int], tuple[Sequence[Resolved], tuple[PointEntry, ...]]]
"""Member-days that were derived: their facts, and what should stand for them."""
Cause = Literal[
    "nothing_claimed",
    "programme_version",
    "tier",
    "other_tills",
    "later_events",
    "other_names",
    "day_too_long",
    "unexplained",
]
"""The till knew no member or no rules when it answered; it had another version, or an older tier to which
other rules apply; other tills' events of that day count too, or those of a copy of its disk; own events that
came after count too; it did not know that some of its own events, which name a member otherwise, are the
same member's; so much of that day counts, and differs, that no cause is looked for."""

KIND: Final = "award_unexplained"
"""The exception of an award that differs without a cause."""
NAMES_MAX: Final = 4
"""Of a day with more names besides the event's own, a till is taken to have known all of them or none."""
LOOKED_AT_MAX: Final = 256
"""Facts of one member-day that are looked at again for causes of differences; each takes all of its day."""
_Key = tuple[str, int, EventId]
"""(member, business day, event)"""


class Difference(msgspec.Struct, frozen=True):
    """What a till answered, what the rules give, each (redeemable, qualifying), and why they differ."""

    claimed: tuple[int, int]
    stands: tuple[int, int]
    cause: Cause

    def sentence(self) -> str:
        (redeemable, qualifying), (should, should_qualify) = self.claimed, self.stands
        return (
            f"the till answered {redeemable} redeemable and {qualifying} qualifying points, the rules give "
            f"{should} and {should_qualify}: compare its release and programme with headquarters"
        )


def note_differences(
    tx: Transaction,
    rules: Rulebook,
    buckets: Mapping[str, int],
    touched: Touched,
    tiers: Tiers,
    known: Set[MemberDay],
    whole: Collection[str],
    now_ms: EpochMs,
) -> None:
    """Keep the differences of these member-days as they are now; one without a cause is an exception.

    Any may stand of the days that were `known` only. Of members who were derived as a `whole` no others stay:
    what differs is told of the head only.
    """
    found: dict[_Key, Difference] = {}
    names = Names(tx)
    for (member, day), (facts, derived) in touched.items():
        of_member = tiers.get(member, NEVER_ASSESSED)
        for event, one in differences(rules, day, facts, derived, of_member, names).items():
            found[member, day, event] = one
    days = keys_json((buckets[member], member, day) for member, day in touched.keys() & known)
    members = keys_json((buckets[member], member) for member in whole)
    rows = tx.all("accounts.award_differences_of", days=days)
    rows += tx.all("accounts.award_differences_of_members", members=members) if whole else []
    stood = {(row[0], row[1], EventId(row[2], row[3], row[4], row[5])) for row in rows}
    tx.many(
        "accounts.put_award_difference",
        [(*_row(buckets, key), *one.claimed, *one.stands, one.cause, now_ms) for key, one in found.items()],
    )
    tx.many("accounts.drop_award_difference", [_row(buckets, key) for key in stood - found.keys()])
    unexplained = {key: one for key, one in found.items() if one.cause == "unexplained"}
    tx.many(
        "accounts.open_account_exception",
        [(buckets[key[0]], KIND, _subject(key), one.sentence(), now_ms) for key, one in unexplained.items()],
    )
    settled = (stood | found.keys()) - unexplained.keys()
    over = [(buckets[key[0]], KIND, _subject(key), now_ms) for key in settled]
    tx.many("accounts.close_account_exception", over)


def differences(
    rules: Rulebook,
    day: int,
    facts: Sequence[Resolved],
    derived: Iterable[PointEntry],
    tiers: Group,
    names: Names,
) -> dict[EventId, Difference]:
    """Return, by event, where what should stand for a member-day is not what the tills answered."""
    found: dict[EventId, Difference] = {}
    of_day, claims = rules.on(day, tiers), _claims(facts)
    if of_day is None:
        return found
    length, looked_at = sum(1 + len(one.takebacks) for one in facts), 0
    for entry in derived:
        if entry.event not in claims or entry.kind not in ("earn", "clawback"):
            continue
        claim = claims[entry.event]
        claimed = (0, 0) if claim is None else (claim.redeemable, claim.qualifying)
        stands = (entry.redeemable, entry.qualifying)
        if claimed == stands:
            continue
        cause = _told(rules, of_day, entry, claim)
        if cause is None:
            looked_at += length
            looks = looked_at <= LOOKED_AT_MAX
            cause = _looked_for(of_day, facts, entry, claimed, names) if looks else "day_too_long"
        found[entry.event] = Difference(claimed, stands, cause)
    return found


def _told(rules: Rulebook, of_day: DayRules, entry: PointEntry, claim: Claim | None) -> Cause | None:
    """Return why an entry is not what its till claimed, where the claim itself tells."""
    if claim is None:
        return "nothing_claimed"
    if claim.programme_version != entry.programme_version:
        return "programme_version"
    return "tier" if _tier_tells(rules, of_day, claim.tier) else None


def _tier_tells(rules: Rulebook, of_day: DayRules, tier: str) -> bool:
    """Tell whether a day has other rules in play for the tier by which its till answered."""
    programme = rules.programme_on(of_day.day)
    if tier == of_day.tier or programme is None:
        return False
    return msgspec.structs.replace(rules_of_day(programme, of_day.day, tier), tier=of_day.tier) != of_day


def _looked_for(
    of_day: DayRules,
    facts: Sequence[Resolved],
    entry: PointEntry,
    claimed: tuple[int, int],
    names: Names,
) -> Cause:
    """Return why an entry is not what its till claimed, by what the till knew of the day."""
    own = [_known(one, entry.event, same_till=True) for one in facts]
    if _gives(of_day, own, entry.event) == claimed:
        before = [_known(one, entry.event, same_till=False) for one in facts]
        same = _gives(of_day, before, entry.event) == claimed
        return "later_events" if same else "other_tills"
    for apart in _kept_apart(facts, entry.event, names):
        if _gives(of_day, apart, entry.event) == claimed:
            return "other_names"
    # What a return left counts in those before it, so what it left without them cannot be told any more.
    missed = {back.id for one in facts for back in _missed_among_several(one, entry.event)}
    if not missed:
        return "other_tills" if any(_of_another_journal(one, entry.event) for one in facts) else "unexplained"
    return (
        "other_tills" if any(one.terminal_id != entry.event.terminal_id for one in missed) else "later_events"
    )


def _claims(facts: Iterable[Resolved]) -> dict[EventId, Claim | None]:
    claims: dict[EventId, Claim | None] = {}
    for one in facts:
        if one.item.earns:
            claims[one.item.id] = one.item.claim
            for back in one.takebacks:
                claims[back.id] = back.claim
    return claims


def _known(one: Resolved, event: EventId, *, same_till: bool) -> Resolved | None:
    """Return what a till knew of a fact when it answered an event: nothing of what its journal has after it.

    A purchase is known by any copy or claim that gives it to its owner. With `same_till` what other tills
    reported is left out too.
    """

    def known(other: EventId) -> bool:
        if other.terminal_id != event.terminal_id:
            return not same_till
        return _is_before(other, event)

    if not any(known(naming) for naming in one.item.named_by or (one.item.id,)):
        return None
    takebacks = tuple([back for back in one.takebacks if known(back.id)])
    return msgspec.structs.replace(one, takebacks=takebacks)


def _kept_apart(facts: Sequence[Resolved], event: EventId, names: Names) -> Iterator[list[Resolved]]:
    """Yield what a till knew of the day by its own events, if it took some names there for other members."""
    own: list[tuple[Resolved, frozenset[str | None]]] = []
    ours: frozenset[str | None] = frozenset()
    for fact in facts:
        one = _known(fact, event, same_till=True)
        if one is None:
            continue
        naming = [by for by in fact.item.named_by or (fact.item.id,) if _is_before(by, event)]
        own.append((one, frozenset(map(names.of, naming))))
        if event in (one.item.id, *one.item.named_by, *[back.id for back in one.takebacks]):
            ours = own[-1][1] | {names.of(event)}
    others = sorted({name or "" for _, named in own for name in named - ours})
    few = len(others) <= NAMES_MAX
    for count in range(len(others)) if few else (0,):
        for joined in combinations(others, count):
            kept = ours.union(joined)
            yield [one for one, named in own if named & kept]


def _missed_among_several(one: Resolved, event: EventId) -> tuple[Takeback, ...]:
    """Return the takebacks that a till did not know when it answered an event, where it knew others."""
    own = _known(one, event, same_till=True)
    if own is None or not own.takebacks:
        return ()
    return tuple([back for back in one.takebacks if back not in own.takebacks])


def _of_another_journal(one: Resolved, event: EventId) -> bool:
    """Tell whether another journal of the event's terminal says something of a fact.

    A till whose disk was copied, or set back, knows one journal of its terminal up to where its own begins,
    which the day alone does not tell.
    """
    said = (one.item.id, *one.item.named_by, *[back.id for back in one.takebacks])
    return any(
        other.terminal_id == event.terminal_id and (other.epoch, other.branch) != (event.epoch, event.branch)
        for other in said
    )


def _is_before(one: EventId, event: EventId) -> bool:
    """Tell whether the till of an event had recorded one when it answered that event, or with it."""
    return one.terminal_id == event.terminal_id and one <= event


def _gives(rules: DayRules, facts: Iterable[Resolved | None], event: EventId) -> tuple[int, int]:
    derived = derive_day(rules, [one for one in facts if one is not None])
    return next(((one.redeemable, one.qualifying) for one in derived if one.event == event), (0, 0))


def _subject(key: _Key) -> str:
    return f"{key[0]}/{key[2]}"


def _row(buckets: Mapping[str, int], key: _Key) -> Values:
    member, day, event = key
    return (buckets[member], member, day, event.terminal_id, event.epoch, event.branch, event.seq)
