"""Why a command of either program was refused: a sentence on a terminal, a JSON line in the journal."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from loyalty_shell.refusals import of_system
from tests.house_sources import ROOT

SERVICES = [("edge_agent", "run"), ("hq_server", "serve")]


def refused(folder: Path, program: str, command: str, settings: str, *, to_journal: bool) -> str:
    """Return what a service that cannot start says on standard error."""
    (folder / "settings.toml").write_text(settings, "utf-8")
    line = [sys.executable, "-m", program, "--config", str(folder / "settings.toml"), command]
    with (folder / "stderr").open("w+b") as stderr:
        about = os.fstat(stderr.fileno())
        # Of another stream it says nothing: a terminal that was opened by a service has that, too.
        stream = f"{about.st_dev}:{about.st_ino if to_journal else about.st_ino + 1}"
        environment = {**os.environ, "JOURNAL_STREAM": stream}
        done = subprocess.run(line, cwd=ROOT, env=environment, stderr=stderr, check=False, timeout=60)
        stderr.seek(0)
        told = stderr.read().decode()
    assert done.returncode == 1
    return told


@pytest.mark.parametrize(("program", "command"), SERVICES)
def test_a_service_that_cannot_start_says_why_in_one_line_of_the_journal(
    tmp_path: Path, program: str, command: str
) -> None:
    told = refused(tmp_path, program, command, "unknown = 1\n", to_journal=True)
    priority, line = told[:3], json.loads(told[3:])
    assert (priority, told.count("\n")) == ("<3>", 1)
    assert (line["level"], line["event"], line["code"]) == ("error", "command_refused", "config_invalid")
    assert "unknown" in line["sentence"]


@pytest.mark.parametrize(("program", "command"), SERVICES)
def test_people_get_a_sentence(tmp_path: Path, program: str, command: str) -> None:
    told = refused(tmp_path, program, command, "unknown = 1\n", to_journal=False)
    assert told.startswith("error (config_invalid): ")
    assert "{" not in told


@pytest.mark.parametrize(("program", "command"), SERVICES)
def test_a_data_folder_that_is_a_file_is_no_fault_of_the_program(
    tmp_path: Path, program: str, command: str
) -> None:
    (tmp_path / "data").write_text("")
    told = refused(tmp_path, program, command, 'data_dir = "data"\n', to_journal=False)
    assert told.startswith("error (")
    assert str(tmp_path / "data") in " ".join(told.split())


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "full", "/a"), ("disk_full", "/a: the disk is full")),
        (OSError(errno.EROFS, "read-only"), ("read_only", "a file of this command: ")),
        (PermissionError(errno.EACCES, "no", "/a"), ("permission_denied", "/a: this user may not")),
        (NotADirectoryError(errno.ENOTDIR, "not a directory", "/a"), ("io_failed", "/a: it cannot be used")),
    ],
)
def test_an_error_of_the_machine_is_told_by_a_code_and_what_to_do(
    error: OSError, told: tuple[str, str]
) -> None:
    fault = of_system(error)
    assert fault is not None
    assert (fault.code, str(fault)[: len(told[1])]) == told


@pytest.mark.parametrize("error", [OSError("words"), BrokenPipeError(errno.EPIPE, "closed")])
def test_what_is_no_matter_of_the_machine_keeps_its_way(error: OSError) -> None:
    assert of_system(error) is None
