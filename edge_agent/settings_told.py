"""The settings of this till as a person reads them: each by its name, with what it is for.

There is no secret among them: keys and tokens are files or credentials, and no setting holds one.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import msgspec

from edge_agent.config import Csv, EdgeConfig, Folder, Printer

MEANINGS: Final = {
    "data_dir": "where the journal and the keys are",
    "language": "language of messages and pages",
    "phone_region": "country of phone numbers without a country code",
    "future_tolerance_ms": "how far ahead of the clock a receipt may be",
    "clock_step_ms": "a step of the clock from which it is noted",
    "quarantine_rows_max": "the most refused inputs that are set aside",
    "quarantine_days": "how many days a refused input is kept, counted by headquarters' time",
    "raw_bytes_max": "the most of a refused input that is kept",
    "disk_free_bytes_min": "less free space than this is told as low",
    "http.host": "address where the agent listens",
    "http.port": "port where the agent listens; 0 is any free one",
    "http.allowed_hosts": "names by which this till may be called",
    "http.body_bytes_max": "the largest request",
    "http.body_ms_max": "how long a request may take to arrive",
    "folder.path": "the watched folder; none is watched where it is not set",
    "folder.settle_ms": "how long a file must rest before it is read",
    "folder.unfinished_ms": "how long an unfinished file is waited for",
    "folder.rescan_ms": "how often the folder is looked through",
    "folder.file_bytes_max": "the largest file",
    "folder.files_max": "the most files",
    "folder.after": "what becomes of a file that was taken",
    "folder.done": "where taken files are moved",
    "folder.endings": "adapters of file endings",
    "folder.options": "what adapters of others are told",
    "folder.escpos.profile": "how prints in the folder are read",
    "folder.escpos.till": "whose prints those in the folder are",
    "folder.poslog.stores": "the POSLog's names of our stores",
    "folder.csv.files": "names of files that are read so",
    "folder.csv.encoding": "encoding of the till's CSV",
    "folder.csv.delimiter": "what parts the columns",
    "folder.csv.mapping": "the ready mapping of which this says what differs",
    "folder.csv.columns": "the till's names of our columns",
    "folder.csv.constants": "what no column of the till says",
    "folder.csv.values": "the till's words for ours",
    "folder.csv.zones": "the till's names of time zones",
    "folder.csv.refunds": "whether amounts below zero are returns",
    "folder.csv.time_format": "form of instants",
    "folder.csv.date_format": "form of dates",
    "folder.csv.amounts": "whether amounts are in major or minor units",
    "folder.csv.decimals": "decimals of amounts in major units",
    "folder.csv.decimal_mark": "what parts decimals",
    "printer.name": "printers whose receipts are copied on their way; none where it is not set",
    "printer.listen": "where the till prints to",
    "printer.printer": "where the printer is",
    "printer.profile": "how the printer's receipts are read",
    "printer.till": "the till whose receipts they are",
    "printer.silence_ms": "after how long a silence a copy ends",
    "printer.copy_bytes_max": "the largest copy",
    "printer.spool_files_max": "the most copies that may wait",
    "printer.spool_bytes_max": "the most bytes of copies that may wait",
    "sync.interval_ms": "how often HQ is asked when nothing waits",
    "sync.after_sale_ms": "how soon after a sale it is sent",
    "sync.timeout_ms": "how long HQ's answer is waited for",
    "sync.retry_first_ms": "pause after the first failure",
    "sync.retry_max_ms": "the longest pause after failures",
    "sync.batch_records": "the most records in one batch",
    "sync.batches": "the most batches in one exchange",
    "sync.ca_file": "certificates that prove HQ's address",
    "redemptions.ask_ms": "how long HQ is waited for before points are spent without it",
    "redemptions.open_max": "the most open redemptions",
    "admin.idle_ms": "when a technician's log-in ends that is not used",
    "admin.absolute_ms": "when a technician's log-in ends in any case",
    "counter.access": "whether the cashier's page is open or asks for a PIN",
    "counter.idle_ms": "when a cashier's log-in ends that is not used",
    "counter.absolute_ms": "when a cashier's log-in ends in any case",
    "profiles": "where profiles of prints are",
    "adapters": "where adapters of others are installed",
    "counter.undo_ms": "how long something can be undone",
}
"""What each setting is for, in English, by its name in the file."""


class Setting(msgspec.Struct, frozen=True):
    """One setting as text; `is_default` tells whether it is as it is where the file says nothing."""

    name: str
    value: str
    is_default: bool
    meaning: str


def settings_told(config: EdgeConfig) -> list[Setting]:
    """Return all settings, in the order of the file's description."""
    plain, told = _flat(EdgeConfig()), _flat(config)
    if config.folder is not None:
        # With a folder its other settings have defaults; without one there is nothing of it.
        plain |= {name: value for name, value in _flat(_EMPTY_FOLDER, "folder.").items() if name in told}
    plain["printer.name"] = ""
    told |= {"printer.name": ""} if not config.printer else {}
    for field in msgspec.structs.fields(Printer) if config.printer else ():
        name = f"printer.{field.name}"
        told[name] = ", ".join(str(getattr(one, field.name)) for one in config.printer)
        if not field.required:
            plain[name] = ", ".join(str(field.default) for _ in config.printer)
    return [
        Setting(name, _text(told.get(name)), told.get(name) == plain.get(name), meaning)
        for name, meaning in MEANINGS.items()
        if name in told or name == "folder.path"
    ]


def _flat(section: msgspec.Struct, prefix: str = "") -> dict[str, Any]:
    """Return the settings of a section by their names; a section that is not set has none."""
    found: dict[str, Any] = {}
    for name in section.__struct_fields__:
        value = getattr(section, name)
        if isinstance(value, msgspec.Struct):
            found |= _flat(value, f"{prefix}{name}.")
        elif not (prefix == "" and name in ("folder", "printer")):
            found[prefix + name] = value
    return found


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case tuple():
            return ", ".join(value)
        case dict():
            return ", ".join(f"{ours} = {theirs}" for ours, theirs in value.items())
        case _:
            return str(value)


_EMPTY_FOLDER: Final = Folder(path=Path(), csv=Csv())
