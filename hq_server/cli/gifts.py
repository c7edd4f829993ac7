"""`gift list | hand-over`."""

from __future__ import annotations

from typing import Final

import click

from hq_server.cli import deciding
from hq_server.cli.lines import table, to_minute
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.closes.gifts import PAGE_MAX, gifts, gifts_of, hand_over
from hq_server.house import load_house
from hq_server.members import find_member


@group("gift")
def gift_group() -> None:
    """Gifts that members get with their tier."""


@command("list")
@click.argument("member", required=False)
@click.option("--all", "every", is_flag=True, help="Also those that were handed out.")
@click.option("--after", default="", metavar="ID", help="Those after this one; at most 1000 come at once.")
def list_command(shell: Shell, member: str | None, after: str, *, every: bool) -> None:
    """List gifts that wait to be handed out, of everyone or of one member."""
    with shell.reading() as tx:
        if member is None:
            found = gifts(tx, waiting=not every, after=after)
        else:
            house = load_house(tx)
            head = find_member(tx, house, member, shell.config.phone_region).member.member_id
            shell.about(head)
            found = gifts_of(tx, house, head, waiting=not every)
    language = shell.config.language
    rows = [
        [
            one.gift_id,
            one.member_id,
            one.names.get(language) or next(iter(one.names.values()), ""),
            one.tier,
            one.validity,
            to_minute(one.handed_at) if one.handed_at else "",
            one.handed_by or "",
        ]
        for one in found
    ]
    lines = [*table(["gift", "member", "what", "tier", "for", "handed out (UTC)", "by"], rows)]
    if len(found) == PAGE_MAX:
        lines.append(f"There are more: --after {found[-1].gift_id}")
    shell.show(found, lines if rows else ["No gift waits." if not every else "There is no gift."])


@command("hand-over")
@click.argument("gift")
@deciding.by
def hand_over_command(shell: Shell, gift: str, by: str) -> None:
    """Note that a gift was handed out."""
    with shell.writing() as tx:
        done = hand_over(tx, load_house(tx), gift, by, now_ms())
        shell.about(done.member_id)
    shell.show(done, [f"{done.gift_id} of member {done.member_id} was handed out by {done.handed_by}."])


for _command in (list_command, hand_over_command):
    gift_group.add_command(_command)
COMMANDS: Final = (gift_group,)
