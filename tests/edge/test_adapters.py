"""Which adapter reads a file, and how one of somebody's own is found."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edge_agent.app import build_app
from edge_agent.config import Csv, EdgeConfig, EscPos, Folder
from edge_agent.pos_adapter import adapters
from edge_agent.pos_adapter.rows import Adapter
from edge_agent.pos_adapter.understanding import Expectations
from loyalty_core.calendar import Place
from loyalty_core.errors import BadInput
from loyalty_core.units import Minute
from tests.edge.adapting import HERE
from tests.edge.made import HeldClock, config_of, enrol_till, folder_of

PLUGIN = """
from edge_agent.pos_adapter.receipt import Key, Receipt
from edge_agent.pos_adapter.rows import Adapter, Row

def rows(file, here):
    for number, line in enumerate(file, start=1):
        amount = int(line)
        key = Key(store=here.store_id, till=here.options.get("till", "T1"), number=str(number))
        receipt = Receipt(kind="purchase", receipt=key, occurred_at="2026-11-20T10:31:00", net_minor=amount)
        yield Row(place=f"line {number}", raw=line, receipt=receipt)

adapter = Adapter(rows)
nothing = 7
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that brings adapters, where Python looks for packages."""
    site = tmp_path / "site"
    about = site / "corner-0.1.dist-info"
    about.mkdir(parents=True)
    (site / "corner_till.py").write_text(PLUGIN)
    (site / "corner_exit.py").write_text("raise SystemExit(0)")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: corner\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text(
        "[dangol.adapters]\ncorner = corner_till:adapter\n"
        "wrong = corner_till:nothing\nlost = corner_gone:adapter\nleaving = corner_exit:adapter\n"
    )
    monkeypatch.syspath_prepend(site)
    adapters._strange.cache_clear()
    yield site
    adapters._strange.cache_clear()
    sys.modules.pop("corner_till", None)


def with_ending(name: str) -> Folder:
    return Folder(path=Path(), endings={".dat": name})


def test_an_adapter_of_ones_own_reads_the_files_of_its_ending(installed: Path, tmp_path: Path) -> None:
    folder = with_ending("corner")
    adapters.check(EdgeConfig(folder=folder))
    assert adapters.name_for("Z.DAT", folder) == "corner"
    adapter = adapters.adapter_of("corner", "z.dat", EdgeConfig(folder=folder))
    assert isinstance(adapter, Adapter)
    with (tmp_path / "z.dat").open("w+b") as file:
        file.write(b"100\n200\n")
        file.seek(0)
        assert [row.place for row in adapter.rows(file, HERE)] == ["line 1", "line 2"]
        assert not adapter.is_unfinished(file)


def test_its_options_are_handed_to_it(installed: Path) -> None:
    folder = Folder(path=Path(), endings={".dat": "corner"}, options={"corner": {"till": "T9"}, "other": {}})
    config = EdgeConfig(folder=folder)
    expected = Expectations(
        store_id="S012",
        place=Place(ZoneInfo("Asia/Seoul"), Minute(0)),
        currency="KRW",
        now_ms=None,
        today=None,
        future_tolerance_ms=0,
    )
    assert adapters.here(expected, "corner", "z.dat", config).options == {"till": "T9"}
    assert adapters.here(expected, "csv", "z.csv", config).options == {}


@pytest.mark.parametrize(
    ("name", "code", "said"),
    [
        ("strange", "adapter_unknown", "which no packages bring: name one of corner, csv"),
        ("wrong", "adapter_broken", "is no edge_agent.pos_adapter.rows.Adapter"),
        ("lost", "adapter_broken", "cannot be loaded (ModuleNotFoundError"),
        ("leaving", "adapter_broken", "cannot be loaded (SystemExit"),
    ],
)
def test_an_adapter_that_cannot_be_had_is_told_at_the_start(
    installed: Path, tmp_path: Path, name: str, code: str, said: str
) -> None:
    (tmp_path / "in").mkdir()
    config = config_of(tmp_path, folder=folder_of(tmp_path / "in", endings={".dat": name}))
    enrol_till(config)
    with pytest.raises(BadInput) as refused:
        build_app(config, HeldClock())
    assert (refused.value.code, said in str(refused.value)) == (code, True)


def test_of_two_packages_that_bring_one_adapter_none_is_taken(installed: Path) -> None:
    about = installed / "other-0.1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 0.1\n")
    (about / "entry_points.txt").write_text("[dangol.adapters]\ncorner = corner_till:adapter\n")
    with pytest.raises(BadInput, match="which 2 packages bring"):
        adapters.check(EdgeConfig(folder=with_ending("corner")))


def test_an_ending_of_ours_may_be_given_to_another_adapter(installed: Path) -> None:
    folder = Folder(path=Path(), endings={".csv": "corner"})
    assert adapters.name_for("a.csv", folder) == "corner"
    assert adapters.name_for("a.jsonl", folder) == "jsonl"


def test_of_several_mappings_the_first_that_a_name_fits_reads_a_csv() -> None:
    items, rest = Csv(files="items-*.csv", delimiter=";"), Csv(files="*.CSV")
    folder = Folder(path=Path(), csv=(items, rest))
    assert adapters.csv_settings(folder, "items-1.csv") is items
    assert adapters.csv_settings(folder, "other.CSV") is rest
    with pytest.raises(BadInput) as refused:
        adapters.csv_settings(folder, "other.csv")
    assert refused.value.code == "mapping_missing"


def test_a_profile_of_the_folder_that_is_not_there_is_told_at_the_start() -> None:
    with pytest.raises(BadInput) as refused:
        adapters.check(EdgeConfig(folder=Folder(path=Path(), escpos=EscPos(profile="gone.toml"))))
    assert refused.value.code == "profile_unknown"


def test_an_ending_without_an_adapter_is_left_alone() -> None:
    folder = Folder(path=Path(), endings={".xml": ""})
    adapters.check(EdgeConfig(folder=folder))
    with pytest.raises(BadInput):
        adapters.name_for("a.xml", folder)


@pytest.mark.parametrize("name", ["a.xlsx", "A.XLS", "a.ods"])
def test_who_hands_in_a_spreadsheet_is_told_to_save_it_as_csv(name: str) -> None:
    with pytest.raises(BadInput, match="save it there as CSV") as refused:
        adapters.name_for(name, None)
    assert refused.value.code == "file_kind_unknown"
