"""The part of the OpenAPI document that is about taking out all of one kind."""

from __future__ import annotations

from typing import Any

from hq_server.api.queries import ExportQuery, described
from hq_server.exports.cells import FORMATS
from hq_server.exports.tables import TABLES


def export_paths(problem: dict[str, Any]) -> dict[str, Any]:
    """Return the paths; `problem` is the answer of a refusal."""
    content = {kind.partition(";")[0]: {"schema": {"type": "string"}} for kind in FORMATS.values()}
    return {
        f"/api/v1/exports/{what}": {
            "get": {
                "summary": f"{table.says[0].upper()}{table.says[1:]}: {', '.join(table.columns)}.",
                "parameters": described(ExportQuery),
                "responses": {"200": {"description": "A file.", "content": content}, "default": problem},
            }
        }
        for what, table in TABLES.items()
    }
