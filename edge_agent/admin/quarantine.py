"""The technician's page of what was set aside: why, what it was, how it is handed in again or given up."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from aiohttp import web

from edge_agent import acting, mending
from edge_agent.acting import Action, Actor
from edge_agent.app_keys import CLOCK, CONFIG, READER, RECORDER, SYNC, WRITER
from edge_agent.mending import csv_of
from edge_agent.pages.door import Door
from edge_agent.pages.refusals import meaning
from edge_agent.pages.visit import Visit
from edge_agent.pos_adapter.intake import Became
from edge_agent.store import quarantine
from edge_agent.store.database import Connection
from loyalty_core.errors import BadInput

T = TypeVar("T")
HOME: Final = "/admin/quarantine"
ROWS: Final = 50
SETTLED: Final = 20
RETRIED_AT_ONCE: Final = 200
"""Inputs that one press hands in again, those of the longest ago first; the page says how many are left."""


class QuarantinePages:
    """The handlers."""

    def __init__(self, app: web.Application) -> None:
        self._app = app

    def install(self, door: Door[Actor]) -> None:
        """Make the addresses."""
        door.get("/quarantine", self.get_rows)
        door.get("/quarantine/{number:[0-9]{1,15}}", self.get_one)
        door.live("/quarantine-live", self.live)
        door.post("/quarantine/retry", self.post_retry_all)
        door.post("/quarantine/{number:[0-9]{1,15}}/retry", self.post_retry)
        door.post("/quarantine/{number:[0-9]{1,15}}/mend", self.post_mend)
        door.post("/quarantine/{number:[0-9]{1,15}}/discard", self.post_discard)

    async def get_rows(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Show what is set aside, and what became of the last."""
        return visit.page("admin/quarantine.html", **await self._values(visit))

    async def live(self, visit: Visit[Actor]) -> Mapping[str, str]:
        """Return the parts that change by themselves."""
        return {"rows": visit.part("admin/quarantine_rows.html", **await self._values(visit))}

    async def get_one(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Show one input with all that is known of it."""
        return await self._one(visit, None, {}, "")

    async def post_retry(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Hand one in again, as it is."""
        number = _number(visit)

        def job(conn: Connection) -> Became:
            refused = mending.find(conn, number)
            became = mending.retry(
                conn, self._app[CONFIG], self._app[RECORDER], refused, self._app[CLOCK].wall_ms()
            )
            self._note(conn, visit, "quarantine_retry", str(number), became)
            return became

        return await self._told(visit, number, job)

    async def post_retry_all(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Hand all in again, as they are; each in a job of its own, so that sales go between."""
        numbers = await self._app[READER].do(lambda conn: quarantine.least_lately(conn, RETRIED_AT_ONCE))
        mended = 0
        for number in numbers:
            became = await self._app[WRITER].do(self._retrying(number), urgent=False)
            mended += became is not None and became.became != "refused"
        await self._app[WRITER].do(
            lambda conn: self._noted(conn, visit, "quarantine_retry", "all", f"{mended} of {len(numbers)}")
        )
        self._nudge()
        said = visit.gettext("%(mended)s of %(n)s were recorded.")
        visit.say("ok" if mended == len(numbers) else "warn", said % {"mended": mended, "n": len(numbers)})
        return visit.to(HOME)

    async def post_mend(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Hand one in with other texts in its fields, or with another text in all."""
        number, form = _number(visit), visit.form
        typed = {
            name.removeprefix("field."): text
            for name, text in form.fields.items()
            if name.startswith("field.")
        }
        text = form.fields.get("text", "")

        def job(conn: Connection) -> Became:
            refused = mending.find(conn, number)
            settings = csv_of(self._app[CONFIG], refused)
            if form.text("as") == "text":
                raw, how = mending.encoded(refused, settings, text), "the whole input"
            else:
                before = {field.name: field.text for field in mending.fields_of(refused, settings)}
                changes = {name: new for name, new in typed.items() if before.get(name) != new}
                raw, how = mending.changed(refused, settings, changes), ", ".join(changes)
            how = f"{visit.who.person}: {how or 'nothing changed'}"
            became = mending.mend(conn, self._app[CONFIG], self._app[RECORDER], refused, raw, how)
            self._note(conn, visit, "quarantine_mend", str(number), became)
            return became

        return await self._told(visit, number, job, typed, text)

    async def post_discard(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Give one up, for a reason."""
        number, reason = _number(visit), visit.form.text("reason")

        def job(conn: Connection) -> None:
            mending.discard(conn, number, reason)
            self._noted(conn, visit, "quarantine_discard", str(number), reason)

        try:
            await self._app[WRITER].do(job)
        except BadInput as error:
            return await self._one(visit, error, {}, "")
        visit.say("ok", visit.gettext("Given up; the reason is kept."))
        return visit.to(HOME)

    async def _values(self, visit: Visit[Actor]) -> dict[str, Any]:
        after = visit.request.query.get("after", "")
        first = int(after) if after.isascii() and after.isdecimal() and len(after) < 16 else 0

        def read(conn: Connection) -> dict[str, Any]:
            rows = quarantine.open_rows(conn, ROWS + 1, first, with_raw=False)
            return {
                "rows": rows[:ROWS],
                "more_after": rows[ROWS - 1].quarantine_id if len(rows) > ROWS else None,
                "count": quarantine.count_open(conn),
                "settled": quarantine.settled(conn, SETTLED),
            }

        seen = await self._app[READER].do(read)
        return {**seen, "reason": lambda code: meaning(code, visit.gettext) or ""}

    async def _one(
        self, visit: Visit[Actor], error: BadInput | None, typed: Mapping[str, str], text: str
    ) -> web.StreamResponse:
        number = _number(visit)
        refused = await self._app[READER].do(lambda conn: mending.find(conn, number))
        settings = csv_of(self._app[CONFIG], refused)
        shown = mending.shown(refused, settings)
        fields = [
            mending.Field(one.name, typed.get(one.name, one.text))
            for one in mending.fields_of(refused, settings)
        ]
        return visit.page(
            "admin/quarantine_one.html",
            one=refused,
            shown=shown,
            fields=fields,
            text=text or mending.text_of(refused, settings) or "",
            error=error,
            meaning=meaning(refused.code, visit.gettext),
        )

    async def _told(
        self,
        visit: Visit[Actor],
        number: int,
        job: Callable[[Connection], Became],
        typed: Mapping[str, str] | None = None,
        text: str = "",
    ) -> web.StreamResponse:
        """Say what an input became; refused again, it is shown with what was typed."""
        try:
            became = await self._app[WRITER].do(job)
        except BadInput as error:
            return await self._one(visit, error, typed or {}, text)
        if became.became == "passed":
            said = visit.gettext("Input %(number)s counts nothing, and waits no more.")
            visit.say("ok", said % {"number": number})
            return visit.to(HOME)
        if became.outcome is None:
            return await self._one(visit, BadInput(became.sentence, code=became.code), typed or {}, text)
        self._nudge()
        said = (
            visit.gettext("Input %(number)s is recorded as %(event)s.")
            if became.became == "recorded"
            else visit.gettext("Input %(number)s was recorded before, as %(event)s.")
        )
        visit.say("ok", said % {"number": number, "event": became.outcome.event})
        return visit.to(HOME)

    def _retrying(self, number: int) -> Callable[[Connection], Became | None]:
        def job(conn: Connection) -> Became | None:
            refused = quarantine.find_open(conn, number)
            if refused is None:
                return None
            config, now_ms = self._app[CONFIG], self._app[CLOCK].wall_ms()
            return mending.retry(conn, config, self._app[RECORDER], refused, now_ms)

        return job

    def _note(
        self, conn: Connection, visit: Visit[Actor], action: Action, subject: str, became: Became
    ) -> None:
        outcome = became.code if became.outcome is None else f"{became.became} {became.outcome.event}"
        self._noted(conn, visit, action, subject, outcome)

    def _noted(
        self, conn: Connection, visit: Visit[Actor], action: Action, subject: str, outcome: str
    ) -> None:
        recorder = self._app[RECORDER]
        acting.note(conn, recorder, recorder.books(conn), visit.who, action, subject, outcome)

    def _nudge(self) -> None:
        if SYNC in self._app:
            self._app[SYNC].nudge()


def _number(visit: Visit[Actor]) -> int:
    return int(visit.request.match_info["number"])
