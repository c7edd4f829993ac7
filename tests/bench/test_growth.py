"""Growth is measured beside real and multiplied rows, and a multiplied journal is one that verifies."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from bench.code import this_code
from bench.databases import connect, rows_in
from bench.figures import Figure
from bench.folder_intake import FOLDER, Watching
from bench.growth import Growth, ledger_sizes, measure, measure_ledger
from bench.growth.multiply import UnknownSchemaError, multiply_hq, multiply_till
from bench.programs import EDGE, HQ, command, running, set_up
from bench.sales import days_of, receipts

CODE = this_code()


def test_a_till_s_growth_is_measured_beside_what_it_filled_and_beside_what_was_multiplied(
    tmp_path: Path,
) -> None:
    growth = Growth(sizes=(300, 600, 1800), real_max=600, more=100, rounds=1)
    figures = measure([CODE], tmp_path / "growth", growth)
    assert [one.what for one in figures if "status" in one.what] == [
        f"edge-agent status beside {size}, its own time" for size in ("300", "600", "1,800")
    ]
    assert len(figures) == 9
    check(figures, least=300)


def test_a_ledger_s_growth_is_measured_on_either_database(tmp_path: Path) -> None:
    growth = Growth(sizes=(200, 600), real_max=200, more=100, rounds=1)
    figures = measure_ledger([CODE], tmp_path / "ledger", growth)
    assert [one.what for one in figures if one.what.endswith(", by the clock")] == [
        f"HQ: one more event on {database} beside {size}, by the clock"
        for database in ("SQLite", "PostgreSQL")
        for size in (200, 600)
    ]
    assert len(figures) == 8
    check(figures, least=200)


def check(figures: Sequence[Figure], least: int) -> None:
    assert [one.missing for one in figures if one.missing] == []
    assert all(len(one.values) == 1 for one in figures)
    assert [one.met is None for one in figures] == [f" beside {least}, " in one.what for one in figures]


@pytest.mark.parametrize(
    ("entries", "sizes"),
    [
        (10_000, [10_000]),
        (50_000, [10_000, 50_000]),
        (1_000_000, [10_000, 1_000_000]),
        (10_000_000, [10_000, 1_000_000, 10_000_000]),
    ],
)
def test_a_ledger_is_measured_at_sizes_up_to_the_one_asked_for(entries: int, sizes: list[int]) -> None:
    assert ledger_sizes(entries) == sizes


@pytest.fixture(scope="module")
def sold(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An HQ and a till with the same 200 receipts, at rest."""
    hq, till = set_up(CODE, tmp_path_factory.mktemp("sold") / "house", FOLDER)
    with running(CODE, HQ, hq), running(CODE, EDGE, till) as agent:
        watching = Watching(till, agent)
        watching.take(receipts(200))
        watching.wait_until_sent()
    return hq, till


def copied(original: Path, folder: Path) -> Path:
    shutil.copytree(original.parent, folder)
    return folder / original.name


def test_a_multiplied_journal_is_as_long_as_asked_goes_on_and_verifies_but_for_its_counts_of_days(
    sold: tuple[Path, Path], tmp_path: Path
) -> None:
    till = copied(sold[1], tmp_path / "till")
    data = till.parent / "data" / "till.db"
    before = rows_in(data, "journal", "source", "entry", "day_count")
    multiply_till(data, 3, days_of(200))
    assert rows_in(data, "journal", "source", "entry", "day_count") == [3 * one for one in before]
    with running(CODE, EDGE, till) as agent:
        Watching(till, agent).take(receipts(20, first=200))
    with pytest.raises(RuntimeError, match="day_count does not say what the journal says"):
        command(CODE, EDGE, till, "verify")
    command(CODE, EDGE, till, "verify", "--repair")
    assert f"{3 * before[0] + 21} records: database, chain and hashes are whole" in command(
        CODE, EDGE, till, "verify"
    )


def test_a_multiplied_ledger_holds_as_many_entries_as_asked_and_totals_that_are_their_sums(
    sold: tuple[Path, Path], tmp_path: Path
) -> None:
    hq = copied(sold[0], tmp_path / "hq")
    data = hq.parent / "data" / "hq.db"
    before = rows_in(data, "events", "entries", "member_receipts")
    multiply_hq(data, 3, days_of(200))
    assert rows_in(data, "events", "entries", "member_receipts") == [3 * one for one in before]
    with closing(connect(data)) as conn:
        sums = conn.execute(
            "SELECT bucket, member_id, period_id, sum(redeemable) FROM entries"
            " GROUP BY bucket, member_id, period_id ORDER BY bucket, member_id, period_id"
        )
        totals = conn.execute("SELECT bucket, member_id, period_id, redeemable FROM totals ORDER BY 1, 2, 3")
        assert list(sums) == list(totals)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("CREATE TABLE more AS SELECT seq FROM journal", "keeps events in more"),
        ("ALTER TABLE entry RENAME TO entries", "has no table entry"),
    ],
)
def test_a_journal_that_is_kept_in_other_tables_is_not_multiplied(
    sold: tuple[Path, Path], tmp_path: Path, change: str, told: str
) -> None:
    data = copied(sold[1], tmp_path / "till").parent / "data" / "till.db"
    with closing(connect(data)) as conn:
        conn.execute(change)
    with pytest.raises(UnknownSchemaError, match=told):
        multiply_till(data, 3, 2)
