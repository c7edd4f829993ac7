"""`decision list | approve | refuse` and `adjust propose | list | approve | refuse`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

from hq_server.adjusting import Adjustment, AdjustmentKind, propose
from hq_server.cli import deciding, proving
from hq_server.cli.cases import post_grants
from hq_server.cli.lines import table, to_minute
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.decisions import (
    Decision,
    DecisionKind,
    decision,
    decision_view,
    every_decision,
    said,
)
from hq_server.house import load_house
from hq_server.members import find_present
from hq_server.verdicts import approve, refuse
from loyalty_core.calendar import day_written
from loyalty_core.errors import BadInput

ADJUSTMENTS: Final[tuple[DecisionKind, ...]] = ("adjustment", "goodwill")
_STATES: Final = click.Choice(["waiting", "approved", "refused"])


@group("decision")
def decision_group() -> None:
    """What headquarters decided, by whom and why."""


@group("adjust")
def adjust_group() -> None:
    """Points moved by hand: one person proposes, another approves."""


@command("list")
@click.option("--waiting", is_flag=True, help="Only what waits for a second person.")
def list_command(shell: Shell, *, waiting: bool) -> None:
    """List decisions in the order in which they were made."""
    with shell.reading() as tx:
        _show(shell, list(every_decision(tx, state="waiting" if waiting else "")))


@command("propose")
@click.argument("member")
@click.option("--redeemable", type=int, default=0, help="Points of the balance, below 0 to take some.")
@click.option("--qualifying", type=int, default=0, help="Points that count toward the tier.")
@click.option("--kind", type=click.Choice(ADJUSTMENTS), default="adjustment", show_default=True)
@click.option("--reason-code", required=True, help="One of adjustments.reason_codes.")
@click.option("--date", "day", help="Business date of the movement. [default: today]")
@deciding.by
@deciding.reason
def propose_command(
    shell: Shell,
    member: str,
    redeemable: int,
    qualifying: int,
    kind: AdjustmentKind,
    reason_code: str,
    day: str | None,
    by: str,
    reason: str,
) -> None:
    """Propose to give a member points, or to take some; `adjust approve` by another person moves them."""
    with shell.writing() as tx:
        house = load_house(tx)
        named = find_present(tx, house, member, shell.config.phone_region).named
        shell.about(named)
        adjustment = Adjustment(
            redeemable=redeemable,
            qualifying=qualifying,
            reason_code=reason_code,
            business_day=house.today(now_ms()) if day is None else day_written(day),
        )
        limits = shell.config.adjustments
        number = propose(tx, house, limits, named, kind, adjustment, said(by, reason), now_ms())
        deciding.show_decision(
            shell, tx, number, f"hq-server adjust approve {number} --by OTHER moves the points of {named}."
        )


@command("list")
@click.option("--state", type=_STATES, help="[default: every state]")
def list_adjustments(shell: Shell, state: str | None) -> None:
    """List adjustments and goodwill."""
    with shell.reading() as tx:
        _show(shell, list(every_decision(tx, *ADJUSTMENTS, state=state or "")))


def _verdict(name: str, function: str, *, approved: bool, kinds: tuple[DecisionKind, ...]) -> click.Command:
    @click.argument("number", type=click.IntRange(1, 2**53))
    @deciding.by
    @proving.password_file
    def run(shell: Shell, number: int, by: str, password_file: Path | None) -> None:
        proving.prove(shell, by, password_file)
        with shell.writing() as tx:
            if kinds and decision(tx, number).kind not in kinds:
                raise BadInput(f"decision {number} is no adjustment", code="no_proposal")
            if approved:
                done = approve(tx, load_house(tx), shell.config, number, by, now_ms())
            else:
                done = refuse(tx, number, by, now_ms())
            shell.about(done.subject)
        if approved and done.kind == "grant":
            post_grants(shell, number)
        shell.show(decision_view(done), deciding.verdict_lines(done))

    run.__doc__ = function
    made: Callable[[Callable[..., None]], click.Command] = command(name)
    return made(run)


for _kinds, _group in ((), decision_group), (ADJUSTMENTS, adjust_group):
    _group.add_command(
        _verdict("approve", "Let a proposal take effect, as another person.", approved=True, kinds=_kinds)
    )
    _group.add_command(
        _verdict("refuse", "End a proposal without effect, as another person.", approved=False, kinds=_kinds)
    )
decision_group.add_command(list_command)
for _command in (propose_command, list_adjustments):
    adjust_group.add_command(_command)
COMMANDS: Final = (decision_group, adjust_group)


def _show(shell: Shell, found: list[Decision]) -> None:
    views = [decision_view(one) for one in found]
    rows = [
        [
            one.number,
            to_minute(one.made_at),
            one.kind,
            one.subject,
            one.state,
            one.made_by,
            one.given_by or "",
            one.reason,
        ]
        for one in views
    ]
    heads = ["number", "made (UTC)", "kind", "subject", "state", "by", "second", "why"]
    shell.show(views, table(heads, rows) if rows else ["Nothing is decided."])
