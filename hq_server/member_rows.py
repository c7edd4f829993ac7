"""What a till is told of a member: the row of the snapshot, made of the account as it stands. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from hq_server.counted import ITEMS
from hq_server.derivation import Items, Rulebook, rulebook_of
from hq_server.holds import holds_of
from hq_server.house import House
from hq_server.member_facts import account_facts, days_of, days_of_group
from hq_server.merges import groups_of
from hq_server.references import bucket_of, keys_json, places_json
from hq_server.store.connection import Transaction
from hq_server.tiers.held import rows_of
from hq_server.tiers.view import Telling
from loyalty_core.account import spendings
from loyalty_core.calendar import Period, date_of, period_of
from loyalty_core.lookups import hashed, masked_name
from loyalty_core.lots import Lots, fold_lots
from loyalty_core.messages import EXPIRING_MAX, Expiring, MemberRow, Stamp, Tally
from loyalty_core.period_rules import Counted, Counts, birthday_in, fold_period, given_firsts
from loyalty_core.resolved import Resolved
from loyalty_core.units import Day, EpochMs

COUPONS_MAX: Final = 20
TOTAL_MAX: Final = 2**53
"""The most points, up or down, that a row can tell of: a till that cannot read one row reads no reply."""


class Changed(msgspec.Struct, frozen=True):
    """A member whose row changed, and the last event of the asking terminal that was posted for them."""

    member_id: str
    name: str
    birthday: int | None
    erased: bool
    stamp: Stamp | None


class Rows:
    """Makes the rows of one till's snapshot; what many members need is read once for all of them."""

    def __init__(
        self,
        tx: Transaction,
        house: House,
        terminal_id: str,
        look_up_key: bytes,
        members: Sequence[str],
        now_ms: EpochMs,
    ) -> None:
        self._tx, self._house, self._key, self._terminal_id = tx, house, look_up_key, terminal_id
        self._now_ms, self._today = now_ms, house.today(now_ms)
        self._programme = house.in_force(self._today)
        self._period = period_of(self._today, self._programme.period_months)
        redeem = self._programme.redeem
        self._offline_points = 0 if redeem is None else redeem.offline_points
        self._has_birthdays = house.has_birthdays(now_ms)
        self._rules = rulebook_of(house)
        self._groups = groups_of(tx, house.bucket_count, members)
        self._tiers = rows_of(tx, house.bucket_count, self._groups)
        self._telling = Telling(house, self._today)
        heads = set(self._groups.members)
        everyone = {name for group in self._groups.members.values() for name in group}
        self._look_ups: dict[str, list[str]] = defaultdict(list)
        for member, look_up in tx.all("accounts.look_ups_of", members=self._places(everyone)):
            self._look_ups[member].append(look_up)
        self._totals: dict[str, list[tuple[str, int, int, int]]] = defaultdict(list)
        for member, *total in tx.all("accounts.totals_of_members", members=self._places(heads)):
            self._totals[member].append((total[0], total[1], total[2], total[3]))
        self._facts = account_facts(tx, house.bucket_count, self._groups)
        self._holds = holds_of(tx, house, self._groups)
        self._items = self._period_items(heads) if self._rules.counts() else {}
        self._coupons: dict[str, list[tuple[str, int, bytes]]] = defaultdict(list)
        head_of = {name: head for head, group in self._groups.members.items() for name in group}
        for member, *coupon in tx.all("accounts.coupons_of", members=self._places(everyone)):
            self._coupons[head_of[member]].append((coupon[0], coupon[1], coupon[2]))

    @property
    def period(self) -> Period:
        """The period open at HQ's date."""
        return self._period

    def row(self, changed: Changed) -> MemberRow:
        """Return a member's row; one who was erased, or counts as another now, is gone."""
        member = changed.member_id
        head = self._groups.head_of[member]
        totals = self._totals[member]
        balance = _told(sum(redeemable for _, redeemable, _, _ in totals))
        qualifying = _told(sum(points for period_id, _, points, _ in totals if period_id == self._period.id))
        if changed.erased or head != member:
            return MemberRow(
                member_id=member,
                gone=True,
                masked_name="",
                look_ups=(),
                tier=self._programme.ladder[0].code,
                balance=balance,
                period_id=self._period.id,
                qualifying=qualifying,
                stamp=changed.stamp,
            )
        tiers = self._telling.told(self._tiers.get(member, ()))
        return MemberRow(
            member_id=member,
            gone=False,
            masked_name=masked_name(changed.name),
            look_ups=tuple(self._hashes(member)),
            tier=tiers.tier,
            balance=balance,
            period_id=self._period.id,
            qualifying=qualifying,
            stamp=changed.stamp,
            allowance=min(self._offline_points, max(0, balance)),
            held=self._held(member),
            expiring=self._expiring(member, totals),
            tallies=self._tallies(member),
            birthday=self._birthday(changed.birthday),
            coupons=self._usable(member),
            also=self._groups.members[member][1:],
            tiers=tiers.steps,
            tier_until=tiers.until,
        )

    def _hashes(self, head: str) -> Iterable[str]:
        """Return every way to name the member, hashed under the store's key; the id is one."""
        for member in self._groups.members[head]:
            yield hashed(f"id:{member}", self._key)
            for look_up in self._look_ups[member]:
                yield hashed(look_up, self._key)

    def _held(self, member: str) -> int:
        """Return the points that are held for redemptions under way at other tills."""
        return _told(
            sum(
                hold.points
                for hold in self._holds.get(member, ())
                if hold.terminal_id != self._terminal_id and hold.until_ms > self._now_ms
            )
        )

    def _expiring(self, member: str, totals: Sequence[tuple[str, int, int, int]]) -> tuple[Expiring, ...]:
        """Return the lots that end first; in the balance may also be what has ended and is not posted yet."""
        if not self._rules.expires:
            return ()
        lots = lots_of(self._rules, totals, self._facts.get(member, ()), self._today)
        ending = [(lot.last_day, lot.points) for lot in lots.lots if lot.points > 0]
        over = sum(total[1] for total in totals) - (sum(lot.points for lot in lots.lots) - lots.debt)
        if over > 0 and lots.expired:
            ending.append((lots.expired[-1].last_day, over))
        known = sorted((last_day, points) for last_day, points in ending if last_day is not None)
        return tuple([Expiring(_told(points), last_day) for last_day, points in known[:EXPIRING_MAX]])

    def _tallies(self, member: str) -> tuple[Tally, ...]:
        """Return where each rule stands that counts over a period or a life.

        Every cap is told, also one that has let nothing through; a rule about the first in life where that
        first has been, whether it was given points or not.
        """
        if not self._rules.counts():
            return ()
        counts = Counts()
        items = self._items.get(member, {})
        days = [(Day(day), items[day]) for day in sorted(items)]
        everyone = self._groups.members[member]
        life = (
            days_of(self._tx, self._house.bucket_count, member)
            if len(everyone) == 1
            else days_of_group(self._tx, self._house.bucket_count, everyone).items()
        )
        group = tuple([one.facts for one in self._tiers.get(member, ())])
        firsts = self._rules.first_matches(life, group)
        counted = Counted(firsts=given_firsts(firsts, self._rules.version_on))
        fold_period(self._period.id, days, self._rules.programme_on, counted, counts)
        through = dict.fromkeys(self._rules.period_caps(), (0, 0))
        through |= {rule: use.through for rule, use in counts.caps.items()}
        caps = [Tally(rule, self._period.id, 0, *map(_told, points)) for rule, points in through.items()]
        matches = [Tally(rule, self._period.id, count, 0, 0) for rule, count in counts.matches.items()]
        over = [Tally(rule, "", 1, 0, 0) for rule in dict.fromkeys(rule for _, rule in firsts)]
        return (*caps, *matches, *over)

    def _period_items(self, heads: Iterable[str]) -> dict[str, dict[int, Items]]:
        found: dict[str, dict[int, Items]] = defaultdict(dict)
        periods = keys_json(
            (self._bucket(head), head, self._period.first, self._period.last) for head in heads
        )
        for member, day, blob in self._tx.all("accounts.day_items", periods=periods):
            found[member][day] = ITEMS.decode(blob)
        return found

    def _birthday(self, birthday: int | None) -> int | None:
        """Return the next one, where a version has a rule for it; tills are not told it otherwise."""
        if birthday is None or not self._has_birthdays:
            return None
        year = date_of(self._today).year
        this = birthday_in(year, Day(birthday))
        return this if this >= self._today else birthday_in(year + 1, Day(birthday))

    def _usable(self, member: str) -> tuple[bytes, ...]:
        used = {one.item.money[0][0] for one in self._facts.get(member, ()) if one.item.kind == "coupon"}
        found = [
            envelope
            for coupon_id, until_day, envelope in self._coupons[member]
            if coupon_id not in used and until_day >= self._today
        ]
        return tuple(found[:COUPONS_MAX])

    def _places(self, members: Iterable[str]) -> str:
        return places_json(members, self._house.bucket_count)

    def _bucket(self, member: str) -> int:
        return bucket_of(member, self._house.bucket_count)


def lots_of(
    rules: Rulebook, totals: Iterable[Sequence[Any]], facts: Iterable[Resolved], through: Day
) -> Lots:
    """Return the lots of an account from its totals: (period id, redeemable, qualifying, credited)."""
    credited = {total[0]: total[3] for total in totals if total[3]}
    return fold_lots(credited, spendings(facts), rules.last_day, rules.months, through)


def _told(total: int) -> int:
    """Return a total as far as a row can tell it."""
    return max(-TOTAL_MAX, min(total, TOTAL_MAX))
