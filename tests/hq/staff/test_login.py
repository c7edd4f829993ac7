"""Logging in: who shows a password and a code gets a session, for a while; who guesses waits."""

from __future__ import annotations

import asyncio
import base64
import re
import unicodedata
from typing import Any

import pytest

from hq_server.api import login
from hq_server.app import build_app
from hq_server.staff import accounts, persons, sessions, totp
from hq_server.staff.passwords import checked_password, made_password
from hq_server.staff.persons import FREE, WAIT_FIRST_MS, WAIT_MAX_MS, wait_ms
from hq_server.store.connection import Transaction
from loyalty_core.errors import BadInput
from loyalty_shell import passwords
from tests.hq.conftest import Hq
from tests.hq.staff.people import PASSWORD, Door, People, at, cheap, seen

COST = (passwords.MEMORY_KIB, passwords.PASSES)
NOBODYS = persons._NOBODYS
"""As they are where no test makes them cheap."""
WRONG = {"password": "seven small brown cats"}


async def test_who_logs_in_is_let_in_under_their_own_name(door: Door) -> None:
    status, told = await door.login("kim")
    assert (status, told["name"], told["roles"], told["idle_seconds"]) == (201, "kim", ["service"], 1800)
    assert told["token"].startswith("dgs_")
    assert (await door.ask("GET", "members/M1", by="kim"))[0] == 200


@pytest.mark.parametrize(
    "wrong", [WRONG, {"code": ""}, {"code": "000000"}, {"code": "12345"}, {"name": "nobody"}, {"name": ""}]
)
async def test_whatever_is_wrong_is_refused_in_the_same_words(door: Door, wrong: dict[str, str]) -> None:
    body = door.people.shown("kim") | wrong
    answer = await door.client.post("/api/v1/login", json=body)
    told = await answer.json(content_type=None)
    assert (answer.status, told["code"], told["detail"]) == (
        401,
        "login_refused",
        "the name, the password or the code is wrong",
    )


async def test_a_code_is_good_once_and_no_earlier_one_after_it(door: Door) -> None:
    people, hq = door.people, door.people.hq
    secret, step = people.secrets["kim"], totp.step_at(hq.clock())
    now, before = totp.code_at(secret, step), totp.code_at(secret, step - 1)
    assert (await door.login("kim", code=now))[0] == 201
    assert await door.ask("POST", "login", {"name": "kim", "password": PASSWORD, "code": now}) == (
        401,
        "login_refused",
    )
    assert (await door.ask("POST", "login", {"name": "kim", "password": PASSWORD, "code": before}))[0] == 401
    hq.clock.now += totp.STEP_MS
    assert (
        await door.ask("POST", "login", {"name": "kim", "password": PASSWORD, "code": people.code("kim")})
    )[0] == 201


async def test_of_many_who_bring_the_same_code_at_once_one_is_let_in(door: Door) -> None:
    shown = door.people.shown("kim")
    answers = await asyncio.gather(*[door.ask("POST", "login", shown) for _ in range(FREE)])
    assert sorted(status for status, _ in answers) == [201, *[401] * (FREE - 1)]


async def test_after_a_few_wrong_passwords_the_next_waits_also_after_a_start(
    door: Door, hq: Hq, aiohttp_client: Any
) -> None:
    for _ in range(FREE + 1):
        assert (await door.login("kim", **WRONG))[0] == 401
    hq.clock.now -= totp.STEP_MS * (FREE + 1)
    again = Door(door.people, await aiohttp_client(build_app(hq.config, hq.clock)))
    refused = await again.client.post("/api/v1/login", json={"name": "kim", "password": PASSWORD})
    assert (refused.status, (await refused.json(content_type=None))["code"]) == (429, "login_too_soon")
    assert int(refused.headers["Retry-After"]) > 0
    hq.clock.now += totp.STEP_MS * (FREE + 1) + WAIT_FIRST_MS
    assert (await again.login("kim"))[0] == 201
    assert door.people.account("kim").failures == 0
    assert await again.login("park", **WRONG) == (401, "login_refused")


async def test_a_name_that_nobody_has_is_slowed_down_as_one_that_somebody_has(
    door: Door, hq: Hq, aiohttp_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s = [0.0]
    monkeypatch.setattr("hq_server.api.login.monotonic", lambda: now_s[0])

    async def told(at: Door, name: str) -> tuple[int, str, str | None]:
        now_s[0] += 60
        answer = await at.client.post("/api/v1/login", json={"name": name, **WRONG})
        said = await answer.json(content_type=None)
        return answer.status, said["detail"], answer.headers.get("Retry-After")

    names = ("park", "nobody", "zo\u00eb")
    rounds = [[await told(door, name) for name in names] for _ in range(FREE + 2)]
    assert [len(set(answers)) for answers in rounds] == [1] * (FREE + 2)
    assert [answers[0][0] for answers in rounds] == [401] * (FREE + 1) + [429]
    again = Door(door.people, await aiohttp_client(build_app(hq.config, hq.clock)))
    hq.clock.now += WAIT_FIRST_MS
    assert [(await told(again, name))[0] for name in names] == [401] * 3
    expected = await told(again, "park")
    assert expected[::2] == (429, str(2 * WAIT_FIRST_MS // 1000))
    assert [await told(again, name) for name in ("nobody", "zoe\u0308")] == [expected, expected]
    assert await told(again, "somebody else") == (401, "the name, the password or the code is wrong", None)
    assert b"nobody" not in repr(hq.sql("SELECT * FROM strangers")).encode()


def test_the_wait_doubles_up_to_its_bound() -> None:
    waits = [wait_ms(failures) for failures in range(FREE + 4)]
    assert waits == [0] * (FREE + 1) + [WAIT_FIRST_MS, 2 * WAIT_FIRST_MS, 4 * WAIT_FIRST_MS]
    assert wait_ms(20) == wait_ms(10_000) == WAIT_MAX_MS


async def test_many_who_guess_at_once_get_no_more_tries_than_one_after_the_other(door: Door) -> None:
    wrong = {"name": "park", **WRONG}
    answers = await asyncio.gather(*[door.ask("POST", "login", wrong) for _ in range(9)])
    assert sorted(code for _, code in answers) == ["login_refused"] * (FREE + 1) + ["login_too_soon"] * (
        8 - FREE
    )


async def test_one_address_has_a_bound_whomever_it_tries(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = [1000.0]
    monkeypatch.setattr("hq_server.api.login.monotonic", lambda: now_s[0])
    answers = [await door.ask("POST", "login", {"name": f"n{n}", **WRONG}) for n in range(11)]
    assert answers == [(401, "login_refused")] * 10 + [(429, "login_too_many")]
    assert await door.login("park") == (429, "login_too_many")
    now_s[0] += 12
    assert (await door.login("park"))[0] == 201


async def test_a_session_ends_when_it_is_not_used(door: Door, hq: Hq) -> None:
    await door.enter("park")
    for _ in range(3):
        at(hq, sessions.IDLE_MS - 1000)
        assert (await door.ask("GET", "terminals", by="park"))[0] == 200
    at(hq, sessions.IDLE_MS + 1)
    assert await door.ask("GET", "terminals", by="park") == (401, "token_invalid")


async def test_a_session_ends_in_any_case(door: Door, hq: Hq) -> None:
    await door.enter("park")
    for _ in range(sessions.LIFE_MS // sessions.IDLE_MS):
        at(hq, sessions.IDLE_MS)
        assert (await door.ask("GET", "terminals", by="park"))[0] == 200
    at(hq, 1)
    assert await door.ask("GET", "terminals", by="park") == (401, "token_invalid")
    await door.enter("park")
    assert hq.sql("SELECT count(*) FROM sessions") == [(1,)]


async def test_who_logs_out_is_out(door: Door) -> None:
    await door.enter("park")
    assert await door.ask("POST", "logout", by="park") == (200, {"name": "park"})
    assert await door.ask("GET", "terminals", by="park") == (401, "token_invalid")
    assert await door.ask("POST", "logout") == (401, "token_missing")


async def test_who_is_disabled_is_out_at_once_and_back_when_enabled(door: Door, hq: Hq) -> None:
    await door.enter("park")
    with hq.writing() as tx:
        accounts.disable(tx, "park", hq.clock())
    assert await door.ask("GET", "terminals", by="park") == (401, "token_invalid")
    assert await door.login("park") == (401, "login_refused")
    with hq.writing() as tx:
        accounts.enable(tx, "park")
    assert await door.ask("GET", "terminals", by="park") == (401, "token_invalid")
    assert (await door.login("park"))[0] == 201


async def test_a_role_that_is_taken_away_is_gone_with_the_next_request(door: Door, hq: Hq) -> None:
    await door.enter("kim")
    assert (await door.ask("GET", "members/M1", by="kim"))[0] == 200
    with hq.writing() as tx:
        accounts.set_roles(tx, "kim", ["operator"])
    assert await door.ask("GET", "members/M1", by="kim") == (403, "not_allowed")


async def test_people_change_their_own_password(door: Door) -> None:
    await door.enter("park")
    fresh = "nine large grey wolves"
    body = door.people.shown("park") | {"new_password": fresh}
    assert await door.ask("POST", "password", body | {"new_password": "short"}) == (400, "password_weak")
    assert await door.ask("POST", "password", body | WRONG) == (401, "login_refused")
    assert await door.ask("POST", "password", body) == (200, {"name": "park"})
    assert await door.ask("GET", "terminals", by="park") == (401, "token_invalid")
    assert (await door.login("park"))[0] == 401
    assert (await door.login("park", password=fresh))[0] == 201


async def test_people_set_up_their_own_codes_which_nobody_else_sees(door: Door, hq: Hq) -> None:
    body = door.people.shown("park")
    status, offered = await door.ask("POST", "totp", body)
    assert (status, offered["kept"]) == (200, False)
    secret = offered["secret"]
    assert f"secret={secret}" in offered["uri"]
    assert await door.ask("POST", "totp", body | {"new_secret": secret, "new_code": "1"}) == (
        400,
        "code_wrong",
    )
    assert await door.ask("POST", "totp", body | {"new_secret": "AB", "new_code": "1"}) == (400, "code_wrong")
    door.people.secrets["park"] = base64.b32decode(secret)
    code = door.people.code("park", 0)
    assert (await door.ask("POST", "totp", body | {"new_secret": secret, "new_code": code}))[1][
        "kept"
    ] is True
    assert await door.ask("POST", "login", body) == (401, "login_refused")
    shown_already = body | {"code": code}
    assert await door.ask("POST", "login", shown_already) == (401, "login_refused")
    assert (await door.login("park"))[0] == 201


async def test_without_the_key_of_the_codes_nobody_is_let_in_by_one(door: Door, hq: Hq) -> None:
    key = hq.config.key_path.parent / totp.KEY_NAME
    assert key.stat().st_mode & 0o777 == 0o600
    key.rename(key.with_suffix(".gone"))
    assert await door.login("kim") == (503, "totp_unreadable")
    key.write_bytes(bytes(32))
    assert await door.login("kim") == (503, "totp_unreadable")
    assert (await door.login("park"))[0] == 201


def test_a_secret_is_sealed_for_its_account_alone(people: People, hq: Hq) -> None:
    key = totp.read_key(hq.config.data_dir)
    data = people.account("kim").totp
    assert data is not None
    assert totp.opened(key, "kim", data) == people.secrets["kim"]
    with pytest.raises(totp.TotpUnreadable):
        totp.opened(key, "lee", data)
    assert all(people.secrets["kim"] not in file.read_bytes() for file in hq.config.key_path.parent.iterdir())


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
    ],
)
def test_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert totp.code_at(b"12345678901234567890", totp.step_at(seconds * 1000)) == code  # type: ignore[arg-type]


def test_a_code_is_taken_a_step_early_or_late_and_no_more() -> None:
    secret, now = bytes(20), 20_000 * totp.STEP_MS
    found = [totp.step_of(secret, totp.code_at(secret, 20_000 + off), now) for off in range(-2, 3)]  # type: ignore[arg-type]
    assert found == [None, 19_999, 20_000, 20_001, None]


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa", "xx KIM is my name xx", "x" * 201])
def test_a_weak_password_is_refused(password: str) -> None:
    with pytest.raises(BadInput, match="password has 12 to 200"):
        checked_password(password, "kim")


def test_a_password_is_one_however_it_is_typed() -> None:
    kept = passwords.hashed_password("비밀번호가 아주 길다", bytes(16))
    assert passwords.is_password("비밀번호가 아주 길다", kept)
    assert passwords.is_password(unicodedata.normalize("NFD", "비밀번호가 아주 길다"), kept)
    assert not passwords.is_password("비밀번호가 아주 짧다", kept)
    assert re.fullmatch(r"([a-z2-7]{4}-){5}[a-z2-7]{4}", made_password(bytes(15)))


def test_what_passwords_cost_is_what_the_standard_recommends() -> None:
    assert COST == (64 * 1024, 3)
    assert NOBODYS.startswith("$argon2id$v=19$m=65536,t=3,p=1$")


async def test_the_log_has_who_came_and_who_was_refused(door: Door) -> None:
    await door.login("kim", **WRONG)
    await door.login("nobody")
    await door.enter("kim")
    assert seen(door.people.log()) == [
        ("kim", "refused", "POST /api/v1/login", ""),
        ("kim", "change", "POST /api/v1/login", ""),
    ]


async def test_a_password_and_a_code_lie_nowhere(door: Door, hq: Hq) -> None:
    status, told = await door.login("kim")
    assert status == 201
    for file in hq.config.key_path.parent.iterdir():
        data = file.read_bytes()
        assert PASSWORD.encode() not in data
        assert told["token"].encode() not in data
    assert "bears" not in repr(persons.Shown("kim", PASSWORD, "1"))
    assert people_hash(hq).startswith("$argon2id$")


def people_hash(hq: Hq) -> str:
    (row,) = hq.sql("SELECT password FROM staff WHERE name = 'kim'")
    return str(row[0])


@pytest.mark.parametrize("typed", [unicodedata.normalize("NFD", "김단골"), " 김단골 "])
async def test_a_name_is_one_however_it_is_typed(door: Door, typed: str) -> None:
    door.people.add("김단골", "viewer", codes=False)
    status, told = await door.ask("POST", "login", {"name": typed, "password": PASSWORD})
    assert (status, told["name"]) == (201, "김단골")
    assert (await door.ask("POST", "login", {"name": typed, **WRONG}))[0] == 401
    assert door.people.account("김단골").failures == 1


async def test_a_password_that_was_changed_while_another_was_made_stays(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = cheap("nine large grey wolves")

    def hashed(password: str, salt: bytes) -> str:
        with door.people.hq.writing() as tx:
            accounts.set_password(tx, "park", fresh)
        return cheap(password)

    monkeypatch.setattr(passwords, "hashed_password", hashed)
    body = door.people.shown("park") | {"new_password": "the thief's own long words"}
    assert await door.ask("POST", "password", body) == (401, "login_refused")
    assert door.people.account("park").password == fresh


async def test_a_session_does_not_begin_by_a_password_that_was_changed_meanwhile(
    door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ended(tx: Transaction, judged: persons.Judged, *others: Any) -> bool:
        right = persons.end_try(tx, judged, *others)
        accounts.set_password(tx, "park", cheap("nine large grey wolves"))
        return right

    monkeypatch.setattr(login, "end_try", ended)
    assert await door.login("park") == (401, "login_refused")
    assert door.people.hq.sql("SELECT count(*) FROM sessions") == [(0,)]


@pytest.mark.parametrize("change", ["password", "codes", "disabled"])
def test_what_fitted_an_account_that_was_changed_meanwhile_lets_nobody_in(
    people: People, hq: Hq, change: str
) -> None:
    shown = persons.Shown("kim", PASSWORD, people.code("kim"))
    with hq.writing() as tx:
        tried = persons.begin_try(tx, "kim", hq.clock(), bytes(32))
    judged = persons.judge(tried, shown, totp.read_key(hq.config.data_dir), hq.clock())
    assert judged.right
    with hq.writing() as tx:
        if change == "password":
            accounts.set_password(tx, "kim", cheap("nine large grey wolves"))
        elif change == "codes":
            accounts.set_totp(tx, "kim", None)
        else:
            accounts.disable(tx, "kim", hq.clock())
        assert not persons.end_try(tx, judged, "api", "x", hq.clock())
    assert [row[1] for row in seen(people.log())] == ["refused"]
