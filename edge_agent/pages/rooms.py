"""The pages' templates and catalogues: one environment a language, made when a page is first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, tzinfo
from functools import cached_property
from gettext import NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from edge_agent.pages.words import Words
from edge_agent.version import VERSION
from loyalty_shell.pages.catalogues import translations
from loyalty_shell.pages.static import Static

if TYPE_CHECKING:
    from jinja2 import Environment

PageLanguage = Literal["ko", "en"]
LANGUAGES: Final[tuple[PageLanguage, ...]] = get_args(PageLanguage)
STATIC: Final = "/static"
_HERE: Final = Path(__file__).parent
ROOMS: Final[Mapping[str, Path]] = {
    "pages": _HERE,
    "admin": _HERE.parent / "admin",
    "counter": _HERE.parent / "counter",
    "joining": _HERE.parent / "joining",
}
"""Each has `templates/` and `locale/`; those of them that are there."""


class Rooms:
    """Renders templates, named `room/name.html`, in the language asked for."""

    def __init__(self) -> None:
        self.zone: tzinfo = UTC
        """The store's, once the till knows it."""
        self._environments: dict[PageLanguage, Environment] = {}
        self._translated: dict[PageLanguage, NullTranslations] = {}

    @cached_property
    def static(self) -> Static:
        """Style sheets and the module."""
        return Static(STATIC, [_HERE / "static"])

    def render(self, language: PageLanguage, template: str, values: Mapping[str, Any]) -> str:
        """Return a template's HTML."""
        return self._environment(language).get_template(template).render(values)

    def words(self, language: PageLanguage) -> NullTranslations:
        """Return the translations of a language."""
        if language not in self._translated:
            folders = [folder / "locale" for folder in ROOMS.values() if (folder / "locale").is_dir()]
            self._translated[language] = translations(language, folders)
        return self._translated[language]

    def _environment(self, language: PageLanguage) -> Environment:
        if language not in self._environments:
            from loyalty_shell.pages.templates import environment

            rooms = {name: folder / "templates" for name, folder in ROOMS.items()}
            words = Words(language, self.words(language), lambda: self.zone)
            values = {"static": self.static.address, "language": language, "version": VERSION}
            self._environments[language] = environment(rooms, self.words(language), words.filters(), values)
        return self._environments[language]


def language_of(text: str | None, default: PageLanguage) -> PageLanguage:
    """Return the language that a cookie names; the default where it names none."""
    return next((one for one in LANGUAGES if one == text), default)
