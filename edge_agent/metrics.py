"""Figures of the agent for Prometheus: from the store, from the parts that count, from the machine.

Counts only: nothing about persons, no label whose values somebody else chooses without a bound.
"""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Final

from edge_agent.status import Status
from edge_agent.store import exported, journal, outbox
from edge_agent.store.database import SQLITE_VERSION, Connection
from edge_agent.store.writer import Writer
from loyalty_shell.answers import measuring
from loyalty_shell.exposition import Counter, Family, Histogram, Sample, gauge, gauges, info, total

ANSWER_BOUNDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 2.0, 10.0)
"""Seconds: a sale takes a few thousandths, a redemption waits `redemptions.ask_ms` at most."""


class Meters:
    """What the agent counts while it runs; all but the writer's is counted on the event loop."""

    def __init__(self) -> None:
        self.answers = Histogram(
            "dangol_edge_answer_seconds",
            "Time from a request's head to its answer.",
            ANSWER_BOUNDS,
            "route",
            "status",
        )
        self.refusals = Counter("dangol_edge_http_refusals_total", "Requests refused.", "code")
        self.clock_steps = Counter("dangol_edge_clock_steps_total", "Steps of the wall clock.")
        self.task_failures = Counter(
            "dangol_edge_task_failures_total", "Parts that failed and began anew.", "task"
        )

        self.measured = measuring(self.answers, self.refusals)

    def families(self) -> list[Family]:
        """Return what has been counted."""
        counted = (self.answers, self.refusals, self.clock_steps, self.task_failures)
        return [one.family() for one in counted]


def of_till(told: Status) -> list[Family]:
    """Return what `status` shows, as figures."""
    up, age_ms = int(told.link == "up"), told.oldest_unsent_age_ms or 0
    return [
        info(
            "dangol_edge_build_info",
            "The agent's version, and what it runs on.",
            version=told.version,
            python=platform.python_version(),
            sqlite=SQLITE_VERSION,
        ),
        gauge("dangol_edge_queue_records", "Records that HQ has not acknowledged.", told.queue),
        gauge("dangol_edge_queue_oldest_age_seconds", "Age of the oldest of them.", age_ms / 1000),
        gauge("dangol_edge_hq_up", "1 if HQ's last answer was good.", up),
        gauge("dangol_edge_quarantine_inputs", "Inputs set aside.", told.quarantine),
        gauge("dangol_edge_members", "Members known at this till.", told.members),
        gauge(
            "dangol_edge_member_damaged",
            "1 if what HQ told of a member was found damaged, and not told again yet.",
            int(told.member_damaged),
        ),
        gauge(
            "dangol_edge_redemptions_open",
            "Redemptions that are neither committed nor over.",
            told.redemptions_open,
        ),
        gauge("dangol_edge_programme_version", "The newest rules that HQ sent.", told.programme_version),
        gauge("dangol_edge_clock_believed", "1 if the wall clock is believed.", int(told.clock_believed)),
        gauge("dangol_edge_disk_free_bytes", "Free space where the journal lives.", told.disk_free_bytes),
    ]


def of_store(conn: Connection) -> list[Family]:
    """Return what the store says besides: its journal, and when HQ last answered by both clocks."""
    link = outbox.link(conn)
    answered_ms, hq_ms = link.answered_at_ms or 0, link.hq_time_ms or 0
    return [
        total("dangol_edge_journal_records_total", "Records in the journal.", journal.count(conn)),
        Family(
            "dangol_edge_imported_files_total",
            "counter",
            "Files from sticks, by what became of them.",
            tuple([Sample(files, (("outcome", outcome),)) for outcome, files in exported.counted(conn)]),
        ),
        gauge(
            "dangol_edge_hq_last_answer_timestamp_seconds",
            "When HQ last answered, by the till's clock; 0 for never.",
            answered_ms / 1000,
        ),
        gauge(
            "dangol_edge_clock_ahead_of_hq_seconds",
            "How far the till's clock was ahead of HQ's when HQ last answered.",
            (answered_ms - hq_ms) / 1000,
        ),
    ]


def of_writer(writer: Writer, database: Path) -> list[Family]:
    """Return what the writer has done, what waits for it, and how large its files are."""
    urgent, patient = writer.waiting
    return [
        gauges(
            "dangol_edge_writer_queue_jobs",
            "Jobs that wait for the writer: sales are urgent, imports patient.",
            "kind",
            (("urgent", urgent), ("patient", patient)),
        ),
        total("dangol_edge_writer_jobs_total", "Jobs of the writer.", writer.jobs),
        total("dangol_edge_writer_commits_total", "Transactions that they shared.", writer.commits),
        total("dangol_edge_writer_failures_total", "Transactions that the disk refused.", writer.failures),
        gauge("dangol_edge_database_bytes", "Size of the database.", _size(database)),
        gauge(
            "dangol_edge_wal_bytes",
            "Size of its write-ahead log.",
            _size(database.with_name(database.name + "-wal")),
        ),
    ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
