"""Currencies know how many decimals they have."""

from __future__ import annotations

import re

import pytest

from loyalty_core import units
from loyalty_core.units import CURRENCY_EXPONENTS


@pytest.mark.parametrize(("code", "decimals"), [("KRW", 0), ("JPY", 0), ("USD", 2), ("EUR", 2), ("KWD", 3)])
def test_a_currency_has_the_decimals_of_iso_4217(code: str, decimals: int) -> None:
    assert CURRENCY_EXPONENTS[code] == decimals


def test_every_currency_is_three_capital_letters_and_listed_once() -> None:
    listed = [*units._NO_DECIMALS.split(), *units._TWO_DECIMALS.split(), *units._THREE_DECIMALS.split()]
    assert all(re.fullmatch("[A-Z]{3}", code) for code in listed)
    assert sorted(listed) == sorted(CURRENCY_EXPONENTS)
