"""Secrets of a program: files that only its user reads, or what systemd hands over in their place."""

from __future__ import annotations

import os
from pathlib import Path

from loyalty_shell.data_dir import make_durable


def credential(name: str) -> Path | None:
    """Return the file that systemd hands over under a name, None where it does not."""
    path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/nonexistent"), name)
    return path if os.access(path, os.R_OK) else None


def write_secret(path: Path, data: bytes) -> None:
    """Write a file of mode 0600, whole and durable or not at all. An existing one is never overwritten.

    Raises:
        FileExistsError: there is one.
    """
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.link(fresh, path)
    fresh.unlink()
    make_durable(path.parent)


def is_written(path: Path) -> bool:
    """Tell whether a secret is there, durable and under no other name, as a crash may have left it."""
    if not path.exists():
        return False
    path.with_name(path.name + ".new").unlink(missing_ok=True)
    make_durable(path.parent)
    return True
