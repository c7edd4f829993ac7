"""The part of the OpenAPI document that is about the near-miss desk."""

from __future__ import annotations

from typing import Any, Final

from hq_server.api.cases import CaseRequest, GrantRequest, RefusalRequest, WithdrawalRequest
from hq_server.api.openapi_decisions import IDEMPOTENCY_KEY, NUMBER, answers, array, body, one
from hq_server.api.queries import AdjustmentsQuery, CasesQuery, described
from hq_server.desk.case_view import CaseFile, CaseView
from hq_server.desk.figures import Figures
from hq_server.desk.near_misses import NearMisses

CASE_SHAPES: Final = (
    CaseView,
    CaseFile,
    CaseRequest,
    GrantRequest,
    RefusalRequest,
    WithdrawalRequest,
    NearMisses,
    Figures,
)
_CASE: Final = {**NUMBER, "description": "The case's number."}
_PERIOD: Final = {
    "name": "period_id",
    "in": "path",
    "required": True,
    "description": "Such as 2026-H2.",
    "schema": {"type": "string"},
}


def case_paths(problem: dict[str, Any]) -> dict[str, Any]:
    """Return the paths; `problem` is the answer of a refusal."""

    def ruling(summary: str, shape: str) -> dict[str, Any]:
        return {
            "post": {
                "summary": summary,
                "parameters": [_CASE, IDEMPOTENCY_KEY],
                "requestBody": body(shape),
                "responses": answers("201", one("DecisionView"), problem),
            }
        }

    def verdict(summary: str) -> dict[str, Any]:
        responses = answers("200", one("DecisionView"), problem)
        return {"post": {"summary": summary, "parameters": [NUMBER], "responses": responses}}

    def told(summary: str, parameters: list[dict[str, Any]], shape: dict[str, Any]) -> dict[str, Any]:
        return {"summary": summary, "parameters": parameters, "responses": answers("200", shape, problem)}

    return {
        "/api/v1/cases": {
            "get": told("Appeals, in order.", described(CasesQuery), array("CaseView")),
            "post": {
                "summary": "Open a case for who has just missed a tier in a closed period.",
                "parameters": [IDEMPOTENCY_KEY],
                "requestBody": body("CaseRequest"),
                "responses": answers("201", one("CaseFile"), problem),
            },
        },
        "/api/v1/cases/{number}": {"get": told("A case with its evidence.", [_CASE], one("CaseFile"))},
        "/api/v1/cases/{number}/propose": ruling(
            "Propose to grant it to everyone with the same or a smaller gap.",
            "GrantRequest",
        ),
        "/api/v1/cases/{number}/refuse": ruling("Refuse a case.", "RefusalRequest"),
        "/api/v1/cases/{number}/withdraw": ruling("End a case without a ruling.", "WithdrawalRequest"),
        "/api/v1/grants": {
            "get": told(
                "Grants given and proposed, in order.", described(AdjustmentsQuery), array("DecisionView")
            )
        },
        "/api/v1/grants/{number}/approve": verdict("Approve a grant, as another person."),
        "/api/v1/grants/{number}/refuse": verdict("Refuse a grant, as another person."),
        "/api/v1/desk/{period_id}": {
            "get": told("Who lacks little to the next tier.", [_PERIOD], one("NearMisses"))
        },
        "/api/v1/desk/{period_id}/figures": {
            "get": told("How the desk has ruled in a period.", [_PERIOD], one("Figures"))
        },
    }
