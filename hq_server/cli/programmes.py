"""`programme check | diff | publish | list`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import msgspec

from hq_server.cli import programme_words as words
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.decisions import said
from hq_server.house import House, load_house
from hq_server.key_book import load_book, missing
from hq_server.keys import private_key
from hq_server.programme_view import programmes, programmes_at_tills
from hq_server.programmes import Consent, Moves, check_next, preview, publish
from hq_server.rederive import rederive_some
from hq_server.store.connection import Connection, Transaction, reading, writing
from loyalty_core.calendar import date_of
from loyalty_core.errors import BadInput, ProgrammeErrors
from loyalty_core.explain import Language
from loyalty_core.programme import Programme, version_before
from loyalty_core.programme_differences import differences
from loyalty_core.programme_reading import reading as in_words
from loyalty_core.programme_toml import read_programme

TEXT_BYTES_MAX: Final = 256 * 1024
_FILE: Final = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
_LANGUAGE: Final = click.option("--language", type=click.Choice(["ko", "en"]), help="Of the sentences.")


@group("programme")
def programme_group() -> None:
    """The rules of the loyalty programme."""


@command("check")
@_FILE
@_LANGUAGE
def check(shell: Shell, file: Path, language: Language | None) -> None:
    """Print every mistake of a programme file, or what its rules say in plain words."""
    programme = read_programme(_text(file), str(file))
    language = language or _language(shell)
    sentences = in_words(programme, language)
    found = {
        "programme": programme.programme_id,
        "version": programme.version,
        "reading": sentences,
    }
    shell.show(found, [*sentences, words.no_mistakes(str(file), language)])


@command("diff")
@click.argument("one", metavar="FILE_OR_VERSION")
@click.argument("other", metavar="[FILE_OR_VERSION]", required=False)
@_LANGUAGE
def diff(shell: Shell, one: str, other: str | None, language: Language | None) -> None:
    """Print what a version says otherwise than the one whose place it takes, or what the second one says
    otherwise than the first."""
    language = language or shell.config.language
    with shell.reading() as tx:
        house = load_house(tx)
    first = _chosen(house, one)
    before, after = (
        (version_before(house.programmes, first), first) if other is None else (first, _chosen(house, other))
    )
    shell.show(_compared(before, after, language), words.differing(before, after, language))


@command("publish")
@_FILE
@click.option("--retroactive", is_flag=True, help="Allow a past effective_from: points that are posted move.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--by", metavar="NAME", help="Who agrees to what --retroactive moves.")
@click.option("--reason", default="retroactive version", show_default=True, help="Why it reaches back.")
@_LANGUAGE
def publish_command(
    shell: Shell,
    file: Path,
    retroactive: bool,
    yes: bool,
    by: str | None,
    reason: str,
    language: Language | None,
) -> None:
    """Publish a version for good; tills get it with their next exchange.

    Who agrees to a version that reaches back is kept as a decision, with what was shown.
    """
    language = language or shell.config.language
    text = _text(file)
    programme = read_programme(text, str(file))
    with shell.database() as connection:
        with reading(connection) as tx:
            house = load_house(tx)
            key = _signing_key(shell, tx)
            if _is_published(house, programme, text, tx.all("house.programme_texts")):
                before = version_before(house.programmes, programme)
                _show_published(shell, programme, before, None, language, again=True)
                return
            check_next(house, programme, retroactive=retroactive, now_ms=now_ms())
            before = version_before(house.programmes, programme)
            moves = preview(tx, house, programme, now_ms()) if retroactive else None
        for line in words.differing(before, programme, language):
            shell.say(line)
        consent = None
        if moves is not None:
            for line in words.moved(moves, language):
                shell.say(line)
            if by is None:
                raise BadInput("say who agrees to this: give --by NAME", code="name_missing")
            consent = Consent(said(by, reason), moves)
            if not yes:
                click.confirm(words.QUESTION[language], abort=True, err=True)
        with writing(connection) as tx:
            publish(tx, programme, text, retroactive=retroactive, key=key, now_ms=now_ms(), consent=consent)
        _rederive(connection)
    _show_published(shell, programme, before, moves, language, again=False)


@command("list")
def list_command(shell: Shell) -> None:
    """List the published versions."""
    with shell.reading() as tx:
        found = programmes(tx, now_ms())
        tills = programmes_at_tills(tx, now_ms())
    values = [msgspec.structs.asdict(one) for one in found]
    shown = [{name: value for name, value in one.items() if name != "text"} for one in values]
    shell.show(shown, words.listed(found, tills))


for _command in (check, diff, publish_command, list_command):
    programme_group.add_command(_command)
COMMANDS: Final = (programme_group,)


def _chosen(house: House, name: str) -> Programme:
    """Return the programme of a file, or the published one of a number.

    Raises:
        BadInput: `programme_not_found`, `file_unreadable`.
    """
    if not (name.isascii() and name.isdigit()):
        return read_programme(_text(Path(name)), name)
    found = [one for one in house.programmes if str(one.version) == name]
    if not found:
        raise BadInput(
            f"no version {name} is published: see hq-server programme list", code="programme_not_found"
        )
    return found[0]


def _compared(before: Programme | None, after: Programme, language: Language) -> dict[str, object]:
    """Return how a version differs from another, None where there is none, as a value."""
    return {
        "programme": after.programme_id,
        "before": None if before is None else before.version,
        "version": after.version,
        "effective_from": date_of(after.effective_from).isoformat(),
        "differences": () if before is None else differences(before, after, language),
    }


def _text(file: Path) -> str:
    """Return the text of a programme file.

    Raises:
        BadInput: `file_unreadable`: missing, too large, or not UTF-8.
    """
    try:
        data = file.read_bytes()
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror})", code="file_unreadable") from None
    if len(data) > TEXT_BYTES_MAX:
        raise BadInput(
            f"{file} is larger than {TEXT_BYTES_MAX} bytes: no programme is", code="file_unreadable"
        )
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise ProgrammeErrors((f"{file}: the text is not UTF-8: save it as UTF-8",)) from None


def _language(shell: Shell) -> Language:
    """Return the language of the settings; checking a file needs no settings."""
    return shell.config.language if shell.config_path.exists() else "ko"


def _is_published(house: House, programme: Programme, text: str, texts: list[tuple[str]]) -> bool:
    return any(stands.version == programme.version for stands in house.programmes) and (text,) in texts


def _signing_key(shell: Shell, tx: Transaction) -> bytes:
    """Return the private key that signs programmes now.

    Raises:
        BadKeyFile: `key_missing`: it is kept elsewhere and was not brought.
    """
    rows = load_book(tx).of("programme")
    if not rows:
        return shell.keyring.signing(tx).keys[0]
    found = private_key(shell.config, "programme", rows[-1].public_key)
    if found is None:
        raise missing(rows[-1])
    return found


def _rederive(connection: Connection) -> None:
    """Derive what the new version touches, in bounded steps; a server beside may take some of them."""
    while True:
        with writing(connection) as tx:
            if not rederive_some(tx, now_ms()):
                return


def _show_published(
    shell: Shell,
    programme: Programme,
    before: Programme | None,
    moves: Moves | None,
    language: Language,
    *,
    again: bool,
) -> None:
    found = _compared(before, programme, language)
    shell.show(
        {**found, "published_before": again, "moved": moves},
        [words.published(programme, language, again=again)],
    )
