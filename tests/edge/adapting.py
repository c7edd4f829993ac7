"""The rows of bytes, as the adapter of a name reads them with some settings."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from edge_agent.config import Csv, EdgeConfig, Folder
from edge_agent.pos_adapter.adapters import adapter_of
from edge_agent.pos_adapter.rows import Adapter, Here, Row

HERE = Here(store_id="S012", zone=ZoneInfo("Asia/Seoul"), currency="KRW")


def adapter(name: str, csv: Csv | None = None) -> Adapter:
    return adapter_of(name, "a", EdgeConfig(folder=Folder(path=Path(), csv=csv or Csv())))


def rows_of(name: str, data: bytes, csv: Csv | None = None, here: Here = HERE) -> Iterator[Row]:
    return adapter(name, csv).rows(io.BytesIO(data), here)


def is_unfinished(name: str, data: bytes) -> bool:
    return adapter(name).is_unfinished(io.BytesIO(data))
