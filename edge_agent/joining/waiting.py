"""The page of a till that has joined and that headquarters has not let in yet; it leads on once it has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from edge_agent.app_keys import CONFIG, READER, ROOMS, STREAMS
from edge_agent.config import EdgeConfig
from edge_agent.joining.joining import PATH
from edge_agent.joining.refusals import meaning
from edge_agent.pages.visit import Visit
from edge_agent.store import outbox, terminal
from edge_agent.store.database import Connection
from edge_agent.sync import keys
from edge_agent.web_errors import see_other
from loyalty_core.envelope import fingerprint, public_of


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """What headquarters compares before it lets a till in, and why it has not yet (None: not asked yet)."""

    terminal_id: str
    store_id: str
    fingerprint: str
    code: str | None
    sentence: str | None


def waiting(conn: Connection, config: EdgeConfig) -> Waiting | None:
    """Return what a till waits with, None once headquarters has taken something from it.

    Raises:
        BadInput: `key_missing`.
    """
    link = outbox.link(conn)
    if link.answered_at_ms is not None:
        return None
    identity = terminal.read(conn)
    return Waiting(
        terminal_id=identity.terminal_id,
        store_id=identity.store_id,
        fingerprint=fingerprint(public_of(keys.private_key(config.data_dir))),
        code=link.error_code,
        sentence=link.error,
    )


def routes() -> list[web.RouteDef]:
    """Return the addresses of a till that has joined, under those of one that has not."""
    return [
        web.get(PATH, _get_page),
        web.get(f"{PATH}/live", _get_live),
        web.post(PATH, _post_again),
    ]


async def _get_page(request: web.Request) -> web.StreamResponse:
    values = await _values(request)
    return see_other("/") if values is None else _visit(request).page("joining/waiting.html", **values)


async def _get_live(request: web.Request) -> web.StreamResponse:
    async def now() -> Mapping[str, str] | None:
        values = await _values(request)
        return None if values is None else {"joined": _visit(request).part("joining/joined.html", **values)}

    return await request.app[STREAMS].serve(request, now)


async def _post_again(_: web.Request) -> web.StreamResponse:
    """Lead on who sends the form again, having lost the answer: this till has joined."""
    return see_other(PATH)


async def _values(request: web.Request) -> dict[str, Any] | None:
    app = request.app
    found = await app[READER].do(lambda conn: waiting(conn, app[CONFIG]))
    if found is None:
        return None
    why = meaning(found.code or "", _visit(request).gettext) or found.sentence
    return {"till": found, "why": why}


def _visit(request: web.Request) -> Visit[None]:
    return Visit(request, request.app[ROOMS], request.app[CONFIG].language)
