"""What all tests share: how hard Hypothesis looks, which branches of the folds were seen, how long a test may
take, and which process runs it.

On a developer's machine examples are drawn anew each run; where CI is set they are the same each time, so
that a red run means a change.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from coverage import Coverage
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.folds import watch
from tests.limits import TEST_S, no_more, within

if TYPE_CHECKING:
    from tests.postgresql import Cluster

WATCH: Final = pytest.StashKey[Coverage]()
"""Set in a run of all tests; a run of some of them cannot tell what is left out."""

CORE: Final = "tests/core/"

LONGEST: Final = "tests/simulation/test_life.py"

TOGETHER: Final = {
    CORE: "core",
    "tests/test_folds": "core",
    "tests/e2e/test_packages": "packages",
    "tests/e2e/test_wheel": "packages",
}
"""How names of files begin that one process must run, in this order: one needs what another saw or made."""

settings.register_profile(
    "local", max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("ci", settings.get_profile("local"), derandomize=True, database=None)
settings.register_profile("many", settings.get_profile("local"), max_examples=1000)
settings.register_profile("soak", settings.get_profile("local"), max_examples=20_000)
settings.load_profile("ci" if os.environ.get("CI") else "local")


def pytest_configure(config: pytest.Config) -> None:
    """Watch the folds from their import on, where all tests are to run."""
    if config.args_source is config.ArgsSource.TESTPATHS:
        config.stash[WATCH] = watch()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the tests of core come first; then the longest file, lest one process wait for it at the end."""
    items.sort(key=lambda item: (not item.nodeid.startswith(CORE), not item.nodeid.startswith(LONGEST)))


class ByFile(LoadScopeScheduling):  # type: ignore[misc]
    """Hands whole files to several processes, and files that belong together to one."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return next((name for start, name in TOGETHER.items() if file.startswith(start)), file)

    def remove_node(self, node: Any) -> str | None:
        """Give what a process had before it to another, but not what it died of, again and again."""
        died_of: str | None = None
        for tests in self.assigned_work[node].values():
            died_of = next((test for test, is_done in tests.items() if not is_done), None)
            if died_of is not None:
                tests[died_of] = True
                break
        super().remove_node(node)
        return died_of

    def _assign_work_unit(self, node: Any) -> None:
        """Hand out so many files that the process has two tests to run: with fewer it waits for more.

        What was taken from one that died may be of files that are done. One that has just died keeps what
        it was handed until `remove_node` takes it back.
        """
        with suppress(OSError):
            super()._assign_work_unit(node)
            while self.workqueue and self._pending_of(self.assigned_work[node]) < 2:
                super()._assign_work_unit(node)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Part the tests, where several processes run them."""
    return ByFile(config, log)


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    """Stop watching: not all tests run."""
    if items and WATCH in items[0].config.stash:
        items[0].config.stash[WATCH].stop()
        del items[0].config.stash[WATCH]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Stop watching when the tests of core are done."""
    if WATCH in item.config.stash and not item.nodeid.startswith(CORE):
        item.config.stash[WATCH].stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Fail a test that hangs, in the words of where it does."""
    with within(TEST_S):
        return (yield)


def pytest_enter_pdb() -> None:
    """Let a person at the debugger take their time."""
    no_more()


def pytest_unconfigure() -> None:
    """Thaw what programs froze that tests ran in this process, or libraries report leaks at its end."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Cluster]:
    """The cluster of this process, which forgets in a crash of the machine what others write."""
    from tests.postgresql import cluster  # loads the driver, which few tests need

    with cluster() as made:
        yield made


@pytest.fixture(scope="session")
def durable_postgresql() -> Iterator[Cluster]:
    """A cluster of this process that is as careful as a real one, and may be restarted."""
    from tests.postgresql import cluster

    with cluster(durable=True) as made:
        yield made


@pytest.fixture
def handed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which systemd hands over credentials; empty."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(folder))
    return folder
