"""A till that has not joined: its page lets it, and nothing else answers until it has."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from markupsafe import escape
from msgspec.structs import replace

from edge_agent.app import build_app
from edge_agent.app_keys import SYNC, WRITER
from edge_agent.config import EdgeConfig
from edge_agent.joining.app import GIVEN_UP, JOINING, build_joining
from edge_agent.joining.joining import Joining, has_to_join
from edge_agent.joining.refusals import meaning
from edge_agent.pages.rooms import Rooms, language_of
from edge_agent.pages.visit import LANGUAGE_COOKIE
from edge_agent.store import journal, outbox, terminal
from edge_agent.store.database import StoreError, connect, transaction
from edge_agent.store.migrations import open_database
from edge_agent.sync import keys
from edge_agent.sync.enrol import enrol
from edge_agent.sync.exchange import LinkError, open_session
from loyalty_core.envelope import fingerprint, public_of
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.events import Event, EventId, TechnicianAction
from loyalty_core.invite import make_code
from loyalty_core.units import Seq
from tests.edge.fake_hq import OTHER_KEY, FakeHq
from tests.edge.made import HeldClock, config_of, enrol_till, quiet_sync

Client = TestClient[aiohttp.web.Request, aiohttp.web.Application]


@asynccontextmanager
async def face(config: EdgeConfig, clock: HeldClock) -> AsyncIterator[Client]:
    assert has_to_join(config, clock)
    app = build_joining(config, clock)
    app[GIVEN_UP].set()
    async with TestClient(TestServer(app)) as client:
        yield client


def first_event(config: EdgeConfig) -> Event:
    with closing(connect(config.database, read_only=True)) as conn:
        record = journal.read_at(conn, EventId(terminal.read(conn).terminal_id, 1, 0, Seq(1)))
    assert record is not None
    return record.event


async def test_only_its_page_answers(tmp_path: Path) -> None:
    async with face(config_of(tmp_path), HeldClock()) as client:
        for path in ("/", "/admin/", "/counter/"):
            answer = await client.get(path, allow_redirects=False)
            assert (answer.status, answer.headers["Location"]) == (303, "/join")
        page = await client.get("/join")
        assert (page.status, "Invite code" in await page.text()) == (200, True)
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        for method, path in (("POST", "/v1/receipts"), ("GET", "/v1/members/1"), ("GET", "/healthz")):
            refusal = await client.request(method, path)
            assert (refusal.status, (await refusal.json())["code"]) == (503, "not_enrolled")


async def test_it_joins_by_the_code_and_the_journal_begins_with_that(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    async with FakeHq().running() as hq, face(config, HeldClock()) as client:
        said = {"hq": hq.url, "code": hq.code}
        answer = await client.post("/join", data=said, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/join")
        assert client.app is not None
        assert client.app[JOINING].joined.is_set()
        answer = await client.post("/join", data=said, allow_redirects=False)
        assert answer.status == 303
    event = first_event(config)
    assert isinstance(event, TechnicianAction)
    assert (event.action, event.subject, event.outcome) == ("join", "page", "ok")
    assert not has_to_join(config, HeldClock())


@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({"Host": "evil.example"}, 421, "host_refused"),
        ({"Origin": "http://evil.example"}, 403, "origin_refused"),
        ({"Sec-Fetch-Site": "cross-site"}, 403, "origin_refused"),
    ],
)
async def test_no_other_site_lets_it_join(
    tmp_path: Path, headers: dict[str, str], status: int, code: str
) -> None:
    config = config_of(tmp_path)
    async with FakeHq().running() as hq, face(config, HeldClock()) as client:
        answer = await client.post("/join", data={"hq": hq.url, "code": hq.code}, headers=headers)
        assert (answer.status, code in await answer.text()) == (status, True)
    assert has_to_join(config, HeldClock())


async def test_wrong_codes_are_tried_ever_more_slowly_also_after_a_restart(tmp_path: Path) -> None:
    config, clock = config_of(tmp_path), HeldClock()
    async with FakeHq().running() as hq:

        async def tried(client: Client, code: str) -> str:
            assert client.app is not None
            try:
                await client.app[JOINING].join(hq.url, code)
            except LoyaltyError as error:
                return error.code
            return "joined"

        wrong = make_code(bytes(8), OTHER_KEY)
        async with face(config, clock) as client:
            assert await tried(client, "ABCD") == "code_malformed"
            assert await tried(client, wrong) not in {"joined", "join_later"}
            assert await tried(client, hq.code) == "join_later"
            clock.go_on(1000)
            assert await tried(client, wrong) not in {"joined", "join_later"}
            clock.go_on(1000)
        async with face(config, clock) as client:
            assert await tried(client, hq.code) == "join_later"
            answer = await client.post("/join", data={"hq": hq.url, "code": hq.code})
            assert answer.status == 429
            clock.go_on(1000)
            assert await tried(client, hq.code) == "joined"


async def test_who_mends_a_cable_is_not_made_to_wait_and_wrong_codes_stay_counted(tmp_path: Path) -> None:
    config, clock = config_of(tmp_path), HeldClock()
    async with FakeHq().running() as hq, face(config, clock) as client:
        assert client.app is not None
        joining = client.app[JOINING]
        for _ in range(3):
            with pytest.raises(LinkError, match="cannot be reached"):
                await joining.join("http://127.0.0.1:9", hq.code)
        for url in (hq.url, "http://127.0.0.1:9"):
            with pytest.raises(LinkError):
                await joining.join(url, make_code(bytes(8), OTHER_KEY))
            clock.go_on(1000)
        with pytest.raises(LinkError):
            await joining.join(hq.url, make_code(bytes(8), OTHER_KEY))
        clock.go_on(1000)
        with pytest.raises(BadInput, match="try again in 1 s"):
            await joining.join(hq.url, hq.code)


async def test_a_till_that_joins_by_command_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.joining.joining.LOOK_SECONDS", 0.01)
    config = config_of(tmp_path)
    async with FakeHq().running() as hq, face(config, HeldClock()) as client:
        with closing(open_database(config.database)) as conn:
            async with open_session(config.sync) as session:
                await enrol(conn, session, config.data_dir, hq.url, hq.code)
        assert client.app is not None
        await client.app[JOINING].joined.wait()


async def test_what_cannot_be_journaled_leaves_the_till_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise BadInput("no", code="planted")

    config = config_of(tmp_path)
    async with FakeHq().running() as hq, face(config, HeldClock()) as client:
        assert client.app is not None
        monkeypatch.setattr("edge_agent.acting.note", refused)
        with pytest.raises(BadInput, match="no"):
            await client.app[JOINING].join(hq.url, hq.code)
    assert has_to_join(config, HeldClock())


def test_a_journal_whose_identity_is_lost_is_not_given_another(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    enrol_till(config)
    with closing(open_database(config.database)) as conn, transaction(conn):
        identity = terminal.read(conn)
        journal.append(conn, identity, journal.head(conn, identity), b"\x00")
        conn.execute("DELETE FROM terminal")
    with pytest.raises(StoreError) as refused:
        has_to_join(config, HeldClock())
    assert refused.value.code == "not_enrolled"


@pytest.mark.parametrize("language", ["en", "ko"])
@pytest.mark.parametrize(
    ("code", "status", "wrong"),
    [
        ("code_malformed", 422, "code"),
        ("hq_certificate", 502, "hq"),
        ("hq_name_unknown", 502, "hq"),
        ("hq_nonsense", 502, "hq"),
        ("hq_timeout", 502, "hq"),
        ("hq_unreachable", 502, "hq"),
        ("hq_url_invalid", 422, "hq"),
        ("hq_wrong_key", 502, "code"),
        ("invite_expired", 502, "code"),
        ("invite_unknown", 502, "code"),
        ("invite_used", 502, "code"),
        ("join_later", 429, "code"),
    ],
)
async def test_a_refusal_says_what_to_do_and_keeps_what_was_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, language: str, code: str, status: int, wrong: str
) -> None:
    async def refused(*_: object) -> None:
        raise (LinkError if status == 502 else BadInput)("<i>exact</i>", code=code)

    monkeypatch.setattr(Joining, "join", refused)
    async with face(config_of(tmp_path), HeldClock()) as client:
        client.session.cookie_jar.update_cookies({LANGUAGE_COOKIE: language})
        answer = await client.post("/join", data={"hq": '"https://hq', "code": " <b>7 "})
        text = await answer.text()
    words = Rooms().words(language_of(language, "en"))
    assert answer.status == status
    assert str(escape(meaning(code, words.gettext))) in text
    assert (meaning(code, words.gettext) == meaning(code, str)) == (language == "en")
    assert "&lt;i&gt;exact" in text
    assert 'value="&#34;https://hq"' in text
    assert 'value="&lt;b&gt;7"' in text
    [field] = re.findall(r'<input[^>]* id="(\w+)"[^>]* autofocus[^>]* aria-invalid="true"', text)
    assert field == wrong


async def test_a_till_that_waits_says_so_until_headquarters_has_taken_something(tmp_path: Path) -> None:
    config = config_of(tmp_path, sync=quiet_sync())
    enrol_till(config)
    async with TestClient(TestServer(build_app(config, HeldClock()))) as client:
        assert client.app is not None

        async def shown() -> str:
            answer = await client.get("/join", allow_redirects=False)
            return answer.headers.get("Location") or await answer.text()

        async def link(**how: object) -> None:
            assert client.app is not None
            await client.app[WRITER].do(lambda conn: outbox.set_link(conn, replace(outbox.link(conn), **how)))

        answer = await client.post("/join", data={"hq": "", "code": ""}, allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (303, "/join")
        assert fingerprint(public_of(keys.private_key(config.data_dir))) in await shown()
        await client.app[SYNC].try_now()
        await link(error_code="terminal_pending", error="not yet")
        assert "Waits for headquarters to approve it." in await shown()
        await link(error_code="hq_unreachable", error="gone")
        assert "Headquarters cannot be reached." in await shown()
        async with client.get("/join/live") as stream:
            assert await stream.content.readline() == b"event: parts\n"
            await link(answered_at_ms=1, error_code=None, error=None)
            assert b"event: ended" in await stream.content.read()
        assert await shown() == "/"
