"""The Debian packages on a Debian 12 in which nothing runs: wherever root may go into a folder.

No systemd, no /proc, and nowhere for apt to fetch from. What wants more is in `test_packages`.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.e2e.debian_machine import CommandFailed, Machine, disk, entered
from tests.e2e.documented import commands
from tests.e2e.packaged import NEW, OLD, say

UNITS = "dangol-edge.service dangol-hq.service dangol-hq-backup.timer"
INSTALL_HQ, INIT, *_ = commands("Install headquarters").splitlines()
INSTALL_EDGE, *_ = commands("Install a till").splitlines()
UPGRADE_HQ = commands("Upgrade").splitlines()[-1]
UPGRADE_EDGE = commands("Upgrade", 1)
REMOVE, PURGE = commands("Remove").splitlines(keepends=True)
FOLDERS = "/var/lib/dangol-edge /var/lib/dangol-hq /var/backups/dangol-hq"


@pytest.fixture(scope="module")
def tree(machines: Path, debian: Path) -> Path:
    """Both packages with a ledger and its backup, a till's file, and settings that somebody has changed."""
    machine = copy(debian, machines, "chroot")
    machine.run("rm /etc/apt/sources.list")
    say(machine, f"{INSTALL_HQ}\n{INSTALL_EDGE}\n{INIT}")
    machine.run("install --owner=dangol-edge --mode=600 /etc/passwd /var/lib/dangol-edge/terminal.key")
    machine.run("sudo -u dangol-hq hq-server backup --keep 14 /var/backups/dangol-hq")
    machine.run("sed --in-place 's/8470/8471/' /etc/dangol/hq.toml; echo '# ours' >>/etc/dangol/edge.toml")
    return machines / "chroot"


@pytest.fixture
def debian_in_use(machines: Path, tree: Path, request: pytest.FixtureRequest) -> Machine:
    """The same, for one test to change."""
    return copy(tree, machines, request.node.name)


def copy(tree: Path, machines: Path, name: str) -> Machine:
    """Return a Debian with the same files."""
    root = disk(machines, name)
    subprocess.run(["cp", "--archive", f"{tree}/.", root], check=True)
    return entered(root)


def kept(machine: Machine) -> str:
    """Return settings and data of both programs as they lie there, with owners and modes."""
    files = machine.run(f"find /etc/dangol {FOLDERS} -type f -printf '%p %u %m ' -exec cksum {{}} \\;")
    assert all(name in files for name in ("edge.toml", "hq.toml", "terminal.key", "hq.db", "hq.key"))
    return files


def test_both_install_where_no_systemd_runs_and_wait_for_one(tree: Path) -> None:
    machine = entered(tree)
    assert machine.run(f"systemctl is-enabled {UNITS}").split() == ["enabled"] * 3
    assert machine.tried("systemctl is-enabled dangol-printer.service") == (1, "disabled\n")
    assert machine.run(f"stat --format '%U %G %a' {FOLDERS}").splitlines() == [
        "dangol-edge dangol-edge 700",
        "dangol-hq dangol-hq 700",
        "dangol-hq dangol-hq 700",
    ]
    assert machine.run("stat --format '%U %a' /etc/dangol /etc/dangol/*").split() == [
        *("root", "755"),
        *("root", "644"),
        *("root", "644"),
    ]
    for user in ("dangol-edge", "dangol-hq"):
        assert machine.run(f"getent passwd {user}").strip().endswith(f":/var/lib/{user}:/usr/sbin/nologin")
    assert machine.run("dpkg --audit; dpkg --verify dangol-edge dangol-hq || true").count("\n") == 2


@pytest.mark.parametrize(("program", "package"), [("edge-agent", "edge"), ("hq-server", "hq")])
def test_a_program_runs_from_what_its_package_carries(tree: Path, program: str, package: str) -> None:
    machine = entered(tree)
    own = f"/usr/lib/dangol-{package}/venv/"
    modules = f"{program.replace('-', '_')}, loyalty_core, loyalty_shell, aiohttp, cryptography, pysqlite3"
    files = machine.run(
        f"{own}bin/python -I -c 'import {modules}, sys\n"
        'for each in list(sys.modules.values()): print(getattr(each, "__file__", None) or "")\''
    ).split()
    assert f"{own}lib/python3.11/site-packages/loyalty_shell/__init__.py" in files
    assert [file for file in files if not file.startswith((own, "/usr/lib/python3.11/"))] == []
    assert machine.run(f"{program} --version") == f"{program}, version {OLD}\n"


def test_headquarters_is_set_up_by_its_user_and_a_till_says_what_it_lacks(tree: Path) -> None:
    machine = entered(tree)
    files = "/var/lib/dangol-hq/hq.db /var/lib/dangol-hq/hq.key"
    assert machine.run(f"stat --format '%U %a' {files}").split() == ["dangol-hq", "600"] * 2
    machine.run("hq-server audit")
    assert machine.run("stat --format '%U %a' /var/backups/dangol-hq/*").split() == ["dangol-hq", "600"]
    status, said = machine.tried("hq-server restore /var/backups/dangol-hq/*.db")
    assert (status, "error (wrong_user)" in said) == (1, True)
    status, said = machine.tried("edge-agent status")
    assert (status, "error (store_missing)" in said) == (1, True)


def test_an_upgrade_keeps_settings_and_data_and_one_that_fails_may_be_run_again(
    debian_in_use: Machine,
) -> None:
    machine = debian_in_use
    before = kept(machine)
    machine.run("mv /usr/share/python-wheels /usr/share/python-wheels.away")
    with pytest.raises(CommandFailed, match="post-installation script"):
        say(machine, UPGRADE_EDGE)
    assert machine.run("edge-agent --version").split()[-1] == OLD
    machine.run("mv /usr/share/python-wheels.away /usr/share/python-wheels")
    say(machine, UPGRADE_EDGE + UPGRADE_HQ)
    assert machine.run("edge-agent --version; hq-server --version").split()[2::3] == [NEW, NEW]
    assert machine.run("dpkg --audit; ls /usr/lib/dangol-edge").count("env.") == 1
    assert kept(machine) == before


def test_removing_keeps_settings_and_data_and_purging_takes_them(debian_in_use: Machine) -> None:
    machine = debian_in_use
    before = kept(machine)
    say(machine, REMOVE + REMOVE.replace("edge", "hq"))
    assert kept(machine) == before
    assert machine.tried("ls /usr/bin/edge-agent /usr/bin/hq-server || ls /usr/lib/dangol*")[0]
    say(machine, INSTALL_EDGE)
    assert kept(machine) == before
    assert machine.run("systemctl is-enabled dangol-edge") == "enabled\n"
    machine.run("systemctl enable dangol-printer")
    say(machine, PURGE + PURGE.replace("edge", "hq"))
    left = machine.run("find / -xdev -path '*dangol*' -not -path '/srv/*'").splitlines()
    assert [Path(each).suffix for each in left if each.startswith("/var/backups/")] == ["", ".db"]
    assert len(left) == 2
