"""Who comes to the counter: whoever stands there, or who knows its PIN."""

from __future__ import annotations

from contextlib import AsyncExitStack

import msgspec
import pytest

from edge_agent.config import Counter, EdgeConfig
from edge_agent.counter_pin import PIN_FILE, remove_pin, set_pin
from loyalty_shell.passwords import hashed_password
from tests.edge.cashier.conftest import opened
from tests.edge.cashier.desks import HOME, CashierDesk
from tests.edge.made import CARD, HeldClock, member

LOGIN, LOGOUT, PIN = "/counter/login", "/counter/logout", "482913"


@pytest.fixture
async def closed(agents: AsyncExitStack, config: EdgeConfig) -> CashierDesk:
    """Return a counter that wants its PIN."""
    config = msgspec.structs.replace(config, counter=Counter(access="pin", idle_ms=60_000))
    (config.data_dir / PIN_FILE).write_text(hashed_password(PIN, bytes(16)), "ascii")
    desk = await opened(agents, config, HeldClock())
    await desk.hq_tells(member(balance=3400))
    await desk.go(HOME)
    return desk


async def test_without_the_pin_nobody_is_looked_up(closed: CashierDesk) -> None:
    assert closed.at == LOGIN
    await closed.post("/counter/look", {"code": CARD, "csrf": "x"})
    assert closed.at == LOGIN
    assert "홍*동" not in closed.page


async def test_the_pin_opens_the_counter_and_it_can_be_closed(closed: CashierDesk) -> None:
    await closed.send(LOGIN, pin=PIN)
    assert closed.at == HOME
    assert "홍*동" in await closed.look(CARD)
    await closed.press(LOGOUT)
    assert closed.at == LOGIN
    await closed.go(HOME)
    assert closed.at == LOGIN


async def test_a_wrong_pin_is_said_and_the_next_try_waits(closed: CashierDesk) -> None:
    assert "PIN is wrong" in await closed.send(LOGIN, pin="000000")
    assert "try again in" in await closed.send(LOGIN, pin=PIN)
    closed.clock.go_on(1_000)
    await closed.send(LOGIN, pin=PIN)
    assert closed.at == HOME


@pytest.mark.parametrize("pin", ["482914", None])
async def test_a_new_pin_or_none_closes_what_the_one_before_has_opened(
    closed: CashierDesk, config: EdgeConfig, pin: str | None
) -> None:
    await closed.send(LOGIN, pin=PIN)
    if pin is None:
        remove_pin(config.data_dir)
    else:
        set_pin(config.data_dir, pin, bytes(16))
    await closed.go(HOME)
    assert closed.at == LOGIN


async def test_a_counter_that_nobody_uses_closes(closed: CashierDesk) -> None:
    await closed.send(LOGIN, pin=PIN)
    closed.clock.go_on(60_000)
    await closed.go(HOME)
    assert closed.at == LOGIN


async def test_where_no_pin_is_set_it_is_said_who_sets_one(
    agents: AsyncExitStack, config: EdgeConfig
) -> None:
    config = msgspec.structs.replace(config, counter=Counter(access="pin"))
    desk = await opened(agents, config, HeldClock())
    await desk.go(HOME)
    assert "edge-agent counter-pin" in await desk.send(LOGIN, pin=PIN)


async def test_a_counter_without_a_pin_asks_for_none(desk: CashierDesk) -> None:
    await desk.go(LOGIN)
    assert desk.at == HOME
    assert LOGOUT not in desk.page
