"""Verification beside sales: one at a time, with its progress, its end kept and noted."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator

import pytest

from edge_agent.acting import Actor
from edge_agent.store import journal, verified
from edge_agent.store.writer import Reader, Writer
from edge_agent.verifying import Verifying
from loyalty_core.errors import BadInput
from loyalty_core.events import TechnicianAction
from loyalty_core.units import EpochMs
from tests.edge.made import purchase
from tests.edge.till import Till

KIM = Actor(person="kim", pass_id="P1", role="technician", until_ms=EpochMs(0))


@pytest.fixture
async def verifying(till: Till) -> AsyncIterator[Verifying]:
    for number in range(3):
        till.record(purchase(str(number)))
    reader, writer = Reader(till.config.database), Writer(till.config.database)
    one = Verifying(till.config, till.clock, reader, writer, till.recorder)
    yield one
    await one.close()
    writer.close()
    reader.close()


async def test_a_whole_database_is_told_kept_and_noted(till: Till, verifying: Verifying) -> None:
    assert await verifying.last() is None
    found = await verifying.start(KIM)
    assert (found.outcome, found.by, verifying.progress) == ("ok", "kim", None)
    assert verified.last(till.conn) == found == await verifying.last()
    (newest, *_) = journal.newest(till.conn, 1, 1)
    record = journal.readable(newest[1])
    assert record is not None
    assert isinstance(record.event, TechnicianAction)
    assert (record.event.person, record.event.action, record.event.outcome) == ("kim", "verify", "ok")


async def test_the_first_fault_is_told(till: Till, verifying: Verifying) -> None:
    till.conn.execute("DROP TRIGGER journal_is_never_changed")
    till.conn.execute("UPDATE journal SET record = x'00' WHERE seq = 2")
    found = await verifying.start(KIM)
    assert (found.outcome, found.epoch, found.seq) == ("chain_broken", 1, 2)


async def test_one_at_a_time_which_can_be_stopped(
    verifying: Verifying, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.verifying.PAUSE_S", threading.TIMEOUT_MAX)
    task = verifying.start(KIM)
    assert verifying.progress is not None
    with pytest.raises(BadInput) as refused:
        _ = verifying.start(KIM)
    assert refused.value.code == "verify_runs"
    verifying.cancel()
    assert (await task).outcome == "cancelled"
