"""Dates: entries of a whole account are dated as their rule says, and by a version that covers the day.

What is posted later leaves an entry alone that keeps its points, so its version may be an older one than is
in force now, and a cap may be dated on a day on which it would not cut last any more.
"""

from __future__ import annotations

from collections.abc import Sequence

from hq_server.audit.comparing import differs
from hq_server.audit.explanations import source_of
from hq_server.derivation import Rulebook
from hq_server.ledger import LedgerAccount
from hq_server.references import bucket_of
from hq_server.store.connection import Transaction
from loyalty_core.after_close import CLOSED_TOTAL
from loyalty_core.calendar import period_after, period_named
from loyalty_core.entries import NO_EVENT, PointEntry
from loyalty_core.units import Day


def check_dated(
    tx: Transaction,
    rules: Rulebook,
    bucket_count: int,
    account: LedgerAccount,
    derived: Sequence[PointEntry],
    *,
    past_is_lost: bool,
) -> None:
    """End the audit at the first entry of the whole account whose version or date cannot have been its own.

    Where the past is lost, a cap need only be dated in its period.
    """
    caps = {(one.period_id, one.rule): one.business_day for one in derived if one.kind == "cap"}
    known: set[Day] | None = None
    for entry in account.entries:
        kind = entry.corrects or entry.kind
        if kind in ("earn", "clawback"):
            continue
        where = f"member {account.member_id}, {kind} of {source_of(entry)}"
        if kind == "adjustment" and entry.event == NO_EVENT:
            kept_up = (entry.rule, entry.business_day, entry.programme_version)
            if kept_up != (CLOSED_TOTAL, period_named(entry.period_id, rules.months).last, 0):
                differs(where, "it is not dated on the last day of its period")
            continue
        if not _covers(rules, entry):
            differs(where, f"programme version {entry.programme_version} does not cover its day")
        if kind == "expiry" and entry.business_day != _expires_on(rules, entry):
            differs(where, "it is not dated on the day after the last on which the points could be spent")
        if kind != "cap" or entry.business_day == caps.get((entry.period_id, entry.rule)):
            continue
        if known is None:
            bucket = bucket_of(account.member_id, bucket_count)
            rows = tx.all("accounts.days_ever", bucket=bucket, member_id=account.member_id)
            known = {day for (day,) in rows}
        of_period = rules.period_of(entry.business_day).id == entry.period_id
        if not of_period or not (past_is_lost or entry.business_day in known):
            differs(where, "it is dated on a day on which it cannot have cut")


def _covers(rules: Rulebook, entry: PointEntry) -> bool:
    """Tell whether an entry's version was the one of its day when it was the newest; 0 is for none."""
    expires = (entry.corrects or entry.kind) == "expiry"
    day = period_named(entry.period_id, rules.months).last if expires else entry.business_day
    if not entry.programme_version:
        return not rules.programmes or rules.programmes[0].effective_from > day
    return any(
        one.version == entry.programme_version and one.effective_from <= day for one in rules.programmes
    )


def _expires_on(rules: Rulebook, entry: PointEntry) -> Day | None:
    """Return the date of an expiry by its own version, None where by it nothing expires."""
    version = next((one for one in rules.programmes if one.version == entry.programme_version), None)
    if version is None or version.expiry_after_periods is None:
        return None
    period = period_named(entry.period_id, rules.months)
    return Day(period_after(period, rules.months, version.expiry_after_periods).last + 1)
