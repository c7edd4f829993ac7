"""Facts of one receipt key folded, told shortly for the tests of the core."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import permutations
from typing import Final

from loyalty_core.events import Fact
from loyalty_core.receipts import Receipt, fold_receipt
from loyalty_core.resolved import Item, Resolved
from tests.core.made import RULES, line

BALL: Final = line(1_000, "golf", sku="BALL", number=1)
GLOVE: Final = line(9_000, "wear", sku="GLOVE", number=2)


def fold(*facts: Fact) -> Receipt:
    """Return what facts of one key amount to."""
    return fold_receipt(facts, RULES)


def resolved(receipt: Receipt) -> Resolved:
    """Return what stands, of a receipt on which there is something."""
    assert receipt.resolved is not None
    return receipt.resolved


def kinds(receipt: Receipt) -> list[tuple[str, int]]:
    """Return (kind, seq) of every exception."""
    return [(conflict.kind, conflict.event.seq) for conflict in receipt.conflicts]


def assert_order_does_not_matter(facts: Sequence[Fact], expected: Receipt) -> None:
    """Fold the facts in every order, and each of them twice."""
    for shuffled in permutations(facts):
        assert fold(*shuffled) == expected
        assert fold(*shuffled, *shuffled) == expected


def backs(receipt: Receipt) -> list[tuple[int, Item | None]]:
    """Return (seq, what remains) of every takeback."""
    return [(back.id.seq, back.remains) for back in resolved(receipt).takebacks]


def moneys(receipt: Receipt) -> list[tuple[int, object]]:
    """Return (seq, money and parts that remain) of every takeback, None for nothing."""
    return [(seq, (left.money, left.parts) if left is not None else None) for seq, left in backs(receipt)]
