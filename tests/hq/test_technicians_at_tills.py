"""A pass of headquarters' at a till of the real agent: by line and by stick, and after it was taken back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.store.writer import Reader, Writer
from edge_agent.technicians import LogIn, technicians_known
from hq_server import exchange, usb_requests
from hq_server.config import Limits
from hq_server.technician_actions import actions
from hq_server.technicians import (
    add_technician,
    make_pass,
    revoke_pass,
)
from loyalty_core.envelope import peek
from loyalty_core.errors import BadInput
from loyalty_core.messages import Reply
from loyalty_core.passes import pass_digits, seal_pass
from loyalty_core.wire import unpack
from loyalty_shell import passwords
from tests.edge.made import NOW, at
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick
from tests.hq.test_technicians import cheaply

__all__ = ["cheaply"]
PIN = "270438"


@pytest.fixture
def till(hq: Hq, tmp_path: Path) -> RealTill:
    hq.clock.now = at(NOW)
    folder = tmp_path / "till"
    folder.mkdir()
    return RealTill(folder, hq)


@pytest.fixture
async def door(till: RealTill) -> AsyncIterator[LogIn]:
    """What lets technicians in at the till."""
    writer, reader = Writer(till.config.database), Reader(till.config.database)
    door = LogIn(till.config, till.clock, reader, writer, till.recorder)
    yield door
    door.close()
    writer.close()
    reader.close()


def made(hq: Hq, till: RealTill, random: bytes) -> tuple[str, str]:
    """Return the id and the digits of a pass of kim's for a till."""
    with hq.writing() as tx:
        given = make_pass(
            tx,
            "kim",
            stores=[],
            terminals=[till.terminal_id],
            hours=8,
            role="technician",
            random=random,
            by="choi",
            now_ms=hq.clock(),
        )
    return given.pass_id, pass_digits(seal_pass(given, hq.key))


def technician(hq: Hq) -> None:
    with hq.writing() as tx:
        add_technician(tx, "kim", [], passwords.hashed_password(PIN, bytes(16)), hq.clock())


async def refused(door: LogIn, digits: str) -> str:
    with pytest.raises(BadInput) as error:
        await door.technician(digits, PIN)
    return error.value.code


async def test_a_pass_opens_the_till_until_its_revocation_has_come(
    hq: Hq, till: RealTill, door: LogIn
) -> None:
    technician(hq)
    number, digits = made(hq, till, b"a" * 10)
    assert await refused(door, digits) == "pin_unknown"
    till.exchange()
    actor = await door.technician(digits, PIN)
    assert (actor.person, actor.pass_id) == ("kim", number)
    with hq.writing() as tx:
        revoke_pass(tx, number, "lost", "choi", hq.clock())
    assert (await door.technician(digits, PIN)).person == "kim"
    till.exchange()
    assert await refused(door, digits) == "pass_revoked"
    _, other = made(hq, till, b"b" * 10)
    assert (await door.technician(other, PIN)).person == "kim"
    till.exchange()
    with hq.reading() as tx:
        found = actions(tx, till.terminal_id, 1, hq.clock())
    assert [(one.person, one.pass_id) for one in found if one.action == "log_in"][1:] == [("kim", number)] * 2


def test_a_stick_brings_the_list_and_an_old_one_does_not_take_a_revocation_back(
    hq: Hq, till: RealTill, tmp_path: Path
) -> None:
    technician(hq)
    number, _ = made(hq, till, b"a" * 10)
    early, late = Stick(tmp_path / "early"), Stick(tmp_path / "late")
    early.from_till(till)
    early.at_hq(hq)
    with hq.writing() as tx:
        revoke_pass(tx, number, "lost", "choi", hq.clock())
    late.round(till, hq)
    known = technicians_known(till.conn)
    assert (known.technicians, known.version > 0) == (1, True)
    early.to_till(till)
    assert technicians_known(till.conn).version == known.version


def test_of_the_parts_of_a_reply_on_a_stick_the_first_alone_brings_the_list(
    hq: Hq, till: RealTill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    technician(hq)
    rows = "".join(f"N{number},{3_000_000 + number},이름,,S012\n" for number in range(25))
    hq.members("member_id,lookups,name,phone,home_store\n" + rows)
    hq.config = msgspec.structs.replace(hq.config, limits=Limits(snapshot_rows_max=10))
    lists: list[bool] = []

    def answer(*asked: Any) -> bytes:
        envelope = exchange.answer(*asked)
        lists.append(unpack(peek(envelope, "dangol/reply/1")[1], Reply).technicians is not None)
        return envelope

    monkeypatch.setattr(usb_requests, "answer", answer)
    Stick(tmp_path / "stick").round(till, hq)
    assert lists[:3] == [True, False, False]
    assert technicians_known(till.conn).technicians == 1
