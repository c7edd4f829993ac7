"""Logs as JSON lines on standard error, for journald: an event, and fields that say nothing of persons.

What an exception or a library says may quote what somebody sent, so only its kind and its place are told. The
same line again is held back for a while, so that a fault that lasts a month fills no disk.
"""

from __future__ import annotations

import errno
import logging
import sys
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final, TextIO

import msgspec

from loyalty_core.errors import LoyaltyError
from loyalty_shell.refusals import is_journal

QUIET_SECONDS: Final = 600
"""For how long the same line is said once only; the next one says how many were held back."""
LINES_MAX: Final = 500
"""How many lines are remembered for that; the one that was first said longest ago is forgotten first."""
TEXT_MAX: Final = 500
FRAMES_MAX: Final = 30

_OURS: Final = frozenset({"edge_agent", "hq_server", "loyalty_shell"})
"""Whose lines are events; what others say are libraries' words."""
_PLAIN: Final = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}
_PRIORITIES: Final = {"DEBUG": 7, "INFO": 6, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
"""The numbers of syslog, by which journald sorts."""

log = logging.getLogger(__name__)


class JsonLines(logging.Formatter):
    """One line a record: time, level, where, event, its fields, and of an error its kind and its way.

    `with_priority` puts before it how journald is told the level.
    """

    def __init__(self, *, with_priority: bool = False) -> None:
        super().__init__()
        self._with_priority = with_priority

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(int(record.created), UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        if record.name.partition(".")[0] in _OURS:
            line |= {"event": record.msg, **_fields(record)}
        else:
            line |= {"event": "library_spoke", "place": f"{record.module}:{record.lineno}"}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line |= {"error": _kind(error), "trace": list(_way(error))[-FRAMES_MAX:]}
        text = msgspec.json.encode(line, enc_hook=str).decode()
        return f"<{_PRIORITIES.get(record.levelname, 6)}>{text}" if self._with_priority else text


class Sparing(logging.StreamHandler[TextIO]):
    """Says the same line again only after `QUIET_SECONDS`."""

    def __init__(self) -> None:
        super().__init__(sys.stderr)
        self._said: dict[str, tuple[float, int]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        line = repr((record.name, record.msg, record.lineno, _fields(record)))
        said_at, held = self._said.get(line, (0.0, 0))
        if 0 <= record.created - said_at < QUIET_SECONDS:
            self._said[line] = said_at, held + 1
            return
        self._said.pop(line, None)
        if len(self._said) >= LINES_MAX:
            del self._said[next(iter(self._said))]
        self._said[line] = record.created, 0
        if held:
            record.held_back = held
        super().emit(record)


def start_logging() -> None:
    """Send every record to standard error, and what nobody catches too."""
    handler = Sparing()
    handler.setFormatter(JsonLines(with_priority=is_journal()))
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    logging.raiseExceptions = False
    sys.excepthook = lambda _, error, __: log.critical("program_failed", exc_info=error)
    threading.excepthook = lambda failed: log.error("thread_failed", exc_info=failed.exc_value)
    sys.unraisablehook = lambda failed: log.error("clean_up_failed", exc_info=failed.exc_value)


def log_refusal(code: str, sentence: str) -> None:
    """Log why a command was refused, in the words that people get on a terminal."""
    start_logging()
    log.error("command_refused", extra={"code": code, "sentence": sentence})


def _fields(record: logging.LogRecord) -> dict[str, object]:
    """Return what a record says besides its event."""
    return {
        name: value[:TEXT_MAX] if isinstance(value, str) else value
        for name, value in record.__dict__.items()
        if name not in _PLAIN
    }


def _kind(error: BaseException) -> str:
    """Return the name of an error with its stable code, but none of its words."""
    code: object = getattr(error, "sqlite_errorname", None)
    if isinstance(error, LoyaltyError):
        code = error.code[:TEXT_MAX]
    elif isinstance(error, OSError):
        code = errno.errorcode.get(error.errno or 0)
    name = type(error).__name__
    return f"{name} {code}" if isinstance(code, str) else name


def _way(error: BaseException) -> Iterator[str]:
    """Yield where an error came along and what it was then, its cause first."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _way(before)
    for frame, line in traceback.walk_tb(error.__traceback__):
        yield f"{frame.f_globals.get('__name__', '')}:{line} {frame.f_code.co_name}"
    yield _kind(error)
