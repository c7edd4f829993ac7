"""What support needs of a till, as one archive: figures, codes and versions, nothing of persons, no keys.

Whatever cannot be read is named by its code, and the rest is told. Words from the database, HQ or receipts
are left out: of an error its code is told, since its sentence may quote what is damaged.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import sys
import zipfile
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import Any, Final

import msgspec

from edge_agent import disk_state, metrics
from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig
from edge_agent.link_timeline import DAY_MS, timeline
from edge_agent.settings_told import settings_told
from edge_agent.status import Status, status
from edge_agent.store import counted, journal, link_spans, terminal
from edge_agent.store.database import (
    SQLITE_VERSION,
    AnyError,
    Connection,
    connect,
    one_state,
    store_error,
    wal_bytes,
)
from edge_agent.store.integrity import is_in_repair, verify
from edge_agent.store.migrations import VERSION as SCHEMA
from edge_agent.store.migrations import refuse_newer
from edge_agent.version import VERSION
from loyalty_core.calendar import date_of
from loyalty_core.errors import LoyaltyError
from loyalty_core.units import Day
from loyalty_shell.data_dir import free_bytes
from loyalty_shell.exposition import expose

EVENTS_MAX: Final = 50_000
"""The newest records whose kinds are counted."""
REFUSALS_MAX: Final = 100
_FIXED_TIME: Final = (1980, 1, 1, 0, 0, 0)


def diagnostics(config: EdgeConfig, clock: Clock, figures: str | None = None) -> bytes:
    """Return the zip archive: `diagnostics.json` and `metrics.txt`.

    `figures` is what the running agent's `/metrics` says; without it, what the database alone tells.

    Raises:
        StoreError: `store_newer`: the release that wrote this database is to be asked.
    """
    refuse_newer(config.database)
    told: dict[str, Any] = {"software": VERSION, "clock_ms": clock.wall_ms()}
    unread: dict[str, str] = {}

    def note(section: str, make: Callable[[], Any]) -> None:
        try:
            told[section] = make()
        except (LoyaltyError, OSError, ValueError, TypeError, AnyError) as error:
            unread[section] = _why(error)

    note("machine", _machine)
    note("disk", lambda: _disk(config))
    note("settings", lambda: settings_told(config))
    made = [figures or ""]
    try:
        with closing(connect(config.database, read_only=True)) as conn:
            note("status", lambda: _status(_told(conn, config, clock)))
            note("link", lambda: _link(conn, clock.wall_ms()))
            note("schema", lambda: _schema(conn))
            note("tables", lambda: _tables(conn, unread))
            note("journal", lambda: _journal(conn))
            note("refusals", lambda: _refusals(conn))
            note("events", lambda: _events(conn))
            note("integrity", lambda: _integrity(conn))
            if figures is None:
                note("metrics", lambda: made.append(_figures(conn, config, clock)))
                told.pop("metrics", None)
    except (LoyaltyError, OSError, AnyError) as error:
        unread["database"] = _why(error)
    told["unread"] = unread
    data = msgspec.json.format(msgspec.json.encode(told), indent=1)
    return _zipped({"diagnostics.json": data, "metrics.txt": "".join(made).encode()})


def _told(conn: Connection, config: EdgeConfig, clock: Clock) -> Status:
    return status(conn, config, clock, disk_state.refusal(config.data_dir))


def _status(told: Status) -> dict[str, Any]:
    """Return the screen without sentences, which others wrote."""
    found = msgspec.structs.asdict(told)
    del found["link_error"]
    found["link_error_code"] = None if told.link_error_code is None else _code(told.link_error_code)
    return found


def _link(conn: Connection, now_ms: int) -> list[dict[str, Any]]:
    """Return how the link was in the last day, the first stretch first, each down one with its code."""
    return [
        {"from_ms": one.from_ms, "to_ms": one.to_ms, "state": one.state, "code": one.code and _code(one.code)}
        for one in timeline(link_spans.since(conn, now_ms - DAY_MS), now_ms)
    ]


def _machine() -> dict[str, Any]:
    """Return what the programs run on; not its name, which people choose."""
    about = os.uname()
    return {
        "os": platform.freedesktop_os_release().get("PRETTY_NAME", ""),
        "kernel": f"{about.sysname} {about.release} {about.machine}",
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "sqlite": SQLITE_VERSION,
        "processors": os.cpu_count(),
    }


def _disk(config: EdgeConfig) -> dict[str, int]:
    path = config.database
    return {
        "free_bytes": free_bytes(config.data_dir),
        "total_bytes": shutil.disk_usage(config.data_dir).total,
        "database_bytes": path.stat().st_size if path.exists() else 0,
        "log_bytes": wal_bytes(path),
    }


def _schema(conn: Connection) -> dict[str, Any]:
    found = counted.schema_version(conn)
    return {"version": found, "known": SCHEMA, "repair_unfinished": is_in_repair(conn)}


def _tables(conn: Connection, unread: dict[str, str]) -> dict[str, int]:
    """Return how many rows each table of ours has."""

    def note(name: str, error: Exception) -> None:
        unread[f"tables.{name}"] = _why(error)

    return counted.tables(conn, note)


def _journal(conn: Connection) -> list[dict[str, int]]:
    return [
        {"epoch": epoch, "branch": branch, "records": journal.last_seq(conn, epoch, branch)}
        for epoch, branch in journal.epochs(conn)
    ]


def _refusals(conn: Connection) -> list[dict[str, Any]]:
    """Return how often what was refused, by code, the latest first."""
    found = counted.refusals(conn, REFUSALS_MAX)
    return [
        {
            "code": _code(one.code),
            "state": _code(one.state),
            "inputs": one.inputs,
            "times": one.times,
            "last_ms": one.last_ms,
        }
        for one in found
    ]


def _events(conn: Connection) -> dict[str, dict[str, int]]:
    """Return by business day how many of the newest records are of each kind."""
    found: dict[str, Counter[str]] = {}
    for _, data in journal.newest(conn, terminal.read(conn).epoch, EVENTS_MAX):
        record = journal.readable(data)
        day, kind = "unreadable", "unreadable"
        if record is not None:
            day, kind = date_of(Day(record.event.business_day)).isoformat(), type(record.event).__name__
        found.setdefault(day, Counter())[kind] += 1
    return {day: dict(sorted(kinds.items())) for day, kinds in sorted(found.items())}


def _integrity(conn: Connection) -> dict[str, Any]:
    """Return the first fault by its code and place."""
    with one_state(conn):
        fault = verify(conn)
    if fault is None:
        return {"ok": True}
    return {"ok": False, "code": fault.code, "epoch": fault.epoch, "seq": fault.seq}


def _figures(conn: Connection, config: EdgeConfig, clock: Clock) -> str:
    return expose(metrics.of_till(_told(conn, config, clock)) + metrics.of_store(conn))


def _code(text: str | bytes) -> str:
    """Return a code, and of anything else nothing: who wrote it is not known."""
    text = text.decode("ascii", "replace") if isinstance(text, bytes) else str(text)
    return text if counted.CODE.fullmatch(text) else "other"


def _why(error: Exception) -> str:
    """Return a code of our own or the kind of an error, never its words."""
    if isinstance(error, LoyaltyError):
        return error.code
    if isinstance(error, AnyError):
        return store_error(error).code
    return type(error).__name__


def _zipped(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, _FIXED_TIME), data, zipfile.ZIP_DEFLATED)
    return packed.getvalue()
