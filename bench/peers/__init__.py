"""Other roads that the same sales could take from a till to headquarters, each in its own processes.

None of them derives points or keeps a ledger: in the end somebody holds the events, durably unless said
otherwise. Every peer is a command that carries a file of sales, one JSON a line, and prints how long it took
from the first to the last of them and how many bytes went over the wire.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from bench.code import ROOT
from bench.peers.installing import MissingError, Tools

BARE_ROAD: Final = "the bare road: signed zlib batches of 1,000 over aiohttp, no rules, no ledger"
PEER_SECONDS_MAX: Final = 900


class Carried(msgspec.Struct, frozen=True):
    """How long a peer took, and what went over the wire; 0 where it does not know."""

    seconds: float
    wire_bytes: int


@dataclass(frozen=True, slots=True)
class Peer:
    """A road: its name and its command line, or why it cannot be had."""

    name: str
    words: Sequence[str | Path] = ()
    environment: Mapping[str, str] | None = None
    missing: str = ""


def bare_road() -> Peer:
    """Return the floor."""
    return Peer(BARE_ROAD, [sys.executable, "-m", "bench.peers.bare_road"])


def all_peers(tools: Tools) -> list[Peer]:
    """Return every peer, installed if need be."""
    nats = [sys.executable, "-m", "bench.peers.jetstream"]
    naive = [sys.executable, "-m", "bench.peers.naive"]
    return [
        Peer("naive JSON, 100 a request, over aiohttp into SQLite", naive),
        _installed("PouchDB to express-pouchdb, 1,000 a batch, LevelDB without fsync", tools.pouch),
        _installed("NATS JetStream with fsync, one a message, into SQLite", tools.nats, [*nats, "1"]),
        _installed("NATS JetStream with fsync, 1,000 a message, into SQLite", tools.nats, [*nats, "1000"]),
    ]


def carry(peer: Peer, sales: Path, folder: Path) -> Carried:
    """Let a peer carry the sales with an empty folder of its own, which is gone afterwards.

    Raises:
        RuntimeError: it failed.
    """
    folder.mkdir()
    words = [*map(str, peer.words), str(sales), str(folder)]
    done = subprocess.run(
        words, cwd=ROOT, env=peer.environment, capture_output=True, check=False, timeout=PEER_SECONDS_MAX
    )
    shutil.rmtree(folder)
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()[-800:]
        raise RuntimeError(f"{peer.name} failed: {told}")
    return msgspec.json.decode(done.stdout.splitlines()[-1], type=Carried)


def _installed(
    name: str,
    install: Callable[[], tuple[Sequence[str | Path], Mapping[str, str] | None]],
    words: Sequence[str] = (),
) -> Peer:
    try:
        own, environment = install()
    except MissingError as error:
        return Peer(name, missing=str(error))
    return Peer(name, [*words, *own], environment)
