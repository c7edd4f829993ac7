"""A headquarters that is attacked."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.hq.conftest import Hq
from tests.hq.events import purchase, visit
from tests.hq.hostile.attacked import MEMBERS, TRIES_A_MINUTE, House
from tests.hq.wire import joined, listening, post


@pytest.fixture
async def house(hq: Hq) -> AsyncIterator[House]:
    hq.members(MEMBERS)
    async with listening(
        hq, terminal_requests_a_minute=TRIES_A_MINUTE, terminal_bytes_a_minute=1 << 40
    ) as wire:
        till, other = await joined(wire, hq), await joined(wire, hq)
        for one in (till, other):
            one.record(purchase(one.terminal_id))
            assert (await wire.ask(post("/v1/exchange", one.exchange_request([one.batch()]))))[0] == 200
            one.record(visit())
        assert (await wire.ask(post("/v1/exchange", till.exchange_request())))[0] == 200
        yield House(hq, wire, till, other)
