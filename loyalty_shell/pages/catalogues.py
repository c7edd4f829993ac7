"""Translations of pages: `locale/LANGUAGE.po` of every room -> gettext. English is what the sources say."""

from __future__ import annotations

import io
from collections.abc import Sequence
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from typing import Final

SOURCE_LANGUAGE: Final = "en"


def translations(language: str, folders: Sequence[Path]) -> NullTranslations:
    """Return the translations of a language from the catalogues of these folders, the first first.

    In English the texts stand for themselves.

    Raises:
        OSError: a folder has no catalogue of this language.
    """
    if language == SOURCE_LANGUAGE:
        return NullTranslations()
    import polib

    found: NullTranslations | None = None
    for folder in folders:
        written = polib.pofile(str(folder / f"{language}.po"), encoding="utf-8")
        read = GNUTranslations(io.BytesIO(written.to_binary()))
        if found is None:
            found = read
        else:
            found.add_fallback(read)
    return found or NullTranslations()
