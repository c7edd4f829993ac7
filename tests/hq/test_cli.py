"""The command line: what people type, what they read, and how a refusal ends."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest

from hq_server.cli import main
from hq_server.staff.rights import ROLES
from hq_server.store.sqlite.connection import connect
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import purchase, visit

MEMBERS = "member_id,lookups,name,phone,home_store\nM1,2000123456782,홍길동,010-1234-5678,S012\nM2,,B,,\n"


class Shell:
    """Runs commands in this process against one settings file."""

    def __init__(self, path: Path, capture: pytest.CaptureFixture[str], patch: pytest.MonkeyPatch) -> None:
        self.path, self._capture, self._patch = path, capture, patch

    def run(self, *words: str) -> tuple[int, str, str]:
        """Return the exit status, what was printed, and what was said on standard error."""
        self._patch.setattr(sys, "argv", ["hq-server", "--config", str(self.path), *words])
        status = 0
        try:
            main()
        except SystemExit as ended:
            status = int(str(ended.code or 0))
        captured = self._capture.readouterr()
        return status, captured.out, captured.err

    def json(self, *words: str) -> Any:
        status, out, err = self.run(*words, "--json")
        assert status == 0, err
        return json.loads(out)

    def refused(self, *words: str) -> str:
        """Return the code with which a command was refused."""
        status, _, err = self.run(*words)
        assert status == 1, err
        last = err.strip().splitlines()[-1]
        assert last.startswith("error ("), err
        return last[len("error (") :].split(")")[0]


@pytest.fixture
def shell(hq: Hq, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr("hq_server.cli.shell.time.time_ns", lambda: hq.clock() * 1_000_000)
    return Shell(hq.config_path, capsys, monkeypatch)


@pytest.fixture
def fresh(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    return Shell(tmp_path / "new" / "hq.toml", capsys, monkeypatch)


def test_init_works_from_nothing_and_only_once(fresh: Shell) -> None:
    made = fresh.json("init", "--admin", "kim")
    data = fresh.path.parent / "hq-data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "hq.key").stat().st_mode) == 0o600
    assert (made["account"], len(made["password"].replace("-", ""))) == ("kim", 24)
    key = (data / "hq.key").read_bytes()
    assert fresh.refused("init") == "already_set_up"
    assert (data / "hq.key").read_bytes() == key
    assert fresh.json("token", "list") == []
    assert [(one["name"], one["roles"]) for one in fresh.json("staff", "list")] == [("kim", list(ROLES))]


@pytest.mark.parametrize("left", [("hq.key",), ("hq.key", "programme.key", "hq.db")])
def test_an_init_that_was_cut_off_says_what_to_delete_and_is_run_again(
    fresh: Shell, left: tuple[str, ...]
) -> None:
    data = fresh.path.parent / "hq-data"
    data.mkdir(parents=True, mode=0o700)
    for name in left:
        (data / name).write_bytes(b"" if name == "hq.db" else bytes(32))
    status, _, err = fresh.run("init")
    assert (status, "(setup_unfinished)" in err) == (1, True)
    for name in left:
        assert str(data / name) in err.replace("\n", "")
        (data / name).unlink()
    assert fresh.json("init")["account"] == "admin"


def test_config_may_stand_before_or_after_the_command(hq: Hq, shell: Shell, tmp_path: Path) -> None:
    assert shell.run("store", "list", "--config", str(hq.config_path))[0] == 0
    assert shell.refused("store", "list", "--config", str(tmp_path / "none.toml")) == "config_missing"


def test_a_wrong_word_is_a_matter_of_usage(shell: Shell) -> None:
    assert shell.run("nonsense")[0] == 2
    assert shell.run("terminal", "invite")[0] == 2
    assert shell.run("terminal", "invite", "--store", "S1", "--hours", "0")[0] == 2


@pytest.mark.parametrize("words", [["member", "show", "caf\udce9"], ["audit", "--config", "\udcff.toml"]])
def test_words_that_are_no_text_are_told_in_one_sentence(shell: Shell, words: list[str]) -> None:
    status, _, said = shell.run(*words)
    assert (status, said.count("is no text in UTF-8")) == (2, 1), said
    assert ascii(words[-1]) in said


def test_every_command_can_be_asked_for_help(shell: Shell) -> None:
    for words in ([], ["terminal"], ["terminal", "invite"], ["member", "import"], ["audit"]):
        status, out, _ = shell.run(*words, "--help")
        assert status == 0
        assert "--config" in out


def test_nothing_works_before_init_and_says_so(fresh: Shell) -> None:
    assert fresh.refused("terminal", "list") == "config_missing"


def test_a_programme_is_checked_published_once_and_listed(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2099-01-01"))
    assert "version" in shell.json("programme", "check", str(file))
    assert shell.json("programme", "publish", str(file))["published_before"] is False
    assert shell.json("programme", "publish", str(file))["published_before"] is True
    assert [one["version"] for one in shell.json("programme", "list")] == [1, 2]


def test_all_mistakes_of_a_programme_are_told_at_once(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(PROGRAMME.replace("months = 6", "months = 5").replace("points = 10", 'points = "ten"'))
    status, _, err = shell.run("programme", "check", str(file))
    assert status == 1
    assert err.startswith("error (programme_invalid)")
    assert len(err.strip().splitlines()) == 2
    file.write_bytes(PROGRAMME.encode("utf-16"))
    assert shell.refused("programme", "publish", str(file)) == "programme_invalid"
    assert shell.refused("programme", "check", str(tmp_path / "none")) == "file_unreadable"


def test_a_version_may_not_be_unlike_the_ones_before(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    later = PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2099-01-01")
    for text, code in (
        (later.replace("moonlight", "sunshine"), "programme_unlike"),
        (later.replace("Asia/Seoul", "Asia/Tokyo"), "programme_unlike"),
        (later.replace("05:00", "06:00"), "programme_unlike"),
        (later.replace("months = 6", "months = 3"), "programme_unlike"),
        (later.replace("version = 2", "version = 1"), "version_not_new"),
        (later.replace('code = "GOLD"', 'code = "RUBY"'), "tier_dropped"),
        (PROGRAMME.replace("version = 1", "version = 2"), "effective_from_past"),
    ):
        file.write_text(text)
        assert shell.refused("programme", "publish", str(file)) == code


async def test_a_retroactive_version_shows_what_it_moves_and_asks(
    shell: Shell, hq: Hq, tills: Tills, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase())
    till.record(visit())
    await tills.send(till)
    file = tmp_path / "p.toml"
    text = PROGRAMME.replace("version = 1", "version = 2").replace("points = 10", "points = 7")
    file.write_text(text.replace("per = 1000", "per = 500"))
    monkeypatch.setattr("click.confirm", _refuse)
    publish = ["programme", "publish", str(file), "--retroactive"]
    assert shell.refused(*publish, "--yes") == "name_missing"
    publish += ["--by", "kim"]
    status, out, err = shell.run(*publish, "--language", "en")
    assert (status, err) == (1, "error (aborted): nothing was done\n")
    assert out.splitlines() == [
        "Version 2 (from 1 July 2026 on) differs from version 1 (from 1 July 2026 on):",
        "  Until then: spend: 1 point for every full 1,000 won of a purchase.",
        "  From then on: spend: 1 point for every full 500 won of a purchase.",
        "  Until then: visit: 10 points for each visit, at most once a business day.",
        "  From then on: visit: 7 points for each visit, at most once a business day.",
        "This changes the points of 1 member.",
        "  Redeemable points: 13 added and 3 taken away",
        "  Qualifying points: 13 added and 3 taken away",
    ]
    assert shell.run(*publish)[1].splitlines()[5:] == [
        "회원 1명의 포인트가 바뀝니다.",
        "  사용 가능 포인트: 13점 추가, 3점 차감",
        "  등급 포인트: 13점 추가, 3점 차감",
    ]
    assert hq.balances() == {"M1": 22}
    assert shell.json("decision", "list") == []
    moved = shell.json(*publish, "--yes")["moved"]
    assert (moved["members"], moved["redeemable_up"], moved["redeemable_down"]) == (1, 13, -3)
    assert hq.balances() == {"M1": 32}
    (kept,) = shell.json("decision", "list")
    assert (kept["kind"], kept["subject"], kept["made_by"]) == ("programme", "version 2", "kim")
    assert kept["detail"]["moves"] == moved
    assert shell.json("audit")["ok"] is True


def test_a_past_version_wants_a_name_also_where_it_moves_nothing(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(PROGRAMME.replace("version = 1", "version = 2"))
    publish = ["programme", "publish", str(file), "--retroactive", "--yes"]
    assert shell.refused(*publish) == "name_missing"
    assert shell.run(*publish, "--by", "kim", "--language", "en")[1].splitlines()[2] == (
        "This changes the points of no member."
    )
    assert [(one["kind"], one["made_by"]) for one in shell.json("decision", "list")] == [("programme", "kim")]


def _refuse(*_: object, **__: object) -> None:
    """Stand for a person who says no."""
    raise click.Abort


def test_a_store_takes_the_programmes_zone_and_keeps_it(shell: Shell) -> None:
    assert shell.json("store", "add", "S1")["timezone"] == "Asia/Seoul"
    made = shell.json("store", "add", "S1", "--timezone", "Asia/Tokyo", "--business-day-starts", "06:30")
    assert (made["timezone"], made["business_day_starts"]) == ("Asia/Tokyo", "06:30")
    assert shell.refused("store", "add", "S1", "--timezone", "Moon/Sea") == "zone_unknown"
    assert shell.refused("store", "add", "S 1") == "store_malformed"
    assert shell.refused("store", "add", "S1", "--business-day-starts", "25:00") == "time_malformed"


@pytest.mark.parametrize("state", ["pending", "approved", "revoked"])
async def test_the_zone_of_a_store_with_a_terminal_stands_for_good(
    shell: Shell, hq: Hq, tills: Tills, state: str
) -> None:
    till = await tills.join(preapproved=state != "pending")
    if state == "revoked":
        hq.set_state(till.terminal_id, state, "stolen")
    assert shell.refused("store", "add", "S012", "--timezone", "Asia/Tokyo") == "store_in_use"
    assert shell.refused("store", "add", "S012", "--business-day-starts", "06:00") == "store_in_use"
    assert shell.json("store", "add", "S012", "--name", "강남점")["name"] == "강남점"


async def test_terminals_are_invited_approved_and_revoked(shell: Shell, tills: Tills) -> None:
    till = await tills.join(preapproved=False)
    assert shell.json("terminal", "list")[0]["state"] == "pending"
    assert shell.json("terminal", "approve", till.terminal_id)["state"] == "approved"
    assert shell.json("terminal", "revoke", till.terminal_id, "--reason", "stolen")["state"] == "revoked"
    assert shell.refused("terminal", "approve", till.terminal_id) == "terminal_revoked"
    assert shell.refused("terminal", "approve", "S9-T1") == "terminal_not_found"
    assert shell.refused("terminal", "revoke", till.terminal_id, "--reason", " ") == "reason_missing"
    status, out, _ = shell.run("terminal", "invite", "--store", "S777")
    assert status == 0
    assert "S777 is new" in out
    assert "edge-agent enrol --hq URL --code" in out


def test_an_import_with_a_bad_row_names_all_bad_ones_and_takes_none(
    shell: Shell, hq: Hq, tmp_path: Path
) -> None:
    file = tmp_path / "m.csv"
    file.write_text(MEMBERS + "M3,2000123456782,C,,\n,,D,,\nM4,,E,12,\n", "utf-8")
    status, out, err = shell.run("member", "import", str(file))
    assert status == 1
    assert "line 4 (look_up_taken)" in out
    assert "line 5 (member_id_malformed)" in out
    assert "line 6 (phone_malformed)" in out
    assert "rows_refused" in err
    assert "nothing was taken in" in err.replace("\n", " ")
    assert hq.sql("SELECT count(*) FROM members") == [(0,)]


def test_an_import_in_another_encoding_says_so(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "m.csv"
    file.write_text(MEMBERS, "cp949")
    assert shell.refused("member", "import", str(file)) == "encoding_wrong"
    assert shell.json("member", "import", str(file), "--encoding", "cp949")["added"] == 2
    assert shell.refused("member", "import", str(file), "--encoding", "x") == "encoding_unknown"
    assert shell.refused("member", "import", str(tmp_path / "none")) == "file_unreadable"


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-8", "utf-16", "utf-16-le", "utf-16-be"])
def test_an_import_may_begin_with_the_mark_of_its_encoding(
    shell: Shell, tmp_path: Path, encoding: str
) -> None:
    file = tmp_path / "m.csv"
    marked = "" if encoding in ("utf-8-sig", "utf-16") else "\ufeff"
    file.write_text(marked + MEMBERS, encoding)
    assert shell.json("member", "import", str(file), "--encoding", encoding)["added"] == 2


async def test_show_explains_every_point_and_every_zero(shell: Shell, hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(visit())
    till.record(visit())
    till.record(purchase())
    await tills.send(till)
    status, out, _ = shell.run("member", "show", "010-1234-5678", "--explain", "--language", "en")
    assert status == 0
    assert "78 more to SILVER until 2026-12-31\n" in out
    assert "  or a purchase of 78,000 won\n" in out
    lines = out.splitlines()
    assert [line.split()[1] for line in lines if "S012-T01.1." in line] == ["+10", "+0", "+12"]
    shown = shell.json("member", "show", "M1", "--explain", "--language", "ko")
    assert shown["balance"] == 22
    assert len(shown["history"]) == 3
    assert all(one["sentences"] for one in shown["history"])
    assert shell.refused("member", "show", "nobody") == "member_not_found"


async def test_a_period_shows_tiers_near_misses_and_the_last_word_of_tills(
    shell: Shell, hq: Hq, tills: Tills
) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase("1", 90_000))
    till.record(purchase("2", 299_999, member="id:M2"))
    await tills.send(till)
    found = shell.json("period", "status", "2026-H2")
    assert [(one["tier"], one["members"]) for one in found["tiers"]] == [
        ("BRONZE", 1),
        ("SILVER", 1),
        ("GOLD", 0),
    ]
    near = [(one["member_id"], one["tier"], one["missing"]) for one in found["near_misses"]]
    assert near == [("M2", "GOLD", 1), ("M1", "SILVER", 10)]
    assert found["terminals"][0]["last_day"] == "2026-11-21"
    assert "Within 10 points" in shell.run("period", "status", "2026-H2", "--language", "en")[1]
    assert shell.refused("period", "status", "2026-Q1") == "period_unknown"
    assert "10점 이내" in shell.run("period", "status", "2026-H2", "--language", "ko")[1]


async def test_the_close_is_tried_and_not_yet_done(shell: Shell, hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase("1", 100_000))
    await tills.send(till)
    found = shell.json("period", "close", "2026-H2", "--dry-run")
    assert [(one["from_tier"], one["to_tier"], one["members"]) for one in found["moves"]] == [
        ("BRONZE", "SILVER", 1)
    ]
    status, out, _ = shell.run("period", "close", "2026-H2", "--dry-run", "--language", "en")
    assert status == 0
    assert "a dry run of the close: nothing is changed" in out
    assert shell.refused("period", "close", "2026-H2", "--by", "kim") == "period_not_ready"


async def test_what_is_open_is_counted_and_listed(shell: Shell, tills: Tills) -> None:
    assert "Nothing is open." in shell.run("reconcile")[1]
    till = await tills.join()
    till.record(purchase(member="card:99"))
    till.record(purchase(store="S2"))
    await tills.send(till)
    assert {one["kind"]: one["count"] for one in shell.json("reconcile")["kinds"]} == {
        "member_unknown": 1,
        "receipt_other_store": 1,
    }
    assert len(shell.json("exceptions")) == 2


async def test_what_a_till_wrote_steers_no_terminal(shell: Shell, hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till, steering = await tills.join(), "\x1b]0;x\x07\x9b2J\u202e\r\n"
    till.record(purchase(steering))
    till.record(purchase(steering, net=1))
    till.record(purchase("2", member="card:" + steering))
    till.record(purchase("3", store="S2" + steering))
    await tills.send(till)
    for words in (("exceptions",), ("reconcile",), ("member", "show", "M1", "--explain")):
        status, out, _ = shell.run(*words, "--language", "en") if "show" in words else shell.run(*words)
        assert status == 0
        assert "".join(out.split("\n")).isprintable(), words
    assert "]0;x" in shell.run("exceptions")[1]
    told = shell.run("member", "show", steering)
    assert (told[0], "".join(told[2].split("\n")).isprintable()) == (1, True)


async def test_an_audit_ends_with_1_and_says_where(shell: Shell, hq: Hq, tills: Tills) -> None:
    hq.members(MEMBERS)
    till = await tills.join()
    till.record(purchase())
    await tills.send(till)
    assert shell.json("audit") == {
        "ok": True,
        "batches": 1,
        "unseen": 0,
        "events": 1,
        "receipts": 1,
        "member_days": 1,
        "entries": 1,
        "flows": {"earn": 12},
        "outstanding": 12,
    }
    hq.sql("UPDATE totals SET redeemable = 99")
    assert shell.refused("audit") == "audit_difference"
    status, out, _ = shell.run("audit", "--json")
    assert (status, json.loads(out)["ok"]) == (1, False)


def test_tokens_are_made_once_and_revoked(shell: Shell) -> None:
    scope = ("--scope", "read:members")
    assert shell.json("token", "add", "till-web", *scope)["token"].startswith("dgl_")
    assert shell.refused("token", "add", "till-web", *scope) == "token_exists"
    assert shell.json("token", "revoke", "till-web")["revoked"] is True
    assert shell.refused("token", "revoke", "till-web") == "token_not_found"
    assert shell.refused("token", "add", "a b", *scope) == "token_name_malformed"
    assert shell.refused("token", "add", "other") == "scope_unknown"


def test_a_key_that_others_can_read_is_refused(shell: Shell, hq: Hq) -> None:
    hq.config.key_path.chmod(0o644)
    assert shell.refused("terminal", "invite", "--store", "S1") == "key_exposed"
    hq.config.key_path.chmod(0o600)
    hq.config.key_path.write_bytes(b"short")
    assert shell.refused("terminal", "invite", "--store", "S1") == "key_unreadable"


def test_two_commands_that_write_at_once_lose_nothing(hq: Hq) -> None:
    command = [sys.executable, "-m", "hq_server", "--config", str(hq.config_path), "token", "add"]
    command += ["--scope", "metrics"]
    running = [
        subprocess.Popen([*command, f"t{number}"], stdout=subprocess.DEVNULL, cwd=Path(__file__).parents[2])
        for number in range(4)
    ]
    assert [one.wait(timeout=60) for one in running] == [0] * 4
    assert len(hq.all("house.tokens")) == 5


@pytest.mark.sqlite("its wait for a lock")
def test_a_command_is_told_when_the_database_stays_busy(
    shell: Shell, hq: Hq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hq_server.store.sqlite.connection.BUSY_MS", 20)
    other = connect(hq.config.database_path)
    other.execute("BEGIN IMMEDIATE")
    assert shell.refused("token", "add", "x", "--metrics-only") == "database_busy"
    other.close()


def test_a_backup_says_what_it_holds_and_a_restore_what_is_lost(hq: Hq, shell: Shell, tmp_path: Path) -> None:
    status, out, _ = shell.run("backup", str(tmp_path / "b.db"))
    assert (status, "with HQ's key: keep it as safe as that" in out) == (0, True)
    assert shell.refused("backup", str(tmp_path / "b.db")) == "backup_exists"
    assert shell.refused("restore", str(tmp_path / "b.db")) == "database_exists"
    status, out, _ = shell.run("restore", str(tmp_path / "b.db"), "--replace")
    lines = out.splitlines()
    assert (status, lines[0]) == (0, f"{hq.config.place} is headquarters as of 2026-11-21T02:31:00Z."), out
    schema = "the schema replaced_20261121t023100000z in it"
    aside = schema if hq.url else f"{hq.config.place}.replaced-20261121T023100000Z"
    assert lines[1] == f"What was there before is {aside}."
    assert "revoke and erase it again" in out


def test_a_folder_of_backups_keeps_the_newest(hq: Hq, shell: Shell, tmp_path: Path) -> None:
    first = shell.json("backup", "--keep", "1", str(tmp_path))["file"]
    hq.clock.now += 1000
    status, out, _ = shell.run("backup", "--keep", "1", str(tmp_path))
    assert (status, out.splitlines()[-1]) == (0, f"{first} is removed.")
