"""Taking turns: a machine's speed drifts, so what is compared is measured side by side, again and again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def in_turns(rounds: int, runs: Mapping[str, Callable[[int], T]]) -> dict[str, list[T]]:
    """Return what each run gave in each round; every round begins with another one."""
    names = list(runs)
    taken: dict[str, list[T]] = {name: [] for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            taken[name].append(runs[name](turn))
    return taken
