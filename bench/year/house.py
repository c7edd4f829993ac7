"""Headquarters and three tills of the real programs in one process, on a clock that is set by hand.

What passes between them is what would on a line; only the road is missing. Each side's CPU is counted.
"""

from __future__ import annotations

import hashlib
import io
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from bench.year.plan import TILLS, Handed, Plan, Spent, Told, ms_of
from demo import members
from edge_agent.books import Books
from edge_agent.closing import close_some
from edge_agent.config import EdgeConfig
from edge_agent.pos_adapter.handed_in import decode, understand
from edge_agent.pos_adapter.receipt import Expectations
from edge_agent.recorder import Intake, Recorder, intake_of
from edge_agent.standing import standing
from edge_agent.store import terminal
from edge_agent.store.database import transaction
from edge_agent.store.migrations import open_database
from edge_agent.sync import exchange as till_exchange
from edge_agent.sync.install import install, open_reply
from edge_agent.sync.keys import make_private_key
from hq_server import enrol, fleet
from hq_server.accept import open_exchange
from hq_server.exchange import Answering, answer, apply
from hq_server.house import load_house
from hq_server.keys import make_key
from hq_server.members import import_rows
from hq_server.members_csv import BadRow, NewMember, read_members
from hq_server.programmes import publish
from hq_server.rederive import expire, expiry_is_due, rederive_some
from hq_server.setup import found_house
from hq_server.store.connection import checkpoint, reading, writing
from hq_server.store.database import create
from loyalty_core.calendar import business_day, day_of
from loyalty_core.envelope import key_id, open_sealed, public_of, seal
from loyalty_core.events import Booted, ReceiptClaimed, ReceiptKey, RedemptionCommitted
from loyalty_core.invite import read_code
from loyalty_core.messages import Clock, Enrol, Enrolled, Health
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import EpochMs
from loyalty_core.wire import pack, unpack

MOONLIGHT: Final = Path(__file__).parents[2] / "docs/examples/moonlight.toml"
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
ROWS_AN_EXCHANGE: Final = 100
"""Of how many members a till is told in one exchange; the others wait for the next."""
AT_ONCE: Final = 500
"""Receipts a till takes in one transaction."""


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

    def __init__(self, folder: Path, clock: SetClock, plan: Plan) -> None:
        folder.mkdir(parents=True)
        self.clock, self.watch = clock, Watch()
        self.path = folder / "hq.db"
        self.key = make_key(folder / "hq.key")
        self.public_key = public_of(self.key)
        self.conn = create(self.path)
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
            return enrol.answer(tx, asked, enrol.apply(tx, asked, self.clock.now_ms), self.key)

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
        answering = Answering(key=self.key, snapshot_rows_max=rows_max, next_in_ms=1)
        now_ms = self.clock.now_ms
        with self.watch.counting():
            with reading(self.conn) as tx:
                opened = open_exchange(tx, body, load_house(tx).newest.programme_id)
            with writing(self.conn) as tx:
                outcome = apply(tx, opened, now_ms)
            with reading(self.conn) as tx:
                reply = answer(tx, answering, opened, outcome, now_ms)
            checkpoint(self.conn, self.path)
        return reply

    def balances(self) -> dict[str, int]:
        """Return every member's balance."""
        totals = "SELECT member_id, sum(redeemable) FROM totals GROUP BY member_id"
        return dict(self.conn.execute(totals).fetchall())

    def do_chores(self) -> None:
        """Post the expiry that is due, and derive again what that marks."""
        with self.watch.counting():
            while True:
                with writing(self.conn) as tx:
                    if expiry_is_due(tx, self.clock.now_ms):
                        expire(tx, self.clock.now_ms)
                    if not rederive_some(tx, self.clock.now_ms):
                        return


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
            body, sent = till_exchange.request(
                self.conn,
                identity,
                self.config.sync,
                key=self.key,
                nonce=nonce,
                clock=Clock(self.clock.wall_ms(), self.clock.monotonic_ms(), self.clock.boot_id()),
                health=Health("year", 0, 0, 10**9),
                resend_from=None,
            )
        answered = self.hq.exchange(body, rows_max)
        with self.watch.counting():
            with transaction(self.conn):
                installed = install(self.conn, open_reply(answered, identity, nonce))
            self.conn.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        if installed.refusals:
            raise RuntimeError(f"headquarters refused: {installed.refusals[0].sentence}")
        return sent > 0, installed.moved


def _rows(households: Iterable[int]) -> Iterator[tuple[int, NewMember]]:
    lines = ["member_id,lookups,name\n"]
    lines += [f"{members.member_id(one)},{members.card(one)},{members.name(one)}\n" for one in households]
    for line, row in read_members(io.StringIO("".join(lines)), "US"):
        if isinstance(row, BadRow):
            raise TypeError(row.sentence)
        yield line, row
