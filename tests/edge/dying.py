"""Runs commands of the till in processes that die by kill -9, each before another of its steps.

Standard input is a JSON array of commands (arrays of words): the first dies before its first step, the
second before its second, until one has come to its end. Each is then run again, whole. Standard output is a
JSON array of [whether it died, exit status of the whole run, what that said].

A step is what another process or a power cut could see: a file that is made durable, named, renamed or
removed, a request on its way and its answer back, a transaction's beginning.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Awaitable, Callable
from typing import Any

import click

from edge_agent.cli import main
from edge_agent.store import terminal
from edge_agent.sync import enrol, keys, rotate

PLAIN = [(os, "fsync"), (os, "link"), (os, "replace"), (os, "unlink"), (terminal, "install")]
PLAIN += [(keys, "make_token"), (keys, "make_private_key")]
ASYNC = [(enrol, "post"), (rotate, "post")]


def count_steps(last: Callable[[], None]) -> None:
    """Have `last` called before each step of this process."""

    def before(real: Callable[..., Any]) -> Callable[..., Any]:
        def stepped(*args: Any, **named: Any) -> Any:
            last()
            return real(*args, **named)

        return stepped

    def around(real: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
        async def stepped(*args: Any, **named: Any) -> Any:
            last()
            answer = await real(*args, **named)
            last()
            return answer

        return stepped

    for module, name in PLAIN:
        setattr(module, name, before(getattr(module, name)))
    for module, name in ASYNC:
        setattr(module, name, around(getattr(module, name)))


def in_a_process(words: list[str], dies_at: int) -> tuple[bool, int, str]:
    """Run a command in a child; return whether it died by kill -9, its exit status and what it said."""
    with tempfile.TemporaryFile() as said:
        child = os.fork()
        if child == 0:
            os.dup2(said.fileno(), 1)
            os.dup2(said.fileno(), 2)
            passed = 0

            def step() -> None:
                nonlocal passed
                passed += 1
                if passed == dies_at:
                    os.kill(os.getpid(), signal.SIGKILL)

            count_steps(step)
            status = 1
            try:
                main(words, standalone_mode=False)
                status = 0
            except click.exceptions.Exit as refused:
                status = refused.exit_code
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        said.seek(0)
        text = said.read().decode()
    died = os.WIFSIGNALED(ended) and os.WTERMSIG(ended) == signal.SIGKILL
    return died, 0 if died else os.waitstatus_to_exitcode(ended), text


if __name__ == "__main__":
    became = []
    for number, command in enumerate(json.load(sys.stdin), start=1):
        killed, *_ = in_a_process(command, number)
        became.append((killed, *(in_a_process(command, 0)[1:])))
        if not killed:
            break
    json.dump(became, sys.stdout)
