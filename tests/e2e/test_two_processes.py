"""A real till and a real headquarters, killed at any moment: everything answered is kept, and counts once."""

from __future__ import annotations

import asyncio
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp

from demo.processes import until
from tests.e2e.processes import STORE, Founded, House, house

PROGRAMME = """
schema = 1
programme = "moonlight"
version = 1
effective_from = 2026-01-01
currency = "KRW"
timezone = "Asia/Seoul"
business_day_starts = "05:00"

[names]
ko = "달빛 멤버십"

[period]
months = 6

[[earn]]
id = "spend"
on = "purchase"
points = 1
per = 1000

[[earn]]
id = "visit"
on = "visit"
points = 10
limit_per_day = 1

[[cap]]
id = "daily"
points = 60
per = "day"

[[tier]]
code = "BRONZE"
from = 0
[[tier]]
code = "SILVER"
from = 100
"""
MEMBERS = {f"M{number}": f"CARD{number:05}" for number in range(8)}
FIRST = datetime(2026, 7, 1, 1, tzinfo=UTC)  # 10:00 in Seoul
DAYS = 30
CLIENTS = 4
ROUNDS = 3
SALES_A_ROUND = 120
FILE_SALES = 100


@dataclass(frozen=True)
class Sale:
    """A purchase, or a visit where nothing was paid."""

    name: str
    member: str
    at: datetime
    net_minor: int

    @property
    def is_visit(self) -> bool:
        return self.net_minor == 0


def sales(chance: random.Random, first: int, count: int) -> list[Sale]:
    """Return sales of all members on a few days, each at its own second, so that their order is one."""
    made = []
    for number in range(first, first + count):
        at = FIRST + timedelta(days=chance.randrange(DAYS), seconds=number)
        net_minor = 0 if chance.random() < 0.2 else chance.randrange(500, 40_000)
        made.append(Sale(f"{number:06}", chance.choice(list(MEMBERS)), at, net_minor))
    return made


def expected(all_sales: Sequence[Sale]) -> dict[str, int]:
    """Work out each sale's points again, by hand: the programme above, and nothing of the code."""
    days: dict[tuple[str, int], list[Sale]] = defaultdict(list)
    for sale in all_sales:
        days[sale.member, sale.at.toordinal()].append(sale)
    points = {}
    for of_day in days.values():
        given, visited = 0, False
        for sale in sorted(of_day, key=lambda sale: sale.at):
            worth = (0 if visited else 10) if sale.is_visit else sale.net_minor // 1000
            visited |= sale.is_visit
            points[sale.name] = min(worth, 60 - given)
            given += points[sale.name]
    return points


def request_of(sale: Sale) -> tuple[str, dict[str, Any]]:
    if sale.is_visit:
        return "/v1/visits", {"member": MEMBERS[sale.member], "occurred_at": sale.at.isoformat()}
    receipt = {"store": STORE, "till": "T01", "number": sale.name}
    return "/v1/receipts", {
        "kind": "purchase",
        "receipt": receipt,
        "member": MEMBERS[sale.member],
        "occurred_at": sale.at.isoformat(),
        "net_minor": sale.net_minor,
    }


async def sell(at: House, some: Sequence[Sale]) -> None:
    """Hand sales in by several clients."""
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as clients:
        for client in range(CLIENTS):
            clients.create_task(sell_each(at, session, some[client::CLIENTS]))


async def sell_each(at: House, session: aiohttp.ClientSession, some: Sequence[Sale]) -> None:
    for sale in some:
        await at.ask(session, sale.name, *request_of(sale))


def export(at: House, name: str, some: Sequence[Sale]) -> None:
    """Put purchases as a file into the watched folder."""
    lines = [json.dumps(request_of(sale)[1]) for sale in some if not sale.is_visit]
    part = at.till.receipts / f".{name}"
    part.write_text("\n".join(lines) + "\n", "utf-8")
    part.replace(at.till.receipts / name)


async def sold(at: House, records: int, selling: asyncio.Task[None] | None = None) -> None:
    """Return at a moment that a seed decides: so many records from now, or when nobody sells any more."""
    goal = at.head + records
    await until(lambda: at.head >= goal or (selling is not None and selling.done()), "nothing was sold")


async def check(at: House, all_sales: Sequence[Sale]) -> None:
    """Everything answered stands where the answer said; everything counts once, with the right points."""
    recorded, events = at.recorded, {str(event): name for event, name in at.events.items()}
    assert dict.fromkeys(recorded, 1) == dict(recorded)
    assert set(recorded) == {sale.name for sale in all_sales}
    for name, answer in at.answers.items():
        assert events[answer["event"]["id"]] == name
    assert at.posted == expected(all_sales)
    assert await at.hq.told("exceptions", "list") == []
    await at.check_themselves()


async def test_whatever_is_killed_each_receipt_counts_once_with_its_points(
    tmp_path: Path, founded: Founded
) -> None:
    chance = random.Random(20261121)
    all_sales: list[Sale] = []
    async with house(tmp_path, founded) as at:
        await at.till.open()
        for turn in range(ROUNDS):
            by_http = sales(chance, 1000 * turn, SALES_A_ROUND)
            in_file = [s for s in sales(chance, 1000 * turn + 500, FILE_SALES) if not s.is_visit]
            again = [s for s in all_sales[-20:] if not s.is_visit]
            all_sales += by_http + in_file
            export(at, f"round-{turn}.jsonl", [*again, *in_file])
            selling = asyncio.create_task(sell(at, by_http))
            for program, start in ((at.till, at.till.open), (at.hq, at.hq.serve)):
                await sold(at, chance.randrange(5, SALES_A_ROUND // 4), selling)
                await program.kill()
                await start()
            await selling
        await at.settled(len(all_sales))
        assert len(at.answers) == ROUNDS * SALES_A_ROUND
        await check(at, all_sales)


async def test_a_file_is_taken_once_although_the_till_dies_over_it(tmp_path: Path, founded: Founded) -> None:
    chance = random.Random(7)
    all_sales = [sale for sale in sales(chance, 0, 2000) if not sale.is_visit]
    async with house(tmp_path, founded) as at:
        await at.till.open()
        export(at, "one.jsonl", all_sales)
        cut_short = 0
        while cut_short < 3 and at.head < len(all_sales):
            await sold(at, chance.randrange(1, 300))
            await at.till.kill()
            cut_short += at.head < len(all_sales)
            await at.till.open()
        assert cut_short, "it was never killed in the middle"
        await at.settled(len(all_sales))
        await check(at, all_sales)


async def test_an_answer_lost_after_the_commit_doubles_nothing(tmp_path: Path, founded: Founded) -> None:
    chance = random.Random(3)
    all_sales: list[Sale] = []
    async with house(tmp_path, founded, next_in_ms=60_000) as at:
        await at.till.open()
        for turn in range(3):
            await until(lambda: at.acknowledged == at.head, "the till was not heard")
            lost = at.line.lose_next_answer()
            some = sales(chance, 1000 * turn, 20)
            all_sales += some
            await sell(at, some)
            await asyncio.wait_for(lost, 30)
            await at.hq.kill()
            assert at.head_at_hq > at.acknowledged, "headquarters had not committed"
            await at.hq.serve()
        await at.settled(len(all_sales))
        await check(at, all_sales)


async def test_a_till_that_has_never_heard_of_headquarters_since_it_joined_loses_nothing(
    tmp_path: Path, founded: Founded
) -> None:
    chance = random.Random(17)
    all_sales, later = sales(chance, 0, 40), sales(chance, 1000, 80)
    async with house(tmp_path, founded) as at:
        await at.hq.kill()
        await at.till.open()
        await sell(at, all_sales)
        await at.till.kill()
        await at.till.open()
        assert at.acknowledged == 0
        await at.hq.serve()
        await at.settled(len(all_sales))
        # What it sold to whom it did not know counts on the days of members whom it knows now.
        await sell(at, later)
        await at.settled(len(all_sales) + len(later))
        await check(at, all_sales + later)
