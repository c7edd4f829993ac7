"""The shops' own till software, as far as the demo needs it: three ways to hand receipts in.

Each remembers the names of the receipts that it got rid of: answered over HTTP, or lying in the watched
folder. What became of them is for `agreement` to find out.
"""

from __future__ import annotations

import asyncio
import csv
import io
import json
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import aiohttp

from demo import members
from demo.processes import DemoFailed, Till
from demo.receipts import Basket, business_date, with_offset

CLIENTS: Final = 6
RETRY_SECONDS: Final = 0.1
GIVE_UP_SECONDS: Final = 60
TILL: Final = "T01"
FILES_A_STAGE: Final = 5
DOOR_EVERY: Final = 25
"""Of so many baskets over HTTP, one member is greeted at the door first: a visit of its own."""
BROKEN_DATE: Final = "2026-02-30T10:00:00"

Handed = tuple[str, str]
"""What kind, and its name: a receipt's number or a visit's Idempotency-Key."""


class Software(Protocol):
    """Sells at one till. `handed` holds what it has got rid of."""

    till: Till
    how: str
    handed: set[Handed]

    async def sell(self, baskets: Sequence[Basket], a_second: float) -> None:
        """Hand the baskets in, oldest first, no faster than so many a second."""
        ...


class OverHttp:
    """Several clients beside each other; each asks again until it is answered, as a till's software must."""

    how = f"HTTP API, {CLIENTS} clients"

    def __init__(self, till: Till) -> None:
        self.till = till
        self.handed: set[Handed] = set()

    async def sell(self, baskets: Sequence[Basket], a_second: float) -> None:
        """Hand the baskets in; one member's sales go through one client, so that they keep their order."""
        started = time.monotonic()
        queues: list[list[tuple[float, Basket]]] = [[] for _ in range(CLIENTS)]
        for place, basket in enumerate(baskets):
            queues[basket.household % CLIENTS].append((started + place / a_second, basket))
        timeout = aiohttp.ClientTimeout(total=GIVE_UP_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session, asyncio.TaskGroup() as clients:
            for queue in queues:
                clients.create_task(self._client(session, queue))

    async def _client(self, session: aiohttp.ClientSession, queue: list[tuple[float, Basket]]) -> None:
        for due, basket in queue:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if int(basket.number) % DOOR_EVERY == 0:
                key = f"door-{basket.number}"
                at = with_offset(basket.sold_at - timedelta(minutes=20))
                visit = {"member": members.card(basket.household), "occurred_at": at}
                await self._ask(session, "/v1/visits", visit, {"Idempotency-Key": key})
                self.handed.add(("visit", key))
            await self._ask(session, "/v1/receipts", as_receipt(basket), {})
            self.handed.add(("purchase", basket.number))

    async def _ask(
        self, session: aiohttp.ClientSession, path: str, body: dict[str, Any], headers: dict[str, str]
    ) -> None:
        headers = {**headers, "Authorization": f"Bearer {self.till.token}"}
        end = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < end:
            address = self.till.address
            if address is not None:
                try:
                    async with session.post(address + path, json=body, headers=headers) as response:
                        if response.status == 200:
                            await response.read()
                            return
                        said = (await response.text())[:300]
                        raise DemoFailed(f"{self.till.name} refused {path}: {said}")
                except (aiohttp.ClientError, OSError):
                    pass  # The till was killed meanwhile: the same request again is the same receipt.
            await asyncio.sleep(RETRY_SECONDS)
        raise DemoFailed(f"{self.till.name} answered nothing for {GIVE_UP_SECONDS} seconds")


class JsonLines:
    """Exports files of JSON lines into the watched folder. One is exported twice, one row of it is broken."""

    how = "JSON lines in a folder"

    def __init__(self, till: Till) -> None:
        self.till = till
        self.handed: set[Handed] = set()
        self._files = 0
        self._before: Sequence[Basket] = ()

    async def sell(self, baskets: Sequence[Basket], a_second: float) -> None:
        """Write one file after the other; each second one repeats the end of the one before it."""
        for part in _parts(baskets):
            self._files += 1
            overlap = self._before[len(self._before) // 2 :] if self._files % 2 == 0 else ()
            lines = [json.dumps(as_receipt(basket)) for basket in (*overlap, *part)]
            if self._files == 2:
                broken = {**as_receipt(part[0]), "occurred_at": BROKEN_DATE}
                broken["receipt"] = {**broken["receipt"], "number": "0000"}
                lines.insert(1, json.dumps(broken))
            _put(self.till.receipts / f"export-{self._files:03}.jsonl", "\n".join(lines) + "\n")
            self.handed |= {("purchase", basket.number) for basket in part}
            self._before = part
            await asyncio.sleep(len(part) / a_second)


class CsvFiles:
    """Exports CSV files, one row a line item, into the watched folder."""

    how = "CSV files in a folder"
    columns: Final = (
        *("kind", "store", "till", "number", "occurred_at", "member", "line", "sku", "category"),
        *("quantity", "net_minor", "tender"),
    )

    def __init__(self, till: Till) -> None:
        self.till = till
        self.handed: set[Handed] = set()
        self._files = 0

    async def sell(self, baskets: Sequence[Basket], a_second: float) -> None:
        """Write one file after the other."""
        for part in _parts(baskets):
            self._files += 1
            text = io.StringIO(newline="")
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(self.columns)
            for basket in part:
                writer.writerows(_csv_rows(basket))
            _put(self.till.receipts / f"day-{self._files:03}.csv", text.getvalue())
            self.handed |= {("purchase", basket.number) for basket in part}
            await asyncio.sleep(len(part) / a_second)


def as_receipt(basket: Basket) -> dict[str, Any]:
    """Return a sale as the local HTTP API and a line of JSON take it."""
    return {
        "kind": "purchase",
        "receipt": {
            "store": basket.store_id,
            "till": TILL,
            "business_date": business_date(basket).isoformat(),
            "number": basket.number,
        },
        "member": members.card(basket.household),
        "currency": "USD",
        "occurred_at": with_offset(basket.sold_at),
        "lines": [
            {
                "number": number,
                "sku": item.sku,
                "category": item.category,
                "quantity": item.quantity,
                "net_minor": item.net_minor,
            }
            for number, item in enumerate(basket.items, start=1)
        ],
        "net_minor": basket.net_minor,
        "tenders": [{"type": "card", "amount_minor": basket.net_minor}],
    }


def _csv_rows(basket: Basket) -> Iterator[tuple[object, ...]]:
    """Return the rows of a sale; the till's own time has no offset, it is that of the store."""
    head = ("purchase", basket.store_id, TILL, basket.number, basket.sold_at.isoformat())
    for number, item in enumerate(basket.items, start=1):
        what = (number, item.sku, item.category, item.quantity, item.net_minor, "card")
        yield (*head, members.card(basket.household), *what)


def _parts(baskets: Sequence[Basket]) -> list[Sequence[Basket]]:
    """Return the baskets in a few runs, one for each file of a stage."""
    size = max(1, -(-len(baskets) // FILES_A_STAGE))
    return [baskets[start : start + size] for start in range(0, len(baskets), size)]


def _put(path: Path, text: str) -> None:
    """Put a file into the folder whole, under a name that is looked at only then."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text, "utf-8")
    part.replace(path)
