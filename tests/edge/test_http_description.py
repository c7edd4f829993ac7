"""What describes the local HTTP face: the shapes that it promises, and its figures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.guard import is_of_pages
from edge_agent.store.database import connect
from tests.edge.counter import Counter
from tests.edge.made import CARD, OTHER_CARD, purchase


async def test_the_description_names_every_address_that_there_is(counter: Counter) -> None:
    document = await (await counter.client.get("/openapi.json")).json()
    there = {
        (route.method.lower(), route.resource.canonical)
        for route in counter.app.router.routes()
        if route.resource is not None and route.method != "HEAD" and not is_of_pages(route.resource.canonical)
    }
    assert document["openapi"] == "3.1.0"
    assert {(method, path) for path, told in document["paths"].items() for method in told} == there


async def test_real_answers_have_the_shapes_that_the_description_gives(counter: Counter) -> None:
    document = await (await counter.client.get("/openapi.json")).json()
    schemas = document["components"]["schemas"]
    await counter.know(CARD, OTHER_CARD)
    fits(
        schemas, {"$ref": "#/components/schemas/ReceiptAnswer"}, await counter.ok("/v1/receipts", purchase())
    )
    found = await (await counter.get(f"/v1/members/{CARD}")).json()
    fits(schemas, {"$ref": "#/components/schemas/FoundMember"}, found)
    said = await (await counter.get("/v1/members/***")).json(content_type=None)
    fits(schemas, {"$ref": "#/components/schemas/Problem"}, said)
    fits(schemas, {"$ref": "#/components/schemas/Receipt"}, purchase())
    with pytest.raises(AssertionError):
        fits(schemas, {"$ref": "#/components/schemas/ReceiptAnswer"}, {"event": {}})
    keyed = {"/v1/visits", "/v1/presented", "/v1/claims", "/v1/redemptions", "/v1/members"}
    for path, told in document["paths"].items():
        needed = "post" in told and path in keyed
        names = [p["name"] for operation in told.values() for p in operation.get("parameters", ())]
        assert ("Idempotency-Key" in names) == needed


def fits(schemas: dict[str, Any], schema: dict[str, Any], value: object) -> None:
    """Check a value against the little of JSON Schema that the description uses."""
    if "$ref" in schema:
        fits(schemas, schemas[schema["$ref"].rpartition("/")[2]], value)
    elif "anyOf" in schema:
        assert any(_fits(schemas, one, value) for one in schema["anyOf"]), (schema, value)
    elif "enum" in schema:
        assert value in schema["enum"]
    elif schema.get("type") == "object":
        assert isinstance(value, dict)
        assert set(schema.get("required", ())) <= value.keys() <= schema["properties"].keys(), value
        for name, inner in value.items():
            fits(schemas, schema["properties"][name], inner)
    elif schema.get("type") == "array":
        assert isinstance(value, list)
        for inner in value:
            fits(schemas, schema["items"], inner)
    else:
        kinds = {"string": str, "integer": int, "boolean": bool, "null": type(None)}
        assert isinstance(value, kinds[schema["type"]]), (schema, value)


def _fits(schemas: dict[str, Any], schema: dict[str, Any], value: object) -> bool:
    try:
        fits(schemas, schema, value)
    except AssertionError:
        return False
    return True


async def test_the_journal_notes_that_the_agent_started(counter: Counter, tmp_path: Path) -> None:
    conn = connect(tmp_path / "data" / "till.db", read_only=True)
    assert conn.execute("SELECT count(*) FROM journal").fetchone() == (1,)
    conn.close()
