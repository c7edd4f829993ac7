"""What a headquarters that was restored gets back from its tills, and what a till gets back from it."""

from __future__ import annotations

import pytest

from loyalty_core.envelope import seal
from loyalty_core.messages import Directive, ProgrammeText, Wanted, unpack_records
from loyalty_core.wire import pack
from tests.hq.branching import audited, codes, selling
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import purchase
from tests.hq.till import Till, batch_in

SECOND = PROGRAMME.replace("version = 1", "version = 2").replace("points = 1\n", "points = 2\n")


def signed(hq: Hq, text: str, version: int = 2, key: bytes | None = None) -> bytes:
    """Return a version as headquarters signed it before it was restored."""
    return seal("dangol/programme/1", pack(ProgrammeText("moonlight", version, text)), key or hq.key)


async def with_version(hq: Hq, tills: Tills, *envelopes: bytes) -> Till:
    till = await selling(tills, 1)
    till.programme_version, till.programmes = 2, envelopes
    return till


async def test_a_till_that_has_a_later_programme_is_asked_for_it(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    till.programme_version = 1
    assert (await tills.exchange(till)).directives == ()
    till.programme_version = 3
    assert (await tills.exchange(till)).directives == (Directive("programmes", 1),)


async def test_a_version_that_comes_back_counts_from_its_first_day_on(hq: Hq, tills: Tills) -> None:
    envelope = signed(hq, SECOND)
    till = await with_version(hq, tills, envelope)
    other = await tills.join()
    assert codes(await tills.exchange(till)) == []
    assert hq.sql("SELECT text, envelope FROM programmes WHERE version = 2") == [(SECOND, envelope)]
    await tills.until(lambda: not hq.sql("SELECT 1 FROM dirty_days"))
    assert hq.balances() == {"M1": 24}
    assert (await tills.exchange(other)).programmes[-1] == envelope
    till.programmes = ()
    assert (await tills.exchange(till)).directives == ()
    audited(hq)


async def test_bringing_it_again_changes_nothing(hq: Hq, tills: Tills) -> None:
    till = await with_version(hq, tills, signed(hq, SECOND))
    for _ in range(3):
        assert codes(await tills.exchange(till)) == []
    assert hq.sql("SELECT version FROM programmes ORDER BY version") == [(1,), (2,)]
    assert hq.exceptions() == []


@pytest.mark.parametrize(
    ("text", "key", "code"),
    [
        (SECOND, b"k" * 32, "key_unknown"),
        ("version = [", None, "programme_invalid"),
        (SECOND.replace("moonlight", "sunshine"), None, "programme_unlike"),
    ],
    ids=["forged", "unreadable", "another programme"],
)
async def test_what_is_no_version_of_this_programme_is_refused_and_nothing_is_written(
    hq: Hq, tills: Tills, text: str, key: bytes | None, code: str
) -> None:
    till = await with_version(hq, tills, signed(hq, text, key=key))
    till.record(purchase("2"))
    reply = await tills.exchange(till, [till.batch(2)])
    assert (codes(reply), till.acknowledged(reply)) == ([code], {1: 2})
    assert hq.sql("SELECT version FROM programmes") == [(1,)]


async def test_a_version_that_stands_with_another_text_is_an_exception_and_stands(
    hq: Hq, tills: Tills
) -> None:
    hq.publish(SECOND.replace("points = 2\n", "points = 3\n"))
    till = await with_version(hq, tills, signed(hq, SECOND))
    assert codes(await tills.exchange(till)) == []
    assert hq.exceptions() == [("programme_differs", "version 2")]
    assert "points = 3\n" in hq.sql("SELECT text FROM programmes WHERE version = 2")[0][0]


async def test_a_till_gets_back_its_own_batches_that_hold_what_it_wants(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 2)
    for number in ("3", "4", "5"):
        till.record(purchase(number))
        await tills.send(till, till.batch(len(till.records)))
    till.wants = Wanted(1, 2, 4)
    returned = (await tills.exchange(till)).returned
    assert [batch_in(envelope).first_seq for envelope in returned] == [1, 3, 4]
    assert unpack_records(batch_in(returned[0]).packed) == tuple(till.records[:2])
    till.wants = Wanted(2, 1, 4)
    assert (await tills.exchange(till)).returned == ()


async def test_a_copy_gets_back_what_it_wrote_itself_and_no_other(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    copy = till.copied()
    till.record(purchase("2"))
    await tills.send(till, till.batch(2))
    copy.record(purchase("3"))
    await tills.send(copy, copy.batch(2))
    copy.wants = Wanted(1, 1, 9)
    returned = [batch_in(one) for one in (await tills.exchange(copy)).returned]
    assert [unpack_records(batch.packed) for batch in returned] == [
        tuple(copy.records[:1]),
        tuple(copy.records[1:]),
    ]


async def test_no_more_batches_come_back_at_once_than_a_reply_takes(hq: Hq, tills: Tills) -> None:
    till = await selling(tills, 1)
    for number in range(2, 12):
        till.record(purchase(str(number)))
        await tills.send(till, till.batch(number))
    till.wants = Wanted(1, 1, 11)
    first = (await tills.exchange(till)).returned
    assert [batch_in(envelope).first_seq for envelope in first] == list(range(1, 9))
    till.wants = Wanted(1, 9, 11)
    assert len((await tills.exchange(till)).returned) == 3
