"""`member attach | merge | unmerge | erase`."""

from __future__ import annotations

import click

from hq_server import attaching, erasing, merging
from hq_server.cli import deciding
from hq_server.cli.shell import Shell, command, now_ms
from hq_server.decisions import said
from hq_server.house import load_house
from hq_server.members import find_present


@command("attach")
@click.argument("reference")
@click.argument("member")
@deciding.by
@deciding.reason
def attach(shell: Shell, reference: str, member: str, by: str, reason: str) -> None:
    """Give what is held for an unknown card or phone to a member.

    REFERENCE is the card or phone, or what `exceptions` shows of it.
    """
    region = shell.config.phone_region
    with shell.writing() as tx:
        house = load_house(tx)
        named = find_present(tx, house, member, region).named
        shell.about(named)
        number = attaching.attach_reference(tx, house, reference, region, named, said(by, reason), now_ms())
        deciding.show_decision(shell, tx, number, f"it names member {named} now, and what waited is theirs.")


@command("merge")
@click.argument("member")
@click.argument("into")
@deciding.by
@deciding.reason
def merge(shell: Shell, member: str, into: str, by: str, reason: str) -> None:
    """Let MEMBER count as INTO: two accounts of one person become one."""
    region = shell.config.phone_region
    with shell.writing() as tx:
        house = load_house(tx)
        one, other = (find_present(tx, house, text, region).named for text in (member, into))
        shell.about(one, other)
        number = merging.merge(tx, house, one, other, said(by, reason), now_ms())
        deciding.show_decision(shell, tx, number, f"member {one} counts as {other} from now on.")


@command("unmerge")
@click.argument("member")
@deciding.by
@deciding.reason
def unmerge(shell: Shell, member: str, by: str, reason: str) -> None:
    """Undo a merge: both accounts are as if it had never been, but for what tills recorded in between."""
    with shell.writing() as tx:
        house = load_house(tx)
        named = find_present(tx, house, member, shell.config.phone_region).named
        shell.about(named)
        number = merging.unmerge(tx, house, named, said(by, reason), now_ms())
        deciding.show_decision(shell, tx, number, f"member {named} stands alone again.")


@command("erase")
@click.argument("member")
@deciding.by
@deciding.reason
def erase(shell: Shell, member: str, by: str, reason: str) -> None:
    """Propose to forget a person for good; `decision approve` by another person does it."""
    with shell.writing() as tx:
        house = load_house(tx)
        named = find_present(tx, house, member, shell.config.phone_region).named
        shell.about(named)
        number = erasing.propose_erasure(tx, house, named, said(by, reason), now_ms())
        deciding.show_decision(
            shell,
            tx,
            number,
            f"hq-server decision approve {number} --by OTHER erases member {named} for good.",
        )
