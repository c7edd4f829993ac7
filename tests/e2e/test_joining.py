"""Joining real processes: codes that are raced for, keys that change while both sides run, a lost answer."""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Final

import aiohttp
import pytest

from demo.processes import Hq, Till, until
from hq_server.key_book import load_book
from hq_server.store.connection import reading
from hq_server.store.sqlite.connection import connect
from loyalty_core.envelope import key_id, open_sealed, peek
from loyalty_core.invite import make_code
from loyalty_core.messages import Enrolled
from loyalty_core.wire import unpack
from tests.e2e.processes import STORE
from tests.hq.conftest import PROGRAMME
from tests.hq.till import Till as Knocking


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A headquarters that was set up once, to be copied."""
    folder = tmp_path_factory.mktemp("founded")
    (folder / "rules.toml").write_text(PROGRAMME, "utf-8")
    asyncio.run(Hq(folder / "hq").set_up(folder / "rules.toml"))
    return folder / "hq"


@pytest.fixture
async def hq(tmp_path: Path, founded: Path) -> AsyncIterator[Hq]:
    shutil.copytree(founded, tmp_path / "hq")
    hq = Hq(tmp_path / "hq", next_in_ms=100)
    await hq.serve()
    yield hq
    await hq.stop()


def address(hq: Hq) -> str:
    assert hq.address is not None
    return hq.address


async def knock(session: aiohttp.ClientSession, hq: Hq, till: Knocking, code: str) -> tuple[int, bytes]:
    async with session.post(address(hq) + "/v1/enrol", data=till.enrol_request(code)) as answer:
        return answer.status, await answer.read()


def told(answer: bytes) -> Enrolled:
    claimed = unpack(peek(answer, "dangol/enrolled/1")[1], Enrolled)
    keys = {key_id(claimed.hq_public_key): claimed.hq_public_key}
    return unpack(open_sealed(answer, "dangol/enrolled/1", keys), Enrolled)


async def test_of_tills_that_race_for_one_code_one_joins_and_is_told_the_same_again(hq: Hq) -> None:
    code, tills = await hq.invite(STORE), [Knocking() for _ in range(8)]
    async with aiohttp.ClientSession() as session:
        answers = await asyncio.gather(*[knock(session, hq, till, code) for till in tills])
        assert sorted(status for status, _ in answers) == [200] + [403] * 7
        for status, answer in answers:
            assert (status == 200) or b'"invite_used"' in answer
        winner = [status for status, _ in answers].index(200)
        again = await knock(session, hq, tills[winner], code)
    assert again[0] == 200
    assert told(again[1]) == told(answers[winner][1])
    assert [one["terminal_id"] for one in await hq.told("terminal", "list")] == [f"{STORE}-T01"]


async def test_two_who_set_up_one_till_at_once_leave_one_till_and_one_sentence(
    hq: Hq, tmp_path: Path
) -> None:
    till, code = Till(tmp_path / "till", STORE), await hq.invite(STORE)
    words = ("enrol", "--hq", address(hq), "--code", code)
    became = await asyncio.gather(*[till.run(*words) for _ in range(3)])
    assert sorted(status for status, *_ in became) == [0, 1, 1]
    for status, _, err in became:
        assert err.count("\n") == status
        assert status == 0 or err.startswith(("error (key_busy): ", "error (already_enrolled): ")), err
    assert len(await hq.told("terminal", "list")) == 1


async def test_keys_of_both_sides_change_while_both_run(hq: Hq, tmp_path: Path) -> None:
    till, code = Till(tmp_path / "till", STORE), await hq.invite(STORE)
    await hq.told("key", "rotate", "server")
    await till.enrol(address(hq), code)  # the code names the key of before
    await till.open()
    try:
        await hq.told("key", "rotate", "programme")
        await hq.told("key", "rotate", "server")
        rotated = await till.told("rotate-key")
        await until(lambda: believed(hq) == ("server-3", "programme-2"), "the till does not believe the keys")
        assert (await hq.told("terminal", "list"))[0]["fingerprint"] == rotated["fingerprint"]
        await hq.told("key", "drop", "server-2")
        status = await till.told("status")
        assert (status["link"], status["link_error_code"]) == ("up", None)
    finally:
        await till.stop()
    assert (await hq.run("audit"))[0] == 0


def believed(hq: Hq) -> tuple[str, str]:
    """Return the names of the keys that the till said last that it believes."""
    with closing(connect(hq.database, read_only=True)) as connection, reading(connection) as tx:
        names = {key_id(row.public_key): row.name for row in load_book(tx).rows}
        server, programme = connection.execute("SELECT hq_key, programme_key FROM terminals").fetchone()
    return names.get(server, ""), names.get(programme, "")


async def test_a_till_that_was_sent_to_the_wrong_headquarters_does_not_join(hq: Hq, tmp_path: Path) -> None:
    till, code = Till(tmp_path / "till", STORE), await hq.invite(STORE)
    pinned = make_code(bytes(8), bytes(32))
    mixed = "-".join(code.split("-")[:3] + pinned.split("-")[3:])
    status, _, err = await till.run("enrol", "--hq", address(hq), "--code", mixed)
    assert (status, "(hq_wrong_key)" in err) == (1, True), err
    await till.enrol(address(hq), code)  # with the key of before, which has used the code


DIES: Final = """\
import os, runpy, signal, sys
del sys.argv[:3]  # what would have begun this process: the interpreter and -m; the module is next
from edge_agent.joining.joining import Joining
from edge_agent.store import terminal
from edge_agent.sync import enrol, keys

def dies(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

def dies_after(does):
    def done(*words):
        does(*words)
        dies()
    return done

def dies_answered(does):
    async def done(*words):
        await does(*words)
        dies()
    return done
"""
"""Begins a till's process; what is planted after it says where that dies."""


@pytest.mark.parametrize(
    "planted",
    [
        pytest.param("enrol.post = dies", id="before the request"),
        pytest.param("enrol.post = dies_answered(enrol.post)", id="after the answer"),
        pytest.param("keys.make_token = dies", id="before the token"),
        pytest.param("keys.make_token = dies_after(keys.make_token)", id="before the commit"),
        pytest.param("Joining.join = dies_answered(Joining.join)", id="after the commit"),
    ],
)
async def test_a_till_that_is_killed_while_its_page_lets_it_join_joins_by_the_same_code(
    hq: Hq, tmp_path: Path, planted: str
) -> None:
    till, said = Till(tmp_path / "till", STORE), {"hq": address(hq), "code": await hq.invite(STORE)}
    goes_on = "\nrunpy.run_module(sys.argv[0], run_name='__main__', alter_sys=True)"
    till.inside = (sys.executable, "-c", f"{DIES}{planted}{goes_on}")
    await till.open()
    try:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(aiohttp.ClientError):
                await session.post(f"{till.address}/join", data=said)
            await until(lambda: not till.is_running, "the till was not killed")
            till.inside = ()
            await till.open()
            async with asyncio.timeout(30):
                status = await sent(session, till, said)
                while status == 429:  # it was a try, too
                    await asyncio.sleep(0.1)
                    status = await sent(session, till, said)
        assert status == 200
        assert (await till.told("status"))["terminal"] == f"{STORE}-T01"
        assert [one["terminal_id"] for one in await hq.told("terminal", "list")] == [f"{STORE}-T01"]
    finally:
        await till.stop()


async def sent(session: aiohttp.ClientSession, till: Till, said: dict[str, str]) -> int:
    async with session.post(f"{till.address}/join", data=said) as answer:
        return answer.status
