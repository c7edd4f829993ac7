"""`case list | open | show | propose | refuse | withdraw`: appeals of members who have just missed a tier."""

from __future__ import annotations

from typing import Final

import click

from hq_server.cli import deciding
from hq_server.cli.case_words import case_lines, case_rows
from hq_server.cli.reply_words import reply_lines
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.decisions import person, said
from hq_server.desk.case_view import CaseFile, case_file, case_view
from hq_server.desk.cases import appeal, every_case, evidence_on, open_case
from hq_server.desk.rulings import Asked, post_some, propose_grant
from hq_server.desk.settling import refuse_case, withdraw_case
from hq_server.house import load_house
from hq_server.members import find_present
from hq_server.staff.access import MANY
from hq_server.store.connection import Transaction
from loyalty_core.calendar import day_written
from loyalty_core.explain import Language

NUMBER: Final = click.IntRange(1, 2**53)
language_option: Final = click.option(
    "--language", type=click.Choice(["ko", "en"]), help="Of what people read. [default: the settings']"
)
_STATES: Final = click.Choice(["open", "granted", "refused", "withdrawn"])
_reason_code: Final = click.option("--reason-code", required=True, help="One of grants.reason_codes.")


@group("case")
def case_group() -> None:
    """Appeals of members who have just missed a tier, from the first word to the ruling."""


@command("list")
@click.option(
    "--state", type=click.Choice(["open", "granted", "refused", "withdrawn"]), help="[default: all]"
)
@click.option("--period", "period_id", default="", help="Of this period only, such as 2026-H2.")
@click.option("--member", default="", help="Of this member only.")
@language_option
def list_command(
    shell: Shell, state: str | None, period_id: str, member: str, language: Language | None
) -> None:
    """List cases in the order in which they were opened."""
    with shell.reading() as tx:
        house = load_house(tx)
        named = find_present(tx, house, member, shell.config.phone_region).named if member else ""
        found = [
            case_view(tx, house, one, now_ms())
            for one in every_case(tx, state=state or "", period_id=period_id, member_id=named)
        ]
    shell.show(found, case_rows(found, language or shell.config.language))


@command("open")
@click.argument("member")
@click.argument("period_id")
@click.option("--words", default="", help="What the member says, in their own words; erased with the person.")
@deciding.by
@language_option
def open_command(
    shell: Shell, member: str, period_id: str, words: str, by: str, language: Language | None
) -> None:
    """Open a case for MEMBER, who has just missed a tier in PERIOD_ID, and show its evidence."""
    now = now_ms()
    with shell.reading(before_writing=True) as tx:
        house = load_house(tx)
        named = find_present(tx, house, member, shell.config.phone_region).named
        shell.about(named)
        evidence = appeal(tx, house, named, period_id, now)
    with shell.writing() as tx:
        number = open_case(tx, load_house(tx), named, evidence, words, person(by), now)
        file = _file(shell, tx, number)
    _show(shell, file, language)


@command("show")
@click.argument("number", type=NUMBER)
@click.option("--explain", is_flag=True, help="With every movement of points, its weights and its reasons.")
@click.option("--reply", is_flag=True, help="Only what the member may be told; it names nobody else.")
@language_option
def show_command(shell: Shell, number: int, *, explain: bool, reply: bool, language: Language | None) -> None:
    """Show a case: how the total came about, who stands alike, what it costs, and what was decided."""
    with shell.reading() as tx:
        file = _file(shell, tx, number, names_others=not reply)
    if reply:
        shell.show(file.case, reply_lines(file, language or shell.config.language))
    else:
        _show(shell, file, language, explain=explain)


@command("propose")
@click.argument("number", type=NUMBER)
@_reason_code
@click.option("--alone", is_flag=True, help="For this member alone, though others stand alike.")
@click.option("--until", help="The last business date. [default: the end of the validity]")
@deciding.by
@deciding.reason
@language_option
def propose_command(
    shell: Shell,
    number: int,
    reason_code: str,
    until: str | None,
    by: str,
    reason: str,
    language: Language | None,
    *,
    alone: bool,
) -> None:
    """Propose to grant what case NUMBER asks for, to everyone with the same or a smaller gap."""
    now, who = now_ms(), said(by, reason)
    asked = Asked(
        reason_code=reason_code, alone=alone, until_day=None if until is None else day_written(until)
    )
    with shell.reading(before_writing=True) as tx:
        evidence = evidence_on(tx, load_house(tx), number, now)
    with shell.writing() as tx:
        propose_grant(tx, load_house(tx), shell.config.grants, number, asked, evidence, who, now)
        file = _file(shell, tx, number)
    _show(shell, file, language)


@command("refuse")
@click.argument("number", type=NUMBER)
@_reason_code
@deciding.by
@deciding.reason
@language_option
def refuse_command(
    shell: Shell, number: int, reason_code: str, by: str, reason: str, language: Language | None
) -> None:
    """Refuse case NUMBER; if one who stands alike was granted the tier, that takes a code of its own."""
    now, who = now_ms(), said(by, reason)
    with shell.reading(before_writing=True) as tx:
        evidence = evidence_on(tx, load_house(tx), number, now)
    with shell.writing() as tx:
        refuse_case(tx, load_house(tx), shell.config.grants, number, reason_code, evidence, who, now)
        file = _file(shell, tx, number)
    _show(shell, file, language)


@command("withdraw")
@click.argument("number", type=NUMBER)
@deciding.by
@deciding.reason
@language_option
def withdraw_command(shell: Shell, number: int, by: str, reason: str, language: Language | None) -> None:
    """End case NUMBER without a ruling: the member asks no more, or there is nothing left to ask for."""
    with shell.writing() as tx:
        withdraw_case(tx, number, said(by, reason), now_ms())
        file = _file(shell, tx, number)
    _show(shell, file, language)


def post_grants(shell: Shell, number: int) -> int:
    """Post an approved grant, a bucket a transaction; returns how many members were ruled on.

    What is cut off the server goes on with.
    """
    ruled = done = 0
    while True:
        with shell.writing() as tx:
            done = post_some(tx, now_ms(), number)
        if not done:
            return ruled
        ruled += done


def _file(shell: Shell, tx: Transaction, number: int, *, names_others: bool = True) -> CaseFile:
    """Return everything on a case, and say for the access log whom it is about: also who stands alike."""
    file = case_file(tx, load_house(tx), number, now_ms())
    shell.about(file.case.member_id, *([MANY] if names_others else []))
    return file


def _show(shell: Shell, file: CaseFile, language: Language | None, *, explain: bool = False) -> None:
    shell.show(file, case_lines(file, language or shell.config.language, explain=explain))


for _command in (list_command, open_command, show_command, propose_command, refuse_command, withdraw_command):
    case_group.add_command(_command)
COMMANDS: Final = (case_group,)
