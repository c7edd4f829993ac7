"""A till in the test's own hands: enrolled without HQ, on a clock that the test holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.books import Books
from edge_agent.recorder import Outcome, Recorder
from edge_agent.standing import Standing, standing
from edge_agent.store import closings, journal, members, terminal
from edge_agent.store.database import Connection, transaction
from edge_agent.store.migrations import open_database
from edge_agent.sync import install
from loyalty_core.errors import BadInput
from loyalty_core.journal import Record, unpack_record
from loyalty_core.messages import MemberRow, Page
from tests.edge.made import CARD, HeldClock, config_of, day, enrol_till, recorded


class Till:
    """A till's store and recorder in the test's own hands."""

    def __init__(self, folder: Path, *envelopes: bytes, clock: HeldClock | None = None, **config: object):
        self.config = config_of(folder, **config)
        enrol_till(self.config, *envelopes)
        self.clock = clock or HeldClock()
        self.conn: Connection = open_database(self.config.database)
        self.recorder = Recorder(self.config, self.clock)

    def books(self) -> Books:
        return self.recorder.books(self.conn)

    def record(self, receipt: dict[str, Any], adapter: str = "http") -> Outcome:
        """Record a receipt as the local HTTP face or a file does."""
        with transaction(self.conn):
            return recorded(self.recorder, self.conn, receipt, adapter)

    def refusal(self, receipt: dict[str, Any]) -> str:
        """Return the code with which a receipt is refused, having left nothing behind."""
        before = self.books().head
        with pytest.raises(BadInput) as refused:
            self.record(receipt)
        assert self.books().head == before
        return refused.value.code

    def points(self, receipt: dict[str, Any]) -> int:
        """Return the points of a receipt that is recorded now."""
        outcome = self.record(receipt)
        assert outcome.redeemable == outcome.qualifying
        return outcome.redeemable

    def standing(self, text: str = CARD, on: str = "2026-11-20") -> Standing:
        """Return where a card or number stands."""
        books = self.books()
        owner = self.recorder.owner(self.conn, books, text)
        assert owner is not None
        return standing(self.conn, books, owner.account, day(on))

    def balance(self, text: str = CARD) -> int:
        return self.standing(text).balance

    def know(self, row: MemberRow) -> None:
        """Let HQ's word on a member stand, without a page."""
        with transaction(self.conn):
            members.put(self.conn, [row])

    def appear(self, *rows: MemberRow) -> None:
        """Let HQ's word on members come in a page, which finds what was recorded of them."""
        stands = members.cursors(self.conn).get(3, 0)
        with transaction(self.conn):
            assert install._pages(self.conn, [Page(3, stands, stands + 1, rows)])

    def go_on(self) -> None:
        """Let HQ have this till go on in its next epoch."""
        epoch = terminal.read(self.conn).epoch
        with transaction(self.conn):
            terminal.set_epoch(self.conn, epoch + 1)
            closings.begin(self.conn, epoch + 1, epoch)

    def records(self, epoch: int = 1) -> list[Record]:
        """Return the journal."""
        return [unpack_record(record) for _, record, _ in journal.walk(self.conn, epoch, 0)]

    def close(self) -> None:
        self.conn.close()
