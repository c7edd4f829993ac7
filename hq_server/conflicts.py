"""Facts of one receipt that do not go together: each is an exception until it is one no more."""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Final

import msgspec

from hq_server.dating import DATED, is_undone
from hq_server.exceptions import ArrivalException, close_arrivals, open_arrivals
from hq_server.references import reference_of
from hq_server.store.connection import Transaction
from loyalty_core.receipts import RETURNS_MAX, Conflict, ConflictKind, Receipt, Spent
from loyalty_core.units import EpochMs

DISPUTES: Final = frozenset({"member_differs", "claim_lost", "claim_late", "coupon_unknown"})
"""Conflicts of two names that may turn out to be one member's; without an owner there is but one name."""
COUPON: Final = "coupon:"
"""Begins the name of whoever was given a coupon; nobody bears it where headquarters gave none."""
_SENTENCES: Final[dict[ConflictKind, str]] = {
    "copy_differs": "a copy of this receipt has other content than the first one, which stands",
    "member_differs": "a copy of this receipt names another member than the first one, who keeps it",
    "original_missing": "the purchase or visit that it undoes has not come",
    "return_waiting": "the purchase that it brings back has not come: it takes nothing until then",
    "return_exceeds": "it brings back more than is left of the purchase: what exceeds takes nothing",
    "return_unmatched": "it brings back what the purchase does not have: those lines take nothing",
    "returns_too_many": f"{RETURNS_MAX} returns took of the purchase before it: this one takes nothing",
    "claim_waiting": "the purchase that it claims has not come",
    "claim_late": "the purchase was longer ago than the programme lets claim: this claim does not count",
    "claim_lost": "the purchase that it claims is another member's, who keeps it",
    "redemption_twice": "the redemption was committed before: its points are taken once",
    "redemption_void": "nothing was left of the receipt when points were spent on it: they came back at once",
    "coupon_used_twice": "the coupon was used before: speak with the member or the store",
}


class Dispute(msgspec.Struct, frozen=True):
    """Two names in one receipt, or the user and the owner of a coupon: an exception unless one member's."""

    owner: str
    other: str
    exception: ArrivalException


def report_conflicts(
    tx: Transaction,
    store_id: str,
    folded: Mapping[str, Receipt],
    known_before: Container[str],
    now_ms: EpochMs,
) -> list[Dispute]:
    """Open an exception for each conflict, close those that are no more, and return disputed owners."""
    known = [key for key in folded if key in known_before]
    gone: set[tuple[str, str, str]] = set()
    if known:
        keys = msgspec.json.encode(known).decode()
        rows = tx.all("arrivals.exceptions_of_receipts", store_id=store_id, keys=keys)
        gone = {
            (store_id, kind, subject)
            for key, kind, subject in rows
            if kind not in DATED or is_undone(folded[key], subject)
        }
    opened = [
        _exception(store_id, key, conflict)
        for key, receipt in folded.items()
        for conflict in receipt.conflicts
        if receipt.owner is None or conflict.kind not in DISPUTES
    ]
    disputes = disputes_in(store_id, folded)
    stands = {(one.store_id, one.kind, one.subject) for one in opened}
    stands |= {(store_id, one.exception.kind, one.exception.subject) for one in disputes}
    open_arrivals(tx, opened, now_ms)
    close_arrivals(tx, gone - stands, now_ms)
    return disputes


def disputes_in(store_id: str, folded: Mapping[str, Receipt]) -> list[Dispute]:
    """Return the conflicts of these receipts that are none where both names are one member's."""
    used = [
        _coupon_use(store_id, key, one)
        for key, receipt in folded.items()
        for one in receipt.spent
        if one.resolved.item.kind == "coupon"
    ]
    return used + [
        Dispute(
            reference_of(receipt.owner, store_id),
            reference_of(conflict.names, store_id),
            _exception(store_id, key, conflict),
        )
        for key, receipt in folded.items()
        for conflict in receipt.conflicts
        if receipt.owner is not None and conflict.kind in DISPUTES
    ]


def _coupon_use(store_id: str, key: str, use: Spent) -> Dispute:
    item = use.resolved.item
    user = "" if use.owner is None else reference_of(use.owner, store_id)
    sentence = "headquarters gave this member no such coupon: ask the store who took it, and from whom"
    found = ArrivalException(store_id, "coupon_unknown", str(item.id), sentence, key)
    return Dispute(user, f"{COUPON}{item.money[0][0]}", found)


def _exception(store_id: str, key: str, conflict: Conflict) -> ArrivalException:
    return ArrivalException(store_id, conflict.kind, str(conflict.event), _SENTENCES[conflict.kind], key)
