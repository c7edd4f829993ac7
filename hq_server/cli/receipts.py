"""`receipt claim | match` and `event place | place-all | unplace | show`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import click
import msgspec

from hq_server import filing, placing, placing_all
from hq_server.cli import deciding
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.clock_words import span_text
from hq_server.decisions import said
from hq_server.evidence import Evidence, event_named, recorded
from hq_server.house import load_house
from hq_server.members import find_present
from hq_server.placing_all import Proposal
from hq_server.store.connection import reading, writing
from loyalty_core.calendar import date_of, day_written
from loyalty_core.units import Day


@group("receipt")
def receipt_group() -> None:
    """Receipts that need a person's word."""


@group("event")
def event_group() -> None:
    """Events that need a person's word."""


@command("claim")
@click.argument("receipt")
@click.argument("member")
@deciding.by
@deciding.reason
def claim(shell: Shell, receipt: str, member: str, by: str, reason: str) -> None:
    """Give an anonymous purchase, STORE/TILL/DATE/NUMBER, to the member whose it was."""
    key = filing.receipt_named(receipt)
    with shell.writing() as tx:
        house = load_house(tx)
        named = find_present(tx, house, member, shell.config.phone_region).named
        shell.about(named)
        number = filing.claim(tx, house, key, named, said(by, reason), now_ms())
        deciding.show_decision(shell, tx, number, f"the purchase is member {named}'s.")


@command("match")
@click.argument("event")
@click.argument("receipt")
@deciding.by
@deciding.reason
def match(shell: Shell, event: str, receipt: str, by: str, reason: str) -> None:
    """Say of which purchase, STORE/TILL/DATE/NUMBER, a return is that named none. It is not taken back."""
    key = filing.receipt_named(receipt)
    with shell.writing() as tx:
        found = recorded(tx, event_named(event))
        number = filing.match(tx, load_house(tx), found, key, said(by, reason), now_ms())
        deciding.show_decision(shell, tx, number, "the return takes back what its purchase had earned.")


@command("place")
@click.argument("event")
@click.option("--date", "day", required=True, help="The business date that it belongs to.")
@click.option("--at", help="When it happened, such as 2026-11-21T10:31:00+09:00. [default: as recorded]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@deciding.by
@deciding.reason
def place(shell: Shell, event: str, day: str, at: str | None, yes: bool, by: str, reason: str) -> None:
    """Put an event of a wrong clock on its date. What is known of the clock is shown first."""
    placed_day, placed_at = day_written(day), None if at is None else deciding.instant_named(at)
    decided = said(by, reason)
    with shell.database() as connection:
        with reading(connection) as tx:
            found = recorded(tx, event_named(event))
        for line in _evidence_lines(found.evidence, shell.config.clock_tolerance_ms):
            shell.say(line)
        if not yes:
            click.confirm(f"Place it on {date_of(placed_day)}?", abort=True, err=True)
        with writing(connection) as tx:
            found = recorded(tx, found.id)
            number = placing.place(tx, load_house(tx), found, placed_day, placed_at, decided, now_ms())
            deciding.show_decision(shell, tx, number, f"event {found.id} counts on {date_of(placed_day)}.")


@command("place-all")
@click.argument("terminal")
@click.option("--yes", is_flag=True, help="Do not ask.")
@deciding.by
@deciding.reason
def place_all(shell: Shell, terminal: str, yes: bool, by: str, reason: str) -> None:
    """Put every event that a wrong clock of a terminal dated on its day, as far as that is known.

    With what headquarters has placed by itself you agree; event unplace undoes that.
    """
    decided, tolerance_ms = said(by, reason), shell.config.clock_tolerance_ms
    with shell.database() as connection:
        with reading(connection) as tx:
            found = placing_all.propose(tx, terminal, tolerance_ms)
        for line in _proposal_lines(found):
            shell.say(line)
        if any(one.date for one in found):
            if not yes:
                click.confirm("Place them?", abort=True, err=True)
            with writing(connection) as tx:
                found = placing_all.place_all(tx, load_house(tx), terminal, decided, now_ms(), tolerance_ms)
    placed = sum(one.decision is not None for one in found)
    told = f"{placed} of {len(found)} events were placed" if found else f"no event of {terminal} waits for it"
    if agreed := sum(one.by_headquarters for one in found):
        told += f", {agreed} stay where headquarters put them"
    more = ": call it again for the rest" if len(found) == placing_all.AT_ONCE_MAX and placed + agreed else ""
    shell.show(found, [f"{told}{more}."])


@command("unplace")
@click.argument("event")
@deciding.by
@deciding.reason
def unplace(shell: Shell, event: str, by: str, reason: str) -> None:
    """Put an event that was placed back on the date and time of its record."""
    with shell.writing() as tx:
        found = recorded(tx, event_named(event))
        day = Day(found.record.event.business_day)
        number = placing.place(tx, load_house(tx), found, day, None, said(by, reason), now_ms())
        deciding.show_decision(shell, tx, number, f"event {found.id} counts on {date_of(day)}, as recorded.")


@command("show")
@click.argument("event")
def show(shell: Shell, event: str) -> None:
    """Show when an event happened, as far as it is known."""
    with shell.reading() as tx:
        found = recorded(tx, event_named(event))
    lines = _evidence_lines(found.evidence, shell.config.clock_tolerance_ms)
    shell.show(msgspec.to_builtins(found.evidence), lines)


for _command in (claim, match):
    receipt_group.add_command(_command)
for _command in (place, place_all, unplace, show):
    event_group.add_command(_command)
COMMANDS: Final = (receipt_group, event_group)


def _proposal_lines(found: list[Proposal]) -> Iterator[str]:
    for one in found:
        if one.date is None:
            yield f"{one.event}  {one.dated}: find out when it was, and use hq-server event place"
        else:
            done = ", by headquarters" if one.by_headquarters else ""
            yield f"{one.event}  {one.dated} -> {one.date}, at {one.at}{done}"


def _ahead_text(ahead_ms: int, tolerance_ms: int, *, exact: bool) -> str:
    if abs(ahead_ms) <= tolerance_ms:
        return "right" if exact else "not seen to be wrong"
    least = "" if exact else "at least "
    return f"{least}{span_text(abs(ahead_ms))} {'ahead' if ahead_ms > 0 else 'behind'}"


def _evidence_lines(found: Evidence, tolerance_ms: int) -> Iterator[str]:
    yield f"{found.event} {found.kind}: business date {found.business_date}, at {found.occurred_at}"
    yield f"headquarters got it at {found.received_at}; the till's clock said {found.sent_at} when it sent it"
    if found.likely_at is not None:
        yield f"by the till's monotonic clock it was recorded at {found.likely_at} of headquarters' time"
    elif found.earliest_at is not None:
        yield f"it was recorded between {found.earliest_at} and {found.latest_at} of headquarters' time"
    else:
        yield f"it was recorded before {found.latest_at} of headquarters' time: nothing else is known"
    if found.clock_ahead_ms is not None:
        exact = found.likely_at is not None
        yield f"the till's clock was {_ahead_text(found.clock_ahead_ms, tolerance_ms, exact=exact)}"
    for step in found.clock_steps_ms:
        yield f"after it, the till's clock was moved by {step / 1000:+,.0f} seconds"
