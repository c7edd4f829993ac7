"""Programme files as text, put together of rules of every kind, for headquarters to publish."""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Final

COMBINES: Final = ("best", "product", "sum")
BASE: Final = """
schema = 1
programme = "moonlight"
version = {version}
effective_from = {effective_from}
currency = "KRW"
timezone = "Asia/Seoul"
business_day_starts = "05:00"
claim_days = 14

[names]
en = "Moonlight"

[period]
months = {months}

[combine]
weights = "{combine}"

[[earn]]
id = "spend"
on = "purchase"
points = 1
per = 400

[[earn]]
id = "visit"
on = "visit"
points = 10
limit_per_day = 1

[[tier]]
code = "BRONZE"
from = 0
[[tier]]
code = "SILVER"
from = 30
[[tier]]
code = "GOLD"
from = 60

[redeem]
minimum = 1
step = 1
minor_per_point = 1
offline_points = 15

[[reward]]
id = "ball"
points = 10
name = {{ en = "golf ball" }}
[[reward]]
id = "voucher"
points = 3
value_minor = 3000
name = {{ en = "voucher" }}
"""
PIECES: Final = (
    '[[weight]]\nid = "golf"\non = "purchase"\ncategories = ["golf"]\ntimes = "2"\n',
    '[[weight]]\nid = "morning"\non = ["visit", "purchase"]\nuntil = "12:00"\ntimes = "1.5"\n',
    '[[weight]]\nid = "half"\non = "purchase"\nweekdays = ["tue"]\ntimes = "0.5"\naffects = "redeemable"\n',
    '[[bonus]]\nid = "large"\non = "purchase"\npoints = 5\nminimum = 9000\n',
    '[[bonus]]\nid = "second"\non = ["visit", "purchase"]\npoints = 3\nper = "day"\nnth = 2\n',
    '[[bonus]]\nid = "third-visit"\non = "visit"\npoints = 7\nper = "period"\nnth = 3\n',
    '[[bonus]]\nid = "welcome"\non = "purchase"\npoints = 4\nfirst = true\n',
    '[[bonus]]\nid = "birthday"\non = ["visit", "purchase"]\npoints = 9\nbirthday = true\nper = "period"\n',
    '[[cap]]\nid = "receipt"\npoints = 12\nper = "event"\n',
    '[[cap]]\nid = "daily"\npoints = 25\nper = "day"\naffects = "qualifying"\n',
    '[[cap]]\nid = "half-year"\npoints = 20\nper = "period"\n',
    '[[cap]]\nid = "visits"\non = "visit"\npoints = 12\nper = "period"\naffects = "redeemable"\n',
    "[expiry]\nafter_periods = 1\n",
)

POLICIES: Final = (
    "",
    '[tier_policy]\ndowngrade = "one_step"\ngrace_days = 20\n',
    '[tier_policy]\nupgrade = "monthly"\nvalid_after_days = 2\n',
    '[tier_policy]\ndowngrade = "keep"\nvalid_after_days = 0\n',
    '[tier_policy]\nupgrade = "monthly"\ndowngrade = "one_step"\nvalid_after_days = 0\n',
)
"""What becomes of tiers: each version has the next."""


def some_pieces(luck: Random) -> set[int]:
    """Return pieces of one programme: what expires makes the longest stories."""
    chosen = {piece for piece in range(len(PIECES)) if luck.random() < 0.25}
    return chosen | ({len(PIECES) - 1} if luck.random() < 0.5 else set())


def programme_text(
    version: int, effective_from: str, pieces: Iterable[int], *, months: int, combine: str = "best"
) -> str:
    """Return a programme file of the base and these pieces."""
    head = BASE.format(version=version, effective_from=effective_from, months=months, combine=combine)
    return head + "\n".join(
        [*[PIECES[piece] for piece in sorted(set(pieces))], POLICIES[version % len(POLICIES)]]
    )
