"""Somebody joins at the counter, with or without a line, and is the customer then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from edge_agent.app_keys import CONFIG, DESK
from loyalty_core.events import MemberEnrolled
from tests.edge.cashier.desks import HOME, CashierDesk
from tests.edge.made import CARD

NEW = "/counter/new"
NAME, PHONE = "홍길동", "010-1234-5678"


@pytest.fixture
async def counter(desk: CashierDesk) -> CashierDesk:
    """Return a counter where somebody wants to join."""
    await desk.go(NEW)
    return desk


async def joined(counter: CashierDesk, **changed: str) -> str:
    """Fill the form in and send it."""
    return await counter.send(NEW, **{"name": NAME, "phone": PHONE, "consent": "0"} | changed)


async def test_who_joins_is_the_customer_and_earns_at_once(counter: CashierDesk) -> None:
    text = await joined(counter)
    assert counter.at == HOME
    assert "홍*동" in text
    assert "not confirmed by headquarters yet" in text
    assert "Visit recorded: 20 points" in await counter.press("/counter/visit")
    assert await counter.names() == ["member_enrolled", "visit_recorded"]
    await counter.press("/counter/clear")
    assert "홍*동" in await counter.look("01012345678")


async def test_the_name_stands_nowhere_in_clear(counter: CashierDesk) -> None:
    await joined(counter)
    (event,) = await counter.events(MemberEnrolled)
    assert (event.consent_version, event.consent_language) == (0, "en")
    for path in counter.app[CONFIG].data_dir.rglob("*"):
        if path.is_file():
            data = path.read_bytes()
            assert NAME.encode() not in data, path
            assert b"12345678" not in data, path


async def test_a_form_that_is_sent_twice_is_one_member(counter: CashierDesk) -> None:
    form = counter.form(NEW) | {"name": NAME, "phone": PHONE, "consent": "0"}
    await counter.post(NEW, form)
    await counter.post(NEW, form)
    assert counter.at == HOME
    assert len(await counter.events(MemberEnrolled)) == 1


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"phone": "12"}, "phone"),
        ({"phone": "", "card": ""}, "phone"),
        ({"card": "-"}, "card"),
        ({"name": " "}, "name"),
        ({"birthday": "2099-01-01"}, "birthday"),
        ({"consent": ""}, "consent"),
        ({"consent": "7"}, "consent"),
    ],
)
async def test_what_is_wrong_is_said_beside_its_field_and_the_rest_is_kept(
    counter: CashierDesk, changed: dict[str, str], field: str
) -> None:
    await joined(counter, **changed)
    assert counter.at == NEW
    assert f'id="{field}-wrong"' in counter.page
    form = counter.form(NEW)
    assert form["name"] == {"name": NAME, **changed}["name"].strip()
    assert await counter.events(MemberEnrolled) == []
    right = {"name": NAME, "phone": PHONE, "card": "", "birthday": "", "consent": "0"}
    await counter.send(NEW, **right)
    assert counter.at == HOME


async def test_somebody_who_is_a_member_is_shown_instead(counter: CashierDesk) -> None:
    text = await joined(counter, phone="", card=CARD)
    assert "member" in text
    assert "홍*동" in await counter.post("/counter/look", counter.form("/counter/look"))
    assert await counter.events(MemberEnrolled) == []


async def test_whose_card_is_known_is_shown_though_the_phone_is_new(counter: CashierDesk) -> None:
    await joined(counter, card=CARD)
    assert "홍*동" in await counter.post("/counter/look", counter.form("/counter/look"))
    assert await counter.events(MemberEnrolled) == []


async def test_a_form_that_is_sent_again_with_another_name_leads_to_who_has_joined(
    counter: CashierDesk,
) -> None:
    form = counter.form(NEW) | {"name": NAME, "phone": PHONE, "consent": "0"}
    await counter.post(NEW, form)
    assert "The page has changed meanwhile" in await counter.post(NEW, form | {"name": "홍길순"})
    assert "member's already" in await joined(counter, name="홍길순")
    await counter.post("/counter/look", counter.form("/counter/look"))
    assert "홍*동" in counter.text
    assert len(await counter.events(MemberEnrolled)) == 1


async def test_who_joins_while_a_page_is_read_is_not_meant_by_what_it_shows(
    desk: CashierDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await desk.look(CARD)
    await desk.go(NEW)
    form = desk.form(NEW) | {"name": NAME, "phone": PHONE, "consent": "0"}
    headers = {"Origin": str(desk.client.make_url("")).rstrip("/")}
    loop, of_account = asyncio.get_running_loop(), desk.app[DESK].of_account

    async def join() -> None:
        await desk.client.post(NEW, data=form, headers=headers, allow_redirects=False)

    def meanwhile(*asked: Any) -> Any:
        asyncio.run_coroutine_threadsafe(join(), loop).result()
        return of_account(*asked)

    with monkeypatch.context() as patched:
        patched.setattr(desk.app[DESK], "of_account", meanwhile)
        assert "3,400 points" in await desk.see()
    assert "The page has changed meanwhile" in await desk.press("/counter/visit")
    assert await desk.names() == ["member_enrolled"]


@pytest.mark.parametrize(("typed", "field"), [("010-1111-2222", "phone"), ("2000123456799", "card")])
async def test_what_found_nobody_is_in_the_form_already(counter: CashierDesk, typed: str, field: str) -> None:
    await counter.see()
    await counter.look(typed)
    await counter.go(NEW)
    assert counter.form(NEW)[field] == typed


async def test_before_headquarters_has_told_its_key_nobody_joins_and_it_is_said(desk: CashierDesk) -> None:
    await desk.do(lambda conn: conn.execute("DELETE FROM sealing_key"))
    await desk.go(NEW)
    assert "eadquarters" in await joined(desk)
    assert desk.at == NEW
    assert await desk.events(MemberEnrolled) == []
