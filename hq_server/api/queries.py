"""What may stand in the query of an address: shapes from which it is read and described."""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeVar

import msgspec
from aiohttp import web
from msgspec import Meta

from hq_server.closes.gifts import PAGE_MAX as GIFTS_MAX
from hq_server.exports.cells import Format
from hq_server.feed.changes import PAGE_MAX as CHANGES_MAX
from hq_server.reconcile import HOURS_MAX, PAGE_MAX
from hq_server.technician_actions import DAYS_MAX
from loyalty_core.errors import BadInput, said

T = TypeVar("T", bound=msgspec.Struct)


class ExceptionsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which exceptions, and from where on."""

    kind: Annotated[str, Meta(description="Of this kind only.")] = ""
    state: Annotated[
        Literal["", "open", "explained", "closed"],
        Meta(description="Of this state only; all that is not closed where none is given."),
    ] = ""
    cause: Annotated[str, Meta(description="Whose cause has this in it.")] = ""
    older_than_hours: Annotated[int, Meta(ge=0, le=HOURS_MAX, description="At least this old.")] = 0
    after: Annotated[str, Meta(description="The cursor of the last one that is known.")] = ""
    limit: Annotated[int, Meta(ge=1, le=PAGE_MAX, description="How many at once.")] = PAGE_MAX


class ActionsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which actions of technicians; at most 1000 come at once."""

    terminal: Annotated[str, Meta(description="On this till only.")] = ""
    days: Annotated[int, Meta(ge=1, le=DAYS_MAX, description="Reported in so many days.")] = 7


class AdjustmentsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which adjustments, and from where on; at most 1000 come at once."""

    state: Annotated[
        Literal["", "waiting", "approved", "refused"], Meta(description="Of this state only.")
    ] = ""
    after: Annotated[int, Meta(ge=0, le=2**53, description="The number of the last one that is known.")] = 0


class ChangesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From where on, how many, and what of them."""

    after: Annotated[
        str,
        Meta(
            max_length=2000,
            description='The "after" of the last answer; every member comes where none is given, and with '
            '"now" none but those that change from now on.',
        ),
    ] = ""
    limit: Annotated[int, Meta(ge=1, le=CHANGES_MAX, description="How many at once.")] = CHANGES_MAX
    persons: Annotated[bool, Meta(description="With names and numbers, for who may read members.")] = False


class CasesQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which cases, and from where on; at most 1000 come at once."""

    state: Annotated[
        Literal["", "open", "granted", "refused", "withdrawn"], Meta(description="Of this state only.")
    ] = ""
    period: Annotated[str, Meta(description="Of this period only, such as 2026-H2.")] = ""
    member: Annotated[str, Meta(description="Of this member only, by id, card or phone.")] = ""
    after: Annotated[int, Meta(ge=0, le=2**53, description="The number of the last one that is known.")] = 0


class ExportQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How it is written."""

    format: Annotated[Format, Meta(description="CSV for spreadsheets, JSON for programs.")] = "csv"


class GiftsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which gifts, and from where on."""

    state: Annotated[Literal["", "waiting"], Meta(description="Those alone that are not handed out yet.")] = (
        ""
    )
    after: Annotated[str, Meta(description="The id of the last one that is known.")] = ""
    limit: Annotated[int, Meta(ge=1, le=GIFTS_MAX, description="How many at once.")] = GIFTS_MAX


def read_query(request: web.Request, shape: type[T]) -> T:
    """Return a request's query.

    Raises:
        BadInput: a name that nobody knows, or a value out of its bounds.
    """
    try:
        return msgspec.convert(dict(request.query), shape, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput(f"the query is wrong: {said(error)}") from None


def described(shape: type[msgspec.Struct]) -> list[dict[str, Any]]:
    """Return the OpenAPI parameters of a query."""
    _, schemas = msgspec.json.schema_components([shape])
    fields = schemas[shape.__name__]["properties"]
    return [
        {"name": name, "in": "query", "description": schema.pop("description"), "schema": schema}
        for name, schema in fields.items()
    ]
