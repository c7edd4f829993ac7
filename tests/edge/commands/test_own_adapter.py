"""The worked example of docs/adapters.md: installed as a package, it reads a till's files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.edge.commands.desk import Desk
from tests.edge.made import enrol_till, programme
from tests.house_sources import ROOT

EXAMPLE = ROOT / "docs" / "examples" / "corner_till"
SALES = b"202611201031050000421 12440 2000123456782\n20261120110200000043R  3000\n#TRAINING\nnonsense\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example as pip installs it, in a folder of its own."""
    site = tmp_path_factory.mktemp("site")
    words = ["--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--disable-pip-version-check"]
    subprocess.run(
        [sys.executable, "-m", "pip", "install", *words, "--target", site, EXAMPLE],
        check=True,
        env=os.environ | {"PIP_NO_INDEX": "1", "PYTHONWARNINGS": "default"},
        cwd=site,
    )
    return site


def test_the_example_reads_what_its_till_writes(installed: Path, tmp_path: Path) -> None:
    folder = '[folder]\npath = "in"\nendings = {".dat" = "corner"}\n[folder.options.corner]\ntill = "T03"\n'
    desk = Desk(tmp_path, f'adapters = "{installed}"\n{folder}')
    enrol_till(desk.config, programme())
    (tmp_path / "a.dat").write_bytes(SALES)
    done = take(tmp_path)
    assert done.stderr == ""
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["became"] for row in rows] == ["recorded", "recorded", "passed", "refused"]
    assert rows[0]["points"] == {"redeemable": 12, "qualifying": 12}
    assert [row.get("code", "") for row in rows][2:] == ["training", "line_unknown"]
    again = [json.loads(line)["became"] for line in take(tmp_path).stdout.splitlines()]
    assert again == ["repeated", "repeated", "passed", "refused"]
    desk.path.write_text(desk.path.read_text("utf-8").replace("adapters =", "# adapters ="), "utf-8")
    without = take(tmp_path)
    assert (without.returncode, "adapter_unknown" in without.stderr) == (1, True)


def take(folder: Path) -> subprocess.CompletedProcess[str]:
    """Hand the till's file in by a program of its own."""
    words = [sys.executable, "-m", "edge_agent", "--config", "edge.toml", "take", "--json", "a.dat"]
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(words, cwd=folder, env=env, capture_output=True, text=True, check=False)
