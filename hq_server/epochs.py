"""Which journal the till that asks has written itself, and in which epoch it goes on.

Two tills with the data of one disk are one terminal here: each is known by the hashes of its records. One
whose records HQ holds, but whose head another went on from, was set back or is an idle copy. It is told so
and nothing is written, since a request that somebody repeats looks alike; only when it then names a record
that it lacks does it get an epoch of its own, and so does one that has begun a branch. An epoch is allotted
once: whoever asks again, after an answer that was lost, gets the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from hq_server.accept import Terminal, epoch_of
from hq_server.exceptions import ArrivalException, open_arrivals
from hq_server.keeping import Kept, Known
from hq_server.lineage import Journal, Journals, name_of
from hq_server.store.connection import Transaction, Value
from loyalty_core.lineage import Segment
from loyalty_core.messages import Directive, Exchange, Refusal
from loyalty_core.units import EpochMs

BEHIND = "journal_behind"


class Held(msgspec.Struct, frozen=True, order=True):
    """A record that HQ holds, and all before it: what an acknowledgement says."""

    place: Segment
    hash: bytes


class Own(msgspec.Struct, frozen=True):
    """What HQ holds of the till that asks, as of one state of the database.

    `lineage` are the segments of its own records, None where HQ cannot place its journal. `whole`: no other
    record that HQ holds may be the till's as well; only then it is told of members, with how far its own are
    posted.
    """

    lineage: tuple[Segment, ...] | None
    whole: bool


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What HQ made of a request.

    `brought` is the furthest record of each epoch that it brought and that is held. `place` is where the
    till's head lies, None where that is not held. `behind`: others went on from it. `held` is what is
    acknowledged.
    """

    brought: Mapping[int, Held]
    place: Segment | None
    behind: bool
    held: tuple[Held, ...]
    refusals: tuple[Refusal, ...]
    directives: tuple[Directive, ...]


def stand(
    tx: Transaction,
    journals: Journals,
    terminal: Terminal,
    request: Exchange,
    runs: Sequence[Kept | Known],
    refused: Iterable[Refusal],
    now_ms: EpochMs,
) -> Standing:
    """Return how the till that asks stands now, and allot it the epoch that it needs.

    `runs` are what it brought, `refused` what of it fits nowhere.
    """
    last: dict[int, Held] = {}
    for run in runs:
        last[run.last.epoch] = max(
            Held(run.last, run.hash), last.get(run.last.epoch, Held(run.last, run.hash))
        )
    place = journals.at(request.epoch, request.head, request.head_hash)
    beyond = None if place is None else journals.following(place)
    refusals: list[Refusal] = []
    number = None
    if place is not None and beyond is not None:
        refusals.append(_behind(request, beyond))
        number = _set_back(tx, terminal, request, place, beyond, now_ms)
    elif place is None and request.epoch not in last:
        if not any(one.epoch == request.epoch for one in refused):
            refusals += _unknown(journals, request)
    else:
        tip = place or last[request.epoch].place
        if tip.branch > 0:
            branch = journals.of(tip.epoch)[tip.branch]
            number = _allot(
                tx, terminal, request, Segment(tip.epoch, tip.branch, branch.from_seq), b"", now_ms
            )
    if beyond is None:
        named: dict[str, Value] = {"store_id": terminal.store_id, "terminal_id": terminal.terminal_id}
        tx.run("arrivals.raise_epoch", **named, epoch=epoch_of(terminal, request))
    _report(tx, terminal, request, [run for run in runs if isinstance(run, Kept)], number, journals, now_ms)
    return Standing(
        brought=last,
        place=place,
        behind=beyond is not None,
        held=_held(journals, request, place, beyond, last),
        refusals=tuple(refusals),
        directives=() if number is None else (Directive("epoch", number),),
    )


def own(journals: Journals, request: Exchange, brought: Mapping[int, Held]) -> Own:
    """Return what is held of the till that asks now.

    By another road more of it may have come since the request was taken. Members are told of as they stand
    when it is answered, and so must their stamps be: else the till counts once more what came meanwhile.
    """
    place = journals.at(request.epoch, request.head, request.head_hash)
    lineage = _lineage(journals, request, place, brought)
    behind = place is not None and journals.following(place) is not None
    return Own(lineage, lineage is not None and not behind and _whole(journals, request, brought))


def _lineage(
    journals: Journals, request: Exchange, place: Segment | None, last: Mapping[int, Held]
) -> tuple[Segment, ...] | None:
    """Return the segments of the till's own records that are held, None where that cannot be told.

    Of an epoch whose end is not held, what this request brought tells where it lies; one of which nothing at
    all is held has moved nothing.
    """
    if place is None and not last:
        return None
    found: list[Segment] = []
    for one in sorted(request.older, key=lambda one: one.epoch):
        at = journals.at(one.epoch, one.head, one.head_hash)
        if at is None and one.epoch in last:
            at = last[one.epoch].place
        if at is None and journals.of(one.epoch):
            return None
        found += [] if at is None else journals.path(at)
    at = place or (last[request.epoch].place if request.epoch in last else None)
    if at is None and journals.of(request.epoch):
        return None
    return (*found, *([] if at is None else journals.path(at)))


def _whole(journals: Journals, request: Exchange, last: Mapping[int, Held]) -> bool:
    """Tell whether all is known that HQ holds of the till's own records, where it was placed and not behind.

    It may have more of a branch of which it has brought a part only, though HQ holds that since long. Nor may
    a restored HQ lack what comes before others that it holds: a stamp says that all up to it is posted.
    """
    ends = sorted((one.epoch, one.head, one.head_hash) for one in request.older)
    lacking = False
    for epoch, head, value in (*ends, (request.epoch, request.head, request.head_hash)):
        place = journals.at(epoch, head, value)
        if lacking and (epoch in last or (place is not None and place.end > 0)):
            return False
        if place is None:
            lacking = True
            if epoch in last:
                part = last[epoch].place
                if part.end < journals.of(epoch)[part.branch].seq:
                    return False
    return True


def _held(
    journals: Journals,
    request: Exchange,
    place: Segment | None,
    beyond: Journal | None,
    last: Mapping[int, Held],
) -> tuple[Held, ...]:
    """Return what to acknowledge: what the till brought, its head, and how far HQ holds these branches.

    Where nothing tells which branch is the till's, all of its epoch are named: by the hash it knows its own.
    """
    found = set(last.values())
    if place is not None and place.end > 0:
        found.add(Held(place, request.head_hash))
    ends = [journals.of(one.place.epoch)[one.place.branch] for one in found]
    if beyond is not None:
        ends.append(beyond)
    if place is None and request.epoch not in last:
        ends += journals.of(request.epoch).values()
    found.update(Held(Segment(one.epoch, one.branch, one.seq), one.hash) for one in ends)
    return tuple(sorted(found))


def _behind(request: Exchange, beyond: Journal) -> Refusal:
    sentence = (
        f"headquarters holds {beyond.seq} records of epoch {beyond.epoch}, this till ends at record "
        f"{request.head} of epoch {request.epoch}: it was set back, or is a copy, and asks for its own epoch"
    )
    return Refusal(request.epoch, request.head, BEHIND, sentence, 0)


def _unknown(journals: Journals, request: Exchange) -> Iterable[Refusal]:
    """Yield why a journal without news is not taken: its last record differs from what is held."""
    code, need = journals.resend_from(request.epoch, request.head + 1)
    if code == "fork":
        sentence = f"record {request.head} is not the one that HQ holds: it asks for what comes before"
        yield Refusal(request.epoch, request.head, "fork", sentence, need)


def _set_back(
    tx: Transaction, terminal: Terminal, request: Exchange, place: Segment, beyond: Journal, now_ms: EpochMs
) -> int | None:
    """Return the epoch in which a till goes on that names a record which it lacks; once it is a new one."""
    if request.lacks is None:
        return None
    found = _allotted(tx, terminal, place, request.lacks)
    if found is not None or request.lacks != beyond.hash:
        return found
    number = _allot(tx, terminal, request, place, request.lacks, now_ms)
    sentence = (
        f"{terminal.terminal_id} ends at record {place.end} of epoch {place.epoch}, headquarters holds "
        f"{beyond.seq} of epoch {beyond.epoch}: it was set back to an older image of its disk, or is a "
        f"copy. It goes on in epoch {number}, and all that was recorded counts. Find out who restored or "
        "copied it, and that no second machine sells with its data"
    )
    name = name_of(terminal.terminal_id, number, 0)
    open_arrivals(tx, [ArrivalException(terminal.store_id, BEHIND, name, sentence)], now_ms)
    return number


def _report(
    tx: Transaction,
    terminal: Terminal,
    request: Exchange,
    kept: Sequence[Kept],
    number: int | None,
    journals: Journals,
    now_ms: EpochMs,
) -> None:
    """Open an exception for every branch that has begun."""
    found = []
    for run in kept:
        if not run.branched:
            continue
        journal = journals.of(run.epoch)[run.branch]
        goes_on = max(request.epoch, number or 0)
        sentence = (
            f"{terminal.terminal_id} told two stories: from record {journal.from_seq + 1} of epoch "
            f"{run.epoch} on it says something else than before, as branch {run.branch}. Both count, what "
            f"they share once; the till that came last goes on in epoch {goes_on}. Find out whether two "
            "machines sell with the data of one disk, replace one of them, and look whether both took the "
            "same sales"
        )
        name = name_of(terminal.terminal_id, run.epoch, run.branch)
        found.append(ArrivalException(terminal.store_id, "fork", name, sentence))
    open_arrivals(tx, found, now_ms)


def _allotted(tx: Transaction, terminal: Terminal, place: Segment, lacks: bytes) -> int | None:
    row = tx.one("arrivals.allotted", **_asked(terminal, place, lacks))
    return None if row is None else int(row[0])


def _allot(
    tx: Transaction, terminal: Terminal, request: Exchange, place: Segment, lacks: bytes, now_ms: EpochMs
) -> int:
    """Return the epoch that belongs to this branch or loss."""
    found = _allotted(tx, terminal, place, lacks)
    if found is not None:
        return found
    number = max(terminal.epoch, epoch_of(terminal, request)) + 1
    tx.run("arrivals.allot_epoch", **_asked(terminal, place, lacks), epoch=number, allotted_at_ms=now_ms)
    tx.run("arrivals.raise_epoch", store_id=terminal.store_id, terminal_id=terminal.terminal_id, epoch=number)
    return number


def _asked(terminal: Terminal, place: Segment, lacks: bytes) -> dict[str, Value]:
    return {
        "store_id": terminal.store_id,
        "terminal_id": terminal.terminal_id,
        "of_epoch": place.epoch,
        "of_branch": place.branch,
        "of_seq": place.end,
        "lacks": lacks,
    }
