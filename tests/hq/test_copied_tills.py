"""Disks of tills that are copied or set back, and a headquarters: points once, and both sides agree."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from itertools import count
from pathlib import Path

import msgspec
import pytest
from aiohttp.web import Application

from edge_agent.config import Sync
from edge_agent.store import journal, outbox, terminal
from edge_agent.store.database import transaction
from edge_agent.sync.install import install, open_reply
from hq_server.app import build_app
from hq_server.audit import audit
from hq_server.backups import back_up, restore
from loyalty_core.messages import Acknowledgement
from loyalty_core.units import EpochMs
from tests.edge import made
from tests.edge.made import CARD, OTHER_CARD, at, purchase, returned
from tests.edge.test_closing import boot, look
from tests.hq.conftest import PROGRAMME, Client, Hq
from tests.hq.copied_till import CopiedTill

MEMBERS = f"member_id,lookups,name,phone,home_store\nM1,{CARD},홍길동,,S012\nM2,{OTHER_CARD},김철수,,S012\n"
OF_A_SALE = 12


@pytest.fixture
def till(hq: Hq, tmp_path: Path) -> CopiedTill:
    hq.clock.now = at(made.NOW)
    hq.members(MEMBERS)
    folder = tmp_path / "till"
    folder.mkdir()
    return CopiedTill(folder, hq)


class Folders:
    """Folders for copies, each a new one."""

    def __init__(self, below: Path) -> None:
        self._below, self._numbers = below, count()

    def __call__(self) -> Path:
        folder = self._below / f"copy{next(self._numbers)}"
        folder.mkdir()
        return folder


@pytest.fixture
def folder(tmp_path: Path) -> Folders:
    return Folders(tmp_path)


def agree(hq: Hq, sales: int, *tills: CopiedTill) -> None:
    """Have all talk until nothing is left, and check that every sale counts once and all show the same."""
    for _ in range(2):
        for till in tills:
            till.settle()
    assert hq.balances().get("M1", 0) == sales * OF_A_SALE
    assert [till.balance() for till in tills] == [sales * OF_A_SALE] * len(tills)
    with hq.reading() as tx:
        audit(tx, hq.public_key, lambda *_: None)


def kinds(hq: Hq) -> list[str]:
    return sorted(kind for kind, _ in hq.exceptions())


# A disk that is copied to a second machine.


def test_a_till_that_brings_again_what_is_held_hears_of_members_once_all_of_it_is_told(
    hq: Hq, till: CopiedTill
) -> None:
    till.settle()
    till.sell(1, 2, 3, 4)
    assert till.talk(lose="reply") is None
    till.config = msgspec.structs.replace(till.config, sync=Sync(batch_records=1, batches=1))
    till.sell(5)
    told = till.talk()
    assert told is not None
    assert told[0].pages == ()
    assert till.balance() == 5 * OF_A_SALE
    agree(hq, 5, till)


def test_a_copy_that_brings_what_the_other_has_brought_shows_what_headquarters_has(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.settle()
    till.sell(1, 2, 3, 4)
    copy = till.clone(folder())
    till.sell(5)
    till.settle()
    copy.config = msgspec.structs.replace(copy.config, sync=Sync(batch_records=2, batches=1))
    copy.record(purchase("6", member=OTHER_CARD))
    agree(hq, 5, copy, till)
    copy.sell(7)
    agree(hq, 6, copy, till)


def test_an_old_request_from_a_stick_tells_a_till_of_no_members(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.settle()
    till.sell(1)
    identity = terminal.read(till.conn)
    body, _ = till.request(b"old".ljust(16))
    till.sell(2)
    till.talk(lose="reply")
    old = open_reply(till.say(body), identity, b"old".ljust(16))
    with transaction(till.conn):
        install(till.conn, old, latest=False)
    assert till.balance() == 2 * OF_A_SALE
    agree(hq, 2, till)


def test_two_tills_with_one_disk_both_sell_on_and_every_sale_counts_once(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1, 2)
    till.settle()
    till.sell(3)
    other = till.clone(folder())
    till.sell(4, 5)
    other.sell(6)
    till.settle()
    other.settle()
    assert (till.epoch, other.epoch) == (1, 2)
    other.sell(7, 8)
    till.sell(9)
    agree(hq, 9, till, other)
    assert kinds(hq) == ["fork"]
    other.sell(10)
    till.sell(11)
    agree(hq, 11, other, till)
    assert (till.epoch, other.epoch, kinds(hq)) == (1, 2, ["fork"])


def test_what_both_machines_record_of_one_receipt_counts_once(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1)
    other = till.clone(folder())
    till.sell(2, 3)
    other.sell(3, 4)
    agree(hq, 4, other, till)


def test_a_copy_that_has_sold_nothing_asks_for_an_epoch_before_it_does(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1)
    till.settle()
    idle = till.clone(folder())
    till.sell(2)
    till.settle()
    assert idle.settle() == ["journal_behind", "journal_behind"]
    assert (idle.epoch, kinds(hq)) == (2, ["journal_behind"])
    idle.sell(3)
    agree(hq, 3, till, idle)


def test_a_copy_of_a_copy_goes_on_too(hq: Hq, till: CopiedTill, folder: Folders) -> None:
    tills = [till]
    for number in range(4):
        till.sell(number)
        copy = tills[-1].clone(folder())
        copy.sell(100 + number)
        tills[-1].sell(200 + number)
        tills.append(copy)
    agree(hq, 12, *tills)
    epochs = [one.epoch for one in tills]
    assert len(set(epochs)) == len(epochs)
    for number, one in enumerate(tills):
        one.sell(300 + number)
    agree(hq, 17, *reversed(tills))
    assert [one.epoch for one in tills] == epochs


def test_where_two_journals_part_is_found_though_the_till_thought_that_more_was_held(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(*range(10))
    till.settle()
    other = till.clone(folder())
    till.sell(*range(10, 20))
    till.settle()
    other.sell(*range(20, 25))
    head = journal.head(other.conn, terminal.read(other.conn))
    with transaction(other.conn):
        life = terminal.read(other.conn).incarnation
        held = Acknowledgement(other.terminal_id, 1, 0, head.seq, head.hash, life)
        assert outbox.acknowledge(other.conn, held)
    other.sell(25)
    assert other.settle() == ["fork"]
    agree(hq, 26, till, other)


def test_answers_that_are_lost_give_no_second_epoch(hq: Hq, till: CopiedTill, folder: Folders) -> None:
    till.sell(1)
    other = till.clone(folder())
    till.sell(2)
    till.settle()
    other.sell(3)
    for _ in range(3):
        other.talk(lose="reply")
        other.talk(lose="request")
    other.sell(4)
    other.settle()
    assert other.epoch == 2
    agree(hq, 4, till, other)


# A disk that is set back to an older image.


def test_a_till_that_was_set_back_goes_on_and_has_what_it_lost_from_headquarters(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1, 2)
    till.settle()
    image = till.image(folder())
    till.sell(3, 4, 5)
    till.settle()
    back = till.set_back(image, folder())
    assert back.balance() == 2 * OF_A_SALE
    assert back.settle().count("journal_behind") == 2
    assert (back.epoch, back.balance()) == (2, 5 * OF_A_SALE)
    back.sell(4, 5, 6)  # its software hands in again what it sold that day
    agree(hq, 6, back)


def test_a_till_that_sells_before_it_is_told_that_it_was_set_back(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1)
    image = till.image(folder())
    till.sell(2, 3)
    till.settle()
    back = till.set_back(image, folder())
    back.sell(3, 4)
    back.settle()
    assert (back.epoch, kinds(hq)) == (2, ["fork"])
    agree(hq, 4, back)


def test_what_is_sold_between_the_question_for_an_epoch_and_its_answer_counts(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1)
    till.settle()
    image = till.image(folder())
    till.sell(2)
    till.settle()
    back = till.set_back(image, folder())
    back.talk()
    nonce, identity = os.urandom(16), terminal.read(back.conn)
    body, _ = back.request(nonce)
    answer = back.say(body)
    back.sell(3, 4)
    with transaction(back.conn):
        install(back.conn, open_reply(answer, identity, nonce))
    assert back.epoch == 2
    back.sell(5)
    agree(hq, 5, back)


@pytest.mark.parametrize("sells", [False, True])
def test_a_till_may_be_set_back_again_and_again_to_the_same_image(
    hq: Hq, till: CopiedTill, folder: Folders, sells: bool
) -> None:
    till.sell(1)
    till.settle()
    image = till.image(folder())
    till.sell(2)
    till.settle()
    for number in range(3, 7):
        till = till.set_back(image, folder())
        if sells:
            till.sell(number * 10)
        till.settle()
        till.sell(number)
        till.settle()
    agree(hq, 10 if sells else 6, till)
    assert till.epoch == 5


def test_an_old_request_that_somebody_repeats_begins_no_epoch(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1)
    body, _ = till.request(os.urandom(16))
    till.settle()
    till.sell(2)
    till.settle()
    for _ in range(3):
        till.say(body)
    till.sell(3)
    agree(hq, 3, till)
    assert (till.epoch, kinds(hq)) == (1, [])


def test_an_image_from_before_the_last_epoch_goes_on_in_a_third(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1)
    first = till.image(folder())
    till.sell(2)
    till.settle()
    till = till.set_back(first, folder())
    till.sell(3)
    till.settle()
    second = till.image(folder())
    till.sell(4)
    till.settle()
    till = till.set_back(second, folder())
    till.sell(5)
    till.settle()
    assert till.epoch == 3
    till = till.set_back(first, folder())
    till.sell(6)
    agree(hq, 6, till)


# What was recorded in an older epoch is known in the next.


def test_voids_returns_and_copies_reach_over_from_one_epoch_into_the_next(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1, 2)
    seen = till.visit(CARD, "2026-11-20 10:00", "v1").event
    till.settle()
    other = till.clone(folder())
    till.sell(3)
    till.settle()
    other.sell(4)
    other.settle()
    assert other.epoch == 2
    other.sell(1, 2)
    other.record(returned(original=purchase("2")["receipt"]))
    other.undo(seen)
    assert other.visit(CARD, "2026-11-20 10:00", "v1").repeated
    agree(hq, 3, other, till)


def test_a_visit_that_both_machines_record_under_one_key_is_one(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    till.sell(1)
    other = till.clone(folder())
    for each in (till, other):
        each.visit(CARD, "2026-11-21 10:00", "one")
        each.visit(OTHER_CARD, "2026-11-21 10:00", "other")
    for each in (till, other):
        each.settle()
    assert hq.balances() == {"M1": OF_A_SALE + 10, "M2": 10}
    assert [each.balance(OTHER_CARD) for each in (till, other)] == [10, 10]


def test_an_award_that_a_copy_of_the_disk_knew_nothing_of_is_explained(
    hq: Hq, till: CopiedTill, folder: Folders
) -> None:
    """Of two visits of a day one counts."""
    till.sell(1)
    other = till.clone(folder())
    till.visit(CARD, "2026-11-21 10:00", "one")
    other.visit(CARD, "2026-11-21 11:00", "other")
    for each in (till, other):
        each.settle()
    assert hq.sql("SELECT redeemable, cause FROM award_differences") == [(0, "other_tills")]
    assert kinds(hq) == ["fork"]


# Days.


def test_days_are_closed_over_two_epochs_without_a_gap(hq: Hq, till: CopiedTill, folder: Folders) -> None:
    def wait_until(when: str) -> None:
        till.clock.go_on(at(when) - till.clock.wall)
        hq.clock.now = at(when)

    boot(till)
    wait_until("2026-12-07 08:00")
    assert look(till) == ["2026-12-05", "2026-12-06"]
    till.settle()
    image = till.image(folder())
    till.sell(1)
    till.settle()
    back = till.set_back(image, folder())
    back.record(purchase("2", on="2026-12-07"))
    back.settle()
    assert back.epoch == 2
    wait_until("2026-12-09 08:00")
    assert look(back) == ["2026-12-06", "2026-12-07", "2026-12-08"]
    agree(hq, 2, back)
    assert kinds(hq) == ["fork"]


# Headquarters comes back from a backup.


def brought_back(hq: Hq, backup: Path) -> None:
    hq.leave()
    restore(hq.config, backup, replace=True, random=os.urandom(8), now_ms=EpochMs(hq.clock() + 1000))


def test_tills_hand_in_again_what_a_headquarters_lost(
    hq: Hq, till: CopiedTill, folder: Folders, tmp_path: Path
) -> None:
    till.sell(1, 2)
    till.settle()
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    till.sell(3)
    till.settle()
    brought_back(hq, tmp_path / "backup.db")
    till.sell(4)
    agree(hq, 4, till)
    assert till.epoch == 1


def test_a_headquarters_from_before_an_epoch_has_it_again_from_its_till(
    hq: Hq, till: CopiedTill, folder: Folders, tmp_path: Path
) -> None:
    till.sell(1)
    till.settle()
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    other = till.clone(folder())
    till.sell(2)
    till.settle()
    other.sell(3)
    other.settle()
    other.sell(4)
    other.settle()
    assert other.epoch == 2
    brought_back(hq, tmp_path / "backup.db")
    other.sell(5)
    till.sell(6)
    agree(hq, 6, other, till)
    assert till.epoch != other.epoch


async def test_programmes_that_headquarters_lost_come_back_from_a_till(
    hq: Hq, till: CopiedTill, tmp_path: Path, aiohttp_client: Callable[[Application], Awaitable[Client]]
) -> None:
    back_up(hq.config, tmp_path / "backup.db", hq.clock())
    for version in range(2, 13):
        hq.publish(PROGRAMME.replace("version = 1", f"version = {version}"))
    till.sell(1)
    till.settle()
    brought_back(hq, tmp_path / "backup.db")
    client = await aiohttp_client(build_app(hq.config, hq.clock))
    directed = True
    while directed:
        nonce, identity = os.urandom(16), terminal.read(till.conn)
        answer = await client.post("/v1/exchange", data=till.request(nonce)[0])
        assert answer.status == 200
        reply = open_reply(await answer.read(), identity, nonce)
        with transaction(till.conn):
            install(till.conn, reply)
        directed = bool(reply.directives)
    assert hq.sql("SELECT max(version), count(*) FROM programmes") == [(12, 12)]
    assert outbox.link(till.conn).programmes_above is None


# A long time without a line.


def test_weeks_without_a_line_are_caught_up_in_bounded_chunks_while_sales_go_on(
    hq: Hq, till: CopiedTill
) -> None:
    """Of every three answers one is lost."""
    sync = msgspec.structs.replace(till.config.sync, batches=2, batch_records=10)
    till.config = msgspec.structs.replace(till.config, sync=sync)
    numbers = count(1)
    till.sell(*[next(numbers) for _ in range(200)])
    talks, held = 0, 0
    while till.waiting:
        talks += 1
        till.sell(next(numbers))
        till.talk(lose="reply" if talks % 3 == 0 else "")
        (now,) = hq.sql("SELECT max(seq) FROM heads")[0]
        assert now - held <= 20
        held = now
    agree(hq, next(numbers) - 1, till)
