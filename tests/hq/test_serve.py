"""The server as a process: it says where it answers, ends when told, and its logs hold nobody's data."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hq.conftest import Client, Hq, Tills
from tests.hq.events import purchase
from tests.hq.till import Till

WAIT_S = 30


@pytest.fixture
def server(hq: Hq, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    hq.clock.now = time.time_ns() // 1_000_000  # the server's clock is the machine's: so are its invites
    command = [sys.executable, "-m", "hq_server", "serve", "--config", str(hq.config_path)]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stderr=log, cwd=Path(__file__).parents[2])
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def address_of(hq: Hq, process: subprocess.Popen[bytes]) -> str:
    deadline = time.monotonic() + WAIT_S
    while not hq.config.address_path.exists():
        assert process.poll() is None, "the server ended"
        assert time.monotonic() < deadline, "the server wrote no address"
        time.sleep(0.05)
    return hq.config.address_path.read_text("utf-8").strip()


def call(url: str, body: bytes | None = None) -> bytes:
    with urllib.request.urlopen(url, data=body, timeout=WAIT_S) as answer:
        data: bytes = answer.read()
    return data


def test_a_server_answers_where_it_says_and_ends_when_told(
    hq: Hq, server: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    hq.members("member_id,name,phone,home_store\nM1,홍길동,010-1234-5678,S012\n")
    address = address_of(hq, server)
    assert json.loads(call(f"{address}/healthz")) == {"status": "ok"}
    till = Till()
    code = hq.invite()
    till.enrolled(call(f"{address}/v1/enrol", till.enrol_request(code)), hq.public_key)
    till.record(purchase())
    till.record(purchase("2", member="card:2000123456782"))
    reply = till.reply(call(f"{address}/v1/exchange", till.exchange_request([till.batch()])))
    assert till.acknowledged(reply) == {1: 2}
    server.send_signal(signal.SIGTERM)
    assert server.wait(WAIT_S) == 0
    assert not hq.config.address_path.exists()
    log = (tmp_path / "log").read_text("utf-8")
    assert all(json.loads(line)["level"] == "info" for line in log.splitlines())
    for secret in ("홍길동", "1234", "2000123456782", code, hq.token):
        assert secret not in log


def test_what_was_acknowledged_outlives_a_kill(hq: Hq, server: subprocess.Popen[bytes]) -> None:
    hq.members("member_id\nM1\n")
    address = address_of(hq, server)
    till = Till()
    till.enrolled(call(f"{address}/v1/enrol", till.enrol_request(hq.invite())), hq.public_key)
    for number in range(50):
        till.record(purchase(str(number)))
        till.reply(call(f"{address}/v1/exchange", till.exchange_request([till.batch(number + 1)])))
    server.kill()
    server.wait(WAIT_S)
    assert hq.balances() == {"M1": 600}
    assert hq.sql("SELECT seq FROM heads") == [(50,)]


async def test_beyond_the_bound_a_till_is_told_to_come_back(
    hq: Hq, tills: Tills, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = await tills.join()
    monkeypatch.setattr("asyncio.Semaphore.locked", lambda _: True)
    answer = await client.post("/v1/exchange", data=till.exchange_request())
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert (await answer.json(content_type="application/problem+json"))["code"] == "server_busy"
