"""Decisions by command and by HTTP: what people type and systems send, and how each is refused."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import click
import pytest

from hq_server.staff.rights import RIGHTS
from hq_server.tokens import add_token
from tests.hq.accounts import MEMBERS
from tests.hq.conftest import PROGRAMME, Client, Hq, Tills
from tests.hq.desk import Desk
from tests.hq.events import DAY, back, purchase, visit
from tests.hq.test_cli import Shell
from tests.hq.test_decisions import REWARD

BY = ("--by", "kim", "--reason", "showed it")


@pytest.fixture
def shell(hq: Hq, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    # Commands look at the clock of the machine, which is behind the day of the events here.
    for module in ("member_decisions", "decisions", "receipts", "coupons", "members"):
        monkeypatch.setattr(f"hq_server.cli.{module}.now_ms", hq.clock)
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("[[tier]]", REWARD + "[[tier]]", 1))
    hq.members(MEMBERS)
    return Shell(hq.config_path, capsys, monkeypatch)


def test_members_are_merged_shown_and_parted_by_command(hq: Hq, shell: Shell) -> None:
    desk = Desk(hq)
    desk.send(desk.till(), purchase("1", member="card:5555"))
    status, out, _ = shell.run("member", "attach", "5555", "M2", *BY)
    assert (status, out) == (0, "Decision 1: it names member M2 now, and what waited is theirs.\n")
    assert shell.run("member", "merge", "2000123456799", "M1", *BY)[1] == (
        "Decision 2: member M2 counts as M1 from now on.\n"
    )
    told = shell.run("member", "show", "M2", "--language", "en")[1].splitlines()
    assert told[:3] == ["M2 is merged into M1", "M1 홍길동", "merged into this member: M2"]
    shown = shell.json("member", "show", "M2")
    assert (shown["named"], shown["member_id"], shown["also"], shown["balance"]) == ("M2", "M1", ["M2"], 12)
    assert shell.refused("member", "merge", "M2", "M1", *BY) == "already_merged"
    assert shell.json("member", "unmerge", "M2", *BY)["kind"] == "unmerge"
    assert shell.json("member", "show", "M2")["balance"] == 12
    assert shell.run("member", "merge", "M1", "M2")[0] == 2
    kinds = [one["kind"] for one in shell.json("decision", "list")]
    assert kinds == ["attachment", "merge", "unmerge"]
    assert "merge" in shell.run("decision", "list")[1]


def test_an_adjustment_goes_from_hand_to_hand_by_command(hq: Hq, shell: Shell) -> None:
    asked = (
        "M1",
        "--redeemable",
        "50",
        "--qualifying",
        "5",
        "--reason-code",
        "complaint",
        "--kind",
        "goodwill",
    )
    status, out, _ = shell.run("adjust", "propose", *asked, *BY)
    assert (status, out) == (0, "Decision 1: hq-server adjust approve 1 --by OTHER moves the points of M1.\n")
    (waiting,) = shell.json("adjust", "list", "--state", "waiting")
    assert (waiting["kind"], waiting["detail"]["redeemable"]) == ("goodwill", 50)
    assert shell.refused("adjust", "approve", "1", "--by", "kim") == "same_person"
    assert shell.run("adjust", "approve", "1", "--by", "lee")[1] == "Decision 1 of kim is approved by lee.\n"
    assert hq.balances() == {"M1": 50}
    assert shell.refused("adjust", "refuse", "1", "--by", "lee") == "decision_judged"
    assert shell.json("adjust", "list", "--state", "waiting") == []
    hq.config_path.write_text(hq.config_path.read_text("utf-8") + "[adjustments]\npoints_max = 49\n")
    assert shell.refused("adjust", "propose", *asked, *BY) == "adjustment_too_large"
    shell.run("member", "erase", "M2", *BY)
    assert shell.refused("adjust", "approve", "2", "--by", "lee") == "no_proposal"


def test_a_person_is_erased_by_two_commands(hq: Hq, shell: Shell) -> None:
    assert "decision approve 1" in shell.run("member", "erase", "M1", *BY)[1]
    assert shell.refused("decision", "approve", "1", "--by", "kim") == "same_person"
    assert shell.json("decision", "list", "--waiting")[0]["kind"] == "erasure"
    shell.run("decision", "approve", "1", "--by", "lee")
    told = shell.run("member", "show", "M1", "--language", "en")[1].splitlines()
    assert told[:2] == ["M1", "erased: no more is known of the person"]
    assert shell.refused("member", "show", "2000123456782") == "member_not_found"
    assert shell.json("audit")["ok"] is True


@pytest.mark.parametrize("number", ["0", "-1", "9" * 23])
def test_a_number_that_no_decision_can_have_is_misuse(shell: Shell, number: str) -> None:
    for what in ("decision", "adjust"):
        assert shell.run(what, "approve", "--by", "lee", "--", number)[0] == 2


@pytest.mark.parametrize("text", ["20261120", "2026-W47-5", "2026-11-31", "yesterday"])
def test_a_date_is_written_in_one_way_only(hq: Hq, shell: Shell, text: str) -> None:
    asked = ("M1", "--redeemable", "5", "--reason-code", "complaint", "--date", text)
    assert shell.refused("adjust", "propose", *asked, *BY) == "date_malformed"
    assert shell.refused("reconcile", "--day", text) == "date_malformed"
    dates = ("--from", text, "--until", "2026-12-31", "--by", "kim")
    assert shell.refused("coupon", "issue", "M1", "ball", *dates) == "date_malformed"
    assert shell.refused("receipt", "claim", f"S012/T01/{text}/1", "M1", *BY) == "receipt_malformed"


def test_receipts_are_claimed_and_matched_by_command(hq: Hq, shell: Shell) -> None:
    desk = Desk(hq)
    _, free = desk.send(desk.till(), purchase(member=None), back(of=None))
    receipt = "S012/T01/2026-11-21/1"
    assert (
        shell.run("receipt", "claim", receipt, "M1", *BY)[1] == "Decision 1: the purchase is member M1's.\n"
    )
    assert shell.json("receipt", "match", str(free), receipt, *BY)["kind"] == "match"
    assert hq.balances() == {"M1": 9}
    assert shell.refused("receipt", "match", str(free), receipt, *BY) == "already_matched"


def test_an_event_is_placed_by_command_once_its_evidence_was_seen(
    hq: Hq, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = Desk(hq)
    (event,) = desk.send(desk.till(), visit())
    place = ("event", "place", str(event), "--date", "2026-11-20", "--at", "2026-11-20T10:00:00+09:00", *BY)

    def no(*_: object, **__: object) -> None:
        raise click.Abort

    with monkeypatch.context() as patch:
        patch.setattr("click.confirm", no)
        status, out, _ = shell.run(*place)
        assert status == 1
        assert out.startswith(f"{event} visit_recorded: business date 2026-11-21, at 2026-11-21T02:31:00Z")
    assert hq.sql("SELECT count(*) FROM decisions") == [(0,)]
    assert shell.run(*place, "--yes")[1].endswith(f"Decision 1: event {event} counts on 2026-11-20.\n")
    assert shell.refused(*place, "--yes") == "already_placed"
    assert shell.json("event", "show", str(event))["kind"] == "visit_recorded"
    assert shell.refused(*place[:4], "yesterday", *BY) == "date_malformed"
    assert shell.refused(*place[:5], "--at", "2026-11-20T10:00:00", *BY) == "instant_malformed"


def test_coupons_are_issued_and_listed_by_command(shell: Shell) -> None:
    dates = ("--from", "2026-11-21", "--until", "2026-12-31", "--by", "kim")
    status, out, _ = shell.run("coupon", "issue", "M1", "ball", *dates)
    assert status == 0
    first, code = out.splitlines()
    assert first == "Coupon C1 for member M1; its code for people and QR:"
    (listed,) = shell.json("coupon", "list", "M1")
    assert (listed["code"], listed["state"], listed["until_date"]) == (code, "open", "2026-12-31")
    assert shell.run("coupon", "list", "M2")[1] == "The member has no coupon.\n"
    assert shell.refused("coupon", "issue", "M1", "car", *dates) == "reward_unknown"


class Office:
    """Two people with tokens of their own."""

    def __init__(self, hq: Hq, client: Client) -> None:
        self.hq, self.client = hq, client
        with hq.writing() as tx:
            self.tokens = {
                name: add_token(tx, name, name.encode() * 8, hq.clock(), scopes=RIGHTS)
                for name in ("kim", "lee")
            }

    async def post(
        self, path: str, body: object = None, *, by: str = "kim", key: str | None = None
    ) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.tokens[by]}"} | ({"Idempotency-Key": key} if key else {})
        data = None if body is None else json.dumps(body)
        answer = await self.client.post(f"/api/v1/{path}", data=data, headers=headers)
        told = await answer.json(content_type=None)
        return answer.status, told if answer.status < 400 else told["code"]

    async def get(self, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.tokens['kim']}"}
        answer = await self.client.get(f"/api/v1/{path}", headers=headers)
        assert answer.status == 200, await answer.text()
        return await answer.json()


@pytest.fixture
def office(hq: Hq, client: Client) -> Office:
    hq.publish(PROGRAMME.replace("version = 1", "version = 2").replace("[[tier]]", REWARD + "[[tier]]", 1))
    hq.members(MEMBERS)
    return Office(hq, client)


ASKED = {
    "member": "M1",
    "redeemable": 50,
    "reason_code": "complaint",
    "reason": "cold coffee",
    "kind": "goodwill",
}


async def test_the_token_is_the_person(hq: Hq, office: Office) -> None:
    status, made = await office.post("adjustments", ASKED, key="a")
    assert (status, made["made_by"], made["state"], made["detail"]["business_day"]) == (
        201,
        "kim",
        "waiting",
        DAY,
    )
    assert await office.post(f"adjustments/{made['number']}/approve") == (403, "same_person")
    status, approved = await office.post(f"adjustments/{made['number']}/approve", by="lee")
    assert (status, approved["state"], approved["given_by"]) == (200, "approved", "lee")
    assert hq.balances() == {"M1": 50}
    assert await office.post(f"adjustments/{made['number']}/refuse", by="lee") == (409, "decision_judged")
    assert [one["number"] for one in await office.get("adjustments?state=approved")] == [1]
    assert await office.get("adjustments?after=1") == []


async def test_asking_again_under_a_key_is_no_second_decision(hq: Hq, office: Office) -> None:
    first = await office.post("adjustments", ASKED, key="a")
    hq.clock.now += 86_400_000
    assert await office.post("adjustments", ASKED, key="a") == first
    assert await office.post("adjustments", {**ASKED, "redeemable": 51}, key="a") == (
        409,
        "idempotency_conflict",
    )
    assert await office.post("adjustments", {**ASKED, "member": "M2"}, key="a") == (
        409,
        "idempotency_conflict",
    )
    assert (await office.post("adjustments", ASKED, key="a", by="lee"))[1]["number"] == 2
    coupon = {"member": "M1", "reward": "ball", "from": "2026-11-21", "until": "2026-12-31"}
    issued = await office.post("coupons", coupon, key="c")
    assert await office.post("coupons", coupon, key="c") == issued
    assert await office.post("coupons", coupon, key="a") == (409, "idempotency_conflict")
    assert await office.get("members/M1/coupons") == [issued[1]]
    assert base64.urlsafe_b64decode(issued[1]["code"] + "==")


@pytest.mark.parametrize(
    ("path", "body", "key", "refusal"),
    [
        ("adjustments", ASKED, None, (400, "idempotency_key_missing")),
        ("adjustments", {**ASKED, "member": "M9"}, "k", (404, "member_not_found")),
        ("adjustments", {**ASKED, "redeemable": 10_001}, "k", (400, "adjustment_too_large")),
        ("adjustments", {**ASKED, "date": "2026-02-30"}, "k", (400, "date_malformed")),
        ("adjustments", {**ASKED, "date": "yesterday"}, "k", (400, "bad_input")),
        ("adjustments", {**ASKED, "date": "2026-06-30"}, "k", (400, "date_uncovered")),
        ("adjustments", {**ASKED, "points": 1}, "k", (400, "bad_input")),
        ("adjustments", {**ASKED, "reason": "x" * 70_000}, "k", (413, "body_too_large")),
        ("adjustments/7/approve", None, None, (404, "decision_not_found")),
        ("adjustments/x/approve", None, None, (404, "decision_not_found")),
        ("coupons", {"member": "M1", "reward": "car", "from": "2026-11-21", "until": "2026-11-21"}, "k",
         (400, "reward_unknown")),
    ],
)  # fmt: skip
async def test_what_cannot_be_is_a_problem_document(
    office: Office, path: str, body: object, key: str | None, refusal: tuple[int, str]
) -> None:
    assert await office.post(path, body, key=key) == refusal
    assert office.hq.sql("SELECT count(*) FROM decisions") == [(0,)]


async def test_a_decision_of_another_kind_is_no_adjustment(office: Office) -> None:
    Desk(office.hq).merge("M2", "M1")
    assert await office.post("adjustments/1/approve", by="lee") == (404, "no_proposal")


async def test_a_merged_member_is_answered_for_by_who_stands_for_both(office: Office, tills: Tills) -> None:
    till = await tills.join()
    till.record(purchase(member="id:M2"))
    await tills.send(till)
    Desk(office.hq).merge("M2", "M1")
    member = await office.get("members/2000123456799")
    assert (member["member_id"], member["also"], member["balance"]) == ("M1", ["M2"], 12)
    assert [one["redeemable"] for one in await office.get("members/M2/entries")] == [12]


async def test_nothing_is_decided_without_a_valid_token(client: Client, tmp_path: Path) -> None:
    del tmp_path
    answer = await client.post("/api/v1/adjustments", json=ASKED, headers={"Idempotency-Key": "k"})
    assert answer.status == 401
    headers = {"Idempotency-Key": "k", "Authorization": "Bearer dgl_wrong"}
    assert (await client.post("/api/v1/adjustments", json=ASKED, headers=headers)).status == 401


@pytest.mark.parametrize(
    "path",
    ["adjustments", "coupons", "adjustments/1/approve", "exceptions?limit=0", "members/M1/entries?after=x"],
)
async def test_nothing_of_a_request_is_told_to_strangers(client: Client, path: str) -> None:
    for method in ("POST", "GET"):
        for headers in ({}, {"Authorization": "Bearer dgl_wrong"}):
            answer = await client.request(method, f"/api/v1/{path}", data=b"nonsense", headers=headers)
            assert answer.status == 401
