"""Sessions of pages: whose, until when, how many."""

from __future__ import annotations

import pytest

from loyalty_shell.pages.sessions import SAID_MAX, SESSIONS_MAX, Sessions


class Clock:
    def __init__(self) -> None:
        self.ms = 5

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(clock: Clock) -> Sessions[str]:
    return Sessions(clock, idle_ms=100, absolute_ms=250)


def test_a_session_is_found_by_its_name_alone(sessions: Sessions[str]) -> None:
    name, session = sessions.open("kim")
    assert sessions.find(name) is session
    assert sessions.find("") is None
    assert sessions.find(session.csrf) is None
    assert name != sessions.open("kim")[0]


def test_use_puts_off_the_idle_end_and_looking_on_does_not(sessions: Sessions[str], clock: Clock) -> None:
    used, _ = sessions.open("kim")
    watched, _ = sessions.open("lee")
    clock.ms += 99
    assert sessions.find(used) is not None
    assert sessions.find(watched, use=False) is not None
    clock.ms += 1
    assert sessions.find(used) is not None
    assert sessions.find(watched, use=False) is None


def test_no_use_puts_off_the_absolute_end(sessions: Sessions[str], clock: Clock) -> None:
    name, _ = sessions.open("kim")
    for _ in range(4):
        clock.ms += 60
        assert sessions.find(name) is not None
    clock.ms += 10
    assert sessions.find(name) is None


def test_who_logs_out_is_out(sessions: Sessions[str]) -> None:
    name, _ = sessions.open("kim")
    sessions.end(name)
    sessions.end(name)
    assert sessions.find(name) is None


def test_of_too_many_the_one_used_longest_ago_ends(sessions: Sessions[str], clock: Clock) -> None:
    names = []
    for number in range(SESSIONS_MAX):
        clock.ms += 1
        names.append(sessions.open(str(number))[0])
    assert sessions.find(names[0]) is not None
    sessions.open("one more")
    assert sessions.find(names[0]) is not None
    assert sessions.find(names[1]) is None


def test_what_was_said_is_told_once_and_is_bounded(sessions: Sessions[str]) -> None:
    _, session = sessions.open("kim")
    for number in range(SAID_MAX + 1):
        session.say("ok", str(number))
    assert [sentence for _, sentence in session.told()] == [str(n) for n in range(1, SAID_MAX + 1)]
    assert session.told() == []
