"""Awards: what is kept of the points that a till answered otherwise is what the events and the rules give."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from hq_server.audit.comparing import differs
from hq_server.derivation import Rulebook
from hq_server.differences import differences
from hq_server.ledger import LedgerAccount
from hq_server.names import Names
from hq_server.store.connection import Row
from loyalty_core.entries import PointEntry
from loyalty_core.events import EventId


def check_awards(
    rules: Rulebook,
    account: LedgerAccount,
    derived: Iterable[PointEntry],
    rows: Sequence[Row],
    names: Names,
) -> None:
    """End the audit unless the kept differences of a member are those of the member's days."""
    by_day: dict[int, list[PointEntry]] = defaultdict(list)
    for entry in derived:
        by_day[entry.earned_day].append(entry)
    should = {
        (day, *msgspec.structs.astuple(event), *one.claimed, *one.stands, one.cause)
        for day, facts in account.facts.days.items()
        for event, one in differences(rules, day, facts, by_day[day], account.facts.tiers, names).items()
    }
    stands = {tuple(row[1:]) for row in rows}
    if should != stands:
        first = min(should ^ stands)
        differs(
            f"member {account.member_id}, event {EventId(*first[1:5])}",
            "what is kept of how its points differ from its till's answer is not what they do",
        )
