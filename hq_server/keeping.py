"""Verified runs -> kept on the branch where they belong, head moved: what is acknowledged.

`keep` runs under the terminal's lock (on SQLite: inside the one write transaction) and looks at heads again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from hq_server.accept import ENDED, Run, Terminal, ended_of
from hq_server.lineage import Fit, Journal, Journals
from hq_server.store.connection import Transaction, Value
from loyalty_core.errors import LoyaltyError
from loyalty_core.journal import Record
from loyalty_core.lineage import Segment
from loyalty_core.messages import Clock, Ended, Refusal
from loyalty_core.units import EpochMs

BRANCHES_MAX: Final = 64
"""The most branches of one epoch: more than people would copy a disk."""


class Kept(msgspec.Struct, frozen=True):
    """What of a run was new, from `first_seq` on.

    `branched` where it began a branch: it says something else than what HQ held of the same epoch.
    """

    epoch: int
    branch: int
    first_seq: int
    records: Sequence[bytes]
    says: Sequence[Record | LoyaltyError]
    hash: bytes
    branched: bool
    clock: Clock

    @property
    def last(self) -> Segment:
        """Where its last record lies."""
        return Segment(self.epoch, self.branch, self.first_seq + len(self.records) - 1)


class Known(msgspec.Struct, frozen=True):
    """A run that is held already: where its last record lies, and the record's hash."""

    last: Segment
    hash: bytes


def keep(
    tx: Transaction,
    journals: Journals,
    terminal: Terminal,
    run: Run,
    older: Sequence[Ended],
    now_ms: EpochMs,
) -> Kept | Known | Refusal:
    """Keep what is new of a run: on the branch that it continues, or on a new one from where it leaves one.

    Durable when the transaction is. A run that follows nothing which is held keeps nothing. `older` is how
    the till's earlier epochs ended: a journal that begins says for good which of them it follows.
    """
    fit = journals.fit(run.epoch, run.first_seq, run.before, run.hashes)
    if fit is None:
        return _fits_nowhere(journals, run)
    if fit.on is not None and fit.verdict.kind == "known":
        return Known(Segment(run.epoch, fit.on.branch, run.last_seq), run.hashes[-1])
    if ended := ended_of(tx, terminal, run.signed_by, now_ms):
        sentence = ENDED[ended].format(terminal=terminal.terminal_id)
        return Refusal(run.epoch, run.first_seq, ended, sentence, fit.verdict.seq)
    begins = fit.on is None or fit.verdict.kind == "fork"
    if fit.on is None or begins:
        if len(journals.of(run.epoch)) >= BRANCHES_MAX:
            sentence = (
                f"epoch {run.epoch} has {BRANCHES_MAX} branches, and more are not kept: call headquarters, "
                "which replaces the till"
            )
            return Refusal(run.epoch, run.first_seq, "branches_too_many", sentence, 0)
        on = _begin(tx, journals, terminal, run.epoch, fit, older)
    else:
        on = fit.on
    seq = fit.verdict.seq
    new = seq - run.first_seq
    journal: dict[str, Value] = {
        "store_id": terminal.store_id,
        "terminal_id": terminal.terminal_id,
        "epoch": run.epoch,
        "branch": on.branch,
    }
    tx.run(
        "arrivals.keep_batch",
        **journal,
        first_seq=seq,
        last_seq=run.last_seq,
        last_hash=run.hashes[-1],
        envelope=run.envelope,
        received_at_ms=now_ms,
    )
    if seq < run.last_seq:
        tx.run("arrivals.keep_hashes", **journal, first_seq=seq, hashes=b"".join(run.hashes[new:]))
    tx.run("arrivals.move_head", **journal, seq=run.last_seq, hash=run.hashes[-1])
    journals.put(msgspec.structs.replace(on, seq=run.last_seq, hash=run.hashes[-1]))
    return Kept(
        epoch=run.epoch,
        branch=on.branch,
        first_seq=seq,
        records=run.records[new:],
        says=run.says[new:],
        hash=run.hashes[-1],
        branched=begins and on.branch > 0,
        clock=run.clock,
    )


def _begin(
    tx: Transaction, journals: Journals, terminal: Terminal, epoch: int, fit: Fit, older: Sequence[Ended]
) -> Journal:
    """Begin a journal: a branch after the last record that it shares with another, or an epoch."""
    seq = fit.verdict.seq - 1
    if fit.on is not None:
        parent: Segment | None = Segment(epoch, fit.on.branch, seq)
    else:
        parent = journals.ended(older, epoch)
    made = Journal(epoch, len(journals.of(epoch)), seq, b"", parent)
    tx.run(
        "arrivals.add_journal",
        store_id=terminal.store_id,
        terminal_id=terminal.terminal_id,
        epoch=epoch,
        branch=made.branch,
        parent_epoch=None if parent is None else parent.epoch,
        parent_branch=None if parent is None else parent.branch,
        parent_seq=None if parent is None else parent.end,
    )
    return made


def _fits_nowhere(journals: Journals, run: Run) -> Refusal:
    code, need = journals.resend_from(run.epoch, run.first_seq)
    if code == "gap":
        sentence = f"records {need} to {run.first_seq - 1} are missing"
    else:
        sentence = f"record {run.first_seq - 1} is not the one that HQ holds: it asks for what comes before"
    return Refusal(run.epoch, run.first_seq, code, sentence, need)
