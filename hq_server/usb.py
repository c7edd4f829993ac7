"""The road by stick: files from tills are taken as requests of the line are, and replies written beside them.

A file is a request of `POST /v1/exchange`: the same functions, the same refusals, each in one transaction.
Works while the server serves, and lets it have its turn between two files.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Final

import msgspec

from hq_server.accept import Opened, open_exchange
from hq_server.exchange import Answering, take
from hq_server.house import load_house
from hq_server.store.connection import Transaction
from hq_server.store.database import Database
from hq_server.usb_requests import (
    OF_A_FILE,
    Asked,
    Taken,
    Took,
    asked,
    body_of,
    heads,
    part,
    passed_by,
    refused,
    taken,
    tried,
)
from loyalty_core.errors import LoyaltyError
from loyalty_core.stick import FILE_BYTES_MAX, SALT_BYTES, TO_HQ, TO_TILL, parse_file
from loyalty_core.units import EpochMs
from loyalty_shell.refusals import of_system
from loyalty_shell.stick import find_files, read_file, write_file
from loyalty_shell.stick_archives import unpack_all

PAUSE_S: Final = 0.12
"""Between two files while a server runs: where it waits, it looks every 0.1 s whether it is its turn."""
PARTS_MAX: Final = 200
"""The most replies to one request; members that do not fit are told of with the till's next."""
Tell = Callable[[Took], None]


class Stick:
    """A folder at headquarters. `run` takes what tills wrote there, and writes what they are told."""

    def __init__(
        self, database: Database, answering: Answering, folder: Path, now_ms: Callable[[], EpochMs]
    ) -> None:
        self._database = database
        self._answering = answering
        self._folder = folder
        self._now_ms = now_ms

    async def run(self, tell: Tell, *, dry_run: bool, pause_s: float) -> None:
        """Tell what became of each file, once that is durable and its replies are on the stick.

        With `dry_run`, what would become of it; nothing is kept or written. Doing it again is harmless.

        Raises:
            StickError: `folder_unreadable`, `folder_too_full`, `nothing_to_import`, `stick_gone`.
            NotReady: no programme is published.
            Busy: another process holds the database.
        """
        outcomes: Counter[str] = Counter()

        def note(one: Took) -> None:
            outcomes[one.code or one.became] += 1
            tell(one)

        try:
            if not dry_run:
                await self._unpack(note)
            found = await self._look(find_files(self._folder, TO_HQ), note)
            for _, requests in groupby(found, key=lambda one: one.terminal_id):
                if dry_run:
                    await self._try(list(requests), note)
                else:
                    await self._take(list(requests), note, pause_s)
        finally:
            if outcomes and not dry_run:
                await self._database.write(partial(_count, outcomes=outcomes))

    async def _unpack(self, note: Tell) -> None:
        """Take the files out of archives that lie there unopened."""
        archives = await asyncio.to_thread(lambda: list(unpack_all(self._folder, TO_HQ, FILE_BYTES_MAX)))
        for name, error in archives:
            note(refused(name, error))

    async def _look(self, names: Sequence[str], note: Tell) -> list[Asked]:
        """Return the requests, one of each, in the order in which they are to be taken; note all else."""
        found: dict[bytes, Asked] = {}
        for name in names:
            try:
                body = await self._body(name)
                one = asked(name, body)
            except OF_A_FILE as error:
                note(refused(name, error))
                continue
            if found.setdefault(hashlib.sha256(body).digest(), one) is not one:
                note(Took(file=name, became="repeated", terminal=one.terminal_id))
        return sorted(found.values())

    async def _try(self, requests: list[Asked], note: Tell) -> None:
        """Note what would become of each request of one till."""
        held: dict[int, int] = {}
        for one in requests:
            try:
                opened = await self._opened(one.name)
            except OF_A_FILE as error:
                note(refused(one.name, error, one.terminal_id))
                continue
            held = held or await self._database.read(partial(heads, terminal=opened.terminal))
            note(tried(one.name, opened, held))

    async def _take(self, requests: list[Asked], note: Tell, pause_s: float) -> None:
        """Take the requests of one terminal, and tell the newest of each of its machines of members.

        Those of the others are answered without; copies of one disk are several machines.
        """
        newest: list[Taken] = []
        for one in requests:
            try:
                opened = await self._opened(one.name)
                now_ms = self._now_ms()
                outcome = await take(self._database, self._answering, opened, now_ms, carried=True)
            except OF_A_FILE as error:
                note(refused(one.name, error, one.terminal_id))
                continue
            done = await self._database.read(partial(taken, asked=one, opened=opened, outcome=outcome))
            newest, passed = passed_by(newest, done)
            for earlier in passed:
                note(await self._answer(earlier, rows_max=0))
            await asyncio.sleep(pause_s)
        for latest in newest:
            note(await self._answer(latest, rows_max=self._answering.snapshot_rows_max))

    async def _answer(self, one: Taken, *, rows_max: int) -> Took:
        """Return what became of a request once its replies are on the stick, with so many members in each.

        What was kept is kept, also where a reply cannot be written.
        """
        answering = msgspec.structs.replace(self._answering, snapshot_rows_max=rows_max)
        told, opened = one.told, one.opened
        stem, names, members, more = told.file[: -len(TO_HQ)], list[str](), 0, True
        now_ms = self._now_ms()
        while more and len(names) < PARTS_MAX:
            made = await self._database.read(
                partial(
                    part,
                    answering=answering,
                    opened=opened,
                    outcome=one.outcome,
                    now_ms=now_ms,
                    salt=os.urandom(SALT_BYTES),
                )
            )
            name = f"{stem}{f'.{len(names) + 1}' if names else ''}{TO_TILL}"
            try:
                await asyncio.to_thread(write_file, self._folder, name, made.sealed)
            except OSError as error:
                return _unanswered(told, error)
            names.append(name)
            members, more, opened = members + made.members, made.more, made.rest
        return msgspec.structs.replace(told, replies=tuple(names), members=members, more=more)

    async def _opened(self, name: str) -> Opened:
        """Return the verified request in a file."""
        body = await self._body(name)
        return await self._database.read(
            lambda tx: open_exchange(tx, body, load_house(tx).newest.programme_id, self._now_ms())
        )

    async def _body(self, name: str) -> bytes:
        """Return the bytes of a request in a file.

        Raises:
            StickError, BadWire, TerminalRefused: it cannot be read, is not whole, or its till is not known.
        """
        file = parse_file(await asyncio.to_thread(read_file, self._folder, name, FILE_BYTES_MAX))
        return await self._database.read(partial(body_of, file=file))


def _unanswered(told: Took, error: OSError) -> Took:
    """Return what is told of a request whose reply could not be written."""
    fault = of_system(error) or LoyaltyError(str(error), code="io_failed")
    return msgspec.structs.replace(told, code=fault.code, sentence=f"its reply is not written: {fault}")


def _count(tx: Transaction, outcomes: Counter[str]) -> None:
    tx.many("house.count_imported", list(outcomes.items()))
