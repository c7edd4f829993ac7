"""Why the disk takes no sales: by a look of one's own, by what the agent last said, and by how it ended."""

from __future__ import annotations

import json
import socket
from contextlib import suppress
from pathlib import Path
from typing import Final

from loyalty_shell.data_dir import free_bytes, is_read_only

FULL_BYTES: Final = 2 * 1024 * 1024
"""With less than this free, a commit may fail at any moment."""
ASK_SECONDS: Final = 2.0
WORDS: Final = {
    "disk_full": "THE DISK IS FULL: sales cannot be recorded until space is freed",
    "disk_read_only": "THE DISK CAN ONLY BE READ: sales cannot be recorded. Look at the machine's log and "
    "mend the disk; the agent goes on when it can write",
    "disk_failed": "THE DISK DID NOT KEEP WHAT WAS WRITTEN: the agent ended, to begin anew with what is "
    "there. If it does not come back, or this comes again, replace the disk",
    "disk_unreadable": "THE DISK IS FULL OR DOES NOT GIVE BACK WHAT IS ON IT: sales cannot be recorded. "
    "Free space, look at the machine's log, run edge-agent verify",
}
"""What each refusal of the disk is called on the screen, and what to do."""


def refusal(data_dir: Path) -> str | None:
    """Return the code by which the disk refuses sales, None where it takes them as far as is known."""
    if is_read_only(data_dir):
        return "disk_read_only"
    if free_bytes(data_dir) < FULL_BYTES:
        return "disk_full"
    said = _said_by_the_agent(data_dir)
    if said is None and _mark(data_dir).exists():
        return "disk_failed"
    return said if said in WORDS else None


def mark_failed(data_dir: Path) -> None:
    """Note that the agent ends since the disk has not kept something; it may not keep this either."""
    with suppress(OSError):
        _mark(data_dir).touch()


def unmark_failed(data_dir: Path) -> None:
    """Note that the agent has begun anew, and that the disk keeps what it writes."""
    with suppress(OSError):
        _mark(data_dir).unlink()


def _mark(data_dir: Path) -> Path:
    return data_dir / "disk.failed"


def _said_by_the_agent(data_dir: Path) -> str | None:
    """Return "ok", or the code by which the disk refused the agent last; None where none answers."""
    try:
        host, _, port = (data_dir / "address").read_text("ascii").strip().rpartition("//")[2].rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), ASK_SECONDS) as line:
            line.sendall(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
            with line.makefile("rb") as answer:
                said = json.loads(answer.read(65_536).partition(b"\r\n\r\n")[2])
        return str(said.get("code") or said["status"])
    except (OSError, ValueError, KeyError, AttributeError):
        return None
