"""`audit`: everything derived again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click
import msgspec

from hq_server.audit import Difference, audit
from hq_server.cli.progress import progress
from hq_server.cli.shell import Shell, command


@command("audit")
def audit_command(shell: Shell) -> None:
    """Derive everything again from the received bytes; exit 1 at the first difference."""
    with shell.reading() as tx, progress("rows compared", shown=not shell.as_json) as advance:
        try:
            done = audit(tx, shell.keyring.signing(tx).public_key, _counting(advance))
        except Difference as error:
            if shell.as_json:
                click.echo(msgspec.json.encode({"ok": False, "difference": str(error)}).decode())
            raise
    counts = msgspec.to_builtins(done)
    compared = [(name, count) for name, count in counts.items() if name not in ("flows", "outstanding")]
    told = ", ".join(f"{count:,} {name.replace('_', '-')}" for name, count in compared)
    flows = ", ".join(f"{kind.replace('_', ' ')} {points:+,}" for kind, points in done.flows.items())
    points = f"Redeemable points: {flows or 'none'}; outstanding {done.outstanding:,}."
    shell.show({"ok": True} | counts, [f"No difference: {told}.", points])


COMMANDS: Final = (audit_command,)


def _counting(advance: Callable[[int], None]) -> Callable[[str, int], None]:
    return lambda _, count: advance(count)
