"""Ten thousand messages from a seed that are damaged, or signed and ill formed."""

from __future__ import annotations

import random
from collections import Counter
from functools import partial

import pytest

from hq_server.accept import open_exchange
from hq_server.enrol import open_enrol
from hq_server.store.connection import Transaction
from hq_server.web_context import DATABASE
from loyalty_core.envelope import PayloadType, peek, seal
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import (
    Refusal,
)
from loyalty_core.units import EpochMs
from tests import hostile
from tests.hostile import damaged
from tests.hq.hostile.attacked import CODES, House
from tests.hq.till import NOW_MS
from tests.hq.wire import code_of, post

MUTANTS = 10_000


LINE_SHARE = 10
"""One of so many goes over a socket through all of the server; of the others it is asked what it would do."""


def mutant(house: House, honest: dict[str, bytes], chance: random.Random) -> tuple[str, bytes]:
    """Return one forged request and where it goes."""
    what: PayloadType = chance.choice(
        ("dangol/exchange/1", "dangol/exchange/1", "dangol/batch/1", "dangol/enrol/1")
    )
    body = honest[what]
    if chance.random() < 0.6:
        body = damaged(chance, body)
    else:
        payload = chance.choice(hostile.MUTATIONS)(chance, peek(body, what)[1])
        body = seal(what, payload, house.till.key)
    if what == "dangol/batch/1":
        body = house.exchange(body)
    return "/v1/enrol" if what == "dangol/enrol/1" else "/v1/exchange", body


def opened_as(path: str, body: bytes, tx: Transaction) -> set[str]:
    """Look at a request as the server does before it writes; return the codes by which it is refused."""
    try:
        if path == "/v1/enrol":
            open_enrol(body)
            return {"nothing"}
        runs = open_exchange(tx, body, "moonlight", EpochMs(NOW_MS)).runs
    except LoyaltyError as error:
        return {error.code}
    return {run.code if isinstance(run, Refusal) else "nothing" for run in runs} or {"nothing"}


@pytest.mark.sqlite("long, and what it looks at comes before the database")
async def test_ten_thousand_mutants_are_refused_and_counted_and_nothing_is_written(house: House) -> None:
    chance = random.Random(2026)
    honest = {
        "dangol/exchange/1": house.exchange(house.batch()),
        "dangol/batch/1": house.batch(),
        "dangol/enrol/1": house.till.enrol_request(house.hq.invite()),
    }
    before, told = house.content(), Counter[str]()
    async with house.wire.line() as ask:
        for number in range(MUTANTS):
            path, body = mutant(house, honest, chance)
            if number % LINE_SHARE:
                assert await house.wire.app[DATABASE].read(partial(opened_as, path, body)) <= CODES
                continue
            status, answer = await ask(post(path, body))
            if status == 200:
                told.update(one.code for one in house.said(answer).refusals)
            else:
                assert 400 <= status < 500
                told[code_of(answer)] += 1
    assert told.total() == MUTANTS // LINE_SHARE
    assert set(told) <= CODES | {"body_too_large", "enrol_too_many"}
    assert house.counted() == told
    assert house.content() == before
    reply = await house.send(house.batch())
    assert house.till.acknowledged(reply) == {1: 2}, "what was kept back is taken as if nothing had been"
