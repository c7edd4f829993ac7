"""What a technician types: one sentence on stderr, exit codes 0, 1 and 2, and JSON where asked."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner, Result

from edge_agent import take
from edge_agent.__main__ import main
from edge_agent.config import read_config
from edge_agent.store import outbox
from edge_agent.store.database import Connection, StoreError, connect, transaction, wal_bytes
from edge_agent.store.migrations import open_database
from edge_agent.store.turn import give_way
from edge_agent.sync import keys
from edge_agent.take import take_file
from edge_agent.version import VERSION
from loyalty_core.envelope import fingerprint, public_of
from loyalty_core.errors import BadInput
from loyalty_core.messages import Acknowledgement
from tests.edge.fake_hq import FakeHq
from tests.edge.made import LIFE, HeldClock, enrol_till, purchase, wait_until, write_config

NEVER_AGAIN = "[sync]\nretry_first_ms = 36000000\nretry_max_ms = 36000000\n"


class Desk:
    """A technician at a till."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.folder = folder
        self.path = write_config(folder, extra)
        self.config = read_config(self.path)

    def call(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.path), *arguments])

    def ok(self, *arguments: str) -> str:
        """Return what is printed by what works."""
        result = self.call(*arguments)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return result.stdout

    def refused(self, *arguments: str, status: int = 1) -> str:
        """Return the one sentence of a refusal."""
        result = self.call(*arguments)
        assert result.exit_code == status, result.output
        assert not result.exception or isinstance(result.exception, SystemExit)
        (sentence,) = result.stderr.splitlines()
        assert sentence.startswith("error (")
        return sentence

    def write(self, name: str, *receipts: dict[str, Any]) -> str:
        path = self.folder / name
        path.write_text("".join(json.dumps(receipt) + "\n" for receipt in receipts))
        return str(path)

    def open(self) -> Connection:
        return open_database(self.config.database)

    def count(self) -> int:
        conn = connect(self.config.database, read_only=True)
        (records,) = conn.execute("SELECT count(*) FROM journal").fetchone()
        conn.close()
        return int(records)


@pytest.fixture(autouse=True)
def last_catch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have what nobody catches told as before, after `run` was called within the test's own process."""
    for place, name in ((sys, "excepthook"), (sys, "unraisablehook"), (threading, "excepthook")):
        monkeypatch.setattr(place, name, getattr(place, name))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    enrol_till(desk.config)
    return desk


# Refusals that every command shares


@pytest.mark.parametrize("command", [["status"], ["verify"], ["take", "x.jsonl"], ["run"], ["quarantine"]])
def test_a_settings_file_that_is_missing_is_one_sentence(tmp_path: Path, command: list[str]) -> None:
    result = CliRunner().invoke(main, ["--config", str(tmp_path / "none.toml"), *command])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "(config_missing)" in result.stderr


@pytest.mark.parametrize(
    "text", ["nonsense", "port = 1", "[http]\nport = 70000", "language = 'fr'", "data_dir = 5"]
)
def test_settings_that_make_no_sense_are_one_sentence(tmp_path: Path, text: str) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(text)
    result = CliRunner().invoke(main, ["status", "--config", str(path)])
    assert (result.exit_code, len(result.stderr.splitlines())) == (1, 1)
    assert "(config_invalid)" in result.stderr
    with pytest.raises(BadInput):
        read_config(path)


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["take"], ["enrol"], ["status", "--loud"], ["enrol", "--hq"]]
)
def test_what_is_typed_wrong_is_a_matter_of_usage(desk: Desk, arguments: list[str]) -> None:
    assert desk.call(*arguments).exit_code == 2


@pytest.mark.parametrize("command", ["status", "verify", "quarantine"])
def test_a_till_without_a_database_is_told_to_join(tmp_path: Path, command: str) -> None:
    desk = Desk(tmp_path)
    assert "(store_missing)" in desk.refused(command)
    assert not desk.config.data_dir.exists()


@pytest.mark.parametrize("command", [["status"], ["verify"], ["run"], ["take", "x.jsonl"]])
def test_a_till_that_has_not_joined_is_told_to(tmp_path: Path, command: list[str]) -> None:
    desk = Desk(tmp_path)
    desk.open().close()
    desk.write("x.jsonl", purchase())
    arguments = [str(tmp_path / part) if part.endswith("jsonl") else part for part in command]
    assert "(not_enrolled)" in desk.refused(*arguments)


@pytest.mark.parametrize("command", [["status"], ["run"], ["quarantine"], ["take", "x.jsonl"]])
def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path, command: list[str]) -> None:
    desk = Desk(tmp_path)
    desk.config.data_dir.mkdir()
    desk.config.database.write_bytes(b"not a database, but long enough to be taken for one" * 100)
    desk.write("x.jsonl", purchase())
    arguments = [str(tmp_path / part) if part.endswith("jsonl") else part for part in command]
    assert "(store_damaged)" in desk.refused(*arguments)


def test_the_version_is_told() -> None:
    assert VERSION in CliRunner().invoke(main, ["--version"]).stdout


# Status


def test_status_says_first_how_things_stand(desk: Desk) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1"), purchase("2")))
    first, *rows = desk.ok("status").splitlines()
    assert first.endswith(".")
    assert "2 waiting" in first
    text = "\n".join(rows)
    for told in ("S012-T03 of store S012, epoch 1, 2 records", "moonlight version 7", "empty", "never"):
        assert told in text


def test_status_in_json_is_the_same_for_machines(desk: Desk) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1")))
    told = json.loads(desk.ok("status", "--json"))
    assert (told["terminal"], told["queue"], told["link"], told["quarantine"]) == ("S012-T03", 1, "never", 0)
    assert told["oldest_unsent"] == "2026-11-20T01:31:00Z"
    assert told["programme_version"] == 7
    assert (told["epoch"], told["head"]) == (1, 1)


def test_status_counts_only_what_headquarters_has_not(desk: Desk) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1"), purchase("2")))
    conn = desk.open()
    (chain_hash,) = conn.execute("SELECT hash FROM journal WHERE seq = 1").fetchone()
    with transaction(conn):
        outbox.acknowledge(conn, Acknowledgement("S012-T03", 1, 0, 1, chain_hash, LIFE))
    conn.close()
    assert json.loads(desk.ok("status", "--json"))["queue"] == 1


# Take


def test_take_shows_what_each_receipt_became(desk: Desk) -> None:
    file = desk.write("a.jsonl", purchase("1"), purchase("1"), purchase("2", net_minor=-1))
    result = desk.call("take", file)
    assert result.exit_code == 1, "something was refused"
    first, second, third = result.stdout.splitlines()
    assert first == "a.jsonl line 1: recorded as S012-T03.1.1, 12 points"
    assert second == "a.jsonl line 2: repeated as S012-T03.1.1, 12 points"
    assert third.startswith("a.jsonl line 3: refused, net_minor -1 is impossible")
    assert third.endswith("(amount_impossible)")
    assert desk.count() == 1
    assert "1 set aside" in desk.ok("status")


def test_take_in_json_is_one_object_a_receipt(desk: Desk) -> None:
    lines = desk.ok("take", "--json", desk.write("a.jsonl", purchase("1"), purchase("2"))).splitlines()
    assert [json.loads(line)["became"] for line in lines] == ["recorded", "recorded"]
    assert json.loads(lines[0])["points"] == {"redeemable": 12, "qualifying": 12}


def test_a_dry_run_shows_the_same_and_records_nothing(desk: Desk) -> None:
    file = desk.write("a.jsonl", purchase("1"), purchase("1"), purchase("2", net_minor=-1))
    dry = desk.call("take", "--dry-run", file)
    assert desk.count() == 0
    assert "quarantine    empty" in desk.ok("status")
    wet = desk.call("take", file)
    assert (dry.stdout, dry.exit_code) == (wet.stdout, wet.exit_code)


@pytest.mark.parametrize(
    ("name", "code"), [("none.jsonl", "file_unreadable"), ("a.xml", "file_kind_unknown")]
)
def test_a_file_that_cannot_be_taken_is_one_sentence(desk: Desk, name: str, code: str) -> None:
    assert f"({code})" in desk.refused("take", str(desk.folder / name))


@pytest.mark.parametrize("words", [(), ("--dry-run",)])
def test_a_pipe_is_no_receipt_file_and_is_not_waited_for(desk: Desk, words: tuple[str, ...]) -> None:
    os.mkfifo(desk.folder / "a.jsonl")
    # A writer that never writes: opening the pipe to read it would not block, reading would.
    writer = os.open(desk.folder / "a.jsonl", os.O_RDWR)
    try:
        sentence = desk.refused("take", *words, str(desk.folder / "a.jsonl"))
    finally:
        os.close(writer)
    assert "(file_unreadable)" in sentence
    assert "no regular file" in sentence


def test_a_long_file_that_is_handed_in_does_not_grow_the_log_of_writes_without_end(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(take, "CHECKPOINT_BYTES", 500_000)
    file = Path(desk.write("a.jsonl", *[purchase(str(n), member=f"8801{n:012}") for n in range(600)]))
    longest = max(
        wal_bytes(desk.config.database) for _ in take_file(desk.config, HeldClock(), file, dry_run=False)
    )
    assert desk.count() == 600
    assert longest < 1_000_000


def test_control_codes_of_a_receipt_do_not_reach_the_terminal(desk: Desk) -> None:
    file = desk.folder / "a\x1b\x07.jsonl"
    file.write_text(json.dumps(purchase(occurred_at="\x1b[2J\x07")) + "\nraw \x1b[2J\n")
    desk.call("take", str(file))
    for printed in (desk.call("take", str(file)).stdout, desk.ok("quarantine")):
        assert "\x1b" not in printed
        assert "\x07" not in printed


# What was set aside


def test_what_was_set_aside_is_shown_handed_in_again_or_given_up(desk: Desk) -> None:
    assert desk.ok("quarantine") == "nothing is set aside\n"
    desk.call("take", desk.write("a.jsonl", purchase("1", currency="USD"), purchase("2", net_minor=-1)))
    rows = json.loads(desk.ok("quarantine", "--json"))
    assert [(row["quarantine_id"], row["code"]) for row in rows] == [
        (1, "currency_other"),
        (2, "amount_impossible"),
    ]
    assert "refused again" in desk.call("quarantine", "retry", "2").stdout
    conn = desk.open()
    mended = json.dumps(purchase("1")).encode()
    conn.execute("UPDATE quarantine SET raw = ? WHERE quarantine_id = 1", (mended,))
    conn.close()
    assert "recorded as S012-T03.1.1" in desk.ok("quarantine", "retry", "1")
    desk.ok("quarantine", "discard", "2", "--reason", "typed wrong")
    assert desk.ok("quarantine") == "nothing is set aside\n"


def test_an_unknown_number_is_refused(desk: Desk) -> None:
    assert "(quarantine_unknown)" in desk.refused("quarantine", "retry", "9")
    assert "(quarantine_unknown)" in desk.refused("quarantine", "discard", "9", "--reason", "x")


# Verify


def test_verify_says_that_all_is_whole(desk: Desk) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1"), purchase("2")))
    assert desk.ok("verify") == "2 records: database, chain and hashes are whole\n"
    assert json.loads(desk.ok("verify", "--json")) == {"ok": True, "records": 2, "fault": None}


def test_verify_names_the_first_bad_record(desk: Desk) -> None:
    desk.ok("take", desk.write("a.jsonl", *[purchase(str(n)) for n in range(3)]))
    conn = desk.open()
    conn.execute("DROP TRIGGER journal_is_never_changed")
    conn.execute("UPDATE journal SET record = x'00' WHERE seq = 2")
    conn.close()
    sentence = desk.refused("verify")
    assert "seq 2" in sentence
    assert "(chain_broken)" in sentence
    fault = json.loads(desk.call("verify", "--json").stdout)["fault"]
    assert (fault["code"], fault["epoch"], fault["seq"]) == ("chain_broken", 1, 2)


# Enrol


async def test_enrol_prints_who_the_till_is_and_its_keys_name(tmp_path: Path) -> None:
    async with FakeHq().running() as hq:
        path = write_config(tmp_path)
        process = await _edge_agent(path, "enrol", "--hq", hq.url, "--code", hq.code, "--json")
    assert process.returncode == 0, process.stderr
    told = json.loads(process.stdout)
    key = keys.private_key(tmp_path / "data")
    assert (told["terminal"], told["store"], told["approved"]) == ("S012-T03", "S012", True)
    assert told["fingerprint"] == fingerprint(public_of(key))
    assert told["token_file"] == str(tmp_path / "data" / keys.TOKEN_FILE)


def test_enrol_to_a_foreign_machine_without_https_is_refused(desk: Desk) -> None:
    code = FakeHq().code
    (desk.folder / "other").mkdir()
    other = Desk(desk.folder / "other")
    assert "(hq_url_invalid)" in other.refused("enrol", "--hq", "http://hq.example", "--code", code)
    assert "(already_enrolled)" in desk.refused("enrol", "--hq", "https://hq.example", "--code", code)


async def _edge_agent(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent", "--config", str(config), *arguments]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)


# Run


def test_the_service_runs_beside_take_and_ends_when_told(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    desk = Desk(
        tmp_path, '[http]\nport = 0\n[folder]\npath = "in"\nsettle_ms = 10\nrescan_ms = 100\n' + NEVER_AGAIN
    )
    enrol_till(desk.config)
    address = desk.config.data_dir / "address"
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(desk.path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: process.poll() is not None or _is_written(address))
        second = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
        assert (second.returncode, "(already_running)" in second.stderr) == (1, True)
        assert _post(address.read_text().strip(), desk, purchase("1"))["event"]["seq"] == 2
        many = [purchase(str(n), member=f"M{n}") for n in range(2, 402)]
        by_hand = [*command[:3], "take", "--config", str(desk.path), desk.write("many.jsonl", *many)]
        taking = subprocess.Popen(by_hand, stdout=subprocess.PIPE, text=True)
        for n in range(500, 540):
            _post(address.read_text().strip(), desk, purchase(str(n)))
        out, _ = taking.communicate(timeout=60)
        assert (taking.returncode, out.count(": recorded as ")) == (0, 400)
        (desk.folder / "in" / "late.jsonl").write_text(json.dumps(purchase("900")) + "\n")
        wait_until(lambda: desk.count() == 1 + 1 + 400 + 40 + 1)
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0
    for line in log.splitlines():
        said = json.loads(line)
        assert {"time", "level", "event"} <= said.keys()
    assert "2000123456782" not in log
    assert keys.token(desk.config.data_dir) not in log
    assert "are whole" in desk.ok("verify")


def _is_written(path: Path) -> bool:
    return path.exists() and path.read_text().endswith("\n")


def _post(address: str, desk: Desk, receipt: dict[str, Any]) -> dict[str, Any]:
    request = urllib.request.Request(
        f"{address}/v1/receipts",
        data=json.dumps(receipt).encode(),
        headers={"Authorization": f"Bearer {keys.token(desk.config.data_dir)}"},
    )
    with urllib.request.urlopen(request, timeout=30) as response:
        answer: dict[str, Any] = json.load(response)
    return answer


def test_an_address_where_the_agent_cannot_listen_is_one_sentence(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        for host, code in (("127.0.0.1", "address_in_use"), ("host.invalid", "address_unusable")):
            (tmp_path / host).mkdir()
            desk = Desk(tmp_path / host, f'[http]\nhost = "{host}"\nport = {port}\n')
            enrol_till(desk.config)
            said = desk.call("run")
            assert said.exit_code == 1
            # Its parts have begun by then, and may have logged.
            assert said.stderr.splitlines()[-1].startswith(f"error ({code}): {host}:{port} ")


def test_what_the_service_lacks_is_one_sentence(tmp_path: Path) -> None:
    desk = Desk(tmp_path, '[folder]\npath = "gone"\n')
    enrol_till(desk.config)
    assert "(folder_missing)" in desk.refused("run")
    (desk.config.data_dir / keys.TOKEN_FILE).unlink()
    (tmp_path / "gone").mkdir()
    assert "(token_missing)" in desk.refused("run")


def test_a_dry_run_holds_no_lock_that_a_sale_would_wait_for(desk: Desk) -> None:
    file = Path(desk.write("a.jsonl", *[purchase(str(n), member=f"M{n}") for n in range(120)]))
    conn = desk.open()
    conn.execute("PRAGMA busy_timeout=0")
    became = take_file(desk.config, HeldClock(), file, dry_run=True)
    for n in range(120):
        assert next(became)["event"] == f"S012-T03.1.{n + 1}"
        conn.execute("BEGIN IMMEDIATE")
        conn.execute("ROLLBACK")
    assert list(became) == []
    conn.close()
    assert sorted(path.name for path in desk.config.data_dir.iterdir() if path.is_dir()) == []


def test_a_dry_run_does_not_fill_the_disk(desk: Desk) -> None:
    config = msgspec.structs.replace(desk.config, disk_free_bytes_min=2**62)
    file = Path(desk.write("a.jsonl", purchase()))
    with pytest.raises(StoreError) as refused:
        list(take_file(config, HeldClock(), file, dry_run=True))
    assert refused.value.code == "disk_low"


def test_taking_by_hand_gives_way_to_the_agent_before_each_chunk(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []
    monkeypatch.setattr("edge_agent.take.give_way", lambda database: given.append(desk.count()))
    file = Path(desk.write("a.jsonl", *[purchase(str(n), member=f"M{n}") for n in range(120)]))
    assert len(list(take_file(desk.config, HeldClock(), file, dry_run=False))) == 120
    assert given == [0, 50, 100]


def test_taking_by_hand_waits_for_no_agent_where_none_has_run(desk: Desk) -> None:
    give_way(desk.config.database)
    assert not [path for path in desk.config.data_dir.iterdir() if path.name.endswith("-turn")]
