"""What lies ahead of a member: the ways to the next tier, as far as this till's rules and knowledge go.

What other tills have seen of the member today is not known here: where the ways speak of today, they go by
what this till has seen.
"""

from __future__ import annotations

import msgspec

from edge_agent.books import Books
from edge_agent.member_days import MemberDays
from edge_agent.standing import Standing
from edge_agent.store import entries, members
from edge_agent.store.database import Connection
from loyalty_core.calendar import Period, business_day, local_time
from loyalty_core.guidance import Guide, Progress
from loyalty_core.outlook import Asked
from loyalty_core.units import EpochMs


class Ahead:
    """Looks for ways; holds nothing but what it has worked out."""

    def __init__(self) -> None:
        self._guide = Guide()
        self._days = MemberDays()

    def look(
        self, conn: Connection, books: Books, account: str, stands: Standing, now_ms: EpochMs | None
    ) -> Standing:
        """Return the standing with its ways; with none where the clock has lost its time."""
        period, tier = stands.period, stands.tier
        if now_ms is None or period is None or tier is None or stands.next_tier is None:
            return stands
        place = books.terminal.place
        asked = Asked(
            programmes=books.programmes,
            period=period,
            today=business_day(now_ms, place),
            tiers=(tier,),
            store_id=books.terminal.store_id,
            starts=place.starts,
        )
        progress = Progress(
            missing=stands.missing,
            today=self._days.resolved(conn, books, account, asked.today),
            minute=local_time(now_ms, place.zone)[1],
            used=_used(conn, books, account, period),
        )
        return msgspec.structs.replace(stands, ways=self._guide.ways(asked, progress))


def _used(conn: Connection, books: Books, account: str, period: Period) -> dict[str, int]:
    """Return what each cap over the period has let through at most: what HQ said, and all of what came since.

    A cap of which HQ has said nothing for a member it knows is left out.
    """
    caps = {cap.id for each in books.programmes for cap in each.caps if cap.per == "period"}
    if not caps:
        return {}
    row = members.read(conn, account.removeprefix("id:")) if account.startswith("id:") else None
    said = dict.fromkeys(caps, 0)
    if row is not None:
        said = {tally.rule: tally.qualifying for tally in row.tallies if tally.period_id == period.id}
    stamp = row.stamp if row is not None and row.stamp else members.NEVER
    _, since = entries.above(conn, account, stamp, period.first, period.last)
    return {cap: said[cap] + max(0, since) for cap in caps if cap in said}
