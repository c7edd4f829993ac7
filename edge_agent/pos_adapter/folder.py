"""The watched folder: settled files -> rows -> recorded, each receipt once over crashes and re-exports.

A file is taken when it has not changed for `settle_ms`, once in each state of it (size and mtime). It is
never moved or changed: it belongs to the till's software. File events make it quick, the rescan is the
promise.
"""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from edge_agent.clock import Clock
from edge_agent.config import EdgeConfig, Folder
from edge_agent.pos_adapter import intake
from edge_agent.pos_adapter.rows import ADAPTERS, Row, adapter_of, is_unfinished, rows_of, shown
from edge_agent.recorder import Recorder
from edge_agent.store import files, quarantine
from edge_agent.store.database import Connection
from edge_agent.store.files import Taken
from edge_agent.store.writer import Writer
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_shell.exposition import Counter, Family

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

WHOLE_FILE: Final = "file"
"""The place of what is refused as a whole."""

log = logging.getLogger(__name__)


class _State(NamedTuple):
    size: int
    mtime_ns: int


class WatchedFolder:
    """Takes the files of one folder as they settle. `run` ends when cancelled.

    `changed` wakes it; it calls `recorded` when there is something new to send.
    """

    def __init__(
        self,
        config: EdgeConfig,
        folder: Folder,
        clock: Clock,
        writer: Writer,
        recorder: Recorder,
        *,
        recorded: Callable[[], None],
    ) -> None:
        self._config = config
        self._folder = folder
        self._clock = clock
        self._writer = writer
        self._recorder = recorder
        self._recorded = recorded
        self._seen: dict[str, tuple[_State, int]] = {}
        self._taken: dict[str, tuple[int, int]] = {}
        self._paths: dict[str, Path] = {}
        self._crowded: dict[str, _State] = {}
        self.changed = asyncio.Event()
        self.files = Counter("dangol_edge_folder_files_total", "Files of the watched folder that were taken.")
        self.refusals = Counter(
            "dangol_edge_folder_refusals_total", "Refused receipts and files of the watched folder.", "code"
        )
        self.failures = Counter(
            "dangol_edge_folder_failures_total",
            "Looks at the watched folder or a file of it that failed.",
        )

    def families(self) -> list[Family]:
        """Return what has been counted."""
        return [one.family() for one in (self.files, self.refusals, self.failures)]

    async def run(self) -> None:
        """Scan whenever something changed, and every `rescan_ms`, until cancelled."""
        observer = await asyncio.to_thread(self._observe, asyncio.get_running_loop())
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
            self.failures.add()
            log.warning("folder_unreadable", extra={"error": type(error).__name__})
            return False
        now_ms = self._clock.monotonic_ms()
        self._seen = {path: self._first_seen(path, state, now_ms) for path, state in found.items()}
        waiting = False
        if self._crowded:
            room = await self._writer.do(self._has_room, urgent=False)
            self._crowded = {} if room else self._crowded
        for path, (state, since_ms) in sorted(self._seen.items(), key=lambda item: item[1][0].mtime_ns):
            age_ms = now_ms - since_ms
            if self._crowded.get(path) == state:
                continue
            if age_ms < self._folder.settle_ms:
                waiting = True
                continue
            try:
                waiting |= not await self._take(path, state, age_ms)
            except LoyaltyError as error:
                log.warning("file_not_taken", extra={"code": error.code})
                waiting = True
        return waiting

    def _has_room(self, conn: Connection) -> bool:
        return quarantine.count_open(conn) < self._config.quarantine_rows_max

    def _first_seen(self, path: str, state: _State, now_ms: int) -> tuple[_State, int]:
        before = self._seen.get(path)
        return before if before is not None and before[0] == state else (state, now_ms)

    def _look(self) -> dict[str, _State]:
        """Return the state of each receipt file that is to be taken: regular ones only, no links followed."""
        found: dict[str, _State] = {}
        for entry in self._folder.path.iterdir():
            if entry.suffix.lower() not in ADAPTERS or entry.name.startswith((".", "~")):
                continue
            try:
                about = entry.lstat()
            except FileNotFoundError:
                continue
            state, name = _State(about.st_size, about.st_mtime_ns), shown(entry.name)
            if stat.S_ISREG(about.st_mode) and self._taken.get(name) != state:
                found[name] = state
                self._paths[name] = entry
            if len(found) >= self._folder.files_max:
                log.warning("folder_crowded", extra={"count": self._folder.files_max})
                break
        return found

    async def _take(self, path: str, state: _State, age_ms: int) -> bool:
        """Take one file; False while its last line seems unfinished."""
        adapter = adapter_of(path)
        try:
            data = await asyncio.to_thread(self._read, path, state)
            if age_ms < self._folder.unfinished_ms and is_unfinished(adapter, data):
                return False
            tally = await self._take_rows(path, adapter, data)
        except OSError as error:
            self.failures.add()
            log.warning("file_unreadable", extra={"error": type(error).__name__})
            return False
        except BadInput as error:
            return await self._refuse(path, adapter, state, error)
        except LoyaltyError:
            raise
        except Exception:
            log.exception("file_failed")
            broken = BadInput(f"{path} breaks this agent: the log says more", code="file_unreadable")
            return await self._refuse(path, adapter, state, broken)
        if tally.get("unkept"):
            self._crowded[path] = state
            log.warning("file_waits_for_quarantine", extra={"count": tally["unkept"]})
            return True
        await self._writer.do(lambda conn: quarantine.settle_place(conn, path, WHOLE_FILE), urgent=False)
        await self._note(path, state, tally)
        return True

    async def _take_rows(self, path: str, adapter: str, data: bytes) -> dict[str, int]:
        tally: dict[str, int] = {}
        expected = await self._writer.do(
            lambda conn: self._recorder.expectations(self._recorder.books(conn)), urgent=False
        )
        understood = intake.chunks(rows_of(adapter, data, self._folder.csv), expected, adapter)
        while chunk := await asyncio.to_thread(next, understood, None):
            while chunk:
                taken = await self._writer.do(self._job(path, adapter, chunk), urgent=False)
                for became in taken:
                    what = became.became if became.kept else "unkept"
                    tally[what] = tally.get(what, 0) + 1
                    if became.code:
                        self.refusals.add(became.code)
                chunk = chunk[len(taken) :]
                if any(became.became == "recorded" for became in taken):
                    self._recorded()
        return tally

    def _job(
        self, path: str, adapter: str, chunk: list[intake.Understood]
    ) -> Callable[[Connection], list[intake.Became]]:
        return lambda conn: intake.take(
            conn, self._recorder, self._config, chunk, source=path, adapter=adapter, clock=self._clock
        )

    async def _refuse(self, path: str, adapter: str, state: _State, error: BadInput) -> bool:
        self.refusals.add(error.code)
        now_ms = self._clock.wall_ms()
        row = Row(place=WHOLE_FILE, raw=b"")
        await self._writer.do(
            lambda conn: intake.set_aside(
                conn, self._config, row, error, source=path, adapter=adapter, now_ms=now_ms
            ),
            urgent=False,
        )
        await self._note(path, state, {"refused": 1})
        return True

    async def _note(self, path: str, state: _State, tally: dict[str, int]) -> None:
        taken = Taken(
            path=path,
            size=state.size,
            mtime_ns=state.mtime_ns,
            recorded=tally.get("recorded", 0),
            repeated=tally.get("repeated", 0),
            refused=tally.get("refused", 0),
            taken_at_ms=self._clock.wall_ms(),
        )
        await self._writer.do(lambda conn: files.put(conn, taken), urgent=False)
        self._taken[path] = state
        self.files.add()
        log.info(
            "file_taken",
            extra={"recorded": taken.recorded, "repeated": taken.repeated, "refused": taken.refused},
        )

    def _read(self, path: str, state: _State) -> bytes:
        if state.size > self._folder.file_bytes_max:
            raise BadInput(
                f"{path} has {state.size} bytes, more than the {self._folder.file_bytes_max} that are taken: "
                "split it",
                code="file_too_large",
            )
        # What was a regular file a moment ago may be a link or a pipe now.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        with os.fdopen(os.open(self._paths[path], flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise OSError(f"{path} is no regular file")
            return file.read(self._folder.file_bytes_max)

    def _observe(self, loop: asyncio.AbstractEventLoop) -> BaseObserver | None:
        """Return a running observer that wakes the scan, or None where the system has no file events."""
        from watchdog.events import FileSystemEvent, FileSystemEventHandler
        from watchdog.observers import Observer

        class Waker(FileSystemEventHandler):
            def __init__(self, changed: asyncio.Event) -> None:
                self._changed = changed

            def on_any_event(self, event: FileSystemEvent) -> None:
                if event.event_type in {"created", "modified", "moved", "closed"}:
                    loop.call_soon_threadsafe(self._changed.set)

        observer = Observer()
        observer.schedule(Waker(self.changed), str(self._folder.path))
        try:
            observer.start()
        except OSError as error:
            log.warning("file_events_missing", extra={"error": type(error).__name__})
            return None
        return observer


def path_of(folder: Folder) -> Path:
    """Return the folder's path.

    Raises:
        BadInput: `folder_missing`.
    """
    if not folder.path.is_dir():
        raise BadInput(
            f"the watched folder {folder.path} is not there: make it, or correct folder.path",
            code="folder_missing",
        )
    return folder.path
