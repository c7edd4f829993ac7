"""A till's store with its sync loop, which the test turns by hand."""

from __future__ import annotations

import asyncio

from edge_agent.config import EdgeConfig
from edge_agent.recorder import Recorder
from edge_agent.standing import standing
from edge_agent.store import journal, members, outbox
from edge_agent.store.database import Connection
from edge_agent.store.outbox import Link
from edge_agent.store.writer import Reader, Writer
from edge_agent.sync.exchange import open_session
from edge_agent.sync.loop import SyncLoop
from tests.edge.fake_hq import FakeHq
from tests.edge.made import CARD, HeldClock, day, purchase, recorded


class LinkedTill:
    """A till's store with its sync loop, turned by hand."""

    def __init__(self, config: EdgeConfig, hq: FakeHq) -> None:
        self.config = config
        self.hq = hq
        self.clock = HeldClock()
        self.writer = Writer(config.database)
        self.reader = Reader(config.database)
        self.recorder = Recorder(config, self.clock)
        self.session = open_session(config.sync)
        self.loop = self.new_loop()

    def new_loop(self) -> SyncLoop:
        return SyncLoop(self.config, self.clock, self.writer, self.reader, self.session)

    async def sell(self, *numbers: int, member: str = CARD) -> None:
        def job(conn: Connection) -> None:
            for number in numbers:
                recorded(self.recorder, conn, purchase(str(number), member=member))

        await self.writer.do(job)

    async def turn(self) -> int:
        """Talk with headquarters once; return how many ms to wait."""
        return await self.loop._turn()

    async def wanted(self) -> None:
        """Return once somebody wants headquarters asked now."""
        await self.loop._questions.new.wait()

    async def records(self, epoch: int = 1) -> list[bytes]:
        return await self.reader.do(lambda conn: journal.run_from(conn, epoch, 1, 10_000))

    async def link(self) -> Link:
        return await self.reader.do(outbox.link)

    async def waiting(self) -> int:
        return (await self.reader.do(outbox.waiting))[0]

    async def cursor(self, bucket: int) -> int:
        return (await self.reader.do(members.cursors)).get(bucket, 0)

    async def members(self) -> list[str]:
        """Return whom the till knows, by the table of members and that of their look-ups, which agree."""

        def job(conn: Connection) -> list[str]:
            known = conn.execute("SELECT DISTINCT member_id FROM member ORDER BY 1").fetchall()
            named = conn.execute("SELECT DISTINCT member_id FROM member_look_up ORDER BY 1").fetchall()
            assert known == named
            return [member_id for (member_id,) in known]

        return await self.reader.do(job)

    async def balance(self) -> int:
        def job(conn: Connection) -> int:
            books = self.recorder.books(conn)
            owner = self.recorder.owner(conn, books, CARD)
            assert owner is not None
            return standing(conn, books, owner.account, day("2026-11-20")).balance

        return await self.reader.do(job)

    async def close(self) -> None:
        await self.session.close()
        self.reader.close()
        await asyncio.to_thread(self.writer.close)
