"""A real agent and a real headquarters in one process, on one clock: what the till counts is what is held."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.closing import Closing
from edge_agent.recorder import Recorder
from edge_agent.store.migrations import open_database
from edge_agent.store.writer import Reader, Writer
from edge_agent.sync.enrol import enrol
from edge_agent.sync.exchange import open_session
from edge_agent.sync.loop import SyncLoop
from loyalty_core.events import Booted
from tests.edge.made import HeldClock, config_of, day, purchase, quiet_sync, recorded, visit, void
from tests.hq.conftest import Client, Hq, client, founded, founded_on_postgresql, hq

__all__ = ["client", "founded", "founded_on_postgresql", "hq"]
DAY_MS = 86_400_000


@pytest.fixture
def clock(hq: Hq) -> HeldClock:
    """Return a clock that stands at noon on 20 November, at headquarters too."""
    held = HeldClock("2026-11-20 12:00")
    hq.clock.now = held.wall
    return held


async def test_a_real_tills_days_are_closed_and_agree(
    hq: Hq, client: Client, clock: HeldClock, tmp_path: Path
) -> None:
    hq.members("member_id,lookups\nM1,2000123456782\n")
    config = config_of(tmp_path, sync=quiet_sync())
    conn = open_database(config.database)
    url = str(client.make_url("")).rstrip("/")
    async with open_session(config.sync) as session:
        await enrol(conn, session, config.data_dir, url, hq.invite("S012"))
        writer, reader = Writer(config.database), Reader(config.database)
        recorder = Recorder(config, clock)
        loop = SyncLoop(config, clock, writer, reader, session)
        closing = Closing(writer, recorder, recorded=loop.nudge)
        await writer.do(
            lambda c: recorder.append(
                c, recorder.books(c), Booted(None, clock.wall_ms(), day("2026-11-20"), "boot", "test")
            )
        )
        await loop.once()
        total = {
            "kind": "day_total",
            "receipt": {"store": "S012", "till": "T03", "business_date": "2026-11-20"},
            "count": 1,
            "net_minor": 12_990,
        }
        for receipt in (purchase("1"), purchase("2"), visit("3", "2026-11-20 11:00"), void("2"), total):
            await writer.do(lambda c, said=receipt: recorded(recorder, c, said))  # type: ignore[misc]
        for _ in range(3):
            clock.go_on(DAY_MS)
            hq.clock.now = clock.wall
            await closing.look()
            await loop.once()
        writer.close()
        reader.close()
        conn.close()
    assert hq.exceptions() == []
    ((first, last, counted),) = hq.sql("SELECT first_day, last_day, counted FROM closings")
    assert (first, last, counted) == (day("2026-11-20"), day("2026-11-22"), 9)
    assert hq.sql("SELECT receipts, net_minor FROM day_totals") == [(1, 12_990)]
    ((claimed,),) = hq.sql("SELECT sum(redeemable) FROM day_counts")
    assert claimed == hq.balances()["M1"]
