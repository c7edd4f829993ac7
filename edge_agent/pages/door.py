"""The door to one kind of page: who may see it, who may change something. Makes every address of a page.

`Host` and `Origin` were looked at before (`edge_agent.guard`). What changes something is a form, which
carries its session's secret. Who has no session is led to the log-in, or let in where a page needs none.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final, Generic, TypeVar

from aiohttp import web
from aiohttp.web_request import FileField

from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.pages.forms import said_in
from edge_agent.pages.rooms import Rooms
from edge_agent.pages.visit import Form, Upload, Visit
from edge_agent.web_errors import see_other
from loyalty_core.errors import BadInput
from loyalty_shell.pages.live import Streams
from loyalty_shell.pages.sessions import Session, Sessions

Who = TypeVar("Who")
CSRF_FIELD: Final = "csrf"
Handler = Callable[[Visit[Who]], Awaitable[web.StreamResponse]]
LiveParts = Callable[[Visit[Who]], Awaitable[Mapping[str, str]]]


class Door(Generic[Who]):
    """Makes the routes of one kind of page, below `prefix`.

    `enter` lets somebody in without a log-in, or returns None; `is_good` tells whether who is logged in may
    stay; `may_act` whether they may change something.
    """

    def __init__(
        self,
        config: EdgeConfig,
        clock: Clock,
        rooms: Rooms,
        streams: Streams,
        *,
        prefix: str,
        idle_ms: int,
        absolute_ms: int,
        enter: Callable[[], Who | None],
        is_good: Callable[[web.Application, Who], Awaitable[bool]],
        may_act: Callable[[Who], bool],
    ) -> None:
        self._config = config
        self._rooms = rooms
        self._streams = streams
        self._prefix = prefix
        self._enter, self._is_good, self._may_act = enter, is_good, may_act
        self._sessions: Sessions[Who] = Sessions(clock.monotonic_ms, idle_ms=idle_ms, absolute_ms=absolute_ms)
        self.login_path = f"{prefix}/login"
        self.routes: list[web.RouteDef] = [web.get(prefix, self._to_prefix)]

    @property
    def cookie(self) -> str:
        """The name of the cookie, which is sent to these pages only."""
        return "dangol_" + self._prefix.strip("/").replace("/", "_")

    def get(self, path: str, handler: Handler[Who]) -> None:
        """Make a page for who is logged in."""

        async def handle(request: web.Request) -> web.StreamResponse:
            name, session = await self._session(request, use=True)
            if session is None:
                return see_other(self.login_path)
            response = await handler(self._visit(request, session))
            self._keep(response, request, name)
            return response

        self.routes.append(web.get(self._prefix + path, handle))

    def live(self, path: str, parts: LiveParts[Who]) -> None:
        """Make the stream of a page's parts. To look on is no use of a session: it ends all the same."""

        async def handle(request: web.Request) -> web.StreamResponse:
            async def now() -> Mapping[str, str] | None:
                _, session = await self._session(request, use=False)
                return None if session is None else await parts(self._visit(request, session))

            return await self._streams.serve(request, now)

        self.routes.append(web.get(self._prefix + path, handle))

    def post(self, path: str, handler: Handler[Who], *, bytes_max: int = 0, looks_only: bool = False) -> None:
        """Make an action: a form of who is logged in and may act. It may bring `bytes_max`, if that is more.

        What `looks_only` changes nothing of the till.
        """

        async def handle(request: web.Request) -> web.StreamResponse:
            name, session = await self._session(request, use=True)
            if session is None:
                return see_other(self.login_path)
            async with self._form(request, bytes_max) as form:
                if not session.is_own_form(form.fields.get(CSRF_FIELD, "")):
                    raise BadInput(
                        "this form is of an earlier log-in: open the page again", code="form_stale"
                    )
                if not looks_only and not self._may_act(session.who):
                    raise BadInput("this log-in may look, and change nothing", code="role_observes")
                response = await handler(self._visit(request, session, form))
            self._keep(response, request, name)
            return response

        self.routes.append(web.post(self._prefix + path, handle))

    def open_get(self, path: str, handler: Handler[Who]) -> None:
        """Make a page that is open to everybody: the log-in."""

        async def handle(request: web.Request) -> web.StreamResponse:
            return await handler(Visit(request, self._rooms, self._config.language))

        self.routes.append(web.get(self._prefix + path, handle))

    def open_post(self, path: str, handler: Handler[Who]) -> None:
        """Make an action that is open to everybody: to log in."""

        async def handle(request: web.Request) -> web.StreamResponse:
            async with self._form(request, 0) as form:
                return await handler(Visit(request, self._rooms, self._config.language, form=form))

        self.routes.append(web.post(self._prefix + path, handle))

    def log_in(self, response: web.StreamResponse, request: web.Request, who: Who) -> None:
        """Open a session in place of the browser's last, and have the browser keep what names it."""
        self._sessions.end(request.cookies.get(self.cookie, ""))
        name, _ = self._sessions.open(who)
        self._set_cookie(response, name)

    def log_out(self, response: web.StreamResponse, request: web.Request) -> None:
        """End the session, here and in the browser."""
        self._sessions.end(request.cookies.get(self.cookie, ""))
        response.del_cookie(self.cookie, path=self._prefix)

    async def _to_prefix(self, _: web.Request) -> web.StreamResponse:
        return see_other(f"{self._prefix}/")

    def _visit(self, request: web.Request, session: Session[Who], form: Form | None = None) -> Visit[Who]:
        return Visit(request, self._rooms, self._config.language, session, form)

    async def _session(self, request: web.Request, *, use: bool) -> tuple[str, Session[Who] | None]:
        """Return the session and its name; a new one where nobody needs to log in."""
        name = request.cookies.get(self.cookie, "")
        session = self._sessions.find(name, use=use)
        if session is not None and not await self._is_good(request.app, session.who):
            self._sessions.end(name)
            session = None
        if session is None and use and (who := self._enter()) is not None:
            return self._sessions.open(who)
        return name, session

    def _keep(self, response: web.StreamResponse, request: web.Request, name: str) -> None:
        """Have the browser keep a session that was opened on the way."""
        ended = self._sessions.find(name, use=False) is None
        if not ended and not response.prepared and request.cookies.get(self.cookie) != name:
            self._set_cookie(response, name)

    def _set_cookie(self, response: web.StreamResponse, name: str) -> None:
        response.set_cookie(self.cookie, name, path=self._prefix, httponly=True, samesite="Strict")

    @asynccontextmanager
    async def _form(self, request: web.Request, bytes_max: int) -> AsyncIterator[Form]:
        async with said_in(request, self._config.http, bytes_max) as said:
            fields = {name: value for name, value in said.items() if isinstance(value, str)}
            uploads: dict[str, list[Upload]] = {}
            for name, value in said.items():
                if isinstance(value, FileField) and value.filename:
                    uploads.setdefault(name, []).append(Upload(value.filename, value.file))
            yield Form(fields, uploads)
