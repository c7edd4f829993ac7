"""The tables that the journal says again: forgotten and filled anew by a repair only."""

from __future__ import annotations

from typing import Final

import msgspec

from edge_agent.store import enrolments
from edge_agent.store.database import Connection
from edge_agent.store.enrolments import Enrolment

_FORGET: Final = (
    "DELETE FROM source",
    "DELETE FROM entry",
    "DELETE FROM receipt_fact",
    "DELETE FROM presented",
    "DELETE FROM spelling",
    "DELETE FROM redemption",
    "DELETE FROM enrolment",
    "DELETE FROM enrolment_look_up",
    "DELETE FROM closing",
    "DELETE FROM day_count",
    "DELETE FROM day_changed",
)


class Remembered(msgspec.Struct, frozen=True):
    """What these tables know and the journal does not: of sources by key and place, of redemptions by id.

    Of a source its content and the hash of its raw input, of a redemption the receipt that was named, until
    when it is open on the machine's monotonic clock, and in which boot. Of who joined here all but the names
    they are found by, each with whether it is what was written.
    """

    sources: dict[tuple[str, int, int], tuple[bytes, bytes]]
    redemptions: dict[str, tuple[bytes | None, int, str]]
    keys: dict[tuple[int, int], list[str]]
    enrolments: list[tuple[Enrolment, bool]]

    def at(self, epoch: int, seq: int) -> list[tuple[str, tuple[bytes, bytes]]]:
        """Return (natural key, (content, raw hash)) of what named a place of the journal."""
        return [(key, self.sources[key, epoch, seq]) for key in self.keys.get((epoch, seq), [])]


def remembered(conn: Connection) -> Remembered:
    """Return what a repair must carry over."""
    sources, keys = dict[tuple[str, int, int], tuple[bytes, bytes]](), dict[tuple[int, int], list[str]]()
    rows = conn.execute("SELECT natural_key, epoch, seq, content, raw_sha256 FROM source")
    for key, epoch, seq, content, raw in rows:
        sources[key, epoch, seq] = content, raw
        keys.setdefault((epoch, seq), []).append(key)
    redemptions = conn.execute("SELECT redemption_id, receipt, until_monotonic_ms, boot_id FROM redemption")
    return Remembered(
        sources,
        {one: (receipt, until_ms, boot_id) for one, receipt, until_ms, boot_id in redemptions},
        keys,
        list(enrolments.every(conn)),
    )


def forget(conn: Connection) -> None:
    """Empty the tables."""
    for statement in _FORGET:
        conn.execute(statement)
