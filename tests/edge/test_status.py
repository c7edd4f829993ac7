"""The first sentence of the screen: it says what is wrong before it says that all is well."""

from __future__ import annotations

import msgspec
import pytest

from edge_agent.clock import MachineClock
from edge_agent.status import Status, lines, status
from tests.edge.till import Till


@pytest.fixture
def told(till: Till) -> Status:
    return status(till.conn, till.config, MachineClock())


def first(told: Status, **changed: object) -> str:
    return lines(msgspec.structs.replace(told, **changed))[0]


def test_a_full_disk_is_said_first_and_sales_are_not_called_safe(told: Status) -> None:
    said = first(told, link="up", disk_refuses="disk_full", disk_low=True)
    assert said.startswith("THE DISK IS FULL")
    assert "safe" not in said
    assert first(told, link="up", disk_low=True).startswith("The disk is nearly")
    assert first(told, link="up", disk_free_bytes=10**12, disk_low=False).startswith("Online since")


def test_what_was_set_aside_is_in_the_first_sentence(told: Status) -> None:
    assert "7 inputs were set aside" in first(told, quarantine=7)
    assert "1 input was set aside" in first(told, quarantine=1)
    assert "set aside" not in first(told, quarantine=0)


@pytest.mark.parametrize(
    ("code", "begins"),
    [
        ("hq_unreachable", "Offline since"),
        ("terminal_pending", "HQ has taken nothing from this till since"),
        ("programme_damaged", "Sales give no points since"),
    ],
)
def test_a_refusal_is_not_called_offline(told: Status, code: str, begins: str) -> None:
    assert first(told, link="down", link_error_code=code).startswith(begins)


@pytest.mark.parametrize(
    ("code", "what"),
    [
        ("journal_behind", "hand in again what was sold since that copy. Sales are safe."),
        ("fork", "let one machine only run as S012-T03. Sales are safe."),
        (
            "terminal_unknown",
            "for S012-T03 and run edge-agent enrol --again --code CODE. Sales are safe.",
        ),
        ("hq_wrong_key", "for S012-T03 and run edge-agent enrol --again --code CODE. Sales are safe."),
        ("hq_older", "tell HQ to bring it back with hq-server restore. Sales are safe."),
        ("hq_other", "tell HQ to run one only. Sales are safe."),
    ],
)
def test_what_a_technician_can_mend_is_said_with_how(told: Status, code: str, what: str) -> None:
    assert what in first(told, link="down", link_error_code=code)


@pytest.mark.parametrize("code", ["terminal_over_quota", "terminal_busy", "server_busy"])
def test_a_till_that_is_to_wait_for_its_turn_is_no_alarm(told: Status, code: str) -> None:
    said = first(told, link="down", link_error_code=code, queue=9)
    assert said.startswith("HQ ")
    assert "nothing" not in said
    assert "Sales are safe. 9 waiting, next try" in said


def test_a_till_that_was_answered_by_stick_alone_says_so(told: Status) -> None:
    assert first(told, link="never").startswith("HQ has not answered yet. Sales are safe.")
    by_stick = msgspec.structs.replace(told, link="never", last_answer_by_stick="2026-11-20T01:31:00Z")
    begins = "HQ has answered by stick at 2026-11-20T01:31:00Z, and never by line. Sales are safe."
    assert lines(by_stick)[0].startswith(begins)
    assert "  by stick      2026-11-20T01:31:00Z" in lines(by_stick)
