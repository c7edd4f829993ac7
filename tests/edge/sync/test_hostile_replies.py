"""What somebody between a till and headquarters may send in its place: dropped, counted, nothing kept.

He has every reply that was ever sent, and no key; one who has taken headquarters' place has less than that.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter

import msgspec
import pytest
from aiohttp import ClientSession

from edge_agent.store import programmes, terminal
from edge_agent.store.database import Connection
from edge_agent.sync.exchange import LinkError, post
from edge_agent.sync.install import open_reply
from loyalty_core.envelope import PayloadType, peek, seal
from loyalty_core.messages import Acknowledgement, Page, Reply
from loyalty_core.wire import pack, unpack
from tests import hostile
from tests.edge.fake_hq import OTHER_KEY, FakeHq
from tests.edge.made import HQ_KEY, LIFE, MOONLIGHT, member, programme
from tests.edge.sync.linked_till import LinkedTill

MUTANTS = 5_000
CODES = {"hq_nonsense", "hq_wrong_key", "hq_stale"}
NOTES = {"link", "link_span", "sqlite_sequence"}
"""Where the till notes how the link is."""


def content(conn: Connection) -> dict[str, str]:
    """Return a digest of every table but those that say how the link is."""
    names = {name for (name,) in conn.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")} - NOTES
    rows = {name: conn.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}  # noqa: S608
    return {
        name: hashlib.sha256(repr(sorted(found, key=repr)).encode()).hexdigest()
        for name, found in rows.items()
    }


class Between:
    """Somebody on the line: keeps what headquarters says, and says something else in its place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.kept: list[bytes] = []
        self.instead: bytes | None = None

        async def passing(session: ClientSession, url: str, body: bytes) -> bytes:
            if self.instead is not None:
                return self.instead
            self.kept.append(await post(session, url, body))
            return self.kept[-1]

        monkeypatch.setattr("edge_agent.sync.loop.exchange.post", passing)


@pytest.fixture
def between(monkeypatch: pytest.MonkeyPatch) -> Between:
    return Between(monkeypatch)


def outcomes(till: LinkedTill) -> Counter[str]:
    """Return how often an exchange ended how."""
    return Counter({one.labels[0][1]: int(one.value) for one in till.loop.exchanges.family().samples})


async def test_a_reply_that_comes_again_is_dropped_however_often_and_counted(
    till: LinkedTill, hq: FakeHq, between: Between
) -> None:
    """So nobody freezes a till at an old state: it knows that it has heard nothing new."""
    await till.sell(1)
    hq.pages = [Page(3, 0, 5, (member(),))]
    await till.turn()
    answered_at_ms = (await till.link()).answered_at_ms
    await till.sell(2)
    before = await till.reader.do(content)
    for reply in between.kept * 3:
        between.instead = reply
        till.clock.go_on(60_000)
        await till.turn()
        assert (await till.link()).error_code == "hq_stale"
    assert await till.reader.do(content) == before
    assert outcomes(till) == {"ok": 1, "hq_stale": 3}
    assert (await till.link()).answered_at_ms == answered_at_ms
    between.instead = None
    await till.turn()
    assert await till.waiting() == 0


PURPOSES: list[PayloadType] = [
    "dangol/receipt/1",
    "dangol/programme/1",
    "dangol/enrolled/1",
    "dangol/coupon/1",
]


@pytest.mark.parametrize("purpose", PURPOSES)
async def test_what_headquarters_signed_for_another_purpose_is_no_reply(
    till: LinkedTill, between: Between, purpose: PayloadType
) -> None:
    await till.turn()
    before = await till.reader.do(content)
    between.instead = seal(purpose, peek(between.kept[0], "dangol/reply/1")[1], HQ_KEY)
    await till.turn()
    assert (await till.link()).error_code == "hq_wrong_key"
    assert await till.reader.do(content) == before


async def test_five_thousand_mutants_of_a_reply_are_dropped_with_a_code_and_nothing_is_kept(
    till: LinkedTill, hq: FakeHq, between: Between
) -> None:
    """Damaged on the line; or signed by headquarters' key, and of a form that it must not have."""
    hq.pages = [Page(3, 0, 5, (member(),))]
    hq.programmes = [programme(8)]
    await till.sell(1)
    await till.turn()
    (reply,) = between.kept
    payload = peek(reply, "dangol/reply/1")[1]
    nonce = unpack(payload, Reply).nonce
    identity, before = await till.reader.do(terminal.read), await till.reader.do(content)
    chance, told = random.Random(7), Counter[str]()
    for number in range(MUTANTS):
        if number % 2:
            forged = hostile.damaged(chance, reply)
        else:
            forged = seal("dangol/reply/1", chance.choice(hostile.MUTATIONS)(chance, payload), HQ_KEY)
        with pytest.raises(LinkError) as refused:
            open_reply(forged, identity, nonce)
        told[refused.value.code] += 1
        if number % 500 == 0:
            between.instead = forged
            await till.turn()
            assert (await till.link()).error_code in CODES
    assert set(told) <= CODES
    assert told["hq_nonsense"] > MUTANTS // 2
    assert await till.reader.do(content) == before
    counted = outcomes(till)
    assert counted.total() == 1 + MUTANTS // 500
    assert set(counted) <= CODES | {"ok"}


async def test_what_another_till_was_told_is_not_told_to_this_one(till: LinkedTill, hq: FakeHq) -> None:
    """An acknowledgement that headquarters made for another terminal says nothing of this one's journal."""
    await till.sell(1)
    head = hq.journal("S012-T09", 1)
    other = Acknowledgement("S012-T09", 1, 0, 1, head.hashes[0], LIFE)
    hq.silent = True
    hq.change_reply = lambda reply: msgspec.structs.replace(
        reply, receipts=(seal("dangol/receipt/1", pack(other), HQ_KEY),)
    )
    await till.turn()
    assert await till.waiting() == 1
    forged = msgspec.structs.replace(other, terminal_id="S012-T03")
    hq.change_reply = lambda reply: msgspec.structs.replace(
        reply, receipts=(seal("dangol/receipt/1", pack(forged), OTHER_KEY),)
    )
    await till.turn()
    assert ((await till.link()).error_code, await till.waiting()) == ("hq_wrong_key", 1)


async def test_an_older_programme_that_comes_again_rules_nothing(till: LinkedTill, hq: FakeHq) -> None:
    double = MOONLIGHT.replace("points = 1\nper", "points = 2\nper")
    triple = MOONLIGHT.replace("points = 1\nper", "points = 3\nper")
    hq.programmes = [programme(8, double)]
    await till.turn()
    before = await till.reader.do(programmes.envelopes)
    hq.programmes = [programme(7, triple), programme(7), programme(8)]
    await till.turn()
    assert await till.reader.do(programmes.envelopes) == before, "of a version the first stands"
    hq.programmes = [programme(6, triple)]
    await till.turn()
    await till.sell(1)
    assert (await till.balance(), await till.reader.do(programmes.highest)) == (24, 8)
