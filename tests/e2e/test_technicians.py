"""A technician whom headquarters named logs in at a till alone; headquarters hears of it, and revokes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edge_agent.acting import Actor
from edge_agent.clock import MachineClock
from edge_agent.config import read_config
from edge_agent.recorder import Recorder
from edge_agent.store import technicians
from edge_agent.store.database import connect
from edge_agent.store.writer import Reader, Writer
from edge_agent.technicians import LogIn, still_good
from loyalty_core.messages import Technicians
from tests.e2e.processes import STORE, Founded, House, house
from tests.edge.made import until

PIN = "246810"


def listed(at: House) -> Technicians:
    """Return what the till knows of technicians."""
    with closing(connect(at.till.database, read_only=True)) as conn:
        return technicians.read(conn)


@contextmanager
def log_in(at: House) -> Iterator[LogIn]:
    """Lend the log-in of a till whose agent does not run."""
    config, clock = read_config(at.till.config), MachineClock()
    reader, writer = Reader(config.database), Writer(config.database)
    lent = LogIn(config, clock, reader, writer, Recorder(config, clock))
    try:
        yield lent
    finally:
        lent.close()
        reader.close()
        writer.close()


async def test_a_technician_logs_in_without_a_network_until_revoked(tmp_path: Path, founded: Founded) -> None:
    pin, digits = tmp_path / "pin", tmp_path / "han.pass"
    pin.write_text(PIN + "\n")
    async with house(tmp_path, founded, next_in_ms=200) as at:
        await at.hq.told("technician", "add", "Han", "--pin-file", str(pin))
        await at.hq.told("technician", "pass", "Han", "--store", STORE, "--out", str(digits))
        await at.till.open()
        await until(lambda: bool(listed(at).people))
        await at.till.kill()
        with log_in(at) as door:
            actor: Actor = await door.technician(digits.read_text(), PIN)
            assert (actor.person, actor.role) == ("Han", "technician")
        await at.till.open()

        async def is_told() -> bool:
            return "log_in" in str(await at.hq.told("technician", "actions"))

        await until(is_told)
        await at.hq.told("technician", "revoke", "--pass", actor.pass_id, "--reason", "the phone was lost")
        await until(lambda: actor.pass_id in listed(at).revoked)
        with closing(connect(at.till.database, read_only=True)) as conn:
            ended = still_good(conn, actor, MachineClock())
            assert ended is not None
            assert ended.code == "pass_revoked"
        await at.check_themselves()
