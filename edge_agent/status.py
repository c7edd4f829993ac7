"""One screen about this till: link, queue, oldest unsent, quarantine, disk, clock, versions. Reads only."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from edge_agent.believing import is_believed, known_day
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.disk_state import FULL_BYTES, WORDS
from edge_agent.printer.state import PrinterStatus, read_state
from edge_agent.store import (
    closings,
    exported,
    files,
    journal,
    member_damage,
    members,
    outbox,
    programmes,
    quarantine,
    redemptions,
    terminal,
)
from edge_agent.store.database import Connection
from edge_agent.store.outbox import Link
from edge_agent.version import VERSION
from loyalty_core.calendar import date_of
from loyalty_core.events import EventId
from loyalty_core.units import Day, Seq
from loyalty_shell.data_dir import free_bytes

_WHAT_TO_DO: Final = {
    "journal_behind": "This till's disk was set back to an older copy: leave it on until HQ has given it a "
    "new epoch, and hand in again what was sold since that copy",
    "fork": "HQ holds other records of this till, whose disk was set back or copied: leave it on until HQ "
    "has found where they part, and let one machine only run as {terminal}",
    "terminal_unknown": "HQ does not know this till: if HQ was restored from a backup, ask it for a code for "
    "{terminal} and run edge-agent enrol --again --code CODE",
    "hq_wrong_key": "What answers at HQ's address has another key than this till believes: ask HQ; if it has "
    "dropped that key, ask it for a code for {terminal} and run edge-agent enrol --again --code CODE",
    "hq_older": "What answers is an older copy of HQ's database, of which nothing is believed: tell HQ to "
    "bring it back with hq-server restore",
    "hq_other": "Two HQ databases answer in turn, of which one is not believed: tell HQ to run one only",
    "terminal_over_quota": "HQ takes what waits bit by bit, so that other tills have their turn",
    "terminal_busy": "HQ still works on what this till has sent",
    "server_busy": "HQ has much to do and lets this till in as soon as it can",
}
"""What keeps a till from its HQ that is neither the line nor a lasting refusal, and what to do about it."""

_MEMBER_DAMAGED: Final = (
    " What HQ told of a member is damaged (member_damaged): their sales are recorded by card, HQ gives them"
    " their points, and is asked to tell of its members again. If this stays, run edge-agent verify --repair."
)


class LastFile(msgspec.Struct, frozen=True, kw_only=True):
    """The file that an adapter read last, and what became of its rows."""

    adapter: str
    file: str
    at: str
    recorded: int
    repeated: int
    refused: int
    passed: int
    noticed: int


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What `status` tells. Ages are in ms; `link` is "up", "down" or "never"; `disk_refuses` is a code."""

    terminal: str
    store: str
    link: str
    link_since: str | None
    last_answer: str | None
    last_answer_by_stick: str | None
    link_error: str | None
    link_error_code: str | None
    next_try: str | None
    queue: int
    oldest_unsent: str | None
    oldest_unsent_age_ms: int | None
    quarantine: int
    disk_free_bytes: int
    disk_low: bool
    disk_refuses: str | None
    clock: str
    clock_believed: bool
    epoch: int
    epochs_before: int
    head: int
    day_closed: str | None
    members: int
    member_damaged: bool
    redemptions_open: int
    last_files: list[LastFile]
    programme: str
    programme_version: int
    printers: tuple[PrinterStatus, ...]
    version: str


def status(conn: Connection, config: EdgeConfig, clock: Clock, disk_refuses: str | None = None) -> Status:
    """Return how this till is doing; why its disk takes no sales is for the caller to know.

    Raises:
        StoreError: `not_enrolled`.
    """
    identity = terminal.read(conn)
    counted = closings.state(conn, identity.epoch)
    now_ms = clock.wall_ms()
    waiting, epoch, seq = outbox.waiting(conn)
    link = outbox.link(conn)
    oldest_ms = _occurred_at(conn, identity.terminal_id, epoch, seq)
    free = free_bytes(config.data_dir)
    return Status(
        terminal=identity.terminal_id,
        store=identity.store_id,
        link=_link(link),
        link_since=_iso(link.since_ms),
        last_answer=_iso(link.answered_at_ms),
        last_answer_by_stick=_iso(exported.last_answer_ms(conn)),
        link_error=link.error,
        link_error_code=link.error_code,
        next_try=_iso(link.next_try_ms),
        queue=waiting,
        oldest_unsent=_iso(oldest_ms),
        oldest_unsent_age_ms=None if oldest_ms is None else max(0, now_ms - oldest_ms),
        quarantine=quarantine.count_open(conn),
        disk_free_bytes=free,
        disk_low=free < config.disk_free_bytes_min,
        disk_refuses=disk_refuses or ("disk_full" if free < FULL_BYTES else None),
        clock=_iso(now_ms) or "",
        clock_believed=is_believed(
            now_ms, known_day(counted, link.hq_time_ms, identity.place), link.hq_time_ms, identity.place
        ),
        epoch=identity.epoch,
        epochs_before=len([one for one, _ in journal.epochs(conn) if one < identity.epoch]),
        head=journal.head(conn, identity).seq,
        day_closed=_date(counted.last_day),
        members=members.count(conn),
        member_damaged=member_damage.is_known(conn),
        redemptions_open=redemptions.count_authorised(conn),
        last_files=[_last_file(one) for one in files.last(conn)],
        programme=identity.programme_id,
        programme_version=programmes.highest(conn),
        printers=tuple(
            PrinterStatus(one.name, *read_state(config.data_dir, one.name)) for one in config.printer
        ),
        version=VERSION,
    )


def lines(told: Status) -> list[str]:
    """Return the screen, one sentence first."""
    waits = f"{told.queue} waiting" if told.queue else "Nothing waiting"
    state = {
        "up": f"Online since {told.link_since}. Sales are safe. {waits}.",
        "down": f"{_trouble(told)}. Sales are safe. {waits}, next try {told.next_try}.",
        "never": f"{_unheard(told)}. Sales are safe. {waits}.",
    }[told.link]
    if told.disk_refuses is not None:
        state = f"{WORDS[told.disk_refuses]}. {waits} for HQ."
    elif told.disk_low:
        state = f"The disk is nearly full: free some space. {state}"
    if told.member_damaged:
        state += _MEMBER_DAMAGED
    if told.quarantine:
        inputs = "1 input was" if told.quarantine == 1 else f"{told.quarantine} inputs were"
        state += f" {inputs} set aside: see edge-agent quarantine."
    state += "".join(f" {sentence}" for one in told.printers if (sentence := one.trouble))
    disk = f"{told.disk_free_bytes // 2**20} MiB free" + (" - LOW" if told.disk_low else "")
    clock = told.clock + ("" if told.clock_believed else " - NOT BELIEVED: set the clock")
    rows = [
        ("terminal", f"{told.terminal} of store {told.store}"),
        ("journal", _journal(told)),
        ("last answer", told.last_answer or "never"),
        *([("by stick", told.last_answer_by_stick)] if told.last_answer_by_stick else []),
        ("last error", f"{told.link_error} ({told.link_error_code})" if told.link_error else "none"),
        ("oldest unsent", told.oldest_unsent or "none"),
        ("quarantine", f"{told.quarantine} set aside" if told.quarantine else "empty"),
        ("disk", disk),
        ("clock", clock),
        ("day closed", told.day_closed or "none yet"),
        ("programme", f"{told.programme or 'none yet'} version {told.programme_version}"),
        ("members", str(told.members)),
        ("redemptions", f"{told.redemptions_open} open"),
        *(("last file", _file(one)) for one in told.last_files),
        *(("printer", one.line) for one in told.printers),
        ("software", told.version),
    ]
    return [state, *(f"  {name:<14}{value}" for name, value in rows)]


def _last_file(last: files.Last) -> LastFile:
    tally = msgspec.structs.asdict(last.tally)
    return LastFile(adapter=last.adapter, file=last.path, at=_iso(last.taken_at_ms) or "", **tally)


def _file(last: LastFile) -> str:
    words = {
        "recorded": last.recorded,
        "known before": last.repeated,
        "set aside": last.refused,
        "passed over": last.passed,
        "odd in something": last.noticed,
    }
    became = ", ".join(f"{count} {what}" for what, count in words.items() if count) or "nothing in it"
    return f"{last.file} ({last.adapter}) at {last.at}: {became}"


def _journal(told: Status) -> str:
    stands = f"epoch {told.epoch}, {told.head} records"
    if not told.epochs_before:
        return stands
    return f"{stands}; the disk was set back or copied: let one machine only run as {told.terminal}"


def _unheard(told: Status) -> str:
    if told.last_answer_by_stick is None:
        return "HQ has not answered yet"
    return f"HQ has answered by stick at {told.last_answer_by_stick}, and never by line"


def _trouble(told: Status) -> str:
    """Say whether HQ is not reached, or does not take what this till sends, and what to do."""
    if told.link_error_code in _WHAT_TO_DO:
        return _WHAT_TO_DO[told.link_error_code].format(terminal=told.terminal)
    if (told.link_error_code or "").startswith("hq_"):
        return f"Offline since {told.link_since}"
    if told.link_error_code == "journal_damaged":
        return f"HQ gets no sales since {told.link_since}: {told.link_error}"
    if told.link_error_code == "programme_damaged":
        return f"Sales give no points since {told.link_since}: {told.link_error}"
    return f"HQ has taken nothing from this till since {told.link_since} ({told.link_error_code})"


def _link(link: Link) -> str:
    if link.error_code is not None:
        return "down"
    return "never" if link.answered_at_ms is None else "up"


def _occurred_at(conn: Connection, terminal_id: str, epoch: int | None, seq: int | None) -> int | None:
    if epoch is None or seq is None:
        return None
    record = journal.read_at(conn, EventId(terminal_id, epoch, 0, Seq(seq)))
    return None if record is None else record.event.occurred_at_ms


def _iso(at_ms: int | None) -> str | None:
    if at_ms is None:
        return None
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _date(day: int | None) -> str | None:
    return None if day is None else date_of(Day(day)).isoformat()
