"""A till with its technician's pages, and a browser before them; the test says what lies in its store."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from html import unescape
from typing import Any, Final

from aiohttp import CookieJar, FormData
from aiohttp.test_utils import TestClient, TestServer

from edge_agent.app import build_app
from edge_agent.app_keys import SYNC
from edge_agent.pages.visit import LANGUAGE_COOKIE
from edge_agent.service import CONNECTIONS
from edge_agent.store import outbox, quarantine
from edge_agent.store.database import transaction
from edge_agent.store.outbox import Link
from edge_agent.store.quarantine import Refused
from loyalty_core.passes import Role
from tests.edge.log_in.gate import PIN, Gate, shown
from tests.edge.pages.doors import Browser, code_of

HOME: Final = "/admin/"
LOGIN: Final = "/admin/login"
QUARANTINE: Final = "/admin/quarantine"


class Bench:
    """A browser at the technician's pages of a till."""

    def __init__(self, gate: Gate, browser: Browser, come: Callable[[], Browser]) -> None:
        self.gate, self.browser = gate, browser
        self._come = come
        self.csrf = ""

    def beside(self) -> Bench:
        """Return another browser at the same till."""
        return Bench(self.gate, self._come(), self._come)

    async def log_in(self, role: Role = "technician", **given: Any) -> None:
        """Log in by the pass's digits."""
        page = await self.send(LOGIN, {"pass": shown(role=role, **given), "pin": PIN})
        assert "Log out" in page, page

    async def refused(self, digits: str, pin: str = PIN) -> str:
        """Try to log in; return the sentences with which that is refused."""
        page = await self.send(LOGIN, {"pass": digits, "pin": pin})
        (alert,) = re.findall(r'role="alert">(.*?)</p>', page, re.DOTALL)
        return words(alert)

    async def by_file(self, data: bytes, typed: str = "", pin: str = PIN) -> str:
        """Log in by a file that is chosen; return the page that this leads to."""
        form = FormData()
        form.add_field("pass", typed)
        form.add_field("pin", pin)
        form.add_field("file", data, filename="lee.pass", content_type="application/octet-stream")
        origin = {"Origin": self.browser.origin}
        async with self.browser.client.post(LOGIN, data=form, headers=origin) as answer:
            return await answer.text()

    def speaks(self, language: str) -> None:
        """Have the browser ask for a language."""
        self.browser.client.session.cookie_jar.update_cookies({LANGUAGE_COOKIE: language})

    async def page(self, path: str = HOME) -> str:
        """Open a page."""
        answer = await self.browser.get(path)
        page = await answer.text()
        assert answer.status == 200, (answer.status, answer.headers.get("Location"), page)
        if found := re.search(r'name="csrf" value="([^"]+)"', page):
            self.csrf = found[1]
        return page

    async def led_to(self, path: str = HOME) -> str | None:
        """Return where a page leads that is not shown."""
        return (await self.browser.get(path)).headers.get("Location")

    async def press(self, path: str, **fields: str) -> str:
        """Send a form of the page that was opened last; return the page that this leads to."""
        if not self.csrf:
            await self.page()
        return await self.send(path, {"csrf": self.csrf, **fields})

    async def send(self, path: str, form: dict[str, str]) -> str:
        """Send a form as it is given; return the page that this leads to."""
        answer = await self.browser.send(path, form)
        if answer.status == 303:
            return await self.page(answer.headers["Location"].partition("#")[0])
        return await answer.text()

    async def code(self, path: str, form: dict[str, str]) -> tuple[int, str]:
        """Send a form that is refused; return status and code."""
        answer = await self.browser.send(path, form)
        return answer.status, code_of(await answer.text())

    def set_aside(self, raw: bytes, adapter: str = "jsonl", place: str = "line 1") -> int:
        """Set an input aside; return its number."""
        one = Refused(
            adapter=adapter,
            source="day.jsonl",
            place=place,
            code="currency_unknown",
            sentence="JPY is not this programme's currency",
            raw=raw,
            at_ms=self.gate.clock.wall,
        )
        with transaction(self.gate.conn):
            quarantine.put(self.gate.conn, one, 100)
        return quarantine.open_rows(self.gate.conn)[-1].quarantine_id

    def link(self, **told: object) -> None:
        """Let talking to HQ have gone like this."""
        now = self.gate.clock.wall
        plain: dict[str, object] = {"answered_at_ms": now, "hq_time_ms": now, "since_ms": now}
        with transaction(self.gate.conn):
            outbox.set_link(self.gate.conn, Link(**(plain | told)))  # type: ignore[arg-type]

    def actions(self) -> list[tuple[str, str, str]]:
        """Return who did what with which outcome, by the journal, but for log-ins."""
        return [one for one in self.gate.actions() if one[1] != "log_in"]


def words(html: str) -> str:
    """Return what can be read."""
    return " ".join(unescape(re.sub("<[^>]*>", " ", html)).split())


@asynccontextmanager
async def opened(gate: Gate) -> AsyncIterator[Bench]:
    """Run the agent of a till; its HQ has been asked, and nothing answered."""
    app = build_app(gate.config, gate.clock)
    server = TestServer(app)
    await server.start_server(**CONNECTIONS)
    clients: list[TestClient] = []  # type: ignore[type-arg]

    def come() -> Browser:
        clients.append(TestClient(server, cookie_jar=CookieJar(unsafe=True)))
        return Browser(clients[-1])

    try:
        bench = Bench(gate, come(), come)
        await app[SYNC].try_now()
        yield bench
    finally:
        for client in clients:
            await client.close()
