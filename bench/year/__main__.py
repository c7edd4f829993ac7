"""`make year`: the whole year in each way, beside each other; exit 1 where the ledgers differ."""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path

import click

from bench.year.plan import Size, make_plan
from bench.year.run import Ran
from bench.year.stands import Stands, differences
from bench.year.ways import ON_POSTGRESQL, RUNS, all_ways

SHOWN_MAX = 20


@click.command()
@click.option("--first-week", default=0, show_default=True, help="Where in the year to begin.")
@click.option("--weeks", default=53, show_default=True, help="How many weeks to take.")
@click.option("--one-of", default=1, show_default=True, help="Take one of so many households.")
@click.option("--seed", default=1, show_default=True, help="Of returns, claims, voids and the shuffle.")
def main(first_week: int, weeks: int, one_of: int, seed: int) -> None:
    """Put a year of baskets through three tills in order, shuffled, and on PostgreSQL, and compare."""
    start = time.perf_counter()
    plan = make_plan(Size(first_week=first_week, weeks=weeks, one_of=one_of, seed=seed))
    told = ", ".join(f"{count:,} {kind}" for kind, count in sorted(plan.counts.items()))
    click.echo(f"{len(plan.households):,} households: {told}; {plan.moved} facts moved by a second")
    with tempfile.TemporaryDirectory(prefix="dangol-year-") as folder:
        ended = dict(zip(RUNS, all_ways(plan, Path(folder)), strict=True))
    for name, (ran, stands) in ended.items():
        _show(name, ran, stands)
    (_, first), *_ = ended.values()
    found = [sentence for name, (_, other) in ended.items() for sentence in differences(first, other, name)]
    if first.posted != ended[ON_POSTGRESQL][1].posted:
        found.append("the rows of the ledger differ on PostgreSQL")
    for sentence in sorted(found)[:SHOWN_MAX]:
        click.echo(f"  {sentence}")
    astray = sum(ran.astray for ran, _ in ended.values())
    peak = max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    click.echo(
        f"{len(found):,} differences, {astray:,} balances astray at tills;"
        f" {time.perf_counter() - start:,.0f} s, no process above {peak // 1024:,} MiB"
    )
    sys.exit(1 if found or astray else 0)


def _show(name: str, ran: Ran, stands: Stands) -> None:
    done = stands.audited
    click.echo(
        f"{name}: {ran.handed:,} handed in, CPU {ran.till_seconds:,.0f} s at the tills and"
        f" {ran.hq_seconds:,.0f} s at headquarters ({ran.handed / ran.hq_seconds:,.0f} /s);"
        f" {stands.entries:,} entries, which come to {len(stands.points):,}"
    )
    flows = ", ".join(f"{kind} {points:+,}" for kind, points in sorted(done.flows.items()))
    click.echo(
        f"  audited: {done.events:,} events, {done.receipts:,} receipts, {done.member_days:,} member-days;"
        f" {flows}; outstanding {done.outstanding:,}; {sum(stands.exceptions.values()):,} open exceptions"
    )
    tiers = ", ".join(f"{count:,} {tier}" for tier, count in stands.tiers.items())
    click.echo(f"  tiers after the closes: {tiers}; rows as posted {stands.posted[:12]}")


if __name__ == "__main__":
    main()
