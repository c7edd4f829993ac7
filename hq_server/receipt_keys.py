"""Under which receipt an event is filed: one text per receipt key, visit key, or keyless visit.

p/<till>/<date>/<number>      a purchase and what voids or returns it
v/<till>/<date>/<number>      a visit with a receipt key, and its void
n/<terminal>/<hash>           a visit with a natural key: one visit however often the till repeats it
e/<terminal>/<epoch>/<branch>/<seq>     any other visit
r/<redemption>                a redemption that names no receipt; one that does lies with its receipt
c/<coupon>                    the uses of a coupon, wherever they were, with `COUPONS` as their store
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import Final

import msgspec

from loyalty_core.calendar import date_of
from loyalty_core.errors import LoyaltyError
from loyalty_core.events import (
    DECISIONS_FROM,
    EVENT_CODES,
    ID_FORM,
    CouponUsed,
    EventId,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionCommitted,
    ReturnRecorded,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.journal import Record
from loyalty_core.units import Day

_ID: Final = re.compile(ID_FORM)


COUPONS: Final = "~coupons"
"""Stands for the store under which the uses of coupons are filed: no store's id is spelled so."""
_ACCOUNT_KINDS: Final = frozenset("rca")


class SetAside(LoyaltyError):
    """An event that is kept but not believed."""

    code = "receipt_other_store"


class Filed(msgspec.Struct, frozen=True, gc=False):
    """Where a fact belongs: the key's store, and the key's text."""

    store_id: str
    receipt_key: str


class VisitAt(msgspec.Struct, frozen=True):
    """The place in the terminal's journal of the keyless visit that a void names."""

    epoch: int
    seq: int


def filed_under(record: Record, event_id: EventId, store_id: str) -> Filed | VisitAt | None:
    """Return where a record of this store's terminal is filed; None for what names no receipt.

    Raises:
        SetAside: it names a receipt of another store as its own, or a key that no till may write.
    """
    if EVENT_CODES[type(record.event)] >= DECISIONS_FROM:
        raise SetAside("only headquarters decides this", code="decision_refused")
    match record.event:
        case PurchaseRecorded(receipt=receipt):
            _check_own(receipt, store_id)
            return Filed(store_id, _text("p", receipt))
        case PurchaseVoided(receipt=receipt, original=original):
            _check_own(receipt, store_id)
            _check_form(original)
            return Filed(original.store, _text("p", original))
        case ReturnRecorded(receipt=receipt, original=None):
            _check_own(receipt, store_id)
            return None
        case ReturnRecorded(receipt=receipt, original=ReceiptKey() as original):
            _check_own(receipt, store_id)
            _check_form(original)
            return Filed(original.store, _text("p", original))
        case ReceiptClaimed(receipt=receipt):
            _check_form(receipt)
            return Filed(receipt.store, _text("p", receipt))
        case RedemptionCommitted(receipt=ReceiptKey() as receipt):
            _check_own(receipt, store_id)
            return Filed(store_id, _text("p", receipt))
        case RedemptionCommitted(redemption=redemption):
            return Filed(store_id, f"r/{redemption}")
        case CouponUsed(coupon=coupon):
            return Filed(COUPONS, f"c/{coupon}")
        case VisitRecorded(receipt=ReceiptKey() as receipt) | VisitVoided(receipt=ReceiptKey() as receipt):
            _check_own(receipt, store_id)
            return Filed(store_id, _text("v", receipt))
        case VisitRecorded():
            return Filed(store_id, keyless(event_id, record.natural_key))
        case VisitVoided(epoch=epoch, seq=seq):
            return VisitAt(epoch, seq)
    return None


def is_account_fact(receipt_id: str) -> bool:
    """Tell a redemption, coupon or adjustment from receipts and visits by its id in the accounts.

    That is `<store>/<r, c or a>/...`, and `<store>/<receipt key>` for the others.
    """
    return receipt_id.split("/", 2)[1] in _ACCOUNT_KINDS


def keyless(event_id: EventId, natural_key: str | None) -> str:
    """Return the key of a visit without a receipt."""
    if natural_key is None:
        return f"e/{event_id.terminal_id}/{event_id.epoch}/{event_id.branch}/{event_id.seq}"
    return f"n/{event_id.terminal_id}/{hashlib.sha256(natural_key.encode()).hexdigest()[:32]}"


def _check_own(receipt: ReceiptKey, store_id: str) -> None:
    if receipt.store != store_id:
        raise SetAside(f"its receipt is of store {receipt.store}, its terminal is of store {store_id}")
    _check_form(receipt)


def _check_form(receipt: ReceiptKey) -> None:
    if not _are_ids(receipt.store, receipt.till):
        raise SetAside("its receipt key names a store or till as none is spelled", code="receipt_malformed")


@lru_cache(maxsize=65_536)
def _are_ids(store: str, till: str) -> bool:
    return _ID.fullmatch(store) is not None and _ID.fullmatch(till) is not None


def _text(kind: str, receipt: ReceiptKey) -> str:
    return f"{kind}/{receipt.till}/{_date(receipt.business_day)}/{receipt.number}"


@lru_cache(maxsize=4096)
def _date(day: int) -> str:
    return date_of(Day(day)).isoformat()
