"""What a till is set up with, sent and told, made short for the tests of the agent.

It is terminal S012-T03 of store S012 in Seoul, under the programme of the documentation, on 5 December 2026.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import msgspec

from edge_agent.config import EdgeConfig, Folder, Sync
from edge_agent.pos_adapter.handed_in import decode, understand
from edge_agent.pos_adapter.receipt import Key
from edge_agent.pos_adapter.understanding import receipt_key
from edge_agent.recorder import Intake, Outcome, Recorder, intake_of
from edge_agent.store import programmes, terminal
from edge_agent.store.database import Connection, transaction
from edge_agent.store.migrations import open_database
from edge_agent.sync import keys
from loyalty_core.calendar import business_day, day_of
from loyalty_core.envelope import public_of, seal
from loyalty_core.events import Event, ReceiptClaimed
from loyalty_core.lookups import hashed
from loyalty_core.messages import Enrolled, Incarnation, MemberRow, ProgrammeText, Stamp
from loyalty_core.sealing import sealing_public_of
from loyalty_core.units import Day, EpochMs
from loyalty_core.wire import pack

HQ_KEY: Final = bytes(range(32))
STORE_KEY: Final = b"k" * 32
TERMINAL: Final = "S012-T03"
LIFE: Final = Incarnation(1, b"first")
SEALING_KEY: Final = bytes(range(40, 72))
"""HQ's private key for personal data."""
CARD: Final = "2000123456782"
OTHER_CARD: Final = "2000123456799"
PHONE: Final = "010-9876-5432"
MOONLIGHT: Final = (Path(__file__).parents[2] / "docs/examples/moonlight.toml").read_text("utf-8")
NOW: Final = "2026-12-05 12:00"
DEADLINE_SECONDS: Final = 60.0


def at(text: str) -> EpochMs:
    """Return the instant of a wall time in Seoul, such as `2026-12-01 10:00`."""
    return EpochMs(int(datetime.fromisoformat(text + "+09:00").timestamp()) * 1000)


def day(text: str) -> Day:
    """Return the day number of an ISO date."""
    return day_of(datetime.fromisoformat(text).date())


class HeldClock:
    """A clock that stands until the test moves it."""

    def __init__(self, now: str = NOW) -> None:
        self.wall = int(at(now))
        self.monotonic = 1_000_000
        self.boot = "boot-1"

    def wall_ms(self) -> EpochMs:
        return EpochMs(self.wall)

    def monotonic_ms(self) -> int:
        return self.monotonic

    def boot_id(self) -> str:
        return self.boot

    def go_on(self, ms: int) -> None:
        """Let time pass on both clocks."""
        self.wall += ms
        self.monotonic += ms


def enrolled(**changed: object) -> Enrolled:
    """Return what HQ says at enrolment."""
    plain = Enrolled(
        nonce=b"0" * 16,
        terminal_id=TERMINAL,
        store_id="S012",
        approved=True,
        epoch=1,
        hq_public_key=public_of(HQ_KEY),
        store_key=STORE_KEY,
        programme_id="moonlight",
        timezone="Asia/Seoul",
        business_day_starts=300,
        buckets=64,
        programmes=(),
        incarnation=LIFE,
        programme_public_key=public_of(HQ_KEY),
        sealing_public_key=sealing_public_of(SEALING_KEY),
    )
    return msgspec.structs.replace(plain, **changed)


def programme(version: int = 7, text: str = MOONLIGHT, key: bytes = HQ_KEY) -> bytes:
    """Return a published version's envelope."""
    text = text.replace("version = 7", f"version = {version}")
    return seal("dangol/programme/1", pack(ProgrammeText("moonlight", version, text)), key)


def config_of(below: Path, **changed: object) -> EdgeConfig:
    """Return settings that keep everything below a folder, and wait for nothing."""
    plain = EdgeConfig(
        data_dir=below / "data",
        language="en",
        sync=Sync(interval_ms=3_600_000, after_sale_ms=1, retry_first_ms=1, retry_max_ms=2),
    )
    return msgspec.structs.replace(plain, **changed)


def write_config(folder: Path, extra: str = "") -> Path:
    """Return a settings file that says the same."""
    path = folder / "edge.toml"
    path.write_text(f'data_dir = "data"\nlanguage = "en"\n{extra}', "utf-8")
    return path


def folder_of(path: Path, **changed: object) -> Folder:
    """Return the settings of a watched folder that settles at once."""
    return msgspec.structs.replace(
        Folder(path=path, settle_ms=1000, unfinished_ms=60_000, rescan_ms=20), **changed
    )


def enrol_till(config: EdgeConfig, *envelopes: bytes, hq_url: str = "http://127.0.0.1:1") -> None:
    """Make a till's store as enrolment leaves it, with these programmes (the documentation's for none)."""
    config.data_dir.mkdir(mode=0o700, parents=True)
    config.database.write_bytes(_migrated())
    conn = open_database(config.database)
    keys.make_private_key(config.data_dir)
    keys.make_token(config.data_dir)
    with transaction(conn):
        terminal.install(conn, enrolled(), hq_url)
        for place, envelope in enumerate(envelopes or (programme(),)):
            programmes.put(conn, 7 + place, envelope)
    conn.close()


@lru_cache(maxsize=1)
def _migrated() -> bytes:
    """Return a database that was brought up to date, which takes longer than to copy one."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "till.db"
        conn = open_database(path)
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        conn.close()
        return path.read_bytes()


def member(member_id: str = "M1", card: str = CARD, **changed: object) -> MemberRow:
    """Return what HQ says of a member who holds a card."""
    plain = MemberRow(
        member_id=member_id,
        gone=False,
        masked_name="홍*동",
        look_ups=(hashed(f"id:{member_id}", STORE_KEY), hashed(f"card:{card}", STORE_KEY)),
        tier="SILVER",
        balance=100,
        period_id="2026-H2",
        qualifying=200,
        stamp=None,
    )
    return msgspec.structs.replace(plain, **changed)


def purchase(number: str = "1", **changed: Any) -> dict[str, Any]:
    """Return a purchase of 12,990 won on Friday 20 November, as a till sends it."""
    on = changed.pop("on", "2026-11-20")
    return {
        "kind": "purchase",
        "receipt": {"store": "S012", "till": "T03", "business_date": on, "number": number},
        "member": CARD,
        "currency": "KRW",
        "occurred_at": f"{on}T10:31:00+09:00",
        "net_minor": 12990,
    } | changed


def visit(number: str, when: str, **changed: Any) -> dict[str, Any]:
    """Return a visit with a receipt key."""
    return {
        "kind": "visit",
        "receipt": {"store": "S012", "till": "T03", "number": number},
        "member": CARD,
        "occurred_at": when.replace(" ", "T") + ":00+09:00",
    } | changed


def void(number: str = "1", **changed: Any) -> dict[str, Any]:
    """Return the post-void of a purchase."""
    return {
        "kind": "void",
        "receipt": {"store": "S012", "till": "T03", "business_date": "2026-11-20", "number": number},
        "occurred_at": "2026-11-20T11:00:00+09:00",
    } | changed


def returned(number: str = "r1", **changed: Any) -> dict[str, Any]:
    """Return a return of that purchase, by its amount unless `lines` are given."""
    on = changed.pop("on", "2026-11-20")
    return {
        "kind": "return",
        "receipt": {"store": "S012", "till": "T03", "business_date": on, "number": number},
        "original": purchase()["receipt"],
        "occurred_at": f"{on}T11:30:00+09:00",
        "net_minor": 12990,
    } | changed


def recorded(recorder: Recorder, conn: Connection, receipt: dict[str, Any], adapter: str = "http") -> Outcome:
    """Record a receipt as the local HTTP face or a file does, inside the caller's transaction."""
    raw = json.dumps(receipt).encode()
    books = recorder.books(conn)
    read = decode(raw)
    understood = understand(read, recorder.expectations(books))
    return recorder.record(conn, books, intake_of(understood, read.member, adapter, raw))


def keyed(recorder: Recorder, conn: Connection, event: Event, member: str, key: str, content: str) -> Outcome:
    """Record what an Idempotency-Key makes one, as the local HTTP face does."""
    digest = hashlib.sha256(f"{member} {content}".encode()).digest()
    intake = Intake(
        event=event,
        natural_key=f"key/{key}",
        content=digest[:16],
        member=member,
        journal_key=key,
        adapter="http",
        raw_sha256=digest,
    )
    return recorder.record(conn, recorder.books(conn), intake)


def claimed(
    recorder: Recorder, conn: Connection, member: str, receipt: dict[str, Any], when: str, key: str
) -> Outcome:
    """Record a claim."""
    books, at_ms = recorder.books(conn), at(when)
    named = receipt_key(Key(**receipt), "receipt", at_ms, recorder.expectations(books))
    event = ReceiptClaimed(None, at_ms, business_day(at_ms, books.terminal.place), named)
    return keyed(recorder, conn, event, member, key, f"{receipt} {when}")


def stamp(seq: int) -> Stamp:
    """Return HQ's stamp at a seq of this till's first epoch."""
    return Stamp(1, 0, seq)


def wait_until(true: Callable[[], bool], seconds: float = DEADLINE_SECONDS) -> None:
    """Wait, outside a loop, for what another process will make true; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.005)


async def until(true: Callable[[], bool | Awaitable[bool]], seconds: float = DEADLINE_SECONDS) -> None:
    """Wait for what another thread or process will make true; fail at the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        answer = true()
        if not isinstance(answer, bool):
            answer = await answer
        if answer:
            return
        assert time.monotonic() < deadline, "it did not come true in time"
        await asyncio.sleep(0.005)


def quiet_sync() -> Sync:
    """Return settings under which headquarters, which is absent, is asked once and then not for hours."""
    return Sync(interval_ms=36_000_000, retry_first_ms=36_000_000, retry_max_ms=36_000_000)
