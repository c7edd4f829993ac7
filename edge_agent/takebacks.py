"""What a void or return does not take back and why, and who may get points back by it. Reads only."""

from __future__ import annotations

from typing import Final

import msgspec

from edge_agent import own_facts
from edge_agent.books import Books
from edge_agent.owners import account_of
from edge_agent.store import receipt_facts
from edge_agent.store.database import Connection
from loyalty_core.events import Fact, PurchaseVoided, RedemptionCommitted, ReturnRecorded
from loyalty_core.receipts import RETURNS_MAX, Receipt, fold_receipt
from loyalty_core.units import Day

_UNLINKED: Final = "no purchase was named: a person at headquarters must say which one this takes back"
_UNKNOWN: Final = "the purchase that it takes back is not known at this till: headquarters settles it"
_NOTHING_LEFT: Final = "nothing is left of this purchase: nothing is taken back"
_EXCEEDS: Final = "more is returned than is left of this purchase: the rest takes nothing back"
_UNMATCHED: Final = "nothing of this purchase has the sku of a returned line: that line takes nothing back"
_TOO_MANY: Final = f"{RETURNS_MAX} returns of this purchase took something back before: this one does not"


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What to say of a void or return; `payers` paid for its purchase with points: (account, day) of each."""

    notices: tuple[str, ...] = ()
    payers: frozenset[tuple[str, Day]] = frozenset()


_TAKEBACKS: Final = (PurchaseVoided, ReturnRecorded)
_NOTHING: Final = Looked()


def look(conn: Connection, books: Books, fact: Fact) -> Looked:
    """Look at a fact that is recorded; at nothing where it is neither void nor return of a purchase."""
    if not isinstance(fact.event, _TAKEBACKS):
        return _NOTHING
    purchase = own_facts.purchase_of(fact.event)
    if purchase is None:
        return Looked(notices=(_UNLINKED,))
    known = receipt_facts.of(conn, [purchase], books.terminal.terminal_id).get(purchase, {})
    payers = {
        (account_of(conn, books.terminal.store_key, one.event.member), Day(one.event.business_day))
        for one in known.values()
        if isinstance(one.event, RedemptionCommitted) and one.event.member is not None
    }
    receipt = fold_receipt(known.values(), own_facts.rules_of(books))
    return Looked(notices=_notices(receipt, fact), payers=frozenset(payers))


def _notices(receipt: Receipt, fact: Fact) -> tuple[str, ...]:
    if receipt.resolved is None:
        return (_UNKNOWN,)
    kinds = {conflict.kind for conflict in receipt.conflicts if conflict.event == fact.id}
    if fact.id not in {back.id for back in receipt.resolved.takebacks}:
        return (_TOO_MANY if "returns_too_many" in kinds else _NOTHING_LEFT,)
    said = {"return_exceeds": _EXCEEDS, "return_unmatched": _UNMATCHED}
    return tuple([sentence for kind, sentence in said.items() if kind in kinds])
