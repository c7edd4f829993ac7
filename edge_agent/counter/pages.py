"""The cashier's page: one field, the customer before it, and what can be done for them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from copy import copy
from typing import Any, Final

import msgspec
from aiohttp import web

from edge_agent.app_keys import (
    CLOCK,
    CONFIG,
    DESK,
    LOG_IN,
    READER,
    RECORDER,
    REDEEMING,
    ROOMS,
    STREAMS,
    SYNC,
    WRITER,
)
from edge_agent.books import Books
from edge_agent.counter.cashier import Cashier, Done, page_changed
from edge_agent.counter.customer import CustomerView, view_of
from edge_agent.counter.joining_members import JoiningMembers
from edge_agent.counter.undoing import Undoing
from edge_agent.counter_pin import verifier
from edge_agent.coupons import read_code
from edge_agent.desk import Anonymous, Keyed
from edge_agent.pages.door import Door
from edge_agent.pages.visit import Visit
from edge_agent.redeeming import redemption_id_of
from edge_agent.spendable import Wanted
from edge_agent.store import hq_keys, outbox
from edge_agent.store.database import Connection
from edge_agent.store.redemptions import Redemption
from loyalty_core.errors import BadInput
from loyalty_core.explain import money, points
from loyalty_core.messages import CouponIssued

HOME: Final = "/counter/"
CODE_LENGTH_MIN: Final = 64
"""No card or phone number is so long: it is a coupon's code."""
_PIN_UNSET: Final = "counter_pin_unset"
_NOBODY: Final = frozenset({"member_unknown", "member_unreadable"})


class Held(msgspec.Struct, frozen=True):
    """A redemption that can be undone, in words."""

    redemption_id: str
    label: str
    until_ms: int


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """All that the page shows, read from one state of the store."""

    customer: CustomerView | None
    coupon: CouponIssued | None
    coupon_worth: str
    anonymous: Anonymous | None
    anonymous_amount: str
    held: list[Held]
    is_offline: bool
    answered_at_ms: int | None
    store_id: str
    terminal_id: str


class CounterPages:
    """The handlers; `install` makes their addresses."""

    def __init__(self, app: web.Application, undoing: Undoing) -> None:
        self._app = app
        self._undoing = undoing

    def install(self) -> None:
        """Make the addresses of the page."""
        app, config = self._app, self._app[CONFIG]
        door: Door[Cashier] = Door(
            config,
            app[CLOCK],
            app[ROOMS],
            app[STREAMS],
            prefix="/counter",
            idle_ms=config.counter.idle_ms,
            absolute_ms=config.counter.absolute_ms,
            enter=Cashier if config.counter.access == "kiosk" else _nobody,
            is_good=_is_good,
            may_act=lambda _: True,
        )
        self._door = door
        door.open_get("/login", self.get_login)
        door.open_post("/login", self.post_login)
        door.post("/logout", self.post_logout)
        door.get("/", self.get_page)
        door.live("/live", self.live)
        door.post("/look", self.post_look)
        door.post("/clear", self.post_clear)
        door.post("/visit", self.post_visit)
        door.post("/visit/undo", self.post_visit_undo)
        door.post("/redeem", self.post_redeem)
        door.post("/redeem/undo", self.post_redeem_undo)
        door.post("/claim", self.post_claim)
        JoiningMembers(app).install(door)
        app.add_routes(door.routes)

    async def get_login(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Ask for the counter's PIN, where it wants one."""
        if self._app[CONFIG].counter.access == "kiosk":
            return visit.to(HOME)
        return visit.page("counter/login.html", sentence="")

    async def post_login(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Open the counter to who knows its PIN."""
        known_by = ""
        if self._app[CONFIG].counter.access == "pin":
            try:
                known_by = await self._app[LOG_IN].cashier(visit.form.text("pin"))
            except BadInput as error:
                if error.code == "pin_unknown":
                    error = BadInput(str(error), code=_PIN_UNSET)
                return visit.page("counter/login.html", sentence=visit.explain(error))
        response = visit.to(HOME)
        self._door.log_in(response, visit.request, Cashier(known_by))
        return response

    async def post_logout(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Close the counter until somebody brings its PIN."""
        response = visit.to(self._door.login_path)
        self._door.log_out(response, visit.request)
        return response

    async def get_page(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Show the page."""
        return visit.page("counter/page.html", **await self._values(visit))

    async def live(self, visit: Visit[Cashier]) -> Mapping[str, str]:
        """Return the parts that change by themselves."""
        values = await self._values(visit)
        return {
            name: visit.part(f"counter/{name}.html", **values)
            for name in ("link", "customer", "undo", "receipt")
        }

    async def post_look(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Find whose card or number was scanned or typed, or which coupon."""
        text = visit.form.text("code")
        if not text:
            return visit.to(HOME)
        kind, found = "customer", text
        try:
            if len(text) > CODE_LENGTH_MIN:
                kind = "coupon"
                await self._app[READER].do(lambda conn: _coupon(conn, text))
            else:
                found = await self._app[READER].do(lambda conn: self._recorded_form(conn, text))
        except BadInput as error:
            kind = "unknown" if error.code in _NOBODY else "nobody"
            self._complain(visit, error)
        visit.who.turn_to(kind, found, self._monotonic_ms())  # type: ignore[arg-type]
        return visit.to(HOME)

    async def post_clear(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Turn to the next customer."""
        visit.who.turn_to("nobody", "", self._monotonic_ms())
        return visit.to(HOME)

    async def post_visit(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Record that the customer is here."""
        who, desk, customer = visit.who, self._app[DESK], visit.who.customer

        def job(conn: Connection) -> Done:
            books = self._app[RECORDER].books(conn)
            at_ms = desk.now(books, "set it, then record the visit again")
            recorded = desk.visit(conn, books, customer, keyed, at_ms)
            name = (recorded.standing.masked_name if recorded.standing else None) or ""
            until_ms = self._monotonic_ms() + self._app[CONFIG].counter.undo_ms
            return Done(str(recorded.outcome.event), name, recorded.outcome.redeemable, until_ms)

        try:
            keyed = _keyed(visit, "visit", customer)
            done = await self._app[WRITER].do(job)
        except BadInput as error:
            return self._refused(visit, error)
        who.visit = done
        visit.say(
            "ok",
            visit.gettext("Visit recorded: %(points)s") % {"points": points(done.points, visit.language)},
        )
        return self._done(visit)

    async def post_visit_undo(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Undo the visit that was recorded here last."""
        name, desk = visit.form.text("event"), self._app[DESK]
        visit.who.look(self._monotonic_ms())
        if visit.who.visit is None or visit.who.visit.event != name:
            return self._refused(visit, BadInput("it is too late to undo this", code="undo_over"))

        def job(conn: Connection) -> None:
            desk.void_visit(conn, self._app[RECORDER].books(conn), name, _sha(name), "counter")

        try:
            await self._app[WRITER].do(job)
        except BadInput as error:
            return self._refused(visit, error)
        visit.who.undo_visit()
        visit.say("ok", visit.gettext("The visit was undone."))
        return self._done(visit)

    async def post_redeem(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Set points, a reward or a coupon aside; it is spent when the time to undo it is over."""
        form, who, customer = visit.form, visit.who, visit.who.customer
        wish = [form.text(name) for name in ("points", "reward", "coupon")]
        amount = form.text("points")
        if amount and not (amount.isascii() and amount.isdecimal() and len(amount) < 10):
            return self._refused(visit, BadInput("points are a whole number", code="points_unreadable"))

        def understood(books: Books) -> Wanted:
            return Wanted(
                redemption_id=redemption_id_of(books.terminal.terminal_id, keyed.key),
                natural_key=f"key/{keyed.key}",
                content=keyed.content,
                member=customer or None,
                points=int(amount) if amount else None,
                reward=form.text("reward") or None,
                coupon=form.text("coupon") or None,
            )

        app = self._app
        try:
            keyed = _keyed(visit, "redeem", customer, *wish)
            done = await app[DESK].authorise(
                app[READER], app[WRITER], app.get(SYNC), understood, self._undoing.hold
            )
        except BadInput as error:
            return self._refused(visit, error)
        if done.state in ("cancelled", "lapsed"):
            gone = BadInput("this was undone: choose again what is to be used", code="redemption_cancelled")
            return self._refused(visit, gone)
        worth = self._worth(done.redemption, done.standing.currency, visit)
        what = _of_whom(worth, done.standing.masked_name)
        visit.say("ok", visit.gettext("Used: %(what)s") % {"what": what})
        if wish[2] and who.coupon == wish[2]:
            who.turn_to("nobody", "", self._monotonic_ms())
        return self._done(visit)

    async def post_redeem_undo(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Give back what was set aside."""
        redemption_id = visit.form.text("redemption")
        try:
            await self._app[WRITER].do(lambda conn: self._undoing.undo(conn, redemption_id))
        except BadInput as error:
            return self._refused(visit, error)
        visit.say("ok", visit.gettext("Undone: nothing was spent."))
        return self._done(visit)

    async def post_claim(self, visit: Visit[Cashier]) -> web.StreamResponse:
        """Make the last anonymous receipt the customer's; another one than was shown is not taken."""
        desk, customer, event = self._app[DESK], visit.who.customer, visit.form.text("event")

        def job(conn: Connection) -> int:
            books = self._app[RECORDER].books(conn)
            before = desk.repeat(conn, books, keyed)
            if before is not None:
                return before.outcome.redeemable
            last = desk.last_anonymous(conn, books)
            if last is None or str(last.event) != event:
                raise BadInput("another receipt has come since: look again", code="receipt_other")
            at_ms = desk.now(books, "set it, then attach the receipt again")
            return desk.claim(conn, books, customer, last.receipt, keyed, at_ms).outcome.redeemable

        try:
            keyed = _keyed(visit, "claim", customer, event)
            awarded = await self._app[WRITER].do(job)
        except BadInput as error:
            return self._refused(visit, error)
        said = visit.gettext("The receipt is theirs now: %(points)s")
        visit.say("ok", said % {"points": points(awarded, visit.language)})
        return self._done(visit)

    async def _values(self, visit: Visit[Cashier]) -> dict[str, Any]:
        """Return what the page shows, all of it and the keys of its forms of one customer."""
        visit.who.look(self._monotonic_ms())
        who = copy(visit.who)
        seen = await self._app[READER].do(lambda conn: self._seen(conn, visit, who))
        if visit.who.key == who.key and (who.customer or who.coupon) and not (seen.customer or seen.coupon):
            visit.who.turn_to("nobody", "", self._monotonic_ms())  # HQ has said meanwhile that there is none
            who = copy(visit.who)
        return {"seen": seen, "who": who, "config": self._app[CONFIG].counter}

    def _seen(self, conn: Connection, visit: Visit[Cashier], who: Cashier) -> Seen:
        app = self._app
        books, desk = app[RECORDER].books(conn), app[DESK]
        app[RECORDER].expectations(books)
        customer = coupon = None
        with suppress(BadInput):
            if who.customer:
                account = app[RECORDER].member(conn, books, who.customer).account
                found = desk.of_account(conn, books, account)
                customer = view_of(conn, books, app[REDEEMING].spendable, found, account, visit.language)
            if who.coupon:
                coupon = _coupon(conn, who.coupon)
        link, currency = outbox.link(conn), books.programmes[-1].currency if books.programmes else ""
        last = desk.last_anonymous(conn, books)
        return Seen(
            customer=customer,
            coupon=coupon,
            coupon_worth=money(coupon.value_minor, currency, visit.language) if coupon and currency else "",
            anonymous=last,
            anonymous_amount=money(last.net_minor, currency, visit.language) if last and currency else "",
            held=[
                self._shown(conn, books, held, one.until_ms, currency, visit)
                for one, held in self._undoing.held(conn)
            ],
            is_offline=link.error_code is not None,
            answered_at_ms=link.answered_at_ms,
            store_id=books.terminal.store_id,
            terminal_id=books.terminal.terminal_id,
        )

    def _shown(
        self,
        conn: Connection,
        books: Books,
        held: Redemption,
        until_ms: int,
        currency: str,
        visit: Visit[Cashier],
    ) -> Held:
        name = None
        if held.account:
            name = self._app[DESK].of_account(conn, books, held.account).standing.masked_name
        return Held(held.redemption_id, _of_whom(self._worth(held, currency, visit), name), until_ms)

    def _worth(self, one: Redemption, currency: str, visit: Visit[Cashier]) -> str:
        parts = [points(one.points, visit.language)] if one.points else []
        if one.reward:
            parts.append(one.reward)
        if one.value_minor and currency:
            parts.append(money(one.value_minor, currency, visit.language))
        return " · ".join(parts)

    def _recorded_form(self, conn: Connection, text: str) -> str:
        recorder = self._app[RECORDER]
        return recorder.member(conn, recorder.books(conn), text).recorded

    def _done(self, visit: Visit[Cashier]) -> web.Response:
        """Lead back to the page after something was recorded; HQ is to hear of it soon."""
        who = visit.who
        if who.customer:
            who.turn_to("customer", who.customer, self._monotonic_ms())
        if SYNC in self._app:
            self._app[SYNC].nudge()
        return visit.to(HOME)

    def _refused(self, visit: Visit[Cashier], error: BadInput) -> web.Response:
        self._complain(visit, page_changed() if error.code == "idempotency_conflict" else error)
        return visit.to(HOME)

    def _complain(self, visit: Visit[Cashier], error: BadInput) -> None:
        visit.say("bad", visit.explain(error))

    def _monotonic_ms(self) -> int:
        return self._app[CLOCK].monotonic_ms()


def _nobody() -> None:
    """Let nobody in without a log-in."""


async def _is_good(app: web.Application, who: Cashier) -> bool:
    """Tell whether the PIN is still the one that opened the counter, where it wants one."""
    if app[CONFIG].counter.access == "kiosk":
        return True
    try:
        return who.known_by == await asyncio.to_thread(verifier, app[CONFIG].data_dir)
    except BadInput:
        return False


def _of_whom(worth: str, name: str | None) -> str:
    return f"{worth} · {name}" if name else worth


def _coupon(conn: Connection, code: str) -> CouponIssued:
    return read_code(code, hq_keys.believed(conn, "server"))


def _keyed(visit: Visit[Cashier], action: str, *parts: str) -> Keyed:
    """Return what makes a form one action: the key that it carries, and what it says.

    Raises:
        BadInput: `page_changed`: it was made for another customer, or before something was undone.
    """
    if not visit.who.is_of_customer(visit.form.text("key")):
        raise page_changed()
    content = "\0".join((action, *parts))
    return Keyed(
        key=f"counter-{action}-{visit.form.text('key')}"[:64],
        content=_sha(content)[:16],
        raw_sha256=_sha(content),
        adapter="counter",
    )


def _sha(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
