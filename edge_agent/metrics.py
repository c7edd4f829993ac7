"""Figures of the agent in Prometheus' text form. Counts only: nothing about persons."""

from __future__ import annotations

from edge_agent.store import journal, members, outbox, quarantine, redemptions
from edge_agent.store.database import Connection
from edge_agent.version import VERSION


def render(conn: Connection, now_ms: int, disk_free_bytes: int) -> str:
    """Return the text of /metrics."""
    waiting, *_ = outbox.waiting(conn)
    link = outbox.link(conn)
    age_s = -1 if link.answered_at_ms is None else max(0, now_ms - link.answered_at_ms) // 1000
    rows = (
        ("dangol_edge_journal_records_total", "counter", "Records in the journal.", journal.count(conn)),
        ("dangol_edge_queue_records", "gauge", "Records that HQ has not acknowledged.", waiting),
        ("dangol_edge_quarantine_inputs", "gauge", "Inputs set aside.", quarantine.count_open(conn)),
        ("dangol_edge_members", "gauge", "Members known at this till.", members.count(conn)),
        (
            "dangol_edge_redemptions_open",
            "gauge",
            "Redemptions that are neither committed nor over.",
            redemptions.count_authorised(conn),
        ),
        ("dangol_edge_hq_answer_age_seconds", "gauge", "Since HQ's last answer, -1 for never.", age_s),
        ("dangol_edge_hq_up", "gauge", "1 if HQ's last answer was good.", _is_up(link)),
        ("dangol_edge_disk_free_bytes", "gauge", "Free space where the journal lives.", disk_free_bytes),
    )
    lines = [f'# TYPE dangol_edge_info gauge\ndangol_edge_info{{version="{VERSION}"}} 1']
    lines += [
        f"# HELP {name} {text}\n# TYPE {name} {kind}\n{name} {value}" for name, kind, text, value in rows
    ]
    return "\n".join(lines) + "\n"


def _is_up(link: outbox.Link) -> int:
    return int(link.answered_at_ms is not None and link.error_code is None)
