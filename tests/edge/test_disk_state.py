"""Why the disk takes no sales: what `status` knows of it, says of it, and how it ends."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from edge_agent import disk_state, service
from edge_agent.config import EdgeConfig
from edge_agent.store.database import NOT_KEPT, StoreError
from tests.edge.commands.desk import Desk
from tests.edge.made import enrol_till


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    desk = Desk(tmp_path)
    enrol_till(desk.config)
    desk.open().close()
    return desk


@contextmanager
def agent_that_says(data_dir: Path, body: bytes) -> Iterator[None]:
    """An agent that answers one question as told."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        (data_dir / "address").write_text(f"http://127.0.0.1:{server.getsockname()[1]}\n")

        def answer() -> None:
            line, _ = server.accept()
            with line:
                line.recv(4096)
                line.sendall(b"HTTP/1.0 507 Insufficient Storage\r\nContent-Length: 1\r\n\r\n" + body)

        thread = threading.Thread(target=answer)
        thread.start()
        yield
        thread.join()


@pytest.mark.parametrize("code", ["disk_full", "disk_read_only", "disk_failed", "disk_unreadable"])
def test_what_the_agent_last_met_is_the_first_sentence_and_an_exit_status_of_its_own(
    desk: Desk, code: str
) -> None:
    with agent_that_says(desk.config.data_dir, json.dumps({"code": code}).encode()):
        said = desk.call("status")
    assert (said.exit_code, said.stderr) == (3, "")
    assert said.stdout.startswith("THE DISK ")
    assert "safe" not in said.stdout
    with agent_that_says(desk.config.data_dir, json.dumps({"code": code}).encode()):
        told = desk.call("status", "--json")
    assert (told.exit_code, json.loads(told.stdout)["disk_refuses"]) == (3, code)


def test_a_disk_without_room_for_a_commit_is_full_and_one_with_it_is_not(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for free, status in ((disk_state.FULL_BYTES - 1, 3), (disk_state.FULL_BYTES, 0)):
        for module in ("disk_state", "status"):
            monkeypatch.setattr(f"edge_agent.{module}.free_bytes", lambda _, free=free: free)
        said = desk.call("status")
        assert (said.exit_code, said.stdout.startswith("THE DISK IS FULL")) == (status, status == 3)


@pytest.mark.parametrize("body", [b'{"status": "ok"}', b'{"code": "server_failed"}', b"[]", b"\xff", b""])
def test_an_agent_whose_disk_does_not_refuse_lets_status_be_as_ever(desk: Desk, body: bytes) -> None:
    with agent_that_says(desk.config.data_dir, body):
        said = desk.call("status")
    assert (said.exit_code, "Sales are safe" in said.stdout) == (0, True)


def test_a_disk_that_takes_no_writes_is_seen_without_an_agent(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_state, "is_read_only", lambda folder: folder == desk.config.data_dir)
    said = desk.call("status")
    assert (said.exit_code, said.stdout.startswith("THE DISK CAN ONLY BE READ")) == (3, True)


def test_a_database_that_cannot_be_opened_for_the_disks_sake_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.config.database.with_name("till.db-wal").mkdir()
    assert desk.refused("status").startswith("error (store_unreadable)")
    monkeypatch.setattr("loyalty_shell.data_dir.is_read_only", lambda _: True)
    assert desk.refused("status", status=3).startswith("error (disk_read_only)")
    assert desk.refused("verify").startswith("error (disk_read_only)")


async def test_an_agent_that_ends_for_the_disks_sake_leaves_that_to_be_told_until_one_has_begun(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ends(config: EdgeConfig, *_: object) -> None:
        raise StoreError("not kept", code=NOT_KEPT)

    monkeypatch.setattr(service, "_serve", ends)
    with pytest.raises(StoreError):
        await service.serve(desk.config)
    said = desk.call("status")
    assert (said.exit_code, said.stdout.startswith("THE DISK DID NOT KEEP")) == (3, True)
    disk_state.unmark_failed(desk.config.data_dir)
    assert desk.call("status").exit_code == 0
