"""A till at which technicians log in, on a clock and in boots that the test holds."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any, Final

import pytest
from msgspec.structs import replace

from edge_agent.acting import Actor
from edge_agent.recorder import Recorder
from edge_agent.store import exported, outbox, terminal
from edge_agent.store.database import transaction
from edge_agent.store.migrations import open_database
from edge_agent.store.writer import Reader, Writer
from edge_agent.sync.install import install
from edge_agent.technicians import LogIn, still_good
from loyalty_core.errors import BadInput
from loyalty_core.events import TechnicianAction
from loyalty_core.journal import unpack_record
from loyalty_core.messages import Clock, Incarnation, Reply, Technician, Technicians
from loyalty_core.passes import Pass, pass_digits, seal_pass
from loyalty_shell.passwords import hashed_password
from tests.edge.fake_hq import FakeHq
from tests.edge.made import HQ_KEY, LIFE, TERMINAL, HeldClock, at, config_of, enrol_till

PIN: Final = "246810"
WRONG: Final = "135791"
HOUR_MS: Final = 3_600_000
GIVEN: Final = Pass(
    pass_id="P1",
    programme_id="moonlight",
    person="Han",
    stores=(),
    terminals=(TERMINAL,),
    role="technician",
    from_ms=at("2026-12-05 11:00"),
    until_ms=at("2026-12-05 19:00"),
)


def listed(version: int = 1, *revoked: str, people: tuple[str, ...] = ("Han", "Seo")) -> Technicians:
    """Return HQ's list."""
    kept = hashed_password(PIN, bytes(16))
    return Technicians(version, tuple([Technician(one, kept) for one in people]), revoked)


def shown(key: bytes = HQ_KEY, **changed: Any) -> str:
    """Return the digits of a pass of Han's, which HQ signed for eight hours."""
    return pass_digits(seal_pass(replace(GIVEN, **changed), key))


class Gate:
    """A till with its log-in; `restart` begins the agent anew."""

    def __init__(self, folder: Path, hq: FakeHq | None = None, **config: object) -> None:
        self.config = config_of(folder, **config)
        enrol_till(self.config) if hq is None else hq.enrol(self.config)
        self.clock = HeldClock()
        self.conn = open_database(self.config.database)

    async def start(self) -> None:
        self.reader, self.writer = Reader(self.config.database), Writer(self.config.database)
        self.recorder = Recorder(self.config, self.clock)
        self.log_in = LogIn(self.config, self.clock, self.reader, self.writer, self.recorder)
        await self.log_in.begin()

    def stop(self) -> None:
        self.log_in.close()
        self.reader.close()
        self.writer.close()

    async def restart(self) -> None:
        self.stop()
        await self.start()

    def boot(self, later_ms: int) -> None:
        """Let the machine be booted, that much later by its wall clock."""
        self.clock.boot += "'"
        self.clock.wall += later_ms
        self.clock.monotonic = 5_000

    def waits(self, ms: int) -> None:
        """Let time pass on the machine's clock alone, so that a pass stays good."""
        self.clock.monotonic += ms
        self.hears()

    def asked(self) -> bytes:
        """Write a request on a stick; return its nonce."""
        nonce = secrets.token_bytes(16)
        with transaction(self.conn):
            exported.put(self.conn, nonce, self.clock.wall_ms())
        return nonce

    def hears(
        self,
        said: Technicians | None = None,
        at_ms: int | None = None,
        nonce: bytes | None = None,
        life: Incarnation = LIFE,
        *,
        latest: bool = True,
    ) -> None:
        """Let HQ's word come: by line, or by stick where it answers a request that went out on one."""
        reply = Reply(
            nonce=nonce or bytes(16),
            incarnation=life,
            hq_time_ms=self.clock.wall_ms() if at_ms is None else at_ms,
            receipts=(),
            refusals=(),
            pages=(),
            programmes=(),
            answers=(),
            directives=(),
            next_in_ms=1000,
            technicians=said,
        )
        if nonce is None:
            with transaction(self.conn):
                outbox.set_link(self.conn, outbox.Link(hq_time_ms=reply.hq_time_ms))
        now = Clock(self.clock.wall_ms(), self.clock.monotonic_ms(), self.clock.boot_id())
        with transaction(self.conn):
            install(
                self.conn,
                reply,
                latest=latest,
                carried=nonce is not None,
                clock=None if nonce else now,
            )

    async def let_in(self, digits: str | None = None, pin: str = PIN) -> Actor:
        return await self.log_in.technician(shown() if digits is None else digits, pin)

    async def refusal(self, digits: str | None = None, pin: str = PIN) -> str:
        """Return the code with which a log-in is refused."""
        with pytest.raises(BadInput) as refused:
            await self.let_in(digits, pin)
        return refused.value.code

    def ended(self, actor: Actor) -> str | None:
        """Return the code by which a log-in has ended, None while it is good."""
        said = still_good(self.conn, actor, self.clock)
        return None if said is None else said.code

    def actions(self) -> list[tuple[str, str, str]]:
        """Return who did what with which outcome, by the journal."""
        epoch = terminal.read(self.conn).epoch
        found = self.conn.execute("SELECT record FROM journal WHERE epoch = ? ORDER BY seq", (epoch,))
        events = [unpack_record(record).event for (record,) in found]
        return [(one.person, one.action, one.outcome) for one in events if isinstance(one, TechnicianAction)]

    def goes_on(self, ms: int) -> None:
        self.clock.go_on(ms)
