"""What is told of technicians and their passes, and the pass itself as a file and as a QR code."""

from __future__ import annotations

from io import BytesIO, StringIO
from pathlib import Path
from typing import Final

from hq_server.cli.shell import Shell
from hq_server.fleet_view import at_text
from hq_server.technicians import Known, PassRow
from loyalty_core.errors import BadInput
from loyalty_core.passes import Pass
from loyalty_shell.credentials import write_secret

QR_SCALE: Final = 4


def write_new(path: Path, data: bytes) -> None:
    """Write a file that only its owner reads.

    Raises:
        BadInput: `file_exists`, `file_unwritable`.
    """
    try:
        write_secret(path, data)
    except FileExistsError:
        raise BadInput(f"{path} exists already: give another name", code="file_exists") from None
    except OSError as error:
        raise BadInput(f"{path} cannot be written ({error.strerror})", code="file_unwritable") from None


def drawn(digits: str, path: Path | None) -> bytes:
    """Return the QR code as the bytes of an image of the file's kind."""
    if path is None:
        return b""
    import segno

    image = BytesIO()
    segno.make_qr(digits, error="l").save(image, kind=path.suffix[1:], scale=QR_SCALE)
    return image.getvalue()


def on_terminal(digits: str) -> str:
    """Return the QR code in letters, for a scanner held to a screen."""
    import segno

    text = StringIO()
    segno.make_qr(digits, error="l").terminal(text, compact=True)
    return text.getvalue()


def subject_of(name: str) -> str:
    """Return what the access log calls a technician: members have ids of the same letters."""
    return f"technician:{name}"


def technician_value(one: Known) -> dict[str, object]:
    """Return a technician as JSON tells them, without their PIN."""
    return {
        "name": one.name,
        "stores": one.stores,
        "made_at": at_text(one.made_at_ms),
        "revoked_at": None if one.revoked_at_ms is None else at_text(one.revoked_at_ms),
    }


def show_technician(shell: Shell, found: Known, sentence: str, made: str) -> None:
    """Show a technician, and the PIN where one was made."""
    shell.show(
        technician_value(found) | ({"pin": made} if made else {}),
        [sentence, *([f"PIN, shown only now: {made}"] if made else [])],
    )


def show_pass(shell: Shell, given: Pass, files: list[str]) -> None:
    """Show a pass that was made, and where it lies."""
    where = ", ".join((*given.stores, *given.terminals))
    shell.show(
        {
            "pass": given.pass_id,
            "technician": given.person,
            "stores": given.stores,
            "terminals": given.terminals,
            "role": given.role,
            "from": at_text(given.from_ms),
            "until": at_text(given.until_ms),
            "files": files,
        },
        [
            f"Pass {given.pass_id} of {given.person} for {where}, good until {at_text(given.until_ms)}.",
            *([f"Written: {', '.join(files)}"] if files else []),
            f"If it gets lost: hq-server technician revoke --pass {given.pass_id} --reason lost",
        ],
    )


def pass_value(one: PassRow) -> dict[str, object]:
    """Return a pass that was made, as JSON tells it."""
    return {
        "pass": one.pass_id,
        "technician": one.name,
        "stores": one.stores,
        "terminals": one.terminals,
        "role": one.role,
        "made_by": one.made_by,
        "from": at_text(one.from_ms),
        "until": at_text(one.until_ms),
        "revoked_at": None if one.revoked_at_ms is None else at_text(one.revoked_at_ms),
        "revoked_by": one.revoked_by,
        "reason": one.reason,
    }
