"""A technician at a till, who types commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from edge_agent.cli import main
from edge_agent.config import read_config
from edge_agent.store.database import Connection, connect
from edge_agent.store.migrations import open_database
from tests.edge.made import write_config


class Desk:
    """A technician at a till."""

    def __init__(self, folder: Path, extra: str = "") -> None:
        self.folder = folder
        self.path = write_config(folder, extra)
        self.config = read_config(self.path)

    def call(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["--config", str(self.path), *arguments])

    def ok(self, *arguments: str) -> str:
        """Return what is printed by what works."""
        result = self.call(*arguments)
        assert (result.exit_code, result.stderr) == (0, ""), result.output
        return result.stdout

    def refused(self, *arguments: str, status: int = 1) -> str:
        """Return the one sentence of a refusal."""
        result = self.call(*arguments)
        assert result.exit_code == status, result.output
        assert not result.exception or isinstance(result.exception, SystemExit)
        (sentence,) = result.stderr.splitlines()
        assert sentence.startswith("error (")
        return sentence

    def write(self, name: str, *receipts: dict[str, Any]) -> str:
        path = self.folder / name
        path.write_text("".join(json.dumps(receipt) + "\n" for receipt in receipts))
        return str(path)

    def open(self) -> Connection:
        return open_database(self.config.database)

    def count(self) -> int:
        conn = connect(self.config.database, read_only=True)
        (records,) = conn.execute("SELECT count(*) FROM journal").fetchone()
        conn.close()
        return int(records)
