"""What `export` and `import` tell a technician of each file, in one line. Decides nothing."""

from __future__ import annotations

from edge_agent.sync.usb import Exported
from edge_agent.sync.usb_replies import Imported


def exported_line(told: Exported) -> str:
    """Return the line of a file for headquarters."""
    size = f"{max(1, told.bytes // 1024)} KiB"
    if told.first is None or told.last is None:
        return f"{told.file}: no record waits; it asks for what headquarters has for this till, {size}"
    return f"{told.file}: {_records(told.records)}, {_place(told.first)} to {_place(told.last)}, {size}"


def export_lines(files: int, records: int, waiting: int, folder: str, *, dry_run: bool) -> list[str]:
    """Return what comes after the files: how many there are, and what to do with them."""
    what = f"{_records(records)} in {files} {'file' if files == 1 else 'files'}"
    if dry_run:
        return [f"{what}: nothing was written"]
    lines = [
        f"{what}. At headquarters: hq-server import {folder}. Then here again: edge-agent import {folder}"
    ]
    if waiting:
        lines.append(f"{_records(waiting)} more wait: export again once headquarters has answered these")
    return lines


def imported_line(told: Imported) -> str:
    """Return the line of a file from headquarters."""
    if told.became == "refused":
        return f"{told.file}: refused, {told.sentence} ({told.code})"
    if told.became == "left":
        return f"{told.file}: for {told.terminal}, left for it"
    if told.became in ("known", "unasked"):
        what = (
            "nothing new"
            if told.became == "known"
            else "to a request that this till does not know, nothing taken"
        )
    else:
        news = [f"headquarters holds all up to {_place(place)}" for place in told.acknowledged]
        news += [f"{told.members} {'member' if told.members == 1 else 'members'}"] if told.members else []
        news += [f"{told.programmes} of the rules"] if told.programmes else []
        what = ", ".join(news) or "installed"
    if told.epoch:
        what += f"; this disk was set back or copied, and this till goes on in epoch {told.epoch}"
    for refusal in told.refusals:
        what += f"; headquarters did not take records from {refusal}"
    return f"{told.file}: {what}"


def _place(place: tuple[int, int]) -> str:
    return f"{place[0]}.{place[1]}"


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count} records"
