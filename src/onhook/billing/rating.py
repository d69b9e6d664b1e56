"""Rating of one call. Pure: times come in, a bill comes out.

Time is billed in steps: the first of ``initial_s``, then of ``increment_s``; a step that was begun
counts whole. With the usual 60/60 that is whole minutes rounded up (reference, section 5).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import reduce

from onhook.billing.amounts import MoneyError, NotAnAmount, from_micros, micros

MINUTE_S = 60
MINUTE_MS = 60_000
LONGEST_STEP_S = 3600


class StepsInvalid(MoneyError):
    """A billing step is not between 1 and 3600 whole seconds."""


class LegsDiffer(MoneyError):
    """Two legs of a call have other steps or another currency, so there is no sum of their rates."""


@dataclass(frozen=True, slots=True)
class Rate:
    """What a minute costs, and the steps in which time is counted.

    ``per_minute`` is the sum of the legs' rates (reference, section 5). Raises :class:`MoneyError`
    for a rate that is negative or finer than a micro, and for steps out of range.
    """

    currency: str
    per_minute: Decimal
    initial_s: int = MINUTE_S
    increment_s: int = MINUTE_S

    def __post_init__(self) -> None:
        if micros(self.per_minute) < 0:
            raise NotAnAmount(f"{self.per_minute} is less than nothing")
        for step_s in (self.initial_s, self.increment_s):
            if not 1 <= step_s <= LONGEST_STEP_S:
                raise StepsInvalid(f"a step of {step_s} s is not within 1 to {LONGEST_STEP_S}")

    def billed_s(self, duration_ms: int) -> int:
        """Seconds that are charged for an answered call of ``duration_ms``: one step at the least."""
        beyond_ms = duration_ms - self.initial_s * 1000
        steps = max(0, -(-beyond_ms // (self.increment_s * 1000)))
        return self.initial_s + steps * self.increment_s

    def cost(self, billed_s: int) -> Decimal:
        """The charge for so many billed seconds, to the nearest micro (half up)."""
        halves = 2 * micros(self.per_minute) * billed_s + MINUTE_S  # integers: no digit is lost
        return from_micros(halves // (2 * MINUTE_S))


def sum_of(rates: Iterable[Rate]) -> Rate:
    """The rate of a call from those of its legs: there is at least one, and all have one currency
    and the same steps. Raises :class:`LegsDiffer`."""
    return reduce(_add, rates)


def _add(one: Rate, other: Rate) -> Rate:
    measure = (one.currency, one.initial_s, one.increment_s)
    if measure != (other.currency, other.initial_s, other.increment_s):
        raise LegsDiffer("the legs of the call are charged in different currencies or steps")
    return Rate(one.currency, one.per_minute + other.per_minute, one.initial_s, one.increment_s)


@dataclass(frozen=True, slots=True)
class Bill:
    """What a call came to: raw milliseconds, billed seconds, and the rate that was used."""

    duration_ms: int
    billed_s: int
    rate: Rate

    @property
    def minutes(self) -> int:
        """``duration`` of the API: whole minutes, each begun one counted; 0 if never answered."""
        return max(1, -(-self.duration_ms // MINUTE_MS)) if self.billed_s else 0

    @property
    def debit(self) -> Decimal:
        """Rate times billed time, to the nearest micro; exact whenever a minute divides evenly."""
        return self.rate.cost(self.billed_s)


def bill(rate: Rate, answered_at_s: float | None, ended_at_s: float) -> Bill:
    """The bill of a call from its answer to its end, both of one monotonic clock, in seconds.

    A call that was never answered costs nothing, however long it rang. A call that was answered is
    billed for its first step at the least.
    """
    if answered_at_s is None:
        return bill_ms(rate, None)
    return bill_ms(rate, round((ended_at_s - answered_at_s) * 1000))


def bill_ms(rate: Rate, duration_ms: int | None) -> Bill:
    """The bill of a call that was answered for ``duration_ms``; None if it never was."""
    if duration_ms is None:
        return Bill(0, 0, rate)
    duration_ms = max(0, duration_ms)
    return Bill(duration_ms, rate.billed_s(duration_ms), rate)
