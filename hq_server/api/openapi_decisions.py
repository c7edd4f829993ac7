"""The part of the OpenAPI document that is about decisions."""

from __future__ import annotations

from typing import Any, Final

from hq_server.api.decisions import AdjustmentRequest, CouponRequest
from hq_server.api.queries import AdjustmentsQuery, described
from hq_server.coupons import CouponView
from hq_server.decisions import KEY_MAX, DecisionView

SHAPES: Final = (DecisionView, AdjustmentRequest, CouponRequest, CouponView)
NUMBER: Final = {
    "name": "number",
    "in": "path",
    "required": True,
    "description": "The decision's number.",
    "schema": {"type": "integer", "minimum": 1},
}
_LOOK_UP: Final = {
    "name": "look_up",
    "in": "path",
    "required": True,
    "description": "Member id, card number or phone number.",
    "schema": {"type": "string"},
}
IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": True,
    "description": "New for each request, the same when it is sent again.",
    "schema": {"type": "string", "minLength": 1, "maxLength": KEY_MAX},
}


def decision_paths(problem: dict[str, Any]) -> dict[str, Any]:
    """Return the paths; `problem` is the answer of a refusal."""
    views, view = array("DecisionView"), one("DecisionView")
    verdict = {"parameters": [NUMBER], "responses": answers("200", view, problem)}
    return {
        "/api/v1/adjustments": {
            "get": {
                "summary": "Adjustments and goodwill, in order.",
                "parameters": described(AdjustmentsQuery),
                "responses": answers("200", views, problem),
            },
            "post": {
                "summary": "Propose an adjustment or goodwill, as the person whom the token names.",
                "parameters": [IDEMPOTENCY_KEY],
                "requestBody": body("AdjustmentRequest"),
                "responses": answers("201", view, problem),
            },
        },
        "/api/v1/adjustments/{number}/approve": {
            "post": {"summary": "Move the points, as another person than who proposed it.", **verdict}
        },
        "/api/v1/adjustments/{number}/refuse": {
            "post": {"summary": "End the proposal, as another person than who made it.", **verdict}
        },
        "/api/v1/coupons": {
            "post": {
                "summary": "Issue a coupon.",
                "parameters": [IDEMPOTENCY_KEY],
                "requestBody": body("CouponRequest"),
                "responses": answers("201", one("CouponView"), problem),
            }
        },
        "/api/v1/members/{look_up}/coupons": {
            "get": {
                "summary": "A member's coupons, and what became of them.",
                "parameters": [_LOOK_UP],
                "responses": answers("200", array("CouponView"), problem),
            }
        },
    }


def one(shape: str) -> dict[str, Any]:
    """Return the schema of one of a shape."""
    return {"$ref": f"#/components/schemas/{shape}"}


def array(shape: str) -> dict[str, Any]:
    """Return the schema of many of a shape."""
    return {"type": "array", "items": one(shape)}


def body(shape: str) -> dict[str, Any]:
    """Return what a request must carry."""
    return {"required": True, "content": {"application/json": {"schema": one(shape)}}}


def answers(status: str, schema: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    """Return the answers of a request: done, or refused."""
    answer = {"description": "Done.", "content": {"application/json": {"schema": schema}}}
    return {status: answer, "default": problem}
