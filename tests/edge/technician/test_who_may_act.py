"""What changes something on a technician's page, found by its address: for technicians' own forms alone."""

from __future__ import annotations

import re

import pytest

from tests.edge.technician.bench import Bench

OPEN = {"/admin/login", "/admin/logout"}
"""To log in or out changes nothing of the till."""


def actions(bench: Bench) -> list[str]:
    """Return every address of a technician's page that takes a form, with numbers in their places."""
    app = bench.browser.client.app
    assert app is not None
    found = {
        one.resource.canonical
        for one in app.router.routes()
        if one.method == "POST" and one.resource is not None and one.resource.canonical.startswith("/admin/")
    }
    return sorted(re.sub(r"\{[^}]*\}", "1", path) for path in found - OPEN)


@pytest.mark.parametrize("who", ["observer", "technician"])
async def test_no_action_is_done_for_an_observer_or_without_the_pages_secret(bench: Bench, who: str) -> None:
    bench.set_aside(b"{}")
    await bench.log_in("observer" if who == "observer" else "technician")
    paths, before = actions(bench), bench.gate.conn.total_changes
    assert len(paths) >= 6
    await bench.page()
    for path in paths:
        if who == "observer":
            answer = await bench.code(path, {"csrf": bench.csrf, "reason": "x"})
            assert answer == (403, "role_observes"), path
        else:
            for secret in ({}, {"csrf": "x" * len(bench.csrf)}):
                assert await bench.code(path, {**secret, "reason": "x"}) == (403, "form_stale"), path
    assert (bench.actions(), bench.gate.conn.total_changes) == ([], before)


async def test_an_observer_is_shown_all_and_no_way_to_act(bench: Bench) -> None:
    bench.set_aside(b"{}")
    await bench.log_in("observer")
    for path in ("/admin/", "/admin/quarantine", "/admin/quarantine/1"):
        forms = re.findall(r'action="([^"]+)"', (await bench.page(path)).partition("<main")[2])
        assert set(forms) <= {"/language"}, path


async def test_who_has_not_logged_in_is_led_to_the_log_in_by_every_action(bench: Bench) -> None:
    for path in actions(bench):
        answer = await bench.browser.send(path, {"csrf": "x"})
        assert (answer.status, answer.headers["Location"]) == (303, "/admin/login"), path
