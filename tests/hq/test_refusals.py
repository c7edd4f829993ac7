"""How a command ends that the machine fails: one sentence with a stable code, never a trace."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from rich.cells import cell_len

from hq_server.cli.faults import refusal_of
from hq_server.cli.lines import hanging, table
from hq_server.cli.programme_words import moved
from hq_server.programmes import Moves
from hq_server.store.sqlite import sqlite3
from hq_server.store.sqlite.connection import connect
from tests.hq.conftest import PROGRAMME, Hq, Tills, database_line
from tests.hq.events import purchase
from tests.hq.test_cli import Shell, fresh, shell

__all__ = ["fresh", "shell"]
ROOT = Path(__file__).parents[2]
WAIT_S = 60
_AS_NOBODY = """
import os, hq_server.app, loyalty_shell.logs, encodings.idna
from hq_server.cli import main
os.setgid(65534)
os.setuid(65534)
main()
"""


def serve(hq: Hq) -> tuple[int, str]:
    """Run a server that is to end by itself; return its status and what it said."""
    command = [sys.executable, "-m", "hq_server", "serve", "--config", str(hq.config_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=WAIT_S, check=False)
    return done.returncode, done.stderr.decode()


def listen(hq: Hq, text: str) -> None:
    hq.config_path.write_text(f'data_dir = "data"\n{database_line(hq.url)}[listen]\n{text}\n', "utf-8")


def test_a_server_whose_port_is_taken_says_so_and_leaves_the_other_ones_address(hq: Hq) -> None:
    hq.config.address_path.write_text("http://127.0.0.1:1\n")
    with socket.create_server(("127.0.0.1", 0)) as other:
        listen(hq, f"port = {other.getsockname()[1]}")
        status, said = serve(hq)
    assert status == 1
    assert re.fullmatch(r"error \(address_in_use\): 127\.0\.0\.1 port \d+ is in use: .*\n", said)
    assert hq.config.address_path.read_text() == "http://127.0.0.1:1\n"


@pytest.mark.parametrize("host", ["192.0.2.1", "no.such.host.invalid", "a..b", "256.0.0.1"])
def test_a_server_at_an_address_that_is_not_here_says_so(hq: Hq, host: str, tmp_path: Path) -> None:
    pair = [str(tmp_path / "key.pem"), str(tmp_path / "cert.pem")]
    make = ["openssl", "req", "-x509", "-newkey", "ed25519", "-nodes", "-subj", "/CN=hq", "-days", "2"]
    subprocess.run([*make, "-keyout", pair[0], "-out", pair[1]], check=True, capture_output=True)
    listen(hq, f'host = "{host}"\nport = 0\ntls_key = "{pair[0]}"\ntls_cert = "{pair[1]}"')
    status, said = serve(hq)
    assert status == 1
    assert said.startswith(f"error (address_unusable): {host} port 0 cannot be used")
    assert len(said.splitlines()) == 1


def test_a_certificate_that_is_none_is_named(hq: Hq, tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("nonsense")
    listen(hq, 'port = 0\ntls_key = "c.pem"\ntls_cert = "c.pem"')
    status, said = serve(hq)
    assert status == 1
    assert said.startswith("error (tls_unusable)")
    assert len(said.splitlines()) == 1


@pytest.mark.sqlite("its file")
def test_a_file_that_is_no_database_is_named(shell: Shell, hq: Hq) -> None:
    hq.config.database_path.write_bytes(b"nonsense" * 1000)
    assert shell.refused("token", "list") == "database_damaged"
    assert serve(hq)[1].startswith("error (database_damaged)")


def test_a_folder_in_the_way_is_named(shell: Shell, hq: Hq, fresh: Shell) -> None:
    fresh.path.parent.mkdir()
    (fresh.path.parent / "hq-data").write_text("a file")
    assert fresh.refused("init") == "io_failed"


def test_an_init_that_failed_half_way_can_be_run_again(fresh: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> bytes:
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr("hq_server.cli.house.make_key", full)
        assert fresh.refused("init") == "disk_full"
    assert fresh.json("init")["account"] == "admin"


@pytest.mark.sqlite("its limits")
@pytest.mark.parametrize(
    ("pragma", "code"), [("query_only = 1", "read_only"), ("max_page_count = 1", "disk_full")]
)
def test_a_database_that_takes_no_writes_is_named(hq: Hq, pragma: str, code: str) -> None:
    connection = connect(hq.config.database_path)
    connection.execute(f"PRAGMA {pragma}")
    with pytest.raises(sqlite3.Error) as caught:
        connection.execute("CREATE TABLE more AS SELECT zeroblob(1000000)")
    connection.close()
    refusal = refusal_of(caught.value)
    assert refusal is not None
    assert refusal.code == code


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "permission_denied"),
        (errno.EPERM, "permission_denied"),
        (errno.EROFS, "read_only"),
        (errno.ENOSPC, "disk_full"),
        (errno.EIO, "io_failed"),
    ],
)
def test_every_fault_of_a_file_has_a_code_and_names_the_file(number: int, code: str) -> None:
    refusal = refusal_of(OSError(number, os.strerror(number), "/data/hq.key"))
    assert refusal is not None
    assert refusal.code == code
    assert str(refusal).startswith("/data/hq.key: ")


def test_a_fault_of_ours_keeps_its_trace() -> None:
    assert refusal_of(KeyError("x")) is None
    assert refusal_of(sqlite3.OperationalError("no such table: x")) is None
    assert refusal_of(BrokenPipeError(errno.EPIPE, "x")) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become nobody")
@pytest.mark.parametrize("words", [["terminal", "list"], ["token", "add", "x", "--metrics-only"], ["serve"]])
def test_another_user_is_told_that_the_data_is_not_his(words: list[str]) -> None:
    base = Path(tempfile.mkdtemp())
    try:
        base.chmod(0o755)
        config = base / "hq.toml"
        command = [sys.executable, "-m", "hq_server", "--config", str(config)]
        subprocess.run([*command, "init"], cwd=ROOT, check=True, capture_output=True)
        # What nobody may not read of the interpreter is loaded before.
        other = [sys.executable, "-c", _AS_NOBODY, "--config", str(config), *words]
        done = subprocess.run(other, cwd=ROOT, capture_output=True, timeout=WAIT_S, check=False)
        assert (done.returncode, done.stderr.decode().splitlines()[1:]) == (1, [])
        assert re.match(r"error \((permission_denied|key_unreadable)\): ", done.stderr.decode())
    finally:
        shutil.rmtree(base)


def test_with_json_a_refusal_is_json_too(shell: Shell, tmp_path: Path) -> None:
    status, out, err = shell.run("terminal", "approve", "S9-T1", "--json")
    assert (status, out) == (1, "")
    told = json.loads(err)["error"]
    assert told["code"] == "terminal_not_found"
    assert "S9-T1" in told["sentence"]
    missing = shell.run("store", "list", "--json", "--config", str(tmp_path / "none.toml"))
    assert json.loads(missing[2])["error"]["code"] == "config_missing"


def test_with_json_every_mistake_of_a_programme_is_listed(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(PROGRAMME.replace("months = 6", "months = 5").replace("points = 10", 'points = "ten"'))
    status, _, err = shell.run("programme", "check", "--json", str(file))
    assert status == 1
    told = json.loads(err)["error"]
    assert told["code"] == "programme_invalid"
    assert len(told["mistakes"]) == 2


def test_a_check_speaks_one_language_to_its_end(shell: Shell, hq: Hq, tmp_path: Path) -> None:
    file = tmp_path / "p.toml"
    file.write_text(PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2099-01-01"))
    english = shell.run("programme", "check", str(file), "--language", "en")[1]
    assert english.endswith(f"{file}: no mistakes.\n")
    assert shell.run("programme", "check", str(file))[1].endswith(f"{file}: 오류가 없습니다.\n")
    assert shell.run("programme", "publish", str(file))[1] == (
        "버전 1(2026년 7월 1일부터) → 버전 2(2099년 1월 1일부터), 달라지는 점:\n"
        "  규칙은 그대로입니다.\n"
        "moonlight 버전 2: 공개했습니다. 2099-01-01부터 적용됩니다.\n"
    )
    hq.config_path.write_text(f'data_dir = "data"\nlanguage = "en"\n{database_line(hq.url)}')
    assert shell.run("programme", "check", str(file))[1] == english
    assert shell.run("programme", "publish", str(file))[1] == (
        "moonlight version 2 has been published before, effective from 2099-01-01.\n"
    )


def test_what_moves_is_told_with_right_plurals_and_without_empty_numbers() -> None:
    assert [*moved(Moves(1, 24, 0, 0, 0), "en")] == [
        "This changes the points of 1 member.",
        "  Redeemable points: 24 added",
        "  Qualifying points: none change",
    ]
    assert [*moved(Moves(2000, 0, -1500, 0, 0), "en")][:2] == [
        "This changes the points of 2,000 members.",
        "  Redeemable points: 1,500 taken away",
    ]
    assert [*moved(Moves(2, 0, -1500, 0, 0), "ko")][1:] == [
        "  사용 가능 포인트: 1,500점 차감",
        "  등급 포인트: 그대로",
    ]


async def test_lists_keep_within_the_terminal(
    shell: Shell, tills: Tills, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = await tills.join()
    for number in range(3):
        till.record(purchase(f"receipt-with-a-rather-long-number-{number}", store="S2"))
    till.record(purchase("9", member="card:99"))
    await tills.send(till)
    reason = "도난 신고가 들어와 " * 8 + "x" * 120
    shell.json("terminal", "revoke", till.terminal_id, "--reason", reason)
    whole = [shell.run(*words)[1] for words in (["terminal", "list"], ["exceptions"])]
    assert reason in whole[0]
    for columns in (100, 60):
        monkeypatch.setattr("hq_server.cli.lines.width_of", lambda _, columns=columns: columns)
        for words, unwrapped in zip((["terminal", "list"], ["exceptions"]), whole, strict=True):
            lines = shell.run(*words)[1].splitlines()
            assert max(map(cell_len, lines)) <= columns
            assert sorted("".join(lines).replace(" ", "")) == sorted(
                unwrapped.replace(" ", "").replace("\n", "")
            )


def test_a_line_that_fits_exactly_is_not_wrapped() -> None:
    assert list(table(["a", "b"], [["x" * 10, "y" * 10]], 22)) == [f"a{' ' * 11}b", f"{'x' * 10}  {'y' * 10}"]
    assert len(list(table(["a", "b"], [["x" * 10, "y" * 10]], 21))) == 3


def test_a_long_error_is_wrapped_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "error (programme_invalid): " + "word " * 60 + "\nsecond"
    assert hanging(text, sys.stderr) == text.splitlines()
    monkeypatch.setattr("hq_server.cli.lines.width_of", lambda _: 100)
    lines = hanging(text, sys.stderr)
    assert max(map(len, lines)) <= 100
    assert lines[-1] == "second"
    assert lines[1].startswith("    word")
