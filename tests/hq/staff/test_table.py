"""The one table of who may what: nothing that headquarters answers or does is left out of it."""

from __future__ import annotations

from collections.abc import Iterator

import click
import pytest
from aiohttp import web

from hq_server.app import build_app
from hq_server.cli import hq_server
from hq_server.staff.rights import OF_PEOPLE, OF_ROLE, RIGHTS
from hq_server.staff.table import COMMANDS, ROUTES, need_of_command, need_of_route, unsaid
from tests.hq.conftest import Client, Hq

NO_PERSON = {
    "feed": "what follows changes is a program",
}
"""Rights that no role has, each with the reason."""


def routes(app: web.Application) -> Iterator[str]:
    """Yield method and path of every route, as the table names them."""
    for route in app.router.routes():
        assert route.resource is not None
        if route.method != "HEAD":
            yield f"{route.method} {route.resource.canonical}"


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[str]:
    """Yield the words of every command that is no group."""
    if isinstance(command, click.Group):
        for name, one in command.commands.items():
            yield from commands(one, (*words, name))
    else:
        yield " ".join(words)


def test_every_route_says_which_right_it_needs(hq: Hq) -> None:
    assert [unsaid(one) for one in routes(build_app(hq.config)) if one not in ROUTES] == []


def test_every_command_says_which_right_it_needs() -> None:
    assert [unsaid(f'command "{one}"') for one in commands(hq_server) if one not in COMMANDS] == []


def test_the_table_names_nothing_that_is_not_there(hq: Hq) -> None:
    assert set(ROUTES) - set(routes(build_app(hq.config))) == set()
    assert set(COMMANDS) - set(commands(hq_server)) == set()


def test_every_right_is_needed_somewhere_and_had_by_somebody() -> None:
    needed = {need.right for need in (*ROUTES.values(), *COMMANDS.values())} - {None}
    assert needed <= set(RIGHTS)
    held = frozenset[str]().union(*OF_ROLE.values())
    assert {right for right in RIGHTS if right not in held} <= set(NO_PERSON)
    assert held >= OF_PEOPLE


def test_what_changes_something_by_http_wants_a_right_or_a_proof() -> None:
    for name, need in ROUTES.items():
        if name.startswith("POST /api/"):
            assert need.changes, name
        elif name.startswith("GET /api/"):
            assert need.right is not None, name


def test_what_nobody_spoke_for_is_refused_by_its_sentence() -> None:
    assert need_of_route("GET", "/api/v1/forgotten") is None
    assert need_of_route("HEAD", "/api/v1/programmes") == ROUTES["GET /api/v1/programmes"]
    with pytest.raises(LookupError, match='"member forget" has no line in hq_server/staff/table'):
        need_of_command("member forget")


async def test_a_route_without_a_line_lets_nobody_in(
    hq: Hq, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    headers = {"Authorization": f"Bearer {hq.token}"}
    assert (await client.get("/api/v1/terminals", headers=headers)).status == 200
    left = {name: need for name, need in ROUTES.items() if "terminals" not in name}
    monkeypatch.setattr("hq_server.staff.table.ROUTES", left)
    answer = await client.get("/api/v1/terminals", headers=headers)
    assert (answer.status, (await answer.json(content_type=None))["code"]) == (403, "not_allowed")
    assert (await client.get("/api/v1/nowhere", headers=headers)).status == 404
