"""What was sealed of new members goes to headquarters beside their records: by line, by stick, and again."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from edge_agent.store import enrolments, terminal
from edge_agent.store.database import Connection
from edge_agent.store.migrations import open_database
from edge_agent.sync import usb
from loyalty_core.envelope import open_sealed
from loyalty_core.events import MemberEnrolled
from loyalty_core.journal import unpack_record
from loyalty_core.messages import Exchange, Incarnation, Reply
from loyalty_core.sealing import sealed_hash, sealing_public_of, unseal
from loyalty_core.stick import open_file, parse_file
from loyalty_core.wire import unpack
from tests.edge.fake_hq import FakeHq
from tests.edge.joining import SOMEBODY, joined
from tests.edge.made import SEALING_KEY
from tests.edge.sync.linked_till import LinkedTill


async def join(till: LinkedTill, *numbers: int) -> None:
    def job(conn: Connection) -> None:
        for number in numbers:
            new = msgspec.structs.replace(SOMEBODY, name=f"N{number}", phone=f"010-9876-{number:04}")
            joined(till.config, till.recorder, conn, new, f"k{number}")

    await till.writer.do(job)


def names(said: Exchange) -> list[str]:
    """Return who joined by an exchange, opened with HQ's key."""
    return [unseal(SEALING_KEY, one.blob).name for one in said.sealed]


def hashes(records: list[bytes]) -> set[bytes]:
    events = [unpack_record(record).event for record in records]
    return {event.sealed_hash for event in events if isinstance(event, MemberEnrolled)}


async def test_seals_go_with_their_records_and_no_others(till: LinkedTill, hq: FakeHq) -> None:
    await join(till, 1, 2)
    await till.sell(1)
    await till.turn()
    assert names(hq.asked[-1]) == ["N1", "N2"]
    assert {sealed_hash(one.salt, one.blob) for one in hq.asked[-1].sealed} == hashes(hq.journal().records)
    await join(till, 3)
    await till.turn()
    assert names(hq.asked[-1]) == ["N3"]


async def test_they_go_again_until_hq_tells_of_the_member(
    till: LinkedTill, hq: FakeHq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.sync.exchange.SEALED_AGAIN_MAX", 2)
    await join(till, 1, 2, 3)
    await till.turn()
    await till.turn()
    assert (hq.asked[-1].batches, names(hq.asked[-1])) == ((), ["N3", "N2"])
    event = unpack_record(hq.journal().records[-1]).event
    assert isinstance(event, MemberEnrolled)
    look_ups = event.look_ups

    def told(conn: Connection) -> None:
        enrolments.give_way(conn, look_ups)

    await till.writer.do(told)
    await till.turn()
    assert names(hq.asked[-1]) == ["N2", "N1"]


async def test_they_go_again_with_records_that_hq_has_lost(till: LinkedTill, hq: FakeHq) -> None:
    await join(till, 1)
    await till.turn()
    hq.journals.clear()
    hq.life = Incarnation(2, b"second")
    await till.turn()
    await till.turn()
    assert names(hq.asked[-1]) == ["N1"]


async def test_a_load_ends_where_an_exchange_takes_no_more_seals(
    till: LinkedTill, hq: FakeHq, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync = msgspec.structs.replace(till.config.sync, batch_records=2)
    till.config = msgspec.structs.replace(till.config, sync=sync)
    till.loop = till.new_loop()
    monkeypatch.setattr("edge_agent.sync.load.SEALED_MAX", 3)
    await join(till, *range(6))
    for expected in (["N0", "N1"], ["N2", "N3"], ["N4", "N5"]):
        await till.turn()
        assert names(hq.asked[-1]) == expected


async def test_a_damaged_seal_is_not_sent(till: LinkedTill, hq: FakeHq) -> None:
    await join(till, 1, 2)
    spoil = "UPDATE enrolment SET blob = CAST(x'0000000000000000' || substr(blob, 9) AS BLOB) WHERE seq = 1"
    await till.writer.do(lambda conn: conn.execute(spoil))
    await till.turn()
    assert names(hq.asked[-1]) == ["N2"]


async def test_hqs_next_key_is_what_is_sealed_to_from_then_on(till: LinkedTill, hq: FakeHq) -> None:
    other = bytes(range(90, 122))

    def changed(reply: Reply) -> Reply:
        return msgspec.structs.replace(reply, sealing_public_key=sealing_public_of(other))

    await till.turn()
    assert await till.reader.do(enrolments.sealing_key) == sealing_public_of(SEALING_KEY)
    hq.change_reply = changed
    await till.turn()
    await join(till, 1)
    await till.turn()
    (sealed,) = hq.asked[-1].sealed
    assert unseal(other, sealed.blob).name == "N1"


async def test_a_till_that_joined_an_older_hq_takes_the_key_later(till: LinkedTill, hq: FakeHq) -> None:
    await till.writer.do(lambda conn: conn.execute("DELETE FROM sealing_key"))
    hq.change_reply = lambda reply: msgspec.structs.replace(
        reply, sealing_public_key=sealing_public_of(SEALING_KEY)
    )
    await till.turn()
    assert await till.reader.do(enrolments.sealing_key) == sealing_public_of(SEALING_KEY)


async def test_they_go_by_stick(till: LinkedTill, hq: FakeHq, tmp_path: Path) -> None:
    await join(till, 1)
    stick = tmp_path / "stick"
    stick.mkdir()
    (told,) = usb.export(till.config, till.clock, stick, dry_run=False)
    conn = open_database(till.config.database)
    key = terminal.read(conn).store_key
    conn.close()
    body = open_file(parse_file((stick / told.file).read_bytes()), key)
    assert names(unpack(open_sealed(body, "dangol/exchange/1", hq.till_keys), Exchange)) == ["N1"]
