"""How a till joins from its own page: the steps of `edge-agent enrol`, tried one at a time and not too often.

What is known of wrong codes lies in the database, so that no restart forgets it. Whoever else lets this till
join meanwhile, as `edge-agent enrol` does, is noticed.
"""

from __future__ import annotations

import asyncio
from contextlib import closing, suppress
from typing import Final

from edge_agent import acting
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.recorder import Recorder
from edge_agent.store import journal, terminal, wrong_pins
from edge_agent.store.database import AnyError, Connection, StoreError, transaction
from edge_agent.store.migrations import open_database, open_to_read
from edge_agent.sync import keys
from edge_agent.sync.enrol import enrol
from edge_agent.sync.exchange import LinkError, check_url, open_session
from loyalty_core.errors import BadInput
from loyalty_core.invite import read_code

PATH: Final = "/join"
LOOK_SECONDS: Final = 1.0
JOIN: Final = "join"
"""What the journal says of it: the first event of this till."""
WHO: Final = ("join",)
UNREACHED: Final = frozenset({"hq_unreachable", "hq_name_unknown", "hq_certificate"})
"""Nobody has looked at the code: who mends a cable or an address is not made to wait."""


def has_to_join(config: EdgeConfig, clock: Clock) -> bool:
    """Tell whether this till has not joined; makes the database where there is none.

    Raises:
        StoreError: the disk refuses; `not_enrolled` where there is a journal, whose identity was lost.
    """
    with closing(open_database(config.database)) as conn:
        if terminal.is_enrolled(conn):
            return False
        if journal.epochs(conn):
            raise terminal.not_enrolled()
        with transaction(conn):
            wrong_pins.booted(conn, clock)
    return True


class Joining:
    """Lets this till join; `joined` is set once it has, whoever did it."""

    def __init__(self, config: EdgeConfig, clock: Clock) -> None:
        self._config, self._clock = config, clock
        self._turn = asyncio.Lock()
        self.joined = asyncio.Event()

    async def join(self, hq_url: str, code: str) -> None:
        """Return once this till has joined, durably. Asking again after a lost answer is harmless.

        Raises:
            BadInput: `code_malformed`, `hq_url_invalid`, `join_later` after codes that were not good,
                `key_busy` while a command does the same.
            StoreError: the disk refuses.
            LinkError: as of `edge_agent.sync.enrol.enrol`.
        """
        read_code(code)
        check_url(hq_url)
        if self._turn.locked():
            raise _later(1)
        async with self._turn:
            with keys.alone(self._config.data_dir), closing(open_database(self._config.database)) as conn:
                if not terminal.is_enrolled(conn):
                    self._count(conn)
                    try:
                        async with open_session(self._config.sync) as session:
                            await enrol(conn, session, self._config.data_dir, hq_url, code, self._note)
                    except LinkError as error:
                        if error.code in UNREACHED:
                            with transaction(conn):
                                wrong_pins.take_back(conn, WHO)
                        raise
        self.joined.set()

    async def watch(self) -> None:
        """Notice that this till has joined."""
        while not self.joined.is_set():
            with suppress(StoreError, AnyError), closing(open_to_read(self._config.database)) as conn:
                if terminal.is_enrolled(conn):
                    self.joined.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self.joined.wait(), LOOK_SECONDS)

    def _count(self, conn: Connection) -> None:
        """Count a try before it is made: nothing that ends this process gives another one."""
        if wait_ms := wrong_pins.wait_ms(conn, self._clock, WHO):
            raise _later(-(-wait_ms // 1000))
        with transaction(conn):
            wrong_pins.add(conn, self._clock, WHO)

    def _note(self, conn: Connection) -> None:
        """Begin the journal with how this till has joined, in the transaction in which it does."""
        wrong_pins.forget(conn, WHO)
        recorder = Recorder(self._config, self._clock)
        acting.note(conn, recorder, recorder.books(conn), acting.NOBODY, JOIN, "page", "ok")


def _later(seconds: int) -> BadInput:
    return BadInput(f"too many tries to join: try again in {seconds} s", code="join_later")
