"""Keys that change: those of headquarters, each followed by the next, and those of tills."""

from __future__ import annotations

import asyncio
from typing import Final

from hq_server import key_book
from hq_server.key_book import KINDS, HqKey, load_book
from hq_server.keys import key_file, key_files, make_key, private_key, read_key
from hq_server.store.connection import Transaction, reading
from loyalty_core.envelope import key_id, public_of
from loyalty_core.key_statements import Kind
from tests.simulation.founding import HQ_KEY
from tests.simulation.people import People
from tests.simulation.till import CutOff

HEARD_S: Final = 50 * 3600
"""In so long most tills are heard."""
KEYS_MAX: Final = 5
"""The most keys of a kind in a life."""


class KeysChanged(People):
    """What technicians do with keys, as `hq-server key` and `edge-agent rotate-key` do it."""

    async def change_key(self) -> None:
        """A till gets a new key; of two machines with the data of one disk, one alone has it then."""
        copied = [place for place in range(len(self.chain.tills)) if len(self.chain.copies(place)) > 1]
        place = self.luck.choice([*copied, self.place()])
        self.chain.forget_backups(place)
        await self.till(place).rotate()
        if len(self.chain.copies(place)) > 1:
            self.seen["key of a copied disk changed"] += 1
            self.shut.add(place)

    async def rotate_headquarters(self) -> None:
        """Headquarters gets its next key of a kind; its power may go meanwhile."""
        kind, now_ms = self.luck.choice(KINDS), self.chain.hq.clock()
        if len(self.book(kind)) >= KEYS_MAX:
            return
        config = self.chain.hq.config

        def make(kind: Kind, number: int) -> bytes:
            file = key_file(config, kind, number)
            return read_key(file) if file.exists() else make_key(file)

        def work(tx: Transaction) -> HqKey:
            return key_book.rotate(
                tx,
                kind,
                private=lambda one, public_key: private_key(config, one, public_key),
                first=HQ_KEY,
                make=make,
                now_ms=now_ms,
            )

        try:
            self.chain.server.write(work, self.chain.server.fate(0.4, 80))
        except CutOff:
            self.chain.server.stop("power cut at headquarters that changes its key")
        else:
            self.seen[f"next {kind} key"] += 1
            self.chain.know_key()
            if self.luck.random() < 0.5:
                await self.drop_key()

    async def drop_key(self) -> None:
        """Headquarters gives up an older key, unless a till or a copy of its disk believes no later one."""
        for till in self.chain.machines:
            till.start()
        await asyncio.sleep(HEARD_S)
        older = self.older_keys()
        if not older:
            return
        row, now_ms = self.luck.choice(older), self.chain.hq.clock()
        if row.public_key in self.believed(row.kind):
            self.seen["key kept that is believed"] += 1
            return

        def work(tx: Transaction) -> set[bytes]:
            first = int(row.number == 1)
            (count,) = tx.one(
                f"arrivals.tills_believing_{row.kind}", key_id=key_id(row.public_key), first=first
            ) or (0,)
            key_book.drop(tx, row.name, believed_by=int(count), cut_off=False, now_ms=now_ms)
            return {one.public_key for one in load_book(tx).rows if one.dropped_at_ms is None}

        def drop() -> None:
            if row.public_key in self.chain.server.write(work):
                return
            for kind in KINDS:
                for file in key_files(self.chain.hq.config, kind).values():
                    if public_of(read_key(file)) == row.public_key:
                        file.unlink()

        self.seen[f"{row.kind} key dropped" if self.decided(drop, "key_believed") else "key not dropped"] += 1

    def believed(self, kind: Kind) -> set[bytes]:
        """Return the keys of headquarters' that some machine, or copy of a disk, believes and is let in."""
        shut = {self.chain.tills[place].terminal_id for place in self.shut}
        tills = [till for till in self.chain.machines if till.terminal_id not in shut]
        kept = [belief for till in tills for belief in (till.believes, *till.believed.values())]
        return {belief[kind] for belief in kept}

    def older_keys(self) -> list[HqKey]:
        """Return the keys that could be dropped; those that nobody believes, where there are such."""
        older = [row for kind in KINDS for row in self.book(kind)[:-1] if row.dropped_at_ms is None]
        unused = [row for row in older if row.public_key not in self.believed(row.kind)]
        return unused or older

    def book(self, kind: Kind) -> tuple[HqKey, ...]:
        """Return headquarters' keys of a kind."""
        with reading(self.chain.server.line) as tx:
            return load_book(tx).of(kind)
