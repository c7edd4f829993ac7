"""One request for a page: its session, its form, its language; and how a page answers."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, Generic, TypeVar

import msgspec
from aiohttp import web

from edge_agent.pages.refusals import meaning
from edge_agent.pages.rooms import PageLanguage, Rooms, language_of
from edge_agent.web_errors import see_other
from loyalty_core.errors import LoyaltyError
from loyalty_shell.pages.headers import PAGE
from loyalty_shell.pages.sessions import Session

Who = TypeVar("Who")
LANGUAGE_COOKIE: Final = "dangol_language"


class Upload(msgspec.Struct, frozen=True):
    """A file that a form brought: its name as the browser says it, and where its bytes lie."""

    name: str
    file: Any


class Form(msgspec.Struct, frozen=True):
    """What a form says. A field that it lacks is empty."""

    fields: Mapping[str, str] = {}
    uploads: Mapping[str, Sequence[Upload]] = {}

    def text(self, name: str) -> str:
        """Return a field without the space around it."""
        return self.fields.get(name, "").strip()

    def files(self, name: str) -> Sequence[Upload]:
        """Return the files of a field; one left empty has none."""
        return self.uploads.get(name, ())


class Visit(Generic[Who]):
    """What a handler of a page is given. Pages that are open to everybody have no session."""

    def __init__(
        self,
        request: web.Request,
        rooms: Rooms,
        default: PageLanguage,
        session: Session[Who] | None = None,
        form: Form | None = None,
    ) -> None:
        self.request = request
        self.form = Form() if form is None else form
        self.language = language_of(request.cookies.get(LANGUAGE_COOKIE), default)
        self._rooms = rooms
        self._session = session
        words = rooms.words(self.language)
        self.gettext, self.ngettext = words.gettext, words.ngettext

    @property
    def session(self) -> Session[Who]:
        """The session; only pages behind a log-in may ask."""
        assert self._session is not None, "this page is open to everybody"
        return self._session

    @property
    def who(self) -> Who:
        """Who is logged in."""
        return self.session.who

    def page(self, template: str, /, **values: Any) -> web.Response:
        """Return a whole page; what was to be said on it has been said then."""
        said = self._session.told() if self._session else []
        return self._html(self.part(template, said=said, **values))

    def part(self, template: str, /, **values: Any) -> str:
        """Return a template's HTML, with the session and its secret at hand."""
        frame: dict[str, Any] = {
            "said": [],
            "who": self._session.who if self._session else None,
            "csrf": self._session.csrf if self._session else "",
            "path": self.request.path,
            "new_key": lambda: secrets.token_urlsafe(18),
        }
        return self._rooms.render(self.language, template, {**frame, **values})

    def say(self, tone: str, sentence: str) -> None:
        """Show a sentence on the next page; `tone` is `ok`, `warn` or `bad`."""
        self.session.say(tone, sentence)

    def explain(self, error: LoyaltyError) -> str:
        """Return why something was refused: what its code means; in English the exact sentence."""
        exact = str(error)
        if self.language == "en":
            return exact[:1].upper() + exact[1:]
        return meaning(error.code, self.gettext) or exact

    def to(self, path: str) -> web.Response:
        """Lead the browser to another page, after a form."""
        return see_other(path)

    def _html(self, html: str) -> web.Response:
        return web.Response(text=html, content_type="text/html", headers=PAGE)
