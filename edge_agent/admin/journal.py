"""The technician's journal browser: what was recorded here, the newest first, and one record in full."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final
from urllib.parse import urlencode

from aiohttp import web

from edge_agent import journal_pages
from edge_agent.acting import Actor
from edge_agent.app_keys import READER, RECORDER
from edge_agent.journal_pages import DAMAGED, Detail, Leaf
from edge_agent.pages.door import Door
from edge_agent.pages.refusals import N_
from edge_agent.pages.visit import Visit
from edge_agent.store.database import Connection
from loyalty_core.calendar import day_of
from loyalty_core.units import Day

KINDS: Final[Mapping[str, str]] = {
    "visit_recorded": N_("Visit"),
    "visit_voided": N_("Visit undone"),
    "member_presented": N_("Card shown"),
    "purchase_recorded": N_("Purchase"),
    "return_recorded": N_("Return"),
    "purchase_voided": N_("Purchase voided"),
    "receipt_claimed": N_("Receipt given to a member"),
    "redemption_authorised": N_("Points set aside"),
    "redemption_committed": N_("Points spent"),
    "redemption_cancelled": N_("Redemption undone"),
    "coupon_used": N_("Coupon used"),
    "member_enrolled": N_("New member"),
    "day_closed": N_("Day closed"),
    "day_total": N_("Day's total of the till"),
    "technician_action": N_("Technician"),
    "booted": N_("Agent started"),
    "clock_stepped": N_("Clock moved"),
    DAMAGED: N_("Damaged"),
}
ACTIONS: Final[Mapping[str, str]] = {
    "join": N_("Joined headquarters"),
    "log_in": N_("Logged in"),
    "log_in_refused": N_("Log-in refused"),
    "log_out": N_("Logged out"),
    "try_now": N_("Tried headquarters"),
    "connection_test": N_("Tested the connection"),
    "verify": N_("Verified the till"),
    "diagnostics": N_("Took the diagnostics"),
    "export": N_("Took the file for headquarters"),
    "import": N_("Gave a file from headquarters"),
    "quarantine_retry": N_("Handed in again"),
    "quarantine_mend": N_("Mended an input"),
    "quarantine_discard": N_("Gave an input up"),
}
_DIGITS_MAX: Final = 15


class JournalPages:
    """The handlers. To look is no action, and stands in no journal."""

    def __init__(self, app: web.Application) -> None:
        self._app = app

    def install(self, door: Door[Actor]) -> None:
        """Make the addresses."""
        door.get("/journal", self.get_leaf)
        door.live("/journal-live", self.live)
        door.get("/journal/{epoch:[0-9]{1,15}}/{seq:[0-9]{1,15}}", self.get_record)

    async def get_leaf(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Show a page of the journal."""
        return visit.page("admin/journal.html", **await self._values(visit))

    async def live(self, visit: Visit[Actor]) -> Mapping[str, str]:
        """Return the newest records."""
        return {"records": visit.part("admin/journal_rows.html", **await self._values(visit))}

    async def get_record(self, visit: Visit[Actor]) -> web.StreamResponse:
        """Show one record in full."""
        epoch, seq = (int(visit.request.match_info[name]) for name in ("epoch", "seq"))
        recorder = self._app[RECORDER]

        def read(conn: Connection) -> Detail:
            books = recorder.books(conn)
            return journal_pages.detail(conn, books, recorder, visit.language, epoch, seq)

        one = await self._app[READER].do(read)
        return visit.page("admin/journal_one.html", one=one, kind_text=_kind_text(visit))

    async def _values(self, visit: Visit[Actor]) -> dict[str, Any]:
        asked = visit.request.query
        kind = asked.get("kind", "") if asked.get("kind", "") in KINDS else ""
        day = _day(asked.get("day", ""))
        epoch, before = _number(asked.get("epoch", "")), _number(asked.get("before", ""))
        recorder = self._app[RECORDER]

        def read(conn: Connection) -> Leaf:
            return journal_pages.leaf(
                conn,
                recorder.books(conn),
                visit.language,
                epoch=epoch,
                before=before,
                kind=kind,
                day=day,
            )

        leaf = await self._app[READER].do(read)
        same = {
            "kind": kind,
            "day": asked.get("day", "") if day is not None else "",
            "epoch": str(leaf.epoch),
        }
        older = urlencode({**same, "before": str(leaf.before)}) if leaf.before else ""
        return {
            "leaf": leaf,
            "kinds": KINDS,
            "kind": kind,
            "day": same["day"],
            "older": older,
            "is_newest": not (kind or day or before) and epoch in (None, leaf.epochs[0]),
            "kind_text": _kind_text(visit),
        }


def _kind_text(visit: Visit[Actor]) -> Any:
    texts = {**KINDS, **ACTIONS}
    return lambda kind: visit.gettext(texts[kind]) if kind in texts else kind


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _DIGITS_MAX else None


def _day(text: str) -> Day | None:
    try:
        return day_of(date.fromisoformat(text))
    except ValueError:
        return None
