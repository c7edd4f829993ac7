"""What every decision needs to know of the house: how many buckets, which incarnation, which programmes.

Read in each transaction anew; only the parsing of a programme's text is remembered.
"""

from __future__ import annotations

from functools import lru_cache

import msgspec

from hq_server.store.connection import Transaction
from loyalty_core.calendar import business_day
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import Incarnation
from loyalty_core.programme import Programme, Tier, version_for
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import Day, EpochMs


class NotReady(LoyaltyError):
    """Something must be set up first."""

    code = "programme_missing"


class House(msgspec.Struct, frozen=True, kw_only=True):
    """One state of the house."""

    bucket_count: int
    incarnation: Incarnation
    programmes: tuple[Programme, ...]

    @property
    def newest(self) -> Programme:
        """The highest version.

        Raises:
            NotReady: none has been published.
        """
        if not self.programmes:
            raise NotReady("no programme is published: run hq-server programme publish FILE")
        return self.programmes[-1]

    def today(self, now_ms: EpochMs) -> Day:
        """Return the business day at HQ."""
        return business_day(now_ms, self.newest.place)

    def in_force(self, day: Day) -> Programme:
        """Return the version of this date, or the newest while none is in force yet."""
        return version_for(self.programmes, day) or self.newest

    def has_birthdays(self, now_ms: EpochMs) -> bool:
        """Tell whether a version that holds today, or will, has a bonus for birthdays."""
        present = self.in_force(self.today(now_ms)).version
        ahead = [one for one in self.programmes if one.version >= present]
        return any(bonus.birthday for one in ahead for bonus in one.bonuses)

    def ladder_on(self, day: Day) -> tuple[Tier, ...]:
        """Return the ladder of this date."""
        return self.in_force(day).ladder


def load_house(tx: Transaction) -> House:
    """Return the house as this transaction sees it."""
    row = tx.one("house.house")
    if row is None:
        raise NotReady("the database is empty: run hq-server init", code="database_missing")
    bucket_count, counter, random = row
    return House(
        bucket_count=bucket_count,
        incarnation=Incarnation(counter, random),
        programmes=tuple([_parsed(text) for (text,) in tx.all("house.programme_texts")]),
    )


@lru_cache(maxsize=64)
def _parsed(text: str) -> Programme:
    return read_programme(text, "a published programme")
