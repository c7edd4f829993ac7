"""A verdict is a person's, who proves it: so two people are two."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from hq_server.staff.persons import FREE
from hq_server.staff.rights import RIGHTS
from hq_server.tokens import add_token
from tests.hq.conftest import Hq
from tests.hq.staff.people import PASSWORD, Door, People, seen
from tests.hq.test_cli import Shell

ASK = {"member": "M1", "redeemable": 50, "reason_code": "complaint", "reason": "cold coffee"}
PROPOSE = ("adjust", "propose", "M1", "--redeemable", "50", "--reason-code", "complaint", "--reason", "cold")


@pytest.fixture
def asked(people: People, shell: Shell) -> str:
    """A proposal of kim's, by its number."""
    return str(shell.json(*PROPOSE, "--by", "kim")["number"])


def test_a_verdict_by_command_takes_the_password_and_a_code(
    people: People, shell: Shell, asked: str, tmp_path: Path, hq: Hq
) -> None:
    approve = ("adjust", "approve", asked, "--by")
    wrong = people.file("lee", tmp_path, "seven small brown cats")
    assert shell.refused(*approve, "lee", *wrong) == "login_refused"
    (tmp_path / "lee.password").write_text(PASSWORD + "\n")
    assert shell.refused(*approve, "lee", *wrong) == "login_refused"
    assert hq.balances() == {}
    used = people.file("lee", tmp_path)
    assert shell.json(*approve, "lee", *used)["given_by"] == "lee"
    assert hq.balances() == {"M1": 50}
    other = shell.json(*PROPOSE, "--by", "kim")["number"]
    assert shell.refused("decision", "refuse", str(other), "--by", "lee", *used) == "login_refused"


def test_who_guesses_at_a_verdict_waits_as_at_the_door(
    people: People, shell: Shell, asked: str, tmp_path: Path
) -> None:
    approve = ("decision", "approve", asked, "--by", "lee")
    for _ in range(FREE + 1):
        assert shell.refused(*approve, *people.file("lee", tmp_path, "wrong")) == "login_refused"
    people.hq.clock.now -= 1000
    path = tmp_path / "lee.password"
    path.write_text(f"{PASSWORD}\n{people.code('lee', 0)}\n")
    assert shell.refused(*approve, "--password-file", str(path)) == "login_too_soon"


def test_who_proposed_judges_nothing_though_the_password_is_right(
    people: People, shell: Shell, tmp_path: Path
) -> None:
    people.add("both", "service", "approver")
    number = str(shell.json(*PROPOSE, "--by", "both")["number"])
    assert (
        shell.refused("adjust", "approve", number, "--by", "both", *people.file("both", tmp_path))
        == "same_person"
    )


def test_without_codes_nobody_judges(people: People, shell: Shell, asked: str, tmp_path: Path) -> None:
    people.add("han", "approver", codes=False)
    assert (
        shell.refused("adjust", "approve", asked, "--by", "han", *people.file("han", tmp_path))
        == "totp_missing"
    )


def test_a_role_that_does_not_judge_is_refused_before_it_is_asked(
    people: People, shell: Shell, asked: str
) -> None:
    assert shell.refused("adjust", "approve", asked, "--by", "kim") == "not_allowed"


def test_on_a_terminal_password_and_code_are_asked_for(
    people: People, shell: Shell, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked_for = []

    def prompt(text: str, **how: Any) -> str:
        asked_for.append((text, how.get("hide_input", False)))
        return PASSWORD if "Password" in text else people.code("lee")

    monkeypatch.setattr("click.prompt", prompt)
    assert shell.json("adjust", "approve", asked, "--by", "lee")["state"] == "approved"
    assert asked_for == [("Password of lee", True), ("Code", False)]


async def test_two_people_decide_over_http(door: Door, hq: Hq) -> None:
    await door.enter("kim", "lee")
    status, made = await door.ask("POST", "adjustments", ASK, by="kim", key="a")
    assert (status, made["made_by"]) == (201, "kim")
    number = made["number"]
    assert await door.ask("POST", f"adjustments/{number}/approve", by="kim") == (403, "not_allowed")
    assert await door.ask("POST", "adjustments", ASK, by="lee", key="a") == (403, "not_allowed")
    status, done = await door.ask("POST", f"adjustments/{number}/approve", by="lee")
    assert (status, done["given_by"]) == (200, "lee")
    assert hq.balances() == {"M1": 50}


async def test_who_logged_in_without_codes_judges_nothing(door: Door) -> None:
    door.people.add("han", "approver", "service", codes=False)
    await door.enter("han", "kim")
    number = (await door.ask("POST", "adjustments", ASK, by="kim", key="a"))[1]["number"]
    assert await door.ask("POST", f"adjustments/{number}/approve", by="han") == (403, "not_allowed")
    assert (await door.ask("GET", "adjustments", by="han"))[0] == 200


async def test_who_answers_for_a_token_judges_nothing_that_it_proposed(door: Door, hq: Hq) -> None:
    door.people.add("both", "service", "approver")
    with hq.writing() as tx:
        scopes = [right for right in RIGHTS if right.startswith("write:")]
        token = add_token(tx, "shop", os.urandom(32), hq.clock(), scopes=scopes, answers="both")
    await door.enter("both", "lee")
    number = (await door.ask("POST", "adjustments", ASK, by=token, key="a"))[1]["number"]
    assert await door.ask("POST", f"adjustments/{number}/approve", by="both") == (403, "same_person")
    assert (await door.ask("POST", f"adjustments/{number}/approve", by="lee"))[0] == 200


def test_who_made_a_token_is_kept_as_who_answers_for_it(people: People, shell: Shell) -> None:
    shell.json("token", "add", "shop", "--scope", "write:decisions", "--by", "choi")
    assert [(one["account"], one["answers"]) for one in shell.json("token", "list")][-1] == ("shop", "choi")
    assert shell.refused("token", "add", "other", "--scope", "feed", "--by", "kim") == "not_allowed"


def test_a_verdict_is_in_the_log_with_whom_it_was_about(
    people: People, shell: Shell, asked: str, tmp_path: Path
) -> None:
    shell.json("adjust", "approve", asked, "--by", "lee", *people.file("lee", tmp_path))
    assert seen(people.log(subject="M1")) == [
        ("kim", "change", "adjust propose", "M1"),
        ("lee", "change", "adjust approve", "M1"),
    ]
