"""The OpenAPI 3.1 document, made from the very shapes that the handlers answer with."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from hq_server.account_view import EntryView, Standing
from hq_server.api.feed import Changes
from hq_server.api.openapi_cases import CASE_SHAPES, case_paths
from hq_server.api.openapi_decisions import SHAPES, decision_paths
from hq_server.api.openapi_exports import export_paths
from hq_server.api.openapi_people import PEOPLE, people_paths
from hq_server.api.openapi_periods import SHAPES as OF_PERIODS
from hq_server.api.openapi_periods import period_paths
from hq_server.api.queries import ActionsQuery, ChangesQuery, ExceptionsQuery, described
from hq_server.fleet_view import TerminalView
from hq_server.programme_view import ProgrammeView
from hq_server.reconcile import ExceptionView
from hq_server.technician_actions import ActionView
from hq_server.version import VERSION
from hq_server.web_errors import PROBLEM_TYPE, Problem

_REFERENCE: Final = "#/components/schemas/{name}"
_SHAPES: Final = (
    Standing,
    EntryView,
    TerminalView,
    ExceptionView,
    ProgrammeView,
    ActionView,
    Changes,
    Problem,
    *SHAPES,
    *PEOPLE,
    *CASE_SHAPES,
    *OF_PERIODS,
)
_LOOK_UP: Final = {"look_up": "Member id, card number or phone number."}
_GETS: Final[tuple[tuple[str, str, str, bool, dict[str, str]], ...]] = (
    ("/api/v1/members/{look_up}", "Where a member stands.", "Standing", False, _LOOK_UP),
    ("/api/v1/members/{look_up}/entries", "Every movement, with why.", "EntryView", True, _LOOK_UP),
    ("/api/v1/terminals", "Every terminal.", "TerminalView", True, {}),
    ("/api/v1/exceptions", "Exceptions, the oldest first.", "ExceptionView", True, {}),
    ("/api/v1/programmes", "Every published programme version.", "ProgrammeView", True, {}),
    (
        "/api/v1/technicians/actions",
        "What technicians did on tills, the newest first.",
        "ActionView",
        True,
        {},
    ),
    ("/api/v1/changes", "Members that changed, as they stand now.", "Changes", False, {}),
)
_OCTETS: Final = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
_TILLS: Final = (
    ("/v1/exchange", "A till's signed request; the signed reply."),
    ("/v1/enrol", "A till joins; the signed answer."),
    ("/v1/rotate", "A till's next key, signed by both; the signed answer."),
)


def document() -> dict[str, Any]:
    """Return the document."""
    _, schemas = msgspec.json.schema_components(_SHAPES, ref_template=_REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Dangol headquarters", "version": VERSION},
        "security": [{"token": []}],
        "paths": {
            **{
                path: {"get": _get(summary, shape, many, names)}
                for path, summary, shape, many, names in _GETS
            },
            **decision_paths(_problem()),
            **people_paths(_problem()),
            **case_paths(_problem()),
            **export_paths(_problem()),
            **period_paths(_problem()),
            **{path: {"post": _post(summary)} for path, summary in _TILLS},
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _get(summary: str, shape: str, many: bool, names: dict[str, str]) -> dict[str, Any]:
    one = {"$ref": _REFERENCE.format(name=shape)}
    parameters: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "description": text, "schema": {"type": "string"}}
        for name, text in names.items()
    ]
    if shape == "EntryView":
        parameters.append(
            {
                "name": "after",
                "in": "query",
                "description": "The number of the last entry that is known; at most 1000 come at once.",
                "schema": {"type": "integer", "minimum": 0},
            }
        )
    if shape == "ExceptionView":
        parameters += described(ExceptionsQuery)
    if shape == "ActionView":
        parameters += described(ActionsQuery)
    if shape == "Changes":
        parameters += described(ChangesQuery)
    schema = {"type": "array", "items": one} if many else one
    return {
        "summary": summary,
        "parameters": parameters,
        "responses": {
            "200": {"description": summary, "content": {"application/json": {"schema": schema}}},
            "default": _problem(),
        },
    }


def _post(summary: str) -> dict[str, Any]:
    return {
        "summary": summary,
        "security": [],
        "requestBody": {"required": True, "content": _OCTETS},
        "responses": {"200": {"description": summary, "content": _OCTETS}, "default": _problem()},
    }


def _problem() -> dict[str, Any]:
    schema = {"$ref": _REFERENCE.format(name="Problem")}
    return {"description": "A problem document.", "content": {PROBLEM_TYPE: {"schema": schema}}}
