"""Headquarters as a process: it answers tills in steps, between which other requests, or its end, may fall.

What it has acknowledged is remembered here, and looked for again whenever it comes back.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Final, TypeVar

from edge_agent.sync.exchange import PATH_ENROL, PATH_EXCHANGE, PATH_ROTATE
from hq_server import backups, enrol, exchange, rotate
from hq_server.config import Limits
from hq_server.quotas import Quotas, TooMuch
from hq_server.store.connection import Transaction, reading, writing
from hq_server.store.sqlite.connection import Connection, connect
from hq_server.usb import Stick
from hq_server.usb_requests import Part, Took
from hq_server.web_errors import problem
from loyalty_core.envelope import peek
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import Acknowledgement, Reply
from loyalty_core.wire import MESSAGE_BYTES_MAX, unpack
from loyalty_shell.stick import StickError
from tests.hq.conftest import Hq
from tests.simulation.held import Held, HeldThen
from tests.simulation.road import Answered, Unreachable
from tests.simulation.till import CutOff, cut_off

T = TypeVar("T")
NEXT_MS: Final = 86_400_000
"""How soon tills are to come again: rarely, for many days pass."""
ROWS_MAX: Final = 20
LIMITS: Final = Limits(terminal_requests_a_minute=20)
"""Few enough that a till which brings a queue meets them."""
OVERLAP_HOURS: Final = 24
DOWN_S: Final = (1.0, 20.0, 600.0, 90_000.0)


class Gone(BaseException):
    """The process of headquarters has ended: nothing that it was doing goes on."""


class Server:
    """Serves until its power is cut, and again after a while. `calm` ends all faults."""

    def __init__(self, hq: Hq, luck: Random, seen: Counter[str]) -> None:
        self.hq, self.calm = hq, True
        self.broken: list[BaseException] = []
        self.acknowledged: dict[tuple[str, int, int], tuple[int, bytes]] = {}
        self.told: dict[bytes, HeldThen] = {}
        self.wrote: Callable[[], None] = lambda: None
        """Called after everything that was written."""
        self._held = Held()
        self._luck, self._seen = luck, seen
        self._life, self._up = 0, True
        self._open()

    async def serve(self, path: str, body: bytes) -> Answered:
        """Answer a till as `till_api` does.

        Raises:
            Unreachable: it is down, or goes down meanwhile.
        """
        assert len(body) <= MESSAGE_BYTES_MAX
        if not self._up:
            raise Unreachable
        try:
            work = {PATH_EXCHANGE: self._exchange, PATH_ROTATE: self._rotate, PATH_ENROL: self._enrol}[path]
            reply = await work(body)
        except Gone:
            raise Unreachable from None
        except LoyaltyError as error:
            self._seen[f"refused: {error.code}"] += 1
            said = problem(error.code, str(error), error.retry_after_s if isinstance(error, TooMuch) else 0)
            assert isinstance(said.body, bytes)
            return Answered(said.status, said.headers, said.body)
        except Exception as error:  # noqa: BLE001 - it ends the simulation
            self.broken.append(error)
            raise Unreachable from None
        assert len(reply) <= MESSAGE_BYTES_MAX
        return Answered(200, {}, reply)

    async def _exchange(self, body: bytes) -> bytes:
        answering, now_ms = self._answering(), self.hq.clock()
        with self._quotas.visit(asyncio.get_running_loop().time()) as visit:
            steps = _Steps(self)
            reply, _ = await exchange.exchange(steps, answering, body, now_ms, visit)  # type: ignore[arg-type]
        self._remember(reply)
        return reply

    async def _enrol(self, body: bytes) -> bytes:
        asked, steps, now_ms = enrol.open_enrol(body), _Steps(self), self.hq.clock()
        terminal = await steps.write(lambda tx: enrol.apply(tx, asked, now_ms))
        return await steps.read(lambda tx: enrol.answer(tx, asked, terminal, self.hq.keyring.signing(tx)))

    async def _rotate(self, body: bytes) -> bytes:
        steps, now_ms = _Steps(self), self.hq.clock()
        asked = await steps.read(lambda tx: rotate.open_rotate(tx, body))
        rotated = await steps.write(
            lambda tx: rotate.apply(tx, asked, overlap_hours=OVERLAP_HOURS, now_ms=now_ms)
        )
        return await steps.read(lambda tx: rotate.answer(rotated, self.hq.keyring.signing(tx)))

    async def read_stick(self, stick: Path) -> None:
        """Take what tills wrote to a stick, and write the replies beside it; it may be cut off anywhere."""
        steps, now_ms = _OfStick(self), self.hq.clock
        road = Stick(steps, self._answering(), stick, now_ms)  # type: ignore[arg-type]

        def tell(one: Took) -> None:
            self._seen[f"stick at headquarters: {one.code or one.became}"] += 1

        if self._up:
            with suppress(StickError, Gone):
                await road.run(tell, dry_run=False, pause_s=0)

    def _answering(self) -> exchange.Answering:
        return exchange.Answering(keys=self.hq.keyring, snapshot_rows_max=ROWS_MAX, next_in_ms=NEXT_MS)

    def write(self, work: Callable[[Transaction], T], power: int | None = None) -> T:
        """Do something at headquarters in one transaction."""
        with writing(self.line) as tx, cut_off(self.line, power):
            done = work(tx)
        self.wrote()
        return done

    def stop(self, why: str) -> None:
        """End the process: what it was doing is undone, and what it had in memory is gone."""
        self._seen[why] += 1
        self._life += 1
        self._up = False
        self.line.close()
        self._open()
        self.check()
        asyncio.get_running_loop().call_later(self._luck.choice(DOWN_S), self.start)

    def _open(self) -> None:
        """Open the database, without waiting for a real disk: here power is cut by undoing what was begun."""
        self.line: Connection = connect(self.hq.config.database_path)
        self.line.execute("PRAGMA synchronous = OFF")
        self._quotas = Quotas(LIMITS)

    def start(self) -> None:
        """Begin to serve again."""
        self._up = True

    def back_up(self, name: str) -> Path:
        """Write a backup."""
        file = self.hq.config_path.parent / name
        backups.back_up(self.hq.config, file, self.hq.clock())
        return file

    def restore(self, backup: Path) -> None:
        """Put a backup in the place of the database: what was acknowledged since is not held any more."""
        self.line.close()
        self._life += 1
        backups.restore(
            self.hq.config, backup, replace=True, random=self._luck.randbytes(8), now_ms=self.hq.clock()
        )
        self._open()
        self._held = Held()
        self.acknowledged.clear()

    def copy(self, name: str) -> Path:
        """Copy the database to a file, as it is now."""
        file = self.hq.config_path.parent / name
        self.line.execute("VACUUM INTO ?", (str(file),))
        return file

    def set_back(self, copy: Path) -> None:
        """Put an older copy in the place of the database, as the same life of it."""
        self.line.close()
        self._life += 1
        database = self.hq.config.database_path
        for part in ("-wal", "-shm"):
            database.with_name(database.name + part).unlink(missing_ok=True)
        shutil.copyfile(copy, database)
        self._open()
        self._held = Held()
        self.acknowledged.clear()

    def check(self) -> None:
        """Hold headquarters to what it has acknowledged: it is durable."""
        heads = self.heads()
        for journal, (seq, _) in self.acknowledged.items():
            assert heads.get(journal, 0) >= seq, f"acknowledged and not held: {journal} {seq}"

    def heads(self, terminal_id: str = "%") -> dict[tuple[str, int, int], int]:
        """Return the last record that is held of each journal: by terminal, epoch and branch."""
        rows = self.line.execute(
            "SELECT terminal_id, epoch, branch, seq FROM heads WHERE terminal_id LIKE ?", (terminal_id,)
        )
        return {(of, epoch, branch): seq for of, epoch, branch, seq in rows}

    def _remember(self, reply: bytes) -> None:
        said = unpack(peek(reply, "dangol/reply/1")[1], Reply)
        if said.pages:
            self.note_told(said.nonce)
        for one in said.refusals:
            self._seen[f"refused: {one.code}"] += 1
        for told in said.directives:
            self._seen[f"directive: {told.code}"] += 1
        for envelope in said.receipts:
            held = unpack(peek(envelope, "dangol/receipt/1")[1], Acknowledgement)
            journal = (held.terminal_id, held.epoch, held.branch)
            before = self.acknowledged.get(journal, (0, b""))
            self.acknowledged[journal] = max(before, (int(held.seq), held.hash))
        self.check()

    def note_told(self, nonce: bytes) -> None:
        """Remember what is held at the moment at which a request is answered."""
        self.told[nonce] = self._held.now(self.line)

    def fate(self, often: float = 0.08, most: int = 800) -> int | None:
        """Return after how much work the power goes, None where it stays."""
        return None if self.calm or self._luck.random() > often else self._luck.randrange(most)


class _Steps:
    """The database as an exchange sees it: one step after the other, each of its own moment."""

    def __init__(self, server: Server) -> None:
        self._server, self._life = server, server._life

    async def read(self, work: Callable[[Transaction], T]) -> T:
        await self._moment()
        with reading(self._server.line) as tx:
            return work(tx)

    async def write(
        self,
        work: Callable[[Transaction], T],
        spent: Callable[[float], None] = lambda _: None,
        *,
        beside: bool = False,
    ) -> T:
        """What is spent is nobody's: the time of this machine's processor says nothing of the chain's."""
        await self._moment()
        try:
            return self._server.write(work, self._server.fate())
        except CutOff:
            self._server.stop("power cut at headquarters")
            raise Gone from None

    async def _moment(self) -> None:
        server = self._server
        if not server.calm:
            await asyncio.sleep(server._luck.choice((0.0, 0.001, 0.01, 0.5)))
            if server._life == self._life and server._luck.random() < 0.01:
                server.stop("headquarters killed between two steps")
        if server._life != self._life:
            raise Gone


class _OfStick(_Steps):
    """The database as the reader of a stick sees it, whose replies tell of members, too."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        found = await super().read(work)
        if isinstance(found, Part):
            self._server.note_told(found.rest.exchange.nonce)
        return found

    async def write(
        self,
        work: Callable[[Transaction], T],
        spent: Callable[[float], None] = lambda _: None,
        *,
        beside: bool = False,
    ) -> T:
        server = self._server
        await self._moment()
        try:
            return server.write(work, server.fate(0.4, 300))
        except CutOff:
            self._server.stop("power cut at headquarters that reads a stick")
            raise Gone from None
