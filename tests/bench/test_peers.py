"""Peers carry the same sales, are pinned without an address, and where one is missing the table says why."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from bench import till_to_hq
from bench.code import this_code
from bench.peers import Peer, all_peers, bare_road, carry
from bench.peers.installing import HERE, MissingError, Tools, _reason
from bench.sales import receipts


@pytest.fixture
def sales(tmp_path: Path) -> Path:
    path = tmp_path / "sales"
    path.write_bytes(b"\n".join(receipts(250)) + b"\n")
    return path


class NoTools(Tools):
    def nats(self) -> tuple[list[str], dict[str, str]]:
        raise MissingError("no registry answers")

    def pouch(self) -> tuple[list[str], None]:
        raise MissingError("node and npm are not installed")


def test_the_bare_road_and_the_naive_one_carry_every_sale(sales: Path, tmp_path: Path) -> None:
    naive = all_peers(NoTools())[0]
    smaller, larger = (carry(peer, sales, tmp_path / "own") for peer in (bare_road(), naive))
    assert 0 < smaller.wire_bytes < larger.wire_bytes
    assert not (tmp_path / "own").exists()


def test_a_peer_that_fails_is_no_measurement(sales: Path, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="a broken one failed"):
        carry(Peer("a broken one", ["false"]), sales, tmp_path / "own")


def test_peers_stand_beside_a_queue_from_the_till_to_headquarters_that_was_audited_there(
    tmp_path: Path,
) -> None:
    peers = all_peers(NoTools())
    figures = till_to_hq.measure(
        [this_code()], tmp_path / "sync", count=200, lines=2, rounds=1, peers=lambda: peers
    )
    told = {one.what: one for one in figures}
    ours = told["200 purchases of 2 lines, till to HQ"]
    naive = told["200 purchases of 2 lines, naive JSON, 100 a request, over aiohttp into SQLite"]
    assert naive.floor == ours.values
    assert len(ours.values) == 1
    assert [one.missing for one in figures if one.missing] == [
        "node and npm are not installed",
        "no registry answers",
        "no registry answers",
    ]


def test_what_peers_need_is_pinned_by_version_and_hash_and_names_no_address() -> None:
    pinned = (HERE / "requirements.txt").read_text()
    assert re.fullmatch(r"(#.*\n)?([a-z-]+==[\d.]+ \\\n    --hash=sha256:[0-9a-f]{64}\n)+", pinned)
    lock = (HERE / "node" / "package-lock.json").read_text()
    assert "://" not in lock
    packages = json.loads(lock)["packages"]
    assert all("integrity" in one for name, one in packages.items() if name)
    wanted = json.loads((HERE / "node" / "package.json").read_text())["dependencies"]
    assert wanted == packages[""]["dependencies"]
    assert all(re.fullmatch(r"[\d.]+", version) for version in wanted.values())


def test_pouchdb_is_not_measured_where_node_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingError, match="node and npm are not installed"):
        Tools(tmp_path).pouch()


def test_an_installer_is_quoted_without_the_addresses_that_it_names() -> None:
    told = "warning\nERROR: no answer from https://somewhere.example/simple now\n"
    assert _reason(told) == "ERROR: no answer from now"
