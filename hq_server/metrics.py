"""Figures of headquarters for Prometheus: from the database, from the parts that count, from the machine.

Counts only: nothing about persons, and no label for each till, of which there may be thousands.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from hq_server.closes.states import close_under_way, close_view
from hq_server.config import HqConfig
from hq_server.exchange import Outcome
from hq_server.house import load_house
from hq_server.reconcile import by_kind
from hq_server.store.connection import Transaction
from hq_server.store.database import Database
from hq_server.version import VERSION
from loyalty_core.units import EpochMs
from loyalty_shell.answers import measuring
from loyalty_shell.data_dir import free_bytes
from loyalty_shell.exposition import Counter, Family, Histogram, Sample, gauge, gauges, info, total

REQUEST_BOUNDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds: a till without news takes some thousandths, one with four thousand receipts half a second."""
SILENT_MS: Final = 3_600_000
"""A till that was not heard for so long is silent."""
COUNTED_MAX: Final = 100_000
"""What may be many is counted up to here: a look at the figures holds up no reader."""
DAY_S: Final = 86_400
WATCHED: Final = ("server_failed", "server_busy")
"""Refusals that alerts are about are counted from 0, or the first one of a run would be no increase."""
STATES: Final = ("pending", "approved", "revoked")
ATTEMPTS: Final = ("delivered", "failed")
WEBHOOK_STATES: Final = ("on", "paused", "set_aside")


class Meters:
    """What headquarters counts while it runs, on the event loop."""

    def __init__(self) -> None:
        self.requests = Histogram(
            "dangol_hq_request_seconds",
            "Time from a request's head to its answer.",
            REQUEST_BOUNDS,
            "route",
            "status",
        )
        self.refusals = Counter("dangol_hq_http_refusals_total", "Requests refused.", "code")
        self.exchanges = Counter("dangol_hq_exchanges_total", "Requests of tills that were answered.")
        self.batches = Counter("dangol_hq_batches_total", "Batches with news that were kept and posted.")
        self.events = Counter("dangol_hq_events_total", "Events that were kept and posted.")
        self.exchanging = 0
        self.batches_refused = Counter("dangol_hq_batches_refused_total", "Batches refused.", "code")
        self.webhooks = Counter("dangol_hq_webhook_attempts_total", "Messages sent to webhooks.", "outcome")
        for outcome in ATTEMPTS:
            self.webhooks.add(outcome, by=0)
        self.measured = measuring(self.requests, self.refusals)
        for code in WATCHED:
            self.refusals.add(code, by=0)

    def families(self) -> list[Family]:
        """Return what has been counted."""
        counted = (
            self.requests,
            self.refusals,
            self.exchanges,
            self.batches,
            self.events,
            self.batches_refused,
            self.webhooks,
        )
        working = gauge(
            "dangol_hq_exchanges_in_flight", "Requests of tills that are worked on.", self.exchanging
        )
        return [working, *(one.family() for one in counted)]

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Count a request of a till as worked on until the block ends."""
        self.exchanging += 1
        try:
            yield
        finally:
            self.exchanging -= 1

    def exchanged(self, outcome: Outcome) -> None:
        """Count a request of a till that is durable."""
        self.exchanges.add()
        self.batches.add(by=outcome.batches)
        self.events.add(by=outcome.events)
        for refusal in outcome.refusals:
            self.batches_refused.add(refusal.code)


def of_ledger(tx: Transaction, now_ms: EpochMs) -> list[Family]:
    """Return what the database says."""
    return [*_tills(tx, now_ms), *_work(tx, now_ms), *_of_people(tx), _imported(tx), *_webhooks(tx, now_ms)]


def _tills(tx: Transaction, now_ms: EpochMs) -> list[Family]:
    by_state = {row[0]: row[1:] for row in tx.all("arrivals.till_counts")}
    none = (0, now_ms, 0, 0)
    _, longest_ms, waiting, quarantined = by_state.get("approved", none)
    heard, approved = tx.one("arrivals.tills_heard", since_ms=now_ms - SILENT_MS) or (0, 0)
    never, oldest_day = tx.one("arrivals.watermarks") or (0, None)
    closed_s = 0 if oldest_day is None else max(0, now_ms // 1000 - (oldest_day + 1) * DAY_S)
    newest = max((one.version for one in load_house(tx).programmes), default=0)
    (lacking,) = tx.one("arrivals.tills_lacking_programme", version=newest) or (0,)
    return [
        gauges(
            "dangol_hq_tills",
            "Terminals by state.",
            "state",
            [(state, by_state.get(state, none)[0]) for state in STATES],
        ),
        gauge("dangol_hq_tills_silent", "Approved tills that were not heard for an hour.", approved - heard),
        gauge(
            "dangol_hq_tills_silent_longest_seconds",
            "Since the approved till was heard that is silent longest.",
            max(0, now_ms - longest_ms) / 1000,
        ),
        gauge("dangol_hq_tills_waiting_records", "Records that tills said wait there.", waiting),
        gauge("dangol_hq_tills_quarantine_inputs", "Inputs that tills said are set aside.", quarantined),
        gauge(
            "dangol_hq_tills_lacking_programme",
            "Approved tills that have not said that they have the newest version of the programme.",
            lacking,
        ),
        gauge("dangol_hq_tills_without_closed_day", "Approved tills that have closed no day yet.", never),
        gauge(
            "dangol_hq_watermark_oldest_age_seconds",
            "Since the end (UTC) of the oldest last day that an approved till has closed.",
            closed_s,
        ),
    ]


def _work(tx: Transaction, now_ms: EpochMs) -> list[Family]:
    (records,) = tx.one("arrivals.kept_records") or (0,)
    (held,) = tx.one("accounts.held_count", most=COUNTED_MAX) or (0,)
    (dirty,) = tx.one("accounts.dirty_count", most=COUNTED_MAX) or (0,)
    kinds = by_kind(tx, now_ms)
    return [
        total("dangol_hq_records_total", "Records of all journals that are kept.", records),
        Family(
            "dangol_hq_exceptions_open",
            "gauge",
            "Exceptions that are not closed, by kind and who is to end them.",
            tuple([Sample(one.count, (("kind", one.kind), ("owner", one.owner))) for one in kinds]),
        ),
        gauge(
            "dangol_hq_exceptions_unexplained",
            "Those of them that nobody has explained.",
            sum(one.count - one.explained for one in kinds),
        ),
        gauge(
            "dangol_hq_exceptions_oldest_age_seconds",
            "Age of the oldest of them.",
            max((one.oldest_ms for one in kinds), default=0) / 1000,
        ),
        gauge("dangol_hq_receipts_held", "Receipts whose member is not known, up to 100,000.", held),
        gauge(
            "dangol_hq_derivations_waiting",
            "Member-days that wait to be derived again, up to 100,000.",
            dirty,
        ),
    ]


def _of_people(tx: Transaction) -> list[Family]:
    """Return what somebody decided, and what waits for somebody to decide."""
    done, left = 0, 0
    if (close := close_under_way(tx)) is not None:
        view = close_view(tx, load_house(tx), close)
        done, left = view.buckets_closed, view.buckets - view.buckets_closed
    cases, decisions = tx.one("house.undecided") or (0, 0)
    return [
        gauges(
            "dangol_hq_close_buckets",
            "Buckets of the close that is under way; 0 where none is.",
            "state",
            [("closed", done), ("left", left)],
        ),
        gauge("dangol_hq_cases_open", "Appeals on which nobody has ruled.", cases),
        gauge("dangol_hq_decisions_waiting", "Decisions that wait for a second person.", decisions),
    ]


def _imported(tx: Transaction) -> Family:
    samples = [Sample(files, (("outcome", outcome),)) for outcome, files in tx.all("house.imported")]
    return Family(
        "dangol_hq_imported_files_total",
        "counter",
        "Files from sticks, by what became of them.",
        tuple(samples),
    )


def _webhooks(tx: Transaction, now_ms: EpochMs) -> list[Family]:
    by_state = {state: (count, since_ms) for state, count, since_ms in tx.all("house.webhook_counts")}
    failing = [since_ms for _, since_ms in by_state.values() if since_ms is not None]
    return [
        gauges(
            "dangol_hq_webhooks",
            "Webhooks by state.",
            "state",
            [(state, by_state.get(state, (0, None))[0]) for state in WEBHOOK_STATES],
        ),
        gauge(
            "dangol_hq_webhooks_failing_longest_seconds",
            "Since the first failure of the webhook that has failed longest.",
            max((now_ms - since_ms for since_ms in failing), default=0) / 1000,
        ),
    ]


def of_server(database: Database, config: HqConfig, held_bytes: int) -> list[Family]:
    """Return what the running server says of its database and of what it has in hand.

    How much room PostgreSQL has and takes, it tells by its own means.
    """
    return [
        info(
            "dangol_hq_build_info",
            "The server's version, and what it runs on.",
            version=VERSION,
            python=platform.python_version(),
            **database.kind,
        ),
        database.writes.family(),
        gauge("dangol_hq_writer_queue_jobs", "Writes that wait or are being done.", database.queue),
        gauge(
            "dangol_hq_database_sound",
            "0 once the disk did not make a write durable.",
            int(not database.lost),
        ),
        *([] if config.is_postgresql else _of_file(config.database_path)),
        gauge("dangol_hq_bodies_bytes", "Bodies that are arriving or worked on.", held_bytes),
    ]


def _of_file(path: Path) -> list[Family]:
    return [
        gauge("dangol_hq_database_bytes", "Size of the database.", _size(path)),
        gauge(
            "dangol_hq_wal_bytes", "Size of its write-ahead log.", _size(path.with_name(path.name + "-wal"))
        ),
        gauge(
            "dangol_hq_disk_free_bytes",
            "Free space where the database lives.",
            free_bytes(path.parent),
        ),
    ]


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
