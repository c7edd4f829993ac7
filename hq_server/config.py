"""TOML -> one frozen record of settings. An unknown key is refused, every limit has a name.

Relative paths are relative to the file's own folder. Only this module and the command line read files of
settings; no setting comes from the environment.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal
from urllib.parse import parse_qs, urlsplit

import msgspec
from msgspec import Meta

from loyalty_core.errors import LoyaltyError

DEFAULT_PATH: Final = Path("/etc/dangol/hq.toml")
_Bytes = Annotated[int, Meta(ge=1024, le=1 << 30)]
_Some = Annotated[int, Meta(ge=1, le=100_000)]
_Codes = tuple[Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_-]{1,32}\Z")], ...]
_MIB: Final = 1 << 20
CLOCK_TOLERANCE_MS: Final = 600_000
"""A till's wall clock that is less wrong is right enough, unless the settings have another measure."""
IDLE_MONTHS_MIN: Final = 12
"""Nobody is taken for gone who may come once a year."""
ACCESS_LOG_DAYS: Final = 400
"""How long the access log keeps what was done, unless the settings say otherwise."""

TEMPLATE: Final = """\
# Settings of hq-server. Paths are relative to this file's folder.
data_dir = "{data_dir}"
{database}
[listen]
host = "127.0.0.1"
port = 8470
"""


class BadConfig(LoyaltyError):
    """Settings that cannot be used."""

    code = "config_invalid"


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Base: a key that is not named here is a mistake."""


class Listen(_Settings, frozen=True):
    """Where the server answers. Port 0 takes a free one. Without TLS only loopback is allowed."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8470
    tls_cert: str = ""
    tls_key: str = ""
    drain_seconds: Annotated[int, Meta(ge=0, le=30)] = 0
    """How long a server that is told to stop takes new connections, so that who sends them sees it first."""


class Limits(_Settings, frozen=True):
    """Bounds; hitting one is an orderly refusal."""

    body_bytes_max: _Bytes = 16 * _MIB
    """The largest request of a till."""
    body_seconds_max: Annotated[int, Meta(ge=1, le=3600)] = 30
    """How long a request's body may take to arrive, from its head to its last byte."""
    bodies_bytes_max: Annotated[int, Meta(ge=1024, le=1 << 40)] = 512 * _MIB
    """All bodies together that are arriving or worked on; one more is told to come back."""
    exchanges_at_once_max: _Some = 32
    """Requests of tills, wholly here, that are worked on or wait; one more is told to come back."""
    enrol_failures_a_minute: _Some = 10
    """How often one address may try to join with a code that is not good."""
    enrol_failures_in_all_a_minute: _Some = 300
    """How often all addresses together may."""
    terminal_requests_a_minute: _Some = 600
    """What one terminal may ask in a minute, at once or spread over it; then it is told when to come back."""
    terminal_bytes_a_minute: Annotated[int, Meta(ge=1024, le=1 << 40)] = 256 * _MIB
    """What its requests may hold, as sent and unpacked together."""
    terminal_work_seconds_a_minute: Annotated[int, Meta(ge=1, le=60)] = 30
    """What they may take of the one writer, in seconds of its processor."""
    connections_max: _Some = 8192
    """Connections that may be open; one more is told to come back."""
    snapshot_rows_max: Annotated[int, Meta(ge=1, le=500)] = 500
    """Members in one reply."""
    next_in_ms: Annotated[int, Meta(ge=100, le=3_600_000)] = 30_000
    """When a till that has nothing to say should ask again."""


class Adjustments(_Settings, frozen=True):
    """Bounds on points that are moved by hand, which two people decide."""

    points_max: Annotated[int, Meta(ge=1, le=10_000_000)] = 10_000
    """The most points that one decision moves, redeemable or qualifying, up or down."""
    goodwill_points_max: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 100_000
    """The most points of goodwill in one period, given or proposed, over all members."""
    reason_codes: Annotated[_Codes, Meta(min_length=1, max_length=50)] = (
        "complaint",
        "correction",
        "campaign",
        "other",
    )


class Grants(_Settings, frozen=True):
    """Bounds on tiers that are granted to who has just missed them, which two people decide."""

    per_period_max: Annotated[int, Meta(ge=0, le=100_000)] = 500
    """The most grants for one period, given or proposed."""
    reason_codes: Annotated[_Codes, Meta(min_length=1, max_length=50)] = (
        "near-miss",
        "till-fault",
        "hardship",
        "other",
    )
    """Of grants and refusals alike."""
    unlike_codes: Annotated[_Codes, Meta(max_length=50)] = ("till-fault", "hardship")
    """Those of them by which one member may be ruled on unlike others who stand alike."""


class Staff(_Settings, frozen=True):
    """The people of headquarters."""

    access_log_days: Annotated[int, Meta(ge=90, le=36_500)] = ACCESS_LOG_DAYS
    """How long it is kept who looked at members' data and who changed what."""


class Retention(_Settings, frozen=True):
    """What is not kept for ever. Nothing is on unless it is set."""

    members_idle_months: Annotated[int, Meta(ge=0, le=600)] = 0
    """Of members without an event for so many months and without a balance the personal data is erased."""


class HqConfig(_Settings, frozen=True):
    """All settings, with paths made absolute."""

    data_dir: str
    database: str = ""
    """A SQLite file, `hq.db` in `data_dir` unless it is said; or the URL of a PostgreSQL database."""
    programme_key: str = ""
    """Where the key is that signs programmes; it may be kept elsewhere and brought to publish."""
    key_overlap_hours: Annotated[int, Meta(ge=0, le=24 * 90)] = 24
    """How long a till's old key is good after it has brought a new one."""
    clock_tolerance_ms: Annotated[int, Meta(ge=60_000, le=43_200_000)] = CLOCK_TOLERANCE_MS
    """A till's clock that is further off is told, and what it dated is put on its day."""
    language: Literal["ko", "en"] = "ko"
    phone_region: Annotated[str, Meta(pattern="^[A-Z]{2}$")] = "KR"
    listen: Listen = Listen()
    limits: Limits = Limits()
    adjustments: Adjustments = Adjustments()
    staff: Staff = Staff()
    grants: Grants = Grants()
    retention: Retention = Retention()

    @property
    def is_postgresql(self) -> bool:
        """Whether the database is PostgreSQL's, and not a file of SQLite."""
        return is_url(self.database)

    @property
    def place(self) -> Path | str:
        """Where the database is, as `store.database` takes it: the path of a file, or a URL."""
        return self.database if self.is_postgresql else self.database_path

    @property
    def database_path(self) -> Path:
        """The SQLite file, where the database is one."""
        return Path(self.database)

    @property
    def key_path(self) -> Path:
        """HQ's first private key; later ones lie beside it, see `keys`."""
        return Path(self.data_dir) / "hq.key"

    @property
    def programme_key_path(self) -> Path:
        """The first private key for programmes."""
        return Path(self.programme_key)

    @property
    def address_path(self) -> Path:
        """Where a running server says at which address it answers."""
        return Path(self.data_dir) / "address"


def is_url(place: str) -> bool:
    """Tell whether a place of a database is PostgreSQL's, and not the path of a file."""
    return "://" in place


def without_password(place: str) -> str:
    """Return the place of a database as people may read it; what stood for a password is `***`."""
    if not is_url(place):
        return place
    return re.sub(
        r"([?&](?:ssl)?password=)[^&]*", r"\1***", re.sub(r"(://[^/?]*?):[^/?]*@", r"\1:***@", place)
    )


def load_config(path: Path) -> HqConfig:
    """Return the settings of a file.

    Raises:
        BadConfig: `config_missing`, `config_unreadable`, or `config_invalid` with the file and the key.
    """
    try:
        data = path.read_bytes()
    except PermissionError:
        raise BadConfig(
            f"settings {path} may not be read by this user: run this as the user who owns them",
            code="config_unreadable",
        ) from None
    except OSError as error:
        raise BadConfig(
            f"settings {path} cannot be read ({error.strerror}): give --config PATH, or run hq-server init",
            code="config_missing",
        ) from None
    try:
        config = msgspec.toml.decode(data, type=HqConfig)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BadConfig(f"{path}: {error}") from None
    return _checked(config, path.absolute().parent)


def _checked(config: HqConfig, folder: Path) -> HqConfig:
    if config.is_postgresql and not config.database.startswith(("postgresql://", "postgres://")):
        raise BadConfig("database: give the path of a SQLite file, or postgresql://USER@HOST/NAME")
    if config.is_postgresql and _is_bare(config.database):
        raise BadConfig("database: add ?sslmode=verify-full to the URL of a PostgreSQL on another machine")
    data_dir = folder / config.data_dir
    listen = config.listen
    if config.limits.bodies_bytes_max < config.limits.body_bytes_max:
        raise BadConfig("limits: bodies_bytes_max is less than body_bytes_max: not even one would fit")
    if config.limits.terminal_bytes_a_minute < config.limits.body_bytes_max:
        raise BadConfig("limits: terminal_bytes_a_minute is less than body_bytes_max: not even one would fit")
    unknown = sorted({*config.grants.unlike_codes} - {*config.grants.reason_codes})
    if unknown:
        raise BadConfig(f"grants: unlike_codes has {unknown[0]}, which reason_codes has not")
    if 0 < config.retention.members_idle_months < IDLE_MONTHS_MIN:
        raise BadConfig(f"retention: members_idle_months is 0, for never, or at least {IDLE_MONTHS_MIN}")
    if bool(listen.tls_cert) != bool(listen.tls_key):
        raise BadConfig("listen: tls_cert and tls_key go together")
    if not listen.tls_cert and not is_loopback(listen.host):
        raise BadConfig(f'listen: host "{listen.host}" is not loopback: give tls_cert and tls_key')
    return msgspec.structs.replace(
        config,
        data_dir=str(data_dir),
        database=config.database
        if config.is_postgresql
        else str(folder / config.database if config.database else data_dir / "hq.db"),
        programme_key=str(
            folder / config.programme_key if config.programme_key else data_dir / "programme.key"
        ),
        listen=msgspec.structs.replace(
            listen,
            tls_cert=str(folder / listen.tls_cert) if listen.tls_cert else "",
            tls_key=str(folder / listen.tls_key) if listen.tls_key else "",
        ),
    )


def _is_bare(url: str) -> bool:
    """Tell whether a database is on another machine, and the URL does not say how the line is protected.

    Raises:
        BadConfig: it is no URL.
    """
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise BadConfig(
            f"database: this is no URL ({error}): write postgresql://USER@HOST:PORT/NAME"
        ) from None
    query = parse_qs(parts.query)
    hosts = [host for host in (parts.hostname, *query.get("host", [])) if host and not host.startswith("/")]
    return "sslmode" not in query and any(not is_loopback(host) for host in hosts)


def is_loopback(host: str) -> bool:
    """Tell whether what is sent to a host stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
