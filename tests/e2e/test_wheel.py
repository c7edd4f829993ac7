"""The wheel, installed as a person would without a checkout: into an environment of its own, and by pipx."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from deb.wheels import PROGRAM_PACKAGES, needed, own_wheel, pinned_wheels
from demo.processes import until
from tests.house_sources import ROOT

STORE, CARD = "S012", "2000123456782"
GOODBYE_SECONDS = 30


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_wheel(ROOT, tmp_path_factory.mktemp("wheel"), os.environ)


@pytest.fixture(scope="module")
def wheels() -> Path:
    """A folder with all that the wheel requires, as pinned, and pip."""
    folder = ROOT / "build/wheels"
    names = set[str]().union(*(needed(ROOT, program) for program in PROGRAM_PACKAGES))
    pinned_wheels(ROOT, names | {"pip"}, folder)
    return folder


class Programs:
    """Both programs of an environment, each with its settings in one folder, far from the checkout."""

    def __init__(self, bin_dir: Path, folder: Path) -> None:
        self._bin, self.folder = bin_dir, folder
        (folder / "hq.toml").write_text('data_dir = "hq"\nlanguage = "en"\n[listen]\nport = 0\n', "utf-8")
        (folder / "edge.toml").write_text('data_dir = "till"\n[http]\nport = 0\n', "utf-8")

    def told(self, program: str, *words: str) -> Any:
        """Return what a command says with --json."""
        done = subprocess.run(
            [*self._words(program, *words), "--json"],
            cwd=self.folder,
            env=self._environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    @contextmanager
    def serving(self, program: str, word: str, data_dir: str) -> Iterator[Path]:
        """Run a service; lend the file that says its address."""
        address = self.folder / data_dir / "address"
        process = subprocess.Popen(self._words(program, word), cwd=self.folder, env=self._environment())
        try:
            yield address
        finally:
            process.terminate()
            assert process.wait(GOODBYE_SECONDS) == 0

    def _words(self, program: str, *words: str) -> list[str]:
        settings = "hq.toml" if program == "hq-server" else "edge.toml"
        return [str(self._bin / program), "--config", settings, *words]

    def _environment(self) -> dict[str, str]:
        return {"PATH": os.environ["PATH"]}


@pytest.fixture
def programs(wheel: Path, wheels: Path, tmp_path: Path) -> Programs:
    """Both programs, from an environment that has only the wheel and what it requires."""
    venv.create(tmp_path / "venv", with_pip=True)
    pip = [str(tmp_path / "venv/bin/pip"), "install", "--quiet", "--no-index", "--find-links", str(wheels)]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return Programs(tmp_path / "venv/bin", tmp_path)


async def test_both_programs_of_the_wheel_run_without_a_checkout(programs: Programs) -> None:
    programs.told("hq-server", "init", "--admin", "kim")
    example = str(ROOT / "docs/examples/moonlight.toml")
    programs.told("hq-server", "programme", "publish", example, "--retroactive", "--by", "kim", "--yes")
    (programs.folder / "members.csv").write_text(
        f"member_id,lookups,home_store\nM1,{CARD},{STORE}\n", "utf-8"
    )
    programs.told("hq-server", "member", "import", "members.csv")
    code = programs.told("hq-server", "terminal", "invite", "--store", STORE, "--preapproved")["code"]
    with programs.serving("hq-server", "serve", "hq") as address:
        await until(address.exists, "headquarters did not start")
        hq = address.read_text("utf-8").strip()
        programs.told("edge-agent", "enrol", "--hq", hq, "--code", code)
        with programs.serving("edge-agent", "run", "till"):
            (programs.folder / "sale.jsonl").write_text(json.dumps(sale()) + "\n", "utf-8")
            programs.told("edge-agent", "take", "sale.jsonl")
            await until(lambda: programs.told("edge-agent", "status")["queue"] == 0, "nothing was handed in")
        assert programs.told("hq-server", "member", "show", "M1")["balance"] > 0
        programs.told("hq-server", "audit")


def sale() -> dict[str, Any]:
    """Return a purchase of just now."""
    return {
        "kind": "purchase",
        "receipt": {"store": STORE, "till": "T01", "number": "1"},
        "member": CARD,
        "currency": "KRW",
        "occurred_at": datetime.now(UTC).replace(microsecond=0).isoformat(),
        "net_minor": 10_000,
    }


def test_pipx_installs_both_programs_from_the_wheel(wheel: Path, wheels: Path, tmp_path: Path) -> None:
    environment = {
        **os.environ,
        "PIPX_HOME": str(tmp_path / "home"),
        "PIPX_BIN_DIR": str(tmp_path / "bin"),
        "PIPX_MAN_DIR": str(tmp_path / "man"),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
    }
    install = [sys.executable, "-m", "pipx", "install", str(wheel)]
    done = subprocess.run(install, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for program in ("edge-agent", "hq-server"):
        shown = subprocess.run(
            [tmp_path / "bin" / program, "--help"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        assert shown.stdout.startswith(f"Usage: {program}")
