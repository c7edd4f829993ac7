"""Commands of headquarters in which the power goes: backups and the way back, new keys, a programme."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from hq_server import key_book
from hq_server.backups import back_up, back_up_into
from hq_server.config import load_config
from hq_server.keys import private_key
from hq_server.store.connection import reading
from hq_server.store.database import create
from loyalty_core.key_statements import Kind
from loyalty_core.units import EpochMs
from tests.e2e.power.commands import Command, Sweep, at_hq, done, refused
from tests.e2e.power.replay import Cut, recorded
from tests.e2e.power.tills import scratch_disk
from tests.hq.conftest import PROGRAMME, Hq, hq_in
from tests.hq.till import NOW_MS

MODULE: Final = "hq_server"
PEOPLE: Final = 40
NEXT_NIGHT: Final = EpochMs(4_000_000_000_000)
"""Later than any night on which this is run: a backup is named by its second."""


@contextmanager
def backup(folder: Path) -> Iterator[Sweep]:
    """One backup: under its name it is whole, and what is left of half of one is not taken for it."""
    hq, root = _house(folder)
    (root / "backups").mkdir()
    day = recorded(root, MODULE, "--config", hq.config_path, "backup", root / "backups" / "one.db")

    def after(disk: Path, cut: Cut) -> None:
        file = disk / "backups" / "one.db"
        file.parent.mkdir(exist_ok=True)
        assert file.exists() or not cut.answered, "it was told of"
        if not file.exists():
            unfinished = file.with_name("one.db.new")
            if unfinished.exists():
                refused(at_hq(disk, "backup", file), "backup_unfinished")
                unfinished.unlink()
            done(at_hq(disk, "backup", file))
        _brings_back(file, PEOPLE)

    yield Sweep(day, after)


@contextmanager
def backup_by_number(folder: Path) -> Iterator[Sweep]:
    """The nightly backup: the one before goes only once the new one is there for good."""
    hq, root = _house(folder)
    (root / "backups").mkdir()
    back_up(hq.config, root / "backups" / "hq-20260101T000000Z.db", EpochMs(NOW_MS))
    nightly = ("backup", "--keep", "1", root / "backups")
    day = recorded(root, MODULE, "--config", hq.config_path, *nightly)

    def after(disk: Path, cut: Cut) -> None:
        whole = list((disk / "backups").glob("*.db"))
        assert whole, "there is no backup"
        for file in whole:
            _brings_back(file, PEOPLE)
        back_up_into(load_config(disk / "hq.toml"), disk / "backups", 1, NEXT_NIGHT)
        left = [path.name for path in (disk / "backups").iterdir()]
        assert len(left) == 1, left

    yield Sweep(day, after)


@contextmanager
def restore(folder: Path) -> Iterator[Sweep]:
    """The way back over a server that was killed: what stood there stays, to its last commit."""
    hq, root = _house(folder)
    file = root / "backups" / "one.db"
    file.parent.mkdir()
    back_up(hq.config, file, EpochMs(NOW_MS))
    with closing(hq.connect()) as held:
        held.execute("SELECT 1")
        hq.members(_people(PEOPLE, PEOPLE + 3))
        shutil.copytree(hq.config.data_dir, folder / "killed")
    shutil.rmtree(hq.config.data_dir)
    shutil.copytree(folder / "killed", hq.config.data_dir)
    assert (hq.config.database_path.with_name("hq.db-wal")).stat().st_size, "what came last is in the log"
    day = recorded(root, MODULE, "--config", hq.config_path, "restore", "--replace", file)

    def after(disk: Path, cut: Cut) -> None:
        database = disk / "data" / "hq.db"
        if database.exists():
            count = _count_people(database)
            assert count == PEOPLE if cut.answered else count in {PEOPLE, PEOPLE + 3}
        cut.lay_out(disk)
        done(at_hq(disk, "restore", "--replace", disk / "backups" / "one.db"))
        done(at_hq(disk, "audit"))
        assert _count_people(database) == PEOPLE
        stood = [path for path in database.parent.glob("hq.db.replaced-*") if path.name.endswith("Z")]
        assert PEOPLE + 3 in {_count_people(path) for path in stood}, "what stood there is not whole"
        _signs(disk)

    yield Sweep(day, after)


@contextmanager
def rotate_server(folder: Path) -> Iterator[Sweep]:
    """A new server key: whatever key the database names is there."""
    yield _rotate(folder, "server")


@contextmanager
def rotate_programme(folder: Path) -> Iterator[Sweep]:
    """A new programme key: whatever key the database names is there."""
    yield _rotate(folder, "programme")


@contextmanager
def publish(folder: Path) -> Iterator[Sweep]:
    """A new version of the rules: there whole or not at all, and publishing it again is harmless."""
    hq, root = _house(folder)
    rules = root / "next.toml"
    rules.write_text(
        PROGRAMME.replace("version = 1", "version = 2").replace("2026-07-01", "2099-07-01"), "utf-8"
    )
    day = recorded(root, MODULE, "--config", hq.config_path, "programme", "publish", rules)

    def after(disk: Path, cut: Cut) -> None:
        if cut.answered:
            assert _versions(disk) == [1, 2]
        done(at_hq(disk, "programme", "publish", disk / "next.toml"))
        assert _versions(disk) == [1, 2]
        done(at_hq(disk, "audit"))

    yield Sweep(day, after)


SWEEPS: Final[tuple[Command, ...]] = (
    backup,
    backup_by_number,
    restore,
    rotate_server,
    rotate_programme,
    publish,
)


def _rotate(folder: Path, kind: Kind) -> Sweep:
    hq, root = _house(folder)
    day = recorded(root, MODULE, "--config", hq.config_path, "key", "rotate", kind)

    def after(disk: Path, cut: Cut) -> None:
        assert _signs(disk)[kind] == 2 or not cut.answered, "it was told of"
        done(at_hq(disk, "key", "rotate", kind))
        done(at_hq(disk, "audit"))
        assert _signs(disk)[kind] in {2, 3}

    return Sweep(day, after)


def _house(folder: Path) -> tuple[Hq, Path]:
    """Return a headquarters that knows some people, and the folder of all its files."""
    root = folder / "hq"
    root.mkdir()
    hq = hq_in(root)
    hq.members(_people(0, PEOPLE))
    return hq, root


def _people(first: int, end: int) -> str:
    rows = [f"P{number},,A,S012\n" for number in range(first, end)]
    return "member_id,lookups,name,home_store\n" + "".join(rows)


def _brings_back(file: Path, people: int) -> None:
    """Check that a backup makes a whole headquarters where there is none."""
    with scratch_disk() as disk:
        (disk / "hq.toml").write_text('data_dir = "data"\n', "utf-8")
        done(at_hq(disk, "restore", file))
        done(at_hq(disk, "audit"))
        assert _count_people(disk / "data" / "hq.db") == people
        _signs(disk)


def _count_people(database: Path) -> int:
    with closing(create(database)) as connection:
        assert connection.execute("PRAGMA integrity_check(1)").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM members").fetchone()[0])


def _versions(disk: Path) -> list[int]:
    with closing(create(disk / "data" / "hq.db")) as connection:
        return [row[0] for row in connection.execute("SELECT version FROM programmes ORDER BY version")]


def _signs(disk: Path) -> dict[Kind, int]:
    """Return kind -> number of the key that signs, having found the private half of every one."""
    config = load_config(disk / "hq.toml")
    with closing(create(config.database_path)) as connection, reading(connection) as tx:
        book = key_book.load_book(tx)
    for row in book.rows:
        assert private_key(config, row.kind, row.public_key) is not None, f"{row.name} is gone"
    assert book.rows or config.key_path.exists(), "the one key is gone"
    return {kind: len(book.of(kind)) for kind in key_book.KINDS}
