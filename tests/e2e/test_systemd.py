"""The units under systemd/: systemd finds no fault in them, and they leave a service little to misuse."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path

import pytest

from tests.debian_parts import need_root, part
from tests.house_sources import ROOT

SYSTEMD = ROOT / "systemd"
SERVICES = sorted(SYSTEMD.glob("*.service"))
UNITS = sorted([*SERVICES, *SYSTEMD.glob("*.timer")])
EXPOSURE_MAX = "15"
"""Tenths of the score of `systemd-analyze security`."""
DISTRIBUTION_UNITS = Path("/lib/systemd/system")


def settings(unit: Path) -> ConfigParser:
    """Return what a unit says; of a key that it has more than once, the last."""
    read = ConfigParser(strict=False, interpolation=None, delimiters=("=",))
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read_string(unit.read_text("utf-8"))
    return read


def run(*words: str | Path) -> tuple[int, str]:
    """Run a program; return its status and all that it said."""
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root file system with the distribution's units and, as empty scripts, what the packages install."""
    part("systemd-analyze")
    system = tmp_path / "usr/lib/systemd/system"
    shutil.copytree(DISTRIBUTION_UNITS, system, symlinks=True)
    for unit in UNITS:
        shutil.copy(unit, system)
    programs = tmp_path / "usr/bin"
    programs.mkdir()
    for program in ("edge-agent", "hq-server"):
        (programs / program).write_text("#!/bin/sh\n", "ascii")
        (programs / program).chmod(0o755)
    return tmp_path


def verified(machine: Path, unit: Path) -> tuple[int, str]:
    """Return what systemd says of a unit; manual pages are not looked for."""
    return run(part("systemd-analyze"), "verify", f"--root={machine}", "--man=no", unit.name)


def test_there_are_units_for_both_programs_and_the_backup() -> None:
    assert [unit.name for unit in UNITS] == [
        "dangol-edge.service",
        "dangol-hq-backup.service",
        "dangol-hq-backup.timer",
        "dangol-hq.service",
        "dangol-printer.service",
    ]


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_systemd_finds_no_fault_in_a_unit(machine: Path, unit: Path) -> None:
    assert verified(machine, unit) == (0, "")


@pytest.mark.parametrize(
    "fault", ["Typo=yes\n", "ExecStartPre=/usr/bin/not-there\n", "ProtectSystem=sometimes\n"]
)
def test_a_fault_is_found(machine: Path, fault: str) -> None:
    unit = machine / "usr/lib/systemd/system/dangol-edge.service"
    text = unit.read_text("utf-8")
    unit.write_text(text.replace("[Service]\n", f"[Service]\n{fault}"), "utf-8")
    assert verified(machine, unit) != (0, "")


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_is_shut_in(unit: Path) -> None:
    status, said = exposure(unit)
    assert status == 0, said
    assert said.splitlines()[-1].startswith(f"→ Overall exposure level for {unit.name}: ")


def test_a_service_that_is_open_is_found(tmp_path: Path) -> None:
    unit = tmp_path / "dangol-edge.service"
    kept = [line for line in SERVICES[0].read_text("utf-8").splitlines() if "CapabilityBounding" not in line]
    unit.write_text("\n".join(kept), "utf-8")
    assert exposure(unit)[0] != 0


def exposure(unit: Path) -> tuple[int, str]:
    words = ("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", "--no-pager")
    return run(part("systemd-analyze"), *words, unit)


@pytest.mark.parametrize("unit", [unit for unit in SERVICES if "backup" not in unit.name], ids=str)
def test_what_serves_says_when_it_is_ready_and_is_watched(unit: Path) -> None:
    service = settings(unit)["Service"]
    assert service["Type"] == "notify"
    assert service["WatchdogSec"] == "60s"
    assert service["Restart"] == "on-failure"


def test_users_and_folders_are_made_before_anything_runs(tmp_path: Path) -> None:
    need_root()
    (tmp_path / "etc").mkdir()
    for tool, folder in (("systemd-sysusers", "sysusers.d"), ("systemd-tmpfiles", "tmpfiles.d")):
        files = sorted((SYSTEMD / folder).iterdir())
        assert [file.name for file in files] == ["dangol-edge.conf", "dangol-hq.conf"]
        create = ["--create"] if folder == "tmpfiles.d" else []
        assert run(part(tool), f"--root={tmp_path}", *create, *files)[0] == 0
    users = dict(users_of(tmp_path))
    for name, folder in (
        ("dangol-edge", "var/lib/dangol-edge"),
        ("dangol-hq", "var/lib/dangol-hq"),
        ("dangol-hq", "var/backups/dangol-hq"),
    ):
        made = (tmp_path / folder).stat()
        assert (made.st_uid, made.st_mode & 0o777) == (users[name], 0o700)
    assert (tmp_path / "etc/dangol").stat().st_uid == 0


def users_of(machine: Path) -> Iterator[tuple[str, int]]:
    for line in (machine / "etc/passwd").read_text("utf-8").splitlines():
        name, _, uid, *_ = line.split(":")
        yield name, int(uid)


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_a_service_runs_as_the_user_who_owns_its_data(unit: Path) -> None:
    service = settings(unit)["Service"]
    name = service["User"]
    assert service["Group"] == name
    assert service["StateDirectory"] == name
    assert f"u {name} " in (SYSTEMD / f"sysusers.d/{name}.conf").read_text("utf-8")
    assert f"d /var/lib/{name} 0700 {name} {name} " in (SYSTEMD / f"tmpfiles.d/{name}.conf").read_text(
        "utf-8"
    )
