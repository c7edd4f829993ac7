"""A day at a till with something in every table, and what all of its tables hold."""

from __future__ import annotations

from typing import Any, Final

from edge_agent import closing
from edge_agent.store import quarantine
from edge_agent.store.database import Connection, transaction
from edge_agent.store.quarantine import Refused
from loyalty_core.events import MemberPresented, VisitRecorded
from tests.edge.made import CARD, OTHER_CARD, at, claimed, day, keyed, member, purchase, returned, visit, void
from tests.edge.till import Till

LINES: Final = [
    {"number": 1, "net_minor": 9000, "sku": "A"},
    {"number": 2, "net_minor": 3990, "sku": "B"},
]
DERIVED: Final = (
    "source",
    "entry",
    "receipt_fact",
    "redemption",
    "day_count",
    "day_changed",
    "closing",
    "presented",
)


def lived(till: Till) -> Till:
    """Let a till live through a day."""
    till.appear(member("M1"), member("M2", OTHER_CARD))
    for n in range(1, 6):
        till.record(purchase(str(n), lines=LINES))
    till.record(purchase("other", member=OTHER_CARD, lines=LINES))
    till.record(purchase("anonymous", member=None))
    till.record(purchase("unknown", member="2000123400000"))
    till.record(visit("v1", "2026-11-20 12:00"))
    till.record(void("2"))
    total = {"store": "S012", "till": "T03", "business_date": "2026-11-20"}
    till.record({"kind": "day_total", "receipt": total, "count": 12, "net_minor": 310000})
    till.record(returned("r1", original=purchase("3")["receipt"], lines=LINES[:1], net_minor=9000))
    with transaction(till.conn):
        key = {"store": "S012", "till": "T03", "business_date": "2026-11-20", "number": "anonymous"}
        claimed(till.recorder, till.conn, CARD, key, "2026-11-21 10:00", "claim-1")
        on = at("2026-11-20 15:00")
        keyed(
            till.recorder,
            till.conn,
            VisitRecorded(None, on, day("2026-11-20"), "till", None),
            CARD,
            "visit-1",
            "visit",
        )
        keyed(
            till.recorder,
            till.conn,
            MemberPresented(None, on, day("2026-11-20")),
            CARD,
            "card-1",
            "card",
        )
        quarantine.put(
            till.conn,
            Refused(
                adapter="csv", source="a.csv", place="line 1", code="x", sentence="no", raw=b"raw", at_ms=1
            ),
            10,
        )
    for _ in range(3):
        with transaction(till.conn):
            closing.close_some(till.conn, till.recorder)
    return till


def dump(conn: Connection, *tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows of tables, in order."""
    rows = {table: conn.execute(f"SELECT * FROM {table}") for table in tables}  # noqa: S608
    return {table: sorted(found, key=repr) for table, found in rows.items()}
