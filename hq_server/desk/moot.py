"""Why there is nothing left to rule in a case. Reads only, and looks anew each time.

Late points may close the gap by themselves, and what they gave may be taken back; another ruling, or a higher
tier held from before, may last through the validity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from hq_server.desk.standing import group_of, holds, total_of, window
from hq_server.house import House
from hq_server.members import member_at
from hq_server.merges import head_of
from hq_server.store.connection import Transaction
from loyalty_core.calendar import Period
from loyalty_core.programme import Tier
from loyalty_core.units import EpochMs

Why = Literal["reached", "held", "over", "erased"]
SENTENCES: Final[Mapping[Why, str]] = {
    "reached": "the points that came since the close have closed the gap",
    "held": "the member holds the tier, or a higher one, without it",
    "over": "the time for which the tier would hold is over",
    "erased": "the person was erased",
}


def why_moot(
    tx: Transaction, house: House, member_id: str, period: Period, tier: Tier, now_ms: EpochMs
) -> Why | None:
    """Return why there is nothing left to rule for a member and who stands for them; None where there is."""
    member = member_at(tx, house, head_of(tx, house.bucket_count, member_id))
    days = window(tx, house, period, house.today(now_ms))
    if member is None or member.erased:
        return "erased"
    if total_of(tx, house, member.member_id, period) >= tier.start:
        return "reached"
    if days.from_day > days.until_day:
        return "over"
    return "held" if holds(house, group_of(tx, house, member_id), tier.code, days) else None
