"""What mutmut answers: which changes of the folds slipped through, and which of these are explained."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

CAUGHT: Final = frozenset({"killed", "timeout"})
"""A change that lets the tests run for ever is seen."""
_NAME: Final = re.compile(r"loyalty_core\.(\w+)\.(?:xǁ(\w+)ǁ(\w+)|x_(\w+))__mutmut_\d+")


class BadExplanations(Exception):
    """One sentence: which explanation is wrong and how."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """A small change of one function: its lines before and after, without what did not change.

    Numbers that mutmut gives are left out: they move whenever a line above does.
    """

    where: str
    before: str
    after: str


def module_of(name: str) -> str:
    """Return the module of a mutant: `loyalty_core.tiers.x_gap__mutmut_3` -> `tiers`."""
    return name.split(".")[1]


def change_of(name: str, diff: str) -> Change:
    """Return the change that a mutant makes, from its name and the diff that `mutmut show` prints."""
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no name of a mutant")
    module, owner, method, function = found.groups()
    where = ".".join([module, *([owner, method] if owner else [function])])
    lines = [line for line in diff.splitlines() if not line.startswith(("---", "+++"))]
    before = " ".join(line[1:].strip() for line in lines if line.startswith("-"))
    after = " ".join(line[1:].strip() for line in lines if line.startswith("+"))
    return Change(where, before, after)


def explanations(text: str) -> Counter[Change]:
    """Return the changes that the checked-in list explains.

    Raises:
        BadExplanations: when an entry lacks a key or its reason.
    """
    explained: Counter[Change] = Counter()
    for number, entry in enumerate(tomllib.loads(text).get("change", []), start=1):
        if set(entry) != {"where", "before", "after", "why"} or not entry["why"].strip():
            raise BadExplanations(f"change {number} of the list: expected where, before, after and why")
        explained[Change(entry["where"], entry["before"], entry["after"])] += 1
    return explained


def judge(
    survivors: Iterable[Change], explained: Counter[Change], modules: Iterable[str]
) -> tuple[list[Change], list[Change]]:
    """Return the survivors that nothing explains, and the explanations that explain nothing any more.

    Of the latter only those of `modules`, which were tried.
    """
    lived, tried = Counter(survivors), set(modules)
    idle = [each for each in (explained - lived).elements() if each.where.split(".")[0] in tried]
    return sorted((lived - explained).elements()), sorted(idle)
