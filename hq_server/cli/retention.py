"""`retention status`: what the settings have headquarters forget, and who is next; `archive`: raw batches."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Final

import click
import msgspec

from hq_server.archive import moving
from hq_server.cli.lines import table
from hq_server.cli.shell import Shell, command, group, now_ms
from hq_server.config import Retention
from hq_server.house import load_house
from hq_server.retention.idle import MONTH_DAYS, Idle
from hq_server.retention.walking import due_before, today_at, who_is_due
from loyalty_core.calendar import date_of, day_written
from loyalty_core.units import Day
from loyalty_shell.data_dir import check_user

LISTED_MAX: Final = 1000


class Next(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody whose personal data will be erased, on or soon after a day."""

    member_id: str
    last_seen: str
    erased_from: str


class RetentionStatus(msgspec.Struct, frozen=True, kw_only=True):
    """What is set, and who would be erased within the next 31 days: how many, and the first 1,000."""

    members_idle_months: int
    access_log_days: int
    due: int
    members: list[Next]


@group("retention")
def retention_group() -> None:
    """What is not kept for ever."""


@command("status")
def status_command(shell: Shell) -> None:
    """Say what the settings let go, and whose personal data would be erased within a month."""
    retention, today = shell.config.retention, today_at(now_ms())
    with shell.reading() as tx:
        before = due_before(retention, Day(today + MONTH_DAYS))
        found = who_is_due(tx, load_house(tx), before, today) if retention.members_idle_months else iter(())
        members = [_next(idle, retention, today) for idle in islice(found, LISTED_MAX)]
        status = RetentionStatus(
            members_idle_months=retention.members_idle_months,
            access_log_days=shell.config.staff.access_log_days,
            due=len(members) + sum(1 for _ in found),
            members=members,
        )
    shell.show(status, _lines(status))


def _next(idle: Idle, retention: Retention, today: Day) -> Next:
    day = max(today, idle.since_day + retention.members_idle_months * MONTH_DAYS + 1)
    return Next(
        member_id=idle.member_id,
        last_seen=date_of(idle.since_day).isoformat(),
        erased_from=date_of(Day(day)).isoformat(),
    )


def _lines(status: RetentionStatus) -> list[str]:
    log = f"The access log keeps {status.access_log_days} days."
    if not status.members_idle_months:
        return ["Members are kept for ever: retention.members_idle_months is 0.", log]
    rows = [(one.member_id, one.last_seen, one.erased_from) for one in status.members]
    who = f"Members are erased who have no points and had nothing for {status.members_idle_months} months"
    return [
        f"{who}: {status.due:,} by the end of the next 31 days.",
        log,
        *(table(("member", "last seen", "erased from"), rows) if rows else []),
    ]


@command("archive")
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--before", metavar="DATE", help="What is of a business day before this one.")
@click.option("--bring-back", metavar="TERMINAL", help="Put a terminal's batches back, or those of `all`.")
def archive_command(shell: Shell, folder: Path, before: str | None, bring_back: str | None) -> None:
    """Move the raw batches of closed times into a file of a folder."""
    if (before is None) == (bring_back is None):
        raise click.UsageError("give --before DATE, or --bring-back TERMINAL")
    check_user(Path(shell.config.data_dir))
    if before is not None:
        moved = moving.archive(shell, folder, day_written(before), now_ms())
        words = f"went into {moved.file}: keep it, and a copy of it" if moved.file else "are of that time"
    else:
        moved = moving.bring_back(shell, folder, "" if bring_back == "all" else bring_back or "")
        words = "are back"
    shell.show(moved, [f"{moved.batches:,} batches, {moved.bytes:,} bytes, {words}."])


retention_group.add_command(status_command)
COMMANDS: Final[tuple[click.Command, ...]] = (retention_group, archive_command)
