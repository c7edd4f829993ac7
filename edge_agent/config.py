"""The agent's settings: a TOML file -> one frozen record. Every limit has a name; strangers are refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from edge_agent.printer.endpoints import Device, Endpoint, endpoint
from loyalty_core.errors import BadInput

DEFAULT_PATH: Final = Path("/etc/dangol/edge.toml")

Positive = Annotated[int, Meta(ge=1)]
Ending = Annotated[str, Meta(pattern=r"^\.[a-z0-9_-]+$")]
Port = Annotated[int, Meta(ge=0, le=65535)]


class _Section(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class Http(_Section, frozen=True, kw_only=True):
    """The local HTTP face. Port 0 takes any free one; the address in use is in `data_dir/address`."""

    host: str = "127.0.0.1"
    port: Port = 8321
    allowed_hosts: tuple[str, ...] = ("localhost", "127.0.0.1", "[::1]")
    body_bytes_max: Positive = 1024 * 1024
    body_ms_max: Positive = 15_000


class Csv(_Section, frozen=True, kw_only=True):
    """How the till's CSV differs from ours, for files of these names.

    `mapping` names a ready one, of which the rest here is what differs. `columns` maps our names to theirs,
    or to several of which the first that is there is taken; `constants` says what no column does; `values`
    maps what stands in a column to our words. Amounts in `major` units (else `minor`) have up to `decimals`
    decimals, those of the programme's currency, behind a point or another `decimal_mark`. With
    `refunds = "negative"` what is below zero is a return, else it is refused.
    """

    files: str = "*"
    mapping: str = ""
    encoding: str = "auto"
    delimiter: str = "auto"
    columns: dict[str, str | list[str]] = {}
    constants: dict[str, str] = {}
    values: dict[str, dict[str, str]] = {}
    zones: dict[str, str] = {}
    time_format: str | list[str] | None = None
    date_format: str | list[str] | None = None
    amounts: Literal["minor", "major"] | None = None
    decimals: Annotated[int, Meta(ge=0, le=4)] | None = None
    decimal_mark: Literal[".", ","] | None = None
    refunds: Literal["refuse", "negative"] | None = None


class PosLog(_Section, frozen=True, kw_only=True):
    """How the till's POSLog differs: `stores` maps its names of stores to ours."""

    stores: dict[str, str] = {}


class EscPos(_Section, frozen=True, kw_only=True):
    """How prints are read that lie in the folder: by which profile, and whose receipts they are."""

    profile: str = "ko"
    till: str = ""


class Folder(_Section, frozen=True, kw_only=True):
    """The watched folder. The rescan is the promise; file events only make it quick.

    `endings` maps file endings to adapters, `options` says something to those of somebody's own. What was
    taken is kept, moved into `done` (below `path`, or elsewhere on its disk), or deleted.
    """

    path: Path
    settle_ms: Positive = 1000
    unfinished_ms: Positive = 60_000
    rescan_ms: Positive = 5000
    file_bytes_max: Positive = 2 * 1024 * 1024 * 1024
    files_max: Positive = 10_000
    after: Literal["keep", "move", "delete"] = "keep"
    done: Path = Path("done")
    endings: dict[Ending, str] = {}
    options: dict[str, dict[str, Any]] = {}
    csv: Csv | tuple[Csv, ...] = Csv()
    poslog: PosLog = PosLog()
    escpos: EscPos = EscPos()


class Printer(_Section, frozen=True, kw_only=True):
    """A receipt printer behind this machine: where the till prints to, and where that goes on to.

    `name` begins the names of its copies; `till` is whose receipts they are, `profile` how they are read.
    """

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9_-]{0,31}$")]
    listen: Endpoint
    printer: Endpoint
    profile: str = "ko"
    till: str = ""
    silence_ms: Positive = 2000
    copy_bytes_max: Annotated[int, Meta(ge=64 * 1024, le=16 * 1024 * 1024)] = 4 * 1024 * 1024
    spool_files_max: Positive = 10_000
    spool_bytes_max: Positive = 256 * 1024 * 1024


class Sync(_Section, frozen=True, kw_only=True):
    """When and how much is sent. `batches` is the most that one exchange carries: a slow one carries less."""

    interval_ms: Positive = 60_000
    after_sale_ms: Positive = 500
    timeout_ms: Positive = 30_000
    retry_first_ms: Positive = 1000
    retry_max_ms: Positive = 300_000
    batch_records: Annotated[int, Meta(ge=1, le=1000)] = 1000
    batches: Annotated[int, Meta(ge=1, le=8)] = 8
    ca_file: Path | None = None


class Redemptions(_Section, frozen=True, kw_only=True):
    """How long HQ is waited for before points are spent without it, and how many redemptions may be open."""

    ask_ms: Positive = 2000
    open_max: Positive = 1000


class Admin(_Section, frozen=True, kw_only=True):
    """The technician's pages: when a log-in ends that is not used, and when it ends in any case."""

    idle_ms: Positive = 10 * 60_000
    absolute_ms: Positive = 12 * 3600 * 1000


class Counter(_Section, frozen=True, kw_only=True):
    """The cashier's page: open to who stands at the till, or by a PIN; how long something can be undone."""

    access: Literal["kiosk", "pin"] = "kiosk"
    idle_ms: Positive = 60 * 60_000
    absolute_ms: Positive = 16 * 3600 * 1000
    undo_ms: Positive = 20_000


class EdgeConfig(_Section, frozen=True, kw_only=True):
    """All settings of one till."""

    data_dir: Path = Path("/var/lib/dangol-edge")
    language: Literal["ko", "en"] = "ko"
    phone_region: Annotated[str, Meta(pattern="^[A-Z]{2}$")] = "KR"
    future_tolerance_ms: Positive = 36 * 3600 * 1000
    clock_step_ms: Positive = 5000
    quarantine_rows_max: Positive = 10_000
    quarantine_days: Positive = 90
    raw_bytes_max: Positive = 1024 * 1024
    disk_free_bytes_min: Annotated[int, Meta(ge=0)] = 64 * 1024 * 1024
    http: Http = Http()
    folder: Folder | None = None
    printer: tuple[Printer, ...] = ()
    sync: Sync = Sync()
    redemptions: Redemptions = Redemptions()
    admin: Admin = Admin()
    counter: Counter = Counter()
    profiles: Path = Path()
    adapters: Path | None = None

    @property
    def database(self) -> Path:
        """Where the till's SQLite file is."""
        return self.data_dir / "till.db"


def read_config(path: Path) -> EdgeConfig:
    """Return the settings of a TOML file; relative paths in it are relative to the file.

    Raises:
        BadInput: `config_missing`, `config_invalid`, in one sentence.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(
            f"the settings file {path} cannot be read ({type(error).__name__}): write one, or name another "
            "with --config",
            code="config_missing",
        ) from None
    try:
        config = msgspec.convert(tomllib.loads(text), EdgeConfig, dec_hook=_parsed)
        _check_printers(config.printer)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, ValueError) as error:
        raise BadInput(f"{path}: {error}", code="config_invalid") from None
    base = path.absolute().parent
    folder = config.folder and msgspec.structs.replace(config.folder, path=base / config.folder.path)
    ca_file = config.sync.ca_file and base / config.sync.ca_file
    return msgspec.structs.replace(
        config,
        data_dir=base / config.data_dir,
        profiles=base / config.profiles,
        adapters=config.adapters and base / config.adapters,
        folder=folder,
        sync=msgspec.structs.replace(config.sync, ca_file=ca_file),
    )


def _parsed(kind: type, value: object) -> object:
    if kind is Path and isinstance(value, str):
        return Path(value)
    if kind is Endpoint and isinstance(value, str):
        return endpoint(value)
    raise TypeError(f"expected {'a path' if kind is Path else 'an address'}, got {type(value).__name__}")


def _check_printers(printers: tuple[Printer, ...]) -> None:
    names = [one.name for one in printers]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"two printers are called {min(twice)}: give each a name of its own")
    for one in printers:
        if isinstance(one.listen, Device):
            raise ValueError(f"printer {one.name} cannot listen at {one.listen}: say tcp:// or serial://")
        if one.listen == one.printer:
            raise ValueError(f"printer {one.name} would print to itself: its listen and printer are the same")
