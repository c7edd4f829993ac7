"""The service as a command, and how a till joins."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import stat
import subprocess
import sys
import urllib.parse
import urllib.request
from contextlib import closing
from pathlib import Path
from typing import Any

from edge_agent.sync import keys
from loyalty_core.envelope import fingerprint, public_of
from tests.edge.commands.desk import Desk
from tests.edge.fake_hq import FakeHq
from tests.edge.made import enrol_till, purchase, wait_until, write_config

NEVER_AGAIN = "[sync]\nretry_first_ms = 36000000\nretry_max_ms = 36000000\n"


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
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_enrol_to_a_foreign_machine_without_https_is_refused(desk: Desk) -> None:
    code = FakeHq().code
    (desk.folder / "other").mkdir()
    other = Desk(desk.folder / "other")
    assert "(hq_url_invalid)" in other.refused("enrol", "--hq", "http://hq.example", "--code", code)
    assert "(hq_url_invalid)" in other.refused("enrol", "--code", code)
    assert "(not_enrolled)" in other.refused("enrol", "--again", "--code", code)
    assert "(already_enrolled)" in desk.refused("enrol", "--hq", "https://hq.example", "--code", code)


async def _edge_agent(config: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "edge_agent", "--config", str(config), *arguments]
    return await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)


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


async def test_a_till_joins_while_its_service_runs_and_sells_on_the_same_address(tmp_path: Path) -> None:
    desk = Desk(tmp_path, "[http]\nport = 0\n" + NEVER_AGAIN)
    address = desk.config.data_dir / "address"
    command = [sys.executable, "-m", "edge_agent", "run", "--config", str(desk.path)]

    def begun() -> subprocess.Popen[str]:
        address.unlink(missing_ok=True)
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        wait_until(lambda: process.poll() is not None or _is_written(address))
        return process

    async with FakeHq().running() as hq:
        process = await asyncio.to_thread(begun)
        process.kill()
        await asyncio.to_thread(process.communicate)
        process = await asyncio.to_thread(begun)
        try:
            at = address.read_text().strip()
            said = urllib.parse.urlencode({"hq": hq.url, "code": hq.code}).encode()
            answer = await asyncio.to_thread(urllib.request.urlopen, f"{at}/join", said, 30)
            assert (answer.status, answer.url.removesuffix("join")) == (
                200,
                f"{at}/",
            )  # led on once HQ answers
            answer.close()
            sold = await asyncio.to_thread(_post, at, desk, purchase("1"))
            assert sold["event"]["seq"] == 3
            assert address.read_text().strip() == at
            process.send_signal(signal.SIGTERM)
            _, log = await asyncio.to_thread(process.communicate, timeout=30)
        finally:
            process.kill()
            process.wait()
    assert process.returncode == 0
    assert hq.code not in log
