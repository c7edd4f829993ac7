"""What an exchange says, both ways: the payloads inside envelopes. The road they take does not matter.

Up go batches of a journal; down come acknowledgements, members, programmes and directives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Final

from msgspec import Meta

from loyalty_core.errors import BadWire
from loyalty_core.events import AtMs, Count, DayNumber, Identifier, SomeText, Text, Total
from loyalty_core.journal import RECORD_BYTES_MAX
from loyalty_core.sealing import SALT_BYTES, SEALED_BYTES_MAX
from loyalty_core.wire import Message, Shape, compress, decompress, pack, unpack

BATCH_RECORDS_MAX: Final = 1000
BATCH_BYTES_MAX: Final = 4 * 1024 * 1024
"""The most that one batch holds, in bytes before compression."""
BATCHES_MAX: Final = 8
"""The most batches in one exchange."""
EXCHANGE_BYTES_MAX: Final = 2 * BATCH_BYTES_MAX
"""The most that all batches of one exchange hold together, in bytes before compression."""
ASKS_MAX: Final = 32
"""The most questions in one exchange."""
BUCKETS_MAX: Final = 1024
"""The most buckets that a till tells of."""
PROGRAMMES_MAX: Final = 8
"""The most programme versions that a till hands back in one exchange."""
PROGRAMME_BYTES_MAX: Final = 320 * 1024
"""Above the largest programme's text with its envelope around it."""
OLDER_MAX: Final = 64
"""The most earlier epochs of which a till says how they ended: the newest."""
KEYS_MAX: Final = 8
"""The most statements about HQ's keys in one reply."""
STATEMENTS_MAX: Final = 64
"""The most of them that a till which joins is told."""
SEALED_MAX: Final = 1000
"""The most sealed enrolments in one exchange."""
TECHNICIANS_MAX: Final = 256
"""The most technicians of one store."""
REVOKED_MAX: Final = 1024
"""The most passes that were taken back of which a till is told: none is good for longer than a day."""
PIN_VERIFIER_MAX: Final = 160

Number = Annotated[int, Meta(ge=1, le=2**53)]
"""A seq, an epoch, or another count from 1 on; what is beyond fits in no table."""
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Nonce = Annotated[bytes, Meta(min_length=16, max_length=16)]
PERIOD_ID_FORM: Final = r"\A(|[12][0-9]{3}(-(H[12]|Q[1-4]|0[1-9]|1[0-2]))?)\Z"
"""The id of a period of any length; empty where HQ has no programme yet."""
Key = Annotated[bytes, Meta(min_length=32, max_length=32)]
KeyId = Annotated[bytes, Meta(min_length=8, max_length=8)]
"""The bytes by which a key is named; see `envelope.key_id`."""
NO_KEY: Final = bytes(8)
"""Names no key: a till that does not say which one it believes."""


class Clock(Message, frozen=True):
    """Both clocks of a till, read together, and which boot the monotonic one counts from."""

    wall_ms: Count
    monotonic_ms: Count
    boot_id: Text


class Batch(Message, frozen=True):
    """A contiguous run of one terminal's journal; `packed` is zlib of the array of record bytes."""

    programme_id: Text
    terminal_id: Identifier
    epoch: Count
    first_seq: Number
    before: Hash
    packed: bytes
    clock: Clock
    made_at_ms: Count


class _Records(Shape, frozen=True):
    records: Annotated[tuple[Annotated[bytes, Meta(max_length=RECORD_BYTES_MAX)], ...], Meta(min_length=1)]


def pack_records(records: Sequence[bytes]) -> bytes:
    """Return the `packed` part of a batch."""
    return compress(pack([list(records)]))


def unpack_records(packed: bytes) -> tuple[bytes, ...]:
    """Return the record bytes of a batch's `packed` part.

    Raises:
        BadWire: damaged, empty, or beyond the bounds of a batch.
    """
    records = unpack(
        decompress(packed, bytes_max=BATCH_BYTES_MAX), _Records, bytes_max=BATCH_BYTES_MAX
    ).records
    if len(records) > BATCH_RECORDS_MAX:
        raise BadWire(f"a batch holds at most {BATCH_RECORDS_MAX} records, this one {len(records)}")
    return records


class Health(Message, frozen=True):
    """How the till is doing, for HQ's fleet page."""

    software: Text
    waiting: Count
    quarantined: Count
    disk_free_bytes: Count


class Cursors(Message, frozen=True):
    """What the till already has: the highest programme version, and one change number a bucket."""

    programme_version: Count
    buckets: Annotated[tuple[Count, ...], Meta(max_length=BUCKETS_MAX)]


class Ask(Message, frozen=True):
    """A question that wants HQ now: may these points be spent? `member` is a look-up form of the store."""

    redemption_id: Annotated[str, Meta(min_length=1, max_length=64)]
    member: Annotated[str, Meta(min_length=3, max_length=80)]
    points: Count


class Wanted(Message, frozen=True):
    """Records of its own journal that a till can no longer read and asks HQ to give back."""

    epoch: Number
    first_seq: Number
    last_seq: Number


class Ended(Message, frozen=True):
    """The last record of an earlier epoch of the till's own journal."""

    epoch: Number
    head: Number
    head_hash: Hash


class Sealed(Message, frozen=True):
    """The personal data of an enrolment, sealed to HQ, beside the record that names it by its hash."""

    provisional: SomeText
    salt: Annotated[bytes, Meta(min_length=SALT_BYTES, max_length=SALT_BYTES)]
    blob: Annotated[bytes, Meta(max_length=SEALED_BYTES_MAX)]


class Exchange(Message, frozen=True):
    """A till's request. `head` and `head_hash` are of its own journal; `older` its earlier epochs, in order.

    `lacks` is the hash of a record of its own, acknowledged by HQ, that it does not have: it was set back and
    asks for a new epoch. `programmes` are envelopes of published versions that HQ lost. `hq_key` and
    `programme_key` name the keys of HQ's that it believes. `wants` is what it asks back of its own batches.
    `incarnation` is the life of HQ's database that its cursors are of. `sealed` is what enrolments among the
    batches' records seal. `technicians` is the version of the list of technicians that it has, 0 of none.
    """

    nonce: Nonce
    terminal_id: Identifier
    epoch: Count
    head: Count
    head_hash: Hash
    cursors: Cursors
    batches: tuple[bytes, ...]
    asks: Annotated[tuple[Ask, ...], Meta(max_length=ASKS_MAX)]
    health: Health
    lacks: Hash | None = None
    programmes: Annotated[
        tuple[Annotated[bytes, Meta(max_length=PROGRAMME_BYTES_MAX)], ...], Meta(max_length=PROGRAMMES_MAX)
    ] = ()
    hq_key: KeyId = NO_KEY
    wants: Wanted | None = None
    older: Annotated[tuple[Ended, ...], Meta(max_length=OLDER_MAX)] = ()
    programme_key: KeyId = NO_KEY
    incarnation: Incarnation | None = None
    sealed: Annotated[tuple[Sealed, ...], Meta(max_length=SEALED_MAX)] = ()
    technicians: Count = 0


class Incarnation(Message, frozen=True, order=True):
    """Which life of HQ's database speaks; a restore raises the counter."""

    counter: Count
    random: bytes


class Acknowledgement(Message, frozen=True):
    """HQ holds this terminal's journal up to and including `seq`, whose hash is `hash`."""

    terminal_id: Identifier
    epoch: Count
    branch: Count
    seq: Count
    hash: Hash
    incarnation: Incarnation


class Refusal(Message, frozen=True):
    """Why a batch was not taken. `need_seq` is where HQ wants the till to go on, 0 if that is no help."""

    epoch: Count
    first_seq: Count
    code: str
    sentence: str
    need_seq: Count


class Stamp(Message, frozen=True, order=True):
    """The last event of the asking terminal that HQ has posted for a member."""

    epoch: Count
    branch: Count
    seq: Count


class Tally(Message, frozen=True):
    """How far a member has come by a rule that counts over a period, or over a life (`period_id` is "").

    `matches` counts events, the points are those that a period cap has let through.
    """

    rule: str
    period_id: str
    matches: Count
    redeemable: Total
    qualifying: Total


EXPIRING_MAX: Final = 3
"""The most lots that a row tells of: those that are lost first."""


class Expiring(Message, frozen=True):
    """Points that are lost after the business day `last_day` unless they are spent."""

    points: Number
    last_day: DayNumber


TIER_STEPS_MAX: Final = 8
"""The most steps between tiers that a row tells of: the latest."""


class TierStep(Message, frozen=True):
    """From this business day on the member holds this tier, until the next step."""

    from_day: DayNumber
    tier: str


class MemberRow(Message, frozen=True):
    """What a till knows of a member. `look_ups` are keyed hashes under the store's key.

    `qualifying` is the total of `period_id`, the period open at HQ's date. `stamp` is None when HQ has posted
    nothing of this terminal for this member. A member who is `gone` is forgotten by the till. `allowance` is
    how many points this till may let the member spend without asking HQ until a newer row comes; `held` are
    points that HQ holds for redemptions under way. `birthday` is the business date of the next one, where the
    programme has a rule for it. `coupons` are signed by HQ. `also` are members merged into this one.
    `tier` is held on HQ's date. `tiers` are the steps since some time ago and to come, in order, empty for
    who was never assessed; what they say last holds through `tier_until`, if that is known.
    """

    member_id: str
    gone: bool
    masked_name: str
    look_ups: tuple[str, ...]
    tier: str
    balance: Total
    period_id: Annotated[str, Meta(pattern=PERIOD_ID_FORM)]
    qualifying: Total
    stamp: Stamp | None
    allowance: Count = 0
    held: Count = 0
    expiring: tuple[Expiring, ...] = ()
    tallies: tuple[Tally, ...] = ()
    birthday: DayNumber | None = None
    coupons: tuple[bytes, ...] = ()
    also: tuple[str, ...] = ()
    tiers: Annotated[tuple[TierStep, ...], Meta(max_length=TIER_STEPS_MAX)] = ()
    tier_until: DayNumber | None = None


class Page(Message, frozen=True):
    """Members of one bucket that changed after `from_cursor` up to `to_cursor`, for one transaction."""

    bucket: Count
    from_cursor: Count
    to_cursor: Count
    rows: tuple[MemberRow, ...]


class Directive(Message, frozen=True):
    """Something HQ tells a terminal to do, once."""

    code: str
    argument: Count


class Answer(Message, frozen=True):
    """The reply to an Ask: the points that HQ holds until `until_ms`, 0 of both with the reason in `code`."""

    redemption_id: str
    granted: Count
    until_ms: Count
    code: str


class CouponIssued(Message, frozen=True):
    """A coupon, signed by HQ: whose it is, which reward it gives, and the days on which it is taken."""

    coupon_id: Annotated[str, Meta(min_length=1, max_length=32)]
    member_id: str
    reward: str
    names: tuple[tuple[str, str], ...]
    value_minor: Count
    from_day: DayNumber
    until_day: DayNumber


class Technician(Message, frozen=True):
    """Somebody who may log in with a pass; `pin_verifier` is the argon2id text of their PIN."""

    person: Annotated[str, Meta(min_length=1, max_length=64)]
    pin_verifier: Annotated[str, Meta(min_length=1, max_length=PIN_VERIFIER_MAX)]


class Technicians(Message, frozen=True):
    """All who may log in at a till's store, and the passes that were taken back and would be good still.

    The whole list: it replaces the one before. HQ's versions only ever grow, over a restore, too.
    """

    version: Count
    people: Annotated[tuple[Technician, ...], Meta(max_length=TECHNICIANS_MAX)]
    revoked: Annotated[tuple[Identifier, ...], Meta(max_length=REVOKED_MAX)]


class Reply(Message, frozen=True):
    """HQ's answer to an exchange. `next_in_ms` is 0 when there is more to fetch or send at once.

    `keys` are signed statements about HQ's keys. `returned` are the till's own batches that it asked back.
    `sealing_public_key` is what personal data is sealed to from now on. Without `technicians` the till's
    list of them stands.
    """

    nonce: Nonce
    incarnation: Incarnation
    hq_time_ms: AtMs
    receipts: tuple[bytes, ...]
    refusals: tuple[Refusal, ...]
    pages: tuple[Page, ...]
    programmes: tuple[bytes, ...]
    answers: tuple[Answer, ...]
    directives: tuple[Directive, ...]
    next_in_ms: Count
    keys: Annotated[tuple[bytes, ...], Meta(max_length=KEYS_MAX)] = ()
    returned: Annotated[tuple[bytes, ...], Meta(max_length=BATCHES_MAX)] = ()
    sealing_public_key: Key | None = None
    technicians: Technicians | None = None


class ProgrammeText(Message, frozen=True):
    """A published programme version: its text exactly as its owner wrote it."""

    programme_id: str
    version: Count
    text: str


class Again(Message, frozen=True):
    """Who a till is that joins again, since HQ was restored from before it had joined.

    Its present epoch, and the print of its store's key, which it does not say before HQ is proven.
    """

    terminal_id: Identifier
    epoch: Number
    store_print: Hash


class Enrol(Message, frozen=True):
    """A till asks to join: the invite's secret, and its public key, which signs this envelope."""

    nonce: Nonce
    secret: Annotated[bytes, Meta(min_length=8, max_length=8)]
    public_key: Key
    software: Text
    again: Again | None = None


def store_print(store_key: bytes) -> bytes:
    """Return what is said of a store's key instead of it."""
    return hashlib.sha256(b"dangol/store/1" + store_key).digest()


class Rotate(Message, frozen=True):
    """A till brings its next key, which signs this envelope beside the one that it has."""

    nonce: Nonce
    terminal_id: Identifier
    public_key: Key


class Rotated(Message, frozen=True):
    """HQ's answer to Rotate: the new key is the terminal's; the old one is good until `old_until_ms`."""

    nonce: Nonce
    terminal_id: Identifier
    public_key: Key
    old_until_ms: AtMs


class Enrolled(Message, frozen=True):
    """HQ's answer to Enrol: who the till is. `store_key` keys the look-up hashes of its store.

    `hq_public_key` signs what HQ says, `programme_public_key` the programmes and nothing else. `keys` are
    statements about these two, and about the keys that signed coupons before. `sealing_public_key` is what
    personal data is sealed to.
    """

    nonce: Nonce
    terminal_id: Identifier
    store_id: Identifier
    approved: bool
    epoch: Count
    hq_public_key: Key
    store_key: bytes
    programme_id: str
    timezone: str
    business_day_starts: Annotated[int, Meta(ge=0, le=1439)]
    buckets: Count
    programmes: tuple[bytes, ...]
    incarnation: Incarnation
    programme_public_key: Key
    keys: Annotated[tuple[bytes, ...], Meta(max_length=STATEMENTS_MAX)] = ()
    sealing_public_key: Key | None = None
