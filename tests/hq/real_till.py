"""A till of the real agent beside headquarters, in one process: between them passes what would on a line.

The agent's store, recorder and exchange; headquarters' enrolment and exchange. Only the road is missing.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from edge_agent.recorder import Outcome, Recorder
from edge_agent.store import terminal
from edge_agent.store.database import transaction
from edge_agent.store.migrations import open_database
from edge_agent.sync import exchange as edge_exchange
from edge_agent.sync import keys
from edge_agent.sync.install import install, open_reply
from hq_server import enrol as hq_enrol
from hq_server import exchange as hq_exchange
from hq_server.accept import open_exchange
from hq_server.config import CLOCK_TOLERANCE_MS
from hq_server.house import load_house
from hq_server.store.connection import reading, writing
from loyalty_core.calendar import business_day
from loyalty_core.envelope import key_id, open_sealed, peek, public_of, seal
from loyalty_core.events import VisitRecorded
from loyalty_core.invite import read_code
from loyalty_core.messages import Ask, Clock, Enrol, Enrolled, Health, Reply
from loyalty_core.wire import pack, unpack
from tests.edge import made
from tests.edge.till import Till
from tests.hq.conftest import Hq


def answered(hq: Hq, body: bytes) -> bytes:
    """Return headquarters' answer to who asks to join."""
    with hq.writing() as tx:
        asked = hq_enrol.open_enrol(body)
        joined = hq_enrol.apply(tx, asked, hq.clock())
        return hq_enrol.answer(tx, asked, joined, hq.keyring.signing(tx))


class RealTill(Till):
    """A till that has joined headquarters; `exchange` is one talk until there is nothing more to say."""

    clock_tolerance_ms = CLOCK_TOLERANCE_MS

    def __init__(self, folder: Path, hq: Hq, store_id: str = "S012", now: str = made.NOW) -> None:
        self.hq = hq
        self.config = made.config_of(folder)
        self.config.data_dir.mkdir(parents=True, exist_ok=True)
        self.key = keys.make_private_key(self.config.data_dir)
        self.clock = made.HeldClock(now)
        self.conn = open_database(self.config.database)
        self.recorder = Recorder(self.config, self.clock)
        said = self._join(hq.invite(store_id))
        with transaction(self.conn):
            terminal.install(self.conn, said, "https://hq.example")
        self.terminal_id = said.terminal_id
        self.exchange()

    def _join(self, code: str) -> Enrolled:
        secret, _ = read_code(code)
        body = seal("dangol/enrol/1", pack(Enrol(b"n" * 16, secret, public_of(self.key), "test")), self.key)
        answer = answered(self.hq, body)
        hq_key = unpack(peek(answer, "dangol/enrolled/1")[1], Enrolled).hq_public_key
        return unpack(open_sealed(answer, "dangol/enrolled/1", {key_id(hq_key): hq_key}), Enrolled)

    def exchange(self) -> None:
        """Send all that waits, and take all that headquarters has to tell."""
        while self.exchange_once()[1]:
            pass

    def request(self, nonce: bytes, asks: tuple[Ask, ...] = ()) -> tuple[bytes, int]:
        """Return what the till would say now, and how many records that brings."""
        body, load = edge_exchange.request(
            self.conn,
            terminal.read(self.conn),
            self.config.sync,
            key=self.key,
            nonce=nonce,
            clock=lambda: Clock(self.clock.wall_ms(), self.clock.monotonic_ms(), self.clock.boot_id()),
            health=Health("test", 0, 0, 10**9),
            asks=asks,
        )
        return body, load.sent

    def exchange_once(self, asks: tuple[Ask, ...] = ()) -> tuple[Reply, bool]:
        """Talk once, with these questions; return what was said, and whether there may be more to say."""
        nonce, identity = os.urandom(16), terminal.read(self.conn)
        body, sent = self.request(nonce, asks)
        reply = open_reply(self.say(body), identity, nonce)
        with transaction(self.conn):
            installed = install(self.conn, reply)
        assert installed.refusals == ()
        return reply, sent > 0 or installed.moved

    def say(self, body: bytes, meanwhile: Callable[[], object] = lambda: None) -> bytes:
        """Return headquarters' answer to a request, whoever sends it.

        What happens `meanwhile` falls between what it kept of the request and its answer.
        """
        answering = hq_exchange.Answering(keys=self.hq.keyring, snapshot_rows_max=100, next_in_ms=1)
        now_ms = self.hq.clock()
        with self.hq.opened() as connection:
            with reading(connection) as tx:
                asked = open_exchange(tx, body, load_house(tx).newest.programme_id, now_ms)
            with writing(connection) as tx:
                outcome = hq_exchange.apply(tx, asked, now_ms, clock_tolerance_ms=self.clock_tolerance_ms)
            meanwhile()
            with reading(connection) as tx:
                return hq_exchange.answer(tx, answering, asked, outcome, now_ms)

    def carried(self, body: bytes) -> None:
        """Bring headquarters a request by hand that was made before; its answer is left where it is."""
        now_ms = self.hq.clock()
        with self.hq.opened() as connection:
            with reading(connection) as tx:
                asked = open_exchange(tx, body, load_house(tx).newest.programme_id, now_ms)
            with writing(connection) as tx:
                assert hq_exchange.apply(tx, asked, now_ms, carried=True).refusals == ()

    def claim(self, member: str, receipt: dict[str, Any], when: str, key: str) -> Outcome:
        """Claim an anonymous purchase."""
        with transaction(self.conn):
            return made.claimed(self.recorder, self.conn, member, receipt, when, key)

    def visit(self, member: str, when: str, key: str) -> Outcome:
        """Record a visit that has no receipt."""
        at_ms = made.at(when)
        event = VisitRecorded(None, at_ms, business_day(at_ms, self.books().terminal.place), "till", None)
        with transaction(self.conn):
            return made.keyed(self.recorder, self.conn, event, member, key, when)
