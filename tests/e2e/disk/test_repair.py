"""A till whose disk has damaged its journal, mended by the real command from the real headquarters."""

from __future__ import annotations

import asyncio
from contextlib import closing
from pathlib import Path

import aiohttp
import pytest

from demo.processes import until
from edge_agent.store.database import connect
from tests.e2e.processes import Founded, House, found, house
from tests.e2e.test_two_processes import PROGRAMME

VISITS = 12


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Founded:
    """A headquarters that each test copies."""
    return asyncio.run(found(tmp_path_factory.mktemp("founded"), PROGRAMME, {"M1": "CARD1"}))


def damage(at: House, first: int, last: int) -> None:
    """Overwrite records of the till's journal as a torn write would."""
    with closing(connect(at.till.database)) as conn:
        guards = conn.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in guards:
            conn.execute(f"DROP TRIGGER {name}")
        conn.execute("UPDATE journal SET record = zeroblob(40) WHERE seq BETWEEN ? AND ?", (first, last))
        for _, sql in guards:
            conn.execute(sql)


async def test_what_headquarters_holds_comes_back_and_what_it_never_got_is_all_that_is_lost(
    tmp_path: Path, founded: Founded
) -> None:
    async with house(tmp_path, founded) as at, aiohttp.ClientSession() as session:
        await at.till.open()
        for n in range(VISITS):
            await at.ask(session, f"visit-{n}", "/v1/visits", {"member": "CARD1"})
        await at.settled(VISITS)
        held = at.head
        await at.hq.stop()
        for n in range(VISITS, VISITS + 3):
            await at.ask(session, f"visit-{n}", "/v1/visits", {"member": "CARD1"})
        await at.till.stop()
        damage(at, 3, 5)
        damage(at, held + 1, held + 1)
        status, _, error = await at.till.run("verify")
        assert status == 1
        assert "seq 3 of epoch 1 is not what was written" in error
        status, _, error = await at.till.run("verify", "--repair")
        assert status == 1
        assert "hq_unreachable" in error
        await at.hq.serve()
        status, said, error = await at.till.run("verify", "--repair")
        assert status == 0, error
        assert [line for line in said.splitlines() if "HQ's copy" in line] == [
            f"seq {seq} of epoch 1: put back from HQ's copy" for seq in (3, 4, 5)
        ]
        assert [line.partition(":")[0] for line in said.splitlines() if "LOST" in line] == [
            f"seq {held + 1} of epoch 1"
        ]
        await at.till.open()
        # What is lost is handed in again by whoever has it.
        await at.ask(session, f"visit-{VISITS}", "/v1/visits", {"member": "CARD1"})
        await until(lambda: at.head_at_hq == at.head, "the till did not hand in all that is left")
        await at.check_themselves()
        found = await at.hq.told("exceptions", "list")
        lost = [one["subject"] for one in found if one["kind"] == "record_unreadable"]
        assert lost == [f"{at.till.terminal_id}.1.{held + 1}"]
