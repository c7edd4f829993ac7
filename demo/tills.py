"""The shops' own till software, as far as the demo needs it: three ways to hand receipts in.

Each remembers the names of what it got rid of: answered over HTTP, or lying in the watched folder. What
became of that is for `agreement` to find out.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from demo import members
from demo.forms import COLUMNS, Total, as_receipt, as_total, csv_rows, csv_total, key_of
from demo.journals import Handed
from demo.processes import DemoFailed, Till
from demo.receipts import with_offset
from demo.shopping import Claimed, Deed, Returned, Sold

CLIENTS: Final = 6
RETRY_SECONDS: Final = 0.1
GIVE_UP_SECONDS: Final = 60
FILES_A_STAGE: Final = 5
DOOR_EVERY: Final = 25
"""Of so many baskets over HTTP, one member is greeted at the door first: a visit of its own."""
BROKEN_DATE: Final = "2026-02-30T10:00:00"
_LATER: Final = frozenset({"points_missing", "allowance_exceeded"})
"""What a redemption is refused for while headquarters, or the till, has not heard of the points yet."""


class Software(Protocol):
    """Sells at one till. `handed` holds what it has got rid of."""

    till: Till
    how: str
    handed: set[Handed]

    async def sell(self, deeds: Sequence[Deed], a_second: float) -> None:
        """Hand in what happens at this store, oldest first, no faster than so many a second."""
        ...

    async def close(self, totals: Sequence[Total]) -> None:
        """Tell what was sold on each day."""
        ...


class OverHttp:
    """Several clients beside each other; each asks again until it is answered, as a till's software must.

    `offline` are the households that paid with points without headquarters, with the points.
    """

    how = "HTTP"

    def __init__(self, till: Till) -> None:
        self.till = till
        self.handed: set[Handed] = set()
        self.offline: list[tuple[int, int]] = []

    async def sell(self, deeds: Sequence[Deed], a_second: float) -> None:
        """Hand it in; what one member does goes through one client, so that it keeps its order."""
        started = time.monotonic()
        queues: list[list[tuple[float, Deed]]] = [[] for _ in range(CLIENTS)]
        for place, deed in enumerate(deeds):
            queues[deed.basket.household % CLIENTS].append((started + place / a_second, deed))
        async with _session() as session, asyncio.TaskGroup() as clients:
            for queue in queues:
                clients.create_task(self._client(session, queue))

    async def close(self, totals: Sequence[Total]) -> None:
        """Tell what was sold on each day, one after the other."""
        async with _session() as session:
            for total in totals:
                await self._ask(session, "/v1/receipts", as_total(total))
                self.handed.add(("day_total", total.day.isoformat()))

    async def _client(self, session: aiohttp.ClientSession, queue: list[tuple[float, Deed]]) -> None:
        for due, deed in queue:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            match deed:
                case Sold():
                    await self._sold(session, deed)
                case Returned():
                    await self._ask(session, "/v1/receipts", as_receipt(deed))
                    self.handed.add(("return", deed.number))
                case Claimed(basket=basket):
                    key = f"claim-{basket.number}"
                    claim = {"member": members.card(basket.household), "receipt": key_of(basket)}
                    claim["occurred_at"] = with_offset(deed.at)
                    await self._ask(session, "/v1/claims", claim, key)
                    self.handed.add(("claim", key))

    async def _sold(self, session: aiohttp.ClientSession, deed: Sold) -> None:
        basket = deed.basket
        if int(basket.number) % DOOR_EVERY == 0:
            key = f"door-{basket.number}"
            at = with_offset(basket.sold_at - timedelta(minutes=20))
            visit = {"member": members.card(basket.household), "occurred_at": at}
            await self._ask(session, "/v1/visits", visit, key)
            self.handed.add(("visit", key))
        if not deed.points:
            await self._ask(session, "/v1/receipts", as_receipt(deed))
        else:
            wish: dict[str, Any] = {"reward": deed.reward} if deed.reward else {"points": deed.points}
            wish |= {"member": members.card(basket.household)}
            held = await self._ask(session, "/v1/redemptions", wish, f"points-{basket.number}")
            await self._ask(session, "/v1/receipts", as_receipt(deed, held["value_minor"]))
            commit = f"/v1/redemptions/{held['id']}/commit"
            await self._ask(session, commit, {"receipt": key_of(basket)})
            self.handed.add(("redemption", held["id"]))
            if not held["online"]:
                self.offline.append((basket.household, held["points"]))
        self.handed.add(("purchase", basket.number))

    async def _ask(
        self, session: aiohttp.ClientSession, path: str, body: dict[str, Any], key: str = ""
    ) -> dict[str, Any]:
        """Return the till's answer. Where it was killed meanwhile, the same again is the same."""
        headers = {"Authorization": f"Bearer {self.till.token}"} | ({"Idempotency-Key": key} if key else {})
        end = time.monotonic() + GIVE_UP_SECONDS
        heard = "nothing"
        while time.monotonic() < end:
            address = self.till.address
            if address is not None:
                try:
                    async with session.post(address + path, json=body, headers=headers) as response:
                        said: dict[str, Any] = await response.json(content_type=None)
                        if response.status == 200:
                            return said
                        heard = f"to {path} only {said}"
                        if said.get("code") not in _LATER:
                            raise DemoFailed(f"{self.till.name} refused {path}: {said}")
                except (aiohttp.ClientError, OSError):
                    pass
            await asyncio.sleep(RETRY_SECONDS)
        raise DemoFailed(f"{self.till.name} answered {heard} for {GIVE_UP_SECONDS} seconds")


class JsonLines:
    """Exports files of JSON lines into the watched folder. One is exported twice, one row of it is broken."""

    how = "JSON lines"

    def __init__(self, till: Till) -> None:
        self.till = till
        self.handed: set[Handed] = set()
        self._files = 0
        self._before: Sequence[Sold | Returned] = ()

    async def sell(self, deeds: Sequence[Deed], a_second: float) -> None:
        """Write one file after the other; each second one repeats the end of the one before it."""
        for part in _parts(deeds):
            self._files += 1
            overlap = self._before[len(self._before) // 2 :] if self._files % 2 == 0 else ()
            lines = [as_receipt(deed) for deed in (*overlap, *part)]
            if self._files == 2:
                number = {**lines[0]["receipt"], "number": "0000"}
                lines.insert(1, {**lines[0], "receipt": number, "occurred_at": BROKEN_DATE})
            self._put(f"export-{self._files:03}.jsonl", lines)
            self.handed |= {_name(deed) for deed in part}
            self._before = part
            await asyncio.sleep(len(part) / a_second)

    async def close(self, totals: Sequence[Total]) -> None:
        """Write a file with what was sold on each day."""
        self._put("totals.jsonl", [as_total(total) for total in totals])
        self.handed |= {("day_total", total.day.isoformat()) for total in totals}

    def _put(self, name: str, lines: Sequence[dict[str, Any]]) -> None:
        _put(self.till.receipts / name, "".join([json.dumps(line) + "\n" for line in lines]))


class CsvFiles:
    """Exports CSV files, one row a line item, into the watched folder."""

    how = "CSV files"

    def __init__(self, till: Till) -> None:
        self.till = till
        self.handed: set[Handed] = set()
        self._files = 0

    async def sell(self, deeds: Sequence[Deed], a_second: float) -> None:
        """Write one file after the other."""
        for part in _parts(deeds):
            self._files += 1
            self._put(f"day-{self._files:03}.csv", [row for deed in part for row in csv_rows(deed)])
            self.handed |= {_name(deed) for deed in part}
            await asyncio.sleep(len(part) / a_second)

    async def close(self, totals: Sequence[Total]) -> None:
        """Write a file with what was sold on each day."""
        self._put("totals.csv", [csv_total(total) for total in totals])
        self.handed |= {("day_total", total.day.isoformat()) for total in totals}

    def _put(self, name: str, rows: Sequence[tuple[object, ...]]) -> None:
        text = io.StringIO(newline="")
        csv.writer(text, lineterminator="\n").writerows([COLUMNS, *rows])
        _put(self.till.receipts / name, text.getvalue())


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=GIVE_UP_SECONDS))


def _name(deed: Sold | Returned) -> Handed:
    return ("purchase", deed.basket.number) if isinstance(deed, Sold) else ("return", deed.number)


def _parts(deeds: Sequence[Deed]) -> list[Sequence[Sold | Returned]]:
    """Return what files can tell in a few runs, one for each file of a stage."""
    told = [deed for deed in deeds if isinstance(deed, Sold | Returned)]
    size = max(1, -(-len(told) // FILES_A_STAGE))
    return [told[start : start + size] for start in range(0, len(told), size)]


def _put(path: Path, text: str) -> None:
    """Put a file into the folder whole, under a name that is looked at only then."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    part.replace(path)
