"""A headquarters with people: kim serves, lee approves, choi runs the service, park may look."""

from __future__ import annotations

import pytest

from hq_server.staff import persons
from loyalty_shell import passwords
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import PROGRAMME, Client, Hq
from tests.hq.staff.people import Door, People, cheap
from tests.hq.test_cli import Shell, shell
from tests.hq.test_decisions import REWARD

__all__ = ["Shell", "shell"]


@pytest.fixture(autouse=True)
def cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let passwords cost little."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)
    monkeypatch.setattr(persons, "_NOBODYS", cheap("nobody's at all"))


@pytest.fixture
def people(hq: Hq) -> People:
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("[[tier]]", REWARD + "[[tier]]", 1))
    hq.members(MEMBERS)
    made = People(hq)
    made.add("kim", "service")
    made.add("lee", "approver")
    made.add("choi", "operator", codes=False)
    made.add("park", "viewer", codes=False)
    return made


@pytest.fixture
def door(people: People, client: Client) -> Door:
    return Door(people, client)
