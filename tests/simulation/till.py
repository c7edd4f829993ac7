"""A real till whose line and power the simulation holds."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any, Final

from edge_agent.redeeming import Outcome, Redeeming, redemption_id_of
from edge_agent.spendable import Wanted
from edge_agent.store import terminal
from edge_agent.store.database import Connection as TillConnection
from edge_agent.store.database import StoreError, transaction
from edge_agent.sync.install import install, open_reply
from edge_agent.sync.questions import told_by
from hq_server import exchange as hq_exchange
from hq_server.accept import open_exchange
from hq_server.house import load_house
from hq_server.key_book import Keyring
from hq_server.store.connection import Connection, reading, writing
from hq_server.store.sqlite import sqlite3
from loyalty_core.events import ReceiptKey
from loyalty_core.messages import Ask
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill

START: Final = "2026-11-20 15:00"


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


class SimTill(RealTill):
    """One till of a chain."""

    def __init__(self, folder: Path, hq: Hq, store_id: str, line: Connection) -> None:
        self.line = line
        self.store_id = store_id
        super().__init__(folder, hq, store_id, START)
        self.code = f"T{self.terminal_id[-2:]}"
        self.redeeming = Redeeming(self.config, self.clock, self.recorder)

    def exchange_once(
        self, asks: tuple[Ask, ...] = (), *, lose: str = "", twice: bool = False, power: int | None = None
    ) -> Any:
        """Talk once. `lose` the request or reply, send it twice, or cut headquarters off after `power`."""
        nonce, identity = os.urandom(16), terminal.read(self.conn)
        body, sent = self.request(nonce, asks)
        if lose == "request":
            return None, False
        answering = hq_exchange.Answering(keys=Keyring.of(self.hq.key), snapshot_rows_max=100, next_in_ms=1)
        now_ms = self.hq.clock()
        answer = b""
        for _ in range(2 if twice else 1):
            with reading(self.line) as tx:
                asked = open_exchange(tx, body, load_house(tx).newest.programme_id)
            with writing(self.line) as tx, cut_off(self.line, power):
                outcome = hq_exchange.apply(tx, asked, now_ms)
            with reading(self.line) as tx:
                answer = hq_exchange.answer(tx, answering, asked, outcome, now_ms)
        if lose == "reply":
            return None, False
        reply = open_reply(answer, identity, nonce)
        with transaction(self.conn):
            installed = install(self.conn, reply)
        assert installed.refusals == ()
        return reply, sent > 0 or installed.moved

    def wanted(self, key: str, **what: Any) -> Wanted:
        """Return what is asked for under an Idempotency-Key."""
        return Wanted(
            redemption_id=redemption_id_of(self.terminal_id, key),
            natural_key=f"key/{key}",
            content=hashlib.sha256(repr(what).encode()).digest()[:16],
            **what,
        )

    def authorise(self, wanted: Wanted, lose: str, power: int | None) -> Outcome:
        """Ask headquarters for points, unless what asks or answers is lost, and set them aside."""
        terms = self.redeeming.spendable.terms(self.conn, self.books(), wanted)
        told = None
        if terms.points:
            ask = Ask(wanted.redemption_id, terms.member, terms.points)
            reply, _ = self.exchange_once((ask,), lose=lose)
            told = None if reply is None else told_by(reply, self.clock.monotonic)[ask.redemption_id]
        with transaction(self.conn), cut_off(self.conn, power):
            return self.redeeming.authorise(self.conn, self.books(), wanted, told)

    def commit(self, redemption_id: str, paid: ReceiptKey | None, power: int | None) -> None:
        """Spend what was set aside."""
        with transaction(self.conn), cut_off(self.conn, power):
            self.redeeming.commit(self.conn, self.books(), redemption_id, paid)

    def cancel(self, redemption_id: str, power: int | None) -> None:
        """Let go of what was set aside."""
        with transaction(self.conn), cut_off(self.conn, power):
            self.redeeming.cancel(self.conn, self.books(), redemption_id)

    def lapse(self) -> None:
        """End what nobody committed or cancelled in time."""
        with transaction(self.conn):
            self.redeeming.lapse(self.conn, self.books())
