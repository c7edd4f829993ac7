"""The OpenAPI 3.1 document of the local HTTP face, made from the very shapes that it reads and writes."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from edge_agent.pos_adapter.answers import FoundMember, ReceiptAnswer
from edge_agent.pos_adapter.handed_in import DayTotalIn
from edge_agent.pos_adapter.http import ClaimIn, PresentedIn, VisitIn
from edge_agent.pos_adapter.new_members import CONSENT_PATH, ConsentAnswer, EnrolledMember, MemberIn
from edge_agent.pos_adapter.new_members import PATH as MEMBERS_PATH
from edge_agent.pos_adapter.receipt import Receipt
from edge_agent.pos_adapter.redemptions import PATH, CommitIn, RedemptionAnswer, RedemptionIn
from edge_agent.version import VERSION
from edge_agent.web_errors import Problem

_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "schema": {"type": "string", "minLength": 1, "maxLength": 64},
}
_Write = tuple[str, tuple[type, ...], str, tuple[dict[str, Any], ...]]
"""(path, bodies, summary, parameters)"""
_REDEMPTIONS: Final[tuple[_Write, ...]] = (
    (
        PATH,
        (RedemptionIn,),
        "Set points, a reward or a coupon aside until it is committed, cancelled, or expires.",
        (_KEY,),
    ),
    (PATH + "/{id}/commit", (CommitIn,), "Spend what was set aside; the body may be left out.", ()),
    (PATH + "/{id}/cancel", (), "Let go of what was set aside.", ()),
)
_ENROLMENTS: Final[tuple[_Write, ...]] = (
    (MEMBERS_PATH, (MemberIn,), "Somebody joins, with or without a line to headquarters.", (_KEY,)),
)
_WRITES: Final[tuple[_Write, ...]] = (
    (
        "/v1/receipts",
        (Receipt, DayTotalIn),
        "Record a purchase, return, void or visit, or a day's total; the same again is the same.",
        (),
    ),
    ("/v1/visits", (VisitIn,), "Record a visit.", (_KEY,)),
    ("/v1/visits/{event}/void", (), "Undo a visit.", ()),
    ("/v1/presented", (PresentedIn,), "A card was shown: the till's next receipt is theirs.", (_KEY,)),
    ("/v1/claims", (ClaimIn,), "An anonymous purchase becomes this member's.", (_KEY,)),
)


def document() -> dict[str, Any]:
    """Return the document."""
    read = (Receipt, DayTotalIn, VisitIn, PresentedIn, ClaimIn, RedemptionIn, CommitIn, MemberIn)
    shapes = (*read, ReceiptAnswer, RedemptionAnswer, FoundMember, EnrolledMember, ConsentAnswer, Problem)
    _, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    writes: list[tuple[type, _Write]] = [(ReceiptAnswer, write) for write in _WRITES]
    writes += [(RedemptionAnswer, write) for write in _REDEMPTIONS]
    writes += [(EnrolledMember, write) for write in _ENROLMENTS]
    paths: dict[str, Any] = {
        path: {"post": _write(bodies, summary, parameters + _in_path(path), answer)}
        for answer, (path, bodies, summary, parameters) in writes
    }
    paths["/v1/members/{lookup}"] = {
        "get": {
            "summary": "Where a member stands, by card number, phone or member id.",
            "parameters": list(_in_path("/v1/members/{lookup}")),
            "responses": {"200": _content("application/json", FoundMember), "default": _problem()},
        }
    }
    paths[CONSENT_PATH] = {
        "get": {
            "summary": "What somebody agrees to who joins today.",
            "responses": {"200": _content("application/json", ConsentAnswer), "default": _problem()},
        }
    }
    for path, text in (
        ("/healthz", "Liveness."),
        ("/metrics", "Prometheus text."),
        ("/openapi.json", "This."),
    ):
        paths[path] = {"get": {"summary": text, "security": [], "responses": {"200": {"description": text}}}}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dangol edge agent", "version": VERSION},
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _write(
    bodies: tuple[type, ...], summary: str, parameters: tuple[dict[str, Any], ...], answer: type
) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": summary,
        "parameters": list(parameters),
        "responses": {"200": _content("application/json", answer), "default": _problem()},
    }
    if bodies:
        schemas = [_schema(body) for body in bodies]
        schema = schemas[0] if len(schemas) == 1 else {"oneOf": schemas}
        needed = CommitIn not in bodies
        operation["requestBody"] = {"required": needed, "content": {"application/json": {"schema": schema}}}
    return operation


def _in_path(path: str) -> tuple[dict[str, Any], ...]:
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    return tuple(
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
    )


def _content(media: str, shape: type) -> dict[str, Any]:
    return {"description": shape.__name__, "content": {media: {"schema": _schema(shape)}}}


def _schema(shape: type) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


def _problem() -> dict[str, Any]:
    return _content("application/problem+json", Problem)
