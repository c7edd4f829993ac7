"""Tills of the real agent before a real server: joining and rotating, cut off at every step, go on."""

from __future__ import annotations

import asyncio
import json
import stat
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from edge_agent.config import EdgeConfig, read_config
from edge_agent.store import outbox, terminal
from edge_agent.store.migrations import open_database
from edge_agent.store.writer import Reader, Writer
from edge_agent.sync import exchange, keys, rotate
from edge_agent.sync.enrol import enrol
from edge_agent.sync.exchange import LinkError, open_session
from edge_agent.sync.loop import SyncLoop
from hq_server.fleet import HOUR_MS
from loyalty_core.envelope import key_id, public_of
from loyalty_core.errors import BadInput
from tests.edge.made import HeldClock, write_config
from tests.house_sources import ROOT
from tests.hq.conftest import Hq, Tills


class Joined:
    """A till that has joined a server, with its sync loop, which the test turns by hand."""

    def __init__(self, config: EdgeConfig) -> None:
        self.config = config
        self.writer, self.reader = Writer(config.database), Reader(config.database)
        self.session = open_session(config.sync)
        self.loop = SyncLoop(config, HeldClock(), self.writer, self.reader, self.session)

    async def rotate(self) -> None:
        identity = await self.reader.do(terminal.read)
        await rotate.rotate(identity, self.session, self.config.data_dir)

    async def error(self) -> str | None:
        """Talk with headquarters once; return the code of what went wrong."""
        await self.loop._turn()
        return (await self.reader.do(outbox.link)).error_code

    @property
    def key(self) -> bytes:
        return keys.private_key(self.config.data_dir)

    async def close(self) -> None:
        await self.session.close()
        self.reader.close()
        await asyncio.to_thread(self.writer.close)


@pytest.fixture
async def till(tmp_path: Path, hq: Hq, tills: Tills) -> AsyncIterator[Joined]:
    (tmp_path / "till").mkdir()
    config = read_config(write_config(tmp_path / "till"))
    conn = open_database(config.database)
    async with open_session(config.sync) as session:
        await enrol(conn, session, config.data_dir, str(tills.client.make_url("")), hq.invite(till="T01"))
    conn.close()
    joined = Joined(config)
    yield joined
    await joined.close()


def known(hq: Hq) -> bytes:
    """Return the id of the key that headquarters knows as the till's present one."""
    ((found,),) = hq.sql("SELECT key_id FROM terminals")
    assert isinstance(found, bytes)
    return found


async def test_a_running_agent_goes_on_with_the_new_key(hq: Hq, till: Joined) -> None:
    old = till.key
    assert await till.error() is None
    await till.rotate()
    assert till.key != old
    assert known(hq) == key_id(public_of(till.key))
    hq.clock.now += 25 * HOUR_MS
    assert await till.error() is None
    assert sorted(path.name for path in till.config.data_dir.glob("*.key")) == [
        "terminal-before.key",
        "terminal.key",
    ]
    for path in till.config.data_dir.glob("terminal*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


class Cut(BaseException):
    """What ends a process in the middle."""


def cut_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """End the rotation before one of its steps: 2 and 3 are around what goes to headquarters."""
    passed = 0

    def count() -> None:
        nonlocal passed
        passed += 1
        if passed == step:
            raise Cut

    make, take, post = keys.make_next_key, keys.take_next, exchange.post

    async def posted(*args: Any) -> bytes:
        count()
        answer = await post(*args)
        count()
        return answer

    def stepped(real: Callable[[Path], Any]) -> Callable[[Path], Any]:
        def counted(data_dir: Path) -> Any:
            count()
            return real(data_dir)

        return counted

    patch.setattr(keys, "make_next_key", stepped(make))
    patch.setattr(rotate, "post", posted)
    patch.setattr(keys, "take_next", stepped(take))


@pytest.mark.parametrize("hours", [0, 25])
@pytest.mark.parametrize("step", [1, 2, 3, 4])
async def test_the_service_goes_on_with_a_rotation_that_was_cut_off(
    hq: Hq, till: Joined, step: int, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        cut_at(step, patch)
        with pytest.raises(Cut):
            await till.rotate()
    hq.clock.now += hours * HOUR_MS
    assert await till.error() in {None, "key_retired"}
    assert await till.error() is None
    await till.loop._key_followed(keys.has_next(till.config.data_dir))  # as a start does
    assert not keys.has_next(till.config.data_dir)
    assert known(hq) == key_id(public_of(till.key))
    assert await till.error() is None


async def test_a_headquarters_restored_from_before_the_rotation_comes_to_know_the_new_key(
    hq: Hq, till: Joined
) -> None:
    await till.rotate()
    row = hq.sql("SELECT key_id, public_key, until_ms FROM terminal_keys ORDER BY until_ms IS NULL")
    first = row[0][0]
    hq.sql(f"UPDATE terminals SET key_id = x'{first.hex()}'")  # noqa: S608
    hq.sql("DELETE FROM terminal_keys WHERE until_ms IS NULL")
    hq.sql("UPDATE terminal_keys SET until_ms = NULL, ended = ''")
    assert known(hq) != key_id(public_of(till.key))
    assert await till.error() is None or await till.error() is None
    assert known(hq) == key_id(public_of(till.key))


async def test_two_who_change_one_key_at_once_do_it_one_after_the_other(till: Joined) -> None:
    with keys.alone(till.config.data_dir), pytest.raises(BadInput) as refused:
        await till.rotate()
    assert refused.value.code == "key_busy"
    await till.rotate()


async def test_another_headquarters_at_the_address_gets_no_key_changed(
    till: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = till.key
    identity = await till.reader.do(terminal.read)
    other = msgspec.structs.replace(identity, hq_public_key=bytes(32))
    with pytest.raises(LinkError) as refused:
        await rotate.rotate(other, till.session, till.config.data_dir)
    assert refused.value.code == "hq_wrong_key"
    assert till.key == before


async def test_a_credential_is_not_rotated(till: Joined, handed: Path) -> None:
    (till.config.data_dir / keys.KEY_FILE).rename(handed / keys.KEY_CREDENTIAL)
    with pytest.raises(BadInput) as refused:
        await till.rotate()
    assert refused.value.code == "key_is_credential"


async def dying(commands: list[list[str]]) -> list[tuple[bool, int, str]]:
    """Run commands that die by kill -9 before their steps, and once whole; see tests/edge/dying.py."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.edge.dying",
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    out, _ = await process.communicate(json.dumps(commands).encode())
    return [tuple(one) for one in json.loads(out)]


@pytest.mark.sqlite("long, and what it looks at is the till")
async def test_a_till_that_is_killed_at_any_step_of_joining_joins_by_the_same_command(
    hq: Hq, tills: Tills, tmp_path: Path
) -> None:
    folders = [tmp_path / f"till-{number}" for number in range(30)]
    commands = []
    for folder in folders:
        folder.mkdir()
        code = hq.invite(preapproved=True)
        url = str(tills.client.make_url(""))
        commands.append(["--config", str(write_config(folder)), "enrol", "--hq", url, "--code", code])
    became = await dying(commands)
    assert len(became) > 8
    assert [died for died, *_ in became] == [True] * (len(became) - 1) + [False]
    for folder, (_, status, said) in zip(folders, became[:-1], strict=False):
        # Once all is kept there is nothing left to do, and it is said so.
        assert status == 0 or "(already_enrolled)" in said, said
        assert keys.token(folder / "data")
    assert len(hq.sql("SELECT 1 FROM terminals")) == len(became)
    assert len(hq.sql("SELECT 1 FROM terminal_keys")) == len(became)


async def test_a_till_that_is_killed_at_any_step_of_a_rotation_goes_on_by_the_same_command(
    hq: Hq, till: Joined
) -> None:
    config = till.config.data_dir.parent / "edge.toml"
    became = await dying([["--config", str(config), "rotate-key"]] * 40)
    assert len(became) > 8
    assert [died for died, *_ in became] == [True] * (len(became) - 1) + [False]
    assert {status for _, status, _ in became} == {0}, became
    assert known(hq) == key_id(public_of(till.key))
    assert await till.error() is None
