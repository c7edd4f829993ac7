"""One stream, two databases: the same answers to the byte, and the same of everything that is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from hq_server.store.copying import copy_all
from hq_server.store.database import create, opened
from tests.edge import made
from tests.hq.accounts import PERIOD_RULES, chores
from tests.hq.conftest import PROGRAMME, Hq
from tests.hq.desk import Desk
from tests.hq.real_till import RealTill
from tests.hq.streams import CARDS, Stream
from tests.hq.test_audit import run_audit
from tests.postgresql import Cluster

MEMBERS = "member_id,lookups,home_store\n" + "".join(f"M{n},{card},S012\n" for n, card in enumerate(CARDS))
STEPS = 60
APART = {"migrations", "gate"}
"""Tables of a database's own."""

pytestmark = pytest.mark.sqlite("the other one is made from it")


class HeardTwice(RealTill):
    """A till whose every request a second headquarters answers, too, with the same bytes."""

    second: Hq | None = None
    compared = 0

    def say(self, body: bytes, meanwhile: Callable[[], object] = lambda: None) -> bytes:
        first = super().say(body, meanwhile)
        if self.second is not None:
            own, self.hq = self.hq, self.second
            try:
                assert super().say(body) == first
                self.compared += 1
            finally:
                self.hq = own
        return first


@pytest.fixture
def twin(hq: Hq, postgresql: Cluster) -> Iterator[str]:
    """The URL of a database where nothing is yet."""
    name = postgresql.database()
    yield postgresql.url(name)
    postgresql.drop(name)


def twin_of(hq: Hq, url: str) -> Hq:
    """Return the same headquarters on PostgreSQL: its keys, its rows, its time."""
    target = create(url)
    with opened(hq.config.place) as source:
        copy_all(source, target, lambda _: None)
    target.close()
    return Hq(msgspec.structs.replace(hq.config, database=url), hq.config_path, hq.key, hq.token, hq.clock)


def kept(hq: Hq) -> dict[str, list[list[str]]]:
    """Return what all tables hold, whatever the order of rows and columns."""
    return {
        table: sorted(sorted(map(repr, row)) for row in hq.sql(f"SELECT * FROM {table}"))  # noqa: S608
        for table in hq.tables()
        if table not in APART
    }


@pytest.mark.parametrize("in_order", [True, False])
def test_both_databases_answer_the_same_stream_with_the_same_bytes_and_keep_the_same(
    hq: Hq, twin: str, tmp_path: Path, in_order: bool
) -> None:
    hq.clock.now = made.at(made.NOW)
    hq.members(MEMBERS)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2") + PERIOD_RULES)
    tills = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        tills.append(HeardTwice(tmp_path / name, hq))
    other = twin_of(hq, twin)
    assert kept(other) == kept(hq)
    for till in tills:
        till.second = other
    stream = Stream(7 if in_order else 8, tills, in_order=in_order)
    both = (hq, other)
    later = PROGRAMME.replace("version = 1", "version = 3").replace("per = 1000", "per = 500")
    for number in range(STEPS):
        stream.step()
        if number == STEPS // 3:
            for one in both:
                one.members("member_id,lookups\nM8,2000123456812\n")
                one.publish(later)
        if number == STEPS // 2:
            for one in both:
                Desk(one).merge("M1", "M2")
    for till in tills:
        till.exchange()
    for one in both:
        chores(one)
    assert sum(till.compared for till in tills) >= STEPS // 10
    assert kept(other) == kept(hq)
    assert run_audit(other) == run_audit(hq)
    assert other.exceptions() == hq.exceptions()
    other.leave()
    other.behind.close()
