"""Errors as HTTP: RFC 9457 problem documents with a stable code. The only place here with statuses."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from hq_server.quotas import TooMuch
from hq_server.staff.persons import NotProven
from loyalty_core.errors import LoyaltyError
from loyalty_shell.answers import Refusal

log = logging.getLogger(__name__)
_STATUS: Final = {
    "bad_input": 400,
    "body_unreadable": 400,
    "wire_malformed": 400,
    "envelope_invalid": 400,
    "key_unknown": 400,
    "token_missing": 401,
    "token_invalid": 401,
    "login_refused": 401,
    "login_too_soon": 429,
    "login_too_many": 429,
    "not_allowed": 403,
    "totp_missing": 403,
    "totp_unreadable": 503,
    "terminal_unknown": 403,
    "terminal_pending": 403,
    "terminal_revoked": 403,
    "terminal_replaced": 403,
    "key_retired": 403,
    "invite_unknown": 403,
    "invite_expired": 403,
    "invite_for_another": 403,
    "store_differs": 403,
    "terminal_taken": 403,
    "invite_used": 403,
    "key_in_use": 409,
    "same_person": 403,
    "member_not_found": 404,
    "decision_not_found": 404,
    "no_proposal": 404,
    "decision_judged": 409,
    "idempotency_conflict": 409,
    "member_erased": 409,
    "period_closed": 409,
    "period_closing": 409,
    "period_not_over": 409,
    "period_not_ready": 409,
    "nothing_to_exclude": 409,
    "gift_handed_out": 409,
    "gift_not_found": 404,
    "goodwill_spent": 409,
    "case_not_found": 404,
    "period_open": 409,
    "no_gap": 409,
    "case_open": 409,
    "case_moot": 409,
    "case_settled": 409,
    "ruling_waits": 409,
    "unlike_needs_code": 409,
    "grants_spent": 409,
    "tier_differs": 409,
    "tier_gone": 409,
    "evidence_old": 409,
    "coupon_too_many": 409,
    "merges_changed": 409,
    "period_unknown": 404,
    "feed_cursor_ended": 410,
    "not_found": 404,
    "method_not_allowed": 405,
    "body_too_slow": 408,
    "body_too_large": 413,
    "enrol_too_many": 429,
    "terminal_busy": 429,
    "terminal_over_quota": 429,
    "server_busy": 503,
    "database_busy": 503,
    "database_unreachable": 503,
    "commit_unknown": 503,
    "database_newer": 503,
    "database_moved": 503,
    "programme_missing": 503,
    "batch_archived": 503,
    "disk_failed": 503,
    "disk_unreadable": 503,
    "database_damaged": 503,
    "permission_denied": 503,
    "disk_full": 507,
    "read_only": 507,
    "key_missing": 503,
    "key_unreadable": 503,
    "key_exposed": 503,
}
_OF_STATUS: Final = {
    404: ("not_found", "there is nothing at this address: see /openapi.json"),
    405: ("method_not_allowed", "this address does not take that method: see /openapi.json"),
    413: ("body_too_large", "the request is larger than this server takes"),
}
_LAST_WORDS: Final = frozenset({"body_too_slow", "body_unreadable"})
"""What the rest of such a body says is nobody's guess, so the connection ends with the answer."""
_RETRY_AFTER_S: Final = {429: 2, 503: 2, 507: 60}
"""By status, unless it is known better: what is full for a moment, and a disk, where somebody makes room."""
PROBLEM_TYPE: Final = "application/problem+json"
BUSY: Final = "server_busy"


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """A problem document: `code` is stable, `detail` is for people."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: str


class WebError(LoyaltyError):
    """A refusal that only HTTP knows: a wrong token, too many at once."""

    code = "bad_input"


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Render every error as a problem document; what is nobody's fault but ours is logged with its trace."""
    try:
        return await handler(request)
    except (TooMuch, NotProven) as error:
        return problem(error.code, str(error), error.retry_after_s)
    except LoyaltyError as error:
        return problem(error.code, str(error))
    except web.HTTPException as error:
        if error.status in _OF_STATUS:
            refusal = problem(*_OF_STATUS[error.status])
            if isinstance(error, web.HTTPMethodNotAllowed):
                refusal.headers["Allow"] = error.headers["Allow"]
            return refusal
        if error.status < 400:
            raise
        return _render(error.status, "http_error", error.reason)
    except Exception:
        log.exception("request_failed")
        return _render(500, "server_failed", "the server failed on this request and has logged why")


def problem(code: str, sentence: str, retry_after_s: int = 0) -> Refusal:
    """Return the problem document of a code."""
    return _render(_STATUS.get(code, 400), code, sentence, retry_after_s)


def is_taken(status: int) -> bool:
    """Tell whether a receiver says that it has what it was sent; one that names another place has not."""
    return 200 <= status < 300


def is_gone(status: int) -> bool:
    """Tell whether a receiver wants nothing more."""
    return status == HTTPStatus.GONE


def not_ready(code: str, why: object) -> Refusal:
    """Return the answer of a server that is to be spared, and why; it is counted by the first code."""
    response = Refusal(body=msgspec.json.encode(why), status=503, content_type="application/json")
    response.code = code
    return response


def no_room() -> bytes:
    """Return the whole answer to somebody who is not let in."""
    busy = busy_now()
    found = problem(busy.code, str(busy))
    assert isinstance(found.body, bytes)
    heads = {**found.headers, "Content-Length": str(len(found.body)), "Connection": "close"}
    lines = [
        f"HTTP/1.1 {found.status} {found.reason}",
        *(f"{name}: {value}" for name, value in heads.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + found.body


def busy_now() -> WebError:
    """Return the refusal of what would be too much at once."""
    return WebError("headquarters is busy: try again in a moment", code=BUSY)


def _render(status: int, code: str, sentence: str, retry_after_s: int = 0) -> Refusal:
    found = Problem(title=HTTPStatus(status).phrase, status=status, detail=sentence, code=code)
    response = Refusal(body=msgspec.json.encode(found), status=status, content_type=PROBLEM_TYPE)
    response.code = code
    if code in _LAST_WORDS:
        response.force_close()
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status in _RETRY_AFTER_S:
        response.headers["Retry-After"] = str(retry_after_s or _RETRY_AFTER_S[status])
    return response
