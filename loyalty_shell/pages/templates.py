"""Jinja2 as every page has it: what is put in is escaped, what is missing is an error, one language each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from gettext import NullTranslations
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jinja2 import Environment


def environment(
    rooms: Mapping[str, Path],
    translated: NullTranslations,
    filters: Mapping[str, Callable[..., Any]],
    values: Mapping[str, Any],
) -> Environment:
    """Return what renders the templates of these rooms (`room/name.html`) in one language.

    `_` and `ngettext` translate and escape their values. `values` are there in every template.
    """
    from jinja2 import Environment, FileSystemLoader, PrefixLoader, StrictUndefined

    made = Environment(
        loader=PrefixLoader({name: FileSystemLoader(folder) for name, folder in rooms.items()}),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_translations(translated, newstyle=True)  # type: ignore[attr-defined]
    made.filters.update(filters)
    made.globals.update(values)
    return made
