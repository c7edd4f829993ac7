"""The Debian packages on a Debian 12 with its own systemd and no network, by the commands of operations.md.

A machine's disk is layers: Debian, both packages on it, a till that has joined headquarters on that, and what
one test does. Where no Debian may be booted these are skipped, and `test_packages_in_chroot` is what is left.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from edge_agent.store.migrations import VERSION
from tests.debian_parts import part
from tests.e2e.debian_machine import CommandFailed, booted, disk
from tests.e2e.documented import commands
from tests.e2e.packaged import (
    CARD,
    NEW,
    OLD,
    STORE,
    Packages,
    build,
    change,
    copy_of_checkout,
    pid,
    receipts_at_hq,
    running,
    say,
    sell,
    told,
)
from tests.house_sources import ROOT

MEMBERS = f"member_id,lookups,home_store\nM1,{CARD},{STORE}\n"


@pytest.fixture(scope="module")
def installed(machines: Path, debian: Path) -> list[Path]:
    """A Debian with both packages."""
    layers = [debian, disk(machines, "installed")]
    with booted(*layers) as machine:
        for heading in ("Install headquarters", "Install a till"):
            say(machine, commands(heading).splitlines()[0])
    return layers


@pytest.fixture(scope="module")
def joined(machines: Path, installed: list[Path]) -> list[Path]:
    """Headquarters and a till that has sold once."""
    layers = [*installed, disk(machines, "joined")]
    with booted(*layers) as machine:
        machine.write("/srv/moonlight.toml", (ROOT / "docs/examples/moonlight.toml").read_bytes())
        machine.write("/tmp/members.csv", MEMBERS.encode())
        machine.run("printf '[limits]\\nnext_in_ms = 500\\n' >>/etc/dangol/hq.toml")
        say(machine, commands("Install headquarters"))
        machine.run("hq-server member import /tmp/members.csv")
        code = told(machine, f"hq-server terminal invite --store {STORE} --preapproved")["code"]
        say(machine, commands("Install a till"), {"ABCD-...": code})
        sell(machine, "1")
        machine.run("systemctl stop dangol-edge dangol-hq")
    return layers


def test_the_same_sources_give_the_same_bytes_wherever_and_by_whomever_they_are_built(
    packages: Packages, tmp_path: Path
) -> None:
    elsewhere = copy_of_checkout(tmp_path / "elsewhere")
    again = build(elsewhere, tmp_path / "out", umask=0o077)
    assert [file.read_bytes() for file in again] == [packages.edge.read_bytes(), packages.hq.read_bytes()]


def test_lintian_finds_nothing_in_the_packages(packages: Packages) -> None:
    words = [part("lintian"), "--allow-root", "--fail-on", "error,warning"]
    done = subprocess.run([*words, packages.edge, packages.hq], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_package_carries_no_wheel_that_only_the_other_program_imports(packages: Packages) -> None:
    def wheels(file: Path) -> set[str]:
        listed = subprocess.run(["dpkg-deb", "--contents", file], capture_output=True, text=True, check=True)
        return set(re.findall(r"/wheels/(\w+)-\S+\.whl", listed.stdout))

    edge, hq = wheels(packages.edge), wheels(packages.hq)
    both = {"dangol", "aiohttp", "cryptography", "jinja2", "markupsafe", "polib", "pysqlite3", "tzdata"}
    assert both <= edge & hq
    assert "watchdog" in edge - hq
    assert "rich" in hq - edge
    assert "pip" not in edge | hq


def test_what_is_installed_waits_to_be_set_up(installed: list[Path], machines: Path) -> None:
    with booted(*installed, disk(machines, "waits")) as machine:
        units = "dangol-edge.service dangol-hq.service dangol-hq-backup.timer"
        assert machine.run(f"systemctl is-enabled {units}").split() == ["enabled"] * 3
        machine.until("systemctl is-active dangol-edge")
        assert pid(machine, "dangol-hq") == "0"
        assert "0 loaded units" in machine.run("systemctl --failed --no-pager")
        folders = "/var/lib/dangol-edge /var/lib/dangol-hq /var/backups/dangol-hq"
        assert machine.run(f"stat --format '%U %G %a' {folders}").splitlines() == [
            "dangol-edge dangol-edge 700",
            "dangol-hq dangol-hq 700",
            "dangol-hq dangol-hq 700",
        ]
        assert machine.run("stat --format '%U %a' /etc/dangol/edge.toml /etc/dangol/hq.toml").split() == [
            *("root", "644"),
            *("root", "644"),
        ]
        assert machine.run("dpkg --verify") == ""
        assert machine.run("edge-agent --help").startswith("Usage: edge-agent")
        status, said = machine.tried("edge-agent status")
        assert (status, "(not_enrolled)" in said) == (1, True)
        status, _ = machine.tried("getent hosts deb.debian.org || ls /sys/class/net | grep --invert-match lo")
        assert status != 0, "the machine was to have no network"


def test_a_till_sells_and_headquarters_posts_under_systemd(joined: list[Path], machines: Path) -> None:
    with booted(*joined, disk(machines, "sells")) as machine:
        machine.until("systemctl is-active dangol-hq dangol-edge dangol-hq-backup.timer")
        sell(machine, "2")
        assert receipts_at_hq(machine) == 2
        machine.run("edge-agent verify")
        owners = machine.run("stat --format %U /var/lib/dangol-edge/* /var/lib/dangol-hq/*")
        assert set(owners.split()) == {"dangol-edge", "dangol-hq"}
        machine.run("systemctl start dangol-hq-backup")
        assert ".db" in machine.run("ls /var/backups/dangol-hq")


def test_an_upgrade_keeps_settings_and_data_and_so_does_the_way_back(
    joined: list[Path], machines: Path
) -> None:
    with booted(*joined, disk(machines, "upgraded")) as machine:
        machine.run("echo 'language = \"en\"' >>/etc/dangol/edge.toml")
        before = pid(machine, "dangol-edge")
        say(machine, commands("Upgrade"))
        say(machine, commands("Upgrade", 1))
        assert running(machine) == NEW
        assert pid(machine, "dangol-edge") not in (before, "0")
        assert machine.run("ls /usr/lib/dangol-edge").count("env.") == 1
        assert "language" in machine.run("cat /etc/dangol/edge.toml")
        assert "next_in_ms" in machine.run("cat /etc/dangol/hq.toml")
        sell(machine, "2")
        assert receipts_at_hq(machine) == 2

        say(machine, commands("Roll back"))
        say(machine, commands("Roll back", 1))
        assert running(machine) == OLD
        sell(machine, "3")
        assert receipts_at_hq(machine) == 3


def test_an_older_program_refuses_a_newer_database_and_a_backup_leads_back(
    joined: list[Path], machines: Path
) -> None:
    with booted(*joined, disk(machines, "newer")) as machine:
        machine.run("systemctl start dangol-hq-backup")
        backup = machine.run("ls /var/backups/dangol-hq").split()[0]
        sell(machine, "2")
        machine.run("systemctl stop dangol-edge dangol-hq")
        change(
            machine, "/var/lib/dangol-hq/hq.db", "INSERT INTO migrations VALUES (9999, '9999_later.sql', '')"
        )
        change(machine, "/var/lib/dangol-edge/till.db", "PRAGMA user_version=9999")
        for command, code in (("hq-server audit", "database_newer"), ("edge-agent status", "store_newer")):
            status, said = machine.tried(command)
            assert (status, f"error ({code})" in said) == (1, True), said
        status, said = machine.tried("systemctl start dangol-hq")
        assert status != 0
        change(machine, "/var/lib/dangol-edge/till.db", f"PRAGMA user_version={VERSION}")
        say(machine, commands("Roll back", 2), {"hq-20261122T033000Z.db": backup})
        machine.run("systemctl start dangol-edge")
        machine.until("hq-server member show M1 --json | grep '\"balance\":20'")
        assert receipts_at_hq(machine) == 2


def test_an_upgrade_that_fails_leaves_the_old_program_running_and_may_be_run_again(
    joined: list[Path], machines: Path
) -> None:
    pip = "/usr/share/python-wheels"
    with booted(*joined, disk(machines, "broken")) as machine:
        machine.until("systemctl is-active dangol-edge")
        before = pid(machine, "dangol-edge")
        machine.run(f"mv {pip} {pip}.away")
        with pytest.raises(CommandFailed, match="post-installation script"):
            say(machine, commands("Upgrade", 1))
        assert (pid(machine, "dangol-edge"), running(machine)) == (before, OLD)
        assert machine.run("ls /usr/lib/dangol-edge").count("env.") == 1
        sell(machine, "2")
        machine.run(f"mv {pip}.away {pip}")
        say(machine, commands("Upgrade", 1))
        assert running(machine) == NEW


def test_removing_keeps_settings_and_data_and_purging_takes_them(joined: list[Path], machines: Path) -> None:
    remove, purge = commands("Remove").splitlines()
    with booted(*joined, disk(machines, "removed")) as machine:
        machine.until("systemctl is-active dangol-edge")
        machine.run("echo 'language = \"en\"' >>/etc/dangol/edge.toml")
        say(machine, remove)
        assert machine.tried("pgrep --exact edge-agent || ls /usr/bin/edge-agent || ls /usr/lib/dangol-edge")[
            0
        ]
        say(machine, commands("Install a till").splitlines()[0])
        assert "language" in machine.run("cat /etc/dangol/edge.toml")
        assert running(machine) == OLD
        sell(machine, "2")

        machine.run("mkdir --parents /media/usb")
        say(machine, commands("Replace a till"))
        say(machine, purge)
        machine.run("! ls /var/lib/dangol-edge /etc/dangol/edge.toml /lib/systemd/system/dangol-edge.service")
        assert machine.run("systemctl list-unit-files").count("dangol-edge") == 0
        machine.run("getent passwd dangol-edge")
        say(machine, commands("Install a till").splitlines()[0])
        say(machine, commands("Replace a till", 1))
        sell(machine, "3")
        assert receipts_at_hq(machine) == 3

        say(machine, commands("Replace a till", 3))
        machine.until("edge-agent status --json | grep terminal_revoked")
        code = told(machine, f"hq-server terminal invite --store {STORE} --preapproved")["code"]
        say(machine, commands("Replace a till", 5))
        enrol, start, *_ = commands("Install a till").splitlines()[1:]
        say(machine, f"{enrol}\n{start}", {"ABCD-...": code})
        sell(machine, "4")
        assert receipts_at_hq(machine) == 4


def test_nothing_is_started_where_the_machine_s_policy_forbids_it(joined: list[Path], machines: Path) -> None:
    with booted(*joined, disk(machines, "policy")) as machine:
        machine.until("systemctl is-active dangol-edge")
        machine.write("/usr/sbin/policy-rc.d", b"#!/bin/sh\nexit 101\n")
        machine.run("chmod 755 /usr/sbin/policy-rc.d")
        before = pid(machine, "dangol-edge")
        say(machine, commands("Upgrade", 1))
        assert pid(machine, "dangol-edge") == before
