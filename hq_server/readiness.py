"""Whether a running server can take work now, and if not, why and since when: what `/readyz` says.

However many ask, the database and the disk are looked at once in `LOOK_S`. Nothing here is about a person.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal

import msgspec

from hq_server.config import HqConfig
from hq_server.fleet_view import at_text
from hq_server.life import Life
from hq_server.store.connection import Row, Transaction
from hq_server.store.database import Database
from hq_server.store.migrate import migrations
from loyalty_core.errors import LoyaltyError
from loyalty_core.units import EpochMs
from loyalty_shell.data_dir import free_bytes

LOOK_S: Final = 1.0
READ_S: Final = 5.0
"""How long the database may take to answer."""
ROOM_BYTES_MIN: Final = 64 * 1024 * 1024
"""With less room than this on its disk a server is to be spared: it writes as much in a moment."""
log = logging.getLogger(__name__)


class Reason(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as it must be. `since` is when it began, or was first seen."""

    code: str
    sentence: str
    since: str


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Ready, or every reason why not."""

    status: Literal["ready", "not_ready"]
    reasons: tuple[Reason, ...] = ()


class Looks:
    """Looks at one server, and remembers since when what is wrong is wrong."""

    def __init__(self, config: HqConfig, life: Life, now_ms: Callable[[], EpochMs]) -> None:
        own = Path(config.data_dir)
        self._folders = (own,) if config.is_postgresql else (own, config.database_path.parent)
        self._life = life
        self._now_ms = now_ms
        known = migrations("postgresql" if config.is_postgresql else "sqlite")
        self._form: list[Row] = [(migration.number, migration.checksum) for migration in known]
        self._since_ms: dict[str, EpochMs] = {}
        self._looking: asyncio.Task[dict[str, str]] | None = None
        self._looked_s = 0.0

    async def look(self, database: Database) -> Readiness:
        """Return how it stands now."""
        now_s = asyncio.get_running_loop().time()
        if self._looking is None or (self._looking.done() and now_s - self._looked_s >= LOOK_S):
            self._looked_s = now_s
            self._looking = asyncio.create_task(self._found(database), name="readiness")
        found = {**self._ending(), **await asyncio.shield(self._looking)}
        now_ms, before = self._now_ms(), set(self._since_ms)
        self._since_ms = {code: self._since_ms.get(code, now_ms) for code in found}
        if before != set(found):
            log.warning("readiness_changed", extra={"code": " ".join(found) or "ready"})
        reasons = [
            Reason(code=code, sentence=sentence, since=at_text(self._since_ms[code]))
            for code, sentence in found.items()
        ]
        return Readiness(status="not_ready" if reasons else "ready", reasons=tuple(reasons))

    def _ending(self) -> dict[str, str]:
        if not self._life.ending.is_set():
            return {}
        return {"server_stopping": "the server was told to stop, and finishes what was begun"}

    async def _found(self, database: Database) -> dict[str, str]:
        """Return what is wrong: code -> sentence."""
        found = dict(self._of_surroundings())
        if (trouble := database.trouble) is not None:
            found[trouble.code] = str(trouble)
        try:
            async with asyncio.timeout(READ_S):
                form = await database.read(_form)
        except TimeoutError:
            found["database_slow"] = f"the database has not answered within {READ_S:.0f} seconds"
        except LoyaltyError as error:
            found[error.code] = str(error)
        else:
            if form != self._form:
                found["database_newer"] = (
                    "another release has brought the database to its own form: let that release serve"
                )
        return found

    def _of_surroundings(self) -> Iterator[tuple[str, str]]:
        if silent_s := self._life.silent_s():
            yield "chores_silent", f"what runs beside requests has not come round for {silent_s:.0f} seconds"
        try:
            room = min(free_bytes(folder) for folder in self._folders)
        except OSError as error:
            yield "disk_unreadable", f"the disk does not say how much room it has ({error.strerror})"
            return
        if room < ROOM_BYTES_MIN:
            least = ROOM_BYTES_MIN >> 20
            yield "disk_full", f"the disk has room for {room >> 20} MiB, less than {least} MiB: free space"


def _form(tx: Transaction) -> list[Row]:
    """Return which migrations the database has."""
    return tx.all("house.form")
