"""The version of this software, as its API tells it."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
