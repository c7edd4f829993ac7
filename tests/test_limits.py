"""A test that hangs, or ends its process, is one that failed: the others are run, and it is not run again."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ByFile
from tests.house_sources import ROOT
from tests.limits import within

SOON_S = 0.05
DIES = """
import os, pytest
@pytest.mark.parametrize("number", range(3))
def test(number):
    if number == 1:
        os._exit(1)
"""
ENDS = """
def test():
    pass
"""


async def _waits() -> None:
    await asyncio.Event().wait()


async def _turns() -> None:
    loop, turned = asyncio.get_running_loop(), asyncio.Event()

    def turn() -> None:
        loop.call_soon(turn)

    turn()
    await turned.wait()


@pytest.mark.parametrize(
    "hangs", [threading.Event().wait, lambda: asyncio.run(_waits()), lambda: asyncio.run(_turns())]
)
def test_what_hangs_fails_and_shows_where(
    hangs: Callable[[], object], capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(pytest.fail.Exception, match=r"longer than 0\.05 seconds"), within(SOON_S, SOON_S):
        hangs()
    shown = capfd.readouterr()
    assert "in test_what_hangs_fails_and_shows_where" in shown.err
    assert "Stack for <Task" in shown.out or "threading.py" in shown.err


def test_what_hangs_at_its_end_fails_once_more() -> None:
    def hangs() -> None:
        try:
            threading.Event().wait()
        finally:
            threading.Event().wait()

    with pytest.raises(pytest.fail.Exception) as failed, within(SOON_S, SOON_S):
        hangs()
    assert isinstance(failed.value.__context__, pytest.fail.Exception)


def test_a_test_that_ends_its_process_fails_and_is_not_run_again(tmp_path: Path) -> None:
    (tmp_path / "test_before.py").write_text(ENDS, "ascii")
    (tmp_path / "test_dies.py").write_text(DIES, "ascii")
    words = ["-m", "pytest", "-p", "tests.conftest", f"--rootdir={tmp_path}", "--numprocesses=1"]
    ran = subprocess.run(
        [sys.executable, *words, tmp_path], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "1 failed, 3 passed" in ran.stdout, ran.stdout + ran.stderr
    assert "crashed while running 'test_dies.py::test[1]'" in ran.stdout


def test_what_was_handed_to_one_that_had_just_died_is_taken_back() -> None:
    class Dead:
        def send_runtest_some(self, indices: list[int]) -> None:
            raise OSError("cannot send (already closed?)")

    dead = Dead()
    scheduler = ByFile.__new__(ByFile)
    scheduler.registered_collections = {dead: ["a.py::one", "b.py::two"]}
    scheduler.assigned_work = {}
    scheduler.workqueue = OrderedDict(
        {"a.py": OrderedDict({"a.py::one": False}), "b.py": OrderedDict({"b.py::two": False})}
    )
    scheduler._assign_work_unit(dead)
    assert scheduler.remove_node(dead) == "a.py::one"
    assert [
        test for file in scheduler.workqueue.values() for test, is_done in file.items() if not is_done
    ] == ["b.py::two"]
