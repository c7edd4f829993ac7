"""What HQ answered -> the till's store, after every signature was checked: all or nothing."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress

import msgspec

from edge_agent import pass_time, signed_programmes
from edge_agent.parting import part
from edge_agent.store import (
    enrolments,
    entries,
    journal,
    member_damage,
    members,
    outbox,
    programmes,
    redemptions,
    technicians,
    terminal,
)
from edge_agent.store.database import Connection, DatabaseError, savepoint
from edge_agent.store.terminal import Terminal
from edge_agent.sync.belief import take_statements
from edge_agent.sync.epochs import follow, untrusted
from edge_agent.sync.exchange import LinkError
from loyalty_core.envelope import key_id, open_sealed, peek
from loyalty_core.errors import BadEnvelope, BadWire, ProgrammeErrors
from loyalty_core.lookups import hashed
from loyalty_core.messages import Acknowledgement, Clock, MemberRow, Page, ProgrammeText, Refusal, Reply
from loyalty_core.programme_toml import read_programme
from loyalty_core.wire import unpack

log = logging.getLogger(__name__)


class Installed(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a reply: what HQ refused, and whether anything moved, here or there.

    `asked` tells that HQ wants something of this till that it had not wanted before, or that the till has to
    ask HQ for its members again. `untrusted` is the code by which it refuses this till's present journal as
    set back or copied. `damaged` is a programme version that is not as HQ signed it, and that the reply did
    not bring.
    """

    refusals: tuple[Refusal, ...]
    moved: bool
    asked: bool
    untrusted: str | None
    damaged: int | None


def open_reply(data: bytes, identity: Terminal, nonce: bytes) -> Reply:
    """Return the reply that HQ signed for this request.

    Raises:
        LinkError: `hq_wrong_key`, `hq_nonsense`, `hq_stale`.
    """
    reply = opened(data, identity)
    if reply.nonce != nonce:
        raise LinkError("the answer is to another request", code="hq_stale")
    return reply


def opened(data: bytes, identity: Terminal) -> Reply:
    """Return a reply that HQ signed, to whichever request.

    Raises:
        LinkError: `hq_wrong_key`, `hq_nonsense`.
    """
    try:
        return unpack(open_sealed(data, "dangol/reply/1", _keys(identity)), Reply)
    except BadEnvelope:
        raise LinkError("the answer is not signed by HQ's key", code="hq_wrong_key") from None
    except BadWire:
        raise LinkError("the answer is not one that this release understands", code="hq_nonsense") from None


def install(
    conn: Connection, reply: Reply, *, latest: bool = True, carried: bool = False, clock: Clock | None = None
) -> Installed:
    """Apply a reply that was opened. Idempotent; durable with the caller's transaction.

    What HQ wants of this till is done only where the reply is its `latest`: else it may have that by now.
    One that was `carried` may be a part of an answer: only one that tells of no members says that HQ has told
    all it has to tell. `clock` is what this till's clocks said when it came, where that was just now.

    Raises:
        LinkError: `hq_older`, `hq_other`, `hq_wrong_key`: nothing of the reply is kept.
    """
    moved = [take_statements(conn, reply.keys)]
    identity = terminal.read(conn)
    keys = _keys(identity)
    moved.append(_lives_on(conn, identity, reply))
    mended = _mend_members(conn)
    if latest:
        _technicians(conn, reply, clock)
    held = [said for data in reply.receipts if (said := _acknowledgement(data, identity, keys)) is not None]
    moved += [_acknowledge(conn, said) for said in held]
    moved += [keep_programme(conn, identity, data) for data in reply.programmes]
    moved.append(_pages(conn, reply.pages))
    if latest:
        enrolments.set_sealing_key(conn, reply.sealing_public_key)
    told_all = reply.next_in_ms and not (carried and reply.pages)
    if latest and told_all and not mended and reply.incarnation == identity.incarnation:
        for member_id in members.forget_untold(conn):
            part(conn, f"id:{member_id}")
        member_damage.was_told(conn)
    asked = (latest and follow(conn, identity, reply, held)) or mended
    return Installed(
        refusals=reply.refusals,
        moved=asked or any(moved),
        asked=asked,
        untrusted=untrusted(reply.refusals, identity.epoch),
        damaged=min(signed_programmes.damaged(conn), default=None),
    )


def install_loose(conn: Connection, reply: Reply) -> bool:
    """Take from a reply that answers no request of this till what proves itself; tell whether it was news.

    Those are HQ's next keys, acknowledgements of this journal, and versions of the programme that follow
    those known here: with one left out in between, HQ would not be asked for that one any more. Idempotent.

    Raises:
        LinkError: `hq_wrong_key`, `hq_other`: nothing of the reply is kept.
    """
    told = take_statements(conn, reply.keys)
    identity = terminal.read(conn)
    if reply.incarnation != identity.incarnation:
        return told
    keys = _keys(identity)
    held = [said for data in reply.receipts if (said := _acknowledgement(data, identity, keys)) is not None]
    moved = [told, *(_acknowledge(conn, said) for said in held)]
    for data in reply.programmes:
        version = unpack(peek(data, "dangol/programme/1")[1], ProgrammeText).version
        follows = version == programmes.highest(conn) + 1
        moved.append(follows and keep_programme(conn, identity, data))
    return any(moved)


def _keys(identity: Terminal) -> dict[bytes, bytes]:
    return {key_id(identity.hq_public_key): identity.hq_public_key}


def _technicians(conn: Connection, reply: Reply, clock: Clock | None) -> None:
    """Take HQ's time and its list of technicians; a reply without one says that the one here is the last."""
    pass_time.take(conn, reply.hq_time_ms, reply.nonce, clock)
    said = reply.technicians
    if said is not None and said.version > technicians.read(conn).version:
        technicians.put(conn, said, reply.hq_time_ms)
    elif said is None:
        technicians.confirm(conn, reply.hq_time_ms)


def check_life(identity: Terminal, reply: Reply) -> None:
    """Refuse the word of an older life of HQ's database, or of another one.

    Raises:
        LinkError: `hq_older`, `hq_other`.
    """
    known, said = identity.incarnation, reply.incarnation
    if said.counter < known.counter:
        raise LinkError("HQ's database is older than what this till knows of it", code="hq_older")
    if said.counter == known.counter and said != known:
        raise LinkError("another HQ database answers under the same key", code="hq_other")


def _lives_on(conn: Connection, identity: Terminal, reply: Reply) -> bool:
    """Begin anew with a later life of HQ's database; tell whether it is one."""
    check_life(identity, reply)
    if reply.incarnation == identity.incarnation:
        return False
    outbox.forget(conn)
    members.begin_anew(conn)
    technicians.begin_anew(conn)
    terminal.set_incarnation(conn, reply.incarnation)
    return True


def _mend_members(conn: Connection) -> bool:
    """Put right what was found to be damaged of members; what cannot be read is left to `verify --repair`.

    Tells whether HQ is to tell of all members again.
    """
    with suppress(DatabaseError), savepoint(conn):
        return member_damage.mend_seen(conn)
    return False


def _acknowledgement(data: bytes, identity: Terminal, keys: dict[bytes, bytes]) -> Acknowledgement | None:
    """Return what HQ says that it holds of this terminal, None where it speaks of another."""
    try:
        said = unpack(open_sealed(data, "dangol/receipt/1", keys), Acknowledgement)
    except (BadEnvelope, BadWire):
        raise LinkError("an acknowledgement is not signed by HQ's key", code="hq_wrong_key") from None
    return said if said.terminal_id == identity.terminal_id else None


def _acknowledge(conn: Connection, said: Acknowledgement) -> bool:
    """Note what HQ holds of this till's own journal; HQ numbers its branches, and the hash tells which it is.

    What a copy of this till's disk has written, or what this disk has lost, is not in this journal.
    """
    if journal.hash_at(conn, said.epoch, said.seq) != said.hash:
        return False
    return outbox.acknowledge(conn, said)


def keep_programme(conn: Connection, identity: Terminal, data: bytes) -> bool:
    """Keep a version and tell whether it is new; one that this release cannot read is left at HQ.

    It takes the place of one that is damaged; another of the same number is left alone.

    Raises:
        LinkError: `hq_wrong_key`, `hq_other`.
    """
    keys = {key_id(identity.programme_public_key): identity.programme_public_key}
    try:
        said = unpack(open_sealed(data, "dangol/programme/1", keys), ProgrammeText)
    except (BadEnvelope, BadWire):
        raise LinkError("a programme is not signed by HQ's key for programmes", code="hq_wrong_key") from None
    try:
        read = read_programme(said.text, f"version {said.version}")
    except ProgrammeErrors:
        log.warning("programme_unreadable", extra={"version": said.version})
        return False
    if identity.programme_id not in {"", read.programme_id} or read.version != said.version:
        raise LinkError("HQ sent a programme of another name", code="hq_other")
    terminal.set_programme_id(conn, read.programme_id)
    if said.version in signed_programmes.damaged(conn):
        programmes.forget(conn, said.version)
    return programmes.put(conn, said.version, data)


def _pages(conn: Connection, pages: Sequence[Page]) -> bool:
    """Take over the pages that begin where this till stands; of a member who comes twice the last word."""
    stands, moved = members.cursors(conn), dict[int, int]()
    told: dict[str, MemberRow] = {}
    for page in pages:
        if moved.get(page.bucket, stands.get(page.bucket, 0)) == page.from_cursor:
            moved[page.bucket] = page.to_cursor
            told |= {row.member_id: row for row in page.rows}
    members.move_cursors(conn, moved)
    _members(conn, tuple(told.values()))
    return bool(moved)


def _stands_now(conn: Connection, row: MemberRow) -> MemberRow:
    """Return who stands for one who is gone, where that was told before, else what is told of the member."""
    if not row.gone:
        return row
    return members.find(conn, [hashed(f"id:{row.member_id}", terminal.read(conn).store_key)]) or row


def _members(conn: Connection, rows: Sequence[MemberRow]) -> None:
    """Take over what HQ says of members, and give each what was recorded under their cards and numbers."""
    before = members.also(conn, [of for row in rows for of in (row.member_id, *row.also)])
    members.put(conn, rows)
    heads = {member_id: row for row in rows for member_id in row.also}
    alone = {row.member_id for row in rows if not row.gone}
    for row in rows:
        # Whom another stands for now, with all who were merged into that one, has parted from nobody. Nor has
        # one who is gone: who it is that stands for all of them may come with a later answer.
        stands = heads.get(row.member_id) or _stands_now(conn, row)
        parted = set(before.get(row.member_id, ())) - set(stands.also)
        if parted & alone if stands.gone else parted:
            part(conn, f"id:{row.member_id}")
    told = {look_up: row.member_id for row in rows for look_up in row.look_ups}
    for look_up in entries.accounts_among(conn, list(told)):
        entries.attach(conn, look_up, f"id:{told[look_up]}")
        redemptions.merge(conn, look_up, f"id:{told[look_up]}")
    for look_up, account in entries.spelled(conn, list(told)):
        owner = members.find(conn, [account, look_up])
        if owner is not None:
            entries.attach(conn, account, f"id:{owner.member_id}")
    for joined in enrolments.give_way(conn, list(told)):
        _part_if_several(conn, joined)
    for row in rows:
        others = False
        for member_id in row.also:
            if entries.has_account(conn, f"id:{member_id}"):
                entries.merge(conn, f"id:{member_id}", f"id:{row.member_id}")
                # Who is not known any more may have stood for anybody.
                others |= member_id not in before or not set(before[member_id]) <= set(row.also)
            redemptions.merge(conn, f"id:{member_id}", f"id:{row.member_id}")
        if others:
            part(conn, f"id:{row.member_id}")


def _part_if_several(conn: Connection, look_ups: Sequence[str]) -> None:
    """Give each their own, where those who joined here as one by these look-ups are several by HQ's word."""
    found = [members.find(conn, [look_up]) for look_up in look_ups]
    owners = [None if one is None else f"id:{one.member_id}" for one in found]
    if len(set(owners)) > 1:
        part(conn, owners[0] or look_ups[0])
