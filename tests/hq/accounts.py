"""What tests of accounts share: members and rules, and how an account stands at headquarters."""

from __future__ import annotations

from hq_server.rederive import expire, rederive_some
from loyalty_core.events import Event
from loyalty_core.units import EpochMs
from tests.hq.conftest import PROGRAMME, Hq, Tills
from tests.hq.events import DAY
from tests.hq.test_audit import run_audit
from tests.hq.till import Till

MEMBERS = (
    "member_id,lookups,name,phone,home_store,birthday\n"
    "M1,2000123456782,홍길동,010-1234-5678,S012,1990-11-21\nM2,2000123456799,김철수,,S012,\n"
)
REDEEM = "[redeem]\nminimum = 10\nstep = 1\nminor_per_point = 1\noffline_points = 50\n"
EXPIRY = "[expiry]\nafter_periods = 1\n"
CAP = '[[cap]]\nid = "daily"\npoints = 15\nper = "day"\n'
DAY_MS = 86_400_000
JULY = DAY + 222
"""2027-07-01: what was earned in 2026-H2 has expired."""
PERIOD_RULES = """
[[cap]]
id = "half-year"
points = 60
per = "period"

[[bonus]]
id = "third-visit"
on = "visit"
points = 7
per = "period"
nth = 3

[[bonus]]
id = "welcome"
on = "purchase"
points = 5
first = true
"""
BIRTHDAY = '[[bonus]]\nid = "birthday"\non = "purchase"\npoints = 9\nbirthday = true\nper = "period"\n'
CAPPED = (
    PROGRAMME.replace("version = 1", "version = 2")
    + PERIOD_RULES.replace("points = 60", "points = 30")
    + BIRTHDAY
)


def entries(hq: Hq, member: str = "M1") -> list[tuple[str, int, int]]:
    """Return (kind, redeemable, qualifying) in the order of posting."""
    return [
        (kind, redeemable, qualifying)
        for kind, redeemable, qualifying in hq.sql(
            f"SELECT kind, redeemable, qualifying FROM entries WHERE member_id = '{member}' ORDER BY entry_no"  # noqa: S608
        )
    ]


def net(hq: Hq, member: str = "M1") -> dict[tuple[str, str, int, str], tuple[int, int]]:
    """Return the net points of each thing that moved any, whatever it took to get there."""
    rows = hq.sql(
        "SELECT coalesce(corrects, kind), terminal_id || '.' || seq, earned_day, period_id || rule,"  # noqa: S608
        f" sum(redeemable), sum(qualifying) FROM entries WHERE member_id = '{member}'"
        " GROUP BY 1, 2, 3, 4 HAVING sum(redeemable) <> 0 OR sum(qualifying) <> 0"
    )
    return {(row[0], row[1], row[2], row[3]): (row[4], row[5]) for row in rows}


def chores(hq: Hq) -> None:
    """Do what the server's background would."""
    now_ms = EpochMs(hq.clock())
    with hq.writing() as tx:
        expire(tx, now_ms)
    with hq.writing() as tx:
        while rederive_some(tx, now_ms):
            pass


def audited(hq: Hq) -> None:
    """Derive everything again."""
    run_audit(hq)


async def arrive(tills: Tills, *events: Event) -> Till:
    """Bring events by one till."""
    till = await tills.join()
    for event in events:
        till.record(event)
    await tills.send(till)
    return till


def close(hq: Hq, period_id: str) -> None:
    """Close a period as the decision of the close does."""
    hq.sql(
        "INSERT INTO bucket_closes (bucket, period_id, entry_no)"  # noqa: S608
        f" SELECT bucket, '{period_id}', change_no FROM buckets"
    )
