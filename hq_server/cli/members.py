"""`member import | show`, and the group that decisions about members belong to."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import click
import msgspec

from hq_server.account_view import Movement, entry_view, history, standing
from hq_server.cli.member_decisions import attach, erase, merge, unmerge
from hq_server.cli.member_words import enrolment_lines, movement_line, standing_lines, who_lines
from hq_server.cli.progress import progress
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.enrolments import enrolments_of
from hq_server.hashes import attach_found, found_in, untried_hashes, were_tried
from hq_server.house import House, load_house
from hq_server.importing import Imported, import_rows
from hq_server.joining import Enrolment
from hq_server.members import find_member, look_ups_of
from hq_server.members_csv import BadRow, NewMember, read_members
from hq_server.store.connection import Connection, reading, writing
from loyalty_core.calendar import date_of
from loyalty_core.errors import BadInput
from loyalty_core.explain import Language, sentence
from loyalty_core.programme import Programme
from loyalty_core.units import Day


@group("member")
def member_group() -> None:
    """The members, and why they have the points they have."""


@command("import")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--encoding", default="utf-8-sig", show_default=True, help="Of the file, such as cp949.")
def import_command(shell: Shell, file: Path, encoding: str) -> None:
    """Take in members from a CSV file, all rows or none; importing it again is harmless.

    Columns by name: member_id, lookups (separated by ";"), name, phone, joined_on, home_store, birthday.
    """
    good: list[tuple[int, NewMember]] = []
    bad: list[BadRow] = []
    with _text(file, encoding) as lines, progress("rows read", shown=not shell.as_json) as advance:
        for line, row in read_members(lines, shell.config.phone_region):
            if isinstance(row, BadRow):
                bad.append(row)
            else:
                good.append((line, row))
            advance(1)
    with shell.database() as connection:
        with writing(connection) as tx:
            result = import_rows(tx, good, now_ms(), bad)
        if not result.refused:
            attached = result.attached + _try_hashes(connection)
            result = msgspec.structs.replace(result, attached=attached)
    shell.show(result, _imported_lines(result))
    if result.refused:
        raise BadInput(
            f"{len(result.refused)} rows were refused and nothing was taken in: mend them and import again",
            code="rows_refused",
        )


@command("show")
@click.argument("look_up")
@click.option("--explain", is_flag=True, help="The whole history, with the reason of every point.")
@click.option(
    "--language", type=click.Choice(["ko", "en"]), help="Of what people read. [default: the settings']"
)
def show(shell: Shell, look_up: str, explain: bool, language: Language | None) -> None:
    """Show where a member stands, by member id, card or phone."""
    language = language or shell.config.language
    with shell.database() as connection, reading(connection) as tx:
        house = load_house(tx)
        found = find_member(tx, house, look_up, shell.config.phone_region)
        member = found.member
        shell.about(found.named, member.member_id)
        now = standing(tx, house, member.member_id, now_ms())
        look_ups = look_ups_of(tx, house, member.member_id)
        joined = enrolments_of(tx, [member.member_id, *now.also])
        movements = history(tx, house, member.member_id) if explain else []
    value = msgspec.to_builtins(now) | {
        "named": found.named,
        "erased": member.erased,
        "name": member.name,
        "home_store": member.home_store,
        "look_ups": look_ups,
        "enrolments": [_enrolment(one) for one in joined],
    }
    if explain:
        value["history"] = [_explained(house, one, language) for one in movements]
    told = _history_lines(house, movements, language)
    who = [*who_lines(found, now.also, language), *enrolment_lines(joined, language)]
    shell.show(value, [*who, *standing_lines(now, language), *told])


for _command in (import_command, show, attach, merge, unmerge, erase):
    member_group.add_command(_command)
COMMANDS: Final = (member_group,)


def _try_hashes(connection: Connection) -> int:
    """Try every known phone on the hashes that came lately, as a running server does in the background."""
    with reading(connection) as tx:
        untried = untried_hashes(tx)
        found = [pair for bucket in range(untried.bucket_count) for pair in found_in(tx, bucket, untried)]
    with writing(connection) as tx:
        attached = attach_found(tx, found, now_ms())
        were_tried(tx, untried)
    return attached


@contextmanager
def _text(file: Path, encoding: str) -> Iterator[io.TextIOWrapper]:
    try:
        with file.open(encoding=encoding, newline="") as lines:
            yield lines
    except LookupError:
        raise BadInput(f'encoding "{encoding}" is not known: try cp949', code="encoding_unknown") from None
    except UnicodeDecodeError:
        raise BadInput(
            f"{file} is not {encoding} from some row on: give --encoding cp949, or what it was saved as",
            code="encoding_wrong",
        ) from None
    except OSError as error:
        raise BadInput(f"{file} cannot be read ({error.strerror})", code="file_unreadable") from None


def _imported_lines(result: Imported) -> Iterator[str]:
    for bad in result.refused:
        yield f"line {bad.line} ({bad.code}): {bad.sentence}"
    if result.refused:
        return
    yield f"members: {result.added} added, {result.updated} updated, {result.unchanged} unchanged"
    yield f"waiting cards or phones attached: {result.attached}"


def _enrolment(one: Enrolment) -> dict[str, object]:
    return {
        "event": str(one.id),
        "store": one.store_id,
        "business_date": date_of(Day(one.business_day)).isoformat(),
        "consent_version": one.consent_version,
        "consent_language": one.consent_language,
        "state": one.state,
    }


def _explained(house: House, movement: Movement, language: Language) -> dict[str, object]:
    programme = _programme(house, movement)
    value: dict[str, object] = msgspec.to_builtins(entry_view(movement))
    return value | {"sentences": [sentence(step, programme, language) for step in movement.entry.steps]}


def _history_lines(house: House, movements: list[Movement], language: Language) -> Iterator[str]:
    for one in movements:
        yield movement_line(one, language)
        for step in one.entry.steps:
            yield f"    {sentence(step, _programme(house, one), language)}"


def _programme(house: House, movement: Movement) -> Programme | None:
    wanted = movement.entry.programme_version
    return next((each for each in house.programmes if each.version == wanted), None)
