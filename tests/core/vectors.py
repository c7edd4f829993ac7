"""One value of everything that goes over the wire or into a journal, made from fixed keys.

`tests/core/golden/` holds their exact bytes, a file for each version of the wire. Until the first release
`python -m tests.core.vectors` writes the file anew; after it no file is ever changed. A later version of the
wire brings a file of its own, and every older one must still be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, get_args

import msgspec

from loyalty_core.envelope import PayloadType, public_of, seal
from loyalty_core.events import (
    AT_MIN,
    EVENT_CODES,
    EVENT_NAMES,
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
from loyalty_core.journal import Record, chain, first_hash, pack_record
from loyalty_core.key_statements import KeyStatement
from loyalty_core.messages import (
    Acknowledgement,
    Again,
    Answer,
    Ask,
    Batch,
    Clock,
    CouponIssued,
    Cursors,
    Directive,
    Ended,
    Enrol,
    Enrolled,
    Exchange,
    Expiring,
    Health,
    Incarnation,
    MemberRow,
    Page,
    ProgrammeText,
    Refusal,
    Reply,
    Rotate,
    Rotated,
    Sealed,
    Stamp,
    Tally,
    Technician,
    Technicians,
    TierStep,
    Wanted,
)
from loyalty_core.passes import Pass
from loyalty_core.sealing import PersonalData, seal_to, sealing_public_of
from loyalty_core.stick import close_file
from loyalty_core.wire import Shape, pack

GOLDEN: Final = Path(__file__).parent / "golden"
PRESENT: Final = GOLDEN / "1.txt"
TILL_KEY, HQ_KEY, PROGRAMME_KEY = (bytes([number]) * 32 for number in (1, 2, 3))
NONCE, HASH, SALT, STORE_KEY = bytes(range(16)), bytes(range(32)), bytes(range(32, 64)), bytes(range(64, 96))
SEALED_TO = bytes([5]) * 32
AT, DAY = 1_795_228_260_000, 20_778
KEY = ReceiptKey("S012", "T03", DAY, "000123")
ORIGINAL = ReceiptKey("S012", "T03", DAY - 1, "000122")
LINES = (Line(1, "4011", "과일", 1_000, 3_990), Line(2, "", "", -500, -1))
TENDERS = (Tender("card", 12_990), Tender("points", 0))
EVENTS: Final[tuple[Event, ...]] = (
    VisitRecorded("id:M1", AT, DAY, "till", None),
    VisitVoided("id:M1", AT + 1, DAY, 1, 1, KEY),
    MemberPresented("card:2000123456782", AT, DAY),
    PurchaseRecorded("h:" + "0" * 32, AT, DAY, KEY, 12_990, 1_180, LINES, TENDERS),
    ReturnRecorded(None, AT, DAY, KEY, ORIGINAL, 3_990, 0, LINES[:1], ()),
    PurchaseVoided(None, AT, DAY, KEY, ORIGINAL),
    ReceiptClaimed("id:M1", AT, DAY, KEY),
    RedemptionAuthorised("id:M1", AT, DAY, "r" * 32, 500, 500, "", "", 0, AT + 900_000),
    MemberEnrolled("h:" + "0" * 32, AT, DAY, "p" * 32, ("h:" + "0" * 32, "h:" + "1" * 32), HASH, 3, "ko"),
    CouponUsed("id:M1", AT, DAY, "C1", "r" * 32, None),
    DayClosed(None, AT, DAY, 1, 42, (ControlTotal(4, 2, 16_980, 16, -3),)),
    Booted(None, AT_MIN, 10_957, "f" * 36, "0.1.0"),
    ClockStepped(None, AT, DAY, -3_600_000),
    RedemptionCommitted("id:M1", AT, DAY, "r" * 32, 500, 500, "", KEY),
    RedemptionCancelled("id:M1", AT, DAY, "r" * 32, "lapsed"),
    DayTotal(None, AT, DAY, "S012", "T03", 7, 123_456_789),
    TechnicianAction(None, AT, DAY, "김기사", "P" * 16, "quarantine_retry", "42", "recorded"),
    EventPlaced(None, AT, DAY - 1, "S012-T01", 1, 0, 42, "the clock was wrong"),
)
RECORDS: Final = {
    EVENT_NAMES[type(event)]: Record(
        event=event,
        adapter="http",
        natural_key="a key" if isinstance(event, VisitRecorded) else None,
        monotonic_ms=1_000 * EVENT_CODES[type(event)],
        claim=Claim(7, "SILVER", 12, 12) if isinstance(event, PurchaseRecorded) else None,
    )
    for event in EVENTS
}
PACKED = bytes.fromhex("789c9b38e9086b5a665171c911b6e2d4e4fcbc14004534075b")
"""zlib of records as one library compresses them; another may do it otherwise, so it is given."""
INCARNATION = Incarnation(1_795_228_260, b"\x07" * 8)
ROW = MemberRow(
    "M1",
    False,
    "홍*동",
    ("a" * 32,),
    "SILVER",
    -5,
    "2026-H2",
    287,
    Stamp(1, 0, 42),
    3_000,
    500,
    (Expiring(100, DAY),),
    (Tally("monthly", "2026-H2", 3, 30, 30),),
    DAY,
    (b"coupon",),
    ("M2",),
    (TierStep(DAY - 30, "SILVER"), TierStep(DAY + 30, "GOLD")),
    DAY + 200,
)
PERSON: Final = PersonalData("홍길동", "+821012345678", ("2000123456782",), 3_000, 3, "ko", AT)
SEALED: Final = seal_to(sealing_public_of(SEALED_TO), PERSON, bytes([6]) * 32)
PAYLOADS: Final[dict[PayloadType, Shape]] = {
    "dangol/batch/1": Batch("moonlight", "S012-T01", 1, 1, HASH, PACKED, Clock(AT, 60_000, "f" * 36), AT + 1),
    "dangol/exchange/1": Exchange(
        NONCE,
        "S012-T01",
        2,
        42,
        HASH,
        Cursors(7, (1, 2, 3)),
        (b"batch",),
        (Ask("r" * 32, "id:M1", 500),),
        Health("0.1.0", 1_000, 2, 10**12),
        HASH,
        (b"programme",),
        b"\x01" * 8,
        Wanted(1, 7, 9),
        (Ended(1, 99, HASH),),
        b"\x02" * 8,
        INCARNATION,
        (Sealed("p" * 32, SALT, SEALED),),
        1_795_228_260_000,
    ),
    "dangol/reply/1": Reply(
        NONCE,
        INCARNATION,
        AT,
        (b"acknowledgement",),
        (Refusal(1, 7, "gap", "records 3 to 6 are missing", 3),),
        (Page(3, 0, 9, (ROW, msgspec.structs.replace(ROW, stamp=None, gone=True))),),
        (b"programme",),
        (Answer("r" * 32, 500, AT + 900_000, ""),),
        (Directive("epoch", 2),),
        30_000,
        (b"statement",),
        (b"batch",),
        sealing_public_of(SEALED_TO),
        Technicians(1_795_228_260_001, (Technician("김기사", "$argon2id$verifier"),), ("P" * 16,)),
    ),
    "dangol/receipt/1": Acknowledgement("S012-T01", 1, 0, 42, HASH, INCARNATION),
    "dangol/programme/1": ProgrammeText("moonlight", 7, 'schema = 1\nprogramme = "moonlight"\n'),
    "dangol/coupon/1": CouponIssued(
        "C1", "M1", "golf-balls", (("en", "golf balls"), ("ko", "골프공")), 0, DAY, DAY + 30
    ),
    "dangol/enrol/1": Enrol(NONCE, b"a secret", public_of(TILL_KEY), "0.1.0", Again("S012-T03", 3, HASH)),
    "dangol/enrolled/1": Enrolled(
        NONCE,
        "S012-T01",
        "S012",
        True,
        1,
        public_of(HQ_KEY),
        STORE_KEY,
        "moonlight",
        "Asia/Seoul",
        300,
        64,
        (b"programme",),
        INCARNATION,
        public_of(PROGRAMME_KEY),
        (b"statement",),
        sealing_public_of(SEALED_TO),
    ),
    "dangol/keys/1": KeyStatement("server", 2, public_of(HQ_KEY), AT),
    "dangol/rotate/1": Rotate(NONCE, "S012-T01", public_of(TILL_KEY)),
    "dangol/rotated/1": Rotated(NONCE, "S012-T01", public_of(TILL_KEY), AT + 1),
    "dangol/pass/1": Pass(
        "P" * 16, "moonlight", "김기사", ("S012",), ("S013-T01",), "technician", AT, AT + 28_800_000
    ),
}
FROM_HQ: Final = frozenset(
    {
        "dangol/reply/1",
        "dangol/receipt/1",
        "dangol/coupon/1",
        "dangol/enrolled/1",
        "dangol/keys/1",
        "dangol/rotated/1",
        "dangol/pass/1",
    }
)


def signing_key(of: PayloadType) -> bytes:
    """Return the private key that signs a type in these vectors."""
    if of == "dangol/programme/1":
        return PROGRAMME_KEY
    return HQ_KEY if of in FROM_HQ else TILL_KEY


def written() -> dict[str, bytes]:
    """Return the bytes of every vector as this release writes them, by name."""
    records = {name: pack_record(record) for name, record in RECORDS.items()}
    found = {f"record {name}": data for name, data in records.items()}
    found["hash 0"] = first_hash("S012-T01", 1)
    found["hash last"] = chain(found["hash 0"], records.values())[-1]
    for of, payload in PAYLOADS.items():
        found[f"payload {of}"] = pack(payload)
        found[f"envelope {of}"] = seal(of, pack(payload), signing_key(of))
    found["sealed"] = SEALED
    found["stick"] = close_file(found["envelope dangol/exchange/1"], "S012-T01", STORE_KEY, SALT)
    return found


def kept(file: Path) -> dict[str, bytes]:
    """Return the bytes of a golden file, by name."""
    lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    return {name: bytes.fromhex(data) for name, _, data in (line.partition(" = ") for line in lines)}


def payload_types() -> set[str]:
    """Return every type of payload."""
    return set(get_args(PayloadType))


if __name__ == "__main__":
    head = "# Version 1 of the wire, by python -m tests.core.vectors. Never changed once it is released.\n"
    PRESENT.parent.mkdir(exist_ok=True)
    lines = [f"{name} = {data.hex()}\n" for name, data in written().items()]
    PRESENT.write_text(head + "".join(lines), "utf-8")
