"""Events of the file system, which make the watched folder quick; what they miss the rescan finds."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

log = logging.getLogger(__name__)


def observer_of(path: Path, wake: Callable[[], object]) -> BaseObserver | None:
    """Return a running observer that calls `wake` when something in a folder changes, on a thread of its own.

    None where the system has no file events.
    """
    from watchdog.events import FileSystemEvent, FileSystemEventHandler
    from watchdog.observers import Observer

    class Waker(FileSystemEventHandler):
        def on_any_event(self, event: FileSystemEvent) -> None:
            if event.event_type in {"created", "modified", "moved", "closed"}:
                wake()

    observer = Observer()
    observer.schedule(Waker(), str(path))
    try:
        observer.start()
    except OSError as error:
        log.warning("file_events_missing", extra={"error": type(error).__name__})
        return None
    return observer
