"""A machine with the real agent on it: its disk, clocks, power, and the loop that talks to headquarters."""

from __future__ import annotations

import asyncio
import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar, cast

import msgspec
from aiohttp import ClientSession

from edge_agent.books import Books
from edge_agent.clock import StepWatch
from edge_agent.closing import close_some
from edge_agent.config import EdgeConfig, Redemptions, Sync
from edge_agent.recorder import Outcome, Recorder
from edge_agent.redeeming import Outcome as Redeemed
from edge_agent.redeeming import Redeeming, redemption_id_of
from edge_agent.spendable import Wanted
from edge_agent.store import entries, journal, members, terminal
from edge_agent.store.database import Connection as TillConnection
from edge_agent.store.database import StoreError, transaction
from edge_agent.store.migrations import open_database
from edge_agent.sync import rotate
from edge_agent.sync.enrol import enrol
from edge_agent.sync.exchange import LinkError
from edge_agent.sync.install import Installed
from edge_agent.sync.loop import SyncLoop
from edge_agent.sync.usb import export
from edge_agent.sync.usb_replies import import_replies
from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.connection import Connection
from loyalty_core.calendar import business_day
from loyalty_core.envelope import peek
from loyalty_core.events import AT_MAX, AT_MIN, Booted, ClockStepped, Event, ReceiptKey, VisitRecorded
from loyalty_core.journal import first_hash, next_hash
from loyalty_core.key_statements import Kind
from loyalty_core.messages import Ask, Reply
from loyalty_core.stick import open_file, parse_file
from loyalty_core.units import EpochMs
from loyalty_core.wire import unpack
from loyalty_shell.stick import StickError
from tests.edge import made
from tests.simulation.held import HeldThen
from tests.simulation.road import Line
from tests.simulation.virtual import BATCH_RECORDS

T = TypeVar("T")
HOUR_MS: Final = 3_600_000
SYNC: Final = Sync(
    interval_ms=24 * HOUR_MS,
    after_sale_ms=500,
    retry_first_ms=1_000,
    retry_max_ms=12 * HOUR_MS,
    batch_records=BATCH_RECORDS,
    batches=3,
)
"""Rare talks, for many days pass."""
BOOT_MS: Final = 30_000


class CutOff(Exception):
    """The power went: what was being written is undone, and nobody was answered."""


@contextmanager
def cut_off(connection: Connection | TillConnection, power: int | None) -> Iterator[None]:
    """End what is being done inside a transaction after so much work, as if the power went.

    Raises:
        CutOff: it went.
    """
    if power is None:
        yield
        return
    steps = count()
    connection.set_progress_handler(lambda: int(next(steps) == power), 10)
    try:
        yield
    except (sqlite3.OperationalError, StoreError) as error:
        if "interrupt" not in f"{error} {error.__cause__}":
            raise
        raise CutOff from None
    finally:
        connection.set_progress_handler(None, 0)


class MachineClocks:
    """What a machine believes: the time of the world, set off by what somebody did to it, and its uptime."""

    def __init__(self, name: str, now_ms: Callable[[], int]) -> None:
        self._name, self._now_ms = name, now_ms
        self.off_ms = 0
        self._boots, self._booted_ms = 1, now_ms() - BOOT_MS

    def wall_ms(self) -> EpochMs:
        return EpochMs(self._now_ms() + self.off_ms)

    def monotonic_ms(self) -> int:
        return self._now_ms() - self._booted_ms

    def boot_id(self) -> str:
        return f"{self._name}-{self._boots}"

    def boot(self) -> None:
        """Begin to count anew."""
        self._boots += 1
        self._booted_ms = self._now_ms() - BOOT_MS


class SimTill:
    """One machine of a chain. Whatever is done to it, its disk stays; `up` is whether the agent runs."""

    def __init__(
        self,
        folder: Path,
        store_id: str,
        code: str,
        *,
        now_ms: Callable[[], int],
        line: Line,
        luck: Random,
        seen: Counter[str],
        journaled: dict[bytes, bytes],
        held_then: Callable[[bytes], HeldThen],
    ) -> None:
        self.folder, self.store_id, self.code, self.line = folder, store_id, code, line
        self.config = settings(folder)
        self.clock = MachineClocks(folder.name, now_ms)
        self.broken: list[BaseException] = []
        self.up = False
        self._luck, self._seen = luck, seen
        self._noted: tuple[int, int, bytes] = (0, 0, b"")
        self.journaled, self._held_then = journaled, held_then
        self.told: dict[str, dict[int, int]] = {}
        self._imaged: dict[Path, dict[str, dict[int, int]]] = {}
        self.backups_before: set[Path] = set()
        self.believes: dict[Kind, bytes] = {}
        self.believed: dict[Path, dict[Kind, bytes]] = {}
        self.terminal_id = ""
        self.conn: TillConnection
        self.start()
        self.terminal_id = terminal.read(self.conn).terminal_id
        self.note()

    def start(self) -> None:
        """Let the agent run on what the disk holds. It need not run within a loop."""
        if self.up:
            return
        self.up = True
        self.conn = open_database(self.config.database)
        self.conn.execute("PRAGMA synchronous = OFF")
        self.recorder = Recorder(self.config, self.clock)
        self.redeeming = Redeeming(self.config, self.clock, self.recorder)
        self._watch = StepWatch(self.clock, self.config.clock_step_ms)
        store = _Store(self)
        self.sync = SyncLoop(self.config, self.clock, store, store, self.line)  # type: ignore[arg-type]
        self.own_event(lambda at, day: Booted(None, at, day, self.clock.boot_id(), "test"))
        self._task = asyncio.get_running_loop().create_task(self._talk())

    def stop(self, *, power: bool) -> None:
        """End the agent anywhere, or the machine with it: what it had in memory is gone."""
        if not self.up:
            return
        self.note()
        self.up = False
        self._task.cancel()
        self.conn.close()
        if power:
            self.clock.boot()

    def close(self) -> None:
        """Let go of the disk."""
        self.stop(power=False)

    async def _talk(self) -> None:
        try:
            await self.sync.run()
        except CutOff:
            self._seen["power cut at a till that talks"] += 1
            self.stop(power=True)
            asyncio.get_running_loop().call_later(self._luck.choice((30.0, 4_000.0)), self.start)
        except Exception as error:  # noqa: BLE001 - it ends the simulation
            self.broken.append(error)

    def do(self, job: Callable[[TillConnection], T], power: int | None = None) -> T:
        """Do a job as the writer does; the machine is down where its power went."""
        try:
            with transaction(self.conn), cut_off(self.conn, power):
                return job(self.conn)
        except CutOff:
            self.stop(power=True)
            raise

    def own_event(self, make: Callable[[EpochMs, Any], Event]) -> None:
        """Journal what happened to the machine."""
        at_ms = EpochMs(min(max(self.clock.wall_ms(), AT_MIN), AT_MAX))

        def job(conn: TillConnection) -> None:
            books = self.recorder.books(conn)
            self.recorder.append(conn, books, make(at_ms, business_day(at_ms, books.terminal.place)))

        self.do(job)

    def chores(self) -> None:
        """Do what the agent does every few seconds beside its talks."""
        if step_ms := self._watch.step_ms():
            self._seen["clock stepped"] += 1
            self.own_event(lambda at, day: ClockStepped(None, at, day, step_ms))
        self.do(lambda conn: self.redeeming.lapse(conn, self.books()))
        while self.do(lambda conn: close_some(conn, self.recorder)).more:
            pass
        self.sync.nudge()

    async def rotate(self) -> None:
        """Change the till's key as its technician does; it may be cut off, and the agent goes on."""
        try:
            identity, session = terminal.read(self.conn), cast("ClientSession", self.line)
            await rotate.rotate(identity, session, self.config.data_dir)
            self._seen["key changed"] += 1
        except LinkError:
            self._seen["change of key cut off"] += 1

    def books(self) -> Books:
        return self.recorder.books(self.conn)

    def record(self, said: dict[str, Any], power: int | None) -> Outcome:
        """Record a receipt."""
        return self.do(lambda conn: made.recorded(self.recorder, conn, said), power)

    def claim(self, member: str, receipt: dict[str, Any], when: str, key: str, power: int | None) -> Outcome:
        """Claim an anonymous purchase."""
        return self.do(lambda conn: made.claimed(self.recorder, conn, member, receipt, when, key), power)

    def visit(self, member: str, when: str, key: str, power: int | None) -> Outcome:
        """Record a visit that has no receipt."""
        at_ms = made.at(when)

        def job(conn: TillConnection) -> Outcome:
            event = VisitRecorded(None, at_ms, business_day(at_ms, self.books().terminal.place), "till", None)
            return made.keyed(self.recorder, conn, event, member, key, when)

        return self.do(job, power)

    def wanted(self, key: str, **what: Any) -> Wanted:
        """Return what is asked for under an Idempotency-Key."""
        return Wanted(
            redemption_id=redemption_id_of(self.terminal_id, key),
            natural_key=f"key/{key}",
            content=hashlib.sha256(repr(what).encode()).digest()[:16],
            **what,
        )

    async def authorise(self, wanted: Wanted, power: int | None) -> Redeemed:
        """Ask headquarters for points, and set them aside by its word or without it."""
        told = None
        if self.redeeming.find(self.conn, self.books(), wanted) is None:
            terms = self.redeeming.spendable.terms(self.conn, self.books(), wanted)
            if terms.points:
                told = await self.sync.ask(Ask(wanted.redemption_id, terms.member, terms.points))
                self._seen["asked: " + ("unanswered" if told is None else told.code or "held")] += 1
                self.start()
        return self.do(lambda conn: self.redeeming.authorise(conn, self.books(), wanted, told), power)

    def commit(self, redemption_id: str, paid: ReceiptKey | None, power: int | None) -> None:
        """Spend what was set aside."""
        self.do(lambda conn: self.redeeming.commit(conn, self.books(), redemption_id, paid), power)

    def cancel(self, redemption_id: str, power: int | None) -> None:
        """Let go of what was set aside."""
        self.do(lambda conn: self.redeeming.cancel(conn, self.books(), redemption_id), power)

    def image(self, file: Path) -> None:
        """Copy the database to a file, as it is now."""
        self.conn.execute("VACUUM INTO ?", (str(file),))
        self._imaged[file] = dict(self.told)
        self.believed[file] = self.believes

    def set_back(self, image: Path) -> None:
        """Put an older copy in the place of the database: what was recorded since is not on this disk."""
        self.stop(power=True)
        for part in ("", "-wal", "-shm"):
            self.config.database.with_name(self.config.database.name + part).unlink(missing_ok=True)
        shutil.copy(image, self.config.database)
        self._noted, self.told = (0, 0, b""), dict(self._imaged[image])
        self.believes = self.believed[image]
        self.start()

    def note(self) -> None:
        """Remember what was journaled, whatever becomes of the disk: each record follows from the last."""
        if not self.up:
            return
        rows = self.conn.execute(
            "SELECT epoch, seq, record, hash FROM journal WHERE (epoch, seq) > (?, ?) ORDER BY epoch, seq",
            self._noted[:2],
        ).fetchall()
        epoch, last, before = self._noted
        for of, seq, record, digest in rows:
            if of != epoch:
                epoch, last, before = of, 0, first_hash(self.terminal_id, of)
            assert (seq, digest) == (last + 1, next_hash(before, record)), f"{self.code} breaks at {of}.{seq}"
            self.journaled[digest] = record
            last, before = seq, digest
        self._noted = (epoch, last, before)
        identity = terminal.read(self.conn)
        self.believes = {"server": identity.hq_public_key, "programme": identity.programme_public_key}

    def export(self, stick: Path, files_max: int) -> None:
        """Write what waits to a stick, as long as that is there."""
        for _ in islice(export(self.config, self.clock, stick, dry_run=False), files_max):
            self._seen["stick: file of a till"] += 1

    def read_stick(self, stick: Path) -> None:
        """Take in what headquarters has written to a stick."""
        stood = members.cursors(self.conn)
        with suppress(StickError):
            for one in import_replies(self.config, stick, dry_run=False):
                self._seen[f"stick at a till: {one.code or one.became}"] += 1
                if one.members:
                    file = parse_file((stick / one.file).read_bytes())
                    key = terminal.read(self.conn).store_key
                    reply = unpack(peek(open_file(file, key), "dangol/reply/1")[1], Reply)
                    self.note_told(reply, stood)
                stood = members.cursors(self.conn)
        self.sync.nudge()

    def note_told(self, reply: Reply, stood: Mapping[int, int]) -> None:
        """Remember how much of this journal was held when a reply told of members, where it was taken over.

        `stood` is up to where each bucket was known before.
        """
        stands = members.cursors(self.conn)
        told = [
            row
            for page in reply.pages
            if stood.get(page.bucket, 0) < page.to_cursor <= stands.get(page.bucket, 0)
            for row in page.rows
        ]
        if not told:
            return
        then, held = self._held_then(reply.nonce), dict[int, int]()
        for epoch, seq, digest in self.hashes():
            if then.has(digest):
                held[epoch] = seq
        self.told |= {row.member_id: held for row in told}
        self.check_shown()

    def check_shown(self) -> None:
        """Hold what is shown of members to what was told of them, and to what came since."""
        for member, held in self.told.items():
            row = members.read(self.conn, member)
            if row is None:
                continue
            account, stamp = f"id:{member}", row.stamp or members.NEVER
            shown = sum(one.redeemable for one in entries.above(self.conn, account, stamp))
            moved = self.conn.execute(
                "SELECT epoch, seq, redeemable FROM entry WHERE account = ?", (account,)
            ).fetchall()
            since = sum(points for epoch, seq, points in moved if seq > held.get(epoch, 0))
            assert shown == since, f"{self.code} shows {shown} of {member} beside what was told, not {since}"

    def hashes(self) -> list[tuple[int, int, bytes]]:
        """Return epoch, seq and hash of all that is journaled."""
        return self.conn.execute("SELECT epoch, seq, hash FROM journal ORDER BY epoch, seq").fetchall()

    def heads(self) -> dict[int, tuple[int, bytes]]:
        """Return the last seq and hash of each epoch."""
        identity = terminal.read(self.conn)
        heads = {epoch: journal.head(self.conn, identity, epoch) for epoch, _ in journal.epochs(self.conn)}
        return {epoch: (int(head.seq), head.hash) for epoch, head in heads.items()}

    def fate(self) -> int | None:
        """Return after how much work the power goes while a reply is installed, None where it stays."""
        return None if self.line.calm or self._luck.random() > 0.05 else self._luck.randrange(200)


class _Store:
    """The writer, and the reader, as the loop of a till sees them."""

    def __init__(self, till: SimTill) -> None:
        self._till, self._conn = till, till.conn

    async def do(self, job: Callable[[TillConnection], T], *, urgent: bool | None = None) -> T:
        await asyncio.sleep(0)
        assert self._conn is self._till.conn
        if urgent is None:
            self._conn.execute("BEGIN")
            try:
                return job(self._conn)
            finally:
                self._conn.execute("ROLLBACK")
        with transaction(self._conn), cut_off(self._conn, self._till.fate()):
            stood = members.cursors(self._conn)
            done = job(self._conn)
        if isinstance(done, Installed):
            self._till.note_told(self._till.sync._reply, stood)
        return done


async def join(folder: Path, line: Line, code: str) -> None:
    """Let a new machine join with an invite code.

    Raises:
        LinkError: headquarters does not answer, or refuses.
    """
    config = settings(folder)
    config.data_dir.mkdir(parents=True, exist_ok=True)
    conn = open_database(config.database)
    try:
        await enrol(conn, cast("ClientSession", line), config.data_dir, "https://hq.example", code)
    finally:
        conn.close()


def settings(folder: Path) -> EdgeConfig:
    """Return a machine's settings."""
    plain = made.config_of(folder)
    return msgspec.structs.replace(plain, sync=SYNC, redemptions=Redemptions(ask_ms=2_000))
