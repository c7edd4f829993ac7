"""A whole chain in one process: machines with the real agent, roads, a real headquarters, and time.

What people hand in and decide, and what breaks, is up to the caller. `world` is what the oracle is told of
it, `stands` what came of it.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

from edge_agent.standing import standing
from edge_agent.store import members, terminal
from edge_agent.sync.exchange import LinkError
from hq_server.audit import audit
from hq_server.derivation import Rulebook
from hq_server.holds import lapse_some
from hq_server.house import House, load_house
from hq_server.key_book import load_book
from hq_server.keys import private_key
from hq_server.ledger import ledger_accounts
from hq_server.member_rows import lots_of
from hq_server.programmes import publish
from hq_server.rederive import expire, expiry_is_due, rederive_some
from hq_server.store.connection import Transaction, reading
from loyalty_core.calendar import Place, day_of, zone_named
from loyalty_core.entries import NO_EVENT
from loyalty_core.envelope import peek, public_of
from loyalty_core.events import HQ, Event, EventId
from loyalty_core.journal import chain as chain_of
from loyalty_core.journal import unpack_record
from loyalty_core.key_statements import Kind
from loyalty_core.messages import Batch, unpack_records
from loyalty_core.programme_toml import read_programme
from loyalty_core.units import Day, EpochMs, Minute, Seq
from loyalty_core.wire import unpack
from tests.edge import made
from tests.hq.conftest import StillClock
from tests.hq.desk import Desk
from tests.oracle.world import Entries, Identity, Points, World
from tests.simulation.closes import Closes, Decided
from tests.simulation.founding import CARDS, HQ_KEY, START, STORES, founded
from tests.simulation.road import Line
from tests.simulation.rules import programme_text
from tests.simulation.server import Server
from tests.simulation.till import SimTill, join

T = TypeVar("T")
JOINS_MAX: Final = 5
"""How often a technician tries a code."""
SEOUL: Final = Place(zone_named("Asia/Seoul"), Minute(300))
DISPUTES: Final = frozenset(
    {"copy_differs", "member_differs", "original_missing", "return_waiting", "return_exceeds"}
    | {"return_unmatched", "claim_waiting", "claim_late", "claim_lost", "redemption_twice", "redemption_void"}
    | {"coupon_used_twice", "returns_too_many"}
)
"""Exceptions that come of what receipts say, and so of the oracle's: no clock and no journal makes them."""


class Chain(Closes):
    """Three tills of two stores, headquarters, its desk, and one time for all."""

    def __init__(self, folder: Path, months: int, luck: Random, seen: Counter[str]) -> None:
        self.months, self.luck, self.seen = months, luck, seen
        self.hq = founded(folder, months)
        self._loop = asyncio.get_running_loop()
        self._began_ms = int(made.at(START))
        self.hq.clock = _Now(self)
        self.server = Server(self.hq, luck, seen)
        self.desk = _Desk(self.hq, server=self.server)
        self.journaled: dict[bytes, bytes] = {}
        self.tills = [
            self._machine(
                folder / f"till{place}", store_id, f"T0{place}", Line(self.server.serve, luck, seen)
            )
            for place, store_id in enumerate(STORES)
        ]
        names = {f"id:{member}": member for member in CARDS}
        self.decided = Decided(names=names | {f"card:{card}": member for member, card in CARDS.items()})
        self.server.wrote = self.hear_totals
        self._numbers = count()
        self.images: list[tuple[int, Path]] = []
        self.texts: dict[int, str] = {}
        self.codes: dict[Path, str] = {}
        self.gone: list[SimTill] = []
        self.ended: list[tuple[str, int, dict[tuple[str, int, int], int]]] = []
        self.backups: list[tuple[Path, Decided]] = []
        self.sticks = [folder / f"stick{number}" for number in range(2)]
        for stick in self.sticks:
            stick.mkdir()

    def _machine(self, folder: Path, store_id: str, code: str, line: Line) -> SimTill:
        return SimTill(
            folder,
            store_id,
            code,
            now_ms=self.now_ms,
            line=line,
            luck=self.luck,
            seen=self.seen,
            journaled=self.journaled,
            held_then=self.server.told.__getitem__,
        )

    async def replace(self, place: int) -> bool:
        """Let a new machine take the place of a till and of all copies of its disk; tell whether it could.

        Those that are switched on try to go on, and nothing new of them may come to be held.
        """
        gone, copies = self.tills[place], self.copies(place)
        till = gone.terminal_id.removeprefix(f"{gone.store_id}-")
        folder = gone.folder.with_name(f"{gone.folder.name}n")
        if folder not in self.codes:
            self.codes[folder] = self.hq.invite(gone.store_id, till=till)
        for _ in range(JOINS_MAX):
            try:
                await join(folder, gone.line, self.codes[folder])
            except LinkError as error:
                if error.code == "hq_wrong_key":
                    self.seen["code of a dropped key"] += 1
                if error.code in ("hq_wrong_key", "terminal_revoked"):
                    # Headquarters has dropped the key that the code names, or has shut out the machine since,
                    # which missed that it had joined: it is set up anew.
                    shutil.rmtree(folder)
                if error.code in ("invite_unknown", "invite_expired", "hq_wrong_key", "terminal_revoked"):
                    self.codes[folder] = self.hq.invite(gone.store_id, till=till)
                await asyncio.sleep(60)
                continue
            # A headquarters that is restored from before would not know the new machine, for good.
            self.backups.clear()
            self.images = [(of, image) for of, image in self.images if self.tills[of] not in copies]
            self.gone += copies
            new = self._machine(folder, gone.store_id, gone.code, gone.line)
            self.ended.append((new.terminal_id, terminal.read(new.conn).epoch, self.server.heads()))
            self.tills = [new if till in copies else till for till in self.tills]
            return True
        return False

    def image(self, place: int) -> None:
        """Keep a copy of a till's disk."""
        till = self.tills[place]
        file = till.folder / f"{next(self._numbers)}.image"
        till.image(file)
        self.images.append((place, file))

    @property
    def machines(self) -> list[SimTill]:
        """All machines that are tills now: one that took the place of two is one."""
        return list(dict.fromkeys(self.tills))

    def copies(self, place: int) -> list[SimTill]:
        """Return all machines with copies of this till's disk, itself among them."""
        name = self.tills[place].terminal_id
        return [till for till in self.machines if till.terminal_id == name]

    def clone(self, place: int) -> None:
        """Switch on another machine with a copy of a till's disk, on a road of its own."""
        till = self.tills[place]
        folder = till.folder.with_name(f"{till.folder.name}c")
        shutil.copytree(till.config.data_dir, folder / "data", ignore=shutil.ignore_patterns("till.db*"))
        till.image(folder / "data" / "till.db")
        line = Line(self.server.serve, self.luck, self.seen)
        line.calm = till.line.calm
        self.tills.append(self._machine(folder, till.store_id, till.code, line))
        self.tills[-1].told = dict(till.told)

    def now_ms(self) -> int:
        """Return the time that it really is."""
        return self._began_ms + round(self._loop.time() * 1000)

    @property
    def today(self) -> date:
        """The date on every wall."""
        passed = timedelta(milliseconds=self.now_ms() - self._began_ms)
        return (datetime.fromisoformat(START) + passed - timedelta(minutes=SEOUL.starts)).date()

    def publish_next(self, pieces: Iterable[int], combine: str, since: str) -> None:
        """Publish the next version, from a date on; first again what a restored headquarters has lost."""
        with reading(self.server.line) as tx:
            next_one = load_house(tx).newest.version + 1
        text = self.texts.setdefault(
            next_one, programme_text(next_one, since, pieces, months=self.months, combine=combine)
        )
        programme, key, now_ms = read_programme(text), self.key("programme"), self.hq.clock()
        self.server.write(lambda tx: publish(tx, programme, text, retroactive=True, key=key, now_ms=now_ms))

    def key(self, kind: Kind) -> bytes:
        """Return the private key of a kind with which headquarters signs now."""
        with reading(self.server.line) as tx:
            public_key = load_book(tx).present(kind, public_of(HQ_KEY))
        found = private_key(self.hq.config, kind, public_key)
        assert found is not None
        return found

    def know_key(self) -> None:
        """Take note of the key by which headquarters speaks now: codes pin it, and it signs coupons."""
        self.hq.key = self.key("server")

    def close(self) -> None:
        """Let go of all databases."""
        self.server.line.close()
        for till in (*self.machines, *self.gone):
            till.close()

    def back_up(self) -> None:
        """Make a backup of headquarters."""
        file = self.server.back_up(f"{next(self._numbers)}.db")
        self.backups.append((file, deepcopy(self.decided)))

    def forget_backups(self, place: int) -> None:
        """Keep no backup from before the key that a till had before: restored, it would not know the till."""
        till = self.tills[place]
        self.backups = [one for one in self.backups if one[0] not in till.backups_before]
        till.backups_before = {file for file, _ in self.backups}

    def copy_disk(self) -> None:
        """Copy headquarters' disk as it is, which is no backup."""
        self._disk = self.server.copy(f"{next(self._numbers)}.copy"), deepcopy(self.decided)

    def set_back_disk(self) -> None:
        """Put the copy in the place of headquarters' disk: it knows nothing of it."""
        file, decided = self._disk
        self.note()
        self.server.set_back(file)
        self.decided = deepcopy(decided)

    def restore(self) -> None:
        """Put a backup in headquarters' place, and forget what was decided since."""
        self.note()
        file, decided = self.luck.choice(self.backups)
        self.server.restore(file)
        self.decided = deepcopy(decided)
        self.know_key()

    def chores(self) -> None:
        """Do what is due at headquarters."""
        now_ms, write = self.hq.clock(), self.server.write
        while write(lambda tx: expiry_is_due(tx, now_ms) and expire(tx, now_ms) >= 0):
            pass
        write(lambda tx: lapse_some(tx, now_ms))
        while write(lambda tx: rederive_some(tx, now_ms)):
            pass
        self.upgrade()

    def note(self) -> None:
        """Remember what tills have journaled, whatever becomes of their disks."""
        for till in (*self.machines, *self.gone):
            till.note()

    def check_ended(self) -> None:
        """Hold headquarters to taking nothing more of who was replaced: those epochs stand as they stood."""
        heads = self.server.heads()
        for terminal_id, epoch, stood in self.ended:
            now, then = (
                {of: seq for of, seq in found.items() if of[0] == terminal_id and of[1] < epoch}
                for found in (heads, stood)
            )
            assert now == then, f"who was replaced in epoch {epoch} went on: {now}, not {then}"

    def held(self) -> dict[bytes, EventId]:
        """Return under which name headquarters holds each record, by its hash: none twice."""
        found: dict[bytes, EventId] = {}
        rows = self.server.line.execute(
            "SELECT terminal_id, epoch, branch, first_seq, last_seq, envelope FROM batches"
            " ORDER BY terminal_id, epoch, branch, first_seq"
        )
        for terminal_id, epoch, branch, first, last, envelope in rows:
            batch = unpack(peek(envelope, "dangol/batch/1")[1], Batch)
            hashes = chain_of(batch.before, unpack_records(batch.packed))
            for seq, digest in enumerate(hashes, start=batch.first_seq):
                if first <= seq <= last:
                    assert digest not in found, f"held twice: {found[digest]} and {branch}"
                    found[digest] = EventId(terminal_id, epoch, branch, Seq(seq))
        return found

    def facts(self) -> list[tuple[EventId, Event]]:
        """Return what tills journaled and headquarters has heard of, as the tills wrote it."""
        self.note()
        held = self.held()
        assert held.keys() <= self.journaled.keys(), "headquarters holds what no till wrote"
        return [(name, unpack_record(self.journaled[digest]).event) for digest, name in held.items()]

    def world(self) -> World:
        """Return everything that headquarters has heard of and decided, for the oracle."""
        facts, decided = self.facts(), self.decided
        rows = self.server.line.execute(
            "SELECT epoch, branch, seq, record FROM visiting_facts WHERE terminal_id = '~hq'"
        )
        facts += [(EventId(HQ, row[0], row[1], Seq(row[2])), unpack_record(row[3]).event) for row in rows]
        with reading(self.server.line) as tx:
            house = load_house(tx)
        stores = (*set(STORES), "")
        return World(
            facts=tuple(facts),
            programmes=house.programmes,
            places=dict.fromkeys(stores, SEOUL),
            terminals={HQ: "", **{till.terminal_id: till.store_id for till in self.machines}},
            members={(store, name): member for store in stores for name, member in decided.names.items()},
            through=day_of(self.today),
            birthdays={"M1": (11, 20), "M2": (2, 29)},
            merges=tuple(decided.merges.items()),
            adjustments=tuple(decided.adjustments),
            closes=dict(decided.closes),
            matches=dict(decided.matches),
        )

    def exceptions(self) -> set[tuple[str, str]]:
        """Return the open exceptions that receipts and journals raise: kind and subject."""
        found = self.server.line.execute(
            "SELECT kind, subject FROM arrival_exceptions WHERE closed_at_ms IS NULL"
        )
        return set(found)

    def disputed(self) -> set[tuple[str, str]]:
        """Return those that receipts raise: kind and event."""
        return {(kind, subject) for kind, subject in self.exceptions() if kind in DISPUTES}

    def overdrawn(self) -> set[str]:
        """Return whose accounts are said to be overdrawn."""
        rows = self.server.line.execute(
            "SELECT subject FROM account_exceptions WHERE kind = 'overdrawn' AND closed_at_ms IS NULL"
        )
        return {subject for (subject,) in rows}

    def stands(self) -> dict[str, tuple[Entries, int, dict[str, int], dict[str, int]]]:
        """Return what stands for each account: entries, balance, qualifying points and lots by period."""
        found = {}
        with reading(self.server.line) as tx:
            house = load_house(tx)
            rules = Rulebook(house)
            for bucket in range(house.bucket_count):
                for account in ledger_accounts(tx, house, bucket):
                    totals = tx.all("accounts.totals_of", bucket=bucket, member_id=account.member_id)
                    facts = [one for of_day in account.facts.days.values() for one in of_day]
                    lots = lots_of(rules, totals, facts, Day(day_of(self.today))).lots
                    found[account.member_id] = (
                        _net(account.entries),
                        sum(redeemable for _, redeemable, *_ in totals),
                        {period: points for period, _, points, _ in totals if points},
                        {lot.period_id: lot.points for lot in lots},
                    )
        return found

    def audited(self) -> None:
        """Derive everything again and compare."""
        public_key = public_of(self.key("server"))
        with reading(self.server.line) as tx:
            audit(tx, public_key, lambda *_: None)

    def untold(self, till: SimTill) -> bool:
        """Tell whether headquarters has something of members to tell a till."""
        known = members.cursors(till.conn)
        cursors = [known.get(bucket, 0) for bucket in range(terminal.read(till.conn).buckets)]
        with reading(self.server.line) as tx:
            text = json.dumps(list(enumerate(cursors)))
            return bool(tx.all("accounts.buckets_to_tell", cursors=text, audience=till.store_id))

    def told(self, store_id: str) -> set[str]:
        """Return the members of whom headquarters tells the tills of a store, but who count as another."""
        rows = self.server.line.execute("SELECT member_id FROM changes WHERE audience = ?", (store_id,))
        return {member_id for (member_id,) in rows} - self.decided.merges.keys()

    def shown(self, till: SimTill, member: str) -> int:
        """Return the balance that a till shows."""
        return standing(till.conn, till.books(), f"id:{member}", Day(day_of(self.today))).balance


@dataclass(kw_only=True)
class _Desk(Desk):
    """The desk of this chain, which works on headquarters' own connection."""

    server: Server

    def write(self, work: Callable[[Transaction, House], T]) -> T:
        return self.server.write(lambda tx: work(tx, load_house(tx)))

    def read(self, work: Callable[[Transaction, House], T]) -> T:
        with reading(self.server.line) as tx:
            return work(tx, load_house(tx))


class _Now(StillClock):
    """Headquarters' clock, which is right."""

    def __init__(self, chain: Chain) -> None:
        self._chain = chain

    def __call__(self) -> EpochMs:
        return EpochMs(self._chain.now_ms())


def _net(entries: Any) -> Entries:
    """Return the net of each movement, whatever corrections it took."""
    summed: Entries = {}
    for entry in entries:
        kind = entry.corrects or entry.kind
        identity = Identity(
            kind=kind,
            event=None if entry.event == NO_EVENT else entry.event,
            rule=entry.rule if kind in ("bonus", "cap", "adjustment") else "",
            day=None if kind == "cap" else int(entry.business_day),
            period=entry.period_id,
        )
        points = Points(entry.redeemable, entry.qualifying)
        summed[identity] = summed.get(identity, Points(0, 0)).plus(points)
    return {identity: points for identity, points in summed.items() if points != (0, 0)}
