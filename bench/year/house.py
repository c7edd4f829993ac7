"""Headquarters in this process, on a clock that is set by hand, with every household a member.

The CPU that it takes is counted.
"""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.year.asking import ask
from bench.year.plan import Plan, ms_of
from demo import members
from hq_server import enrol, fleet
from hq_server.accept import open_exchange
from hq_server.closes.chores import do_tier_work, tier_work
from hq_server.closes.closing import OVER, begin
from hq_server.decisions import Said
from hq_server.exchange import Answering, answer, apply
from hq_server.house import load_house
from hq_server.importing import import_rows
from hq_server.key_book import Keyring
from hq_server.keys import make_key
from hq_server.members_csv import BadRow, NewMember, read_members
from hq_server.programmes import publish
from hq_server.rederive import expire, expiry_is_due, rederive_some
from hq_server.setup import found_house
from hq_server.store.connection import reading, writing
from hq_server.store.database import create
from hq_server.store.sqlite.connection import Connection as SqliteConnection
from hq_server.store.sqlite.connection import checkpoint
from loyalty_core.calendar import period_named
from loyalty_core.envelope import public_of
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import Day, EpochMs

MOONLIGHT: Final = Path(__file__).parents[2] / "docs/examples/moonlight.toml"
PERIODS: Final = ("2026-H2", "2027-H1")
"""The half-years in which the year lies."""
ACCOUNT_RULES: Final = """
[[bonus]]
id = "fifth-visit"
on = "visit"
points = 50
per = "period"
nth = 5

[[bonus]]
id = "first-purchase"
on = "purchase"
points = 30
first = true

[[cap]]
id = "half-year"
points = {cap}
per = "period"
"""
"""What the documentation's programme has none of: rules over a period and over a life."""


class SetClock:
    """A clock that shows what it is set to, for headquarters and the tills alike."""

    def __init__(self, at: datetime) -> None:
        self.set(at)

    def set(self, at: datetime) -> None:
        """Show a local time of the stores from now on."""
        self.now_ms = EpochMs(ms_of(at))

    def wall_ms(self) -> EpochMs:
        """Return what it is set to."""
        return self.now_ms

    def monotonic_ms(self) -> int:
        """Return the same: nobody sets it back."""
        return self.now_ms

    def boot_id(self) -> str:
        """Return the one boot of the year."""
        return "year"


class Watch:
    """CPU seconds of a side, added up."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count the block."""
        start = time.process_time()
        yield
        self.seconds += time.process_time() - start


class Hq:
    """Headquarters with the programme and every household a member."""

    def __init__(self, folder: Path, clock: SetClock, plan: Plan, database: str = "") -> None:
        folder.mkdir(parents=True)
        self.clock, self.watch = clock, Watch()
        self.path = folder / "hq.db"
        self.key = make_key(folder / "hq.key")
        self.public_key = public_of(self.key)
        self.conn = create(database or self.path)
        text = MOONLIGHT.read_text("utf-8") + ACCOUNT_RULES.format(cap=plan.size.cap)
        with writing(self.conn) as tx:
            found_house(tx, random=secrets.token_bytes(8), now_ms=clock.now_ms)
            programme = read_programme(text)
            publish(tx, programme, text, retroactive=True, key=self.key, now_ms=clock.now_ms)
        with writing(self.conn) as tx:
            import_rows(tx, list(_rows(plan.households)), clock.now_ms)

    def enrol(self, body: bytes) -> bytes:
        """Return the answer to a till that joins."""
        with writing(self.conn) as tx:
            asked = enrol.open_enrol(body)
            return enrol.answer(
                tx, asked, enrol.apply(tx, asked, self.clock.now_ms), Keyring.of(self.key).signing(tx)
            )

    def invite(self, store: str, till: str) -> str:
        """Return a code for a terminal."""
        with writing(self.conn) as tx:
            return fleet.invite(
                tx,
                store,
                till=till,
                preapproved=True,
                hours=1,
                secret=secrets.token_bytes(8),
                look_up_key=secrets.token_bytes(32),
                hq_public_key=self.public_key,
                now_ms=self.clock.now_ms,
            ).code

    def exchange(self, body: bytes, rows_max: int) -> bytes:
        """Return the answer to a till's request."""
        answering = Answering(keys=Keyring.of(self.key), snapshot_rows_max=rows_max, next_in_ms=1)
        now_ms = self.clock.now_ms
        with self.watch.counting():
            with reading(self.conn) as tx:
                opened = open_exchange(tx, body, load_house(tx).newest.programme_id, now_ms)
            with writing(self.conn) as tx:
                outcome = apply(tx, opened, now_ms)
            with reading(self.conn) as tx:
                reply = answer(tx, answering, opened, outcome, now_ms)
            if isinstance(self.conn, SqliteConnection):
                checkpoint(self.conn, self.path)
        return reply

    def balances(self) -> dict[str, int]:
        """Return every member's balance."""
        totals = "SELECT member_id, CAST(sum(redeemable) AS BIGINT) FROM totals GROUP BY member_id"
        return dict(ask(self.conn, totals))

    def close_periods(self, sold_until: Day) -> None:
        """Close the half-years that were over then in turn, and give what their tiers bring."""
        keys = Keyring.of(self.key)
        with self.watch.counting():
            for period_id in PERIODS:
                with writing(self.conn) as tx:
                    house = load_house(tx)
                    period = period_named(period_id, house.newest.period_months)
                    if period.last >= sold_until:
                        break
                    begin(tx, house, period, Said("year", OVER), self.clock.now_ms)
                while self._tier_work_done(keys):
                    pass

    def _tier_work_done(self, keys: Keyring) -> bool:
        with writing(self.conn) as tx:
            work = tier_work(tx, self.clock.now_ms)
            if work is not None:
                do_tier_work(tx, work, keys, self.clock.now_ms)
            return work is not None

    def do_chores(self) -> None:
        """Post the expiry that is due, and derive again what that marks."""
        with self.watch.counting():
            while True:
                with writing(self.conn) as tx:
                    if expiry_is_due(tx, self.clock.now_ms):
                        expire(tx, self.clock.now_ms)
                    if not rederive_some(tx, self.clock.now_ms):
                        return


def _rows(households: Iterable[int]) -> Iterator[tuple[int, NewMember]]:
    lines = ["member_id,lookups,name\n"]
    lines += [f"{members.member_id(one)},{members.card(one)},{members.name(one)}\n" for one in households]
    for line, row in read_members(io.StringIO("".join(lines)), "US"):
        if isinstance(row, BadRow):
            raise TypeError(row.sentence)
        yield line, row
