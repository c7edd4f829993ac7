"""The journal made whole again: what its own hashes put back, what HQ sends back, and what is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import closing
from functools import partial
from typing import Final

import msgspec

from edge_agent.config import EdgeConfig
from edge_agent.repair.asking import Held, copies_of
from edge_agent.repair.chain import Damage, How, Mend, mends
from edge_agent.store import integrity, journal, outbox, sources
from edge_agent.store.database import Connection
from edge_agent.store.terminal import Terminal
from loyalty_core.errors import BrokenChain
from loyalty_core.journal import first_hash

ROUNDS_MAX: Final = 100
"""A copy may show that a record behind it, which nothing spoke against, is damaged too: so often at most."""
MISSING_MAX: Final = 100_000
"""The most records that are looked for behind the last one: an acknowledgement may be damaged, too."""
GAP_MAX: Final = 16
"""So many records in a row may be such as have no natural key."""
_UNKNOWN: Final = Held({}, {})


class Mended(msgspec.Struct, frozen=True):
    """What became of one record, for people and programs."""

    epoch: int
    seq: int
    how: How


class Plan(msgspec.Struct, frozen=True):
    """What must change, by epoch, and what HQ has said that it holds."""

    mends: list[tuple[int, Mend]]
    held: Held


def plan(conn: Connection, config: EdgeConfig, identity: Terminal) -> Plan:
    """Return what makes the journal whole; HQ is asked only for what its hashes do not say. Changes nothing.

    Raises:
        LinkError: HQ is needed and does not answer.
        BrokenChain: `repair_failed`: HQ's copy does not fit either.
    """
    held = _UNKNOWN
    for _ in range(ROUNDS_MAX):
        found = _look(conn, identity, held)
        damaged = [(epoch, each.seq) for epoch, each in found if isinstance(each, Damage)]
        if not damaged:
            return Plan([(epoch, each) for epoch, each in found if isinstance(each, Mend)], held)
        known = len(held.records)
        asked = asyncio.run(copies_of(conn, config, identity, damaged))
        held = Held(held.heads | asked.heads, held.records | asked.records, heard=True)
        if len(held.records) == known and not _gives_up(held, damaged):
            break
    raise BrokenChain(
        "HQ holds these records and does not send what fits: call HQ, or replace this till",
        code="repair_failed",
    )


def _gives_up(held: Held, damaged: list[tuple[int, int]]) -> bool:
    return any(seq > _held_seq(held, epoch) for epoch, seq in damaged)


def _held_seq(held: Held, epoch: int) -> int:
    return held.heads[epoch].seq if epoch in held.heads else 0


def _look(conn: Connection, identity: Terminal, held: Held) -> list[tuple[int, Mend | Damage]]:
    """Return what must change in every epoch. While HQ has said nothing, nothing is lost."""
    found: list[tuple[int, Mend | Damage]] = []
    for epoch in sorted({epoch for epoch, branch in journal.epochs(conn) if branch == 0} | {identity.epoch}):
        copies: Mapping[int, bytes] = {seq: data for (of, seq), data in held.records.items() if of == epoch}
        head = _held_seq(held, epoch) if held.heard else outbox.acknowledged(conn, epoch)
        with closing(journal.walk(conn, epoch, 0)) as rows:
            made = mends(
                rows,
                first_hash(identity.terminal_id, epoch),
                copies=copies,
                is_lost=partial(_is_lost, held, head),
                held=min(max(head, _named(conn, epoch)), journal.last_seq(conn, epoch) + MISSING_MAX),
            )
            found += [(epoch, each) for each in made]
    return found


def _is_lost(held: Held, head: int, seq: int) -> bool:
    return held.heard and seq > head


def _named(conn: Connection, epoch: int) -> int:
    """Return the last record of which there was one: of a page that is gone other tables know what was on it.

    Each names its own records without long gaps, so that a damaged number is not taken for a record.
    """
    last = journal.last_seq(conn, epoch)
    for seq in sources.named_after(conn, epoch, last) if integrity.is_in_repair(conn) else ():
        last = seq if seq - last <= GAP_MAX else last
    return last


def mend(conn: Connection, made: Plan) -> list[Mended]:
    """Do what was planned and return it. Durable with the caller's transaction.

    Raises:
        BrokenChain: `repair_failed`: what HQ has acknowledged does not follow from it.
    """
    for epoch in sorted({epoch for epoch, _ in made.mends}):
        rows = [(one.seq, one.record, one.hash) for of, one in made.mends if of == epoch]
        journal.rewrite(conn, epoch, rows)
    for epoch in sorted({epoch for epoch, one in made.mends if one.how == "hq"}):
        said = made.held.heads[epoch]
        if journal.hash_at(conn, epoch, said.seq) != said.hash:
            raise BrokenChain(
                f"what HQ acknowledges at seq {said.seq} of epoch {epoch} does not follow from this journal: "
                "call HQ, or replace this till",
                code="repair_failed",
            )
    outbox.forget_wrong(conn)
    return [Mended(epoch, one.seq, one.how) for epoch, one in made.mends]
