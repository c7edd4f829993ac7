"""The part of the OpenAPI document that is about periods, their closes, and gifts of tiers."""

from __future__ import annotations

from typing import Any, Final

from hq_server.api.periods import CloseRequest, ExclusionRequest
from hq_server.api.queries import GiftsQuery, described
from hq_server.closes.gifts import GiftView
from hq_server.closes.states import PeriodView
from hq_server.periods import PeriodStatus

SHAPES: Final = (PeriodView, PeriodStatus, CloseRequest, ExclusionRequest, GiftView)
_PERIOD: Final = {
    "name": "period_id",
    "in": "path",
    "required": True,
    "description": "Such as 2026-H2.",
    "schema": {"type": "string"},
}
_GIFT: Final = _PERIOD | {"name": "gift_id", "description": "Such as B7.1234."}
_LOOK_UP: Final = _PERIOD | {"name": "look_up", "description": "Member id, card number or phone number."}


def period_paths(problem: dict[str, Any]) -> dict[str, Any]:
    """Return the paths; `problem` is the answer of a refusal."""
    return {
        "/api/v1/periods": {
            "get": {
                "summary": "Every period since the first programme, the latest first.",
                "responses": _answers("200", {"type": "array", "items": _one("PeriodView")}, problem),
            }
        },
        "/api/v1/periods/{period_id}": {
            "get": {
                "summary": "How a period stands, and what its close waits for.",
                "parameters": [_PERIOD],
                "responses": _answers("200", _one("PeriodStatus"), problem),
            }
        },
        "/api/v1/periods/{period_id}/close": {
            "post": {
                "summary": "Decide the close of a period, as whom the token names; the server does it.",
                "parameters": [_PERIOD],
                "requestBody": _body("CloseRequest"),
                "responses": _answers("200", _one("PeriodView"), problem),
            }
        },
        "/api/v1/periods/{period_id}/exclusions": {
            "post": {
                "summary": "Do not wait for a terminal that has not reported the period.",
                "parameters": [_PERIOD],
                "requestBody": _body("ExclusionRequest"),
                "responses": _answers("201", _one("DecisionView"), problem),
            }
        },
        "/api/v1/gifts": {
            "get": {
                "summary": "Gifts of tiers, in the order of their ids.",
                "parameters": described(GiftsQuery),
                "responses": _answers("200", {"type": "array", "items": _one("GiftView")}, problem),
            }
        },
        "/api/v1/gifts/{gift_id}/hand-over": {
            "post": {
                "summary": "Note that a gift was handed out, by whom the token names.",
                "parameters": [_GIFT],
                "responses": _answers("200", _one("GiftView"), problem),
            }
        },
        "/api/v1/members/{look_up}/gifts": {
            "get": {
                "summary": "A member's gifts.",
                "parameters": [_LOOK_UP],
                "responses": _answers("200", {"type": "array", "items": _one("GiftView")}, problem),
            }
        },
    }


def _one(shape: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{shape}"}


def _body(shape: str) -> dict[str, Any]:
    return {"required": True, "content": {"application/json": {"schema": _one(shape)}}}


def _answers(status: str, schema: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    answer = {"description": "Done.", "content": {"application/json": {"schema": schema}}}
    return {status: answer, "default": problem}
