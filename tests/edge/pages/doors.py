"""A door with pages of its own in an agent that is otherwise whole; a browser that sends what it is told."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient

from edge_agent.app_keys import ROOMS, STREAMS
from edge_agent.config import EdgeConfig
from edge_agent.pages.door import Door
from edge_agent.pages.visit import Visit
from tests.edge.made import HeldClock

PREFIX = "/admin/room"
PERSON, LOOKER = "kim", "lee"
IDLE_MS, ABSOLUTE_MS = 60_000, 600_000


@dataclass
class Room:
    """Pages behind a door: they show who is there, and count what is done."""

    done: list[str] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    parts: dict[str, str] = field(default_factory=lambda: {"state": "<b>1</b>"})
    lets_in: str | None = None

    def open(self, app: web.Application, config: EdgeConfig, clock: HeldClock) -> Door[str]:
        door: Door[str] = Door(
            config,
            clock,
            app[ROOMS],
            app[STREAMS],
            prefix=PREFIX,
            idle_ms=IDLE_MS,
            absolute_ms=ABSOLUTE_MS,
            enter=lambda: self.lets_in,
            is_good=self._is_good,
            may_act=lambda who: who != LOOKER,
        )
        door.open_get("/login", self.get_login)
        door.open_post("/login", lambda visit: self.post_login(door, visit))
        door.get("/", self.get_room)
        door.post("/act", self.post_act)
        door.post("/look", self.post_act, looks_only=True)
        door.live("/live", self.live_parts)
        app.add_routes(door.routes)
        return door

    async def _is_good(self, _: web.Application, who: str) -> bool:
        return who not in self.gone

    async def get_login(self, visit: Visit[str]) -> web.StreamResponse:
        return visit.page("pages/ways.html")

    async def post_login(self, door: Door[str], visit: Visit[str]) -> web.StreamResponse:
        response = visit.to(f"{PREFIX}/")
        door.log_in(response, visit.request, visit.form.text("name"))
        return response

    async def get_room(self, visit: Visit[str]) -> web.StreamResponse:
        return web.Response(text=f"{visit.who} {visit.session.csrf}")

    async def post_act(self, visit: Visit[str]) -> web.StreamResponse:
        self.done.append(visit.form.text("what"))
        return visit.to(f"{PREFIX}/")

    async def live_parts(self, visit: Visit[str]) -> Mapping[str, str]:
        return dict(self.parts)


@dataclass
class Browser:
    """Sends forms as a browser does, follows nothing, and keeps its cookies."""

    client: TestClient[web.Request, web.Application]

    @property
    def origin(self) -> str:
        return str(self.client.make_url("")).rstrip("/")

    async def get(self, path: str, **headers: str) -> ClientResponse:
        return await self.client.get(path, headers=headers, allow_redirects=False)

    async def send(self, path: str, form: Mapping[str, str], **headers: str) -> ClientResponse:
        named = {"Origin": self.origin, "Sec-Fetch-Site": "same-origin"} | headers
        return await self.client.post(path, data=form, headers=named, allow_redirects=False)

    async def log_in(self, name: str) -> str:
        """Log in; return the secret of forms."""
        await self.send(f"{PREFIX}/login", {"name": name})
        return await self.secret()

    async def secret(self) -> str:
        """Return the secret of forms of who is logged in."""
        text = await (await self.get(f"{PREFIX}/")).text()
        return text.split(" ")[1]


def code_of(page: str) -> str:
    """Return the stable code that a page of a refusal names."""
    found = re.search(r"<code>([a-z_]+)</code>", page)
    assert found is not None, page
    return found[1]
