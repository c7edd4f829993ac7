"""Who is let in with a pass and a PIN where no network is, and when that ends."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.technicians import technicians_known
from loyalty_core.messages import Incarnation
from loyalty_core.passes import PASS_MS_MAX
from tests.edge.log_in.gate import GIVEN, HOUR_MS, PIN, WRONG, Gate, listed, shown
from tests.edge.made import at


async def test_who_shows_a_pass_and_knows_the_pin_is_let_in_and_the_journal_has_it(gate: Gate) -> None:
    actor = await gate.let_in()
    assert (actor.person, actor.pass_id, actor.role) == ("Han", "P1", "technician")
    assert gate.ended(actor) is None
    assert gate.actions() == [("Han", "log_in", "ok")]


async def test_a_pass_for_the_store_lets_an_observer_in(gate: Gate) -> None:
    actor = await gate.let_in(shown(terminals=(), stores=("S012",), role="observer"))
    assert actor.role == "observer"


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("pass_for_another_till", {"terminals": ("S012-T04",)}),
        ("pass_for_another_till", {"terminals": (), "stores": ("S013",)}),
        ("pass_not_yet", {"from_ms": at("2026-12-05 12:01")}),
        ("pass_expired", {"from_ms": at("2026-12-04 13:00"), "until_ms": at("2026-12-05 12:00")}),
        ("pass_wrong_key", {"key": b"o" * 32}),
        ("pin_unknown", {"person": "Kang"}),
    ],
)
async def test_a_pass_that_is_not_good_here_and_now_is_refused(
    gate: Gate, code: str, changed: dict[str, Any]
) -> None:
    assert await gate.refusal(shown(**changed)) == code


@pytest.mark.parametrize("digits", ["", "123", "x" * 300, shown()[:-1], shown() + "0", "9" * 100_000])
async def test_what_is_no_pass_is_refused(gate: Gate, digits: str) -> None:
    assert await gate.refusal(digits) == "pass_malformed"


async def test_a_pass_is_good_until_just_before_its_end(gate: Gate) -> None:
    gate.goes_on(GIVEN.until_ms - gate.clock.wall_ms() - 1)
    actor = await gate.let_in()
    assert gate.ended(actor) is None
    gate.goes_on(1)
    assert gate.ended(actor) == "pass_expired"
    assert await gate.refusal() == "pass_expired"


async def test_a_pass_that_is_revoked_while_logged_in_ends_the_log_in(gate: Gate) -> None:
    actor = await gate.let_in()
    gate.hears(listed(2, "P1"))
    assert gate.ended(actor) == "pass_revoked"
    assert await gate.refusal() == "pass_revoked"
    assert (await gate.let_in(shown(pass_id="P2"))).pass_id == "P2"


async def test_a_pass_that_is_revoked_while_the_pin_is_looked_at_lets_nobody_in(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = gate.log_in._try

    async def revoked_meanwhile(*words: Any) -> None:
        await tried(*words)
        gate.hears(listed(2, "P1"))

    monkeypatch.setattr(gate.log_in, "_try", revoked_meanwhile)
    assert await gate.refusal() == "pass_revoked"


async def test_a_word_that_is_not_hqs_latest_says_nothing_of_technicians(gate: Gate) -> None:
    before = technicians_known(gate.conn)
    gate.hears(listed(2), at_ms=gate.clock.wall_ms() + HOUR_MS, nonce=gate.asked(), latest=False)
    gate.hears(at_ms=gate.clock.wall_ms() + 9 * HOUR_MS, nonce=gate.asked(), latest=False)
    assert technicians_known(gate.conn) == before
    assert (await gate.let_in()).person == "Han"


async def test_who_is_taken_off_the_list_is_out(gate: Gate) -> None:
    actor = await gate.let_in()
    gate.hears(listed(2, people=("Seo",)))
    assert gate.ended(actor) == "pin_unknown"
    assert await gate.refusal() == "pin_unknown"


async def test_revocations_are_as_old_as_hqs_last_answer(gate: Gate) -> None:
    heard_ms = gate.clock.wall_ms()
    assert (known := technicians_known(gate.conn)).as_of_ms == heard_ms
    assert (known.technicians, known.version) == (2, 1)
    gate.goes_on(HOUR_MS)
    gate.hears()
    assert technicians_known(gate.conn).as_of_ms == heard_ms + HOUR_MS


async def test_a_list_from_an_older_stick_does_not_take_a_revocation_back(gate: Gate) -> None:
    early, late = gate.asked(), gate.asked()
    heard_ms = gate.clock.wall_ms()
    gate.hears(listed(3, "P1"), nonce=late)
    gate.hears(listed(2), at_ms=heard_ms - HOUR_MS, nonce=early, latest=False)
    gate.hears(listed(2), at_ms=heard_ms - HOUR_MS, nonce=early)
    assert await gate.refusal() == "pass_revoked"
    assert (technicians_known(gate.conn).version, technicians_known(gate.conn).as_of_ms) == (3, heard_ms)


async def test_a_restored_hq_sends_its_list_anew_whatever_its_number(gate: Gate) -> None:
    gate.hears(listed(5))
    gate.hears(life=Incarnation(2, b"next"))
    assert (technicians_known(gate.conn).technicians, technicians_known(gate.conn).version) == (2, 0)
    assert (await gate.let_in()).person == "Han"
    gate.hears(listed(1, "P1"), life=Incarnation(2, b"next"))
    assert await gate.refusal() == "pass_revoked"


async def test_a_till_that_never_heard_of_technicians_lets_nobody_in(gate: Gate) -> None:
    gate.conn.execute("DELETE FROM technicians")
    known = technicians_known(gate.conn)
    assert (known.technicians, known.version, known.as_of_ms) == (0, 0, None)
    assert await gate.refusal() == "pin_unknown"


async def test_a_pass_is_longer_than_a_day_for_nobody() -> None:
    assert GIVEN.until_ms - GIVEN.from_ms < PASS_MS_MAX


@pytest.mark.parametrize("typed", [f" {PIN} ", "２４６８１０"])
async def test_a_pin_is_one_however_it_is_typed(gate: Gate, typed: str) -> None:
    assert (await gate.let_in(pin=typed)).person == "Han"


@pytest.mark.parametrize("typed", ["", "24681", PIN + "0", WRONG, "2" * 1_000_000, "\ud800" * 6, "۲۴۶۸۱۰"])
async def test_another_pin_is_wrong(gate: Gate, typed: str) -> None:
    assert await gate.refusal(pin=typed) == "pin_wrong"
