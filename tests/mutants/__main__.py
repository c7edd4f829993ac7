"""Make every small change to the folds that mutmut knows, and name those that tests/core lets through.

usage: ./dev mutants [MODULE ...]        (without MODULE: all of tests/folds.py)

Works on a copy, so that the checkout stays as it is. A change that no test can see, since nothing comes out
differently, stands in equivalent.toml with the reason. Exit status 1 where another one slips through, or
where an entry of the list is no longer needed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Final

from tests.folds import FOLDS, ROOT, path_of
from tests.mutants.verdict import CAUGHT, BadExplanations, Change, change_of, explanations, judge, module_of

LIST: Final = Path(__file__).with_name("equivalent.toml")
COPIED: Final = ("loyalty_core", "tests", "docs")
# In a file of its own, so that pyproject.toml need not hold a second list of the folds.
SETTINGS: Final = """\
[mutmut]
source_paths = loyalty_core
only_mutate =
{files}
also_copy = docs
pytest_add_cli_args_test_selection = tests/core
"""


def main(argv: list[str]) -> int:
    """Return 0 where every change was caught or is explained."""
    modules = argv or list(FOLDS)
    unknown = [each for each in modules if each not in FOLDS]
    if unknown:
        print(f"{unknown[0]} is none of {', '.join(FOLDS)}", file=sys.stderr)
        return 2
    try:
        explained = explanations(LIST.read_text(encoding="utf-8"))
        with tempfile.TemporaryDirectory(prefix="dangol-mutants-") as temporary:
            tried, survivors = try_all(Path(temporary), modules)
    except (BadExplanations, MutmutFailed) as error:
        print(f"mutants: {error}", file=sys.stderr)
        return 1
    slipped, idle = judge([change for change, _ in survivors], explained, modules)
    for change, status in sorted(survivors):
        if change in slipped:
            print(f"{change.where}: {status}\n    - {change.before}\n    + {change.after}")
    for change in idle:
        print(f"{change.where}: explained, and caught\n    - {change.before}\n    + {change.after}")
    for module in modules:
        lived = sum(change.where.split(".")[0] == module for change, _ in survivors)
        print(f"{module}: {tried[module]:,} changes, {tried[module] - lived:,} caught")
    print(f"{len(survivors) - len(slipped)} explained, {len(slipped)} slipped through, {len(idle)} to unlist")
    return 1 if slipped or idle else 0


class MutmutFailed(Exception):
    """mutmut could not do its work; the sentence ends with its last words."""


def try_all(work: Path, modules: list[str]) -> tuple[Counter[str], list[tuple[Change, str]]]:
    """Return how many changes each module had, and those that were not caught with what became of them."""
    for name in COPIED:
        shutil.copytree(ROOT / name, work / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", work)
    files = "\n".join(f"    {path_of(module).relative_to(ROOT)}" for module in modules)
    (work / "setup.cfg").write_text(SETTINGS.format(files=files), encoding="utf-8")
    mutmut(work, "run", shown=sys.stdout.isatty())
    tried: Counter[str] = Counter()
    survivors = []
    for line in mutmut(work, "results", "--all", "true").splitlines():
        name, _, status = line.strip().partition(": ")
        if name:
            tried[module_of(name)] += 1
        if name and status not in CAUGHT:
            survivors.append((change_of(name, mutmut(work, "show", name)), status))
    return tried, survivors


def mutmut(work: Path, *words: str, shown: bool = False) -> str:
    """Return what mutmut says, or show it as it comes.

    Raises:
        MutmutFailed: when it ends with a status other than 0.
    """
    command = [sys.executable, "-m", "mutmut", *words]
    # The same examples of Hypothesis for every change, or one could slip through by luck.
    environment = {**os.environ, "CI": "1"}
    output = None if shown else subprocess.PIPE
    done = subprocess.run(
        command, cwd=work, env=environment, stdout=output, stderr=output, text=True, check=False
    )
    if done.returncode:
        told = (done.stdout or "") + (done.stderr or "")
        raise MutmutFailed(f"`mutmut {' '.join(words)}` ended with {done.returncode}: {told.strip()[-2000:]}")
    return done.stdout or ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
