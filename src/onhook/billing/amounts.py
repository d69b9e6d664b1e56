"""Amounts of money: Decimal to reckon with, whole millionths (micros) to store, text for people.

::

    MoneyError
    +-- NotAnAmount    not a plain decimal number, or out of range
    +-- FinerThanMicro more than six decimals
"""

import re
from decimal import ROUND_HALF_UP, Context, Decimal
from functools import lru_cache

MICROS = 1_000_000
"""Micros in one unit of any currency."""
LARGEST = 1_000_000_000
"""No amount that is typed in may reach this many units: sums of them stay far below 2**63 micros."""

_MILL = Decimal("0.001")
_MICRO = Decimal("0.000001")
_PLAIN = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?", re.ASCII)
_EXACT = Context(prec=60)
"""Enough digits that nothing here is ever rounded by the way."""


class MoneyError(ValueError):
    """An amount cannot be used; the message is half a sentence that says why."""


class NotAnAmount(MoneyError):
    """Not a plain decimal number such as 0.020, or not below 1,000,000,000."""


class FinerThanMicro(MoneyError):
    """More than six decimals, so it cannot be stored exactly."""


def amount(text: str) -> Decimal:
    """An amount as an operator types it: digits, at most one point, no sign, below a billion units.

    Raises :class:`NotAnAmount` or :class:`FinerThanMicro`.
    """
    if not _PLAIN.fullmatch(text):
        raise NotAnAmount(f"{text[:40]!r} is not an amount such as 0.020")
    value = Decimal(text)
    if value >= LARGEST:
        raise NotAnAmount(f"{text[:40]} is too much; amounts are below {LARGEST:,}")
    micros(value)
    return value


def micros(value: Decimal) -> int:
    """The amount in micros, exactly. Raises :class:`FinerThanMicro`, :class:`NotAnAmount`."""
    if not value.is_finite():
        raise NotAnAmount(f"{value} is not an amount")
    return _micros(value)


@lru_cache(maxsize=1024)
def _micros(value: Decimal) -> int:
    """Of one that is finite; calls of a server have a few rates."""
    scaled = _EXACT.multiply(value, MICROS)
    if scaled != scaled.to_integral_value():
        raise FinerThanMicro(f"{value:f} is finer than a millionth")
    return int(scaled)


def from_micros(count: int) -> Decimal:
    """So many micros as an amount, exactly, with no more decimals than it needs."""
    return _EXACT.multiply(Decimal(count), _MICRO)


def money(value: Decimal) -> str:
    """An amount as the API writes it: three decimals, half up, ``0.020``."""
    return f"{value.quantize(_MILL, rounding=ROUND_HALF_UP, context=_EXACT):f}"


@lru_cache(maxsize=1024)
def exact(value: Decimal) -> str:
    """An amount as it is stored: at least three decimals, and as many more as it takes, to six. Calls of a
    server come to few amounts.

    Raises :class:`FinerThanMicro`.
    """
    count = micros(value)
    sign, (units, rest) = "-" if count < 0 else "", divmod(abs(count), MICROS)
    decimals = f"{rest:06d}"
    return f"{sign}{units}.{decimals[:3]}{decimals[3:].rstrip('0')}"
