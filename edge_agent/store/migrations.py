"""The till's schema, one migration after another; a published one is never changed.

`PRAGMA user_version` tells how many are applied, so that a start which has nothing to do needs no more than
that. All that are missing are one transaction.
"""

from __future__ import annotations

from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from edge_agent.store.database import (
    Connection,
    DatabaseError,
    StoreError,
    connect,
    damaged_error,
    peek,
    scratch,
    store_error,
    transaction,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlite_utils import Database
    from sqlite_utils.migrations import Migrations

_ONE: Final = """
CREATE TABLE terminal (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    terminal_id TEXT NOT NULL,
    store_id TEXT NOT NULL,
    hq_url TEXT NOT NULL,
    hq_public_key BLOB NOT NULL,
    store_key BLOB NOT NULL,
    programme_id TEXT NOT NULL,
    timezone TEXT NOT NULL,
    business_day_starts INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    buckets INTEGER NOT NULL,
    incarnation_counter INTEGER NOT NULL,
    incarnation_random BLOB NOT NULL
) STRICT;
CREATE TABLE journal (
    epoch INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    seq INTEGER NOT NULL CHECK (seq > 0),
    record BLOB NOT NULL,
    hash BLOB NOT NULL CHECK (length(hash) = 32),
    PRIMARY KEY (epoch, branch, seq)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER journal_is_never_changed BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_never_cut BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TABLE source (
    natural_key TEXT NOT NULL PRIMARY KEY,
    content BLOB NOT NULL,
    account TEXT,
    epoch INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    raw_sha256 BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX source_unattached ON source (account) WHERE account >= 'h:' AND account < 'h;';
CREATE TABLE entry (
    account TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    of_epoch INTEGER NOT NULL,
    of_branch INTEGER NOT NULL,
    of_seq INTEGER NOT NULL,
    earned_day INTEGER NOT NULL,
    redeemable INTEGER NOT NULL,
    qualifying INTEGER NOT NULL,
    PRIMARY KEY (account, epoch, branch, seq, of_epoch, of_branch, of_seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX entry_by_day ON entry (account, earned_day);
CREATE TABLE member (
    member_id TEXT NOT NULL PRIMARY KEY,
    masked_name TEXT NOT NULL,
    tier TEXT NOT NULL,
    balance INTEGER NOT NULL,
    period_id TEXT NOT NULL,
    qualifying INTEGER NOT NULL,
    stamp_epoch INTEGER NOT NULL,
    stamp_branch INTEGER NOT NULL,
    stamp_seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE member_look_up (
    look_up TEXT NOT NULL PRIMARY KEY,
    member_id TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX member_look_up_by_member ON member_look_up (member_id);
CREATE TABLE change_cursor (
    bucket INTEGER NOT NULL PRIMARY KEY,
    change_no INTEGER NOT NULL
) STRICT;
CREATE TABLE programme (
    version INTEGER NOT NULL PRIMARY KEY,
    envelope BLOB NOT NULL
) STRICT;
CREATE TABLE acknowledged (
    epoch INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (epoch, branch)
) STRICT;
CREATE TABLE link (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    tried_at_ms INTEGER,
    answered_at_ms INTEGER,
    hq_time_ms INTEGER,
    since_ms INTEGER,
    error_code TEXT,
    error TEXT,
    next_try_ms INTEGER
) STRICT;
INSERT INTO link (one) VALUES (1);
CREATE TABLE presented (
    epoch INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    member TEXT NOT NULL,
    account TEXT NOT NULL,
    occurred_at_ms INTEGER NOT NULL,
    PRIMARY KEY (epoch, branch, seq)
) STRICT;
CREATE TABLE quarantine (
    quarantine_id INTEGER PRIMARY KEY,
    adapter TEXT NOT NULL,
    source TEXT NOT NULL,
    place TEXT NOT NULL,
    code TEXT NOT NULL,
    sentence TEXT NOT NULL,
    raw BLOB NOT NULL,
    raw_sha256 BLOB NOT NULL,
    at_ms INTEGER NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'mended', 'discarded')),
    reason TEXT NOT NULL DEFAULT '',
    UNIQUE (source, place, raw_sha256)
) STRICT;
CREATE INDEX quarantine_open ON quarantine (quarantine_id) WHERE state = 'open';
CREATE TABLE file_taken (
    path TEXT NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL,
    recorded INTEGER NOT NULL,
    repeated INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    taken_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
_TWO: Final = """
CREATE TABLE closing (
    epoch INTEGER NOT NULL PRIMARY KEY,
    counted INTEGER NOT NULL,
    first_day INTEGER,
    last_day INTEGER
) STRICT;
CREATE TABLE day_count (
    epoch INTEGER NOT NULL,
    business_day INTEGER NOT NULL,
    code INTEGER NOT NULL,
    events INTEGER NOT NULL,
    net_minor INTEGER NOT NULL,
    redeemable INTEGER NOT NULL,
    qualifying INTEGER NOT NULL,
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    PRIMARY KEY (epoch, business_day, code)
) STRICT, WITHOUT ROWID;
CREATE TABLE day_changed (
    epoch INTEGER NOT NULL,
    business_day INTEGER NOT NULL,
    PRIMARY KEY (epoch, business_day)
) STRICT, WITHOUT ROWID;
CREATE TABLE entry_by_member_day (
    account TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    of_epoch INTEGER NOT NULL,
    of_branch INTEGER NOT NULL,
    of_seq INTEGER NOT NULL,
    earned_day INTEGER NOT NULL,
    redeemable INTEGER NOT NULL,
    qualifying INTEGER NOT NULL,
    PRIMARY KEY (account, epoch, branch, seq, of_epoch, of_branch, of_seq, earned_day)
) STRICT, WITHOUT ROWID;
INSERT INTO entry_by_member_day SELECT account, epoch, branch, seq, of_epoch, of_branch, of_seq, earned_day,
    redeemable, qualifying FROM entry;
DROP TABLE entry;
ALTER TABLE entry_by_member_day RENAME TO entry;
CREATE INDEX entry_by_day ON entry (account, earned_day);
ALTER TABLE member ADD COLUMN more BLOB NOT NULL DEFAULT x'';
CREATE TABLE receipt_fact (
    natural_key TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (natural_key, epoch, branch, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO receipt_fact SELECT substr(natural_key, 8), epoch, branch, seq FROM source
    WHERE natural_key >= 'voided/purchase/' AND natural_key < 'voided/purchase0';
DELETE FROM source WHERE natural_key >= 'voided/' AND natural_key < 'voided0';
CREATE TABLE redemption (
    redemption_id TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('authorised', 'committed', 'cancelled', 'lapsed')),
    member TEXT NOT NULL,
    account TEXT NOT NULL,
    points INTEGER NOT NULL,
    value_minor INTEGER NOT NULL,
    reward TEXT NOT NULL,
    coupon TEXT NOT NULL,
    allowance INTEGER NOT NULL,
    receipt BLOB,
    at_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL,
    until_monotonic_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX redemption_open ON redemption (account) WHERE state = 'authorised';
CREATE INDEX redemption_committed ON redemption (account, epoch, branch, seq) WHERE state = 'committed';
CREATE UNIQUE INDEX redemption_coupon ON redemption (coupon)
    WHERE coupon <> '' AND state IN ('authorised', 'committed');
ALTER TABLE link ADD COLUMN refused_code TEXT;
"""
_THREE: Final = """
ALTER TABLE link ADD COLUMN lacks BLOB;
ALTER TABLE link ADD COLUMN programmes_above INTEGER;
"""
_FOUR: Final = """
CREATE TABLE exported (
    request INTEGER PRIMARY KEY,
    nonce BLOB NOT NULL UNIQUE CHECK (length(nonce) = 16),
    at_ms INTEGER NOT NULL,
    answered_ms INTEGER
) STRICT;
CREATE TABLE imported (
    outcome TEXT NOT NULL PRIMARY KEY,
    files INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
_FIVE: Final = """
ALTER TABLE terminal ADD COLUMN programme_public_key BLOB NOT NULL DEFAULT x'';
UPDATE terminal SET programme_public_key = hq_public_key;
CREATE TABLE hq_key (
    kind TEXT NOT NULL CHECK (kind IN ('server', 'programme')),
    number INTEGER NOT NULL CHECK (number > 0),
    public_key BLOB NOT NULL,
    PRIMARY KEY (kind, number)
) STRICT, WITHOUT ROWID;
INSERT INTO hq_key SELECT 'server', 1, hq_public_key FROM terminal;
INSERT INTO hq_key SELECT 'programme', 1, hq_public_key FROM terminal;
"""
_SIX: Final = """
CREATE TABLE untold_member (
    member_id TEXT NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;
"""
_SEVEN: Final = """
CREATE TABLE spelling (
    look_up TEXT NOT NULL,
    account TEXT NOT NULL,
    PRIMARY KEY (look_up, account)
) STRICT, WITHOUT ROWID;
"""
_EIGHT: Final = """
ALTER TABLE terminal ADD COLUMN digest BLOB NOT NULL DEFAULT x'';
"""
_NINE: Final = """
ALTER TABLE member ADD COLUMN crc INTEGER;
ALTER TABLE member_look_up ADD COLUMN crc INTEGER;
ALTER TABLE link ADD COLUMN members_damaged INTEGER NOT NULL DEFAULT 0;
"""
# Rows that came before this release knew of steps between tiers are asked for again.
_TEN: Final = """
DELETE FROM change_cursor;
"""
_UNDOABLE: Final = """
CREATE TABLE undoable (
    redemption_id TEXT PRIMARY KEY CHECK (redemption_id <> ''),
    boot_id TEXT NOT NULL,
    until_monotonic_ms INTEGER NOT NULL,
    until_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
"""
_TECHNICIANS: Final = """
CREATE TABLE technicians (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL,
    packed BLOB NOT NULL,
    digest BLOB NOT NULL,
    as_of_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE time_mark (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    at_ms INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    boot_id BLOB NOT NULL,
    digest BLOB NOT NULL
) STRICT;
CREATE TABLE wrong_pin (
    who BLOB NOT NULL PRIMARY KEY,
    wrong INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    boot_id BLOB NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE exported ADD COLUMN noted_ms INTEGER NOT NULL DEFAULT 0;
"""
_ENROLMENTS: Final = """
CREATE TABLE enrolment (
    provisional TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    masked_name TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    branch INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    salt BLOB NOT NULL,
    blob BLOB NOT NULL,
    gave_way INTEGER NOT NULL,
    crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX enrolment_by_account ON enrolment (account);
CREATE INDEX enrolment_by_event ON enrolment (epoch, branch, seq);
CREATE TABLE enrolment_look_up (
    look_up TEXT NOT NULL PRIMARY KEY,
    provisional TEXT NOT NULL,
    crc INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX enrolment_look_up_by_enrolment ON enrolment_look_up (provisional);
CREATE TABLE sealing_key (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    public_key BLOB NOT NULL,
    crc INTEGER NOT NULL
) STRICT;
"""
_LINK_SPANS: Final = """
CREATE TABLE link_span (
    from_ms INTEGER NOT NULL,
    to_ms INTEGER NOT NULL,
    code TEXT NOT NULL CHECK (code <> '')
) STRICT;
"""
_VERIFIED: Final = """
CREATE TABLE verified (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    at_ms INTEGER NOT NULL,
    who TEXT NOT NULL,
    outcome TEXT NOT NULL,
    sentence TEXT NOT NULL,
    records INTEGER NOT NULL,
    epoch INTEGER,
    seq INTEGER
) STRICT;
"""
_FILES_COUNTED: Final = """
ALTER TABLE file_taken ADD COLUMN passed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file_taken ADD COLUMN noticed INTEGER NOT NULL DEFAULT 0;
ALTER TABLE file_taken ADD COLUMN stays INTEGER NOT NULL DEFAULT 0;
CREATE TABLE file_last (
    adapter TEXT NOT NULL PRIMARY KEY,
    path TEXT NOT NULL,
    recorded INTEGER NOT NULL,
    repeated INTEGER NOT NULL,
    refused INTEGER NOT NULL,
    passed INTEGER NOT NULL,
    noticed INTEGER NOT NULL,
    taken_at_ms INTEGER NOT NULL
) STRICT;
"""
SCRIPTS: Final = (
    _ONE,
    _TWO,
    _THREE,
    _FOUR,
    _FIVE,
    _SIX,
    _SEVEN,
    _EIGHT,
    _NINE,
    _TEN,
    _UNDOABLE,
    _TECHNICIANS,
    _ENROLMENTS,
    _LINK_SPANS,
    _VERIFIED,
    _FILES_COUNTED,
)
VERSION: Final = len(SCRIPTS)


def open_database(path: Path) -> Connection:
    """Return a connection to the till's database, made and brought up to date if need be.

    Raises:
        StoreError: the disk refuses, or a later release has written this database.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    refuse_newer(path)
    conn = connect(path)
    try:
        migrate(conn)
    except BaseException:
        conn.close()
        raise
    return conn


@contextmanager
def open_or_copy(path: Path, free_bytes_min: int, *, dry_run: bool) -> Iterator[Connection]:
    """Lend the till's database, for a dry run a copy that is gone afterwards; both brought up to date.

    Raises:
        StoreError: as of `open_database`; `store_missing`, `disk_low` where the copy would not leave
            `free_bytes_min`.
    """
    if dry_run:
        refuse_newer(path)
        with scratch(path, free_bytes_min) as conn:
            migrate(conn)
            yield conn
        return
    with closing(open_database(path)) as conn:
        yield conn


def open_to_read(path: Path) -> Connection:
    """Return a connection that changes nothing. A database that is damaged is for whoever reads it to find.

    Raises:
        StoreError: `store_missing`, `store_older`, `store_newer`.
    """
    refuse_newer(path)
    conn = connect(path, read_only=True)
    with suppress(DatabaseError, UnicodeDecodeError):
        if version_of(conn) < VERSION:
            conn.close()
            raise StoreError(
                "the till database is of an earlier release: edge-agent run brings it up to date, start it",
                code="store_older",
            )
    return conn


def refuse_newer(path: Path) -> None:
    """Refuse a database of a later release before anything is opened that would leave a trace beside it.

    Raises:
        StoreError: `store_newer`.
    """
    with suppress(DatabaseError, UnicodeDecodeError), closing(peek(path)) as conn:
        version_of(conn)


def migrate(conn: Connection, through: int = VERSION) -> None:
    """Bring the schema up to date, all at once or not at all; of two who begin at once one waits.

    `through` an earlier version makes what the release of that version left.

    Raises:
        StoreError: `store_newer`, when a later release has written this database; the disk refuses.
    """
    try:
        if version_of(conn) >= through:
            return
    except DatabaseError as error:
        raise store_error(error) from error
    except UnicodeDecodeError as error:  # SQLite quotes what is damaged
        raise damaged_error() from error
    from sqlite_utils import Database

    later = [_name(number) for number in range(through + 1, VERSION + 1)]
    with transaction(conn):
        if version_of(conn) < through:
            _migrations().apply(Database(conn, execute_plugins=False), stop_before=later)
            conn.execute(f"PRAGMA user_version={through}")


def _migrations() -> Migrations:
    from sqlite_utils.migrations import Migrations

    migrations = Migrations("dangol-edge")
    for number, script in enumerate(SCRIPTS, start=1):
        migrations(name=_name(number))(_running(script))
    return migrations


def _name(number: int) -> str:
    return f"{number:04}"


def _running(script: str) -> Callable[[Database], None]:
    def run(db: Database) -> None:
        for statement in statements(script):
            db.conn.execute(statement)

    return run


def version_of(conn: Connection) -> int:
    """Return how many migrations are applied.

    Raises:
        StoreError: `store_newer`, when a later release has written this database.
    """
    (found,) = conn.execute("PRAGMA user_version").fetchone()
    if found > VERSION:
        raise StoreError(
            f"the till database is of a later release (schema {found}, this one knows {VERSION}): "
            "install that release again",
            code="store_newer",
        )
    return int(found)


def statements(script: str) -> list[str]:
    """Return the statements of a script; a trigger's own semicolon does not end it."""
    statements, current = [], ""
    for line in script.strip().splitlines():
        current += line + "\n"
        if line.endswith(";") and (not current.startswith("CREATE TRIGGER") or line.endswith("END;")):
            statements.append(current)
            current = ""
    return statements
