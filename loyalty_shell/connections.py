"""What is logged of connections that fail, apart from `logs`, which loads no network."""

from __future__ import annotations

import logging
from typing import Final

from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web import RequestPayloadError

_NOT_HTTP: Final = (HttpProcessingError, RequestPayloadError)


class Strangers(logging.Filter):
    """Gives what aiohttp says of a connection a name; whoever sends what is not HTTP is no fault of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = "connection_failed", ()
        if record.exc_info and isinstance(record.exc_info[1], _NOT_HTTP):
            record.msg, record.exc_info = "request_not_http", None
            record.levelno, record.levelname = logging.INFO, "INFO"
        return True


def connection_log() -> logging.Logger:
    """Return where aiohttp says what went wrong on a connection."""
    connections = logging.getLogger(__name__)
    if not connections.filters:
        connections.addFilter(Strangers())
    return connections
