"""A Debian 12 in a folder, made by mmdebstrap from where this machine's apt has it from.

Booted with its own systemd it has namespaces of its own for everything, so that nothing in it reaches what is
outside, and no network. Where that is not allowed, root may still go into the folder.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

import pytest

from tests.debian_parts import need_root, part

SUITE: Final = "bookworm"
BOOT_SECONDS: Final = 60
COMMAND_SECONDS: Final = 240
OF_ROOT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
TARGETS: Final = ["apt-get", "indextargets", "--format", "deb $(REPO_URI) $(RELEASE) $(COMPONENT)"]
_REFUSAL: Final = re.compile("(?i)not permitted|denied|read-only|wrong fs type|unknown filesystem type")
"""The kernel's words, of a container mostly."""

# Its cgroups hang below one of its own, so that its systemd sees and ends nobody else's processes.
_OUTER: Final = """
cgroups=$(mktemp -d)
mount -t cgroup2 none "$cgroups"
mkdir "$cgroups/$3"
echo $$ >"$cgroups/$3/cgroup.procs"
umount "$cgroups"
rmdir "$cgroups"
exec unshare --net --pid --uts --ipc --cgroup --fork --kill-child sh -euc "$4" sh "$1" "$2"
"""
_INNER: Final = """
ip link set lo up
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" overlay "$2/root"
cd "$2/root"
mount -t proc proc proc
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 tmpfs run
mount -t tmpfs -o mode=755 tmpfs dev
for device in null zero full random urandom tty; do
    touch dev/$device
    mount --bind /dev/$device dev/$device
done
mkdir dev/shm dev/pts run/outside
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
pivot_root . run/outside
umount -l run/outside
# As on any machine: by this the credentials of a service come to where it is.
mount --make-rshared /
exec env -i container=dangol-test PATH=/usr/sbin:/usr/bin:/sbin:/bin chroot . /lib/systemd/systemd --system
"""
_REMOVE_CGROUPS: Final = """
cgroups=$(mktemp -d)
mount -t cgroup2 none "$cgroups"
find "$cgroups/$1" -depth -type d -exec rmdir {} +
umount "$cgroups"
rmdir "$cgroups"
"""


def disk(machines: Path, name: str) -> Path:
    """Return an empty folder for a machine's disk, or a layer of it."""
    (machines / name).mkdir()
    return machines / name


def make_root(folder: Path, packages: list[str]) -> None:
    """Make the smallest Debian 12 that has these packages in an empty folder."""
    need_root()
    mmdebstrap = part("mmdebstrap")
    select = ["Created-By: Packages", "Origin: Debian"]
    sources = subprocess.run([*TARGETS, *select], capture_output=True, text=True, check=True).stdout
    done = subprocess.run(
        [mmdebstrap, "--variant=minbase", f"--include={','.join(packages)}", SUITE, folder, "-"],
        input="".join(f"{line}\n" for line in sources.splitlines() if f" {SUITE}" in line),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


class CommandFailed(AssertionError):
    """What a command on the machine said and how it ended."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A Debian, and the words that lead a command into it."""

    into: tuple[str, ...]

    def run(self, commands: str) -> str:
        """Run a script as root and return what it said on both outputs. Raises: CommandFailed."""
        status, told = self.tried(commands)
        if status:
            raise CommandFailed(f"{commands}\nended with {status}:\n{told}")
        return told

    def tried(self, commands: str) -> tuple[int, str]:
        """Run a script as root; return how it ended and what it said on both outputs."""
        done = subprocess.run(
            [*self.into, "sh", "-euc", commands],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            env=OF_ROOT,
            check=False,
        )
        return done.returncode, done.stdout

    def write(self, path: str, content: bytes) -> None:
        """Write a file that everyone may read."""
        words = [*self.into, "dd", "status=none", f"of={path}"]
        subprocess.run(words, input=content, env=OF_ROOT, check=True)

    def until(self, commands: str) -> str:
        """Run a script again and again until it ends well; return what it said."""
        end = time.monotonic() + COMMAND_SECONDS
        while True:
            status, told = self.tried(commands)
            if status == 0:
                return told
            if time.monotonic() > end:
                raise CommandFailed(f"{commands}\nnever ended well:\n{told}")


def entered(root: Path) -> Machine:
    """Go into a Debian in which nothing runs and nothing is mounted, so that it has no /proc either.

    A container without rights allows no more. Here they are given up, lest one of them be needed.
    """
    return Machine(("setpriv", "--bounding-set=-sys_admin", "chroot", str(root)))


@contextmanager
def booted(*layers: Path) -> Iterator[Machine]:
    """Run a Debian whose disk is these folders over each other; the last one alone is written to.

    Whatever runs in it ends with it, and it ends with this process. The test is skipped where the
    kernel does not allow it.
    """
    *lower, own = layers
    for folder in ("upper", "work", "root"):
        (own / folder).mkdir(exist_ok=True)
    below = ":".join(
        str(folder / "upper" if (folder / "upper").is_dir() else folder) for folder in reversed(lower)
    )
    name = f"dangol-test-{os.getpid()}-{own.name}"
    with tempfile.TemporaryFile() as log:
        words = [
            "setpriv",
            "--pdeathsig",
            "KILL",
            "unshare",
            "--mount",
            "sh",
            "-euc",
            _OUTER,
            "sh",
            below,
            str(own),
            name,
            _INNER,
        ]
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=OF_ROOT)
        pid = None
        try:
            pid = _first_process(process)
            if pid is None:
                log.seek(0)
                _cannot_boot(log.read().decode())
            machine = Machine(("nsenter", "--target", str(pid), "--all"))
            machine.until("systemctl is-system-running | grep -E 'running|degraded'")
            yield machine
        finally:
            # With the first process of its pid namespace all others are gone before that one is.
            for each in _children(process.pid) or [process.pid]:
                with suppress(ProcessLookupError):
                    os.kill(each, signal.SIGKILL)
            process.wait()
            words = ["unshare", "--mount", "sh", "-euc", _REMOVE_CGROUPS, "sh", name]
            subprocess.run(words, stderr=log, env=OF_ROOT, check=pid is not None)


def _cannot_boot(told: str) -> NoReturn:
    """Skip the test where the kernel refused; what else goes wrong before systemd runs is a fault of ours."""
    if _REFUSAL.search(told):
        pytest.skip(f"this machine may not boot a Debian in namespaces: {told.strip().splitlines()[-1]}")
    raise AssertionError(f"a Debian does not boot: {told}")


def _first_process(process: subprocess.Popen[bytes]) -> int | None:
    """Return the pid, seen from outside, of a machine's systemd once it is that; None where it never is."""
    end = time.monotonic() + BOOT_SECONDS
    while time.monotonic() < end and process.poll() is None:
        for pid in _children(process.pid):
            with suppress(FileNotFoundError, ProcessLookupError):
                if Path(f"/proc/{pid}/exe").readlink().name == "systemd":
                    return pid
    return None


def _children(pid: int) -> list[int]:
    with suppress(FileNotFoundError, ProcessLookupError):
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
