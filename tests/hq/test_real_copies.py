"""Two machines of the real agent with the data of one disk: once they have talked, all show the same."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from edge_agent.recorder import Recorder
from edge_agent.store import terminal
from edge_agent.store.database import transaction
from edge_agent.store.migrations import open_database
from edge_agent.sync.install import install, open_reply
from loyalty_core.messages import Ask, Reply
from tests.edge import made
from tests.edge.made import CARD, NOW, purchase
from tests.hq.accounts import PERIOD_RULES
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.real_till import RealTill
from tests.hq.streams import Stream
from tests.hq.test_audit import run_audit
from tests.hq.test_real_till import EVERYBODY, held, joined, shown


class CopiedTill(RealTill):
    """A till that may be refused for what its disk holds, and a copy of whatever disk it is given."""

    def __init__(self, folder: Path, of: RealTill) -> None:
        self.hq, self.key, self.terminal_id = of.hq, of.key, of.terminal_id
        self.config = made.config_of(folder)
        self.config.data_dir.mkdir(parents=True)
        of.conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copyfile(of.config.database, self.config.database)
        self.clock = made.HeldClock(NOW)
        self.conn = open_database(self.config.database)
        self.recorder = Recorder(self.config, self.clock)

    def exchange_once(self, asks: tuple[Ask, ...] = ()) -> tuple[Reply, bool]:
        nonce, identity = os.urandom(16), terminal.read(self.conn)
        body, sent = self.request(nonce, asks)
        reply = open_reply(self.say(body), identity, nonce)
        with transaction(self.conn):
            installed = install(self.conn, reply)
        return reply, sent > 0 or installed.moved

    @property
    def epoch(self) -> int:
        return terminal.read(self.conn).epoch


def talk(*tills: RealTill) -> None:
    """Let tills talk by turns until nobody has anything more to say."""
    for _ in range(50):
        more = [till.exchange_once()[1] for till in tills]
        if not any(more):
            return
    raise AssertionError("they go on talking")


@pytest.mark.parametrize("seed", range(3))
def test_two_copies_and_an_older_image_show_the_same_once_all_have_talked(
    hq: Hq, tmp_path: Path, seed: int
) -> None:
    hq.members(EVERYBODY)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + PERIOD_RULES)
    (first,) = joined(hq, tmp_path, count=1)
    stream = Stream(seed, [first], in_order=False)
    for _ in range(15):
        stream.step()
    image = CopiedTill(tmp_path / "image", first)
    first.exchange()
    for _ in range(15):
        stream.step()
    first.exchange()
    tills = [CopiedTill(tmp_path / name, first) for name in ("one", "other")]
    both = Stream(seed + 10, [*tills, image], in_order=False)
    for _ in range(30):
        both.step()
    talk(*tills, image)
    talk(*tills, image)
    for till in (*tills, image):
        assert shown(till) == held(hq)
    run_audit(hq)


def test_a_till_that_was_set_back_goes_on_in_an_epoch_of_its_own(hq: Hq, tmp_path: Path) -> None:
    hq.members(EVERYBODY)
    (first,) = joined(hq, tmp_path, count=1)
    first.record(purchase("1"))
    first.exchange()
    image = CopiedTill(tmp_path / "image", first)
    first.record(purchase("2"))
    first.exchange()
    talk(image)
    assert image.epoch == 2
    assert image.balance(CARD) == hq.balances()["M1"]
    image.record(purchase("3"))
    assert image.balance(CARD) == hq.balances()["M1"] + 12
    talk(image)
    assert image.balance(CARD) == hq.balances()["M1"] == 36
    again = CopiedTill(tmp_path / "again", image)
    talk(again)
    assert again.epoch == 2
    assert [kind for kind, _ in hq.exceptions()] == ["journal_behind"]
    run_audit(hq)


def test_a_copy_that_sells_goes_on_in_an_epoch_of_its_own_and_voids_what_it_recorded_before(
    hq: Hq, tmp_path: Path
) -> None:
    hq.members(EVERYBODY)
    (first,) = joined(hq, tmp_path, count=1)
    first.visit(CARD, "2026-11-20 10:00", "v1")
    first.exchange()
    copy = CopiedTill(tmp_path / "copy", first)
    first.record(purchase("1"))
    copy.record(purchase("2"))
    talk(first, copy)
    assert (terminal.read(first.conn).epoch, copy.epoch) == (1, 2)
    copy.visit(CARD, "2026-11-20 10:00", "v1")
    copy.record(purchase("3"))
    talk(first, copy)
    talk(first, copy)
    assert first.balance(CARD) == copy.balance(CARD) == hq.balances()["M1"] == 3 * 12 + 10
    run_audit(hq)
