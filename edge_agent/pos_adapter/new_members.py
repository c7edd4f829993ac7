"""New members by local HTTP: the text that is agreed to, and the enrolment.

Of a request that is refused nothing is set aside: it says who somebody is, and nobody joined.
"""

from __future__ import annotations

from typing import Final

import msgspec
from aiohttp import web

from edge_agent.app_keys import READER, SYNC, WRITER
from edge_agent.books import Books
from edge_agent.config import EdgeConfig
from edge_agent.desk import Desk
from edge_agent.enrolling import Enrolling, NewMember
from edge_agent.pos_adapter.answers import EventAnswer, FoundMember, event_answer, found_member
from edge_agent.pos_adapter.requests import answered, body_of, json_of, keyed_of
from edge_agent.pos_adapter.understanding import instant
from edge_agent.recorder import Recorder
from edge_agent.store.database import Connection
from loyalty_core.calendar import business_day
from loyalty_core.units import EpochMs

PATH: Final = "/v1/members"
CONSENT_PATH: Final = "/v1/consent"


class MemberIn(NewMember, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who joins, found by `phone` or `card`; `consent` is the version of the text that they agreed to.

    The time is now unless said otherwise; the birthday is written like 1990-05-31.
    """

    occurred_at: str | None = None


class EnrolledMember(FoundMember, frozen=True, kw_only=True):
    """The answer to an enrolment: the member as a look-up finds them from now on."""

    event: EventAnswer
    repeated: bool


class ConsentAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody agrees to who joins today, by language."""

    version: int
    texts: dict[str, str]


class NewMemberApi:
    """The handlers."""

    def __init__(self, config: EdgeConfig, recorder: Recorder, desk: Desk, enrolling: Enrolling) -> None:
        self._config = config
        self._recorder = recorder
        self._desk = desk
        self._enrolling = enrolling

    def routes(self) -> list[web.RouteDef]:
        """Return the addresses."""
        return [web.post(PATH, self.post_member), web.get(CONSENT_PATH, self.get_consent)]

    async def post_member(self, request: web.Request) -> web.Response:
        """Let somebody join; the same again is answered again."""
        raw = await body_of(request, self._config.http.body_ms_max)
        keyed = keyed_of(request, raw)
        asked = json_of(raw, MemberIn)

        def job(conn: Connection) -> EnrolledMember:
            books = self._recorder.books(conn)
            joined = self._enrolling.enrol(conn, books, asked, keyed, self._instant(books, asked.occurred_at))
            found = self._desk.of_account(conn, books, joined.account)
            member = found_member(found.standing, found.purse, self._config.language)
            return EnrolledMember(
                event=event_answer(joined.event), repeated=joined.repeated, **msgspec.structs.asdict(member)
            )

        answer = await request.app[WRITER].do(job)
        if not answer.repeated and SYNC in request.app:
            request.app[SYNC].nudge()
        return answered(answer)

    async def get_consent(self, request: web.Request) -> web.Response:
        """Say what somebody agrees to who joins now."""

        def job(conn: Connection) -> ConsentAnswer:
            books = self._recorder.books(conn)
            now_ms = self._desk.now(books, "set it, then ask again")
            consent = self._enrolling.consent(books, business_day(now_ms, books.terminal.place))
            return ConsentAnswer(version=consent.version, texts=consent.texts)

        return answered(await request.app[READER].do(job))

    def _instant(self, books: Books, text: str | None) -> EpochMs:
        if text is None:
            return self._desk.now(books, "set it, or send occurred_at")
        return instant(text, self._recorder.expectations(books))
