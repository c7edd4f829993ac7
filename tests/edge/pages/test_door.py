"""Who gets past the door of pages, with what, and for how long."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp.test_utils import TestServer

from edge_agent.app import build_app
from edge_agent.config import Http
from tests.edge.made import HeldClock, config_of, enrol_till, quiet_sync
from tests.edge.pages.conftest import Opened
from tests.edge.pages.doors import ABSOLUTE_MS, IDLE_MS, LOOKER, PERSON, Room, code_of

ROOM, ACT, LOGIN = "/admin/room/", "/admin/room/act", "/admin/room/login"


async def test_who_is_not_logged_in_is_led_to_the_log_in_and_changes_nothing(opened: Opened) -> None:
    seen = await opened.browser.get(ROOM)
    sent = await opened.browser.send(ACT, {"what": "x"})
    assert [(one.status, one.headers["Location"]) for one in (seen, sent)] == [(303, LOGIN)] * 2
    assert opened.room.done == []


async def test_who_is_logged_in_acts_by_a_form_of_their_own_page(opened: Opened) -> None:
    secret = await opened.browser.log_in(PERSON)
    response = await opened.browser.send(ACT, {"csrf": secret, "what": "x"})
    assert (response.status, response.headers["Location"]) == (303, ROOM)
    assert opened.room.done == ["x"]


@pytest.mark.parametrize("secret", [None, "", "wrong", "é", "\ud800"])
async def test_a_form_without_the_secret_of_its_session_does_nothing(
    opened: Opened, secret: str | None
) -> None:
    await opened.browser.log_in(PERSON)
    form = {"what": "x"} | ({} if secret is None else {"csrf": secret.encode("utf-8", "replace").decode()})
    response = await opened.browser.send(ACT, form)
    assert (response.status, code_of(await response.text())) == (403, "form_stale")
    assert opened.room.done == []


async def test_to_log_in_anew_ends_the_log_in_of_before(opened: Opened) -> None:
    secret = await opened.browser.log_in(PERSON)
    (before,) = [one for one in opened.browser.client.session.cookie_jar if one.key == "dangol_admin_room"]
    await opened.browser.log_in(PERSON)
    opened.browser.client.session.cookie_jar.clear()
    opened.browser.client.session.cookie_jar.update_cookies(
        {before.key: before.value}, opened.browser.client.make_url("/")
    )
    assert (await opened.browser.send(ACT, {"csrf": secret, "what": "x"})).status == 303
    assert opened.room.done == []


async def test_the_secret_of_an_earlier_log_in_is_worth_nothing(opened: Opened) -> None:
    before = await opened.browser.log_in(PERSON)
    await opened.browser.log_in(PERSON)
    assert (await opened.browser.send(ACT, {"csrf": before, "what": "x"})).status == 403
    assert opened.room.done == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
async def test_pages_of_other_sites_and_ports_send_no_form_and_show_no_page(
    opened: Opened, headers: dict[str, str]
) -> None:
    secret = await opened.browser.log_in(PERSON)
    sent = await opened.browser.send(ACT, {"csrf": secret, "what": "x"}, **headers)
    seen = await opened.browser.get(ROOM, **headers)
    for response in (sent, seen):
        assert (response.status, code_of(await response.text())) == (403, "origin_refused")
    assert opened.room.done == []


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.example:80", ""])
async def test_a_name_that_was_rebound_to_this_machine_reaches_no_page(opened: Opened, host: str) -> None:
    await opened.browser.log_in(PERSON)
    for path in ("/", ROOM, LOGIN, "/admin/room/live"):
        response = await opened.browser.get(path, Host=host)
        assert (response.status, code_of(await response.text())) == (421, "host_refused")


async def test_a_session_ends_when_nobody_uses_it(opened: Opened) -> None:
    await opened.browser.log_in(PERSON)
    opened.clock.go_on(IDLE_MS - 1)
    assert (await opened.browser.get(ROOM)).status == 200
    opened.clock.go_on(IDLE_MS)
    assert (await opened.browser.get(ROOM)).status == 303


async def test_a_session_ends_in_any_case(opened: Opened) -> None:
    await opened.browser.log_in(PERSON)
    for _ in range(ABSOLUTE_MS // IDLE_MS * 2 - 1):
        opened.clock.go_on(IDLE_MS // 2)
        assert (await opened.browser.get(ROOM)).status == 200
    opened.clock.go_on(IDLE_MS // 2)
    assert (await opened.browser.get(ROOM)).status == 303


async def test_a_wall_clock_that_is_set_back_lengthens_no_session(opened: Opened) -> None:
    await opened.browser.log_in(PERSON)
    opened.clock.wall -= 10 * ABSOLUTE_MS
    opened.clock.go_on(IDLE_MS)
    assert (await opened.browser.get(ROOM)).status == 303


async def test_who_may_no_longer_be_there_is_out_at_once(opened: Opened) -> None:
    secret = await opened.browser.log_in(PERSON)
    opened.room.gone.add(PERSON)
    assert (await opened.browser.send(ACT, {"csrf": secret, "what": "x"})).status == 303
    opened.room.gone.clear()
    assert (await opened.browser.get(ROOM)).status == 303
    assert opened.room.done == []


async def test_who_may_only_look_sends_no_form_that_changes_something(opened: Opened) -> None:
    secret = await opened.browser.log_in(LOOKER)
    response = await opened.browser.send(ACT, {"csrf": secret, "what": "x"})
    assert (response.status, code_of(await response.text())) == (403, "role_observes")
    assert (await opened.browser.send("/admin/room/look", {"csrf": secret, "what": "y"})).status == 303
    assert opened.room.done == ["y"]


async def test_where_nobody_logs_in_a_visitor_is_let_in_and_keeps_the_session(opened: Opened) -> None:
    opened.room.lets_in = "till"
    assert (await opened.browser.get(ROOM)).status == 200
    secret = await opened.browser.secret()
    assert await opened.browser.secret() == secret
    assert (await opened.browser.send(ACT, {"csrf": secret, "what": "x"})).status == 303
    assert opened.room.done == ["x"]


async def test_the_cookie_is_for_no_script_no_other_site_and_no_other_page(opened: Opened) -> None:
    response = await opened.browser.send(LOGIN, {"name": PERSON})
    cookie = response.headers["Set-Cookie"]
    assert cookie.startswith("dangol_admin_room=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/admin/room"} <= {part.strip() for part in cookie.split(";")}


async def test_what_a_form_brings_is_bounded(opened: Opened) -> None:
    secret = await opened.browser.log_in(PERSON)
    response = await opened.browser.send(ACT, {"csrf": secret, "what": "x" * 100_000})
    assert (response.status, code_of(await response.text())) == (413, "body_too_large")
    assert opened.room.done == []


FORM = "application/x-www-form-urlencoded"
UNREADABLE = {
    "no UTF-8": (FORM, b"name=\xff\xfe"),
    "no encoding": (f"{FORM}; charset=utf-77", b"name=x"),
    "halves of letters": (f"{FORM}; charset=unicode_escape", b"name=\\ud800"),
    "halves of letters in a name": (f"{FORM}; charset=unicode_escape", b"\\ud800=x"),
    "packed": (FORM, b"\x1f\x8b\x08\x00"),
    "no boundary": ("multipart/form-data", b"--B--"),
    "no name": (
        "multipart/form-data; boundary=B",
        b"--B\r\nContent-Disposition: form-data\r\n\r\nx\r\n--B--\r\n",
    ),
    "bytes for a text": (
        "multipart/form-data; boundary=B",
        b'--B\r\nContent-Disposition: form-data; name="name"\r\n\r\n\xff\r\n--B--\r\n',
    ),
}


@pytest.mark.parametrize("path", [LOGIN, "/language"])
@pytest.mark.parametrize(("kind", "body"), UNREADABLE.values(), ids=UNREADABLE)
async def test_a_form_that_nobody_can_read_is_refused_and_fills_no_log(
    opened: Opened, caplog: pytest.LogCaptureFixture, path: str, kind: str, body: bytes
) -> None:
    response = await opened.browser.client.post(path, data=body, headers={"Content-Type": kind})
    assert (response.status, code_of(await response.text())) == (400, "body_unreadable")
    assert "request_failed" not in caplog.text


@pytest.mark.parametrize("path", [LOGIN, "/language"])
async def test_a_form_that_does_not_come_is_not_waited_for(tmp_path: Path, path: str) -> None:
    config = config_of(tmp_path, sync=quiet_sync(), http=Http(body_ms_max=1))
    enrol_till(config)
    clock = HeldClock()
    app = build_app(config, clock)
    Room().open(app, config, clock)
    async with TestServer(app) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {FORM}\r\n"
            "Content-Length: 9\r\n\r\nname".encode()
        )
        assert b" 408 " in await reader.readline()
        writer.close()


@pytest.mark.parametrize("path", ["/", LOGIN, "/admin/nothing", "/static/nothing"])
async def test_every_page_tells_the_browser_to_run_and_load_nothing_else(opened: Opened, path: str) -> None:
    headers = (await opened.browser.get(path)).headers
    policy = headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


async def test_a_language_is_kept_and_leads_nowhere_else(opened: Opened) -> None:
    assert 'lang="en"' in await (await opened.browser.get("/")).text()
    for back in (
        "//evil.example/",
        "http://evil.example/",
        "/v1/receipts",
        "/admin\\evil",
        "/admin/\r\nX: y",
    ):
        response = await opened.browser.send("/language", {"language": "ko", "back": back})
        assert response.headers["Location"] == "/"
    assert 'lang="ko"' in await (await opened.browser.get("/")).text()
    await opened.browser.send("/language", {"language": "<b>"})
    assert 'lang="ko"' in await (await opened.browser.get("/")).text()


async def test_a_refusal_of_the_tills_own_face_stays_a_problem_document(opened: Opened) -> None:
    response = await opened.browser.get("/v1/members/M1")
    assert (response.status, response.content_type) == (401, "application/problem+json")
