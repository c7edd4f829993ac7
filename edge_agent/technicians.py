"""Who may log in at this till without a network: a pass that HQ signed, and the PIN that goes with it.

The PIN is tried away from the event loop, one at a time. A try is counted, durably, before it is made, and
forgotten when it was right: nothing that ends this process gives another one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import msgspec

from edge_agent import acting
from edge_agent.acting import NOBODY, Actor
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.counter_pin import pin_of, verifier
from edge_agent.pass_time import is_due, note, pass_time
from edge_agent.recorder import Recorder
from edge_agent.store import technicians, terminal, wrong_pins
from edge_agent.store.database import Connection
from edge_agent.store.writer import Reader, Writer
from loyalty_core.envelope import key_id
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.passes import Pass, bytes_of_digits, check_pass, open_pass
from loyalty_core.units import EpochMs

log = logging.getLogger(__name__)

WAITING_MAX: Final = 4
"""How many PINs wait for their turn: each takes a tenth of a second, more would only be guesses."""
REFUSED_NOTED_EVERY_MS: Final = 60_000


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """How many technicians may log in here, by which version of HQ's list, and when HQ last confirmed it."""

    technicians: int
    version: int
    as_of_ms: int | None


def technicians_known(conn: Connection) -> Known:
    """Return how this till stands with its technicians; revocations are as old as `as_of_ms`."""
    said = technicians.read(conn)
    return Known(technicians=len(said.people), version=said.version, as_of_ms=technicians.as_of_ms(conn))


def still_good(conn: Connection, actor: Actor, clock: Clock) -> BadInput | None:
    """Return why who has logged in may not stay, None where they may."""
    if pass_time(conn, clock) >= actor.until_ms:
        return BadInput("this pass has ended: log in with a new one from HQ", code="pass_expired")
    said = technicians.read(conn)
    if actor.pass_id in said.revoked:
        return _revoked()
    return None if actor.person in {one.person for one in said.people} else _unknown()


class LogIn:
    """Lets technicians in, and cashiers where the counter has a PIN."""

    def __init__(
        self, config: EdgeConfig, clock: Clock, reader: Reader, writer: Writer, recorder: Recorder
    ) -> None:
        self._config, self._clock = config, clock
        self._reader, self._writer, self._recorder = reader, writer, recorder
        self._judge = ThreadPoolExecutor(1, thread_name_prefix="pins")
        self._waiting = 0
        self._noted_ms: int | None = None

    def close(self) -> None:
        """Finish the try that is under way."""
        self._judge.shutdown()

    async def begin(self) -> None:
        """Go on by this boot's clock: what time it is at least, and how long who was wrong has to wait."""

        def began(conn: Connection) -> None:
            wrong_pins.booted(conn, self._clock)
            note(conn, self._recorder.books(conn), self._clock)

        await self._writer.do(began, urgent=False)

    async def look(self) -> None:
        """Note the time, where it has moved."""
        if await self._reader.do(lambda conn: is_due(conn, self._recorder.books(conn), self._clock)):
            await self._writer.do(self._note_time, urgent=False)

    async def technician(self, pass_text: str, pin: str) -> Actor:
        """Return who shows this pass and knows its PIN; the journal has them, and a refusal once a minute.

        Raises:
            BadInput: `pass_malformed`, `pass_wrong_key`, `pass_for_another_till`, `pass_expired`,
                `pass_not_yet`, `pass_revoked`, `pin_wrong`, `pin_unknown`, `log_in_later`.
            StoreError: the disk refuses.
        """
        actor = NOBODY
        try:
            shown = await self._reader.do(lambda conn: _proven(conn, pass_text))
            actor = _actor(shown)
            who = (wrong_pins.person(shown.person), wrong_pins.ALL)
            known_by = await self._reader.do(lambda conn: self._admitted(conn, shown))
            await self._try(pin, known_by, who)
            return await self._writer.do(lambda conn: self._let_in(conn, shown, who), urgent=False)
        except BadInput as error:
            await self._note_refused(actor, error.code)
            raise

    async def cashier(self, pin: str) -> str:
        """Return by what the counter's PIN is known, where this is it.

        Raises:
            BadInput: `pin_wrong`, `pin_unknown` where none is set, `log_in_later`.
            StoreError: the disk refuses.
        """
        known_by = await asyncio.to_thread(verifier, self._config.data_dir)
        who = (wrong_pins.COUNTER,)
        await self._try(pin, known_by, who)
        await self._writer.do(lambda conn: wrong_pins.forget(conn, who), urgent=False)
        return known_by

    def _admitted(self, conn: Connection, shown: Pass) -> str:
        """Return by what the PIN of somebody whose pass is good here is known."""
        identity, said = terminal.read(conn), technicians.read(conn)
        check_pass(shown, identity.terminal_id, identity.store_id, pass_time(conn, self._clock))
        if shown.pass_id in said.revoked:
            raise _revoked()
        for one in said.people:
            if one.person == shown.person:
                return one.pin_verifier
        raise _unknown()

    def _let_in(self, conn: Connection, shown: Pass, who: Sequence[str]) -> Actor:
        """Let somebody in whose PIN was right, unless HQ has revoked the pass meanwhile."""
        self._admitted(conn, shown)
        wrong_pins.forget(conn, who)
        self._note_time(conn)
        actor, recorder = _actor(shown), self._recorder
        acting.note(conn, recorder, recorder.books(conn), actor, "log_in", actor.role, "ok")
        return actor

    async def _try(self, pin: str, known_by: str, who: Sequence[str]) -> None:
        """Return where the PIN is right. A wrong one makes the next try of these wait.

        Raises:
            BadInput: `pin_wrong`, `log_in_later`.
        """
        if self._waiting >= WAITING_MAX:
            raise _later(1)
        self._waiting += 1
        try:
            await self._reader.do(lambda conn: self._refuse_early(conn, who))
            if (typed := pin_of(pin)) is None:
                raise _wrong()
            await self._writer.do(lambda conn: self._count(conn, who), urgent=False)
            loop = asyncio.get_running_loop()
            if not await loop.run_in_executor(self._judge, _is_pin, typed, known_by):
                raise _wrong()
        finally:
            self._waiting -= 1

    def _refuse_early(self, conn: Connection, who: Sequence[str]) -> None:
        wait_ms = wrong_pins.wait_ms(conn, self._clock, who)
        if wait_ms:
            raise _later(-(-wait_ms // 1000))

    def _count(self, conn: Connection, who: Sequence[str]) -> None:
        """Count a try; of many at once the first alone is made."""
        self._refuse_early(conn, who)
        wrong_pins.add(conn, self._clock, who)

    def _note_time(self, conn: Connection) -> None:
        note(conn, self._recorder.books(conn), self._clock)

    async def _note_refused(self, actor: Actor, code: str) -> None:
        """Have the journal tell of a refusal, at most once a minute: nobody fills it from the log-in page."""
        now_ms = self._clock.monotonic_ms()
        if self._noted_ms is not None and now_ms - self._noted_ms < REFUSED_NOTED_EVERY_MS:
            return
        self._noted_ms = now_ms

        def refused(conn: Connection) -> None:
            self._note_time(conn)
            recorder = self._recorder
            acting.note(conn, recorder, recorder.books(conn), actor, "log_in_refused", "", code)

        try:
            await self._writer.do(refused, urgent=False)
        except LoyaltyError as error:  # what the person is told is why the log-in was refused
            log.warning("refusal_not_noted", extra={"code": error.code})


def _proven(conn: Connection, pass_text: str) -> Pass:
    public_key = terminal.read(conn).hq_public_key
    return open_pass(bytes_of_digits(pass_text), {key_id(public_key): public_key})


def _actor(shown: Pass) -> Actor:
    return Actor(
        person=shown.person, pass_id=shown.pass_id, role=shown.role, until_ms=EpochMs(shown.until_ms)
    )


def _is_pin(typed: str, known_by: str) -> bool:
    from loyalty_shell.passwords import is_password

    return is_password(typed, known_by)


def _wrong() -> BadInput:
    return BadInput("the PIN is wrong: try again", code="pin_wrong")


def _unknown() -> BadInput:
    return BadInput(
        "no PIN of this person is known here: HQ must let them work at this store, and this till hear of it",
        code="pin_unknown",
    )


def _revoked() -> BadInput:
    return BadInput("HQ has revoked this pass: ask HQ for a new one", code="pass_revoked")


def _later(seconds: int) -> BadInput:
    return BadInput(f"too many wrong PINs: try again in {seconds} s", code="log_in_later")
