"""What people see of a wrong clock, and how they place and put back."""

from __future__ import annotations

import pytest

from tests.hq.clock_till import DAY_MS
from tests.hq.clocks.placing import Open
from tests.hq.conftest import Hq
from tests.hq.test_audit import run_audit
from tests.hq.test_cli import Shell

BY = ("--by", "kim", "--reason", "the clock was wrong")


@pytest.fixture
def shell(hq: Hq, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr("hq_server.cli.receipts.now_ms", hq.clock)
    return Shell(hq.config_path, capsys, monkeypatch)


def test_by_command_all_events_of_a_wrong_clock_are_shown_placed_and_put_back(
    hq: Hq, shell: Shell, opened: Open
) -> None:
    till = opened("2026-11-20 10:00")
    till.exchange()
    till.boot(DAY_MS, -365 * DAY_MS)
    lost = till.sell().event
    till.boot(DAY_MS, -365 * DAY_MS)
    sold = till.sell().event
    till.exchange()
    assert shell.json("terminal", "list")[0]["clock_ahead_ms"] == -365 * DAY_MS
    told = shell.run("event", "show", str(sold))[1].splitlines()
    assert told[2:] == [
        "by the till's monotonic clock it was recorded at 2026-11-22T01:00:00Z of headquarters' time",
        "the till's clock was 365 d 0 h behind",
    ]
    told = shell.run("event", "show", str(lost))[1].splitlines()
    assert told[2:] == [
        "it was recorded between 2026-11-20T01:00:00Z and 2026-11-22T01:00:00Z of headquarters' time",
        "the till's clock was at least 364 d 0 h behind",
    ]
    told = shell.run("event", "place-all", till.terminal_id, "--yes", *BY)[1].splitlines()
    assert told == [
        f"{lost}  2025-11-21: find out when it was, and use hq-server event place",
        f"{sold}  2025-11-22 -> 2026-11-22, at 2026-11-22T01:00:00Z, by headquarters",
        "0 of 2 events were placed, 1 stay where headquarters put them.",
    ]
    assert shell.json("decision", "list")[0]["detail"]["evidence"]["clock_ahead_ms"] == -365 * DAY_MS
    again = shell.run("event", "place-all", till.terminal_id, "--yes", *BY)[1]
    assert again.endswith("0 of 1 events were placed.\n")
    put_back = shell.run("event", "unplace", str(sold), *BY)[1]
    assert put_back == f"Decision 2: event {sold} counts on 2025-11-22, as recorded.\n"
    assert shell.refused("event", "unplace", str(sold), *BY) == "already_placed"
    assert shell.refused("event", "place-all", "nobody", *BY) == "terminal_not_found"
    run_audit(hq)


def test_where_nothing_is_dated_wrongly_nothing_is_asked(hq: Hq, shell: Shell, opened: Open) -> None:
    till = opened("2026-11-20 10:00")
    till.sell()
    till.exchange()
    told = shell.run("event", "place-all", till.terminal_id, *BY)[1]
    assert told == f"no event of {till.terminal_id} waits for it.\n"
    known = shell.run("event", "show", f"{till.terminal_id}.1.2")[1].splitlines()
    assert known[-1] == "the till's clock was right"


def test_a_machine_that_does_not_name_its_boots_leaves_the_time_unknown(
    hq: Hq, shell: Shell, opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    till = opened("2026-11-20 10:00")
    monkeypatch.setattr(type(till.clock), "boot_id", lambda _: "")
    till.boot(DAY_MS, -365 * DAY_MS)
    event = till.sell().event
    till.exchange()
    told = shell.run("event", "show", str(event))[1].splitlines()
    assert told[2:] == [
        "it was recorded before 2026-11-21T01:00:00Z of headquarters' time: nothing else is known",
        "the till's clock was not seen to be wrong",
    ]
