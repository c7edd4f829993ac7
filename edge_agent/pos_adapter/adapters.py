"""Which adapter reads a file: by its ending, as the settings say or as is usual.

Our own adapters are loaded when the first file of their kind comes. One of somebody's own is a package, in
the folder `adapters` of the settings or installed beside us, that names its `Adapter` under the entry point
group `dangol.adapters`; the settings name it in `folder.endings`.
"""

from __future__ import annotations

from functools import lru_cache, partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Final

from edge_agent.config import Csv, EdgeConfig, EscPos, Folder, PosLog
from edge_agent.pos_adapter.csv_mappings import merged
from edge_agent.pos_adapter.held import held
from edge_agent.pos_adapter.rows import Adapter, Here
from edge_agent.pos_adapter.understanding import Expectations
from edge_agent.printer.spool import is_cut_short, printer_of
from loyalty_core.errors import BadInput

if TYPE_CHECKING:
    from edge_agent.pos_adapter.escpos.profile import Profile

GROUP: Final = "dangol.adapters"
ENDINGS: Final = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".xml": "poslog", ".escpos": "escpos"}
"""File ending -> adapter, where the settings say nothing else."""
SPREADSHEETS: Final = frozenset({".xlsx", ".xlsm", ".xls", ".ods"})
OWN: Final = frozenset(ENDINGS.values())


def endings_of(folder: Folder | None) -> dict[str, str]:
    """Return the file endings that are read -> the name of the adapter that reads them; "" reads none."""
    endings = ENDINGS | (folder.endings if folder else {})
    return {ending: name for ending, name in endings.items() if name}


def name_for(file: str, folder: Folder | None) -> str:
    """Return the name of the adapter that reads a file of this name.

    Raises:
        BadInput: `file_kind_unknown`.
    """
    endings = endings_of(folder)
    name = endings.get(PurePath(file).suffix.lower())
    if name is None and PurePath(file).suffix.lower() in SPREADSHEETS:
        raise BadInput(
            f"{file} is a spreadsheet's own file: save it there as CSV, and hand that in",
            code="file_kind_unknown",
        )
    if name is None:
        raise BadInput(
            f"{file}: files must end in {', '.join(endings)}: rename it, export another form, or name its "
            "adapter in folder.endings",
            code="file_kind_unknown",
        )
    return name


def adapter_of(name: str, source: str, config: EdgeConfig) -> Adapter:
    """Return the adapter of a name, with the settings for a file.

    Raises:
        BadInput: `adapter_unknown`, `adapter_broken`.
    """
    if name == "csv":
        from edge_agent.pos_adapter import csv_rows

        return Adapter(
            partial(csv_rows.rows, settings=csv_settings(config.folder, source)), csv_rows.is_unfinished
        )
    if name == "jsonl":
        from edge_agent.pos_adapter import json_lines

        return Adapter(json_lines.rows, json_lines.is_unfinished)
    if name == "poslog":
        from edge_agent.pos_adapter.poslog import transactions

        settings = config.folder.poslog if config.folder else PosLog()
        return Adapter(partial(transactions.rows, settings=settings), transactions.is_unfinished)
    if name == "escpos":
        return _escpos(source, config)
    return _strange(name, config.adapters)


def profile_of(source: str, config: EdgeConfig) -> tuple[Profile, str]:
    """Return the profile by which a print is read, and whose it is where it does not say so.

    A copy of the printer process is named after its printer, which has settings of its own.

    Raises:
        BadInput: `profile_unknown`, `profile_invalid`.
    """
    from edge_agent.pos_adapter.escpos.profile import profile

    folder = config.folder.escpos if config.folder else EscPos()
    settings = next((one for one in config.printer if one.name == printer_of(source)), folder)
    return profile(settings.profile, config.profiles), settings.till


def _escpos(source: str, config: EdgeConfig) -> Adapter:
    from edge_agent.pos_adapter.escpos import reading

    profile, till = profile_of(source, config)
    is_part = is_cut_short(source)
    return Adapter(partial(reading.rows, profile=profile, till=till, is_cut_short=is_part))


def here(expected: Expectations, name: str, source: str, config: EdgeConfig) -> Here:
    """Return what an adapter may take as given when it reads a file."""
    return Here(
        store_id=expected.store_id,
        zone=expected.place.zone,
        currency=expected.currency,
        source=source,
        options=config.folder.options.get(name, {}) if config.folder else {},
    )


def csv_settings(folder: Folder | None, source: str) -> Csv:
    """Return how a CSV of this name is read: by the first of the settings' mappings that its name fits.

    Raises:
        BadInput: `mapping_missing`, `mapping_unknown`.
    """
    settings = folder.csv if folder else Csv()
    several = settings if isinstance(settings, tuple) else (settings,)
    for one in several:
        if PurePath(source).match(one.files):
            return merged(one)
    raise BadInput(
        f"{source} fits the files of no folder.csv: rename it, or write a mapping for it",
        code="mapping_missing",
    )


def check(config: EdgeConfig) -> None:
    """Find every adapter and profile that the settings name.

    Raises:
        BadInput: `adapter_unknown`, `adapter_broken`, `mapping_unknown`, and as `profile_of`.
    """
    for name in endings_of(config.folder).values():
        if name not in OWN:
            _strange(name, config.adapters)
    if config.folder is not None:
        own = config.folder.csv
        for mapping in own if isinstance(own, tuple) else (own,):
            merged(mapping)
        profile_of("", config)
    for one in config.printer:
        profile_of(f"{one.name}-20000101T000000000Z-000000.escpos", config)


@lru_cache
def _strange(name: str, site: Path | None) -> Adapter:
    """Return an adapter that is not ours, from among the installed packages and those of a folder."""
    import sys
    from importlib.metadata import entry_points

    if site is not None and str(site) not in sys.path:
        sys.path.append(str(site))
    found = list(entry_points(group=GROUP, name=name))
    if len(found) != 1:
        known = sorted({*OWN, *(one.name for one in entry_points(group=GROUP))})
        raise BadInput(
            f'folder.endings names the adapter "{name}", which {len(found) or "no"} packages bring: '
            f"name one of {', '.join(known)}, or install exactly one package that brings it",
            code="adapter_unknown",
        )
    try:
        adapter = found[0].load()
    except (Exception, SystemExit) as error:
        raise BadInput(
            f'the adapter "{name}" ({found[0].value}) cannot be loaded ({type(error).__name__}: {error}): '
            "mend its package",
            code="adapter_broken",
        ) from error
    if not isinstance(adapter, Adapter):
        raise BadInput(
            f'the adapter "{name}" ({found[0].value}) is no edge_agent.pos_adapter.rows.Adapter: '
            "mend its package",
            code="adapter_broken",
        )
    return held(name, adapter)
