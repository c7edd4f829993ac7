"""No clock that is set back revives a pass, and one that was ahead heals by HQ's word."""

from __future__ import annotations

import pytest

from tests.edge.log_in.gate import GIVEN, HOUR_MS, Gate, listed

LEFT_MS = 7 * HOUR_MS
"""How long the pass is good still."""
MINUTE_MS = 60_000


async def test_a_clock_that_is_set_back_revives_no_pass(gate: Gate) -> None:
    actor = await gate.let_in()
    gate.goes_on(LEFT_MS)
    assert await gate.refusal() == "pass_expired"
    gate.clock.wall -= 6 * HOUR_MS
    assert await gate.refusal() == "pass_expired"
    assert gate.ended(actor) == "pass_expired"
    await gate.restart()
    assert await gate.refusal() == "pass_expired"


async def test_time_goes_on_while_the_wall_clock_is_held(gate: Gate) -> None:
    gate.clock.wall -= 24 * HOUR_MS
    assert (await gate.let_in()).person == "Han"
    for _ in range(7):
        gate.goes_on(HOUR_MS)
        gate.clock.wall -= HOUR_MS
    assert await gate.refusal() == "pass_expired"


async def test_what_time_it_was_is_known_after_a_boot(gate: Gate) -> None:
    gate.goes_on(LEFT_MS + 10 * MINUTE_MS)
    await gate.log_in.look()
    gate.boot(-48 * HOUR_MS)
    await gate.restart()
    assert await gate.refusal() == "pass_expired"


async def test_a_look_at_the_clock_writes_only_when_ten_minutes_have_passed(gate: Gate) -> None:
    commits = gate.writer.commits
    gate.goes_on(10 * MINUTE_MS - 1)
    await gate.log_in.look()
    assert gate.writer.commits == commits
    gate.goes_on(1)
    await gate.log_in.look()
    assert gate.writer.commits == commits + 1


async def test_a_clock_that_was_ahead_heals_by_hqs_word(gate: Gate) -> None:
    gate.clock.wall += 300 * 24 * HOUR_MS
    await gate.log_in.look()
    gate.clock.wall -= 300 * 24 * HOUR_MS
    assert await gate.refusal() == "pass_expired"
    gate.hears()
    assert (await gate.let_in()).person == "Han"


async def test_a_clock_that_is_years_ahead_is_not_believed_and_leaves_nothing_behind(gate: Gate) -> None:
    gate.clock.wall += 20 * 365 * 24 * HOUR_MS
    assert await gate.refusal() == "pass_expired"
    await gate.log_in.look()
    gate.clock.wall -= 20 * 365 * 24 * HOUR_MS
    assert (await gate.let_in()).person == "Han"


@pytest.mark.parametrize("asked_first", [True, False])
async def test_a_stick_heals_what_was_noted_before_it_was_asked_for_and_nothing_later(
    gate: Gate, *, asked_first: bool
) -> None:
    told_ms = gate.clock.wall_ms()
    nonce = gate.asked() if asked_first else b""
    gate.goes_on(LEFT_MS)
    assert await gate.refusal() == "pass_expired"
    gate.clock.wall = told_ms
    gate.hears(at_ms=told_ms, nonce=nonce or gate.asked())
    if asked_first:
        assert await gate.refusal() == "pass_expired"
    else:
        assert gate.ended(await gate.let_in()) is None


async def test_a_word_by_stick_goes_on_by_the_machines_clock_from_the_next_look(gate: Gate) -> None:
    gate.hears(listed(2), nonce=gate.asked())
    gate.clock.wall -= 24 * HOUR_MS
    await gate.log_in.look()
    gate.goes_on(GIVEN.until_ms - GIVEN.from_ms)
    assert await gate.refusal() == "pass_expired"


async def test_a_time_that_is_not_what_was_noted_keeps_nobody_out(gate: Gate) -> None:
    gate.conn.execute("UPDATE time_mark SET at_ms = at_ms + 1000000000000")
    assert (await gate.let_in()).person == "Han"
