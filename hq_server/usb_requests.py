"""A request that lies on a stick: which it is, what it would bring, and what its replies are made of.

Reads only; what is taken is taken by `exchange.apply`.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import msgspec

from hq_server.accept import Opened, Run, Terminal, TerminalRefused
from hq_server.epochs import own
from hq_server.exchange import Answering, Outcome, answer, is_told
from hq_server.house import load_house
from hq_server.lineage import Journals
from hq_server.seen import Age, age_of
from hq_server.store.connection import Transaction
from loyalty_core.envelope import peek
from loyalty_core.errors import BadEnvelope, BadWire, LoyaltyError
from loyalty_core.lineage import Segment, holder
from loyalty_core.messages import Batch, Cursors, Exchange, Reply
from loyalty_core.stick import Closed, Place, close_file, open_file
from loyalty_core.units import EpochMs
from loyalty_core.wire import unpack
from loyalty_shell.stick import StickError

OF_A_FILE: Final = (StickError, BadWire, BadEnvelope, TerminalRefused)
"""What is told of one file, and no reason not to go on with the others."""
MACHINES_MAX: Final = 64
"""Of so many machines with copies of one disk each is told of members; others are with their next request."""
NO_RECORDS: Final = (2**63, 0)
"""Where a request without records stands among those of its till: behind all that bring some."""


class Took(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file from a till.

    `became` is "kept", "known" where all of it was kept before, "asked" where it brings no record, "repeated"
    where the same lies there under another name, or "refused" with the first reason. Of its records, from
    `first` to `last`, `new` were new. `replies` lie beside it and tell of `members`; where there are `more`,
    they are told of next time.
    """

    file: str
    became: str
    terminal: str = ""
    first: Place | None = None
    last: Place | None = None
    new: int = 0
    members: int = 0
    more: bool = False
    replies: tuple[str, ...] = ()
    code: str = ""
    sentence: str = ""


class Asked(msgspec.Struct, frozen=True, order=True):
    """A request on the stick, in the order in which the records of a till follow each other."""

    terminal_id: str
    first: Place
    age: Age
    name: str


class Taken(msgspec.Struct, frozen=True):
    """A request that was taken and is not answered yet: its till's lineage, and if it is told of members."""

    age: Age
    told: Took
    opened: Opened
    outcome: Outcome
    lineage: tuple[Segment, ...]
    told_of_members: bool

    def follows(self, other: Taken) -> bool:
        """Tell whether this is a later, or another, request of the machine that made the other."""
        if not other.lineage:
            return self.age >= other.age
        head = other.lineage[-1]
        within = holder(self.lineage, head.epoch, head.end)
        return self.age >= other.age and within is not None and within.branch == head.branch


class Part(msgspec.Struct, frozen=True):
    """One reply, and the request as if its members were known: what the next part answers."""

    sealed: bytes
    members: int
    more: bool
    rest: Opened


def asked(name: str, body: bytes) -> Asked:
    """Return where a request belongs, by what it says of itself: nothing but the order hangs on it.

    Raises:
        BadWire, BadEnvelope: it is no request.
    """
    said = unpack(peek(body, "dangol/exchange/1")[1], Exchange)
    first = NO_RECORDS
    if said.batches:
        batch = unpack(peek(said.batches[0], "dangol/batch/1")[1], Batch)
        first = (batch.epoch, batch.first_seq)
    return Asked(said.terminal_id, first, age_of(said), name)


def body_of(tx: Transaction, file: Closed) -> bytes:
    """Return the request in a file; it is not verified yet.

    Raises:
        TerminalRefused: there is no such terminal.
        BadWire: `file_damaged`.
    """
    rows = tx.all("arrivals.terminals_named", terminal_id=file.terminal_id)
    if not rows:
        raise TerminalRefused(
            f'there is no terminal "{file.terminal_id}" here: the file may be of another chain'
        )
    keys = [_store_key(tx, store_id) for store_id, *_ in rows]
    for key in keys[1:]:
        with suppress(BadWire):
            return open_file(file, key)
    return open_file(file, keys[0])


def heads(tx: Transaction, terminal: Terminal) -> dict[int, int]:
    """Return up to where each epoch of a terminal is kept."""
    rows = tx.all("arrivals.heads", store_id=terminal.store_id, terminal_id=terminal.terminal_id)
    return {epoch: seq for epoch, branch, seq, _ in rows if branch == 0}


def taken(tx: Transaction, asked: Asked, opened: Opened, outcome: Outcome) -> Taken:
    """Return a request that was taken, without what it brought: its answer says nothing of that."""
    journals = Journals(tx, opened.terminal.store_id, opened.terminal.terminal_id)
    till = own(journals, opened.exchange, outcome.standing.brought)
    exchange = msgspec.structs.replace(opened.exchange, batches=(), programmes=())
    light = msgspec.structs.replace(opened, exchange=exchange, runs=())
    told = is_told(load_house(tx), exchange, till)
    return Taken(asked.age, took(asked.name, opened, outcome), light, outcome, till.lineage or (), told)


def passed_by(newest: Sequence[Taken], one: Taken) -> tuple[list[Taken], list[Taken]]:
    """Return the newest request of each machine with one more taken, and those that are none any more.

    A machine's later request tells of a journal that holds all that the earlier told of.
    """
    if not one.told_of_members:
        return list(newest), [one]
    passed = [earlier for earlier in newest if one.follows(earlier)]
    kept = [earlier for earlier in newest if earlier not in passed]
    if any(later.follows(one) for later in kept):
        return list(newest), [one]
    return [*kept[1 - MACHINES_MAX :], one], [*passed, *kept[: 1 - MACHINES_MAX]]


def part(
    tx: Transaction, answering: Answering, opened: Opened, outcome: Outcome, now_ms: EpochMs, salt: bytes
) -> Part:
    """Return a reply as it lies on a stick, closed under the key of the terminal's store."""
    envelope = answer(tx, answering, opened, outcome, now_ms)
    reply = unpack(peek(envelope, "dangol/reply/1")[1], Reply)
    moved = list(opened.exchange.cursors.buckets) or [0] * load_house(tx).bucket_count
    for page in reply.pages:
        moved[page.bucket] = page.to_cursor
    cursors, terminal = Cursors(load_house(tx).newest.version, tuple(moved)), opened.terminal
    rest = msgspec.structs.replace(opened.exchange, cursors=cursors)
    if reply.technicians is not None:
        rest = msgspec.structs.replace(rest, technicians=reply.technicians.version)
    return Part(
        sealed=close_file(envelope, terminal.terminal_id, _store_key(tx, terminal.store_id), salt),
        members=sum(len(page.rows) for page in reply.pages),
        more=bool(reply.pages) and not reply.next_in_ms,
        rest=msgspec.structs.replace(opened, exchange=rest),
    )


def took(name: str, opened: Opened, outcome: Outcome) -> Took:
    """Return what became of a request that was taken, before it is answered."""
    became = "kept" if outcome.events else "known" if opened.runs else "asked"
    code = sentence = ""
    # A stick comes later than what went by line meanwhile: that it lacks records tells nothing of its till.
    refusals = [one for one in outcome.refusals if one.code != "journal_behind"]
    if refusals:
        first = refusals[0]
        became, code, sentence = ("kept" if outcome.events else "refused"), first.code, first.sentence
    return msgspec.structs.replace(
        _described(name, opened), became=became, new=outcome.events, code=code, sentence=sentence
    )


def tried(name: str, opened: Opened, held: dict[int, int]) -> Took:
    """Return what would become of a request; `held` is moved on by what it would bring."""
    new = 0
    for run in opened.runs:
        if not isinstance(run, Run):
            code, sentence = run.code, run.sentence
        elif run.first_seq > held.get(run.epoch, 0) + 1:
            code, sentence = "gap", f"records before {run.epoch}.{run.first_seq} are missing"
        else:
            new += max(0, run.last_seq - held.get(run.epoch, 0))
            held[run.epoch] = max(run.last_seq, held.get(run.epoch, 0))
            continue
        return msgspec.structs.replace(
            _described(name, opened),
            became="kept" if new else "refused",
            new=new,
            code=code,
            sentence=sentence,
        )
    became = "kept" if new else "known" if opened.runs else "asked"
    return msgspec.structs.replace(_described(name, opened), became=became, new=new)


def refused(name: str, error: LoyaltyError, terminal_id: str = "") -> Took:
    """Return what is told of a file that cannot be taken.

    Raises:
        StickError: `stick_gone`: the others cannot, either.
    """
    if isinstance(error, StickError) and error.code == "stick_gone":
        raise error
    return Took(file=name, became="refused", terminal=terminal_id, code=error.code, sentence=str(error))


def _store_key(tx: Transaction, store_id: str) -> bytes:
    store = tx.one("arrivals.store", store_id=store_id)
    key: bytes = store[4] if store else b""
    return key


def _described(name: str, opened: Opened) -> Took:
    ends = [(run.epoch, run.first_seq) for run in opened.runs[:1]]
    ends += [(run.epoch, run.last_seq if isinstance(run, Run) else run.first_seq) for run in opened.runs[-1:]]
    first, last = ends or (None, None)
    return Took(file=name, became="", terminal=opened.terminal.terminal_id, first=first, last=last)
