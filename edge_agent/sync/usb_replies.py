"""The road by stick, back: what headquarters says to the files of this till is installed.

Works beside a running agent: each reply is a transaction, which gives way to sales.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import msgspec

from edge_agent.config import EdgeConfig
from edge_agent.store import exported, hq_keys, journal, members, outbox, programmes, terminal
from edge_agent.store.database import (
    CHECKPOINT_BYTES,
    Connection,
    checkpoint,
    transaction,
    wal_bytes,
)
from edge_agent.store.migrations import open_or_copy
from edge_agent.store.terminal import Terminal
from edge_agent.store.turn import give_way
from edge_agent.sync.exchange import LinkError
from edge_agent.sync.install import install, install_loose, opened
from loyalty_core.envelope import open_sealed
from loyalty_core.errors import LoyaltyError
from loyalty_core.messages import Reply
from loyalty_core.stick import FILE_BYTES_MAX, TO_TILL, Place, open_file, parse_file
from loyalty_shell.stick import StickError, find_files, read_file
from loyalty_shell.stick_archives import unpack_all


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file from headquarters.

    `became` is "installed", "known" where it says nothing new, "unasked" where it answers a request that
    this till does not know (any more), "left" where it is another till's, or "refused" with the reason.
    `acknowledged` is up to where HQ holds each epoch of which it holds more than was known, `epoch` the
    one in which this till goes on from here, 0 where it stays in its own. `refusals` are records that HQ did
    not take, and why.
    """

    file: str
    became: str
    terminal: str = ""
    acknowledged: tuple[Place, ...] = ()
    epoch: int = 0
    members: int = 0
    programmes: int = 0
    refusals: tuple[str, ...] = ()
    code: str = ""
    sentence: str = ""


def import_replies(config: EdgeConfig, folder: Path, *, dry_run: bool) -> Iterator[Imported]:
    """Yield what became of each file from headquarters; with `dry_run`, what would become of it.

    Doing it again is harmless. A dry run is done to a copy.

    Raises:
        StickError: `folder_unreadable`, `folder_too_full`, `nothing_to_import`, `stick_gone`.
        StoreError: `disk_low`, when a dry run's copy would not leave room.
    """
    if not dry_run:
        for name, error in unpack_all(folder, TO_TILL, FILE_BYTES_MAX):
            yield Imported(file=name, became="refused", code=error.code, sentence=str(error))
    names = find_files(folder, TO_TILL)
    with open_or_copy(config.database, config.disk_free_bytes_min, dry_run=dry_run) as conn:
        outcomes: Counter[str] = Counter()
        try:
            for told in _each(conn, folder, names, config):
                outcomes[told.code or told.became] += 1
                yield told
        finally:
            give_way(config.database)
            with transaction(conn):
                exported.count(conn, outcomes)


class _Found(msgspec.Struct, frozen=True, order=True):
    """A reply on the stick: the latest comes first, and of one in several files their pages in order.

    Both numbers are below 0: of HQ's time, and of the request.
    """

    answered: int
    request: int
    page: Place
    name: str


def _each(conn: Connection, folder: Path, names: list[str], config: EdgeConfig) -> Iterator[Imported]:
    """Look at every file, then install what is there; one file is in memory at a time."""
    identity = terminal.read(conn)
    found: list[_Found] = []
    seen: set[bytes] = set()
    for name in names:
        data = b""
        try:
            data = read_file(folder, name, FILE_BYTES_MAX)
            reply = _reply(identity, data)
        except LoyaltyError as error:
            yield _refused(name, _by_old_key(conn, identity, data, error))
            continue
        digest = hashlib.sha256(data).digest()
        if reply is None:
            yield Imported(file=name, became="left", terminal=parse_file(data).terminal_id)
        elif digest in seen:
            yield Imported(file=name, became="known")
        else:
            seen.add(digest)
            pages = ((page.bucket, page.from_cursor) for page in reply.pages)
            request = exported.number(conn, reply.nonce) or 0
            found.append(_Found(-reply.hq_time_ms, -request, next(pages, (0, 0)), name))
    for one in sorted(found):
        give_way(config.database)
        data = b""
        try:
            data = read_file(folder, one.name, FILE_BYTES_MAX)
            yield _installed(conn, identity, one.name, data)
        except LoyaltyError as error:
            yield _refused(one.name, _by_old_key(conn, identity, data, error))
        if wal_bytes(config.database) > CHECKPOINT_BYTES:
            checkpoint(conn)


def _reply(identity: Terminal, data: bytes) -> Reply | None:
    """Return the reply in a file, None where it is for a till of another store, which alone can open it.

    Raises:
        BadWire: `file_damaged`.
        LinkError: `hq_wrong_key`, `hq_nonsense`.
    """
    file = parse_file(data)
    try:
        envelope = open_file(file, identity.store_key)
    except LoyaltyError:
        if file.terminal_id != identity.terminal_id:
            return None
        raise
    return opened(envelope, identity)


def _by_old_key(conn: Connection, identity: Terminal, data: bytes, error: LoyaltyError) -> LoyaltyError:
    """Return why a file is refused: an old one that HQ signed itself is no reason for alarm."""
    if error.code != "hq_wrong_key":
        return error
    present = terminal.read(conn).hq_public_key
    believed = hq_keys.believed(conn, "server")
    before = {one: public_key for one, public_key in believed.items() if public_key != present}
    try:
        open_sealed(open_file(parse_file(data), identity.store_key), "dangol/reply/1", before)
    except LoyaltyError:
        return error
    sentence = "it is an old file, signed by a key of HQ's that this till believes no more: leave it"
    return LinkError(sentence, code="hq_key_old")


def _installed(conn: Connection, identity: Terminal, name: str, data: bytes) -> Imported:
    reply, of = _reply(identity, data), parse_file(data).terminal_id
    if reply is None:
        return Imported(file=name, became="left", terminal=of)
    with transaction(conn):
        held, stood, versions = _held(conn), members.cursors(conn), len(programmes.envelopes(conn))
        stood_in = terminal.read(conn).epoch
        request = exported.number(conn, reply.nonce)
        if request is None:
            latest, moved = False, install_loose(conn, reply)
        else:
            latest = _is_latest(conn, request, reply)
            moved = install(conn, reply, latest=latest, carried=True).moved
        stands = members.cursors(conn)
        taken = [
            page
            for page in reply.pages
            if stood.get(page.bucket, 0) < page.to_cursor <= stands.get(page.bucket, 0)
        ]
        unasked = "unasked" if of == identity.terminal_id else "left"
        return Imported(
            file=name,
            became="installed" if moved else "known" if request is not None else unasked,
            terminal=of,
            acknowledged=tuple(sorted(_held(conn).items() - held.items())),
            epoch=epoch if (epoch := terminal.read(conn).epoch) > stood_in else 0,
            members=sum(len(page.rows) for page in taken),
            programmes=len(programmes.envelopes(conn)) - versions,
            refusals=tuple(
                [
                    f"{one.epoch}.{one.first_seq}: {one.sentence} ({one.code})"
                    for one in (reply.refusals if latest else ())
                    if outbox.acknowledged(conn, one.epoch) < one.first_seq
                ]
            ),
        )


def _is_latest(conn: Connection, request: int, reply: Reply) -> bool:
    """Tell whether HQ has said nothing later to this till, by stick or by line."""
    latest, by_line_ms = exported.answer(conn, request, reply.hq_time_ms), outbox.link(conn).hq_time_ms
    return latest and (by_line_ms is None or by_line_ms <= reply.hq_time_ms)


def _held(conn: Connection) -> dict[int, int]:
    """Return by epoch up to where HQ is known to hold this journal."""
    return {epoch: outbox.acknowledged(conn, epoch) for epoch, branch in journal.epochs(conn) if branch == 0}


def _refused(name: str, error: LoyaltyError) -> Imported:
    """Return what is told of a file that cannot be used.

    Raises:
        StickError: `stick_gone`: the others cannot, either.
    """
    if isinstance(error, StickError) and error.code == "stick_gone":
        raise error
    return Imported(file=name, became="refused", code=error.code, sentence=str(error))
