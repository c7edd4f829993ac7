"""A flipped bit in what HQ told of members: nobody gets another's points, and HQ tells it again."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.app import build_app
from edge_agent.repair.repairing import repair
from edge_agent.status import lines, status
from edge_agent.store import members
from edge_agent.store.database import Connection, connect
from loyalty_core.lookups import hashed
from loyalty_core.messages import Page
from tests.edge.fake_hq import FakeHq
from tests.edge.flips import TABLES, bits_of, lived, wrongs
from tests.edge.made import CARD, OTHER_CARD, STORE_KEY, config_of, member, purchase
from tests.edge.repair.test_repairing import found, spoil
from tests.edge.sync.linked_till import LinkedTill
from tests.edge.till import Till

BITS_TRIED = 12
TOLD = (member("M1"), member("M3", OTHER_CARD))
UNKNOWN = hashed(f"card:{CARD}", STORE_KEY)
"""The account of a card that nobody is known to have."""
NAMES_ANOTHER = "UPDATE member_look_up SET member_id = 'M3' WHERE member_id = 'M1'"
DAMAGE = {
    "look-up names another": NAMES_ANOTHER,
    "look-up names nobody": "UPDATE member_look_up SET member_id = 'Q1' WHERE member_id = 'M1'",
    "look-up is no text": "UPDATE member_look_up SET member_id = CAST(x'B1' AS TEXT) WHERE member_id = 'M1'",
    "look-up's check sum": "UPDATE member_look_up SET crc = crc + 1 WHERE member_id = 'M1'",
    "balance": "UPDATE member SET balance = balance | 4096 WHERE member_id = 'M1'",
    "tier": "UPDATE member SET tier = 'GOLD' WHERE member_id = 'M1'",
    "name": "UPDATE member SET masked_name = CAST(x'FF41' AS TEXT) WHERE member_id = 'M1'",
    "id": "UPDATE member SET member_id = 'Q1' WHERE member_id = 'M1'",
    "stamp": "UPDATE member SET stamp_seq = 64 WHERE member_id = 'M1'",
    "more": "UPDATE member SET more = CAST(x'FF' || more AS BLOB) WHERE member_id = 'M1'",
    "check sum": "UPDATE member SET crc = crc + 1 WHERE member_id = 'M1'",
}


@pytest.fixture
async def linked(tmp_path: Path, hq: FakeHq) -> AsyncIterator[LinkedTill]:
    """Return a till that was told of two members."""
    config = config_of(tmp_path)
    hq.enrol(config)
    linked = LinkedTill(config, hq)
    hq.pages = [Page(3, 0, 5, TOLD)]
    await linked.turn()
    yield linked
    await linked.close()


def is_told(till: Till) -> bool:
    told = status(till.conn, till.config, till.clock)
    assert told.member_damaged == ("(member_damaged)" in lines(told)[0])
    return told.member_damaged


@pytest.mark.parametrize("table", TABLES)
def test_whichever_bit_flips_nobody_gets_anothers_points_or_balance(till: Till, table: str) -> None:
    whole = lived(till)
    bits = bits_of(till, whole, table)
    ended: Counter[str] = Counter()
    assert list(wrongs(till, whole, bits[:: len(bits) // BITS_TRIED], ended)) == []
    assert ended["known"] > 0


def test_a_row_that_a_damaged_page_gives_for_another_is_nobodys(till: Till) -> None:
    """SQLite puts what its header calls no text behind all texts, and finds it for what it is not."""
    whole = lived(till)
    headers = [one.start() for one in re.finditer(rb"\x51\x11[\x04\x05]h:", whole)]
    assert len(headers) == 4, "two look-ups of two members"
    assert list(wrongs(till, whole, [8 * place for place in headers], Counter())) == []


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_member_is_sold_to_by_card_and_told_of(till: Till, damage: str) -> None:
    till.appear(*TOLD)
    spoil(till.config.database, DAMAGE[damage])
    fault = found(till.config.database)
    assert fault is not None
    assert fault.code in {"member_damaged", "database_damaged"}
    assert not is_told(till), "who only reads notes nothing"
    outcome = till.record(purchase("1"))
    assert (outcome.account, outcome.redeemable) == (UNKNOWN, 12)
    assert till.records()[-1].event.member == f"card:{CARD}"
    assert is_told(till)
    assert till.record(purchase("2", member=OTHER_CARD)).account == "id:M3"


def test_a_member_whose_row_is_damaged_is_not_taken_for_who_has_the_other_spelling(till: Till) -> None:
    till.appear(*TOLD)
    spoil(till.config.database, "UPDATE member SET crc = crc + 1 WHERE member_id = 'M1'")
    look_ups = [hashed(f"card:{card}", STORE_KEY) for card in (CARD, OTHER_CARD)]
    assert members.find(till.conn, look_ups) is None
    assert members.find(till.conn, [look_ups[0], "h:none", look_ups[1]]) is None


def test_who_only_reads_takes_a_damaged_member_for_unknown_and_notes_nothing(till: Till) -> None:
    till.appear(*TOLD)
    spoil(till.config.database, DAMAGE["balance"])
    with closing(connect(till.config.database, read_only=True)) as conn:
        assert members.find(conn, [UNKNOWN]) is None
        assert members.read(conn, "M1") is None
    assert not is_told(till)
    assert members.read(till.conn, "M1") is None
    assert is_told(till)


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_repair_leaves_out_what_is_damaged(till: Till, damage: str) -> None:
    till.appear(*TOLD)
    spoil(till.config.database, DAMAGE[damage])
    assert repair(till.config, till.clock).fault is None
    assert is_told(till), "HQ has not told it again yet"
    assert till.record(purchase("1", member=OTHER_CARD)).account == "id:M3"


def test_members_of_an_earlier_release_are_guarded_from_the_next_start_on(till: Till) -> None:
    till.appear(*TOLD)
    till.conn.execute("UPDATE member SET crc = NULL")
    till.conn.execute("UPDATE member_look_up SET crc = NULL")
    assert till.record(purchase("1")).account == "id:M1"
    build_app(till.config, till.clock)
    spoil(till.config.database, NAMES_ANOTHER)
    assert till.record(purchase("2")).account == UNKNOWN


async def known_of(linked: LinkedTill, card: str) -> tuple[str | None, bool]:
    """Return whose a card is, and whether damage is told of."""

    def job(conn: Connection) -> tuple[str | None, bool]:
        owner = linked.recorder.owner(conn, linked.recorder.books(conn), card)
        assert owner is not None
        return owner.account, status(conn, linked.config, linked.clock).member_damaged

    return await linked.reader.do(job)


@pytest.mark.parametrize("damage", DAMAGE)
async def test_headquarters_is_asked_again_and_the_member_gets_what_was_sold_meanwhile(
    linked: LinkedTill, hq: FakeHq, damage: str
) -> None:
    spoil(linked.config.database, DAMAGE[damage])
    await linked.sell(1)
    assert await known_of(linked, CARD) == (UNKNOWN, True)
    hq.pages = []
    assert await linked.turn() == 0, "it is asked at once"
    assert await linked.cursor(3) == 0
    assert await known_of(linked, OTHER_CARD) == ("id:M3", True), "sound rows stay"
    hq.pages = [Page(3, 0, 5, TOLD)]
    await linked.turn()
    assert await known_of(linked, CARD) == ("id:M1", False)
    assert (await linked.balance(), await linked.members()) == (112, ["M1", "M3"])


async def test_an_answer_that_a_damaged_index_keeps_out_is_taken_the_next_time(
    linked: LinkedTill, hq: FakeHq
) -> None:
    """SQLite does not replace a row of which an index says something else."""
    index = "name = 'member_look_up_by_member'"
    with closing(connect(linked.config.database)) as conn:
        conn.execute("PRAGMA writable_schema=1")
        kept = conn.execute(f"SELECT * FROM sqlite_schema WHERE {index}").fetchone()  # noqa: S608
        conn.execute(f"DELETE FROM sqlite_schema WHERE {index}")  # noqa: S608
    spoil(
        linked.config.database, "UPDATE member_look_up SET member_id = 'M3', crc = 0 WHERE member_id = 'M1'"
    )
    with closing(connect(linked.config.database)) as conn:
        conn.execute("PRAGMA writable_schema=1")
        conn.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", kept)
    hq.pages = [Page(3, 5, 6, TOLD)]
    await linked.turn()
    assert await known_of(linked, CARD) == (UNKNOWN, True)
    await linked.turn()
    hq.pages = [Page(3, 0, 6, TOLD)]
    await linked.turn()
    assert await known_of(linked, CARD) == ("id:M1", False)
