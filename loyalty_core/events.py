"""What happened, as tills report it: immutable facts, their identity and their order.

An event's place in the world is its `EventId`; its place in time, for every fold, is the canonical
order `(occurred_at_ms, terminal_id, epoch, branch, seq)`. Bodies are positional on the wire, so fields
may only ever be added at the end, with a new record version.

A frozen value of values can be in no cycle: `gc=False` spares the collector the many of them.
"""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from loyalty_core.units import MINOR_MAX, POINTS_MAX, Seq
from loyalty_core.wire import pack

ID_FORM: Final = r"^[A-Za-z0-9_-]{1,32}$"
"""Spelling of store, till and terminal ids; checked where they are made or come in from people."""
TEXT_MAX: Final = 64
LINES_MAX: Final = 1000
TENDERS_MAX: Final = 50
LOOK_UPS_MAX: Final = 8
"""The most cards and phones that one enrolment names."""
AT_MIN: Final = 946_684_800_000
"""2000-01-01: nothing is believed to have happened before."""
AT_MAX: Final = 4_102_444_800_000
"""2100-01-01."""

Identifier = Annotated[str, Meta(min_length=1, max_length=32)]
Text = Annotated[str, Meta(max_length=TEXT_MAX)]
HashedLookUp = Annotated[str, Meta(pattern=r"\Ah:[0-9a-f]{32}\Z")]
SomeText = Annotated[str, Meta(min_length=1, max_length=TEXT_MAX)]
Money = Annotated[int, Meta(ge=-MINOR_MAX, le=MINOR_MAX)]
AtMs = Annotated[int, Meta(ge=AT_MIN, le=AT_MAX)]
DayNumber = Annotated[int, Meta(ge=10957, le=47482)]
Count = Annotated[int, Meta(ge=0, le=2**53)]
SpentPoints = Annotated[int, Meta(ge=0, le=POINTS_MAX)]
Total = Annotated[int, Meta(ge=-(2**53), le=2**53)]
"""A sum of money or points over many events."""
TYPES_MAX: Final = 64
"""The most kinds of event that a day's control totals name."""


class EventId(msgspec.Struct, frozen=True, gc=False, order=True, array_like=True):
    """Where an event stands: the terminal, its epoch and branch, its seq."""

    terminal_id: str
    epoch: int
    branch: int
    seq: Seq

    def __str__(self) -> str:
        branch = f".b{self.branch}" if self.branch else ""
        return f"{self.terminal_id}.{self.epoch}{branch}.{self.seq}"


class ReceiptKey(
    msgspec.Struct, frozen=True, gc=False, order=True, array_like=True, forbid_unknown_fields=True
):
    """The till's own name for a sale. Numbers are text: leading zeros are kept."""

    store: Identifier
    till: Identifier
    business_day: DayNumber
    number: SomeText


class Line(msgspec.Struct, frozen=True, gc=False, order=True, array_like=True, forbid_unknown_fields=True):
    """One item: quantity in thousandths, money after discounts."""

    number: Count
    sku: Text
    category: Text
    quantity: Annotated[int, Meta(ge=-(10**12), le=10**12)]
    net_minor: Money


class Tender(msgspec.Struct, frozen=True, gc=False, order=True, array_like=True, forbid_unknown_fields=True):
    """How a part of the receipt was paid; change is a negative amount."""

    type: SomeText
    amount_minor: Money


class Event(
    msgspec.Struct, frozen=True, gc=False, kw_only=False, array_like=True, forbid_unknown_fields=True
):
    """What every event has. `member` is a look-up form (`id:`, `card:`, `h:`) or None."""

    member: Annotated[str, Meta(min_length=3, max_length=80)] | None
    occurred_at_ms: AtMs
    business_day: DayNumber


class VisitRecorded(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The member was there. A visit with a receipt key is one visit however often it comes."""

    channel: Literal["till", "check-in"]
    receipt: ReceiptKey | None


class VisitVoided(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Undoes a visit of the same terminal: by its place in the journal, and its receipt key if it has one."""

    epoch: Count
    seq: Count
    receipt: ReceiptKey | None


class MemberPresented(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A card was shown; the recorder gives it to the till's next receipt."""


class PurchaseRecorded(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A sale. Without a member it is anonymous and can be claimed later."""

    receipt: ReceiptKey
    net_minor: Money
    tax_minor: Money
    lines: Annotated[tuple[Line, ...], Meta(max_length=LINES_MAX)]
    tenders: Annotated[tuple[Tender, ...], Meta(max_length=TENDERS_MAX)]


class ReturnRecorded(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Goods came back: positive quantities and amounts, and the original where it is known."""

    receipt: ReceiptKey
    original: ReceiptKey | None
    net_minor: Money
    tax_minor: Money
    lines: Annotated[tuple[Line, ...], Meta(max_length=LINES_MAX)]
    tenders: Annotated[tuple[Tender, ...], Meta(max_length=TENDERS_MAX)]


class PurchaseVoided(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A post-void: the purchase named in `original` counts zero times."""

    receipt: ReceiptKey
    original: ReceiptKey


class ReceiptClaimed(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A member says that an anonymous purchase was theirs."""

    receipt: ReceiptKey


class RedemptionAuthorised(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Points, or a coupon, are set aside until `until_ms`; nothing has moved yet.

    `allowance` is how many points of the till's offline allowance it uses: 0 where HQ holds the points.
    """

    redemption: SomeText
    points: SpentPoints
    value_minor: Money
    reward: Text
    coupon: Text
    allowance: SpentPoints
    until_ms: AtMs


class RedemptionCommitted(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The points are spent; `receipt` is what they paid for, where the till says it."""

    redemption: SomeText
    points: SpentPoints
    value_minor: Money
    reward: Text
    receipt: ReceiptKey | None


class RedemptionCancelled(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """An authorisation ends without a movement: undone by the till, or lapsed."""

    redemption: SomeText
    reason: Literal["cancelled", "lapsed"]


class MemberEnrolled(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Somebody joined at the till, which knows them by a `provisional` id until HQ has given them one.

    `member` names them as every other event does; `look_ups` are all their names, hashed under the store's
    key. Who they are is sealed to HQ beside the journal: `sealed_hash` names it. `consent_version` is 0 where
    the programme has published no text.
    """

    provisional: SomeText
    look_ups: Annotated[tuple[HashedLookUp, ...], Meta(min_length=1, max_length=LOOK_UPS_MAX)]
    sealed_hash: Annotated[bytes, Meta(min_length=32, max_length=32)]
    consent_version: Count
    consent_language: Literal["", "ko", "en"]


class CouponUsed(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """A coupon was taken; HQ finds out whether it was the first time."""

    coupon: SomeText
    redemption: SomeText
    receipt: ReceiptKey | None


class ControlTotal(msgspec.Struct, frozen=True, order=True, array_like=True, forbid_unknown_fields=True):
    """Of one kind of event on one business day: how many, the sum of net, and of the points claimed."""

    code: Annotated[int, Meta(ge=1, le=255)]
    count: Count
    net_minor: Total
    redeemable: Total
    qualifying: Total


class DayClosed(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The terminal declares its business day complete; said again when late receipts come, the last stands.

    `first_seq` and `last_seq` are those of the day's first and last event in this epoch, 0 for a day without
    any.
    """

    first_seq: Count
    last_seq: Count
    totals: Annotated[tuple[ControlTotal, ...], Meta(max_length=TYPES_MAX)]


class DayTotal(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """What the till's own software says it sold on a business day: its receipts and their sum.

    `count` is purchases and returns, `net_minor` purchases less returns; what was voided is in neither.
    """

    store: Identifier
    till: Identifier
    count: Count
    net_minor: Total


class EventPlaced(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """HQ's decision: the event named belongs to this `business_day`, and happened at `occurred_at_ms`."""

    terminal_id: Identifier
    epoch: Count
    branch: Count
    seq: Count
    reason: Text


class Booted(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The agent started: the machine's boot and the agent's version."""

    boot_id: Text
    software: Text


class ClockStepped(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """The wall clock moved against the monotonic clock by `step_ms`."""

    step_ms: Annotated[int, Meta(ge=-(2**53), le=2**53)]


class TechnicianAction(Event, frozen=True, array_like=True, forbid_unknown_fields=True):
    """Somebody who logged in with a pass did something on the till: what, to what, and what came of it."""

    person: Text
    pass_id: Text
    action: Text
    subject: Text
    outcome: Text


EVENT_TYPES: Final[dict[int, type[Event]]] = {
    1: VisitRecorded,
    2: VisitVoided,
    3: MemberPresented,
    4: PurchaseRecorded,
    5: ReturnRecorded,
    6: PurchaseVoided,
    7: ReceiptClaimed,
    8: RedemptionAuthorised,
    9: MemberEnrolled,
    10: CouponUsed,
    11: DayClosed,
    12: Booted,
    13: ClockStepped,
    14: RedemptionCommitted,
    15: RedemptionCancelled,
    16: DayTotal,
    17: TechnicianAction,
    64: EventPlaced,
}
"""Wire code -> type; from `DECISIONS_FROM` on they are HQ's."""
DECISIONS_FROM: Final = 64
"""No till may write an event of this code or above."""
EVENT_CODES: Final = {event_type: code for code, event_type in EVENT_TYPES.items()}
EVENT_NAMES: Final[dict[type[Event], str]] = {
    VisitRecorded: "visit_recorded",
    VisitVoided: "visit_voided",
    MemberPresented: "member_presented",
    PurchaseRecorded: "purchase_recorded",
    ReturnRecorded: "return_recorded",
    PurchaseVoided: "purchase_voided",
    ReceiptClaimed: "receipt_claimed",
    RedemptionAuthorised: "redemption_authorised",
    RedemptionCommitted: "redemption_committed",
    RedemptionCancelled: "redemption_cancelled",
    MemberEnrolled: "member_enrolled",
    CouponUsed: "coupon_used",
    DayClosed: "day_closed",
    DayTotal: "day_total",
    EventPlaced: "event_placed",
    Booted: "booted",
    ClockStepped: "clock_stepped",
    TechnicianAction: "technician_action",
}
HQ: Final = "~hq"
"""The terminal of HQ's own decisions: no till's id is spelled so."""


ClaimedPoints = Annotated[int, Meta(ge=-10 * POINTS_MAX, le=10 * POINTS_MAX)]
"""Above all that one event is given with its bonuses, and so little that sums stay within 64 bits."""


class Claim(msgspec.Struct, frozen=True, gc=False, array_like=True, forbid_unknown_fields=True):
    """What the till answered: by which programme version and tier, how many points."""

    programme_version: Count
    tier: Text
    redeemable: ClaimedPoints
    qualifying: ClaimedPoints


class Fact(msgspec.Struct, frozen=True, gc=False):
    """An event with its place; what folds read. `claim` is what the till answered, where it gave points."""

    id: EventId
    event: Event
    claim: Claim | None = None

    @property
    def order(self) -> Order:
        """The canonical order of facts."""
        return (self.event.occurred_at_ms, *msgspec.structs.astuple(self.id))


Order = tuple[int, str, int, int, int]


def content_hash(event: Event) -> bytes:
    """Return 16 bytes that are equal for events of the same content, and only for these.

    Content is kind, instant, lines, net, tax, tenders (lines and tenders in any order) and original; not
    the member, nor who reported it.
    """
    body: tuple[object, ...]
    match event:
        case PurchaseRecorded():
            body = (_sale(event),)
        case ReturnRecorded():
            body = (_sale(event), event.original)
        case PurchaseVoided():
            body = (event.original,)
        case _:
            body = ()
    content = pack((EVENT_CODES[type(event)], event.occurred_at_ms, body))
    return hashlib.sha256(content).digest()[:16]


def _sale(event: PurchaseRecorded | ReturnRecorded) -> tuple[object, ...]:
    return event.net_minor, event.tax_minor, sorted(event.lines), sorted(event.tenders)


def money_of_lines(net_minor: int, lines: tuple[Line, ...]) -> tuple[tuple[str, int], ...]:
    """Return (category, net) for each line, adding up to `net_minor`.

    The total is believed: where lines do not add up to it (a discount on the whole receipt, say), the
    difference is one more line of no category; a receipt without lines is one line.
    """
    parts = [(line.category, line.net_minor) for line in lines]
    rest = net_minor - sum([net for _, net in parts])
    if rest or not parts:
        parts.append(("", rest))
    return tuple(parts)
