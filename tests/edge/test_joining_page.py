"""A till that has not joined: its page lets it, and nothing else answers until it has."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer

from edge_agent.config import EdgeConfig
from edge_agent.joining.app import GIVEN_UP, JOINING, build_joining
from edge_agent.joining.joining import has_to_join
from edge_agent.store import journal, terminal
from edge_agent.store.database import StoreError, connect, transaction
from edge_agent.store.migrations import open_database
from edge_agent.sync.enrol import enrol
from edge_agent.sync.exchange import open_session
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_core.events import Event, EventId, TechnicianAction
from loyalty_core.invite import make_code
from loyalty_core.units import Seq
from tests.edge.fake_hq import OTHER_KEY, FakeHq
from tests.edge.made import HeldClock, config_of, enrol_till

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
        assert (answer.status, answer.headers["Location"]) == (303, "/")
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
