"""The rate table: which row is meant for a number. Pure.

A row holds for a direction (``in``: calls to our numbers, looked up by the called number; ``out``:
calls that we make), a currency, and all numbers that begin with its prefix. The longest prefix wins.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from onhook.billing.rating import Rate, sum_of

Direction = Literal["in", "out"]
DIRECTIONS: tuple[Direction, ...] = ("in", "out")


@dataclass(frozen=True, slots=True)
class RateRow:
    """One row: the rate of calls in ``direction`` at numbers that begin with the digits ``prefix``.

    An empty prefix holds for every number.
    """

    direction: Direction
    prefix: str
    rate: Rate

    @property
    def key(self) -> tuple[str, str, str]:
        """What there can be only one row of."""
        return self.direction, self.prefix, self.rate.currency


@dataclass(frozen=True, slots=True)
class BilledLeg:
    """One half of a call: its direction, and the number (E.164) by which it is charged."""

    direction: Direction
    number: str


class Tariff:
    """The rows of the rate table, and the charge for a minute where none of them fits."""

    def __init__(self, rows: Iterable[RateRow], default: Decimal) -> None:
        self._default = default
        self._rates: dict[tuple[str, str], dict[str, Rate]] = {}
        for row in rows:
            rates = self._rates.setdefault((row.direction, row.rate.currency), {})
            rates[row.prefix] = row.rate
        self._longest = {
            kind: max(len(prefix) for prefix in rates) for kind, rates in self._rates.items()
        }

    def leg(self, leg: BilledLeg, currency: str) -> Rate:
        """The rate of one leg in this currency: the row with the longest prefix, else the default."""
        kind = leg.direction, currency
        rates = self._rates.get(kind)
        if rates:
            digits = leg.number.removeprefix("+")
            for length in range(min(len(digits), self._longest[kind]), -1, -1):
                found = rates.get(digits[:length])
                if found is not None:
                    return found
        return Rate(currency, self._default)

    def call(self, legs: Sequence[BilledLeg], currency: str) -> Rate:
        """The rate of a call: the sum of its legs'. Raises :class:`LegsDiffer`."""
        return sum_of(self.leg(leg, currency) for leg in legs)
