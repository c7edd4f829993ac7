"""The technician's log-in and first page: how this till is doing, the line, and what to do about it now."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from aiohttp import web

from edge_agent.acting import Actor
from edge_agent.admin.actions import note
from edge_agent.admin.connection import ConnectionTest
from edge_agent.admin.state import State, state
from edge_agent.app_keys import CLOCK, CONFIG, LOG_IN, READER, RECORDER, ROOMS, STREAMS, SYNC, WRITER
from edge_agent.pages.door import Door
from edge_agent.pages.refusals import meaning
from edge_agent.pages.visit import Visit
from edge_agent.store.database import Connection
from edge_agent.technicians import still_good, technicians_known
from loyalty_core.errors import BadInput, LoyaltyError

HOME: Final = "/admin/"
PASS_BYTES_MAX: Final = 8192
PARTS: Final = ("headline", "tiles", "timeline", "intake", "connection", "facts")


class AdminPages:
    """The handlers; `install` makes their addresses."""

    def __init__(self, app: web.Application) -> None:
        self._app = app
        self._test = ConnectionTest()

    def install(self) -> Door[Actor]:
        """Make the addresses; return the door, for the other pages of a technician."""
        app, config = self._app, self._app[CONFIG]
        door: Door[Actor] = Door(
            config,
            app[CLOCK],
            app[ROOMS],
            app[STREAMS],
            prefix="/admin",
            idle_ms=config.admin.idle_ms,
            absolute_ms=config.admin.absolute_ms,
            enter=lambda: None,
            is_good=_is_good,
            may_act=lambda actor: actor.role == "technician",
        )
        self._door = door
        door.open_get("/login", self.get_login)
        door.open_post("/login", self.post_login)
        door.post("/logout", self.post_logout, looks_only=True)
        door.get("/", self.get_overview)
        door.live("/live", self.live)
        door.post("/try", self.post_try)
        door.post("/connection", self.post_connection)
        app.cleanup_ctx.append(self._testing)
        return door

    async def _testing(self, _: web.Application) -> AsyncIterator[None]:
        yield
        await self._test.stop()

    async def get_login(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Show the log-in."""
        return await self._login(visit, None)

    async def post_login(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Let in who shows a pass and knows its PIN."""
        shown = visit.form.text("pass")
        for upload in visit.form.files("file")[:1]:
            data = await asyncio.to_thread(upload.file.read, PASS_BYTES_MAX)
            shown = data.decode("ascii", "replace").strip() or shown
        try:
            actor = await self._app[LOG_IN].technician(shown, visit.form.text("pin"))
        except BadInput as error:
            return await self._login(visit, error)
        response = visit.to(HOME)
        self._door.log_in(response, visit.request, actor)
        return response

    async def _login(self, visit: Visit[Actor], error: BadInput | None) -> web.StreamResponse:
        known = await self._app[READER].do(technicians_known)
        said = [] if error is None else [("bad", meaning(error.code, visit.gettext) or str(error))]
        detail = "" if error is None else str(error)
        return visit.page("admin/login.html", known=known, refused=said, detail=detail)

    async def post_logout(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Log out."""
        with suppress(LoyaltyError):  # a disk that takes nothing keeps nobody logged in
            await note(self._app, visit.who, "log_out")
        response = visit.to(self._door.login_path)
        self._door.log_out(response, visit.request)
        return response

    async def get_overview(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Show how this till is doing."""
        return visit.page("admin/overview.html", **await self._values(visit))

    async def live(self, visit: Visit[Actor]) -> Mapping[str, str]:
        """Return the parts that change by themselves."""
        values = await self._values(visit)
        return {name: visit.part(f"admin/{name}.html", **values) for name in PARTS}

    async def post_try(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Talk with HQ now, whatever the back-off says."""
        error = await self._app[SYNC].try_now() if SYNC in self._app else None
        await note(self._app, visit.who, "try_now", outcome="ok" if error is None else error.code)
        if error is None:
            visit.say("ok", visit.gettext("Headquarters has answered."))
        else:
            visit.say("bad", meaning(error.code, visit.gettext) or str(error))
        return visit.to(HOME)

    async def post_connection(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Begin the connection test; its steps appear on the page."""
        app, actor = self._app, visit.who
        ending: set[asyncio.Task[None]] = set()

        def ended(outcome: str) -> None:
            task = asyncio.create_task(_noted(app, actor, outcome))
            ending.add(task)
            task.add_done_callback(ending.discard)

        self._test.start(app, ended)
        return visit.to(HOME + "#connection")

    async def _values(self, visit: Visit[Actor]) -> dict[str, Any]:
        seen = await self._app[READER].do(self._state)
        why = seen.told.link_error_code or ""
        return {
            "state": seen,
            "test": self._test,
            "why": meaning(why, visit.gettext) or seen.told.link_error or "",
            "at_ms": _at_ms,
            "refusal": meaning(seen.refusal, visit.gettext) or seen.refusal,
            "reason": lambda code: meaning(code, visit.gettext) or code,
        }

    def _state(self, conn: Connection) -> State:
        app = self._app
        books, trouble = app[RECORDER].books(conn), app[WRITER].trouble
        app[RECORDER].expectations(books)
        return state(conn, app[CONFIG], app[CLOCK], books, None if trouble is None else trouble.code)


def _at_ms(iso: str) -> int:
    """Return an instant of the printers' state in ms."""
    return int(datetime.fromisoformat(iso).timestamp() * 1000)


async def _is_good(app: web.Application, actor: Actor) -> bool:
    return await app[READER].do(lambda conn: still_good(conn, actor, app[CLOCK])) is None


async def _noted(app: web.Application, actor: Actor, outcome: str) -> None:
    try:
        await note(app, actor, "connection_test", outcome=outcome)
    except LoyaltyError:
        return  # the disk's trouble is told where it matters
