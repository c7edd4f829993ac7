"""What the parts of the audit share: the difference that ends it, what was counted, how progress is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import msgspec

from loyalty_core.errors import LoyaltyError

Progress = Callable[[str, int], None]
"""Called with what is being read and how much of it has just been done."""


class Difference(LoyaltyError):
    """What stands is not what the bytes say."""

    code = "audit_difference"


class Audited(msgspec.Struct, kw_only=True):
    """How much was found right."""

    batches: int = 0
    events: int = 0
    receipts: int = 0
    member_days: int = 0
    entries: int = 0
    flows: dict[str, int] = {}
    """Redeemable points by kind of entry, corrections with what they correct."""
    unseen: int = 0
    """Batches whose bytes are in an archive that was not given."""
    outstanding: int = 0
    """The sum of all balances."""


def differs(where: str, what: str) -> NoReturn:
    """End the audit."""
    raise Difference(f"{where}: {what}")
