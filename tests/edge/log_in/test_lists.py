"""HQ's list of technicians on the disk and in an exchange; and `edge-agent counter-pin`."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.counter_pin import PIN_FILE, verifier
from edge_agent.repair.checking import check_derived
from edge_agent.repair.repairing import repair
from edge_agent.store import technicians, terminal, time_mark
from edge_agent.store.database import Connection
from edge_agent.store.integrity import verify
from edge_agent.sync.exchange import signed
from edge_agent.sync.load import Load, lacking, load_from
from loyalty_core.envelope import peek
from loyalty_core.messages import Exchange, Health
from loyalty_core.wire import unpack
from loyalty_shell.passwords import is_password
from tests.edge.commands.desk import Desk
from tests.edge.log_in.gate import PIN, WRONG, Gate, listed
from tests.edge.made import HQ_KEY, enrol_till


def told(conn: Connection) -> int:
    """Return which list a till tells HQ that it has."""
    load: Load = load_from(lacking(conn))
    body = signed(conn, terminal.read(conn), load, key=HQ_KEY, nonce=bytes(16), health=Health("1", 0, 0, 0))
    return unpack(peek(body, "dangol/exchange/1")[1], Exchange).technicians


async def test_an_exchange_tells_which_list_is_here(gate: Gate) -> None:
    assert told(gate.conn) == 1
    gate.hears(listed(7))
    assert told(gate.conn) == 7


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE technicians SET packed = CAST(replace(packed, 'Han', 'Hao') AS BLOB)",
        "UPDATE technicians SET version = version + 1",
        "UPDATE technicians SET digest = x'00'",
    ],
)
async def test_a_damaged_list_is_none_and_is_sent_again(gate: Gate, damage: str) -> None:
    gate.conn.execute(damage)
    assert told(gate.conn) == 0
    assert await gate.refusal() == "pin_unknown"
    gate.hears(listed(1))
    assert (await gate.let_in()).person == "Han"


@pytest.mark.parametrize(
    ("damage", "version", "is_noted"),
    [
        ("UPDATE technicians SET digest = x'00'", 0, True),
        ("UPDATE time_mark SET at_ms = at_ms + 1", 1, False),
    ],
)
async def test_verify_finds_what_is_damaged_and_repair_forgets_it(
    gate: Gate, damage: str, version: int, *, is_noted: bool
) -> None:
    gate.stop()
    assert check_derived(gate.conn) is None
    gate.conn.execute(damage)
    fault = check_derived(gate.conn)
    assert fault is not None
    assert fault.code == "technicians_damaged"
    assert repair(gate.config, gate.clock).fault is None
    assert technicians.read(gate.conn).version == version
    assert (time_mark.read(gate.conn).at_ms > 0) == is_noted
    assert verify(gate.conn) is None
    await gate.start()
    assert time_mark.read(gate.conn).at_ms == gate.clock.wall


async def test_a_reply_of_an_earlier_hq_says_nothing_of_technicians(gate: Gate) -> None:
    before = technicians.read(gate.conn)
    gate.hears()
    assert technicians.read(gate.conn) == before


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path, '[counter]\naccess = "pin"\n')
    enrol_till(desk.config)
    return desk


def typed(desk: Desk, *lines: str) -> tuple[int, str]:
    """Return how `counter-pin` ends for somebody who types these lines, and what it says."""
    done = CliRunner().invoke(main, ["--config", str(desk.path), "counter-pin"], input="\n".join(lines))
    return done.exit_code, done.output


def test_a_counters_pin_is_asked_for_twice_and_kept_for_its_user_alone(desk: Desk) -> None:
    assert typed(desk, PIN, WRONG, PIN, PIN)[0] == 0
    path = desk.config.data_dir / PIN_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert is_password(PIN, verifier(desk.config.data_dir))
    assert PIN.encode() not in path.read_bytes()


def test_another_pin_takes_the_place_of_the_one_before(desk: Desk) -> None:
    for pin in (PIN, WRONG):
        path = desk.folder / "pin.txt"
        path.write_text(pin + "\n")
        desk.ok("counter-pin", "--pin-file", str(path))
    assert is_password(WRONG, verifier(desk.config.data_dir))
    assert not is_password(PIN, verifier(desk.config.data_dir))
    assert "Nobody can log in" in desk.ok("counter-pin", "--remove")
    assert '"none"' in desk.ok("counter-pin", "--remove", "--json")


def test_what_is_no_pin_is_refused_and_the_one_before_stays(desk: Desk) -> None:
    assert typed(desk, PIN, PIN)[0] == 0
    code, said = typed(desk, "12345", "12345")
    assert (code, "6 to 12 digits" in said) == (1, True)
    assert is_password(PIN, verifier(desk.config.data_dir))
    path = desk.folder / "pin.txt"
    path.write_bytes(b"\xff" * 8)
    assert "pin_malformed" in desk.refused("counter-pin", "--pin-file", str(path))
    assert "nowhere" in desk.refused("counter-pin", "--pin-file", str(desk.folder / "nowhere"))
    assert desk.call("counter-pin", "--remove", "--pin-file", str(path)).exit_code == 2
