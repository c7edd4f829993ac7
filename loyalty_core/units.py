"""Units of the numbers in this project, and how many decimals a currency has.

Money is integer minor units, points are integers, instants are UTC epoch milliseconds, and a
business day is the number of days since 1970-01-01. There is no float anywhere.
"""

from __future__ import annotations

from typing import Final, NewType

Points = NewType("Points", int)
MinorUnits = NewType("MinorUnits", int)
EpochMs = NewType("EpochMs", int)
Day = NewType("Day", int)
Minute = NewType("Minute", int)
Thousandths = NewType("Thousandths", int)
Seq = NewType("Seq", int)

MINOR_MAX: Final = 10**12
"""The largest amount of money that is believed, in minor units."""
POINTS_MAX: Final = 10**12
"""The most points that one event moves, whatever rules or tills say: sums stay within 64 bits."""

_NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
_TWO_DECIMALS = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF "
    "CHF CNY COP CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP "
    "MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD "
    "SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS "
    "VED VES WST XCD YER ZAR ZMW ZWG"
)
_THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"

CURRENCY_EXPONENTS: Final[dict[str, int]] = (
    dict.fromkeys(_NO_DECIMALS.split(), 0)
    | dict.fromkeys(_TWO_DECIMALS.split(), 2)
    | dict.fromkeys(_THREE_DECIMALS.split(), 3)
)
"""ISO 4217 code -> number of decimals of its minor unit."""
