"""Logs as JSON lines on standard error, for journald. They hold no names, numbers, tokens or keys."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import msgspec
from aiohttp.http_exceptions import HttpProcessingError


class JsonLines(logging.Formatter):
    """One line a record: time, level, where, event, and the trace of an error."""

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(int(record.created), UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        if record.exc_info:
            line["trace"] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


class Strangers(logging.Filter):
    """Whoever sends what is not HTTP makes one line without a trace: it is no fault of the server."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], HttpProcessingError):
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg, record.args, record.exc_info = "a request was not HTTP", (), None
        return True


def connection_log() -> logging.Logger:
    """Return where aiohttp says what went wrong on a connection."""
    log = logging.getLogger("hq_server.connections")
    if not log.filters:
        log.addFilter(Strangers())
    return log


def start_logging() -> None:
    """Send every record to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)
