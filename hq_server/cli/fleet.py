"""`store add | list` and `terminal invite | list | approve | revoke`."""

from __future__ import annotations

import os
from typing import Final

import click

from hq_server import fleet
from hq_server.accept import Terminal
from hq_server.cli.lines import table, to_minute
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.fleet_view import terminals
from loyalty_core.errors import BadInput
from loyalty_core.invite import SECRET_BYTES

LOOK_UP_KEY_BYTES: Final = 32
HOURS_MAX: Final = 24 * 14


@group("store")
def store_group() -> None:
    """The stores, their zones and the start of their days."""


@command("add")
@click.argument("store_id")
@click.option("--name", help="As people call it.")
@click.option("--timezone", help="IANA name. [default: the programme's]")
@click.option("--business-day-starts", metavar="HH:MM", help="[default: the programme's]")
def store_add(
    shell: Shell, store_id: str, name: str | None, timezone: str | None, business_day_starts: str | None
) -> None:
    """Add a store, or change what is given of one."""
    starts = None if business_day_starts is None else _minute(business_day_starts)
    with shell.writing() as tx:
        store = fleet.put_store(
            tx,
            store_id,
            name=name,
            timezone=timezone,
            business_day_starts=starts,
            look_up_key=os.urandom(LOOK_UP_KEY_BYTES),
            now_ms=now_ms(),
        )
    shell.show(
        _store_value(store),
        [f"Store {store.store_id}: {store.timezone}, days start at {_clock(store.business_day_starts)}."],
    )


@command("list")
def store_list(shell: Shell) -> None:
    """List the stores."""
    with shell.reading() as tx:
        stores = [fleet.Store(*row) for row in tx.all("arrivals.stores")]
    shell.show(
        [_store_value(store) for store in stores],
        table(
            ["store", "name", "timezone", "days start"],
            [[s.store_id, s.name, s.timezone, _clock(s.business_day_starts)] for s in stores],
        ),
    )


@group("terminal")
def terminal_group() -> None:
    """The tills: invite, approve, revoke."""


@command("invite")
@click.option("--store", "store_id", required=True, help="Whose till it will be.")
@click.option("--till", help="The terminal becomes STORE-TILL. [default: the next T number]")
@click.option("--preapproved", is_flag=True, help="No approval is needed after it has enrolled.")
@click.option("--hours", type=click.IntRange(1, HOURS_MAX), default=24, show_default=True, help="Valid for.")
def invite(shell: Shell, store_id: str, till: str | None, preapproved: bool, hours: int) -> None:
    """Print a code with which one till can enrol, once."""
    with shell.writing() as tx:
        invited = fleet.invite(
            tx,
            store_id,
            till=till,
            preapproved=preapproved,
            hours=hours,
            secret=os.urandom(SECRET_BYTES),
            look_up_key=os.urandom(LOOK_UP_KEY_BYTES),
            hq_public_key=shell.keyring.signing(tx).public_key,
            now_ms=now_ms(),
        )
    store = invited.store
    made = [f"Store {store_id} is new: {store.timezone}, days start at {_clock(store.business_day_starts)}."]
    shell.show(
        {
            "code": invited.code,
            "store": store_id,
            "till": till,
            "preapproved": preapproved,
            "hours": hours,
            "store_is_new": invited.store_is_new,
        },
        [
            *(made if invited.store_is_new else []),
            f"Invite code for store {store_id}, valid once within {hours} hours: {invited.code}",
            f"On the till: edge-agent enrol --hq URL --code {invited.code}",
        ],
    )


@command("list")
def terminal_list(shell: Shell) -> None:
    """List the terminals and how they are."""
    with shell.reading() as tx:
        found = terminals(tx)
    shell.show(
        found,
        table(
            ["terminal", "key", "kept to", "closed to", "seen at (UTC)", "waiting", "set aside", "state"],
            [
                [
                    one.terminal_id,
                    one.fingerprint,
                    " ".join(one.journals) or f"{one.epoch}.{one.seq}",
                    one.watermark or "",
                    to_minute(one.seen_at),
                    one.waiting,
                    one.quarantined,
                    f"{one.state}: {one.reason}" if one.reason else one.state,
                ]
                for one in found
            ],
        ),
    )


@command("approve")
@click.argument("terminal_id")
def approve(shell: Shell, terminal_id: str) -> None:
    """Let a pending terminal take part."""
    with shell.writing() as tx:
        _show_terminal(shell, fleet.approve(tx, terminal_id))


@command("revoke")
@click.argument("terminal_id")
@click.option("--reason", required=True, help="The till is told.")
def revoke(shell: Shell, terminal_id: str, reason: str) -> None:
    """Shut a terminal out from now on."""
    with shell.writing() as tx:
        _show_terminal(shell, fleet.revoke(tx, terminal_id, reason))


for _command in (store_add, store_list):
    store_group.add_command(_command)
for _command in (invite, terminal_list, approve, revoke):
    terminal_group.add_command(_command)
COMMANDS: Final = (store_group, terminal_group)


def _show_terminal(shell: Shell, terminal: Terminal) -> None:
    shell.show(
        {
            "terminal": terminal.terminal_id,
            "store": terminal.store_id,
            "state": terminal.state,
            "reason": terminal.reason,
        },
        [f"Terminal {terminal.terminal_id} is {terminal.state}."],
    )


def _store_value(store: fleet.Store) -> dict[str, str]:
    """Return what may be shown of a store; its key never is."""
    return {
        "store": store.store_id,
        "name": store.name,
        "timezone": store.timezone,
        "business_day_starts": _clock(store.business_day_starts),
    }


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _minute(text: str) -> int:
    hours, _, minutes = text.partition(":")
    if not (
        hours.isascii() and minutes.isascii() and hours.isdigit() and minutes.isdigit() and len(text) == 5
    ):
        raise BadInput("business-day-starts is a time such as 05:00", code="time_malformed")
    value = int(hours) * 60 + int(minutes)
    if int(minutes) > 59 or value > 1439:
        raise BadInput("business-day-starts is a time such as 05:00", code="time_malformed")
    return value
