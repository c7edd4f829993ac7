"""The counter's PIN: a file of mode 0600 that holds what it is known by. And what a PIN is at all."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Final

from loyalty_core.errors import BadInput
from loyalty_shell.credentials import write_secret
from loyalty_shell.data_dir import make_durable

PIN_FORM: Final = re.compile(r"[0-9]{6,12}", re.ASCII)
PIN_FILE: Final = "counter.pin"


def pin_of(typed: str) -> str | None:
    """Return the digits of a PIN as somebody typed it, None where it can be nobody's."""
    pin = unicodedata.normalize("NFKC", typed.strip())
    return pin if PIN_FORM.fullmatch(pin) else None


def set_pin(data_dir: Path, typed: str, salt: bytes) -> None:
    """Let this be the counter's PIN from now on; 16 random bytes are its salt. Durable.

    Raises:
        BadInput: `pin_malformed`.
    """
    from loyalty_shell.passwords import hashed_password

    pin = pin_of(typed)
    if pin is None:
        raise BadInput("a PIN has 6 to 12 digits: choose another", code="pin_malformed")
    kept = hashed_password(pin, salt)
    remove_pin(data_dir)
    write_secret(data_dir / PIN_FILE, kept.encode() + b"\n")


def remove_pin(data_dir: Path) -> bool:
    """Let the counter have no PIN; tell whether it had one."""
    path = data_dir / PIN_FILE
    if not path.exists():
        return False
    path.unlink()
    make_durable(data_dir)
    return True


def verifier(data_dir: Path) -> str:
    """Return by what the counter's PIN is known.

    Raises:
        BadInput: `pin_unknown`: none is set.
    """
    try:
        return (data_dir / PIN_FILE).read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        raise BadInput(
            "no PIN is set for the counter of this till: edge-agent counter-pin sets one", code="pin_unknown"
        ) from None
