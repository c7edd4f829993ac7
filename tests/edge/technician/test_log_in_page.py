"""The technician's log-in as a browser meets it: by digits, by file, refused in words, and ended."""

from __future__ import annotations

import pytest

from edge_agent.app_keys import WRITER
from edge_agent.store import terminal
from loyalty_core.envelope import public_of
from tests.edge.log_in.gate import HOUR_MS, PIN, WRONG, listed, shown
from tests.edge.technician.bench import HOME, LOGIN, QUARANTINE, Bench, words


async def test_digits_and_pin_open_the_pages(bench: Bench) -> None:
    assert await bench.led_to(HOME) == await bench.led_to(QUARANTINE) == LOGIN
    await bench.log_in()
    assert "Han" in await bench.page(HOME)
    assert bench.gate.actions() == [("Han", "log_in", "ok")]


async def test_a_pass_comes_as_a_file_and_the_file_counts(bench: Bench) -> None:
    assert "Log out" in await bench.by_file(f"{shown()}\n".encode(), typed="12")


@pytest.mark.parametrize("data", [b"", b"\xff\x00", b"1" * 50_000])
async def test_a_file_that_is_no_pass_is_refused_in_words(bench: Bench, data: bytes) -> None:
    assert "This is not a whole pass." in await bench.by_file(data)
    assert await bench.led_to() == LOGIN


async def test_a_pass_is_refused_with_its_reason(bench: Bench) -> None:
    assert (await bench.refused(shown(), WRONG)).startswith("The PIN is wrong.")
    bench.gate.clock.go_on(60_000)
    bench.gate.hears()
    ended = shown(until_ms=bench.gate.clock.wall_ms())
    assert (await bench.refused(ended)).startswith("This pass has ended.")
    assert (await bench.refused(shown(terminals=("S012-T99",)))).startswith("This pass is not for this till.")
    assert public_of(bytes(32)) != terminal.read(bench.gate.conn).hq_public_key
    assert (await bench.refused(shown(bytes(32)))).startswith("This pass was not signed by")
    assert await bench.led_to() == LOGIN


async def test_what_was_typed_as_a_pass_is_not_shown_again(bench: Bench) -> None:
    page = await bench.send(LOGIN, {"pass": '"><script>alert(1)</script>', "pin": PIN})
    assert "<script>alert" not in page


async def test_who_is_revoked_while_logged_in_is_out_at_the_next_page(bench: Bench) -> None:
    await bench.log_in()
    number = bench.set_aside(b"{}")
    await bench.page(QUARANTINE)
    bench.gate.hears(listed(2, "P1"))
    sent = await bench.press(f"{QUARANTINE}/{number}/discard", reason="x")
    assert "log-in" in sent
    assert await bench.led_to() == LOGIN
    assert bench.actions() == []


async def test_who_is_logged_in_is_out_when_their_pass_ends(bench: Bench) -> None:
    await bench.log_in()
    bench.gate.clock.wall += 7 * HOUR_MS
    assert await bench.led_to() == LOGIN


async def test_to_log_out_ends_it_here_and_in_the_browser(bench: Bench) -> None:
    await bench.log_in()
    cookies = {one.key: one.value for one in bench.browser.client.session.cookie_jar}
    assert "log-in" in await bench.press("/admin/logout")
    assert [one.value for one in bench.browser.client.session.cookie_jar if one.key == "dangol_admin"] == []
    bench.browser.client.session.cookie_jar.update_cookies(cookies)
    assert await bench.led_to() == LOGIN
    assert bench.actions() == [("Han", "log_out", "ok")]


async def test_a_disk_that_takes_nothing_keeps_nobody_logged_in(bench: Bench) -> None:
    await bench.log_in()
    assert bench.browser.client.app is not None
    bench.browser.client.app[WRITER]._conn.execute("PRAGMA query_only = 1")
    assert "Technician's log-in" in words(await bench.press("/admin/logout"))
    assert await bench.led_to() == LOGIN
