"""How this till's journal goes on by HQ's word: from where it is sent again, and in which epoch it stands.

No sale waits for it: what is recorded meanwhile stands in the old epoch or in the new, and goes up in order.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from edge_agent.store import closings, journal, outbox, terminal
from edge_agent.store.database import Connection
from edge_agent.store.terminal import Terminal
from loyalty_core.messages import Acknowledgement, Directive, Refusal, Reply

UNTRUSTED: Final = frozenset({"journal_behind", "fork"})
"""Refusals of a journal that was set back or copied."""
_LABEL: Final = re.compile(r"[a-z_]{1,32}")

log = logging.getLogger(__name__)


def follow(conn: Connection, identity: Terminal, reply: Reply, held: Sequence[Acknowledgement]) -> bool:
    """Do what a reply asks of this till; tell whether it had not been asked before. Idempotent.

    A till that was set back learns by the acknowledgements that HQ `held` before which record it lacks, and
    tells it in its next request: so nobody who repeats an old request of its can have an epoch begun.
    """
    moved = [_resend(conn, identity, refusal) for refusal in reply.refusals]
    epoch, above = _directed(reply.directives, identity.epoch)
    lacks = None
    if epoch > identity.epoch:
        terminal.set_epoch(conn, epoch)
        closings.begin(conn, epoch, identity.epoch)
        log.warning("epoch_began", extra={"epoch": epoch})
        moved.append(True)
    elif untrusted(reply.refusals, identity.epoch) == "journal_behind":
        lacks = _lost(conn, held)
    before = outbox.link(conn)
    after = msgspec.structs.replace(before, lacks=lacks, programmes_above=above)
    if after != before:
        outbox.set_link(conn, after)
    asked = lacks is not None or above is not None
    return any(moved) or (asked and after != before)


def untrusted(refusals: Iterable[Refusal], epoch: int) -> str | None:
    """Return the code by which HQ refuses the journal of an epoch as one that was set back or copied."""
    return next((one.code for one in refusals if one.epoch == epoch and one.code in UNTRUSTED), None)


def _resend(conn: Connection, identity: Terminal, refusal: Refusal) -> bool:
    """Go back to where HQ wants a journal from, where it was thought to hold more.

    Where two journals part is looked for in steps that double: few are needed, however long they are.
    """
    if not refusal.need_seq:
        return False
    seq = refusal.need_seq
    if refusal.code == "fork":
        seq = max(1, 2 * seq - 1 - journal.head(conn, identity, refusal.epoch).seq)
    return outbox.resend(conn, refusal.epoch, seq)


def _lost(conn: Connection, held: Iterable[Acknowledgement]) -> bytes | None:
    """Return the hash of the last record that HQ says it holds and that is not in this journal."""
    lost = [one for one in held if journal.hash_at(conn, one.epoch, one.seq) != one.hash]
    return max(lost, key=lambda one: (one.epoch, one.seq)).hash if lost else None


def _directed(directives: Iterable[Directive], epoch: int) -> tuple[int, int | None]:
    """Return the epoch to write in, and the programme version above which HQ wants them back, if it does."""
    above = None
    for one in directives:
        match one.code:
            case "epoch":
                epoch = max(epoch, one.argument)
            case "programmes":
                above = one.argument
            case _:
                label = one.code if _LABEL.fullmatch(one.code) else "unreadable"
                log.warning("directive_unknown", extra={"code": label})
    return epoch, above
