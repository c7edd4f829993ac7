"""Roles, scopes and names: who may do what, by HTTP and by command."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from hq_server.cli import hq_server, proving
from hq_server.staff.rights import OF_PEOPLE, OF_ROLE, RIGHTS, ROLES, Right, Role, rights_of
from hq_server.staff.table import COMMANDS, ROUTES
from hq_server.store.sqlite import migrate
from hq_server.store.sqlite.database import create
from hq_server.tokens import add_token
from tests.hq.conftest import Client, Hq
from tests.hq.staff.people import Door, People, seen
from tests.hq.test_cli import Shell
from tests.upgrading import typed_of

BY_HTTP = [name.split(" ") for name, need in ROUTES.items() if need.right is not None]


def address(path: str) -> str:
    """Return an address with something in place of its names."""
    names = {"{look_up}": "M1", "{period_id}": "2026-H2"}
    return re.sub(r"\{\w+\}", lambda found: names.get(found[0], "1"), path.removeprefix("/api/v1/"))


@pytest.mark.parametrize("role", ROLES)
async def test_a_person_of_one_role_is_let_into_what_it_may_and_nothing_else(
    door: Door, role: Role, hq: Hq
) -> None:
    door.people.add("one", role)
    await door.enter("one")
    for method, path in BY_HTTP:
        need = ROUTES[f"{method} {path}"]
        headers = {"Authorization": f"Bearer {door.tokens['one']}"}
        where = f"/api/v1/{address(path)}" if path.startswith("/api/") else path
        answer = await door.client.request(method, where, headers=headers)
        told = await answer.text()
        is_let_in = "not_allowed" not in told
        assert is_let_in == (need.right in OF_ROLE[role]), (role, method, path, told[:80])


@pytest.mark.parametrize("right", [right for right in RIGHTS if right not in OF_PEOPLE])
async def test_a_token_opens_its_scope_and_nothing_else(hq: Hq, client: Client, right: Right) -> None:
    with hq.writing() as tx:
        token = add_token(tx, "till-web", os.urandom(32), hq.clock(), scopes=[right])
    for method, path in BY_HTTP:
        where = f"/api/v1/{address(path)}" if path.startswith("/api/") else path
        answer = await client.request(method, where, headers={"Authorization": f"Bearer {token}"})
        assert ("not_allowed" not in await answer.text()) == (ROUTES[f"{method} {path}"].right == right)


async def test_who_lacks_a_role_is_refused_with_the_right_that_it_takes(door: Door) -> None:
    await door.enter("choi")
    answer = await door.client.get(
        "/api/v1/members/M1", headers={"Authorization": f"Bearer {door.tokens['choi']}"}
    )
    told = await answer.json(content_type=None)
    assert (answer.status, told["code"]) == (403, "not_allowed")
    assert told["detail"] == "choi may not do this: it needs the right read:members"


def test_every_command_that_is_kept_takes_a_name_that_may_do_it_and_no_other(
    people: People, shell: Shell, hq: Hq, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "1.jsonl").touch()
    before = hq.sql("SELECT count(*) FROM decisions")
    for words in typed_of(hq_server):
        name = " ".join(words[:2]) if " ".join(words[:2]) in COMMANDS else words[0]
        need = COMMANDS[name]
        if need.right is None or not need.is_kept:
            continue
        typed = [
            word for place, word in enumerate(words) if "--by" not in words[max(0, place - 1) : place + 1]
        ]
        wrong = next(one for one in ("park", "kim", "choi") if need.right not in people.account(one).rights)
        assert shell.refused(*typed, "--by", wrong) == "not_allowed", name
        assert shell.refused(*typed, "--by", "nobody") == "staff_unknown", name
    assert hq.sql("SELECT count(*) FROM decisions") == before
    assert people.log() == []


def test_a_name_that_is_disabled_or_spelled_otherwise_is_no_name(people: People, shell: Shell) -> None:
    words = ("exceptions", "explain", "member_unknown", "card:1", "--cause", "x", "--by")
    assert shell.refused(*words, "Kim") == "staff_unknown"
    shell.json("staff", "disable", "kim")
    assert shell.refused(*words, "kim") == "staff_disabled"
    shell.json("staff", "enable", "kim")
    assert shell.refused(*words, "kim") == "exception_not_found"


def test_a_house_without_accounts_takes_any_name_as_it_did(hq: Hq, shell: Shell) -> None:
    hq.members("member_id,lookups\nM1,\nM2,\n")
    assert (
        shell.json("member", "merge", "M2", "M1", "--by", "anybody", "--reason", "one")["made_by"]
        == "anybody"
    )


def test_a_password_that_was_made_is_good_though_the_name_stands_in_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving, "made_password", lambda random: "kim2-abcd-efgh-jklm-npqr-stuv")
    made = shell.json("staff", "add", "kim2", "--role", "viewer")
    assert made["password"] == "kim2-abcd-efgh-jklm-npqr-stuv"


def test_accounts_are_made_listed_and_changed_by_command(hq: Hq, shell: Shell, tmp_path: Path) -> None:
    made = shell.json("staff", "add", "Min-jun Kim", "--role", "service", "--role", "viewer")
    assert (made["roles"], made["totp"], len(made["password"])) == (["viewer", "service"], False, 29)
    assert shell.refused("staff", "add", "min-jun  kim", "--role", "viewer") == "staff_exists"
    assert shell.refused("staff", "add", "os:root", "--role", "viewer") == "staff_name_malformed"
    assert shell.refused("staff", "role", "nobody", "--role", "viewer") == "staff_unknown"
    assert shell.run("staff", "add", "x", "--role", "king")[0] == 2
    (tmp_path / "p").write_text("nine large grey wolves\n")
    assert "password" not in shell.json(
        "staff", "password", "Min-jun Kim", "--password-file", str(tmp_path / "p")
    )
    assert shell.refused("staff", "password", "Min-jun Kim", "--password-file", "none") == "file_unreadable"
    (tmp_path / "p").write_text("short")
    assert shell.refused(
        "staff", "add", "lee", "--role", "viewer", "--password-file", str(tmp_path / "p")
    ) == ("password_weak")
    codes = shell.json("staff", "totp", "Min-jun Kim")
    assert codes["uri"].startswith("otpauth://totp/Dangol:Min-jun%20Kim?secret=" + codes["secret"])
    (listed,) = shell.json("staff", "list")
    assert (listed["name"], listed["totp"], listed["disabled_at"]) == ("Min-jun Kim", True, None)
    assert shell.json("staff", "totp", "Min-jun Kim", "--off")["totp"] is False
    assert shell.json("staff", "role", "Min-jun Kim", "--role", "approver")["roles"] == ["approver"]
    assert shell.json("staff", "disable", "Min-jun Kim")["disabled_at"] is not None
    for words in (("staff", "list"), ("token", "list"), ("access", "list")):
        assert shell.run(*words)[0] == 0


def test_no_token_bears_the_name_of_a_person(people: People, shell: Shell) -> None:
    assert shell.refused("token", "add", "KIM", "--scope", "feed") == "token_exists"


def test_no_person_bears_the_name_of_a_token(people: People, shell: Shell) -> None:
    shell.json("token", "add", "crm", "--scope", "feed")
    assert shell.refused("staff", "add", "CRM", "--role", "viewer") == "staff_exists"
    shell.json("token", "revoke", "crm")
    assert shell.refused("staff", "add", "crm", "--role", "viewer") == "staff_exists"


@pytest.mark.parametrize("scope", sorted(OF_PEOPLE))
def test_no_token_is_given_what_only_people_have(shell: Shell, scope: str) -> None:
    assert shell.run("token", "add", "x", "--scope", scope)[0] == 2


@pytest.mark.parametrize("statement", ["DELETE FROM staff", "UPDATE staff SET name = 'x'"])
def test_an_account_stays_and_keeps_its_name(people: People, hq: Hq, statement: str) -> None:
    with pytest.raises(Exception, match="an account"):
        hq.sql(statement)


def test_nobody_has_two_roles_that_let_them_through_alone() -> None:
    for role in ROLES:
        assert not {"write:decisions", "approve"} <= OF_ROLE[role]
    assert rights_of(ROLES) == set(RIGHTS) - {"feed"}


def test_tokens_of_an_earlier_release_open_what_they_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list(migrate.migrations("sqlite"))
    before = [one for one in files if one.number < 22]
    monkeypatch.setattr(migrate, "migrations", lambda _: iter(before))
    connection = create(tmp_path / "hq.db")
    for name, metrics_only in (("desk", 0), ("prometheus", 1)):
        connection.execute(
            "INSERT INTO tokens (name, hash, made_at_ms, metrics_only) VALUES (?, randomblob(32), 0, ?)",
            (name, metrics_only),
        )
    monkeypatch.setattr(migrate, "migrations", lambda _: iter(files))
    migrate.migrate(connection)
    kept = dict(connection.execute("SELECT name, scopes FROM tokens").fetchall())
    connection.close()
    assert kept == {
        "desk": "approve metrics read:house read:members write:decisions",
        "prometheus": "metrics",
    }
    assert set(kept["desk"].split()) <= set(RIGHTS)


def test_what_accounts_do_is_in_the_log(people: People, shell: Shell) -> None:
    shell.json("staff", "add", "yoon", "--role", "viewer", "--by", "choi")
    shell.json("staff", "disable", "yoon")
    (by_choi, by_machine) = seen(people.log())
    assert by_choi == ("choi", "change", "staff add", "")
    assert by_machine[0].startswith("os:")
