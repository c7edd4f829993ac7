"""Errors as RFC 9457 problem documents with the stable code; the only place that knows HTTP statuses."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from edge_agent.guard import is_of_pages, room_of
from edge_agent.store.database import DatabaseError, StoreError, store_error
from loyalty_core.errors import BadInput, LoyaltyError
from loyalty_shell.answers import Refusal
from loyalty_shell.pages.headers import PAGE
from loyalty_shell.refusals import of_system

log = logging.getLogger(__name__)

_STATUS: Final = {
    "body_unreadable": 400,
    "json_invalid": 400,
    "encoding_wrong": 400,
    "idempotency_key_missing": 400,
    "token_wrong": 401,
    "form_stale": 403,
    "role_observes": 403,
    "origin_refused": 403,
    "member_unknown": 404,
    "event_unknown": 404,
    "redemption_unknown": 404,
    "quarantine_unknown": 404,
    "record_unknown": 404,
    "path_unknown": 404,
    "method_unknown": 405,
    "receipt_conflict": 409,
    "idempotency_conflict": 409,
    "member_known": 409,
    "claim_refused": 409,
    "redemption_committed": 409,
    "redemption_cancelled": 409,
    "redemption_lapsed": 409,
    "receipt_taken_back": 409,
    "coupon_used": 409,
    "body_too_large": 413,
    "host_refused": 421,
    "quarantine_full": 503,
    "redemptions_full": 503,
    "not_enrolled": 503,
    "join_later": 429,
    "sealing_key_missing": 503,
    "stopping": 503,
    "disk_failed": 503,
    "disk_full": 507,
    "disk_read_only": 507,
    "disk_unreadable": 503,
}
_BAD_INPUT, _FAILED = 422, 500
_CODES: Final = {404: "path_unknown", 405: "method_unknown", 413: "body_too_large"}
_SENTENCES: Final = {
    404: "there is nothing at this address: see /openapi.json",
    405: "this address does not take this method: see /openapi.json",
    413: "the request is larger than this till takes",
}


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    code: str


def problem(error: LoyaltyError) -> Refusal:
    """Return the answer that says what went wrong."""
    fallback = _BAD_INPUT if isinstance(error, BadInput) else _FAILED
    if isinstance(error, StoreError) and error.code not in _STATUS:
        fallback = 503
    return _response(_STATUS.get(error.code, fallback), error.code, str(error))


@web.middleware
async def problems(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Render every error of a handler: as a page for browsers, else as a problem document."""
    try:
        return await handler(request)
    except Exception as error:  # noqa: BLE001 - what is not known of is logged and told as such
        refusal = _refusal(error)
    if not is_of_pages(request.path):
        return refusal
    if refusal.status == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET":
        return see_other(room_of(request.path))  # where a form was sent to, loaded anew
    return _as_page(request, refusal)


def _refusal(error: Exception) -> Refusal:
    match error:
        case LoyaltyError():
            return problem(error)
        case TimeoutError():
            return _response(408, "body_slow", "the request did not arrive in time: send it again")
        case web.RequestPayloadError() | HttpProcessingError() | ConnectionError():
            return _response(400, "body_unreadable", "the request broke off or is damaged: send it again")
        case DatabaseError():
            return problem(store_error(error))
        case OSError() if (told := of_system(error)) is not None:
            log.error("request_failed", exc_info=error)
            return problem(told)
        case web.HTTPException():
            code = _CODES.get(error.status, "http_error")
            return _response(error.status, code, _SENTENCES.get(error.status, error.reason))
        case _:
            log.error("request_failed", exc_info=error)
            return _response(_FAILED, "internal_error", "something is wrong in this agent: the log says more")


def _as_page(request: web.Request, refusal: Refusal) -> Refusal:
    """Return the page that says what a problem document says."""
    from edge_agent.pages.site import problem_html

    said = msgspec.json.decode(refusal.text or "", type=Problem)
    page = Refusal(
        status=refusal.status,
        text=problem_html(request, said.code, said.detail),
        content_type="text/html",
        headers=PAGE,
    )
    page.code = refusal.code
    return page


def see_other(path: str) -> web.Response:
    """Return the answer that leads a browser to another page, by GET."""
    return web.Response(status=303, headers={**PAGE, "Location": path})


def _response(status: int, code: str, sentence: str) -> Refusal:
    document = Problem(
        type=f"urn:dangol:problem:{code}",
        title=code.replace("_", " "),
        status=status,
        detail=sentence,
        code=code,
    )
    refusal = Refusal(
        status=status,
        body=msgspec.json.encode(document),
        headers={"Content-Type": "application/problem+json"},
    )
    refusal.code = code
    return refusal
