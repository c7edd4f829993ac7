"""docs/operations.md says what the programs do: its tables and examples are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from hq_server.cli import hq_server
from hq_server.config import HqConfig, Limits, Listen, load_config

TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
HEADQUARTERS = TEXT.split("## Headquarters")[1].split("## A till")[0]
SETTINGS = HEADQUARTERS.split("| key | default | |")[1].split("\n\n")[0]


def test_every_setting_of_headquarters_is_in_the_table_and_no_other() -> None:
    shapes = {field.name: field.type for field in msgspec.structs.fields(HqConfig)}
    tables = {name: shape for name, shape in shapes.items() if hasattr(shape, "__struct_fields__")}
    assert tables["listen"] is Listen
    own = {name for name in HqConfig.__struct_fields__ if name not in tables}
    inner = {f"{name}.{field}" for name, shape in tables.items() for field in shape.__struct_fields__}
    told = {
        key
        for line in SETTINGS.splitlines()
        if line.startswith("| `")
        for key in re.findall(r"`([^`]+)`", line.split("|")[1])
    }
    assert told == own | inner


@pytest.mark.parametrize("field", msgspec.structs.fields(Limits), ids=lambda field: field.name)
def test_every_bound_is_told_as_it_is(field: msgspec.structs.FieldInfo) -> None:
    told = next(line for line in HEADQUARTERS.splitlines() if f"`limits.{field.name}`" in line).split("|")[2]
    number, *unit = told.split()
    assert int(number) * (1 << 20 if unit == ["MiB"] else 1) == field.default


def test_the_example_of_settings_is_whole(tmp_path: Path) -> None:
    example = HEADQUARTERS.split("`init` writes `hq.toml`")[1].split("| key")[0]
    lines = [line[4:] for line in example.splitlines() if line.startswith("    ")]
    (tmp_path / "hq.toml").write_text("\n".join(lines))
    config = load_config(tmp_path / "hq.toml")
    assert (config.data_dir, config.listen) == (str(tmp_path / "hq-data"), Listen())


def test_every_command_that_is_shown_exists() -> None:
    for line in re.findall(r"^    hq-server (.+?)(?:  +#.*)?$", TEXT, re.MULTILINE):
        words = line.split()
        found = hq_server.commands[words[0]]
        if hasattr(found, "commands"):
            found = found.commands[words[1]]
        options = {option for parameter in found.params for option in parameter.opts}
        assert {word for word in words if word.startswith("--")} <= options, line
