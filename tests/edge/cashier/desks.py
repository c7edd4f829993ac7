"""A cashier at the counter page of a whole agent, by what the page shows and the forms that it has."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any, TypeVar

from aiohttp import web
from aiohttp.test_utils import TestClient

from edge_agent.app_keys import READER, UNDOING, WRITER
from edge_agent.store import journal, members, terminal
from edge_agent.store.database import Connection
from loyalty_core.events import EVENT_NAMES, Event
from loyalty_core.journal import unpack_record
from loyalty_core.messages import MemberRow
from tests.edge.made import HeldClock

HOME = "/counter/"
T = TypeVar("T", bound=Event)


class _Forms(HTMLParser):
    """Reads the forms of a page: where each goes, what it carries, what its buttons say."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[tuple[str, dict[str, str], list[tuple[str, str]]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((named["action"], {}, []))
        elif tag == "input" and self.forms and "name" in named:
            self.forms[-1][1][named["name"]] = named.get("value", "")
        elif tag == "button" and self.forms and "name" in named:
            self.forms[-1][2].append((named["name"], named.get("value", "")))


class CashierDesk:
    """A browser at the counter page."""

    def __init__(self, client: TestClient[web.Request, web.Application], clock: HeldClock) -> None:
        self.client = client
        self.clock = clock
        self.page = ""
        self.at = ""

    @property
    def app(self) -> web.Application:
        assert self.client.app is not None
        return self.client.app

    @property
    def text(self) -> str:
        """What can be read on the page."""
        main = self.page.partition("<main")[2]
        return " ".join(unescape(re.sub("<[^>]*>", " ", main.partition(">")[2])).split())

    async def see(self) -> str:
        """Open the page; return what can be read."""
        response = await self.client.get(HOME)
        assert response.status == 200, await response.text()
        self.page = await response.text()
        return self.text

    async def look(self, code: str) -> str:
        """Scan or type something into the field."""
        return await self.send("/counter/look", code=code)

    def form(self, action: str, button: str | None = None) -> dict[str, str]:
        """Return what the page's form says, with the button of this value, or the first there is."""
        forms = _Forms()
        forms.feed(self.page)
        for found, fields, buttons in forms.forms:
            values = [value for _, value in buttons]
            if found == action and (button is None or button in values):
                chosen = [one for one in buttons if button is None or one[1] == button][:1]
                return fields | dict(chosen)
        raise AssertionError(f"no form leads to {action} with {button!r}: {self.text}")

    async def press(self, action: str, button: str | None = None) -> str:
        """Press a button of the page; return what can be read then."""
        return await self.post(action, self.form(action, button))

    async def send(self, action: str, **fields: str) -> str:
        """Fill the page's form in and send it."""
        if not self.page:
            await self.see()
        return await self.post(action, self.form(action) | fields)

    async def post(self, action: str, form: dict[str, str]) -> str:
        """Send a form as it is given."""
        origin = str(self.client.make_url("")).rstrip("/")
        response = await self.client.post(action, data=form, headers={"Origin": origin})
        self.page = await response.text()
        assert response.status == 200, self.page
        self.at = response.url.path
        return self.text

    async def go(self, path: str) -> str:
        """Open an address; return what can be read."""
        response = await self.client.get(path)
        self.page, self.at = await response.text(), response.url.path
        return self.text

    async def events(self, kind: type[T]) -> list[T]:
        """Return what was journaled of one kind, the first first."""
        return [one for one in await self.journal() if isinstance(one, kind)]

    async def journal(self) -> list[Event]:
        """Return all that was journaled, the first first."""

        def read(conn: Connection) -> list[Event]:
            identity = terminal.read(conn)
            records = journal.walk(conn, identity.epoch, 0)
            return [unpack_record(data).event for _, data, _ in records]

        return await self.app[READER].do(read)

    async def names(self) -> list[str]:
        """Return the kinds of what customers did, in order."""
        own = {"booted", "clock_stepped", "day_closed"}
        return [name for event in await self.journal() if (name := EVENT_NAMES[type(event)]) not in own]

    async def hq_tells(self, *rows: MemberRow) -> None:
        """Have HQ tell of members."""
        await self.app[WRITER].do(lambda conn: members.put(conn, rows))

    async def commit_due(self) -> int:
        """Let the agent commit what can be undone no more."""
        return await self.app[UNDOING].look(self.app[READER], self.app[WRITER])

    async def do(self, job: Any) -> Any:
        return await self.app[WRITER].do(job)
