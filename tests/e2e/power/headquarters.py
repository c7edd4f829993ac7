"""What headquarters finds after the power went, and what it had acknowledged and is missing then."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

from hq_server.audit import Difference, audit
from hq_server.house import load_house
from hq_server.store.connection import Transaction, reading
from hq_server.store.database import create
from loyalty_core.envelope import public_of
from loyalty_core.errors import LoyaltyError
from tests.e2e.power.replay import Cut, Day, recorded
from tests.e2e.power.tills import Broken, Found, scratch_disk
from tests.hq.conftest import hq_in

DAY: Final = "tests.e2e.power.day_at_hq"
AUDITED_EVERY: Final = 25
MEMBERS: Final = "member_id,lookups,name,home_store\nM1,2000123456782,A,S012\nM2,,B,S012\n"


def recorded_day(folder: Path, rounds: int) -> tuple[Day, bytes]:
    """Run a day at headquarters; return what it asked of the disk, and the key that it signs with."""
    hq = hq_in(folder)
    hq.members(MEMBERS)
    return recorded(Path(hq.config.data_dir), DAY, folder, str(rounds)), public_of(hq.key)


def after(made: Iterable[Cut], public_key: bytes) -> Found:
    """Open each disk as the server does, and look for all heads that it had acknowledged.

    Some are audited whole: everything posted follows from the batches that are there.

    Raises:
        Broken: a database is not whole, or its ledger does not follow from what it holds.
    """
    known: dict[bytes, dict[str, int]] = {}
    count, missing = 0, []
    with scratch_disk() as disk:
        for cut in made:
            if cut.digest not in known:
                whole = len(known) % AUDITED_EVERY == 0
                known[cut.digest] = _heads(disk, cut, public_key if whole else None)
            count += 1
            acknowledged = {terminal: int(seq) for terminal, seq in (line.split() for line in cut.answered)}
            missing += [
                f"{terminal} {seq} after step {cut.after}, {cut.fate}"
                for terminal, seq in acknowledged.items()
                if known[cut.digest].get(terminal, 0) < seq
            ]
    return Found(count, len(known), missing)


def _heads(disk: Path, cut: Cut, public_key: bytes | None) -> dict[str, int]:
    """Return terminal -> the last seq that is held of it."""
    cut.lay_out(disk)
    with closing(create(disk / "hq.db")) as connection:
        (found,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
        if found != "ok":
            raise Broken(f"{found}, after step {cut.after}, {cut.fate}")
        with reading(connection) as tx:
            load_house(tx)
            if public_key is not None:
                _audit(tx, cut, public_key)
        return dict(connection.execute("SELECT terminal_id, max(seq) FROM heads GROUP BY terminal_id"))


def _audit(tx: Transaction, cut: Cut, public_key: bytes) -> None:
    try:
        audit(tx, public_key, lambda _, __: None)
    except (Difference, LoyaltyError) as error:
        raise Broken(f"{error}, after step {cut.after}, {cut.fate}") from error
