"""Every word that a page says is in Korean, too, and no catalogue keeps one that nobody says any more."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import polib
import pytest

from edge_agent.pages.rooms import ROOMS
from edge_agent.settings_told import MEANINGS
from loyalty_shell.pages.templates import environment

SPOKEN = {"_", "N_", "gettext", "ngettext"}
PLACEHOLDER = re.compile(r"%\((\w+)\)s")


def said_by_python(text: str) -> Iterator[str]:
    """Yield the texts that a module has translated."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SPOKEN and isinstance(node.args[0].value, str):
                yield node.args[0].value


def said_by_template(text: str) -> Iterator[str]:
    """Yield the texts that a template has translated."""
    from gettext import NullTranslations

    made = environment({}, NullTranslations(), {}, {})
    for _, _, message in made.extract_translations(text):  # type: ignore[attr-defined]
        yield message if isinstance(message, str) else message[0]


def said_in(room: Path) -> set[str]:
    """Return all texts of a room's templates and modules."""
    found = set(MEANINGS.values()) if room.name == "admin" else set[str]()
    found |= {text for path in room.rglob("*.py") for text in said_by_python(path.read_text("utf-8"))}
    return found | {
        text for path in room.rglob("*.html") for text in said_by_template(path.read_text("utf-8"))
    }


def catalogue(room: Path, language: str) -> polib.POFile:
    return polib.pofile(str(room / "locale" / f"{language}.po"), encoding="utf-8")


def complaints(
    said: set[str], written: polib.POFile, shared: set[str] | None = None, anywhere: set[str] | None = None
) -> list[str]:
    """Return what is wrong with a catalogue, each in words.

    What is `shared` stands in another; what is said `anywhere` may stand in this one.
    """
    entries = {entry.msgid: entry for entry in written}
    wrong = [f'not translated: msgid "{text}"' for text in sorted(said - entries.keys() - (shared or set()))]
    wrong += [f'said nowhere: msgid "{text}"' for text in sorted(entries.keys() - (anywhere or said))]
    for text, entry in entries.items():
        told = list(entry.msgstr_plural.values()) if entry.msgid_plural else [entry.msgstr]
        if entry.fuzzy or not all(told):
            wrong.append(f"left open: {text}")
        names = set(PLACEHOLDER.findall(text)) | set(PLACEHOLDER.findall(entry.msgid_plural))
        if any(set(PLACEHOLDER.findall(one)) != names for one in told):
            wrong.append(f"other values: {text}")
    return wrong


ROOMS_THERE = [name for name, folder in ROOMS.items() if folder.is_dir()]


@pytest.mark.parametrize("room", ROOMS_THERE)
def test_every_text_of_a_room_is_korean_too(room: str) -> None:
    written = catalogue(ROOMS[room], "ko")
    if room == "pages":
        anywhere = {text for each in ROOMS_THERE for text in said_in(ROOMS[each])}
        assert complaints(said_in(ROOMS[room]), written, anywhere=anywhere) == []
    else:
        shared = {entry.msgid for entry in catalogue(ROOMS["pages"], "ko")}
        assert complaints(said_in(ROOMS[room]), written, shared) == []


def test_no_text_stands_in_two_rooms() -> None:
    texts = [entry.msgid for room in ROOMS_THERE for entry in catalogue(ROOMS[room], "ko")]
    assert sorted({text for text in texts if texts.count(text) > 1}) == []


def test_what_is_missing_left_over_or_different_is_complained_of() -> None:
    written = polib.POFile()
    written.append(polib.POEntry(msgid="%(n)s left", msgstr="%(m)s"))
    written.append(polib.POEntry(msgid="open", msgstr=""))
    said = {
        *said_by_template('{{ _("%(n)s left", n=1) }}{{ ngettext("a", "b", 2) }}'),
        *said_by_python("_('c')"),
    }
    assert said == {"%(n)s left", "a", "c"}
    assert complaints(said, written) == [
        'not translated: msgid "a"',
        'not translated: msgid "c"',
        'said nowhere: msgid "open"',
        "other values: %(n)s left",
        "left open: open",
    ]
