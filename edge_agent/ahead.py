"""What lies ahead of a member: the ways to the next tier, as far as this till's rules and knowledge go.

What other tills have seen of the member today is not known here: where the ways speak of today, they go by
what this till has seen.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from edge_agent.books import Books
from edge_agent.member_days import MemberDays
from edge_agent.standing import Standing
from edge_agent.store.database import Connection
from edge_agent.tiers import may_hold
from loyalty_core.calendar import business_day, local_time
from loyalty_core.guidance import Guide, Progress
from loyalty_core.outlook import Asked
from loyalty_core.resolved import Resolved
from loyalty_core.units import EpochMs


class Ahead:
    """Looks for ways; holds nothing but what it has worked out."""

    def __init__(self) -> None:
        self._guide = Guide()
        self._days = MemberDays()

    def look(
        self,
        conn: Connection,
        books: Books,
        account: str,
        stands: Standing,
        now_ms: EpochMs | None,
        done: Sequence[Resolved] | None = None,
    ) -> Standing:
        """Return the standing with its ways; with none where the clock has lost its time.

        `done` is what earns today at this till; it is read where None is given.
        """
        period = stands.period
        if now_ms is None or period is None or stands.next_tier is None:
            return stands
        place = books.terminal.place
        today = business_day(now_ms, place)
        programme = books.programme_on(period.last) or books.programmes[0]
        asked = Asked(
            programmes=books.programmes,
            period=period,
            today=today,
            tiers=may_hold(books.row(conn, account), programme, today, period.last),
            store_id=books.terminal.store_id,
            starts=place.starts,
        )
        progress = Progress(
            missing=stands.missing,
            today=self._days.resolved(conn, books, account, asked.today) if done is None else done,
            minute=local_time(now_ms, place.zone)[1],
            used=self._days.let_through(conn, books, account, period),
        )
        return msgspec.structs.replace(stands, ways=self._guide.ways(asked, progress))
