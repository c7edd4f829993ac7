"""Whoever guesses PINs waits longer and longer; no restart, boot or clock cuts it short."""

from __future__ import annotations

import asyncio
import stat

import pytest

from edge_agent.counter_pin import PIN_FILE, remove_pin, set_pin
from edge_agent.store.wrong_pins import ALL, FREE, WAIT_MAX_MS
from edge_agent.technicians import REFUSED_NOTED_EVERY_MS
from loyalty_core.errors import BadInput
from tests.edge.log_in.gate import HOUR_MS, PIN, WRONG, Gate, shown


async def wrong_in_a_row(gate: Gate, times: int) -> None:
    """Try wrong PINs, each as soon as that is allowed."""
    for number in range(times):
        assert await gate.refusal(pin=WRONG) == "pin_wrong"
        gate.goes_on(min(1000 << number, WAIT_MAX_MS))


async def test_each_wrong_pin_doubles_the_wait_up_to_a_quarter_of_an_hour(gate: Gate) -> None:
    waits = [min(1000 << number, WAIT_MAX_MS) for number in range(12)]
    for wait_ms in waits:
        assert await gate.refusal(pin=WRONG) == "pin_wrong"
        gate.waits(wait_ms - 1)
        assert await gate.refusal() == "log_in_later"
        gate.waits(1)
    assert waits[-1] == WAIT_MAX_MS
    assert (await gate.let_in()).person == "Han"
    assert await gate.refusal(pin=WRONG) == "pin_wrong"
    gate.goes_on(1000)
    assert (await gate.let_in()).person == "Han"


@pytest.mark.parametrize("moved_ms", [-HOUR_MS, 0, HOUR_MS])
async def test_neither_a_restart_nor_a_clock_cuts_a_wait_short(gate: Gate, moved_ms: int) -> None:
    await wrong_in_a_row(gate, 3)
    assert await gate.refusal(pin=WRONG) == "pin_wrong"
    gate.clock.wall += moved_ms
    await gate.restart()
    assert await gate.refusal() == "log_in_later"
    gate.goes_on(7_999)
    assert await gate.refusal() == "log_in_later"
    gate.goes_on(1)
    assert (await gate.let_in()).person == "Han"


async def test_a_wait_begins_again_with_a_boot(gate: Gate) -> None:
    await wrong_in_a_row(gate, 3)
    assert await gate.refusal(pin=WRONG) == "pin_wrong"
    gate.goes_on(7_999)
    gate.boot(1_000)
    await gate.restart()
    gate.goes_on(7_999)
    assert await gate.refusal() == "log_in_later"
    gate.goes_on(1)
    assert (await gate.let_in()).person == "Han"


async def test_a_try_that_a_power_cut_ends_was_counted(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: object) -> bool:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("edge_agent.technicians._is_pin", cut)
        with pytest.raises(KeyboardInterrupt):
            await gate.let_in()
    await gate.restart()
    assert await gate.refusal() == "log_in_later"


async def test_thousands_of_tries_at_once_are_a_few(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = 0

    def counted(*_: object) -> bool:
        nonlocal tried
        tried += 1
        return False

    monkeypatch.setattr("edge_agent.technicians._is_pin", counted)
    codes = await asyncio.gather(*[gate.refusal(pin=WRONG) for _ in range(2000)])
    assert (codes.count("pin_wrong"), codes.count("log_in_later"), tried) == (1, 1999, 1)
    assert len(gate.actions()) == 1


async def test_who_has_another_pass_is_held_up_by_many_wrong_ones_only(gate: Gate) -> None:
    other = shown(person="Seo", pass_id="P2")
    assert await gate.refusal(pin=WRONG) == "pin_wrong"
    assert (await gate.let_in(other)).person == "Seo"
    for _ in range(FREE[ALL]):
        gate.waits(WAIT_MAX_MS)
        assert await gate.refusal(pin=WRONG) == "pin_wrong"
    assert (await gate.let_in(other)).person == "Seo"
    for _ in range(FREE[ALL] + 1):
        gate.waits(WAIT_MAX_MS)
        assert await gate.refusal(pin=WRONG) == "pin_wrong"
    assert await gate.refusal(other) == "log_in_later"


async def test_a_pass_that_is_not_good_costs_nobody_a_wait(gate: Gate) -> None:
    for _ in range(50):
        assert await gate.refusal(shown(key=b"o" * 32)) == "pass_wrong_key"
    assert (await gate.let_in()).person == "Han"


async def test_refusals_fill_no_journal(gate: Gate) -> None:
    for _ in range(5):
        await gate.refusal("12")
        await gate.refusal(pin=WRONG)
    assert gate.actions() == [("", "log_in_refused", "pass_malformed")]
    gate.goes_on(REFUSED_NOTED_EVERY_MS)
    assert await gate.refusal(pin=WRONG) == "pin_wrong"
    assert gate.actions()[1:] == [("Han", "log_in_refused", "pin_wrong")]


async def test_the_counters_pin_lets_in_and_makes_who_guesses_wait(gate: Gate) -> None:
    with pytest.raises(BadInput, match="no PIN is set"):
        await gate.log_in.cashier(PIN)
    set_pin(gate.config.data_dir, PIN, bytes(16))
    assert stat.S_IMODE((gate.config.data_dir / PIN_FILE).stat().st_mode) == 0o600
    await gate.log_in.cashier(PIN)
    with pytest.raises(BadInput, match="the PIN is wrong"):
        await gate.log_in.cashier(WRONG)
    await gate.restart()
    with pytest.raises(BadInput, match="try again in 1 s"):
        await gate.log_in.cashier(PIN)
    assert (await gate.let_in()).person == "Han"
    gate.goes_on(1000)
    await gate.log_in.cashier(PIN)
    assert remove_pin(gate.config.data_dir)


async def test_a_damaged_file_is_no_pin(gate: Gate) -> None:
    (gate.config.data_dir / PIN_FILE).write_bytes(b"$argon2id$v=19$m=8,t=1,p=1$AAAA$\n")
    with pytest.raises(BadInput, match="the PIN is wrong"):
        await gate.log_in.cashier(PIN)
