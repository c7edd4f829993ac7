"""The part of the OpenAPI document that is about people: how they log in, and their own password."""

from __future__ import annotations

from typing import Any, Final

from hq_server.api.login import (
    LoginRequest,
    NameView,
    PasswordRequest,
    SessionView,
    TotpRequest,
    TotpView,
)

PEOPLE: Final = (LoginRequest, NameView, PasswordRequest, SessionView, TotpRequest, TotpView)
_POSTS: Final = (
    ("/api/v1/login", "Log in as a person.", "201", "LoginRequest", "SessionView"),
    ("/api/v1/password", "Change one's own password.", "200", "PasswordRequest", "NameView"),
    ("/api/v1/totp", "Set up one's own codes.", "200", "TotpRequest", "TotpView"),
)


def people_paths(problem: dict[str, Any]) -> dict[str, Any]:
    """Return the paths; `problem` is the answer of a refusal."""
    shown = {
        path: {
            "post": {
                "summary": summary,
                "security": [],
                "requestBody": {"required": True, "content": _json(body)},
                "responses": _answers(status, answer, problem),
            }
        }
        for path, summary, status, body, answer in _POSTS
    }
    ended = {"summary": "Log out.", "responses": _answers("200", "NameView", problem)}
    return {**shown, "/api/v1/logout": {"post": ended}}


def _json(shape: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{shape}"}}}


def _answers(status: str, shape: str, problem: dict[str, Any]) -> dict[str, Any]:
    return {status: {"description": "Done.", "content": _json(shape)}, "default": problem}
