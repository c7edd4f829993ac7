"""What Hypothesis draws of the journal: events and records with any values that fit."""

from __future__ import annotations

from typing import TypeVar

import hypothesis.strategies as st

from loyalty_core.events import (
    AT_MAX,
    AT_MIN,
    Booted,
    Claim,
    ClockStepped,
    ControlTotal,
    CouponUsed,
    DayClosed,
    DayTotal,
    Event,
    EventPlaced,
    Line,
    MemberEnrolled,
    MemberPresented,
    PurchaseRecorded,
    PurchaseVoided,
    ReceiptClaimed,
    ReceiptKey,
    RedemptionAuthorised,
    RedemptionCancelled,
    RedemptionCommitted,
    ReturnRecorded,
    TechnicianAction,
    Tender,
    VisitRecorded,
    VisitVoided,
)
from loyalty_core.journal import Record
from loyalty_core.units import MINOR_MAX, POINTS_MAX

T = TypeVar("T")


def maybe(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    """Draw None as often as not."""
    return st.one_of(st.none(), strategy)


_text = st.text(max_size=64)
_name = st.text(min_size=1, max_size=32)
_some = st.text(min_size=1, max_size=64)
_count = st.integers(0, 2**53)
_sum = st.integers(-(2**53), 2**53)
_points = st.integers(0, POINTS_MAX)
_claimed = st.integers(-10 * POINTS_MAX, 10 * POINTS_MAX)
_money = st.integers(-MINOR_MAX, MINOR_MAX)
_common = {
    "member": st.one_of(st.none(), st.text(min_size=3, max_size=80)),
    "occurred_at_ms": st.integers(AT_MIN, AT_MAX),
    "business_day": st.integers(10_957, 47_482),
}
_key = st.builds(ReceiptKey, _name, _name, st.integers(10_957, 47_482), st.text(min_size=1, max_size=64))
_sale = {
    "net_minor": _money,
    "tax_minor": _money,
    "lines": st.lists(
        st.builds(Line, _count, _text, _text, st.integers(-(10**12), 10**12), _money), max_size=3
    ).map(tuple),
    "tenders": st.lists(st.builds(Tender, st.text(min_size=1, max_size=64), _money), max_size=2).map(tuple),
}
events: st.SearchStrategy[Event] = st.one_of(
    st.builds(VisitRecorded, **_common, channel=st.sampled_from(["till", "check-in"]), receipt=maybe(_key)),
    st.builds(VisitVoided, **_common, epoch=_count, seq=_count, receipt=maybe(_key)),
    st.builds(MemberPresented, **_common),
    st.builds(PurchaseRecorded, **_common, receipt=_key, **_sale),
    st.builds(ReturnRecorded, **_common, receipt=_key, original=maybe(_key), **_sale),
    st.builds(PurchaseVoided, **_common, receipt=_key, original=_key),
    st.builds(ReceiptClaimed, **_common, receipt=_key),
    st.builds(
        RedemptionAuthorised,
        **_common,
        redemption=_some,
        points=_points,
        value_minor=_money,
        reward=_text,
        coupon=_text,
        allowance=_points,
        until_ms=st.integers(AT_MIN, AT_MAX),
    ),
    st.builds(
        RedemptionCommitted,
        **_common,
        redemption=_some,
        points=_points,
        value_minor=_money,
        reward=_text,
        receipt=maybe(_key),
    ),
    st.builds(
        RedemptionCancelled, **_common, redemption=_some, reason=st.sampled_from(["cancelled", "lapsed"])
    ),
    st.builds(
        MemberEnrolled,
        **_common,
        provisional=_some,
        look_ups=st.lists(
            st.binary(min_size=16, max_size=16).map(lambda digest: f"h:{digest.hex()}"),
            min_size=1,
            max_size=8,
        ).map(tuple),
        sealed_hash=st.binary(min_size=32, max_size=32),
        consent_version=_count,
        consent_language=st.sampled_from(["", "ko", "en"]),
    ),
    st.builds(CouponUsed, **_common, coupon=_some, redemption=_some, receipt=maybe(_key)),
    st.builds(
        DayClosed,
        **_common,
        first_seq=_count,
        last_seq=_count,
        totals=st.lists(
            st.builds(ControlTotal, st.integers(1, 255), _count, _sum, _sum, _sum), max_size=3
        ).map(tuple),
    ),
    st.builds(DayTotal, **_common, store=_name, till=_name, count=_count, net_minor=_sum),
    st.builds(
        EventPlaced, **_common, terminal_id=_name, epoch=_count, branch=_count, seq=_count, reason=_text
    ),
    st.builds(Booted, **_common, boot_id=_text, software=_text),
    st.builds(
        TechnicianAction,
        **_common,
        person=_text,
        pass_id=_text,
        action=_text,
        subject=_text,
        outcome=_text,
    ),
    st.builds(ClockStepped, **_common, step_ms=st.integers(-(2**53), 2**53)),
)
records = st.builds(
    Record,
    event=events,
    adapter=_text,
    natural_key=maybe(_text),
    monotonic_ms=_count,
    claim=maybe(st.builds(Claim, _count, _text, _claimed, _claimed)),
)
