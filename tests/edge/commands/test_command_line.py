"""What a technician types: one sentence on stderr, exit codes 0, 1 and 2, and JSON where asked."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge_agent.cli import main
from edge_agent.config import read_config
from edge_agent.store import outbox
from edge_agent.store.database import transaction
from edge_agent.version import VERSION
from loyalty_core.errors import BadInput
from loyalty_core.messages import Acknowledgement
from tests.edge.commands.desk import Desk
from tests.edge.made import LIFE, purchase


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


def test_words_that_are_no_text_are_told_in_one_sentence(desk: Desk) -> None:
    told = desk.call("take", "caf\udce9.jsonl")
    assert (told.exit_code, told.stderr.count("is no text in UTF-8")) == (2, 1)


@pytest.mark.parametrize("command", ["status", "verify", "quarantine"])
def test_a_till_without_a_database_is_told_to_join(tmp_path: Path, command: str) -> None:
    desk = Desk(tmp_path)
    assert "(store_missing)" in desk.refused(command)
    assert not desk.config.data_dir.exists()


@pytest.mark.parametrize("command", [["status"], ["verify"], ["take", "x.jsonl"]])
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


def test_status_says_first_how_things_stand(desk: Desk) -> None:
    desk.ok("take", desk.write("a.jsonl", purchase("1"), purchase("2")))
    first, *rows = desk.ok("status").splitlines()
    assert first.endswith(".")
    assert "2 waiting" in first
    text = "\n".join(rows)
    for told in ("epoch 1, 2 records", "moonlight version 7", "empty", "never"):
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
    conn = desk.open()
    assert conn.execute("SELECT DISTINCT raw FROM quarantine").fetchall() == [(b"",)], "nothing of it is kept"
    conn.close()


def test_all_that_was_set_aside_is_shown_however_much_it_is(desk: Desk) -> None:
    many = [purchase(str(number), currency="USD") for number in range(1001)]
    desk.call("take", desk.write("a.jsonl", *many))
    assert len(json.loads(desk.ok("quarantine", "--json"))) == 1001
    assert desk.ok("quarantine").count("(currency_other)") == 1001
    assert desk.call("quarantine", "retry").stdout.count("refused again") == 1001


def test_a_field_or_the_whole_of_what_was_set_aside_is_mended(desk: Desk, tmp_path: Path) -> None:
    desk.call("take", desk.write("a.jsonl", purchase("1", currency="USD"), purchase("2", net_minor=-1)))
    assert "currency=USD" in desk.ok("quarantine", "mend", "1")
    assert "refused again" in desk.call("quarantine", "mend", "1", "--set", "currency=EUR").stdout
    assert "(field_unknown)" in desk.refused("quarantine", "mend", "1", "--set", "nothing=1")
    assert "recorded as S012-T03.1.1" in desk.ok("quarantine", "mend", "1", "--set", "currency=KRW")
    assert "(quarantine_unknown)" in desk.refused("quarantine", "mend", "1", "--set", "currency=KRW")
    whole = tmp_path / "whole.json"
    whole.write_bytes(json.dumps(purchase("2")).encode())
    assert "recorded as S012-T03.1.2" in desk.ok("quarantine", "mend", "2", "--file", str(whole))
    assert desk.call("quarantine", "mend", "2", "--set", "x").exit_code == 2


def test_an_unknown_number_is_refused(desk: Desk) -> None:
    assert "(quarantine_unknown)" in desk.refused("quarantine", "retry", "9")
    assert "(quarantine_unknown)" in desk.refused("quarantine", "discard", "9", "--reason", "x")


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
