"""A till that can only print: what it prints comes out as it was sent, and is in the journal once."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from edge_agent.store.database import connect
from tests.e2e.test_printer import Process
from tests.edge.escpos.made import RECEIPT, printed
from tests.edge.made import config_of, enrol_till, programme, wait_until
from tests.house_sources import ROOT


@pytest.fixture
def till(tmp_path: Path) -> Iterator[Process]:
    """A printer's process, and an agent beside it on the same settings."""
    enrol_till(config_of(tmp_path), programme())
    process = Process(tmp_path)
    agent = subprocess.Popen(
        [sys.executable, "-m", "edge_agent", "--config", str(tmp_path / "edge.toml"), "run"],
        cwd=ROOT,
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        agent.kill()
        agent.wait()
        process.close()


def keys(till: Process) -> list[str]:
    """Return what is in the journal, by its natural keys."""
    database = till.data_dir / "till.db"
    with closing(connect(database, read_only=True)) as conn:
        return [key for (key,) in conn.execute("SELECT natural_key FROM source ORDER BY seq")]


def print_it(till: Process, data: bytes) -> bytes:
    """Print, and return what has come out."""
    sock, printer = till.pair()
    sock.sendall(data)
    sock.close()
    found = b""
    while more := printer.recv(4096):
        found += more
    printer.close()
    return found


def test_a_receipt_that_is_printed_is_recorded_once_and_its_copies_go(till: Process) -> None:
    receipt = printed(RECEIPT)
    assert print_it(till, receipt) == receipt
    wait_until(lambda: len(keys(till)) == 1)
    assert keys(till)[0].startswith("purchase/S012/03/")
    assert keys(till)[0].endswith("/0042")
    again = printed("** 재출력 **\n" + RECEIPT)
    assert print_it(till, again) == again
    second = printed(RECEIPT.replace("No:0042", "No:0043"))
    assert print_it(till, second) == second
    wait_until(lambda: len(keys(till)) == 2 and not till.copies())
    assert [key.rpartition("/")[2] for key in keys(till)] == ["0042", "0043"]
