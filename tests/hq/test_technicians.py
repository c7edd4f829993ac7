"""Technicians at headquarters: who they are, the passes they are given, and what tills are told of both."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hq_server.backups import back_up
from hq_server.staff.access import accesses
from hq_server.technicians import told_to
from loyalty_core.envelope import key_id, peek, public_of, seal
from loyalty_core.errors import BadInput
from loyalty_core.events import TechnicianAction
from loyalty_core.messages import Exchange, Technicians
from loyalty_core.passes import Pass, bytes_of_digits, check_pass, open_pass
from loyalty_core.units import EpochMs
from loyalty_core.wire import pack, unpack
from loyalty_shell import passwords
from tests.hq.conftest import Hq, Tills
from tests.hq.events import DAY
from tests.hq.test_api import get
from tests.hq.test_cli import Shell, shell
from tests.hq.till import NOW_MS, Till

__all__ = ["shell"]
HOUR_MS = 3_600_000
PIN = "270438"


@pytest.fixture(autouse=True)
def cheaply(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let PINs cost little."""
    monkeypatch.setattr(passwords, "MEMORY_KIB", 8)
    monkeypatch.setattr(passwords, "PASSES", 1)


@pytest.fixture
def pin(tmp_path: Path) -> tuple[str, str]:
    """The option that gives a PIN."""
    path = tmp_path / "pin"
    path.write_text(f"{PIN}\n", "utf-8")
    return ("--pin-file", str(path))


def told(hq: Hq, till: Till, has: int = 0) -> Technicians | None:
    """Return what a till is told that has this version."""
    with hq.reading() as tx:
        return told_to(tx, till.store_id, has, hq.clock())


def some(hq: Hq, till: Till, has: int = 0) -> Technicians:
    found = told(hq, till, has)
    assert found is not None
    return found


def given(hq: Hq, shell: Shell, folder: Path, *words: str) -> Pass:
    """Make a pass of kim's and return it as a till reads it."""
    file = folder / f"{len(list(folder.iterdir()))}.pass"
    shell.json("technician", "pass", "kim", "--out", str(file), *words)
    return open_pass(bytes_of_digits(file.read_text("utf-8")), {key_id(hq.public_key): hq.public_key})


async def test_a_technician_is_told_to_the_tills_of_their_stores_alone(
    hq: Hq, tills: Tills, shell: Shell, pin: tuple[str, str]
) -> None:
    here, there = await tills.join("S012"), await tills.join("S013")
    assert (await tills.send(here)).technicians is None
    shell.json("technician", "add", "kim", "--store", "S012", *pin)
    shell.json("technician", "add", "lee", *pin)
    reply = await tills.send(here)
    assert reply.technicians is not None
    assert [one.person for one in reply.technicians.people] == ["kim", "lee"]
    assert passwords.is_password(PIN, reply.technicians.people[0].pin_verifier)
    reply = await tills.send(there)
    assert reply.technicians is not None
    assert [one.person for one in reply.technicians.people] == ["lee"]
    assert reply.technicians.revoked == ()
    version = reply.technicians.version
    assert told(hq, there, version) is None
    shell.json("technician", "pin", "lee", *pin)
    assert some(hq, there, version).version > version


async def test_a_till_that_says_its_version_gets_no_list_again(
    hq: Hq, tills: Tills, shell: Shell, pin: tuple[str, str]
) -> None:
    till = await tills.join()
    shell.json("technician", "add", "kim", *pin)
    has = some(hq, till).version
    _, payload = peek(till.exchange_request(), "dangol/exchange/1")
    request = unpack(payload, Exchange)
    body = seal("dangol/exchange/1", pack(msgspec.structs.replace(request, technicians=has)), till.key)
    answer = await tills.client.post("/v1/exchange", data=body)
    assert till.reply(await answer.read()).technicians is None


async def test_a_pass_says_what_was_asked_and_who_made_it_is_kept(
    hq: Hq, tills: Tills, shell: Shell, tmp_path: Path, pin: tuple[str, str]
) -> None:
    till = await tills.join()
    shell.json("technician", "add", "kim", *pin)
    made = given(hq, shell, tmp_path, "--terminal", till.terminal_id, "--role", "observer", "--by", "choi")
    assert (made.person, made.programme_id, made.role) == ("kim", "moonlight", "observer")
    assert (made.stores, made.terminals) == ((), (till.terminal_id,))
    assert (made.from_ms, made.until_ms) == (NOW_MS, NOW_MS + 8 * HOUR_MS)
    check_pass(made, till.terminal_id, till.store_id, EpochMs(NOW_MS))
    (kept,) = shell.json("technician", "passes")
    assert (kept["pass"], kept["technician"], kept["made_by"]) == (made.pass_id, "kim", "choi")
    with hq.reading() as tx:
        log = [(one.who, one.what, one.subject) for one in accesses(tx)]
    assert log[0] == ("choi", "technician pass", "technician:kim")
    assert log[1][1:] == ("technician add", "technician:kim")
    for sql in ("DELETE FROM technician_passes", "UPDATE technician_passes SET made_by = 'x'"):
        with pytest.raises(Exception, match="a pass"):
            hq.sql(sql)


async def test_a_pass_of_another_house_or_one_that_was_changed_is_refused(
    hq: Hq, tills: Tills, shell: Shell, tmp_path: Path, pin: tuple[str, str]
) -> None:
    till = await tills.join()
    shell.json("technician", "add", "kim", *pin)
    file = tmp_path / "kim.pass"
    shell.json("technician", "pass", "kim", "--store", till.store_id, "--out", str(file))
    data = bytes_of_digits(file.read_text("utf-8"))
    other = public_of(bytes(32))
    for keys, changed, code in (
        ({key_id(other): other}, data, "pass_wrong_key"),
        ({key_id(hq.public_key): hq.public_key}, data.replace(b"S012", b"S013"), "pass_malformed"),
    ):
        with pytest.raises(BadInput) as refused:
            open_pass(changed, keys)
        assert refused.value.code == code


async def test_a_pass_for_another_till_is_refused_there(
    hq: Hq, tills: Tills, shell: Shell, tmp_path: Path, pin: tuple[str, str]
) -> None:
    mine, other = await tills.join("S012"), await tills.join("S012")
    shell.json("technician", "add", "kim", "--store", "S012", *pin)
    made = given(hq, shell, tmp_path, "--terminal", mine.terminal_id)
    with pytest.raises(BadInput) as refused:
        check_pass(made, other.terminal_id, other.store_id, EpochMs(NOW_MS))
    assert refused.value.code == "pass_for_another_till"
    await tills.join("S013")
    file = tmp_path / "no.pass"
    words = ("technician", "pass", "kim", "--out", str(file))
    assert shell.refused(*words, "--store", "S013") == "technician_elsewhere"
    assert shell.refused(*words, "--terminal", "S013-T01") == "technician_elsewhere"
    assert shell.refused(*words, "--terminal", "S099-T01") == "terminal_not_found"
    assert shell.refused(*words, "--store", "S099") == "store_not_found"
    assert shell.refused(*words) == "pass_places"
    assert not file.exists()
    assert len(shell.json("technician", "passes")) == 1


async def test_a_pass_longer_than_a_day_is_not_made(
    hq: Hq, tills: Tills, shell: Shell, tmp_path: Path, pin: tuple[str, str]
) -> None:
    till = await tills.join()
    shell.json("technician", "add", "kim", *pin)
    words = ("technician", "pass", "kim", "--store", till.store_id, "--out", str(tmp_path / "long.pass"))
    assert shell.run(*words, "--hours", "25")[0] == 2
    assert shell.json("technician", "passes") == []
    assert (
        given(hq, shell, tmp_path, "--store", till.store_id, "--hours", "24").until_ms
        == NOW_MS + 24 * HOUR_MS
    )
    with pytest.raises(Exception, match=r"(?i)check"):
        hq.sql(
            "INSERT INTO technician_passes"
            " (pass_id, name, at_stores, at_terminals, role, made_by, from_ms, until_ms)"
            " SELECT 'P', name, at_stores, at_terminals, role, made_by, from_ms, until_ms + 1"
            " FROM technician_passes"
        )


async def test_after_a_revocation_tills_are_told_of_the_pass_until_it_would_have_ended(
    hq: Hq, tills: Tills, shell: Shell, tmp_path: Path, pin: tuple[str, str]
) -> None:
    till = await tills.join()
    shell.json("technician", "add", "kim", *pin)
    lost = given(hq, shell, tmp_path, "--store", "S012")
    kept = given(hq, shell, tmp_path, "--store", "S012")
    before = some(hq, till)
    shell.json("technician", "revoke", "--pass", lost.pass_id, "--reason", "lost", "--by", "choi")
    shell.json("technician", "revoke", "--pass", lost.pass_id, "--reason", "again", "--by", "park")
    after = some(hq, till, before.version)
    assert (after.revoked, [one.person for one in after.people]) == ((lost.pass_id,), ["kim"])
    rows = {one["pass"]: one for one in shell.json("technician", "passes")}
    assert (rows[lost.pass_id]["revoked_by"], rows[lost.pass_id]["reason"]) == ("choi", "lost")
    shell.json("technician", "revoke", "kim", "--reason", "left", "--by", "choi")
    gone = some(hq, till, after.version)
    assert (set(gone.revoked), gone.people) == ({lost.pass_id, kept.pass_id}, ())
    refused = ("technician", "pass", "kim", "--store", "S012", "--out", str(tmp_path / "no"))
    assert shell.refused(*refused) == "technician_revoked"
    hq.clock.now = kept.until_ms
    assert some(hq, till).revoked == ()
    shell.json("technician", "add", "kim", *pin)
    assert [one.person for one in some(hq, till).people] == ["kim"]


async def test_after_a_rotation_a_pass_is_signed_by_the_key_before_as_well(
    hq: Hq, tills: Tills, shell: Shell, tmp_path: Path, pin: tuple[str, str]
) -> None:
    till = await tills.join()
    shell.json("technician", "add", "kim", *pin)
    shell.json("key", "rotate", "server")
    file = tmp_path / "kim.pass"
    shell.json("technician", "pass", "kim", "--store", till.store_id, "--out", str(file))
    data = bytes_of_digits(file.read_text("utf-8"))
    by, _ = peek(data, "dangol/pass/1")
    assert (len(by), by[1]) == (2, key_id(till.hq_key))
    assert open_pass(data, {key_id(till.hq_key): till.hq_key}).person == "kim"


def test_after_a_restore_the_version_never_goes_back_for_a_till(
    hq: Hq, shell: Shell, tmp_path: Path, pin: tuple[str, str]
) -> None:
    till = Till(store_id="S012")
    shell.json("store", "add", "S012")
    shell.json("technician", "add", "kim", *pin)
    backup = tmp_path / "backup.db"
    back_up(hq.config, backup, hq.clock())
    hq.clock.now += 60_999
    shell.json("technician", "add", "lee", *pin)
    before = some(hq, till)
    hq.bring_back(backup)
    restored = some(hq, till, before.version)
    assert restored.version > before.version
    assert [one.person for one in restored.people] == ["kim"]
    assert told(hq, till, restored.version) is None
    shell.json("technician", "add", "lee", *pin)
    assert some(hq, till, restored.version).version > restored.version


def test_a_pin_that_is_guessed_first_is_not_taken(hq: Hq, shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "pin"
    for weak in (
        "",
        "12345",
        "111111",
        "123456",
        "987654",
        "2468024680246",
        "12345a",
        "121212",
        "１２３９８７",
    ):
        path.write_text(weak, "utf-8")
        assert shell.refused("technician", "add", "kim", "--pin-file", str(path)) == "pin_weak", weak
    assert shell.json("technician", "list") == []
    made = shell.json("technician", "add", "kim")
    assert re.fullmatch(r"\d{8}", made["pin"])
    assert shell.refused("technician", "add", "KIM") == "technician_exists"
    assert made["pin"] not in json.dumps(shell.json("technician", "list"))
    assert shell.refused("technician", "pin", "lee") == "technician_unknown"
    assert shell.refused("technician", "add", "lee", "--store", "S099") == "store_not_found"


async def test_a_pass_is_drawn_and_a_file_that_is_there_stays(
    hq: Hq, tills: Tills, shell: Shell, tmp_path: Path, pin: tuple[str, str]
) -> None:
    till = await tills.join()
    shell.json("technician", "add", "kim", *pin)
    drawn: dict[str, Any] = {name: tmp_path / f"kim.{name}" for name in ("svg", "png")}
    words = ("technician", "pass", "kim", "--store", till.store_id)
    for path in drawn.values():
        assert shell.json(*words, "--qr", str(path))["files"] == [str(path)]
        assert path.stat().st_mode & 0o777 == 0o600
    assert drawn["svg"].read_bytes().startswith(b"<?xml")
    assert drawn["png"].read_bytes().startswith(b"\x89PNG")
    status, out, _ = shell.run(*words, "--show")
    assert status == 0
    assert "\u2588" in out or "\u2580" in out
    assert "good until" in out
    before = drawn["svg"].read_bytes()
    out_file = tmp_path / "kim.pass"
    assert shell.refused(*words, "--out", str(out_file), "--qr", str(drawn["svg"])) == "file_exists"
    assert drawn["svg"].read_bytes() == before
    assert not out_file.exists()
    assert shell.run(*words)[0] == 2
    assert len(shell.json("technician", "passes")) == 3


async def test_what_a_technician_did_on_a_till_is_kept_and_listed(hq: Hq, tills: Tills, shell: Shell) -> None:
    till, other = await tills.join(), await tills.join()
    did = TechnicianAction(None, NOW_MS, DAY, "김기사", "P1", "quarantine_retry", "42", "recorded")
    till.record(did)
    reply = await tills.send(till)
    assert till.acknowledged(reply) == {1: 1}
    await tills.send(till)
    (row,) = shell.json("technician", "actions", "--terminal", till.terminal_id)
    assert row["event"] == f"{till.terminal_id}.1.1"
    assert [row[name] for name in ("person", "pass_id", "action", "subject", "outcome")] == [
        "김기사",
        "P1",
        "quarantine_retry",
        "42",
        "recorded",
    ]
    assert shell.json("technician", "actions", "--terminal", other.terminal_id) == []
    assert len(shell.json("technician", "actions")) == 1
    query = "/api/v1/technicians/actions"
    assert await get(tills.client, hq, query) == [row]
    assert await get(tills.client, hq, f"{query}?terminal={other.terminal_id}&days=30") == []
    assert hq.balances() == {}
    assert hq.exceptions() == []
    assert shell.refused("technician", "actions", "--terminal", "S099-T01") == "terminal_not_found"
    hq.clock.now += 8 * 24 * HOUR_MS
    assert shell.json("technician", "actions") == []
    assert len(shell.json("technician", "actions", "--days", "9")) == 1
