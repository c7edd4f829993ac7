"""Sticks of tills that are shut out, of a headquarters that was restored, and beside a line that is back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.config import Sync
from edge_agent.store import outbox, terminal
from edge_agent.store.database import transaction
from edge_agent.sync.install import install, open_reply
from hq_server.backups import back_up
from hq_server.config import Limits
from hq_server.usb_requests import Part, part
from tests.edge.made import CARD
from tests.hq.conftest import Hq
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick
from tests.hq.usb.carrying import MakeTill, agree, sell, waiting


@pytest.mark.parametrize("state", ["terminal_revoked", "terminal_pending"])
def test_a_till_that_headquarters_does_not_talk_to_is_not_taken(
    hq: Hq, till: RealTill, stick: Stick, state: str
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    if state == "terminal_revoked":
        hq.set_state(till.terminal_id, "revoked", "stolen")
    else:
        hq.sql("UPDATE terminals SET state = 'pending'")
    (took,) = stick.at_hq(hq)
    assert (took.became, took.code, took.terminal) == ("refused", state, till.terminal_id)
    assert hq.balances() == {}
    hq.sql("UPDATE terminals SET state = 'approved'")
    stick.at_hq(hq)
    stick.to_till(till)
    assert agree(till, hq)


def test_a_reply_of_before_headquarters_was_restored_is_refused_and_the_till_hands_in_again(
    hq: Hq, till: RealTill, stick: Stick, tmp_path: Path
) -> None:
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    sell(till, 0, 3)
    stick.from_till(till)
    stick.at_hq(hq)
    hq.bring_back(tmp_path / "backup.db")
    till.exchange()
    hq.clock.now += 1
    assert agree(till, hq)
    (back,) = stick.to_till(till)
    assert (back.became, back.code) == ("refused", "hq_older")
    assert agree(till, hq)


def test_a_reply_of_before_a_restore_does_not_keep_a_till_from_handing_in_again(
    hq: Hq, till: RealTill, stick: Stick, tmp_path: Path
) -> None:
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    sell(till, 0, 3)
    stick.round(till, hq)
    hq.bring_back(tmp_path / "backup.db")
    hq.clock.now += 1
    sell(till, 3, 1)
    stick.round(till, hq)
    stick.round(till, hq)
    assert agree(till, hq)
    assert hq.balances() == {"M1": 48}


def test_after_a_restore_a_stick_that_is_never_emptied_brings_the_members_back(
    hq: Hq, till: RealTill, make_till: MakeTill, stick: Stick, tmp_path: Path
) -> None:
    sell(till, 0, 3)
    stick.round(till, hq)
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    hq.clock.now += 1
    sell(till, 3, 1)
    stick.round(till, hq)
    hq.bring_back(tmp_path / "backup.db")
    sell(till, 4, 1)
    for _ in range(3):
        hq.clock.now += 1
        stick.round(till, hq)
        assert agree(till, hq), "also while HQ has not told of everybody yet"
    other = make_till()
    sell(other, 5, 1)
    other.exchange()
    hq.clock.now += 1
    stick.round(till, hq)
    assert agree(till, hq)


def test_a_part_of_an_answer_after_a_restore_has_nobody_forgotten(
    hq: Hq, till: RealTill, stick: Stick, tmp_path: Path
) -> None:
    rows = "".join(f"N{n},{3_000_000 + n},이름,,S012\n" for n in range(25))
    hq.members("member_id,lookups,name,phone,home_store\n" + rows)
    hq.config = msgspec.structs.replace(hq.config, limits=Limits(snapshot_rows_max=10))
    stick.round(till, hq)
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    hq.bring_back(tmp_path / "backup.db")
    hq.clock.now += 1
    stick.round(till, hq)
    hq.clock.now += 1
    stick.from_till(till)
    (took,) = [took for took in stick.at_hq(hq) if len(took.replies) > 1]
    (stick.folder / took.replies[0]).unlink()
    stick.to_till(till)
    assert {till.standing(str(3_000_000 + n)).member_id for n in range(25)} == {f"N{n}" for n in range(25)}


def test_a_line_that_comes_back_before_headquarters_reads_the_stick_doubles_nothing_and_alarms_nobody(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    sell(till, 3, 3)
    till.exchange()
    hq.clock.now += 1
    (took,) = stick.at_hq(hq)
    assert (took.became, took.code) == ("known", "")
    assert hq.exceptions() == []
    (back,) = stick.to_till(till)
    assert (back.became, back.refusals) == ("known", ())
    assert agree(till, hq)
    assert hq.balances() == {"M1": 72}


def test_a_reply_older_than_what_came_by_line_takes_nothing_back(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    stick.at_hq(hq)
    hq.clock.now += 1
    sell(till, 3, 3)
    till.exchange()
    (back,) = stick.to_till(till)
    assert (back.became, back.members) == ("known", 0)
    assert agree(till, hq)


def test_an_older_reply_that_wants_records_again_is_passed_over(hq: Hq, till: RealTill, stick: Stick) -> None:
    sell(till, 0, 25)
    stick.from_till(till)
    first, *_ = stick.files()
    kept = first.read_bytes()
    first.unlink()
    stick.at_hq(hq)
    old = {file.name: file.read_bytes() for file in stick.files(".to-till")}
    first.write_bytes(kept)
    hq.clock.now += 1
    stick.at_hq(hq)
    stick.to_till(till)
    assert waiting(till) == 0
    for name, data in old.items():
        (stick.folder / name).write_bytes(data)
    stick.to_till(till)
    assert waiting(till) == 0


def test_a_reply_that_wants_records_again_is_passed_over_where_a_line_has_brought_them(
    hq: Hq, till: RealTill, stick: Stick
) -> None:
    sell(till, 0, 25)
    stick.from_till(till)
    stick.files()[0].unlink()
    stick.at_hq(hq)
    hq.clock.now += 1
    till.exchange()
    with transaction(till.conn):
        link = outbox.link(till.conn)
        outbox.set_link(till.conn, msgspec.structs.replace(link, hq_time_ms=hq.clock()))
    assert not any(back.refusals for back in stick.to_till(till))
    assert agree(till, hq)


@pytest.mark.parametrize("known", [6, 12])
def test_a_stick_that_is_read_while_the_line_is_answered_has_no_sale_counted_twice(
    hq: Hq, till: RealTill, stick: Stick, known: int
) -> None:
    sell(till, 0, known)
    till.config = msgspec.structs.replace(till.config, sync=Sync(batch_records=6, batches=1))
    nonce, identity = b"n" * 16, terminal.read(till.conn)
    body, brought = till.request(nonce)
    assert brought == 6
    sell(till, known, 12 - known)
    stick.from_till(till)
    reply = open_reply(till.say(body, lambda: stick.at_hq(hq)), identity, nonce)
    with transaction(till.conn):
        install(till.conn, reply)
    assert till.balance(CARD) == 12 * 12
    till.exchange()
    assert agree(till, hq)


def test_a_line_that_brings_more_before_a_stick_is_answered_has_no_sale_counted_twice(
    hq: Hq, till: RealTill, stick: Stick, monkeypatch: pytest.MonkeyPatch
) -> None:
    sell(till, 0, 3)
    stick.from_till(till)
    sell(till, 3, 3)
    body, _ = till.request(b"n" * 16)

    def late(*args: Any, **named: Any) -> Part:
        till.say(body)
        return part(*args, **named)

    monkeypatch.setattr("hq_server.usb.part", late)
    stick.at_hq(hq)
    stick.to_till(till)
    assert till.balance(CARD) == 6 * 12
    till.exchange()
    assert agree(till, hq)
