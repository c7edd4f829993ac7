"""A house of real processes for a test: headquarters, one till, the line between them; and what both hold.

Nothing waits for a time to pass: what is waited for is named, with a deadline.
"""

from __future__ import annotations

import asyncio
import shutil
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from demo.line import Line
from demo.processes import Hq, Till, until
from edge_agent.store import journal, outbox, terminal
from edge_agent.store.database import Connection, connect
from hq_server.house import load_house
from hq_server.ledger import ledger_accounts
from hq_server.store.connection import Transaction, reading
from hq_server.store.sqlite.connection import connect as connect_hq
from loyalty_core.events import EventId, PurchaseRecorded, VisitRecorded
from loyalty_core.journal import unpack_record
from loyalty_core.units import Seq

STORE = "S012"
ASK_SECONDS = 60
RETRY_SECONDS = 0.05


@dataclass
class House:
    """Headquarters, a till, and the line between them."""

    hq: Hq
    till: Till
    line: Line
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Every request that was answered 200: its name -> the answer."""

    async def ask(self, session: aiohttp.ClientSession, name: str, path: str, body: dict[str, Any]) -> None:
        """Hand one thing in as a till's software must: the same again, until it is answered."""
        end = time.monotonic() + ASK_SECONDS
        while time.monotonic() < end:
            address = self.till.address
            headers = {"Authorization": f"Bearer {self.till.token}", "Idempotency-Key": name}
            if address is not None:
                try:
                    async with session.post(address + path, json=body, headers=headers) as response:
                        said = await response.json()
                        assert response.status == 200, said
                        self.answers[name] = said
                        return
                except (aiohttp.ClientError, OSError):
                    pass  # Killed meanwhile.
            await asyncio.sleep(RETRY_SECONDS)
        raise AssertionError(f"{name} was not answered within {ASK_SECONDS} seconds")

    async def settled(self, records: int) -> None:
        """Return once the till holds at least so many receipts and visits, and HQ all of its journal."""

        def all_there() -> bool:
            with self.store() as conn:
                waiting, *_ = outbox.waiting(conn)
                return waiting == 0 and journal.count(conn) >= records and self.recorded.total() >= records

        await until(all_there, "till and headquarters did not settle", ASK_SECONDS)

    @contextmanager
    def store(self) -> Iterator[Connection]:
        """Open the till's store to look into it."""
        with closing(connect(self.till.database, read_only=True)) as conn:
            yield conn

    @property
    def head(self) -> int:
        """The last seq of the till's journal."""
        with self.store() as conn:
            return journal.head(conn, terminal.read(conn)).seq

    @property
    def acknowledged(self) -> int:
        """Up to which seq the till knows HQ to hold its journal."""
        with self.store() as conn:
            return outbox.acknowledged(conn, 1)

    @property
    def head_at_hq(self) -> int:
        """The last seq that HQ holds durably."""
        with self._ledger() as tx:
            rows = tx.all("arrivals.heads", store_id=STORE, terminal_id=self.till.terminal_id)
            return max((int(row[2]) for row in rows), default=0)

    @property
    def recorded(self) -> Counter[str]:
        """How often each receipt or visit stands in the journal, by its name."""
        return Counter(self.events.values())

    @property
    def events(self) -> dict[EventId, str]:
        """Every receipt and visit of the journal -> its name."""
        found = {}
        with self.store() as conn:
            identity = terminal.read(conn)
            for epoch, branch in journal.epochs(conn):
                for seq, data, _ in journal.walk(conn, epoch, branch):
                    record = unpack_record(data)
                    match record.event:
                        case PurchaseRecorded(receipt=receipt):
                            name = receipt.number
                        case VisitRecorded():
                            name = record.natural_key or ""
                        case _:
                            continue
                    found[EventId(identity.terminal_id, epoch, branch, Seq(seq))] = name
        return found

    @property
    def posted(self) -> dict[str, int]:
        """Points of each receipt and visit in HQ's ledger, by name; one that stands nowhere is not there."""
        names, points, stands = self.events, Counter[EventId](), Counter[EventId]()
        with self._ledger() as tx:
            house = load_house(tx)
            for bucket in range(house.bucket_count):
                for account in ledger_accounts(tx, house, bucket):
                    for facts in account.facts.days.values():
                        stands.update(fact.item.id for fact in facts if fact.item.earns)
                    for entry in account.entries:
                        points[entry.event] += entry.redeemable
        assert set(stands) <= set(names), "headquarters holds receipts that no journal has"
        assert set(stands.values()) <= {1}, "a receipt stands in two places of the ledger"
        return {names[event]: points[event] for event in stands}

    async def check_themselves(self) -> None:
        """Have both programs check themselves and find nothing."""
        verified, audited = await asyncio.gather(self.till.run("verify"), self.hq.run("audit"))
        assert verified[0] == 0, verified
        assert audited[0] == 0, audited

    @contextmanager
    def _ledger(self) -> Iterator[Transaction]:
        with closing(connect_hq(self.hq.database, read_only=True)) as connection, reading(connection) as tx:
            yield tx


@dataclass(frozen=True)
class Founded:
    """A headquarters that was set up once, to be copied, and a code with which a till joins each copy."""

    folder: Path
    code: str


async def found(folder: Path, programme: str, members: dict[str, str]) -> Founded:
    """Set up a headquarters with these members (id -> card)."""
    hq = Hq(folder / "hq")
    rules, people = folder / "programme.toml", folder / "members.csv"
    rules.write_text(programme, "utf-8")
    rows = [f"{member},{card},{STORE}\n" for member, card in members.items()]
    people.write_text("member_id,lookups,home_store\n" + "".join(rows), "utf-8")
    await hq.set_up(rules)
    await hq.told("member", "import", people)
    return Founded(hq.folder, await hq.invite(STORE))


@asynccontextmanager
async def house(
    folder: Path,
    founded: Founded,
    next_in_ms: int = 500,
    *,
    line: type[Line] = Line,
    settings: Sequence[tuple[str, str, str]] = (),
    inside: Sequence[str] = (),
) -> AsyncIterator[House]:
    """Run a copy of a headquarters; a till has joined it and waits to be opened.

    `settings` are changed in the files of both: name, text, new text. A headquarters that is started `inside`
    something, by these words, is talked to without the line.
    """
    shutil.copytree(founded.folder, folder / "hq")
    hq, till = Hq(folder / "hq", next_in_ms), Till(folder / "till", STORE)
    hq.inside = tuple(inside)
    for name, text, new in settings:
        config = {"hq": hq, "till": till}[name].config
        assert text in config.read_text("utf-8")
        config.write_text(config.read_text("utf-8").replace(text, new, 1), "utf-8")
    between = line(lambda: hq.address)
    try:
        await hq.serve()
        await between.start()
        await till.enrol(hq.address or "" if inside else between.url, founded.code)
        yield House(hq, till, between)
    finally:
        await till.stop()
        await hq.stop()
        await between.close()
