"""Somebody joins at the counter: what they say, the text they agree to, and what was wrong, by its field."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Final

from aiohttp import web

from edge_agent.app_keys import CLOCK, CONFIG, DESK, ENROLLING, READER, RECORDER, SYNC, WRITER
from edge_agent.counter.cashier import Cashier, page_changed
from edge_agent.desk import Keyed
from edge_agent.enrolling import NewMember
from edge_agent.pages.door import Door
from edge_agent.pages.visit import Visit
from edge_agent.store.database import Connection, StoreError
from loyalty_core.calendar import business_day
from loyalty_core.consent import Consent
from loyalty_core.errors import BadInput
from loyalty_core.lookups import candidates

HOME: Final = "/counter/"
FIELDS: Final = ("phone", "card", "name", "birthday")
_FIELD_OF: Final[Mapping[str, str]] = {
    "birthday_invalid": "birthday",
    "card_invalid": "card",
    "consent_needed": "consent",
    "member_missing": "phone",
    "name_invalid": "name",
    "phone_invalid": "phone",
}
"""Beside which field a refusal is shown; others stand above all."""


class JoiningMembers:
    """The handlers."""

    def __init__(self, app: web.Application) -> None:
        self._app = app

    def install(self, door: Door[Cashier]) -> None:
        """Make the addresses."""
        door.get("/new", self.get_new)
        door.post("/new", self.post_new)

    async def get_new(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Show the form, with what was typed and found nobody."""
        typed, unknown = dict.fromkeys(FIELDS, ""), visit.who.unknown
        if unknown:
            forms = candidates(unknown, self._app[CONFIG].phone_region)
            is_phone = any(form.startswith("phone:") for form in forms)
            typed["phone" if is_phone else "card"] = unknown
        return await self._page(visit, typed)

    async def post_new(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Let somebody join; they are the customer then."""
        app, form = self._app, visit.form
        typed, form_key = {name: form.text(name) for name in FIELDS}, form.text("key")
        version = form.text("consent")
        new = NewMember(
            name=typed["name"],
            phone=typed["phone"] or None,
            card=typed["card"] or None,
            birthday=typed["birthday"] or None,
            consent=int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else -1,
            language=visit.language,
        )
        said = hashlib.sha256("\0".join([*typed.values(), version]).encode()).digest()
        keyed = Keyed(
            key=f"counter-join-{form_key}"[:64], content=said[:16], raw_sha256=said, adapter="counter"
        )

        def job(conn: Connection) -> str:
            books = app[RECORDER].books(conn)
            at_ms = app[DESK].now(books, "set it, then let them join")
            return app[ENROLLING].enrol(conn, books, new, keyed, at_ms).account

        try:
            account = await app[WRITER].do(job)
        except (BadInput, StoreError) as error:
            if error.code == "idempotency_conflict":  # sent before with other entries: a form of its own now
                error, form_key = page_changed(), ""
            return await self._page(visit, typed, error, form_key)
        if SYNC in app:
            app[SYNC].nudge()
        visit.who.turn_to("customer", account, app[CLOCK].monotonic_ms())
        visit.say("ok", visit.gettext("Welcome: the new member can collect points at once."))
        return visit.to(HOME)

    async def _page(
        self,
        visit: Visit[Cashier],
        typed: Mapping[str, str],
        error: BadInput | StoreError | None = None,
        key: str = "",
    ) -> web.StreamResponse:
        consent, known = await self._app[READER].do(lambda conn: self._at_hand(conn, typed))
        field = "" if error is None else _FIELD_OF.get(error.code, "all")
        return visit.page(
            "counter/new.html",
            typed=typed,
            consent=consent,
            key=key,
            known=known,
            field=field,
            code="" if error is None else error.code,
            sentence="" if error is None else visit.explain(error),
        )

    def _at_hand(self, conn: Connection, typed: Mapping[str, str]) -> tuple[Consent, str]:
        """Return the text to agree to, and which of the typed phone and card is a member's already."""
        recorder = self._app[RECORDER]
        books = recorder.books(conn)
        now_ms = self._app[DESK].now(books, "set it, then let them join")
        consent = self._app[ENROLLING].consent(books, business_day(now_ms, books.terminal.place))
        for text in (typed["phone"], typed["card"]):
            owner = recorder.owner(conn, books, text) if text else None
            if owner is not None and owner.is_member:
                return consent, text
        return consent, ""
