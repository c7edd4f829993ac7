"""Commands of a till in which the power goes: joining, a new key, sticks, a repair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from edge_agent.store import journal, outbox, terminal
from edge_agent.store.database import Connection, connect, transaction
from edge_agent.store.integrity import verify
from edge_agent.store.migrations import open_database
from edge_agent.sync import keys
from loyalty_core.envelope import key_id, public_of
from loyalty_core.stick import TO_HQ
from tests.e2e.power.commands import Sweep, at_till, done, refused, served
from tests.e2e.power.replay import Cut, recorded
from tests.e2e.power.tills import scratch_disk
from tests.edge.made import CARD, NOW, at, purchase, write_config
from tests.edge.repair.day import DERIVED, dump, lived
from tests.edge.repair.test_cut_off import damaged_records, lost_head, lost_page
from tests.edge.till import Till
from tests.hq.conftest import Hq, copy_of, hq_in
from tests.hq.real_till import RealTill
from tests.hq.sticks import Stick

MODULE: Final = "edge_agent"
SALES: Final = 6
KEPT: Final = (*DERIVED, "journal", "member", "programme", "quarantine", "terminal", "hq_key")
MEMBERS: Final = f"member_id,lookups,name,phone,home_store\nM1,{CARD},A,,S012\n"


@contextmanager
def enrol(folder: Path) -> Iterator[Sweep]:
    """Joining: the till's key is the one that headquarters got, whenever the till was cut off."""
    hq, root = _house(folder)
    code, settings = hq.invite(), write_config(root)
    with served(hq) as url:
        day = recorded(root, MODULE, "--config", settings, "enrol", "--hq", url, "--code", code)

        def after(disk: Path, cut: Cut) -> None:
            joined = at_till(disk, "enrol", "--hq", url, "--code", code if cut.asked else hq.invite())
            if joined.exit_code:
                refused(joined, "already_enrolled")
            assert joined.exit_code or not cut.answered, "it had said that it has joined"
            _knows(hq, disk)

        yield Sweep(day, after)


@contextmanager
def rotate_key(folder: Path) -> Iterator[Sweep]:
    """A new key: one that headquarters knows is always there, also where it never got the request."""
    hq, root = _house(folder)
    settings = write_config(root)
    with served(hq) as url:
        done(at_till(root, "enrol", "--hq", url, "--code", hq.invite()))
        before = copy_of(hq, folder / "before")
        day = recorded(root, MODULE, "--config", settings, "rotate-key")

    def after(disk: Path, cut: Cut) -> None:
        if not cut.asked or keys.has_next(disk / "data"):
            _rotated(disk, before)
        if cut.asked:
            cut.lay_out(disk)
            _rotated(disk, hq)

    yield Sweep(day, after)


def _rotated(disk: Path, stood: Hq) -> None:
    """Run the command again, at a headquarters as it stood."""
    with scratch_disk() as scratch:
        hq = copy_of(stood, scratch)
        with served(hq) as url:
            with closing(open_database(disk / "data" / "till.db")) as conn, transaction(conn):
                terminal.set_hq_url(conn, url)
            done(at_till(disk, "rotate-key"))
            _knows(hq, disk)


@contextmanager
def export(folder: Path) -> Iterator[Sweep]:
    """Files for headquarters: each that is there is whole, and its reply is waited for."""
    hq, root = _house(folder)
    till = _sold(hq, root)
    (root / "stick").mkdir()
    day = recorded(root, MODULE, "--config", root / "edge.toml", "export", root / "stick")

    def after(disk: Path, cut: Cut) -> None:
        stick = _stick(disk)
        there = {path.name for path in stick.files(TO_HQ)}
        assert all(line.partition(":")[0] in there for line in cut.answered[:1]), "it was told of"
        done(at_till(disk, "export", stick.folder))
        assert [one.code for one in stick.at_hq(hq)] == [""] * len(stick.files(TO_HQ))
        said = done(at_till(disk, "import", stick.folder))
        assert "unasked" not in said
        with closing(open_database(disk / "data" / "till.db")) as conn:
            _all_handed_in(conn)

    till.close()
    yield Sweep(day, after)


@contextmanager
def import_(folder: Path) -> Iterator[Sweep]:
    """Replies from headquarters: each is installed whole or not at all, and again is harmless."""
    hq, root = _house(folder)
    till, stick = _sold(hq, root), Stick(root / "stick")
    stick.from_till(till)
    hq.members(MEMBERS.replace("M1", "M2").replace(CARD, "2000123456799"))
    stick.at_hq(hq)
    till.close()
    day = recorded(root, MODULE, "--config", root / "edge.toml", "import", root / "stick")

    def after(disk: Path, cut: Cut) -> None:
        with closing(open_database(disk / "data" / "till.db")) as conn:
            if cut.answered:
                _all_handed_in(conn)
        done(at_till(disk, "import", disk / "stick"))
        with closing(open_database(disk / "data" / "till.db")) as conn:
            _all_handed_in(conn)
            assert conn.execute("SELECT count(*) FROM member").fetchone() == (2,)

    yield Sweep(day, after)


@contextmanager
def repair_of_records(folder: Path) -> Iterator[Sweep]:
    """Flipped bits of records: all is put back."""
    yield _repair(folder, damaged_records)


@contextmanager
def repair_of_a_page(folder: Path) -> Iterator[Sweep]:
    """A page that is lost: the database is made anew, and nothing that is recorded is missing."""
    yield _repair(folder, lost_page)


@contextmanager
def repair_of_the_head(folder: Path) -> Iterator[Sweep]:
    """A file that SQLite does not take for its own: it gets its first bytes back."""
    yield _repair(folder, lost_head)


SWEEPS: Final = (enrol, rotate_key, export, import_, repair_of_records, repair_of_a_page, repair_of_the_head)


def _repair(folder: Path, damage: Callable[[Till], None]) -> Sweep:
    root = folder / "till"
    root.mkdir()
    till = lived(Till(root))
    wanted = dump(till.conn, *KEPT)
    damage(till)
    till.close()
    day = recorded(root, MODULE, "--config", write_config(root), "verify", "--repair")

    def after(disk: Path, _: Cut) -> None:
        done(at_till(disk, "verify", "--repair"))
        done(at_till(disk, "verify"))
        with closing(connect(disk / "data" / "till.db")) as conn:
            assert dump(conn, *KEPT) == wanted

    return Sweep(day, after)


def _house(folder: Path) -> tuple[Hq, Path]:
    """Return a headquarters that knows a member, and a folder for a till."""
    for name in ("hq", "till"):
        (folder / name).mkdir()
    hq = hq_in(folder / "hq")
    hq.clock.now = at(NOW)
    hq.members(MEMBERS)
    return hq, folder / "till"


def _sold(hq: Hq, root: Path) -> RealTill:
    """Return a till that has joined and sold."""
    write_config(root)
    till = RealTill(root, hq)
    for number in range(SALES):
        till.record(purchase(str(number)))
    return till


def _stick(disk: Path) -> Stick:
    """Return the stick as it lies there."""
    stick = Stick.__new__(Stick)
    stick.folder = disk / "stick"
    stick.folder.mkdir(exist_ok=True)
    return stick


def _knows(hq: Hq, disk: Path) -> None:
    """Check that a till is whole, and that headquarters knows it by the key that lies there."""
    data = disk / "data"
    with closing(open_database(data / "till.db")) as conn:
        assert verify(conn) is None
        identity = terminal.read(conn)
    known: dict[str, bytes] = dict(hq.sql("SELECT terminal_id, key_id FROM terminals"))
    assert known[identity.terminal_id] == key_id(public_of(keys.private_key(data)))
    assert keys.token(data)
    assert not list(data.glob("*.new")), "a key lies there under another name"


def _all_handed_in(conn: Connection) -> None:
    assert verify(conn) is None
    assert outbox.acknowledged(conn, 1) == journal.head(conn, terminal.read(conn)).seq == SALES
