"""What a technician does at a page stands in the journal: who, what, to what, and what came of it."""

from __future__ import annotations

from aiohttp import web

from edge_agent import acting
from edge_agent.acting import Action, Actor
from edge_agent.app_keys import RECORDER, SYNC, WRITER
from edge_agent.store.database import Connection


async def note(
    app: web.Application, actor: Actor, action: Action, subject: str = "", outcome: str = "ok"
) -> None:
    """Journal an action; HQ is to hear of it soon.

    Raises:
        StoreError: the disk refuses.
    """
    recorder = app[RECORDER]

    def job(conn: Connection) -> None:
        acting.note(conn, recorder, recorder.books(conn), actor, action, subject, outcome)

    await app[WRITER].do(job, urgent=False)
    if SYNC in app:
        app[SYNC].nudge()
