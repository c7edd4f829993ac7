"""Every part of the bench really runs, small: real processes, real files, and no word on how fast."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import (
    adapters,
    close,
    herd,
    hq_ingest,
    hq_on_postgresql,
    hq_processes,
    member_import,
    one_receipt,
    pages,
    printer,
)
from bench.client import Load, drive
from bench.code import ROOT, Code, code_of, this_code
from bench.figures import Figure
from bench.programs import process
from bench.sales import MEMBERS
from tests.edge.made import wait_until

CODES = [this_code()]


def check(figures: Sequence[Figure], rounds: int) -> None:
    for one in figures:
        assert one.missing == ""
        assert len(one.values) >= rounds
        assert all(value >= 0 for value in one.values)
        assert not one.floor_what or len(one.floor) == len(one.values)


def test_one_receipt_over_http_is_measured_beside_a_server_that_does_nothing(tmp_path: Path) -> None:
    figures = one_receipt.measure(CODES, tmp_path / "http", many=130, rounds=1)
    check(figures, 1)
    assert [one.unit for one in figures] == ["us", "/s", "us", "%"]


def test_adapters_are_measured_by_what_they_read(tmp_path: Path) -> None:
    figures = adapters.measure(tmp_path / "adapters", count=300, rounds=1)
    check(figures, 1)
    assert [one.unit for one in figures] == ["/s", "MiB"] * 4


def test_ingest_is_measured_on_recorded_requests_beside_raw_sql(tmp_path: Path) -> None:
    check(hq_ingest.measure(CODES, tmp_path / "ingest", count=1500, rounds=2), 2)


def test_an_import_of_members_is_measured_beside_raw_sql(tmp_path: Path) -> None:
    check(member_import.measure(CODES, tmp_path / "members", count=30, rounds=1), 1)


def test_ingest_into_postgresql_is_measured_beside_raw_sql_there(tmp_path: Path) -> None:
    check(hq_on_postgresql.measure(CODES[0], tmp_path / "postgresql", count=300, rounds=1), 1)


def test_several_processes_on_one_postgresql_are_measured_beside_one(tmp_path: Path) -> None:
    figures = hq_processes.measure(CODES[0], tmp_path / "many", count=40, rounds=1, processes=(1, 2))
    check(figures, 1)
    assert [one.floor_what for one in figures] == ["", "", "one serve", "one serve"]


def test_a_close_is_measured_beside_bare_sql(tmp_path: Path) -> None:
    check(close.measure(CODES, tmp_path / "close", members=200, rounds=1), 1)


def test_pages_are_measured_on_a_till_with_a_long_journal(tmp_path: Path) -> None:
    figures = pages.measure(CODES[0], tmp_path / "pages", count=300, rounds=1, members=MEMBERS, open_s=3.5)
    check(figures, 1)
    loads = [one.values[0] for one in figures if one.what.endswith("first load in all")]
    assert len(loads) == 6
    assert min(loads) > 1000


def test_what_a_receipt_printer_notices_is_measured_beside_a_connection_without_us(tmp_path: Path) -> None:
    figures = printer.measure(CODES[0], tmp_path / "printer", count=10, rounds=2)
    check(figures[:-1], 2)
    assert [one.unit for one in figures] == ["us"] * 8 + ["MB"]


def test_files_through_the_folder_are_measured_in_turn_with_another_revision(tmp_path: Path) -> None:
    words = ["--events", "200", "--rounds", "2", "--only", "folder", "--against", "HEAD"]
    files = ["--json", str(tmp_path / "told.json"), "--markdown", str(tmp_path / "told.md")]
    subprocess.run([sys.executable, "-m", "bench", *words, *files], cwd=ROOT, check=True, capture_output=True)
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["against"] != ""
    assert [one["missing"] for one in told["figures"]] == ["", ""]
    for side in ("values", "before", "floor"):
        assert [len(one[side]) for one in told["figures"]] == [2, 2]
    assert "| before | change |" in (tmp_path / "told.md").read_text()


@pytest.mark.parametrize(
    "words",
    [
        ["--events", "99"],
        ["--rounds", "0"],
        ["--json", "nowhere/told.json"],
        ["--markdown", "."],
        ["--only", "nothing"],
        ["--against", "no-such-revision"],
    ],
)
def test_what_cannot_be_measured_or_kept_is_refused_before_anything_is_measured(words: list[str]) -> None:
    line = [sys.executable, "-m", "bench", "--only", "http", *words]
    done = subprocess.run(line, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode in {1, 2}
    assert done.stdout == ""
    assert words[1] in done.stderr
    assert "Traceback" not in done.stderr


def test_a_run_that_is_told_to_stop_leaves_nothing_behind(tmp_path: Path) -> None:
    line = [sys.executable, "-m", "bench", "--only", "http", "--events", "1000000"]
    run = subprocess.Popen(
        line,
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: bool(list(tmp_path.rglob("address"))))
        address = next(tmp_path.rglob("address")).read_text()
    finally:
        run.terminate()
        ended = run.wait(60)
    assert ended == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address)


def test_another_revision_runs_its_own_code(tmp_path: Path) -> None:
    other = code_of("HEAD", tmp_path)
    assert list(tmp_path.glob("edge_agent/__pycache__/app.*.pyc")), "no start of it is to compile"
    where = "import edge_agent; print(edge_agent.__file__)"
    told = [
        subprocess.run(
            [sys.executable, "-c", where],
            env=code.environment(),
            cwd=code.root,
            check=True,
            capture_output=True,
        )
        for code in (this_code(), other)
    ]
    assert [Path(done.stdout.decode().strip()).parents[1] for done in told] == [ROOT, tmp_path]


def test_a_revision_that_is_not_there_is_refused_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"^no-such-revision cannot be measured: .+"):
        code_of("no-such-revision", tmp_path)


def test_a_load_that_is_refused_is_no_measurement(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "bench.trivial", str(tmp_path / "address")]
    with process(words, tmp_path / "address") as served:
        load = Load(url=served.url + "nothing-here", headers={}, clients=3, bodies=[b"{}"] * 5)
        with pytest.raises(RuntimeError, match="404"):
            drive(tmp_path, load)


@pytest.mark.parametrize("clients", [1, 3, 7])
def test_a_load_posts_every_body_once_however_many_clients_share_it(tmp_path: Path, clients: int) -> None:
    words = [sys.executable, "-m", "bench.trivial", str(tmp_path / "address")]
    with process(words, tmp_path / "address") as served:
        load = Load(url=served.url, headers={}, clients=clients, bodies=[b"{}"] * 5)
        driven = drive(tmp_path, load)
    assert len(driven.each_us) == 5
    assert driven.cpu_seconds <= driven.seconds


def test_a_program_that_does_not_start_ends_the_measurement(tmp_path: Path) -> None:
    words = [sys.executable, "-c", "raise SystemExit(3)"]
    with pytest.raises(RuntimeError, match="did not start"), process(words, tmp_path / "address"):
        pass


def test_code_is_run_with_the_packages_of_this_environment() -> None:
    assert Code("now", Path("/somewhere")).environment()["PYTHONPATH"] == "/somewhere"


def test_a_herd_of_tills_is_heard_and_a_till_sells_on_meanwhile(tmp_path: Path) -> None:
    figures = herd.measure(CODES, tmp_path / "herd", tills=12, sales=3)
    check(figures, 1)
    assert figures[0].what == "12 tills at once, 3 sales each: until half of them were heard"
    assert figures[-1].what == "a till that sells meanwhile: answers, the slowest"
