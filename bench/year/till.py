"""One till of the real agent in this process: recorder, store, closing of days, exchange. Its CPU is counted.

What passes between it and headquarters is what would on a line; only the road is missing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.year.house import Hq, SetClock, Watch
from bench.year.plan import TILLS, Handed, Spent, Told
from demo import members
from edge_agent.books import Books
from edge_agent.closing import close_some
from edge_agent.config import EdgeConfig
from edge_agent.pos_adapter.handed_in import decode, understand
from edge_agent.pos_adapter.understanding import Expectations
from edge_agent.recorder import Intake, Recorder, intake_of
from edge_agent.standing import standing
from edge_agent.store import terminal
from edge_agent.store.database import transaction
from edge_agent.store.migrations import open_database
from edge_agent.sync import exchange as till_exchange
from edge_agent.sync.install import install, open_reply
from edge_agent.sync.keys import make_private_key
from loyalty_core.calendar import business_day, day_of
from loyalty_core.envelope import key_id, open_sealed, public_of, seal
from loyalty_core.events import Booted, ReceiptClaimed, ReceiptKey, RedemptionCommitted
from loyalty_core.invite import read_code
from loyalty_core.messages import Clock, Enrol, Enrolled, Health
from loyalty_core.units import EpochMs
from loyalty_core.wire import pack, unpack

AT_ONCE: Final = 500
"""Receipts a till takes in one transaction."""
ROWS_AN_EXCHANGE: Final = 100
"""Of how many members a till is told in one exchange; the others wait for the next."""


class Till:
    """One till that has joined headquarters."""

    def __init__(self, folder: Path, number: int, hq: Hq, clock: SetClock) -> None:
        self.number, self.hq, self.clock, self.watch = number, hq, clock, Watch()
        self.config = EdgeConfig(data_dir=folder)
        folder.mkdir(parents=True)
        self.key = make_private_key(folder)
        self.conn = open_database(self.config.database)
        self.recorder = Recorder(self.config, clock)
        said = self._join(hq.invite(*TILLS[number]))
        with transaction(self.conn):
            terminal.install(self.conn, said, "https://hq.example")
        self.exchange()
        with transaction(self.conn):
            books = self.recorder.books(self.conn)
            day = business_day(clock.now_ms, books.terminal.place)
            self.recorder.append(self.conn, books, Booted(None, clock.now_ms, day, clock.boot_id(), "year"))

    def _join(self, code: str) -> Enrolled:
        asked = Enrol(secrets.token_bytes(16), read_code(code)[0], public_of(self.key), "year")
        answered = self.hq.enrol(seal("dangol/enrol/1", pack(asked), self.key))
        keys = {key_id(self.hq.public_key): self.hq.public_key}
        return unpack(open_sealed(answered, "dangol/enrolled/1", keys), Enrolled)

    def take(self, handed: Iterable[Handed]) -> None:
        """Record what the till is handed, in this order; a refusal is raised."""
        waiting = list(handed)
        with self.watch.counting():
            for first in range(0, len(waiting), AT_ONCE):
                with transaction(self.conn):
                    books = self.recorder.books(self.conn)
                    expected = self.recorder.expectations(books)
                    for one in waiting[first : first + AT_ONCE]:
                        self._record(books, expected, one)
                self.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def _record(self, books: Books, expected: Expectations, one: Handed) -> None:
        if isinstance(one, Told):
            read = decode(one.raw)
            intake = intake_of(understand(read, expected), read.member, "jsonl", one.raw)
            self.recorder.record(self.conn, books, intake)
            return
        day = business_day(EpochMs(one.at_ms), books.terminal.place)
        of = one.purchase
        purchase = ReceiptKey(of.store, of.till, day_of(datetime.fromisoformat(of.day).date()), of.number)
        card = members.card(one.household)
        if isinstance(one, Spent):
            owner = self.recorder.owner(self.conn, books, card)
            if owner is None:
                raise ValueError(f"{card} can be no member's card")
            name, points = f"{of.store}-{of.till}-{of.number}", one.points
            spent = RedemptionCommitted(owner.recorded, one.at_ms, day, name, points, points, "", purchase)
            self.recorder.spend(self.conn, books, owner.account, spent)
            return
        name = f"claim-{of.store}-{of.till}-{of.number}"
        digest = hashlib.sha256(name.encode()).digest()
        claim = Intake(
            event=ReceiptClaimed(None, one.at_ms, day, purchase),
            natural_key=f"key/{name}",
            content=digest[:16],
            member=card,
            journal_key=name,
            adapter="http",
            raw_sha256=digest,
        )
        self.recorder.record(self.conn, books, claim)

    def close_days(self) -> None:
        """Declare every business day that is over and has changed since it was declared."""
        with self.watch.counting():
            more = True
            while more:
                with transaction(self.conn):
                    more = close_some(self.conn, self.recorder).more

    def exchange(self, rows_max: int = ROWS_AN_EXCHANGE) -> None:
        """Send all that waits; take what headquarters tells meanwhile."""
        while self._exchange_once(rows_max)[0]:
            pass

    def catch_up(self) -> None:
        """Take all that headquarters has to tell."""
        while any(self._exchange_once(5 * ROWS_AN_EXCHANGE)):
            pass

    def balance(self, household: int) -> int | None:
        """Return what this till would show a household, None for one of which it was told nothing."""
        books = self.recorder.books(self.conn)
        owner = self.recorder.owner(self.conn, books, members.card(household))
        if owner is None or owner.member_id is None:
            return None
        today = business_day(self.clock.now_ms, books.terminal.place)
        return standing(self.conn, books, owner.account, today).balance

    def _exchange_once(self, rows_max: int) -> tuple[bool, bool]:
        with self.watch.counting():
            nonce, identity = secrets.token_bytes(16), terminal.read(self.conn)
            body, load = till_exchange.request(
                self.conn,
                identity,
                self.config.sync,
                key=self.key,
                nonce=nonce,
                clock=lambda: Clock(self.clock.wall_ms(), self.clock.monotonic_ms(), self.clock.boot_id()),
                health=Health("year", 0, 0, 10**9),
            )
        answered = self.hq.exchange(body, rows_max)
        with self.watch.counting():
            with transaction(self.conn):
                installed = install(self.conn, open_reply(answered, identity, nonce))
            self.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        if installed.refusals:
            raise RuntimeError(f"headquarters refused: {installed.refusals[0].sentence}")
        return load.sent > 0, installed.moved
