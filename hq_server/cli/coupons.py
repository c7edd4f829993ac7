"""`coupon issue | list`."""

from __future__ import annotations

from typing import Final

import click

from hq_server.cli import deciding
from hq_server.cli.lines import table
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.coupons import coupon_of, coupons_of, issue
from hq_server.decisions import decision, said
from hq_server.house import load_house
from hq_server.members import find_member, find_present
from hq_server.merges import groups_of
from loyalty_core.calendar import day_written


@group("coupon")
def coupon_group() -> None:
    """Rewards that headquarters gives to one member."""


@command("issue")
@click.argument("member")
@click.argument("reward")
@click.option("--from", "from_date", required=True, help="The first date on which it is taken.")
@click.option("--until", "until_date", required=True, help="The last one.")
@click.option("--reason", default="issued", show_default=True, help="Why, without names of people.")
@deciding.by
def issue_command(
    shell: Shell, member: str, reward: str, from_date: str, until_date: str, reason: str, by: str
) -> None:
    """Give a member a coupon for a reward of the programme."""
    days = (day_written(from_date), day_written(until_date))
    with shell.writing() as tx:
        house = load_house(tx)
        named = find_present(tx, house, member, shell.config.phone_region).named
        shell.about(named)
        key = shell.keyring.signing(tx).keys[0]
        number = issue(tx, house, named, reward, days, said(by, reason), key, now_ms())
        coupon_id = coupon_of(decision(tx, number)).coupon_id
        made = next(one for one in coupons_of(tx, house, (named,), now_ms()) if one.coupon_id == coupon_id)
    shell.show(made, [f"Coupon {coupon_id} for member {named}; its code for people and QR:", made.code])


@command("list")
@click.argument("member")
def list_command(shell: Shell, member: str) -> None:
    """List a member's coupons and what became of them."""
    with shell.reading() as tx:
        house = load_house(tx)
        head = find_member(tx, house, member, shell.config.phone_region).member.member_id
        shell.about(head)
        group_of_head = groups_of(tx, house.bucket_count, [head]).members[head]
        found = coupons_of(tx, house, group_of_head, now_ms())
    rows = [
        [one.coupon_id, one.reward, one.from_date, one.until_date, one.state.replace("_", " ")]
        for one in found
    ]
    heads = ["coupon", "reward", "from", "until", "state"]
    shell.show(found, table(heads, rows) if rows else ["The member has no coupon."])


for _command in (issue_command, list_command):
    coupon_group.add_command(_command)
COMMANDS: Final = (coupon_group,)
