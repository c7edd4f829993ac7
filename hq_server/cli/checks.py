"""`audit`, `reconcile`, `exceptions`: what does not fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import click
import msgspec

from hq_server.audit import Difference, audit
from hq_server.cli.lines import table, to_minute
from hq_server.cli.progress import progress
from hq_server.cli.shell import Shell, command, now_ms
from hq_server.keys import read_key
from hq_server.reconcile import by_kind, open_exceptions
from loyalty_core.envelope import public_of

_HOUR_MS: Final = 3_600_000


@command("audit")
def audit_command(shell: Shell) -> None:
    """Derive everything again from the received bytes; exit 1 at the first difference."""
    public_key = public_of(read_key(shell.config.key_path))
    with shell.reading() as tx, progress("rows compared", shown=not shell.as_json) as advance:
        try:
            done = audit(tx, public_key, _counting(advance))
        except Difference as error:
            if shell.as_json:
                click.echo(msgspec.json.encode({"ok": False, "difference": str(error)}).decode())
            raise
    counts = msgspec.to_builtins(done)
    told = ", ".join(f"{count} {name.replace('_', '-')}" for name, count in counts.items())
    shell.show({"ok": True} | counts, [f"No difference: {told}."])


@command("reconcile")
def reconcile(shell: Shell) -> None:
    """Count the open exceptions by kind and age."""
    with shell.reading() as tx:
        kinds = by_kind(tx, now_ms())
    rows = [[one.kind, one.count, one.oldest_ms // _HOUR_MS] for one in kinds]
    shell.show(kinds, table(["kind", "open", "oldest (hours)"], rows) if rows else ["Nothing is open."])


@command("exceptions")
def exceptions(shell: Shell) -> None:
    """List every open exception, the oldest first."""
    with shell.reading() as tx:
        found = open_exceptions(tx, now_ms())
    rows = [
        [to_minute(one.opened_at), one.kind, one.store_id or "", one.subject, one.detail] for one in found
    ]
    shell.show(
        found,
        table(["opened (UTC)", "kind", "store", "subject", "what"], rows) if rows else ["Nothing is open."],
    )


COMMANDS: Final = (audit_command, reconcile, exceptions)


def _counting(advance: Callable[[int], None]) -> Callable[[str, int], None]:
    return lambda _, count: advance(count)
