"""Ready mappings of exports that many shops have; the settings say only what differs."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib import resources
from typing import Any, Final

import msgspec

from edge_agent.config import Csv
from loyalty_core.errors import BadInput

READY: Final = ("loyverse-items", "loyverse-receipts", "square-items", "square-transactions")
_MERGED: Final = ("columns", "constants", "values", "zones")


def merged(settings: Csv) -> Csv:
    """Return the settings with all that the ready mapping which they name says beside them.

    Raises:
        BadInput: `mapping_unknown`.
    """
    if not settings.mapping:
        return settings
    ready, plain = _ready(settings.mapping), Csv()
    changed: dict[str, Any] = {}
    for name in Csv.__struct_fields__:
        own = getattr(settings, name)
        if name in _MERGED:
            changed[name] = getattr(ready, name) | own
        elif own != getattr(plain, name):
            changed[name] = own
    return msgspec.structs.replace(ready, **changed)


@lru_cache
def _ready(name: str) -> Csv:
    if name not in READY:
        raise BadInput(
            f'there is no ready mapping "{name}": name one of {", ".join(READY)}, or write columns yourself',
            code="mapping_unknown",
        )
    written = resources.files(__package__).joinpath("mappings", f"{name}.toml").read_text("utf-8")
    return msgspec.convert(tomllib.loads(written), Csv)
