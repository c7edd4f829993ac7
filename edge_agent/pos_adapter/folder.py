"""The watched folder: settled files -> rows -> recorded, each receipt once over crashes and re-exports.

A file is taken when it has not changed for `settle_ms`, once in each state of it (size and mtime). It is then
left, moved or deleted, as the settings say (ADR 0038). File events make it quick, the rescan is the promise.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import BinaryIO, Final

from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig, Folder
from edge_agent.pos_adapter import adapters, intake
from edge_agent.pos_adapter.folder_events import observer_of
from edge_agent.pos_adapter.folder_files import (
    Looked,
    Lying,
    Reading,
    State,
    is_as_it_was,
    look,
    put_away,
)
from edge_agent.pos_adapter.folder_meters import Meters
from edge_agent.pos_adapter.rows import Row
from edge_agent.recorder import Recorder
from edge_agent.store import files, quarantine
from edge_agent.store.database import Connection
from edge_agent.store.files import Taken, Tally
from edge_agent.store.writer import Writer
from loyalty_core.errors import BadInput, LoyaltyError

WHOLE_FILE: Final = "file"
"""The place of what is refused as a whole."""

log = logging.getLogger(__name__)


class WatchedFolder:
    """Takes the files of one folder as they settle. `run` ends when cancelled.

    `changed` wakes it; it calls `recorded` when there is something new to send.
    """

    def __init__(
        self,
        config: EdgeConfig,
        clock: Clock,
        writer: Writer,
        recorder: Recorder,
        meters: Meters,
        *,
        recorded: Callable[[], None],
    ) -> None:
        self._config = config
        self._folder = _folder(config)
        self._clock = clock
        self._writer = writer
        self._recorder = recorder
        self._recorded = recorded
        self._meters = meters
        self._endings = frozenset(adapters.endings_of(config.folder))
        self._seen: dict[str, tuple[State, int]] = {}
        self._taken: dict[str, tuple[int, int]] = {}
        self._crowded: dict[str, State] = {}
        self._told: dict[str, State] = {}
        self.changed = asyncio.Event()

    async def run(self) -> None:
        """Scan whenever something changed, and every `rescan_ms`, until cancelled."""
        wake = partial(asyncio.get_running_loop().call_soon_threadsafe, self.changed.set)
        observer = await asyncio.to_thread(observer_of, self._folder.path, wake)
        try:
            await self._writer.do(files.forget_refused, urgent=False)
            self._taken = await self._writer.do(files.fingerprints, urgent=False)
            while True:
                self.changed.clear()
                waiting = await self.scan()
                wait_ms = self._folder.settle_ms if waiting else self._folder.rescan_ms
                try:
                    async with asyncio.timeout(wait_ms / 1000):
                        await self.changed.wait()
                except TimeoutError:
                    continue
        finally:
            if observer is not None:
                observer.stop()
                await asyncio.to_thread(observer.join)

    async def scan(self) -> bool:
        """Take every settled file that is new or changed; tell whether some still settle."""
        try:
            found = await asyncio.to_thread(self._look)
        except OSError as error:
            self._meters.failures.add()
            log.warning("folder_unreadable", extra={"error": type(error).__name__})
            return False
        if found.hidden:
            self._meters.failures.add()
            log.warning("files_unreadable", extra={"count": found.hidden})
        now_ms = self._clock.monotonic_ms()
        new = found.new
        self._seen = {name: self._first_seen(name, lying.state, now_ms) for name, lying in new.items()}
        self._told = {name: state for name, state in self._told.items() if name in new or name in found.taken}
        waiting = found.more
        if found.more:
            log.warning("folder_crowded", extra={"count": self._folder.files_max})
        if self._crowded:
            room = await self._writer.do(self._has_room, urgent=False)
            self._crowded = {} if room else self._crowded
        for name, (state, since_ms) in sorted(self._seen.items(), key=lambda item: item[1][0].mtime_ns):
            age_ms = now_ms - since_ms
            if self._crowded.get(name) == state:
                continue
            if age_ms < self._folder.settle_ms:
                waiting = True
                continue
            try:
                waiting |= not await self._take(name, new[name], age_ms)
            except LoyaltyError as error:
                log.warning("file_not_taken", extra={"code": error.code})
                waiting = True
        if self._folder.after != "keep":
            staying = await self._writer.do(files.staying, urgent=False)
            for name, lying in found.taken.items():
                if name not in staying:
                    await self._put_away(name, lying)
        return waiting

    def _has_room(self, conn: Connection) -> bool:
        return quarantine.count_open(conn) < self._config.quarantine_rows_max

    def _first_seen(self, name: str, state: State, now_ms: int) -> tuple[State, int]:
        before = self._seen.get(name)
        return before if before is not None and before[0] == state else (state, now_ms)

    def _look(self) -> Looked:
        return look(self._folder, self._endings, self._taken)

    async def _take(self, name: str, lying: Lying, age_ms: int) -> bool:
        """Take one file; False while it seems unfinished or changes."""
        kind = adapters.name_for(name, self._folder)
        reading = Reading(name, lying, self._folder.file_bytes_max)
        refused_at: set[str] = set()
        try:
            with reading:
                file = await asyncio.to_thread(reading.open)
                tally = await self._take_rows(name, kind, file, age_ms, refused_at)
                changed = not is_as_it_was(file, lying.state)
        except FileNotFoundError:
            return False
        except OSError as error:
            return await self._wait_for(name, kind, lying, error)
        except BadInput as error:
            return await self._refuse(name, kind, lying, error)
        except LoyaltyError:
            raise
        except Exception:
            log.exception("file_failed")
            broken = BadInput(f"{name} breaks this agent: the log says more", code="file_unreadable")
            return await self._refuse(name, kind, lying, broken)
        if tally is None or changed:
            return False
        if tally.get("unkept"):
            self._crowded[name] = lying.state
            log.warning("file_waits_for_quarantine", extra={"count": tally["unkept"]})
            return True
        await self._note(name, lying, tally, is_refused=WHOLE_FILE in refused_at)
        return True

    async def _take_rows(
        self, name: str, kind: str, file: BinaryIO, age_ms: int, refused_at: set[str]
    ) -> dict[str, int] | None:
        """Take the rows of a file and count what became of them; None while it seems unfinished."""
        adapter = adapters.adapter_of(kind, name, self._config)
        if age_ms < self._folder.unfinished_ms:
            unfinished = await asyncio.to_thread(adapter.is_unfinished, file)
            file.seek(0)
            if unfinished:
                return None
        tally: dict[str, int] = {}
        expected = await self._writer.do(
            lambda conn: self._recorder.expectations(self._recorder.books(conn)), urgent=False
        )
        rows = adapter.rows(file, adapters.here(expected, kind, name, self._config))
        understood = intake.chunks(rows, expected, kind)
        while chunk := await asyncio.to_thread(_next, understood):
            while chunk:
                taken = await self._writer.do(self._job(name, kind, chunk, refused_at), urgent=False)
                for became in taken:
                    self._meters.count(kind, became, tally)
                chunk = chunk[len(taken) :]
                if any(became.became == "recorded" for became in taken):
                    self._recorded()
        return tally

    def _job(
        self, name: str, adapter: str, chunk: list[intake.Understood], refused_at: set[str]
    ) -> Callable[[Connection], list[intake.Became]]:
        return lambda conn: intake.take(
            conn,
            self._recorder,
            self._config,
            chunk,
            source=name,
            adapter=adapter,
            clock=self._clock,
            refused_at=refused_at,
        )

    async def _wait_for(self, name: str, adapter: str, lying: Lying, error: OSError) -> bool:
        """Say once of a file in this state that it cannot be read; it is tried again at each look."""
        self._meters.failures.add()
        if self._told.get(name) == lying.state:
            return True
        log.warning("file_unreadable", extra={"error": type(error).__name__})
        sentence = (
            f"{name} cannot be read ({error.strerror or type(error).__name__}): it is tried again and again"
        )
        await self._set_aside(name, adapter, BadInput(sentence, code="file_unreadable"))
        self._told[name] = lying.state
        return True

    async def _refuse(self, name: str, adapter: str, lying: Lying, error: BadInput) -> bool:
        self._meters.refusals.add(error.code)
        await self._set_aside(name, adapter, error)
        await self._note(name, lying, {"refused": 1, "cut": 1}, is_refused=True)
        return True

    async def _set_aside(self, name: str, adapter: str, error: BadInput) -> None:
        now_ms = self._clock.wall_ms()
        row = Row(place=WHOLE_FILE, raw=b"")
        await self._writer.do(
            lambda conn: intake.set_aside(
                conn, self._config, row, error, source=name, adapter=adapter, now_ms=now_ms
            ),
            urgent=False,
        )

    async def _note(
        self, name: str, lying: Lying, tally: dict[str, int], *, is_refused: bool = False
    ) -> None:
        told = Tally(**{one: tally.get(one, 0) for one in Tally.__struct_fields__})
        taken = Taken(
            path=name,
            adapter=adapters.name_for(name, self._folder),
            size=lying.state.size,
            mtime_ns=lying.state.mtime_ns,
            tally=told,
            stays=tally.get("cut", 0) > 0,
            taken_at_ms=self._clock.wall_ms(),
        )

        def job(conn: Connection) -> None:
            if not is_refused:
                quarantine.settle_place(conn, name, WHOLE_FILE)
            files.put(conn, taken)

        await self._writer.do(job, urgent=False)
        self._taken[name] = lying.state
        self._meters.files.add()
        log.info(
            "file_taken",
            extra={
                "recorded": told.recorded,
                "repeated": told.repeated,
                "refused": told.refused,
                "passed": told.passed,
                "noticed": told.noticed,
            },
        )
        if not taken.stays:
            await self._put_away(name, lying)

    async def _put_away(self, name: str, lying: Lying) -> None:
        """Move or delete a file that was taken; if that fails it is said once, and tried again."""
        if self._folder.after == "keep":
            return
        try:
            await asyncio.to_thread(put_away, self._folder, lying)
        except OSError as error:
            self._meters.failures.add()
            if self._told.get(name) != lying.state:
                self._told[name] = lying.state
                log.warning("file_not_put_away", extra={"error": type(error).__name__})
            return
        await self._writer.do(lambda conn: files.forget(conn, name), urgent=False)
        self._taken.pop(name, None)


def _folder(config: EdgeConfig) -> Folder:
    if config.folder is None:
        raise ValueError("these settings have no folder to watch")
    return config.folder


def _next(understood: Iterator[list[intake.Understood]]) -> list[intake.Understood] | None:
    return next(understood, None)
