"""Made-up sales for measuring: the same for everybody, from one seed."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec

PROGRAMME = """
schema = 1
programme = "bench"
version = 1
effective_from = 2026-01-01
currency = "KRW"
timezone = "Asia/Seoul"
business_day_starts = "05:00"
[period]
months = 6
[[earn]]
id = "spend"
on = "purchase"
points = 1
per = 1000
[[earn]]
id = "visit"
on = ["visit", "purchase"]
points = 10
limit_per_day = 1
[[weight]]
id = "quiet-hours"
weekdays = ["mon", "tue", "wed", "thu"]
until = "12:00"
times = "1.5"
[[cap]]
id = "daily"
points = 500
per = "day"
[[tier]]
code = "BRONZE"
from = 0
[[tier]]
code = "SILVER"
from = 100
[[tier]]
code = "GOLD"
from = 300
"""
STORE, TILL = "S001", "T01"
MEMBERS = 5000
A_DAY = 900


def card(member: int) -> str:
    """Return a member's card number: 16 digits."""
    return f"8801{member:012}"


def days_of(count: int) -> int:
    """Return how many business days that many receipts are spread over, with one to spare."""
    return count // A_DAY + 2


def receipts(count: int, *, lines: int = 0, seed: int = 1, first: int = 0, store: str = STORE) -> list[bytes]:
    """Return receipts as JSON, one bytes each, `A_DAY` a day up to yesterday."""
    chance = random.Random(seed)
    days = count // A_DAY + 1
    opened = (datetime.now(UTC) - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)
    made = []
    for number in range(first, first + count):
        day, place = divmod(number - first, A_DAY)
        at = opened + timedelta(days=day, seconds=45 * place + chance.randrange(40))
        nets = [chance.randrange(5, 150) * 100 for _ in range(lines)]
        items = [_line(index, net, chance) for index, net in enumerate(nets, start=1)]
        net = sum(nets) if items else chance.randrange(500, 90_000)
        receipt = {
            "kind": "purchase",
            "receipt": {
                "store": store,
                "till": TILL,
                "business_date": (opened + timedelta(days=day)).date().isoformat(),
                "number": f"{number:08}",
            },
            "member": card(chance.randrange(MEMBERS)),
            "occurred_at": at.isoformat(),
            "net_minor": net,
            "tax_minor": net // 11,
            "lines": items,
            "tenders": [{"type": chance.choice(("card", "cash")), "amount_minor": net}],
        }
        made.append(msgspec.json.encode(receipt))
    return made


def _line(number: int, net_minor: int, chance: random.Random) -> dict[str, int | str]:
    return {
        "number": number,
        "sku": str(800_000 + min(int(chance.paretovariate(0.6)), 60_000)),
        "category": chance.choice(("grocery", "drug", "produce", "meat", "dairy", "bakery")),
        "quantity": "1",
        "net_minor": net_minor,
    }
