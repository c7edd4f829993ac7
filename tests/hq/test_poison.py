"""Records on which this release fails when they come: set aside, told, and taken by a release that can."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import pytest
from aiohttp.test_utils import TestClient, TestServer

from hq_server import enrolments, exchange, poison, spread
from hq_server.accept import Terminal
from hq_server.app import build_app
from hq_server.house import House
from hq_server.keeping import Kept
from hq_server.spread import Spread
from hq_server.store.connection import Busy, Transaction
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import PurchaseRecorded
from loyalty_core.journal import Record
from loyalty_core.units import EpochMs
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import Hq, Tills
from tests.hq.events import purchase, visit
from tests.hq.test_audit import run_audit
from tests.hq.test_enrolments import KIM
from tests.hq.till import Till

FAILS = "SELECT subject FROM arrival_exceptions WHERE detail LIKE '%fails on it (KeyError)%' ORDER BY subject"


@contextmanager
def failing_on(*numbers: str, error: Exception | None = None) -> Iterator[None]:
    """Be a release with a fault: it writes rows of a batch with such a purchase in it, and then fails."""

    def spread_all(
        tx: Transaction, house: House, terminal: Terminal, kept: Sequence[Kept], now: EpochMs
    ) -> Spread:
        done = spread.spread(tx, house, terminal, kept, now)
        for says in [says for one in kept for says in one.says if isinstance(says, Record)]:
            if isinstance(says.event, PurchaseRecorded) and says.event.receipt.number in numbers:
                raise error or KeyError(says.event.receipt.number)
        return done

    with patch.object(exchange, "spread", spread_all):
        yield


async def bringing(hq: Hq, tills: Tills, count: int) -> Till:
    """Return a till whose journal has so many purchases of M1, each worth 12 points."""
    hq.members(MEMBERS)
    till = await tills.join()
    for number in range(1, count + 1):
        till.record(purchase(str(number)))
    return till


async def test_records_on_which_headquarters_fails_hold_up_no_other_and_are_taken_later(
    hq: Hq, tills: Tills
) -> None:
    till = await bringing(hq, tills, 8)
    with failing_on("2", "3", "8"):
        reply = await tills.send(till, till.batch(1, 5), till.batch(6))
        assert till.acknowledged(reply) == {1: 8}
        assert hq.sql(FAILS) == [("S012-T01.1.2",), ("S012-T01.1.3",), ("S012-T01.1.8",)]
        assert hq.balances() == {"M1": 60}
        till.record(visit())
        assert till.acknowledged(await tills.send(till)) == {1: 9}
    with pytest.raises(LoyaltyError, match="can be read now and is not taken yet"):
        run_audit(hq)
    async with TestClient(TestServer(build_app(hq.config, hq.clock))) as client:
        await Tills(hq, client).until(lambda: not hq.exceptions())
    assert hq.balances() == {"M1": 8 * 12 + 10}
    run_audit(hq)


@pytest.mark.parametrize("fault", ["whatever comes", "on too many"])
async def test_a_release_that_is_broken_keeps_nothing_and_says_so(hq: Hq, tills: Tills, fault: str) -> None:
    till = await bringing(hq, tills, poison.POISON_MAX + 1)
    numbers = [str(number) for number in range(1, poison.POISON_MAX + 2)]
    broken = patch.object(exchange, "stand", side_effect=KeyError)
    with broken if fault == "whatever comes" else failing_on(*numbers):
        body = till.exchange_request([till.batch()])
        assert await tills.refused("/v1/exchange", body) == (500, "server_failed")
    assert (hq.balances(), hq.exceptions()) == ({}, [])
    assert till.acknowledged(await tills.send(till)) == {1: poison.POISON_MAX + 1}
    assert hq.balances() == {"M1": 12 * (poison.POISON_MAX + 1)}


async def test_who_joined_is_made_a_member_by_a_release_that_can(hq: Hq, tills: Tills) -> None:
    till = await tills.join()
    till.record(till.enrolment(KIM))
    with patch.object(enrolments, "decided", side_effect=KeyError):
        assert till.acknowledged(await tills.send(till)) == {1: 1}
        assert [kind for kind, _ in hq.exceptions()] == ["record_unreadable"]
        async with TestClient(TestServer(build_app(hq.config, hq.clock))) as client:
            await Tills(hq, client).until(
                lambda: [kind for kind, _ in hq.exceptions()] == ["enrolment_waiting"]
            )
        await tills.exchange(till)
        assert [kind for kind, _ in hq.exceptions()] == ["enrolment_waiting"]
    await tills.exchange(till)
    assert hq.exceptions() == []
    assert hq.sql("SELECT state FROM enrolments") == [("made",)]
    run_audit(hq)


async def test_where_others_are_in_the_way_no_record_is_to_blame(hq: Hq, tills: Tills) -> None:
    till = await bringing(hq, tills, 2)
    with failing_on("1", error=Busy("another process holds the database")):
        assert (await tills.refused("/v1/exchange", till.exchange_request([till.batch()])))[0] == 503
    assert hq.exceptions() == []
    assert till.acknowledged(await tills.send(till)) == {1: 2}
