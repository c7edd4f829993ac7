"""The version of this software, told to HQ and shown to technicians."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
