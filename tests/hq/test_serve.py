"""The server as a process: it says where it answers, ends when told, and its logs hold nobody's data."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hq.conftest import Client, Hq, Tills
from tests.hq.events import purchase
from tests.hq.till import Till
from tests.prometheus import parsed

WAIT_S = 120


@pytest.fixture
def server(hq: Hq, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    process = start(hq, tmp_path / "log")
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


def call_any(url: str) -> bytes:
    """Return an answer of any status."""
    try:
        return call(url)
    except urllib.error.HTTPError as error:
        return error.read()


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


def test_a_server_ends_with_one_sentence_where_a_newer_release_brought_its_database_forward(
    hq: Hq, server: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    address_of(hq, server)
    hq.sql("INSERT INTO migrations (number, name, checksum) VALUES (9999, '9999_next.sql', 'x')")
    if hq.url:  # as the newer release does itself
        hq.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'dangol-hq%'"
        )
    assert server.wait(WAIT_S) == 1
    said = (tmp_path / "log").read_text("utf-8")
    assert "Traceback" not in said
    assert "error (database_newer): the database has 9999_next.sql" in said


def drain(hq: Hq) -> None:
    """Have the server take new connections for long after it was told to stop."""
    settings = hq.config_path.read_text("utf-8").replace("port = 0", "port = 0\ndrain_seconds = 30")
    hq.config_path.write_text(settings, "utf-8")


def start(hq: Hq, log: Path) -> subprocess.Popen[bytes]:
    hq.clock.now = time.time_ns() // 1_000_000  # the server's clock is the machine's: so are its invites
    command = [sys.executable, "-m", "hq_server", "serve", "--config", str(hq.config_path)]
    with log.open("wb") as out:
        return subprocess.Popen(command, stderr=out, cwd=Path(__file__).parents[2])


def test_a_server_told_to_stop_is_not_ready_takes_tills_still_and_ends_at_once_when_told_again(
    hq: Hq, tmp_path: Path
) -> None:
    drain(hq)
    server = start(hq, tmp_path / "log")
    try:
        address = address_of(hq, server)
        assert json.loads(call(f"{address}/readyz")) == {"status": "ready", "reasons": []}
        server.send_signal(signal.SIGTERM)
        while json.loads(call_any(f"{address}/readyz"))["status"] == "ready":
            assert server.poll() is None, "it ended"
        (reason,) = json.loads(call_any(f"{address}/readyz"))["reasons"]
        assert reason["code"] == "server_stopping"
        till = Till()
        till.enrolled(call(f"{address}/v1/enrol", till.enrol_request(hq.invite())), hq.public_key)
        till.record(purchase())
        reply = till.reply(call(f"{address}/v1/exchange", till.exchange_request([till.batch()])))
        assert till.acknowledged(reply) == {1: 1}
        server.send_signal(signal.SIGTERM)
        assert server.wait(WAIT_S) == -signal.SIGTERM, "it waited"
    finally:
        server.kill()
        server.wait()
    assert not hq.config.address_path.exists()
    assert hq.sql("SELECT seq FROM heads") == [(1,)]
    events = [json.loads(line)["event"] for line in (tmp_path / "log").read_text("utf-8").splitlines()]
    assert (events[0], events[-1]) == ("server_ready", "server_ends_at_once")
    assert set(events[1:-1]) == {"server_stopping", "readiness_changed"}


def in_flight(hq: Hq, address: str) -> float:
    """Return how many exchanges the server works on."""
    asked = urllib.request.Request(f"{address}/metrics", headers={"Authorization": f"Bearer {hq.token}"})
    with urllib.request.urlopen(asked, timeout=WAIT_S) as answer:
        return parsed(answer.read().decode())["dangol_hq_exchanges_in_flight"].of()


def test_what_was_begun_is_answered_when_nothing_new_is_taken_any_more(
    hq: Hq, server: subprocess.Popen[bytes]
) -> None:
    address = address_of(hq, server)
    host, port = address.removeprefix("http://").split(":")
    till = Till()
    till.enrolled(call(f"{address}/v1/enrol", till.enrol_request(hq.invite())), hq.public_key)
    till.record(purchase())
    begun = http.client.HTTPConnection(host, int(port), timeout=WAIT_S)
    with hq.writing():
        begun.request("POST", "/v1/exchange", till.exchange_request([till.batch()]))
        while in_flight(hq, address) < 1:
            assert server.poll() is None
        server.send_signal(signal.SIGTERM)
        with contextlib.suppress(OSError):
            while True:
                socket.create_connection((host, int(port)), WAIT_S).close()
        assert server.poll() is None, "it did not wait"
    answer = begun.getresponse()
    if answer.status == 200:
        assert till.acknowledged(till.reply(answer.read())) == {1: 1}
    else:  # The machine was so slow that it would not wait for us any longer.
        assert json.loads(answer.read())["code"] == "database_busy"
    assert answer.headers["Connection"] == "close"
    assert server.wait(WAIT_S) == 0


async def test_beyond_the_bound_a_till_is_told_to_come_back(
    hq: Hq, tills: Tills, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = await tills.join()
    monkeypatch.setattr("asyncio.Semaphore.locked", lambda _: True)
    answer = await client.post("/v1/exchange", data=till.exchange_request())
    assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
    assert (await answer.json(content_type="application/problem+json"))["code"] == "server_busy"
