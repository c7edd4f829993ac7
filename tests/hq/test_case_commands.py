"""The near-miss desk by command and by HTTP: one screen to answer from, to approve by, and to check."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import pytest

from hq_server.cli.desk_words import near_miss_csv
from hq_server.cli.evidence_words import RULED
from hq_server.desk.near_misses import NearMisses, near_misses
from hq_server.staff.rights import RIGHTS
from hq_server.tokens import add_token
from tests.hq.appeals import JANUARY_5, PERIOD, Appeals, appeals, closed, desk
from tests.hq.conftest import PROGRAMME, Client, Hq, Tills, copy_of
from tests.hq.events import visit
from tests.hq.test_cli import Shell

__all__ = ["closed", "desk"]
BY = ("--by", "kim", "--reason", "so near")
QUIET = """[[weight]]
id = "quiet-hours"
on = "visit"
weekdays = ["sat"]
times = "1.5"
name = { ko = "한가한 시간", en = "quiet hours" }

"""
GENEROUS = 'from = 100\nbenefits = [{ kind = "discount", percent = "5" }]\n'
WEIGHTED = (
    PROGRAMME.replace("version = 1", "version = 2")
    .replace("[[tier]]", QUIET + "[[tier]]", 1)
    .replace("from = 100\n", GENEROUS)
)


@pytest.fixture
def shell(desk: Appeals, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr("hq_server.cli.shell.time.time_ns", lambda: desk.hq.clock() * 1_000_000)
    desk.on(JANUARY_5)
    return Shell(desk.hq.config_path, capsys, monkeypatch)


@pytest.fixture(scope="module")
def saturdays(founded: Hq, tmp_path_factory: pytest.TempPathFactory) -> Hq:
    """Where a visit of Saturdays counts half as much again: with every weight 1, M1 lacks 8 points for 3."""
    hq = copy_of(founded, tmp_path_factory.mktemp("saturdays"))
    hq.publish(WEIGHTED)
    totals = {"M1": 82, "M2": 97, "M3": 96}
    appeals(hq, totals, before=lambda desk: desk.send(desk.till(), visit("id:M1")))
    return hq


@pytest.fixture
def weighted(saturdays: Hq, tmp_path: Path) -> Appeals:
    return Appeals(copy_of(saturdays, tmp_path / "weighted"), sold=9)


def test_one_screen_answers_that_the_weights_are_unfair(
    weighted: Appeals, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hq_server.cli.shell.time.time_ns", lambda: weighted.hq.clock() * 1_000_000)
    shell = Shell(weighted.hq.config_path, capsys, monkeypatch)
    status, out, err = shell.run(
        *("case", "open", "M1", PERIOD, "--words", "your weights are unfair", "--by", "kim"),
        *("--language", "en"),
    )
    assert (status, err) == (0, "")
    said = out.splitlines()
    assert said[0] == "Case 1: member M1 asks for SILVER of 2026-H2, 3 points short when it was opened - open"
    assert said[2] == "  “your weights are unfair”"
    for line in (
        "2026-H2: 97 qualifying points of 100, 3 missing; the programme calls 10 a near miss",
        "With every visit counted the same it would be 92 points: 8 short of SILVER.",
        "2 members on this step lack 3 points or less to SILVER, this one among them",
        "tiers decided so far: BRONZE from 2027-01-16",
    ):
        assert line in said, out
    assert any(re.fullmatch(r"quiet hours x 1\.5 +1 +15 +10", line) for line in said), out
    assert any(re.fullmatch(r"BRONZE +SILVER +2 +179,000 won +8,950 won", line) for line in said), out
    told = shell.run("case", "show", "1", "--explain", "--language", "en")[1]
    assert "  2026-11-21 11:31 S012  visit  15 points (10 with every weight 1)\n" in told
    assert "    quiet hours: 10 x 1.5 = 15 points\n" in told
    assert shell.run("case", "show", "1", "--reply", "--language", "en")[1].splitlines() == [
        "Your qualifying points of 2026-H2 (2026-07-01 ~ 2026-12-31) are 97; SILVER begins at 100.",
        "3 are missing.",
        "  no weight: 1 visit or purchase, 82 points",
        "  quiet hours x 1.5: 1 visit or purchase, 15 points",
        "With every visit counted the same it would be 92 points: 8 short of SILVER.",
        "It is being looked at.",
    ]


def test_in_korean_everything_but_codes_is_korean(weighted: Appeals, shell: Shell) -> None:
    shell.path = weighted.hq.config_path
    number = str(weighted.open("M1", words=""))
    weighted.refuse(weighted.ask(1))
    weighted.grant(1)
    weighted.deny(weighted.open("M3"))
    weighted.stand({"M3": 1})
    shown = [
        shell.run("case", "show", number, "--explain", "--language", "ko")[1],
        shell.run("case", "show", number, "--reply", "--language", "ko")[1],
        shell.run("case", "list", "--language", "ko")[1],
        shell.run("desk", "list", PERIOD, "--language", "ko")[1],
        shell.run("desk", "figures", PERIOD, "--language", "ko")[1],
    ]
    codes = re.compile(
        r"S012|M\d|2026-H2|BRONZE|SILVER|UTC|\bkim\b|\blee\b|\bx\b|spend|visit|near-miss|so near"
    )
    for out in shown:
        assert out.strip()
        assert not re.search("[A-Za-z]", codes.sub("", out)), out


def test_a_case_goes_from_hand_to_hand_by_command(desk: Appeals, shell: Shell) -> None:
    made = shell.json("case", "open", "M1", PERIOD, "--by", "kim")
    assert (made["case"]["state"], made["now"]["missing"], made["now"]["alike"]["members"]) == ("open", 3, 3)
    assert shell.refused("case", "propose", "1", "--reason-code", "near-miss", "--alone", *BY) == (
        "unlike_needs_code"
    )
    told = shell.run("case", "propose", "1", "--reason-code", "near-miss", *BY, "--language", "en")[1]
    assert "  1 grant waiting (kim, near-miss): 3 members, until 2027-07-15 (waiting 3). so near\n" in told
    assert "  hq-server decision approve 1 --by OTHER\n" in told
    assert shell.refused("decision", "approve", "1", "--by", "kim") == "same_person"
    assert shell.json("decision", "approve", "1", "--by", "lee")["state"] == "approved"
    assert desk.granted() == {"M1": "SILVER", "M2": "SILVER", "M3": "SILVER"}
    told = shell.run("case", "show", "1", "--language", "en")[1]
    assert "What was known at 2027-01-05 02:31 (UTC):\n" in told
    assert "(granted 3). so near\n" in told
    assert (
        "You are given SILVER from 2027-01-16 until 2027-07-15."
        in shell.run("case", "show", "1", "--reply", "--language", "en")[1]
    )
    until = ("--until", "2027-03-31")
    shell.run("case", "open", "M7", PERIOD, "--by", "kim")
    assert shell.json("case", "propose", "2", "--reason-code", "other", *until, *BY)["outcomes"] == {
        "2": {"waiting": 1}
    }
    assert shell.json("decision", "refuse", "2", "--by", "lee")["state"] == "refused"
    assert shell.json("case", "refuse", "2", "--reason-code", "other", *BY)["case"]["state"] == "refused"
    assert "cannot be given" in shell.run("case", "show", "2", "--reply", "--language", "en")[1]
    shell.run("case", "open", "M4", PERIOD, "--by", "kim")
    assert shell.json("case", "withdraw", "3", *BY)["case"]["state"] == "withdrawn"
    assert "has ended" in shell.run("case", "show", "3", "--reply", "--language", "en")[1]
    states = [(one["number"], one["state"]) for one in shell.json("case", "list")]
    assert states == [(1, "granted"), (2, "refused"), (3, "withdrawn")]
    assert [one["number"] for one in shell.json("case", "list", "--member", "M7", "--period", PERIOD)] == [2]
    assert shell.json("case", "list", "--state", "open") == []
    assert shell.run("case", "list", "--state", "open", "--language", "en")[1] == "There is no case.\n"
    assert shell.refused("case", "show", "9") == "case_not_found"


def test_a_moot_case_says_why_and_what_to_do(desk: Appeals, shell: Shell) -> None:
    desk.open("M1")
    desk.stand({"M1": 3})
    told = shell.run("case", "show", "1", "--language", "en")[1].splitlines()
    assert told[3].startswith("Points that came since the close have closed the gap")
    assert told[-1] == "  hq-server case withdraw 1 --reason TEXT --by NAME"
    reply = shell.run("case", "show", "1", "--reply", "--language", "en")[1]
    assert "With the points that came since the close you have reached SILVER." in reply


def test_figures_tell_how_alike_was_ruled_by_store_person_and_gap(desk: Appeals, shell: Shell) -> None:
    desk.grant(desk.open("M1"), "hardship", alone=True)
    desk.deny(desk.open("M3"), "till-fault")
    desk.deny(desk.open("M4"), by="park")
    desk.refuse(desk.ask(desk.open("M2")))
    desk.stand({"M2": 1})
    found = shell.json("desk", "figures", PERIOD)
    line = {"granted": 1, "granted_alone": 1, "refused": 2, "refused_unlike": 1}
    assert found["in_all"] == {"name": "", **line}
    assert found["by_store"] == [{"name": "S012", **line}]
    assert [(one["name"], one["granted"], one["refused"]) for one in found["by_person"]] == [
        ("kim", 1, 1),
        ("park", 0, 1),
    ]
    assert [(one["name"], one["granted"], one["refused"]) for one in found["by_approver"]] == [("lee", 1, 1)]
    assert [(one["name"], one["granted"], one["refused"]) for one in found["by_gap"]] == [
        ("3", 1, 1),
        ("4", 0, 1),
    ]
    assert found["cases"] == {"granted": 1, "moot": 1, "refused": 2}
    assert (found["used"], found["per_period_max"]) == (1, 500)
    said = shell.run("desk", "figures", PERIOD, "--language", "en")[1].splitlines()
    assert said[:2] == [
        "2026-H2: 1 of 500 grants given or proposed",
        "cases: granted 1, moot 1, refused 2",
    ]


def test_after_the_close_the_list_says_who_is_left_without_a_ruling(desk: Appeals, shell: Shell) -> None:
    desk.grant(desk.open("M1"))
    desk.deny(desk.open("M4"))
    found = shell.json("desk", "list", PERIOD)
    assert (found["state"], found["members"]) == ("closed", 5)
    assert [(one["member_id"], one["missing"], one["tier"], one["ruled"]) for one in found["listed"]] == [
        ("M2", 1, "SILVER", "granted"),
        ("M1", 3, "SILVER", "granted"),
        ("M3", 3, "SILVER", "granted"),
        ("M7", 3, "GOLD", "open"),
        ("M4", 4, "SILVER", "refused"),
    ]
    said = shell.run("desk", "list", PERIOD, "--language", "en")[1]
    assert said.splitlines()[0].endswith("within 10 points of the next tier: 5 members")
    assert all(RULED["en"][ruled] in said for ruled in ("granted", "refused", "open"))


def test_before_the_close_the_list_says_what_would_do_it(hq: Hq, desk: Appeals, shell: Shell) -> None:
    shell.path = hq.config_path
    hq.members("member_id,lookups,name,home_store\n-M1,,,S012\nM2,,,S013\n")
    early = Appeals(hq)
    early.stand({"-M1": 97, "M2": 89})
    desk.hq.clock.now = hq.clock.now
    found = shell.json("desk", "list")
    (one,) = found["listed"]
    assert (found["state"], found["period"], found["members"]) == ("running", PERIOD, 1)
    assert (one["member_id"], one["last_visit"], one["earned"], one["ruled"]) == (
        "-M1",
        "2026-11-21",
        "BRONZE",
        None,
    )
    assert [way["en"] for way in one["ways"]] == ["one visit", "a purchase of 3,000 won"]
    assert "one visit / a purchase of 3,000 won" in shell.run("desk", "list", "--language", "en")[1]
    heads, row = csv.reader(shell.run("desk", "list", "--csv")[1].splitlines())
    told = dict(zip(heads, row, strict=True))
    assert (told["member_id"], told["missing"], told["ways_en"]) == (
        "'-M1",
        "3",
        "one visit / a purchase of 3,000 won",
    )
    early.on(JANUARY_5)
    over: NearMisses = early.read(lambda tx, house: near_misses(tx, house, PERIOD, hq.clock()))
    assert (over.state, over.listed[0].ways) == ("ended", ())
    assert len(list(near_miss_csv(over))) == 2


def test_a_programme_without_a_tolerance_has_no_near_misses(hq: Hq, desk: Appeals, shell: Shell) -> None:
    shell.path = hq.config_path
    text = PROGRAMME.replace("version = 1", "version = 2").replace("near_miss = 10", "near_miss = 0")
    hq.publish(text)
    desk.hq.clock.now = hq.clock.now
    assert shell.run("desk", "list", "--language", "en")[1] == (
        "2026-H2: the programme names no near-miss tolerance (near_miss).\n"
    )


# By HTTP


@pytest.fixture
async def http(desk: Appeals, aiohttp_client: Any) -> Http:
    from hq_server.app import build_app

    desk.on(JANUARY_5)
    with desk.hq.writing() as tx:
        tokens = {
            name: add_token(tx, name, bytes([place]) * 32, desk.hq.clock(), scopes=RIGHTS)
            for place, name in enumerate(("kim", "lee"))
        }
    return Http(await aiohttp_client(build_app(desk.hq.config, desk.hq.clock)), tokens)


class Http:
    """Asks as `kim` unless told otherwise."""

    def __init__(self, client: Client, tokens: dict[str, str]) -> None:
        self.client, self._tokens = client, tokens

    async def get(self, path: str) -> Any:
        answer = await self.client.get(path, headers={"Authorization": f"Bearer {self._tokens['kim']}"})
        assert answer.status == 200, await answer.text()
        return await answer.json()

    async def post(
        self, path: str, body: object = None, *, key: str = "", by: str = "kim"
    ) -> tuple[int, Any]:
        heads = {"Authorization": f"Bearer {self._tokens[by]}"} | ({"Idempotency-Key": key} if key else {})
        answer = await self.client.post(path, json=body, headers=heads)
        return answer.status, await answer.json(content_type=None)


async def test_a_case_goes_from_hand_to_hand_by_http(desk: Appeals, http: Http) -> None:
    asked = {"member": "M1", "period": PERIOD, "words": "three points"}
    status, made = await http.post("/api/v1/cases", asked, key="one")
    assert (status, made["case"]["number"], made["case"]["words"]) == (201, 1, "three points")
    assert (await http.post("/api/v1/cases", asked, key="one"))[1]["case"]["number"] == 1
    assert (await http.post("/api/v1/cases", asked, key="two"))[1]["code"] == "case_open"
    for other in ({**asked, "member": "M2"}, {**asked, "words": "five points"}):
        assert (await http.post("/api/v1/cases", other, key="one"))[1]["code"] == "idempotency_conflict"
    ask = {"reason_code": "near-miss", "reason": "so near"}
    status, proposed = await http.post("/api/v1/cases/1/propose", ask, key="three")
    assert (status, proposed["state"], proposed["detail"]["members"]) == (201, "waiting", 3)
    assert (await http.post("/api/v1/cases/1/propose", ask, key="three"))[1] == proposed
    others: list[dict[str, object]] = [{"reason": "other"}, {"alone": True}, {"until": "2027-03-31"}]
    for change in others:
        changed = {**ask, **change}
        assert (await http.post("/api/v1/cases/1/propose", changed, key="three"))[1]["code"] == (
            "idempotency_conflict"
        )
    assert (await http.post("/api/v1/grants/1/approve"))[1]["code"] == "same_person"
    assert (await http.post("/api/v1/grants/9/approve", by="lee"))[1]["code"] == "decision_not_found"
    assert (await http.post("/api/v1/grants/1/approve", by="lee"))[1]["state"] == "approved"
    assert desk.granted() == {"M1": "SILVER", "M2": "SILVER", "M3": "SILVER"}
    assert (await http.get("/api/v1/cases/1"))["case"]["state"] == "granted"
    status, once_more = await http.post("/api/v1/cases", asked, key="one")
    assert (status, once_more["case"]["number"], once_more["case"]["state"]) == (201, 1, "granted")
    assert [one["number"] for one in await http.get("/api/v1/cases?state=granted&member=M1")] == [1]
    assert [one["number"] for one in await http.get("/api/v1/grants?state=approved")] == [1]
    assert (await http.get(f"/api/v1/desk/{PERIOD}"))["listed"][0]["ruled"] == "granted"
    assert (await http.get(f"/api/v1/desk/{PERIOD}/figures"))["in_all"]["granted"] == 3


async def test_a_case_is_refused_and_withdrawn_by_http(desk: Appeals, http: Http) -> None:
    for member in ("M1", "M4"):
        await http.post("/api/v1/cases", {"member": member, "period": PERIOD}, key=member)
    why = {"reason_code": "other", "reason": "below"}
    status, refused = await http.post("/api/v1/cases/1/refuse", why, key="a")
    assert (status, refused["kind"], refused["state"]) == (201, "refusal", "stands")
    assert (await http.post("/api/v1/cases/1/refuse", why, key="a"))[1] == refused
    status, problem = await http.post("/api/v1/cases/1/refuse", why, key="b")
    assert (status, problem["code"]) == (409, "case_settled")
    status, ended = await http.post("/api/v1/cases/2/withdraw", {"reason": "asked"}, key="c")
    assert (status, ended["kind"]) == (201, "withdrawal")
    assert (await http.post("/api/v1/cases/2/withdraw", {"reason": "asked"}, key="c"))[1] == ended
    assert (await http.post("/api/v1/cases/x/withdraw", {"reason": "asked"}, key="d"))[0] == 404
    until = {"reason_code": "other", "reason": "x", "until": "2027-03-31", "alone": True}
    await http.post("/api/v1/cases", {"member": "M7", "period": PERIOD}, key="M7")
    status, proposed = await http.post("/api/v1/cases/3/propose", until, key="e")
    assert (status, proposed["detail"]["alone"]) == (201, False)
    number = proposed["number"]
    assert (await http.post(f"/api/v1/grants/{number}/refuse", by="lee"))[1]["state"] == "refused"
    assert (await http.post("/api/v1/grants/1/refuse", by="lee"))[1]["code"] == "no_proposal"
    assert desk.granted() == {}


@pytest.mark.parametrize(
    ("path", "thing"), [("cases/{}/withdraw", "case"), ("grants/{}/approve", "decision")]
)
@pytest.mark.parametrize("number", ["9", "999999999999999", "9999999999999999", "9" * 40, "x", "0"])
async def test_what_does_not_exist_is_named_as_it_was_asked_for(
    http: Http, path: str, thing: str, number: str
) -> None:
    status, problem = await http.post(f"/api/v1/{path.format(number)}", {"reason": "x"}, key="a")
    assert (status, problem["code"]) == (404, f"{thing}_not_found")
    assert problem["detail"].replace('"', "") == f"there is no {thing} {number}"


async def test_a_server_goes_on_with_grants_whose_posting_was_cut_off(desk: Appeals, http: Http) -> None:
    desk.approve(desk.ask(desk.open("M1")))
    await Tills(desk.hq, http.client).until(lambda: len(desk.granted()) == 3)
    assert desk.state(1) == "granted"


def test_who_handled_a_case_is_in_the_access_log_of_its_member(desk: Appeals, shell: Shell) -> None:
    shell.path = desk.hq.config_path
    number = str(shell.json("case", "open", "M1", PERIOD, "--by", "kim")["case"]["number"])
    shell.json("case", "show", number, "--by", "lee")
    shell.json("case", "show", number, "--reply", "--by", "park")
    shell.json("case", "propose", number, "--reason-code", "near-miss", *BY)
    log = [(one["who"], one["what"], one["subject"]) for one in reversed(shell.json("access", "list"))]
    assert sorted(log) == [
        ("kim", "case open", "*"),
        ("kim", "case open", "M1"),
        ("kim", "case propose", "*"),
        ("kim", "case propose", "M1"),
        ("lee", "case show", "*"),
        ("lee", "case show", "M1"),
        ("park", "case show", "M1"),
    ], "the screen names others, too; the reply does not"
